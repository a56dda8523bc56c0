"""What people see of the queue: lists by the page, one mail in full, and the causes for which mail waits.

It changes nothing.
"""

from __future__ import annotations

from collections import Counter
from types import MappingProxyType

from store.spool_accept import EIGHT_BIT, SMTPUTF8
from store.spool_desk import Desk
from store.spool_flow import stored
from store.spool_ids import MailId, decode, encode, moment
from store.spool_shapes import Cause, Counts, Entry, LastError, Line, State, Stored, Which
from store.spool_steer import number_of, where

_LINES = """
SELECT route,
    number, address, state, since, attempts, crashes, due, server, error, cause, held_why, notify, orcpt,
    server_since
FROM recipients WHERE mail = ? ORDER BY number
"""
_CAUSES = """
SELECT cause, route, state, COUNT(*), MAX(error) FROM recipients WHERE cause IS NOT NULL
GROUP BY 1, 2, 3 ORDER BY 4 DESC
"""


def page(desk: Desk, which: Which, limit: int, after: MailId | None) -> list[Entry]:
    """At most `limit` mails that have such a recipient, the oldest first; only those `after` an id.

    Raises StoreError for an id that is not there.
    """
    condition, values = where(desk, which)
    rows = desk.base.execute(
        f"SELECT DISTINCT mail FROM recipients WHERE {condition} AND mail > ? ORDER BY mail LIMIT ?",  # noqa: S608
        (*values, decode(after or "") or -1, limit),
    )
    return [_entry(desk, mail) for (mail,) in rows.fetchall()]


def show(desk: Desk, mail: MailId) -> Entry:
    """One mail. Raises StoreError where there is none."""
    return _entry(desk, number_of(desk, mail))


def load(desk: Desk, mail: MailId) -> Stored:
    """The bytes of one mail. Raises StoreError where there is none; Unreadable, TypeError for damage."""
    row = desk.base.execute("SELECT size, crc, head, body FROM mails WHERE id = ?", (number_of(desk, mail),))
    return stored(desk, decode(mail) or 0, row.fetchone())


def causes(desk: Desk) -> list[Cause]:
    """For what mail waits, is held or dead, the most frequent first."""
    rows = desk.base.execute(_CAUSES)
    return [
        Cause(str(cause), desk.profile(route), State(state), n, LastError.parse(error))
        for cause, route, state, n, error in rows
    ]


def counts(desk: Desk) -> Counts:
    """The counters, from memory."""
    by_profile: dict[str, Counter[str]] = {}
    for (route, state), n in desk.counts.items():
        by_profile.setdefault(desk.profile(route), Counter())[state] += n
    for route, n in desk.sent.items():
        by_profile.setdefault(desk.profile(route), Counter())["gone"] += n
    parts = {name: _counts(found) for name, found in by_profile.items()}
    whole: Counter[str] = sum(by_profile.values(), Counter())
    return _counts(whole, parts)


def _counts(found: Counter[str], parts: dict[str, Counts] | None = None) -> Counts:
    return Counts(
        found["waiting"],
        found["sending"],
        found["uncertain"],
        found["held"],
        found["dead"],
        found["gone"],
        MappingProxyType(parts or {}),
    )


def _entry(desk: Desk, mail: int) -> Entry:
    found = desk.base.execute(
        "SELECT accepted, origin, sender, size, flags, ret, envid FROM mails WHERE id = ?", (mail,)
    ).fetchone()
    accepted, origin, sender, size, flags, ret, envid = found or (0, "", "", 0, 0, "", "")
    rows = desk.base.execute(_LINES, (mail,)).fetchall()
    lines = tuple(_line(*row[1:]) for row in rows)
    return Entry(
        encode(mail),
        desk.profile(rows[0][0]) if rows else "",
        sender,
        size,
        moment(accepted),
        origin,
        bool(flags & SMTPUTF8),
        bool(flags & EIGHT_BIT),
        ret,
        envid,
        lines,
    )


def _line(  # noqa: PLR0917 - the columns of _LINES
    number: int,
    address: str,
    state: str,
    since: int,
    attempts: int,
    crashes: int,
    due: int | None,
    server: str | None,
    error: str | None,
    cause: str | None,
    held_why: str | None,
    notify: str,
    orcpt: str,
    server_since: int | None,
) -> Line:
    return Line(
        number,
        address,
        State(state),
        moment(since),
        attempts,
        crashes,
        None if due is None else moment(due),
        server or "",
        LastError.parse(error),
        cause or "",
        held_why or "",
        notify,
        orcpt,
        None if server_since is None else moment(server_since),
    )
