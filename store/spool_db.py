"""The database of the queue: its tables, how it is opened, and how a damaged one is moved aside.

It must never delete a database, and never open one that a later outmail wrote.
"""

from __future__ import annotations

import os
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

from store.atomic import sync_folder
from store.errors import ErrorKind, StoreError, cannot_write
from store.paths import give_to_owner, private_folder

FILE = "queue.db"
_VERSION = 1

# `due` has only what waits for its time, `apart` only what stands still: a mail that is simply sent
# touches one index entry. `due IS NOT NULL` is also what `take` asks for, however much is waiting.
_SCHEMA = f"""
CREATE TABLE routes (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, sent INTEGER NOT NULL DEFAULT 0);
CREATE TABLE mails (
    id INTEGER PRIMARY KEY, accepted INTEGER NOT NULL, origin TEXT NOT NULL, sender TEXT NOT NULL,
    size INTEGER NOT NULL, flags INTEGER NOT NULL, ret TEXT NOT NULL, envid TEXT NOT NULL,
    crc INTEGER NOT NULL, head BLOB NOT NULL, body BLOB);
CREATE TABLE recipients (
    mail INTEGER NOT NULL, number INTEGER NOT NULL, route INTEGER NOT NULL, state TEXT NOT NULL,
    due INTEGER, since INTEGER NOT NULL, address TEXT NOT NULL, notify TEXT NOT NULL, orcpt TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0, crashes INTEGER NOT NULL DEFAULT 0, told INTEGER NOT NULL DEFAULT 0,
    server TEXT, server_since INTEGER, error TEXT, cause TEXT, held_why TEXT,
    PRIMARY KEY (mail, number)) WITHOUT ROWID;
CREATE INDEX due ON recipients (route, due) WHERE due IS NOT NULL;
CREATE INDEX apart ON recipients (state, mail) WHERE state <> 'waiting' AND state <> 'sending';
CREATE INDEX causes ON recipients (cause) WHERE cause IS NOT NULL;
CREATE TABLE drops (id TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
PRAGMA user_version = {_VERSION};
"""

_PAGES_BEFORE_CHECKPOINT = 2000  # of 4 KiB; the reserve has room for them all
_WAL_LIMIT = 64 * 1024 * 1024  # bytes that the log keeps after a burst


def connect(folder: Path) -> sqlite3.Connection:
    """The database in `folder`, made where there is none. Raises sqlite3.Error, StoreError."""
    path = folder / FILE
    _make(path)
    base = sqlite3.connect(path, timeout=0, isolation_level=None, cached_statements=256)
    try:
        # Nobody else may open it: no shared memory, no file locks for each transaction.
        base.execute("PRAGMA locking_mode = EXCLUSIVE")
        base.execute("PRAGMA journal_mode = WAL")
        base.execute("PRAGMA synchronous = FULL")
        base.execute(f"PRAGMA wal_autocheckpoint = {_PAGES_BEFORE_CHECKPOINT}")
        base.execute(f"PRAGMA journal_size_limit = {_WAL_LIMIT}")
        base.execute("PRAGMA cell_size_check = ON")
        version = int(base.execute("PRAGMA user_version").fetchone()[0])
        if version == 0:
            base.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} COMMIT;")
        elif version != _VERSION:
            raise StoreError(
                ErrorKind.UNREADABLE,
                f"{path} was not opened",
                f"a later outmail wrote it (format {version})",
                "upgrade outmail on this machine",
            )
    except BaseException:
        base.close()
        raise
    return base


def set_aside(spool: Path, folder: Path) -> Path:
    """Move a closed database with all its files and bodies into `corrupt/`; returns where it is.

    It is one rename: killed here, nothing is half moved. Raises StoreError.
    """
    corrupt = private_folder(spool / "corrupt")
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")  # only a name
    to = corrupt / f"queue-{stamp}"
    try:
        os.replace(folder, to)  # noqa: PTH105
        sync_folder(spool)
    except OSError as error:
        raise cannot_write(folder, error) from error
    return to


def _make(path: Path) -> None:
    """SQLite gives the mode of this file to those it makes beside it. Raises StoreError."""
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            os.fchmod(handle, 0o600)
            give_to_owner(handle, path.parent)
        finally:
            os.close(handle)
        sync_folder(path.parent)
    except OSError as error:
        raise cannot_write(path, error) from error
