"""What people do with the queue: hold, release, retry, delete, move to another profile, forget the dead.

It must never touch a recipient that is being sent at this moment.
"""

from __future__ import annotations

from datetime import datetime

from store.spool_desk import Desk
from store.spool_errors import in_flight, no_such
from store.spool_flow import drop_mails
from store.spool_ids import MailId, decode, micros
from store.spool_shapes import ALLOWED, State, Which

Values = tuple[int | str, ...]

HELD_BY_HAND = "hold"
"""The cause of mails that a person held."""

NOT_SENDING = "state <> 'sending' AND state <> 'sent'"


def where(desk: Desk, which: Which) -> tuple[str, Values]:
    """The condition for a statement on recipients. Raises StoreError for a mail that is not there."""
    conditions: list[str] = ["1"]
    values: list[int | str] = []
    if which.ids is not None:
        numbers = [number_of(desk, mail) for mail in which.ids]
        conditions.append(f"mail IN ({', '.join('?' * len(numbers))})")
        values += numbers
    if which.profile is not None:
        conditions.append("route = ?")
        values.append(desk.known_route(which.profile))
    if which.states is not None:
        conditions.append(f"state IN ({', '.join('?' * len(which.states))})")
        values += [state.value for state in which.states]
        if not {State.WAITING, State.SENDING} & set(which.states):
            conditions.append("state <> 'waiting' AND state <> 'sending'")  # so that the index is used
    if which.cause is not None:
        conditions.append("cause = ?")
        values.append(which.cause)
    return " AND ".join(conditions), tuple(values)


def number_of(desk: Desk, mail: MailId) -> int:
    """The number of a mail that is in the queue. Raises StoreError."""
    number = decode(mail.strip().lower())
    found = number is not None and desk.base.execute("SELECT 1 FROM mails WHERE id = ?", (number,)).fetchone()
    if number is None or not found:
        raise no_such(mail)
    return number


def hold(desk: Desk, which: Which, why: str, now: datetime) -> int:
    """Let nothing of it be sent until it is released; returns how many recipients are held by this.

    Raises StoreError for a mail that is not there, or of which all that is left is being sent.
    """
    at = micros(now)
    desk.clock(at)
    changed = _change(
        desk,
        which,
        (State.WAITING, State.UNCERTAIN),
        State.HELD,
        "due = NULL, since = ?, held_why = ?, cause = ?",
        (at, why, HELD_BY_HAND),
    )
    if not changed and which.ids is not None:
        _refuse_flying(desk, which.ids, "held")
    return changed


def release(desk: Desk, which: Which, now: datetime) -> int:
    """Let what is held be tried at once, an uncertain one on its server; returns how many recipients."""
    at = micros(now)
    desk.clock(at)
    fresh = "due = ?, since = ?, held_why = NULL, cause = NULL, crashes = 0"
    held = (State.HELD,)
    released = _change(desk, which, held, State.WAITING, fresh, (at, at), also="server IS NULL")
    return released + _change(desk, which, held, State.UNCERTAIN, fresh, (at, at), also="server IS NOT NULL")


def retry(desk: Desk, which: Which, now: datetime) -> int:
    """Let what waits, is uncertain or dead be tried at once, not what is held; returns the recipients."""
    at = micros(now)
    desk.clock(at)
    condition, values = where(desk, which)
    put_off = desk.base.execute(
        f"UPDATE recipients SET due = ?, cause = NULL WHERE {condition}"  # noqa: S608 - ours
        " AND (state = 'waiting' OR state = 'uncertain')",
        (at, *values),
    ).rowcount
    again = "due = ?, since = ?, cause = NULL, attempts = 0, server = NULL, server_since = NULL"
    revived = _change(desk, which, (State.DEAD,), State.WAITING, again, (at, at))
    if not put_off + revived and which.ids is not None:
        _refuse_flying(desk, which.ids, "put forward")
    return put_off + revived


def delete(desk: Desk, mails: tuple[MailId, ...]) -> int:
    """Remove mails for all their recipients; returns how many mails. Raises StoreError, and removes none."""
    _refuse_flying(desk, mails, "deleted")
    numbers = sorted({number_of(desk, mail) for mail in mails})
    for number in numbers:
        _uncount(desk, "mail = ?", (number,))
    drop_mails(desk, numbers)
    return len(numbers)


def forget_dead(desk: Desk, before: datetime) -> int:
    """Remove what was given up before this time; returns how many recipients."""
    condition, values = (
        f"state = 'dead' AND {NOT_SENDING} AND state <> 'waiting' AND since < ?",
        (micros(before),),
    )
    rows = desk.base.execute(f"SELECT DISTINCT mail FROM recipients WHERE {condition}", values)  # noqa: S608
    mails = [mail for (mail,) in rows.fetchall()]
    _uncount(desk, condition, values)
    gone = desk.base.execute(f"DELETE FROM recipients WHERE {condition}", values).rowcount  # noqa: S608
    for mail in mails:
        left = desk.base.execute(
            "SELECT 1 FROM recipients WHERE mail = ? AND state <> 'sent' LIMIT 1", (mail,)
        )
        if left.fetchone() is None:
            _uncount(desk, "mail = ?", (mail,))
            drop_mails(desk, [mail])
    return gone


def _change(  # noqa: PLR0917
    desk: Desk,
    which: Which,
    old: tuple[State, ...],
    new: State,
    fields: str,
    field_values: Values,
    *,
    also: str = "1",
) -> int:
    assert all(new in ALLOWED[state] for state in old)  # noqa: S101 - the table is the law
    condition, values = where(desk, which)
    condition += f" AND state IN ({', '.join(repr(s.value) for s in old)}) AND {also}"
    if State.WAITING not in old:
        condition += f" AND {NOT_SENDING} AND state <> 'waiting'"
    rows = desk.base.execute(
        f"SELECT route, state, COUNT(*) FROM recipients WHERE {condition} GROUP BY 1, 2",  # noqa: S608
        values,
    ).fetchall()
    for route, state, n in rows:
        desk.count(route, state, new.value, n)
    if not rows:
        return 0
    return desk.base.execute(
        f"UPDATE recipients SET state = '{new.value}', {fields} WHERE {condition}",  # noqa: S608
        (*field_values, *values),
    ).rowcount


def _uncount(desk: Desk, condition: str, values: Values) -> None:
    rows = desk.base.execute(
        f"SELECT route, state, COUNT(*) FROM recipients WHERE {condition} GROUP BY 1, 2",  # noqa: S608
        values,
    )
    for route, state, n in rows.fetchall():
        desk.count(route, state, None, n)


def _refuse_flying(desk: Desk, mails: tuple[MailId, ...], doing: str) -> None:
    for mail in mails:
        flying = desk.base.execute(
            "SELECT 1 FROM recipients WHERE mail = ? AND state = 'sending' LIMIT 1", (number_of(desk, mail),)
        )
        if flying.fetchone():
            raise in_flight(mail, doing)
