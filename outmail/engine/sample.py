"""The sample mail: proof from the terminal that mail goes out, through which server, with what sender."""

from __future__ import annotations

import html
import platform
from datetime import datetime
from typing import TYPE_CHECKING

from outmail.engine.compose import Draft, compose, new_message_id
from outmail.engine.deliver import deliver
from outmail.engine.report import SendReport, Watch
from outmail.engine.wiring import Candidate
from store.profiles import Profile, Security
from transports.base import Envelope

if TYPE_CHECKING:
    from outmail.engine.tokens import Tokens

_PROTECTION = {
    Security.STARTTLS: "encrypted (STARTTLS)",
    Security.TLS: "encrypted (TLS)",
    Security.NONE: "not encrypted",
}


async def sample(
    name: str,
    profile: Profile,
    to: str,
    *,
    which: str | None = None,
    watch: Watch,
    tokens: Tokens | None = None,
) -> SendReport:
    """Send a sample mail to one address now, by the very path that other mail takes.

    `tokens` is where a profile with OAuth finds its sign-in (`Workspace.tokens`).

    Raises EngineError when the address or the profile cannot be used.
    """
    now = datetime.now().astimezone()
    # One Message-ID for whichever server takes it: a mail taken twice is then seen to be one.
    message_id = new_message_id(profile)

    def for_server(candidate: Candidate) -> Envelope:
        draft = _draft(name, profile, to, candidate, now)
        return compose(profile, draft, message_id=message_id, now=now).envelope

    return await deliver(name, profile, for_server, message_id, which=which, watch=watch, tokens=tokens)


def _draft(name: str, profile: Profile, to: str, candidate: Candidate, now: datetime) -> Draft:
    security = candidate.server.security if candidate.server else Security.TLS
    sender = (
        f"{profile.sender_name} <{profile.from_address}>" if profile.sender_name else profile.from_address
    )
    facts = [
        ("Profile", name),
        ("Server", f"{candidate.address} ({candidate.label})"),
        ("Connection", _PROTECTION[security] + (" through a proxy" if profile.proxy else "")),
        ("Sign-in", profile.auth.username or "none" if profile.auth.method != "none" else "none"),
        ("From", sender),
        ("Reply-To", profile.reply_to or "not set: answers go to From"),
        ("Sent from", platform.node() or "this machine"),
        ("Sent at", now.strftime("%Y-%m-%d %H:%M:%S %z")),
    ]
    opening = "This is a sample mail from outmail. It arrived: outgoing mail works."
    width = max(len(key) for key, _ in facts)
    text = "\n".join([opening, "", *(f"{key + ':':<{width + 1}} {value}" for key, value in facts), ""])
    rows = "".join(
        f"<tr><th align=left>{html.escape(key)}</th><td>{html.escape(value)}</td></tr>\n"
        for key, value in facts
    )
    page = (
        "<!doctype html>\n<html><body>\n"
        f"<p>{html.escape(opening)}</p>\n<table>\n{rows}</table>\n</body></html>\n"
    )
    return Draft((to,), f"Sample mail from outmail ({name})", text, page)
