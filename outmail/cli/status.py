"""`outmail status`: which server each profile uses now, whether it is signed in, and what waits."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from outmail.cli import say
from outmail.cli.exits import Exit
from outmail.cli.options import Common, OurCommand
from outmail.cli.profile import where

if TYPE_CHECKING:
    from outmail.engine.tokens import SignInState
    from store.history import History
    from store.profiles import Profile

_QUEUE = ("waiting", "sending", "uncertain", "held", "dead")
_EVERY_ENTRY = 2**31
_REMEDIES = {
    "sign-in": "outmail signin {name}",
    "certificate": "outmail profile certificate {name}",
    "client secret": "make a new one at the provider, then run outmail and edit the profile",
}
"""What to do about each thing that ends (`Ending.what`)."""


@click.command(cls=OurCommand, epilog="Example: outmail status --json")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
@click.pass_obj
def command(common: Common, as_json: bool) -> int:
    """Show the active server of each profile, its sign-in, the queue, and how many mails were sent."""
    workspace = common.workspace()
    signs_in = {
        name: workspace.tokens.state(profile)
        for name, profile in workspace.settings.profiles.items()
        if profile.auth.method == "oauth"
    }
    profiles = [
        _profile(name, profile, signs_in.get(name)) for name, profile in workspace.settings.profiles.items()
    ]
    sent = _sent(workspace.history)
    if as_json:
        say.result_json(
            {
                "relay": {"running": False, "paused": False, "listening": []},
                "profiles": profiles,
                "queue": dict.fromkeys(_QUEUE, 0),
                "sent": sent,
            }
        )
        return Exit.OK
    say.result("relay     not running: mail is sent by outmail send and outmail sample only")
    say.result("queue     empty")
    say.result(f"sent      {sent} mail{'' if sent == 1 else 's'}")
    if not profiles:
        say.result("profiles  none: set one up with outmail on a terminal, or outmail profile import FILE")
        return Exit.OK
    say.result()
    rows = [
        (name, profile.protocol, "primary", where(profile) or "-", _sign_in(profile, signs_in.get(name)))
        for name, profile in workspace.settings.profiles.items()
    ]
    for line in say.table(("PROFILE", "PROTOCOL", "ACTIVE", "ADDRESS", "SIGN-IN"), rows):
        say.result(line)
    for name, state in signs_in.items():
        for line in _attention(name, state):
            say.result(line)
    return Exit.OK


def _profile(name: str, profile: Profile, state: SignInState | None) -> dict[str, object]:
    """As the contract names it. Without a relay nothing is sticky: the primary is always tried first."""
    found: dict[str, object] = {
        "profile": name,
        "protocol": profile.protocol,
        "active": "primary",
        "address": where(profile),
        "since": None,
        "reason": None,
        "signed_in": state.signed_in if state else _ready(profile),
        "method": profile.auth.method,
        "paused": False,
    }
    if state:
        found["account"] = state.account or None
        found["token_until"] = _stamp(state.access_until)
        found["sign_in_until"] = _stamp(state.refresh_until)
        found["sign_in_problem"] = state.problem or None
        found["ends"] = [
            {"what": e.what, "condition": e.condition or None, "when": _stamp(e.when), "days": e.days}
            for e in state.ends
        ]
    return found


def _ready(profile: Profile) -> bool:
    """Whether everything is there to sign in with: a password, or nothing where nothing is needed."""
    if profile.auth.method == "basic":
        return profile.auth.password is not None
    return profile.auth.method == "none"


def _sign_in(profile: Profile, state: SignInState | None) -> str:
    """Who is signed in, and what of it ends first."""
    method = profile.auth.method
    if method == "none":
        return "not needed"
    if not (state.signed_in if state else _ready(profile)):
        return f"{method}: not signed in"
    shown = f"{method}: {(state.account if state else '') or 'ready'}"
    if not state or not state.ends:
        return shown
    first = state.ends[0]
    return f"{shown}, {first.what} until {first.when:%Y-%m-%d} {first.condition}".rstrip()


def _attention(name: str, state: SignInState) -> list[str]:
    """What somebody should do something about: a sign-in that is gone, or will be soon."""
    lines = []
    if state.problem:
        lines.append(f"{name}: {state.problem}: outmail signin {name}")
    for ending in state.ends:
        if not ending.soon:
            continue
        remedy = _REMEDIES[ending.what].format(name=name)
        day = f"{ending.when:%Y-%m-%d}" + (f", {ending.condition}" if ending.condition else "")
        if ending.days < 0:
            lines.append(f"{name}: {ending.what} ended on {day}: {remedy}")
        else:
            lines.append(f"{name}: {ending.what} ends on {day} (days left: {ending.days}): {remedy}")
    return lines


def _stamp(when: datetime | None) -> str | None:
    return when.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z") if when else None


def _sent(history: History) -> int:
    """Mails that at least one recipient's server took."""
    mails = [e.delivery for e in history.entries(_EVERY_ENTRY) if e.delivery]
    return sum(any(r.accepted for r in mail.recipients) for mail in mails)
