"""`outmail status`: which server each profile uses now, whether it is signed in, and what waits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from outmail.cli import say
from outmail.cli.exits import Exit
from outmail.cli.options import Common, OurCommand
from outmail.cli.profile import where

if TYPE_CHECKING:
    from store.history import History
    from store.profiles import Profile

_QUEUE = ("waiting", "sending", "uncertain", "held", "dead")
_EVERY_ENTRY = 2**31


@click.command(cls=OurCommand, epilog="Example: outmail status --json")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
@click.pass_obj
def command(common: Common, as_json: bool) -> int:
    """Show the active server of each profile, its sign-in, the queue, and how many mails were sent."""
    workspace = common.workspace()
    profiles = [_profile(name, profile) for name, profile in workspace.settings.profiles.items()]
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
        (str(p["profile"]), str(p["protocol"]), str(p["active"]), str(p["address"]) or "-", _sign_in(p))
        for p in profiles
    ]
    for line in say.table(("PROFILE", "PROTOCOL", "ACTIVE", "ADDRESS", "SIGN-IN"), rows):
        say.result(line)
    return Exit.OK


def _profile(name: str, profile: Profile) -> dict[str, object]:
    """As the contract names it. Without a relay nothing is sticky: the primary is always tried first."""
    return {
        "profile": name,
        "protocol": profile.protocol,
        "active": "primary",
        "address": where(profile),
        "since": None,
        "reason": None,
        "signed_in": _signed_in(profile),
        "method": profile.auth.method,
        "paused": False,
    }


def _signed_in(profile: Profile) -> bool:
    """Whether everything is there to sign in with: a password, or nothing where nothing is needed."""
    if profile.auth.method == "basic":
        return profile.auth.password is not None
    return profile.auth.method == "none"


def _sign_in(profile: dict[str, object]) -> str:
    if profile["method"] == "none":
        return "not needed"
    return f"{profile['method']}: " + ("ready" if profile["signed_in"] else "not signed in")


def _sent(history: History) -> int:
    """Mails that at least one recipient's server took."""
    mails = [e.delivery for e in history.entries(_EVERY_ENTRY) if e.delivery]
    return sum(any(r.accepted for r in mail.recipients) for mail in mails)
