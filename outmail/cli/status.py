"""`outmail status`: which server each profile uses now, whether it is signed in, and what waits.

With a relay running it must load nothing heavy, and needs no key: the relay is asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from outmail.cli import say
from outmail.cli.exits import Exit
from outmail.cli.options import Common, OurCommand
from outmail.engine.control import NotRunning, ask

if TYPE_CHECKING:
    from collections.abc import Mapping

    from store.errors import StoreError
    from store.profiles import Profile

Json = dict[str, Any]

_QUEUE = ("waiting", "sending", "uncertain", "held", "dead")
_SECONDS = 10.0
"""How long the relay may take: it answers from memory."""


@click.command(cls=OurCommand, epilog="Example: outmail status --json")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
@click.pass_obj
def command(common: Common, as_json: bool) -> int:
    """Show the active server of each profile, its sign-in, the queue, and how many mails were sent."""
    try:
        found = ask(common.paths().run, "status", _SECONDS)
    except NotRunning:
        found = _without_relay(common)
    if as_json:
        say.result_json(found)
        return Exit.OK
    for line in _lines(found):
        say.result(line)
    return Exit.OK


def _without_relay(common: Common) -> Json:
    """From the settings, the history, and the queue as it lies on the disk."""
    from outmail.engine.idle_queue import IdleQueue
    from outmail.engine.signin_status import sign_in_json

    workspace = common.workspace()
    profiles: Mapping[str, Profile] = workspace.settings.profiles
    found = IdleQueue(workspace.paths, profiles=lambda: profiles, tell=_tell).status().to_json()
    for route in found["profiles"]:
        profile = profiles[route["profile"]]
        state = workspace.tokens.state(profile) if profile.auth.method == "oauth" else None
        route.update(sign_in_json(route["profile"], profile, state))
    # What outmail send and outmail sample sent stands there, too.
    return {**found, "sent": workspace.history.sent()}


def _tell(error: StoreError) -> None:
    say.error(error.what, error.why, error.remedy)


def _lines(found: Json) -> list[str]:
    relay, profiles, sent = found["relay"], found["profiles"], found["sent"]
    waits = [f"{found['queue'][state]} {state}" for state in _QUEUE if found["queue"][state]]
    lines = [f"relay     {_relay(relay, bool(waits))}"]
    if relay["paused"]:
        pause = relay["pause"]
        lines.append(f"PAUSED    all delivery{_paused(pause)}; mail is accepted and queued: outmail resume")
    lines.append(f"queue     {', '.join(waits)} (outmail queue list)" if waits else "queue     empty")
    lines.append(f"sent      {sent} mail{'' if sent == 1 else 's'}")
    if not profiles:
        lines.append("profiles  none: set one up with outmail on a terminal, or outmail profile import FILE")
        return lines
    rows = [(p["profile"], p["protocol"], p["active"], p["address"] or "-", _sign_in(p)) for p in profiles]
    lines += ["", *say.table(("PROFILE", "PROTOCOL", "ACTIVE", "ADDRESS", "SIGN-IN"), rows)]
    for profile in profiles:
        lines += _banners(profile)
        lines += _attention(profile)
    return lines


def _relay(relay: Json, waits: bool) -> str:
    if not relay["running"]:
        if waits:
            return "not running: what is queued waits until one runs: outmail relay"
        return "not running: mail is sent by outmail send and outmail sample only"
    where = ", ".join(relay["listening"]) or "nothing"
    return f"running since {_stamp(relay['since'])} (process {relay['process']}), listening on {where}"


def _banners(profile: Json) -> list[str]:
    """What an admin must not overlook, each with the command that ends it."""
    name, lines = profile["profile"], []
    if profile["unusable"]:
        lines.append(f"{name}: CANNOT SEND: {profile['unusable']}: outmail check {name}")
    if profile["since"]:
        count = profile["mails"]
        lines.append(
            f"{name}: FAILOVER: mail goes through {profile['active']} {profile['address']}"
            f" since {_stamp(profile['since'])} ({count} mail{'' if count == 1 else 's'}):"
            f" {profile['reason'] or 'the primary was unavailable'}"
        )
        lines.append(f"{name}: once the primary is mended: outmail reconnect {name}")
    if profile["paused"] and profile["pause"]:
        lines.append(f"{name}: PAUSED{_paused(profile['pause'])}: outmail resume {name}")
    return lines


def _paused(pause: Json | None) -> str:
    if not pause:
        return ""
    by = f" by {pause['who']}" if pause["who"] else ""
    why = f": {pause['why']}" if pause["why"] else ""
    return f" since {_stamp(pause['since'])}{by}{why}"


def _sign_in(profile: Json) -> str:
    """Who is signed in, and what of it ends first."""
    method = profile["method"]
    if method == "none":
        return "not needed"
    if not profile["signed_in"]:
        return f"{method}: not signed in"
    shown = f"{method}: {profile.get('account') or 'ready'}"
    ends = profile.get("ends")
    if not ends:
        return shown
    first = ends[0]
    return f"{shown}, {first['what']} until {first['when'][:10]} {first['condition'] or ''}".rstrip()


def _attention(profile: Json) -> list[str]:
    """What somebody should do something about: a sign-in that is gone, or will be soon."""
    name, lines = profile["profile"], []
    if profile.get("sign_in_problem"):
        lines.append(f"{name}: {profile['sign_in_problem']}: outmail signin {name}")
    for end in profile.get("ends", ()):
        if not end["soon"]:
            continue
        day = end["when"][:10] + (f", {end['condition']}" if end["condition"] else "")
        if end["days"] < 0:
            lines.append(f"{name}: {end['what']} ended on {day}: {end['remedy']}")
        else:
            lines.append(f"{name}: {end['what']} ends on {day} (days left: {end['days']}): {end['remedy']}")
    return lines


def _stamp(text: str) -> str:
    from datetime import datetime

    return datetime.fromisoformat(text).astimezone().strftime("%Y-%m-%d %H:%M")
