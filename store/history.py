"""The history: who changed which setting, and what became of each mail. Many processes write it at once.

It must never hold the value of a secret.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from store.changes import Change
from store.errors import ErrorKind, StoreError, cannot_read, cannot_write, shell
from store.paths import give_to_owner, private_folder, there

BUSY = 10.0
"""Seconds to wait for another process that is writing."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS saves (id INTEGER PRIMARY KEY, at TEXT NOT NULL, who TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS changes (
    save INTEGER NOT NULL REFERENCES saves, field TEXT NOT NULL, old TEXT NOT NULL, new TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS changes_of_save ON changes (save);
CREATE TABLE IF NOT EXISTS deliveries (
    id INTEGER PRIMARY KEY, at TEXT NOT NULL, profile TEXT NOT NULL, message_id TEXT NOT NULL,
    sender TEXT NOT NULL, server TEXT NOT NULL, address TEXT NOT NULL, answer TEXT NOT NULL,
    ok INTEGER NOT NULL, recipients TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS deliveries_of_message ON deliveries (message_id);
"""
_VERSION = 1

_DELIVERIES = """
SELECT at, profile, message_id, sender, server, address, answer, ok, recipients FROM deliveries
WHERE :id IS NULL OR message_id = :id ORDER BY at DESC, id DESC LIMIT :limit
"""


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


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the history: a mail, or a save with the fields it changed."""

    when: datetime
    delivery: Delivery | None = None
    who: str = ""
    changes: tuple[Change, ...] = ()


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

    def record_delivery(self, delivery: Delivery) -> None:
        """Note what became of a mail. Raises StoreError."""
        d = delivery
        people = json.dumps([[r.recipient, r.accepted, r.answer] for r in d.recipients], ensure_ascii=False)
        row = (
            _text(d.when),
            d.profile,
            d.message_id,
            d.sender,
            d.server,
            d.address,
            d.answer,
            int(d.ok),
            people,
        )
        with self._writing() as base:
            base.execute(
                "INSERT INTO deliveries"
                " (at, profile, message_id, sender, server, address, answer, ok, recipients)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                tuple(_storable(v) if isinstance(v, str) else v for v in row),
            )

    def entries(self, limit: int = 100, message_id: str | None = None) -> list[Entry]:
        """The newest entries first, at most `limit`; with a message id, the deliveries of that message.

        Raises StoreError.
        """
        if not there(self.path):
            return []
        with self._reading() as base:
            if not _refuse_later_format(base, self.path):
                return []  # made, and never written to
            try:
                found = _deliveries(base, limit, message_id)
                if message_id is None:
                    found += _saves(base, limit)
            except (ValueError, TypeError) as error:  # a row that nobody of us wrote
                raise _damaged(self.path) from error
        return sorted(found, key=lambda e: e.when, reverse=True)[:limit]

    @contextlib.contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """A connection; leaving it by an exception leaves the history as it was."""
        private_folder(self.path.parent)
        try:
            # SQLite gives the mode of this file to those it makes beside it.
            handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            try:
                os.fchmod(handle, 0o600)
                give_to_owner(handle, self.path.parent)
            finally:
                os.close(handle)
        except OSError as error:
            raise cannot_write(self.path, error) from error
        with _connected(self.path, str(self.path), "written") as base:
            _prepare(base, self.path)
            base.execute("BEGIN IMMEDIATE")
            yield base
            base.execute("COMMIT")

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        """A connection that changes nothing; on a disk that takes no writes, without SQLite's own files."""
        try:
            os.close(os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC))
        except OSError as error:
            raise cannot_read(self.path, error) from error
        name = f"{self.path.absolute().as_uri()}?mode=ro"
        if not _answers(name):
            name += "&immutable=1"  # a full or read-only disk: SQLite cannot make its files beside it
        with _connected(self.path, name, "read") as base:
            yield base


def _answers(name: str) -> bool:
    """Whether SQLite can read it in the usual way, or fails for a reason of the file's own."""
    try:
        with contextlib.closing(sqlite3.connect(name, timeout=BUSY, uri=True)) as base:
            base.execute("PRAGMA user_version").fetchone()
    except sqlite3.OperationalError as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        return code not in {sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY}
    except sqlite3.DatabaseError:
        return True
    return True


@contextlib.contextmanager
def _connected(path: Path, name: str, done: str) -> Iterator[sqlite3.Connection]:
    base: sqlite3.Connection | None = None
    try:
        base = sqlite3.connect(name, timeout=BUSY, isolation_level=None, uri=name.startswith("file:"))
        yield base
    except sqlite3.Error as error:
        raise _failed(path, error, done) from error
    finally:
        if base is not None:
            base.close()


def _prepare(base: sqlite3.Connection, path: Path) -> None:
    base.execute("PRAGMA foreign_keys = ON")
    base.execute("PRAGMA synchronous = FULL")
    if _refuse_later_format(base, path) == _VERSION:
        return
    base.execute("PRAGMA journal_mode = WAL")
    base.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} PRAGMA user_version = {_VERSION}; COMMIT;")


def _refuse_later_format(base: sqlite3.Connection, path: Path) -> int:
    """The format of the file, 0 for an empty one. Raises StoreError for one we do not know."""
    version = int(base.execute("PRAGMA user_version").fetchone()[0])
    if version > _VERSION:
        raise StoreError(
            ErrorKind.UNREADABLE,
            f"{path} was not opened",
            f"a later outmail wrote it (format {version})",
            "upgrade outmail on this machine",
        )
    return version


def _deliveries(base: sqlite3.Connection, limit: int, message_id: str | None) -> list[Entry]:
    rows = base.execute(_DELIVERIES, {"limit": limit, "id": message_id})
    found = []
    for at, profile, id_, sender, server, address, answer, ok, people in rows:
        when = datetime.fromisoformat(at)
        to = tuple(DeliveredTo(r, bool(a), text) for r, a, text in json.loads(people))
        found.append(Entry(when, Delivery(when, profile, id_, sender, server, address, answer, bool(ok), to)))
    return found


def _saves(base: sqlite3.Connection, limit: int) -> list[Entry]:
    found = []
    saves = base.execute("SELECT id, at, who FROM saves ORDER BY at DESC, id DESC LIMIT ?", (limit,))
    for save, at, who in saves.fetchall():
        rows = base.execute("SELECT field, old, new FROM changes WHERE save = ? ORDER BY rowid", (save,))
        found.append(Entry(datetime.fromisoformat(at), who=who, changes=tuple(Change(*row) for row in rows)))
    return found


def _text(when: datetime) -> str:
    """UTC with microseconds, so that the text sorts as the time does."""
    return when.astimezone(UTC).isoformat(timespec="microseconds")


def _storable(text: str) -> str:
    """A server's answer may hold half characters, which SQLite would refuse."""
    return text.encode("utf-8", "replace").decode()


def _damaged(path: Path) -> StoreError:
    return StoreError(
        ErrorKind.DAMAGED,
        "the history cannot be used",
        f"{path} is damaged",
        f"move it aside: mv {shell(path)} {shell(f'{path}.damaged')}",
    )


def _no_room(folder: Path) -> bool:
    """SQLite calls a disk too full for its files beside the database an I/O error."""
    try:
        return os.statvfs(folder).f_bavail == 0
    except OSError:
        return False


def _failed(path: Path, error: sqlite3.Error, done: str) -> StoreError:
    what = f"the history was not {done}"
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_FULL or (code == sqlite3.SQLITE_IOERR and _no_room(path.parent)):
        return StoreError(ErrorKind.FULL, what, "the disk is full", f"make room: df -h {shell(path.parent)}")
    if code == sqlite3.SQLITE_BUSY:
        return StoreError(
            ErrorKind.LOCKED, what, "another process is writing to it", f"see which: fuser -v {shell(path)}"
        )
    if code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
        return _damaged(path)
    kind = ErrorKind.NOT_WRITABLE if done == "written" else ErrorKind.UNREADABLE
    return StoreError(kind, what, str(error), f"look at it: ls -la {shell(path.parent)}")
