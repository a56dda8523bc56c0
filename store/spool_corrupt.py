"""A mail that cannot be read leaves the queue for `corrupt/`, with its envelope and what is left of it.

It must never be deleted, and never stay first in the queue.
"""

from __future__ import annotations

import contextlib
import json
import stat
from pathlib import Path

from store import atomic
from store.errors import StoreError, reason
from store.paths import private_folder
from store.spool_bodies import remove
from store.spool_desk import Desk
from store.spool_errors import mail_held, mail_moved, no_such
from store.spool_ids import encode
from store.spool_shapes import State

DAMAGED = "damaged"
"""The cause of mails that are held since they could not even be moved."""


def move_mail(desk: Desk, mail: int, why: str) -> StoreError:
    """Move the mail aside, or hold it where the disk takes nothing; returns what an admin is told.

    Raises StoreError for one that is not in the queue any more.
    """
    name = encode(mail)
    found = desk.base.execute("SELECT sender, origin, accepted, head, body FROM mails WHERE id = ?", (mail,))
    row = found.fetchone()
    people = desk.base.execute(
        "SELECT number, address, state, route, attempts, error FROM recipients WHERE mail = ?", (mail,)
    ).fetchall()
    if row is None and not people:
        raise no_such(name)  # it was sent or deleted in the meantime
    row = row or ("", "", 0, b"", None)
    told = mail_moved(name, str(row[0]), why, desk.corrupt)
    try:
        _keep(desk, name, row, people, why)
    except (StoreError, OSError) as error:
        held = mail_held(name, str(row[0]), why, error if isinstance(error, StoreError) else reason(error))
        _hold(desk, mail, people, why)
        desk.afterwards(lambda: desk.tell(held))
        return held
    for _, _, state, route, *_ in people:
        desk.count(route, state, None)
    desk.base.execute("DELETE FROM recipients WHERE mail = ?", (mail,))
    desk.base.execute("DELETE FROM mails WHERE id = ?", (mail,))
    path = desk.bodies / name
    desk.afterwards(lambda: remove(path))
    desk.afterwards(lambda: desk.tell(told))
    return told


def move_strangers(desk: Desk) -> None:
    """At opening: mails whose rows nobody of us wrote so, which no list and no `take` would ever show."""
    states = ", ".join(f"'{s.value}'" for s in State)
    rows = desk.base.execute(
        f"SELECT DISTINCT mail FROM recipients WHERE state NOT IN ({states})"  # noqa: S608 - ours
        " OR route NOT IN (SELECT id FROM routes) OR typeof(mail) <> 'integer'"
    )
    for (mail,) in rows.fetchall():
        if isinstance(mail, int):
            move_mail(desk, mail, "its row in the database is damaged")


def _keep(desk: Desk, name: str, row: tuple[object, ...], people: list[tuple[object, ...]], why: str) -> None:
    sender, origin, accepted, head, body = row
    folder = private_folder(desk.corrupt)
    envelope = {
        "id": name,
        "why": why,
        "from": str(sender),
        "origin": str(origin),
        "accepted": accepted if isinstance(accepted, int) else None,
        "recipients": [
            {"address": str(address), "state": str(state), "attempts": tries, "error": error and str(error)}
            for _, address, state, _, tries, error in people
        ],
    }
    text = json.dumps(envelope, indent=1, default=str)
    atomic.write(folder / f"{name}.json", text.encode("utf-8", "replace"))
    atomic.write(folder / f"{name}.head", head if isinstance(head, bytes) else str(head).encode())
    if body is not None:
        atomic.write(folder / f"{name}.body", body if isinstance(body, bytes) else str(body).encode())
    else:
        with contextlib.suppress(FileNotFoundError):
            _keep_file(desk.bodies / name, folder / f"{name}.body")
        atomic.sync_folder(folder)


def _keep_file(path: Path, to: Path) -> None:
    if stat.S_ISREG(path.lstat().st_mode):
        atomic.keep(path, to)  # it stays in its place until the transaction is committed
    else:
        path.rename(to)


def _hold(desk: Desk, mail: int, people: list[tuple[object, ...]], why: str) -> None:
    for _, _, state, route, *_ in people:
        if isinstance(route, int) and isinstance(state, str) and state != State.SENT:
            desk.count(route, state, State.HELD.value)
    desk.base.execute(
        "UPDATE recipients SET state = 'held', due = NULL, since = ?, held_why = ?, cause = ?"
        " WHERE mail = ? AND state <> 'sent'",
        (desk.seen, f"it cannot be read: {why}", DAMAGED, mail),
    )
