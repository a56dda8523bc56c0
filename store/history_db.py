"""The file of the history: its tables and their formats, how it is opened, and what its troubles mean.

It must never change what is in a file of a format it does not know.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from store.errors import ErrorKind, StoreError, cannot_read, cannot_write, shell
from store.paths import give_to_owner, private_folder

BUSY = 10.0
"""Seconds to wait for another process that is writing."""

VERSION = 2

_TABLES = """
CREATE TABLE saves (id INTEGER PRIMARY KEY, at TEXT NOT NULL, who TEXT NOT NULL);
CREATE TABLE changes (
    save INTEGER NOT NULL REFERENCES saves, field TEXT NOT NULL, old TEXT NOT NULL, new TEXT NOT NULL);
CREATE INDEX changes_of_save ON changes (save);
CREATE TABLE deliveries (
    id INTEGER PRIMARY KEY, at TEXT NOT NULL, profile TEXT NOT NULL, message_id TEXT NOT NULL,
    sender TEXT NOT NULL, server TEXT NOT NULL, address TEXT NOT NULL, answer TEXT NOT NULL,
    ok INTEGER NOT NULL, recipients TEXT NOT NULL, queue_id TEXT NOT NULL DEFAULT '');
"""

_ADDED_IN_2 = """
CREATE TABLE happenings (
    id INTEGER PRIMARY KEY, at TEXT NOT NULL, who TEXT NOT NULL, what TEXT NOT NULL, profile TEXT NOT NULL);
CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
CREATE INDEX deliveries_by_time ON deliveries (at);
CREATE INDEX deliveries_of_message ON deliveries (substr(at, 1, 15), message_id);
CREATE INDEX saves_by_time ON saves (at);
CREATE INDEX happenings_by_time ON happenings (at);
"""

_FROM_1 = """
DROP INDEX deliveries_of_message;
ALTER TABLE deliveries ADD COLUMN queue_id TEXT NOT NULL DEFAULT ''
"""

BY_MESSAGE = """
WITH RECURSIVE spans (span) AS (
    SELECT * FROM (SELECT substr(at, 1, 15) FROM deliveries ORDER BY 1 LIMIT 1)
    UNION ALL
    SELECT (SELECT substr(at, 1, 15) FROM deliveries WHERE substr(at, 1, 15) > span ORDER BY 1 LIMIT 1)
    FROM spans WHERE span IS NOT NULL)
SELECT {} FROM spans CROSS JOIN deliveries ON substr(at, 1, 15) = span AND message_id = ?
"""
"""Finds a mail by its Message-ID.

The index has these by stretches of ten minutes, each of which is looked into. One of all Message-IDs,
which come in no order, would cost the relay twice as much for each mail as all the rest of the history,
and ever more as it grows (measured at 60,000 rows: 50 microseconds against 25).
"""

_COUNTED = """
INSERT INTO counters SELECT 'sent', COUNT(*) FROM deliveries WHERE json_valid(recipients)
AND EXISTS (
    SELECT 1 FROM json_each(recipients) WHERE CASE type WHEN 'array' THEN json_extract(value, '$[1]') END)
"""
"""Mails that somebody's server took: what the counter begins with."""


@contextlib.contextmanager
def writing(path: Path, *, durable: bool = True) -> Iterator[sqlite3.Connection]:
    """A connection in a transaction; leaving it by an exception leaves the history as it was.

    One that is not durable survives a kill, and perhaps no power cut. Raises StoreError.
    """
    private_folder(path.parent)
    try:
        # SQLite gives the mode of this file to those it makes beside it.
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            os.fchmod(handle, 0o600)
            give_to_owner(handle, path.parent)
        finally:
            os.close(handle)
    except OSError as error:
        raise cannot_write(path, error) from error
    with _connected(path, str(path), "written") as base:
        _prepare(base, path)
        base.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
        base.execute("BEGIN IMMEDIATE")
        yield base
        base.execute("COMMIT")


@contextlib.contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that changes nothing; on a disk that takes no writes, without SQLite's own files.

    Raises StoreError.
    """
    try:
        os.close(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC))
    except OSError as error:
        raise cannot_read(path, error) from error
    name = f"{path.absolute().as_uri()}?mode=ro"
    if not _answers(name):
        name += "&immutable=1"  # a full or read-only disk: SQLite cannot make its files beside it
    with _connected(path, name, "read") as base:
        yield base


def version_of(base: sqlite3.Connection, path: Path) -> int:
    """The format of the file, 0 for an empty one. Raises StoreError for one we do not know."""
    version = int(base.execute("PRAGMA user_version").fetchone()[0])
    if version > VERSION:
        raise StoreError(
            ErrorKind.UNREADABLE,
            f"{path} was not opened",
            f"a later outmail wrote it (format {version})",
            "upgrade outmail on this machine",
        )
    return version


def damaged(path: Path) -> StoreError:
    """The error for a file that no SQLite, or nobody of us, wrote like this."""
    return StoreError(
        ErrorKind.DAMAGED,
        "the history cannot be used",
        f"{path} is damaged",
        f"move it aside: mv {shell(path)} {shell(f'{path}.damaged')}",
    )


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
    if version_of(base, path) == VERSION:
        return
    base.execute("PRAGMA journal_mode = WAL")
    base.execute("BEGIN IMMEDIATE")
    version = version_of(base, path)  # again: another process may have done it meanwhile
    if version < VERSION:
        # Not executescript, which would end the transaction.
        for statement in f"{_FROM_1 if version else _TABLES};{_ADDED_IN_2};{_COUNTED}".split(";"):
            base.execute(statement)
        base.execute(f"PRAGMA user_version = {VERSION}")
    base.execute("COMMIT")


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
        return damaged(path)
    kind = ErrorKind.NOT_WRITABLE if done == "written" else ErrorKind.UNREADABLE
    return StoreError(kind, what, str(error), f"look at it: ls -la {shell(path.parent)}")
