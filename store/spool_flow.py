"""The way of a mail through the queue: given out when it is due, settled, and taken up again after a crash.

What it costs does not depend on how much is waiting.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from store.spool_accept import EIGHT_BIT, SMTPUTF8
from store.spool_bodies import Unreadable, remove
from store.spool_corrupt import move_mail
from store.spool_desk import Desk
from store.spool_ids import MailId, decode, encode, micros, moment
from store.spool_shapes import ALLOWED, Due, IllegalChange, Job, Settled, State, Stored

CRASHES = 3
"""A mail that was being sent when the relay ended without a word, so often, is held."""

HELD_AFTER_CRASHES = "crashes"
"""The cause under which such mails are listed and released."""

_AT_ONCE = 16  # mails in one statement: each statement costs a change of threads
_DUE = "SELECT mail FROM recipients INDEXED BY due WHERE route = ? AND due <= ? ORDER BY due"
_MAILS = "SELECT id, accepted, sender, size, flags, ret, envid, crc, head, body FROM mails WHERE id IN"
_RECIPIENTS = """
SELECT mail, number, state, address, notify, orcpt, attempts, server, server_since, told FROM recipients
WHERE due <= ? AND mail IN"""
_TAKEN = "UPDATE recipients SET state = 'sending', due = NULL, since = ? WHERE due <= ? AND mail IN"
_STATES = "SELECT mail, number, state, route FROM recipients WHERE mail IN"
_IN_FILES = "SELECT id FROM mails WHERE body IS NULL AND id IN"
_SETTLED = """
UPDATE recipients SET state = ?, due = ?, since = ?, attempts = attempts + ?, error = ?, cause = ?,
    server = CASE ? WHEN 'waiting' THEN NULL ELSE COALESCE(?, server) END,
    server_since = CASE ? WHEN 'waiting' THEN NULL WHEN 'uncertain' THEN COALESCE(server_since, ?)
        ELSE server_since END,
    told = MAX(told, ?), crashes = 0
WHERE mail = ? AND number = ?
"""


def take(desk: Desk, profile: str, limit: int, now: datetime) -> list[Job]:
    """Mark what is due as being sent and give it out: at most `limit` mails, the longest due first."""
    at = micros(now)
    desk.clock(at)
    jobs: list[Job] = []
    for some in _parts(_due_mails(desk, desk.known_route(profile), limit, at)):
        jobs += _take(desk, some, profile, at)
    return jobs


def _due_mails(desk: Desk, route: int, limit: int, at: int) -> list[int]:
    mails: dict[int, None] = {}
    cursor = desk.base.execute(_DUE, (route, at))
    for (mail,) in cursor:
        if mail not in mails:
            if len(mails) == limit:
                break
            mails[mail] = None
    cursor.close()
    return list(mails)


def _take(desk: Desk, mails: Sequence[int], profile: str, at: int) -> list[Job]:
    rows = {row[0]: row for row in _all(desk, _MAILS, mails)}
    people: dict[int, list[Sequence[Any]]] = {mail: [] for mail in mails}
    for one in _all(desk, _RECIPIENTS, mails, at):
        people[one[0]].append(one)
    jobs, taken = [], []
    for mail in mails:
        try:
            jobs.append(_job(desk, profile, rows.get(mail), people[mail]))
            taken.append(mail)
        except Unreadable as damage:
            move_mail(desk, mail, str(damage))
    route = desk.known_route(profile)
    for mail in taken:
        for one in people[mail]:
            desk.count(route, one[2], State.SENDING.value)
    _run(desk, _TAKEN, taken, at, at)
    return jobs


def _job(desk: Desk, profile: str, row: Sequence[Any] | None, people: Iterable[Sequence[Any]]) -> Job:
    try:
        if row is None:
            raise TypeError
        mail, accepted, sender, size, flags, ret, envid, crc, head, body = row
        return Job(
            encode(mail),
            profile,
            _text(sender),
            tuple(
                Due(n, _text(to), _text(notify), _text(orcpt), tries, server or "", _when(since), bool(told))
                for _, n, _, to, notify, orcpt, tries, server, since, told in people
            ),
            moment(accepted),
            stored(desk, mail, (size, crc, head, body)),
            bool(flags & SMTPUTF8),
            bool(flags & EIGHT_BIT),
            _text(ret),
            _text(envid),
        )
    except (TypeError, ValueError, OverflowError) as error:
        raise Unreadable("its row in the database is damaged") from error


def stored(desk: Desk, mail: int, row: Sequence[object]) -> Stored:
    """The bytes of a mail from its size, crc, head and body. Raises Unreadable, TypeError."""
    size, crc, head, body = row
    if not (isinstance(size, int) and isinstance(crc, int) and isinstance(head, bytes)):
        raise TypeError
    if body is None:
        return Stored(head, None, desk.bodies / encode(mail), size, crc)
    if not isinstance(body, bytes):
        raise TypeError
    if (len(head) + len(body), zlib.crc32(head, zlib.crc32(body))) != (size, crc):
        raise Unreadable("its bytes in the database are not as they were accepted")
    return Stored(head, body, None, size, crc)


class Results:
    """What one caller has settled; `lost` are those whose mail is not in the queue."""

    __slots__ = ("at", "lost", "settled")

    def __init__(self, settled: tuple[Settled, ...], now: datetime) -> None:
        self.settled = settled
        self.at = micros(now)
        self.lost: tuple[Settled, ...] = ()


def settle(desk: Desk, several: Sequence[Results]) -> None:
    """Note what became of recipients that were given out. Raises IllegalChange, and then nothing is noted."""
    if not several:
        return
    at = max(results.at for results in several)
    desk.clock(at)
    lost = set(_settle(desk, [one for results in several for one in results.settled], at))
    for results in several:
        results.lost = tuple(one for one in results.settled if one in lost) if lost else ()


def _settle(desk: Desk, settled: Sequence[Settled], at: int) -> list[Settled]:
    by_mail: dict[int, list[Settled]] = {}
    for result in settled:
        by_mail.setdefault(decode(result.mail) or 0, []).append(result)
    lost: list[Settled] = []
    for some in _parts(list(by_mail)):
        states: dict[int, dict[int, str]] = {mail: {} for mail in some}
        routes: dict[int, int] = {}
        for mail, number, state, route in _all(desk, _STATES, some):
            states[mail][number] = state
            routes[mail] = route
        done = []
        for mail in some:
            known = states[mail]
            lost += [one for one in by_mail[mail] if one.number not in known]
            found = [one for one in by_mail[mail] if one.number in known]
            for one in found:
                _pass(desk, one, routes[mail], known)
            if known and all(state == State.SENT for state in known.values()):
                desk.count(routes[mail], State.SENT.value, None, len(known))
                done.append(mail)
            else:
                for one in found:
                    _note(desk, mail, one, at)
        drop_mails(desk, done)
    return lost


def _pass(desk: Desk, one: Settled, route: int, states: dict[int, str]) -> None:
    old = states[one.number]
    if old != State.SENDING or one.state not in ALLOWED[State.SENDING]:
        raise IllegalChange(one.mail, old, one.state)
    states[one.number] = one.state
    desk.count(route, old, one.state.value)
    if one.state is State.SENT:
        desk.count_sent(route)


def _note(desk: Desk, mail: int, one: Settled, at: int) -> None:
    again = one.state in {State.WAITING, State.UNCERTAIN} and one.due is not None
    state, error = one.state.value, one.error
    values = (
        state,
        micros(one.due) if again and one.due else None,
        at,
        int(one.attempt),
        error.dump() if error else None,
        _storable(error.cause) if error else None,
        state,
        _storable(one.server) or None,
        state,
        at,
        int(one.delay_told),
        mail,
        one.number,
    )
    desk.base.execute(_SETTLED, values)


def drop_mails(desk: Desk, mails: Sequence[int]) -> None:
    """Remove mails with all that belongs to them; whoever calls it has counted their recipients."""
    for some in _parts(mails):
        for (mail,) in _all(desk, _IN_FILES, some):
            desk.afterwards(partial(remove, desk.bodies / encode(mail)))
        _run(desk, "DELETE FROM recipients WHERE mail IN", some)
        _run(desk, "DELETE FROM mails WHERE id IN", some)


def give_back(desk: Desk, mails: Iterable[MailId] | None, now: datetime) -> None:
    """Let mails that were given out, and not tried, be due at once; None: all that are being sent."""
    if mails is None:
        _resume(desk, "state = 'sending'", (), micros(now), crashed=False)
        return
    for mail in mails:
        _resume(desk, "mail = ? AND state = 'sending'", (decode(mail) or 0,), micros(now), crashed=False)


def recover(desk: Desk, now: datetime) -> None:
    """After a crash: what was being sent waits again; what was so three times is held."""
    at = micros(now)
    desk.clock(at)
    if any(n for (_, state), n in desk.counts.items() if state == State.SENDING):
        _resume(desk, "state = 'sending'", (), at, crashed=True)


def _resume(desk: Desk, where: str, values: tuple[int, ...], at: int, *, crashed: bool) -> None:
    held = f"crashes + 1 >= {CRASHES}" if crashed else "0"
    state = f"CASE WHEN {held} THEN 'held' WHEN server IS NULL THEN 'waiting' ELSE 'uncertain' END"
    rows = desk.base.execute(
        f"SELECT route, {state}, COUNT(*) FROM recipients WHERE {where} GROUP BY 1, 2",  # noqa: S608 - ours
        values,
    ).fetchall()
    for route, new, n in rows:
        desk.count(route, State.SENDING.value, new, n)
    why = f"outmail ended {CRASHES} times while this mail was being sent; look at it before you release it"
    desk.base.execute(
        f"UPDATE recipients SET state = {state}, since = ?, due = CASE WHEN {held} THEN NULL ELSE ? END,"  # noqa: S608
        f" held_why = CASE WHEN {held} THEN ? END, cause = CASE WHEN {held} THEN ? ELSE cause END,"
        f" crashes = crashes + {int(crashed)} WHERE {where}",
        (at, at, why, HELD_AFTER_CRASHES, *values),
    )


def next_due(desk: Desk, profile: str) -> datetime | None:
    """When the first mail of a profile is due; None where nothing waits for a time."""
    route = desk.known_route(profile)
    found = desk.base.execute("SELECT MIN(due) FROM recipients WHERE route = ? AND due IS NOT NULL", (route,))
    first = found.fetchone()[0]
    return None if first is None else moment(first)


def _parts(mails: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(mails), _AT_ONCE):
        yield mails[start : start + _AT_ONCE]


def _all(desk: Desk, sql: str, mails: Sequence[int], *values: int) -> list[Sequence[Any]]:
    return _run(desk, sql, mails, *values).fetchall()


def _run(desk: Desk, sql: str, mails: Sequence[int], *values: int) -> sqlite3.Cursor:
    """A statement that ends with IN, for these mails."""
    return desk.base.execute(f"{sql} ({_MARKS[: 2 * len(mails) - 1]})", (*values, *mails))


_MARKS = ",".join("?" * _AT_ONCE)


def _when(micro: int | None) -> datetime | None:
    return None if micro is None else moment(micro)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _storable(text: str) -> str:
    """A server's name or an error's may hold half characters, which SQLite would refuse."""
    return text.encode("utf-8", "replace").decode()
