"""A mail of the queue as the commands print it: one row of a list, or everything about it."""

from __future__ import annotations

from datetime import datetime

from outmail.cli import say
from outmail.engine.queue_words import lead, why
from store.spool_shapes import Entry, Line, State

_SENDER_OF_REPORTS = "<>"


def row(entry: Entry) -> tuple[str, ...]:
    """ID, from, to, state, next attempt, why."""
    first = lead(entry)
    people = [line.address for line in entry.recipients if line.state is not State.SENT]
    more = f" and {len(people) - 1} more" if len(people) > 1 else ""
    dues = [line.due for line in entry.recipients if line.due and line.state is not State.SENT]
    return (
        entry.id,
        entry.sender or _SENDER_OF_REPORTS,
        f"{people[0] if people else '-'}{more}",
        entry.state.value,
        clock(min(dues)) if dues else "-",
        (why(first) if first else "") or "its turn comes",
    )


def details(entry: Entry) -> list[str]:
    """Its envelope and origin, and how each recipient stands."""
    lines = [
        f"id        {entry.id}",
        f"profile   {entry.profile}",
        f"from      {entry.sender or _SENDER_OF_REPORTS}",
        f"accepted  {stamp(entry.accepted)} from {entry.origin or 'an unknown program'}",
        f"size      {entry.size} bytes",
        "",
    ]
    for line in entry.recipients:
        lines += _recipient(line)
    return lines


def _recipient(line: Line) -> list[str]:
    tries = f", {line.attempts} attempt{'' if line.attempts == 1 else 's'}" if line.attempts else ""
    due = f", next {stamp(line.due)}" if line.due and line.state is not State.SENT else ""
    lines = [f"{line.address}: {line.state.value} since {stamp(line.since)}{tries}{due}"]
    reason = why(line)
    if reason:
        lines += say.paragraph("why", reason, 2)
    if line.last_error and line.last_error.text != reason:
        lines += say.paragraph("said", line.last_error.text, 2)
    return lines


def clock(when: datetime) -> str:
    """A time nearby: the day only where it is not today."""
    local, now = when.astimezone(), datetime.now().astimezone()
    return local.strftime("%H:%M:%S" if local.date() == now.date() else "%Y-%m-%d %H:%M")


def stamp(when: datetime) -> str:
    """A time in full, of this machine's zone."""
    return when.astimezone().strftime("%Y-%m-%d %H:%M:%S")
