"""The table of the home screen: a line a profile, as values; with the way of its mail while there is one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content

from transports.base import Status
from tui import settings as shown
from tui.relay_words import short_counts, way
from tui.sign_in_words import needs_person
from tui.theme import COLOURS, MARKS
from tui.widgets.rows import Cell, Column, Row

if TYPE_CHECKING:
    from outmail.engine.relay_status import RelayStatus
    from outmail.engine.tokens import SignInState
    from store.profiles import Profile
    from tui.desk import Checked

_WIDE = 110
_WIDER = 150
_NEVER = 10_000


def is_live(relay: RelayStatus | None) -> bool:
    """Whether there is anything to tell of delivery: a relay runs, or something is in its queue."""
    if relay is None:
        return False
    return relay.running or relay.pause is not None or bool(short_counts(relay.counts))


def columns(*, live: bool) -> tuple[Column, ...]:
    """The columns; where delivery has something to tell, it takes the room of what changes seldom."""
    return (
        Column("Profile", 12, grow=1),
        Column("Type", 5),
        Column("Server", 20, grow=2),
        Column("Security", 8, from_width=_WIDE if live else 0),
        Column("Sign-in", 8, from_width=_WIDER if live else _WIDE),
        Column("From", 22, grow=1, from_width=_WIDER if live else _WIDE),
        Column("Mail", 13, from_width=0 if live else _NEVER),
        Column("Queue", 16, grow=1, from_width=_WIDE if live else _NEVER),
        Column("Last check", 13),
    )


def row(
    name: str,
    profile: Profile,
    *,
    default: bool,
    sign_in: SignInState | None,
    checked: Checked | None,
    relay: RelayStatus | None,
) -> Row:
    """One profile's line; `relay` is None where there is nothing to tell of it."""
    counts = relay.counts.by_profile.get(name) if relay else None
    return Row(
        name,
        (
            f"* {name}" if default else f"  {name}",
            shown.protocol(profile),
            shown.server(profile),
            shown.security(profile),
            shown.sign_in(profile),
            profile.from_address,
            _mail(name, relay),
            short_counts(counts) if counts else "",
            _last_check(sign_in, checked),
        ),
    )


def _mail(name: str, relay: RelayStatus | None) -> Cell:
    if relay is None:
        return ""
    if not relay.running:
        return "no relay"
    text, urgent = way(relay.route(name), relay.pause)
    return Content.styled(f"{MARKS[Status.WARN]} {text}", COLOURS[Status.WARN]) if urgent else text


def _last_check(sign_in: SignInState | None, checked: Checked | None) -> Content:
    if sign_in is not None and needs_person(sign_in):
        return Content.styled(f"{MARKS[Status.WARN]} sign in", COLOURS[Status.WARN])
    if checked is None:
        return Content.styled(f"{MARKS[None]} not checked", COLOURS[None])
    status = Status.PASS if checked.report.ok else Status.FAIL
    return Content.styled(f"{MARKS[status]} {status.value} {checked.at:%H:%M}", COLOURS[status])
