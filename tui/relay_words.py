"""How the relay stands, in words: the banners of every screen, and the lines of the home screen.

Pure functions of values; every banner says what happened, since when, why, and which key helps.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from outmail.engine.relay_status import Pause, RelayStatus, RouteStatus
    from store.spool_shapes import Counts
    from tui.helm import RelayNews

_LONGEST_REASON = 100
_WAITS = "mail is accepted and waits."
START = "outmail relay, or: systemctl start outmail"
COUNTED = ("waiting", "sending", "uncertain", "held", "dead")


def banner(news: RelayNews, now: datetime, *, at_home: bool) -> str:
    """The line of every screen: the most urgent, and how many more there are; "" where all is well."""
    found = banners(news.status, now, at_home=at_home) if news.status else []
    if not found:
        return ""
    more = len(found) - 1
    where = "" if at_home else ", see home"
    return found[0] + (f" +{more} more{where}" if more else "")


def banners(status: RelayStatus, now: datetime, *, at_home: bool) -> list[str]:
    """Everything that must not be overlooked, the most urgent first."""
    found = [_all_paused(status.pause, now, at_home)] if status.pause else []
    found += [_unusable(r, at_home) for r in status.routes if r.unusable]
    stopped = [(r, r.pause) for r in status.routes if r.pause and not r.unusable]
    found += [_stopped(r, pause, now, at_home) for r, pause in stopped if not pause.who]
    found += [_paused(r, pause, now, at_home) for r, pause in stopped if pause.who]
    return found + [_away(r, now, at_home) for r in status.routes if r.since and not r.unusable]


def _key(at_home: bool, key: str, does: str) -> str:
    """Which key helps; the keys of delivery are home's."""
    return f"{key} {does}." if at_home else f"At home, {key} {does}."


def _all_paused(pause: Pause, now: datetime, at_home: bool) -> str:
    return f"Delivery is paused {_by(pause, now)}: {_WAITS} {_key(at_home, 'p', 'resumes')}"


def _paused(route: RouteStatus, pause: Pause, now: datetime, at_home: bool) -> str:
    return f"{route.profile}: delivery is paused {_by(pause, now)}: {_WAITS} {_key(at_home, 'p', 'resumes')}"


def _stopped(route: RouteStatus, pause: Pause, now: datetime, at_home: bool) -> str:
    why = f" ({_short(pause.why)})" if pause.why else ""
    then = _key(at_home, "p", "resumes once it is mended")
    return f"{route.profile}: delivery stopped {since(pause.since, now)}{why}: {_WAITS} {then}"


def _unusable(route: RouteStatus, at_home: bool) -> str:
    edit = _key(at_home, "e", "edits it")
    return f"{route.profile} cannot send ({_short(route.unusable)}): {_WAITS} {edit}"


def _away(route: RouteStatus, now: datetime, at_home: bool) -> str:
    why = f" ({_short(route.reason)})" if route.reason else ""
    when = f" {since(route.since, now)}" if route.since else ""
    taken = " ".join(filter(None, (route.active, route.address)))
    then = _key(at_home, "R", "reconnects to the primary")
    return f"{route.profile}: mail goes through {taken}{when}{why}, {many(route.mails, 'mail')}. {then}"


def _by(pause: Pause, now: datetime) -> str:
    who = f" by {pause.who}" if pause.who else ""
    why = f" ({_short(pause.why)})" if pause.why else ""
    return since(pause.since, now) + who + why


def since(when: datetime, now: datetime) -> str:
    """ "since 14:02", with the day where it was another one."""
    local = when.astimezone()
    same_day = local.date() == now.astimezone().date()
    return f"since {local:%H:%M}" if same_day else f"since {local:%Y-%m-%d %H:%M}"


def _short(text: str) -> str:
    line = " ".join(text.split()).rstrip(".")
    return line if len(line) <= _LONGEST_REASON else line[: _LONGEST_REASON - 1].rstrip() + "…"


def many(count: int, what: str) -> str:
    """ "1 mail", "12 mails"."""
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


# --- home


def relay_line(news: RelayNews, now: datetime) -> tuple[str, bool]:
    """Whether a relay runs and where, or how to start one; and whether somebody should do something."""
    if news.trouble:
        told = news.trouble
        return f"relay: {told.what}: {told.why}. {told.remedy}", True
    status = news.status
    if status is None:
        return "relay: …", False
    if not status.running:
        waits = status.counts.waiting + status.counts.uncertain
        if waits:
            return f"relay not running, and {_wait(waits)}: start it: {START}", True
        return f"relay not running: start it: {START}", False
    begun = f" {since(status.since, now)}" if status.since else ""
    doors = f", listening on {', '.join(status.listening)}" if status.listening else ", listening nowhere"
    return f"relay running{begun}{doors}", not status.listening


def _wait(count: int) -> str:
    return "1 recipient waits" if count == 1 else f"{count} recipients wait"


def counts_line(counts: Counts) -> str:
    """The queue by state (only what there is), and what was sent."""
    there = short_counts(counts) or "nothing waits"
    return f"queue: {there} · {counts.sent} sent"


def short_counts(counts: Counts) -> str:
    """ "3 waiting, 1 held"; "" for an empty queue."""
    return ", ".join(f"{getattr(counts, s)} {s}" for s in COUNTED if getattr(counts, s))


def way(route: RouteStatus | None, whole: Pause | None) -> tuple[str, bool]:
    """One profile's way out in a word or two; and whether it needs an eye."""
    if route is None:
        return "not in use", False
    if route.unusable:
        return "unusable", True
    if route.pause and not route.pause.who:
        return "stopped", True
    if whole or route.pause:
        return "paused", True
    return route.active, route.away


BLOCKS = "▁▂▃▄▅▆▇█"
PLAIN_BLOCKS = "_.:-=+*#"


def graph(rate: Sequence[int], width: int, *, plain: bool) -> str:
    """The last of these numbers as bars, one a cell; nothing sent is a space. The highest fills the line."""
    shown = rate[-width:] if width > 0 else ()
    most = max(shown, default=0)
    letters = PLAIN_BLOCKS if plain else BLOCKS
    return "".join(letters[-(-n * len(letters) // most) - 1] if n > 0 else " " for n in shown)


def rate_words(rate: Sequence[int], *, brief: bool = False) -> str:
    """What the graph shows, in numbers: those of ten minutes, and the most in ten seconds."""
    shown = rate[-60:]
    if not any(shown):
        return "no mail in the last 10 minutes"
    most = "" if brief else f", most {max(shown)} in 10 s"
    return f"{sum(shown)} in 10 min{most}"


def about(
    route: RouteStatus | None, whole: Pause | None, counts: Counts | None, now: datetime
) -> list[tuple[str, str]]:
    """One profile's delivery, as label and text."""
    rows = [("Mail", _mail(route, whole, now)), ("Queue", short_counts(counts) if counts else "")]
    return [(label, text) for label, text in rows if text]


def _mail(route: RouteStatus | None, whole: Pause | None, now: datetime) -> str:
    if route is None:
        return ""
    if route.unusable:
        return f"cannot be sent: {_short(route.unusable)}"
    taken = " ".join(filter(None, (route.active, route.address)))
    why = f", because of the primary: {_short(route.reason)}" if route.reason else ""
    away = f" {since(route.since, now)}{why}; {many(route.mails, 'mail')}" if route.since else ""
    pause = whole or route.pause
    stands = f"; {'paused' if pause.who else 'stopped'} {_by(pause, now)}" if pause else ""
    return f"through {taken}{away}{stands}"
