"""The history: who changed or steered what, and what became of each mail. Many processes write it at once.

It must never hold the value of a secret.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from store.history_db import BY_MESSAGE, damaged, reading, version_of, writing
from store.paths import there

if TYPE_CHECKING:
    from store.changes import Change

_AT_A_TIME = 10_000
"""Rows that are forgotten in one transaction: others wait to write meanwhile."""

_INSERT = """
INSERT INTO deliveries
(at, profile, message_id, sender, server, address, answer, ok, recipients, queue_id)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_FIELDS = "at, profile, message_id, sender, server, address, answer, ok, recipients"
_NEWEST = "ORDER BY at DESC, id DESC LIMIT ?"


@dataclass(frozen=True, slots=True)
class DeliveredTo:
    """One recipient's fate."""

    recipient: str
    accepted: bool
    answer: str


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of one mail at one time."""

    when: datetime
    profile: str
    message_id: str
    sender: str  # of the envelope
    server: str  # primary, alternate …
    address: str
    answer: str
    ok: bool  # taken for every recipient
    recipients: tuple[DeliveredTo, ...] = ()
    queue_id: str = ""  # "" where it did not go through the queue


@dataclass(frozen=True, slots=True)
class Happening:
    """Something else that is worth knowing later: who steered what, a switch of servers, an alert."""

    when: datetime
    who: str  # "" where outmail did it itself
    what: str  # a few words: "paused delivery", "mail goes through alternate smtp2.example.org:465"
    profile: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the history: a mail, a happening, or a save with the fields it changed."""

    when: datetime
    delivery: Delivery | None = None
    who: str = ""
    changes: tuple[Change, ...] = ()
    event: Happening | None = None


class History:
    """The history in one folder; the file is made with the first entry."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "history.db"

    def record_settings(self, changes: Sequence[Change], who: str, when: datetime) -> None:
        """Note who changed which fields. Raises StoreError."""
        with self._writing() as base:
            save = base.execute(
                "INSERT INTO saves (at, who) VALUES (?, ?)", (_text(when), _storable(who))
            ).lastrowid
            base.executemany(
                "INSERT INTO changes VALUES (?, ?, ?, ?)",
                [(save, *map(_storable, (c.field, c.old, c.new))) for c in changes],
            )

    def record_event(self, event: Happening) -> None:
        """Note what happened. Raises StoreError."""
        with self._writing() as base:
            base.execute(
                "INSERT INTO happenings (at, who, what, profile) VALUES (?, ?, ?, ?)",
                (_text(event.when), *map(_storable, (event.who, event.what, event.profile))),
            )

    def record_delivery(self, delivery: Delivery) -> None:
        """Note what became of a mail. Raises StoreError."""
        with self._writing() as base:
            _insert(base, [delivery])

    def record_deliveries(self, deliveries: Sequence[Delivery]) -> None:
        """Note what became of many mails at once: all of them, or none. Raises StoreError.

        Without a sync of its own, which would slow down the mail: a power cut may take the last of them
        from the history. No mail is lost by that, for the queue keeps its own, synced account.
        """
        if deliveries:
            with writing(self.path, durable=False) as base:
                _insert(base, deliveries)

    def sent(self) -> int:
        """How many mails at least one recipient's server took, those included that are forgotten since.

        Raises StoreError.
        """
        if not there(self.path):
            return 0
        with self._reading() as base:
            version = version_of(base, self.path)
            if version == 1:  # not written to since outmail was upgraded
                found = _deliveries(base, version, -1, None)
                return sum(any(r.accepted for r in e.delivery.recipients) for e in found if e.delivery)
            return _count(base) if version else 0

    def entries(self, limit: int = 100, message_id: str | None = None) -> list[Entry]:
        """The newest entries first, at most `limit`; with a message id, the deliveries of that message.

        Raises StoreError.
        """
        if not there(self.path):
            return []
        with self._reading() as base:
            version = version_of(base, self.path)
            if not version:
                return []  # made, and never written to
            try:
                found = _deliveries(base, version, limit, message_id)
                if message_id is None:
                    found += _saves(base, limit)
                    found += _happenings(base, limit) if version > 1 else []
            except (ValueError, TypeError) as error:  # a row that nobody of us wrote
                raise damaged(self.path) from error
        return sorted(found, key=lambda e: e.when, reverse=True)[:limit]

    def forget(self, before: datetime) -> int:
        """Remove the mails and happenings before this time; returns how many. Raises StoreError.

        Who changed which setting is kept: it is little, and asked for when it is long ago.
        """
        gone = 0
        if not there(self.path):
            return gone
        for table in ("deliveries", "happenings"):
            found = _AT_A_TIME
            while found == _AT_A_TIME:
                with self._writing() as base:
                    found = base.execute(
                        f"DELETE FROM {table} WHERE id IN"  # noqa: S608 - ours
                        f" (SELECT id FROM {table} WHERE at < ? ORDER BY at LIMIT ?)",
                        (_text(before), _AT_A_TIME),
                    ).rowcount
                gone += found
        return gone

    def _writing(self) -> AbstractContextManager[sqlite3.Connection]:
        return writing(self.path)

    def _reading(self) -> AbstractContextManager[sqlite3.Connection]:
        return reading(self.path)


def _insert(base: sqlite3.Connection, deliveries: Sequence[Delivery]) -> None:
    base.executemany(_INSERT, [_row(delivery) for delivery in deliveries])
    taken = sum(any(r.accepted for r in delivery.recipients) for delivery in deliveries)
    if taken:
        base.execute("UPDATE counters SET value = value + ? WHERE name = 'sent'", (taken,))


def _row(d: Delivery) -> tuple[str | int, ...]:
    people = json.dumps([[r.recipient, r.accepted, r.answer] for r in d.recipients], ensure_ascii=False)
    texts = (d.profile, d.message_id, d.sender, d.server, d.address, d.answer)
    return (_text(d.when), *map(_storable, texts), int(d.ok), _storable(people), _storable(d.queue_id))


def _count(base: sqlite3.Connection) -> int:
    found = base.execute("SELECT value FROM counters WHERE name = 'sent'").fetchone()
    return int(found[0]) if found else 0


def _deliveries(base: sqlite3.Connection, version: int, limit: int, message_id: str | None) -> list[Entry]:
    """A limit of -1 is none."""
    fields = f"{_FIELDS}, {'queue_id' if version > 1 else repr('')}"
    if message_id is None:
        rows = base.execute(f"SELECT {fields} FROM deliveries {_NEWEST}", (limit,))  # noqa: S608 - ours
    else:
        by_message = BY_MESSAGE if version > 1 else "SELECT {} FROM deliveries WHERE message_id = ?"
        rows = base.execute(f"{by_message.format(fields)} {_NEWEST}", (message_id, limit))
    found = []
    for at, profile, id_, sender, server, address, answer, ok, people, queue_id in rows:
        when = datetime.fromisoformat(at)
        to = tuple(DeliveredTo(r, bool(a), text) for r, a, text in json.loads(people))
        mail = Delivery(when, profile, id_, sender, server, address, answer, bool(ok), to, queue_id)
        found.append(Entry(when, mail))
    return found


def _happenings(base: sqlite3.Connection, limit: int) -> list[Entry]:
    rows = base.execute(f"SELECT at, who, what, profile FROM happenings {_NEWEST}", (limit,))  # noqa: S608
    events = [Happening(datetime.fromisoformat(at), who, what, profile) for at, who, what, profile in rows]
    return [Entry(event.when, event=event) for event in events]


def _saves(base: sqlite3.Connection, limit: int) -> list[Entry]:
    from store.changes import Change  # brings the settings' whole model with it

    found = []
    saves = base.execute(f"SELECT id, at, who FROM saves {_NEWEST}", (limit,))  # noqa: S608
    for save, at, who in saves.fetchall():
        rows = base.execute("SELECT field, old, new FROM changes WHERE save = ? ORDER BY rowid", (save,))
        found.append(Entry(datetime.fromisoformat(at), who=who, changes=tuple(Change(*row) for row in rows)))
    return found


def _text(when: datetime) -> str:
    """UTC with microseconds, so that the text sorts as the time does."""
    return when.astimezone(UTC).isoformat(timespec="microseconds")


def _storable(text: str) -> str:
    """A server's answer may hold half characters, which SQLite would refuse."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()
