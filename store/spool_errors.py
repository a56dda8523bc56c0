"""The words for what can go wrong with the queue: a full disk, a damaged file, a mail that is not there.

Every error says what became of the mail, and what to do.
"""

from __future__ import annotations

import errno
import os
import sqlite3
from pathlib import Path

from store.errors import ErrorKind, StoreError, reason, shell

SYNC_FAILED = getattr(sqlite3, "SQLITE_IOERR_FSYNC", 1034)
_REFUSED = {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_PERM}


def is_damage(error: sqlite3.Error) -> bool:
    """Whether the database itself is not as it was written."""
    return _code(error) & 0xFF in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


def is_lost_sync(error: sqlite3.Error) -> bool:
    """Whether the disk refused to make durable what it had taken before (it may not say so twice)."""
    return _code(error) == SYNC_FAILED


def failed(error: sqlite3.Error, folder: Path) -> StoreError:
    """What SQLite could not do, for a person; nothing was changed in the queue in `folder`."""
    what, code = "the mail queue was not written", _code(error) & 0xFF
    if code == sqlite3.SQLITE_FULL or (code in _REFUSED and _no_room(folder)):
        return full(what, folder)
    if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return StoreError(
            ErrorKind.LOCKED,
            what,
            "another program holds its database open",
            f"see which, and end it: fuser -v {shell(folder / 'queue.db')}",
        )
    if code in _REFUSED:
        return StoreError(
            ErrorKind.NOT_WRITABLE,
            what,
            str(error),
            f"look at the disk and the folder's rights: dmesg | tail; ls -la {shell(folder)}",
        )
    return StoreError(ErrorKind.UNREADABLE, what, str(error), f"look at it: ls -la {shell(folder)}")


def full(what: str, folder: Path) -> StoreError:
    """The error for a disk without room."""
    return StoreError(
        ErrorKind.FULL,
        what,
        "the disk is full",
        f"make room, and it goes on by itself: df -h {shell(folder)}",
    )


def not_kept(folder: Path, error: OSError) -> StoreError:
    """The error for a body that could not be written; the mail is not in the queue."""
    what = "the mail was not taken into the queue"
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return full(what, folder)
    return StoreError(
        ErrorKind.NOT_WRITABLE,
        what,
        reason(error),
        f"look at the disk and the folder's rights: dmesg | tail; ls -ld {shell(folder)}",
    )


def no_such(mail: str) -> StoreError:
    """The error for an id that names nothing in the queue."""
    return StoreError(
        ErrorKind.NOT_FOUND,
        f"there is no mail {mail} in the queue",
        "it was sent or deleted, or the id is mistyped",
        "see what is there: outmail queue list; what was sent: outmail history",
    )


def in_flight(mail: str, doing: str) -> StoreError:
    """The error for steering a mail that is on the wire."""
    return StoreError(
        ErrorKind.LOCKED,
        f"mail {mail} was not {doing}",
        "it is being sent at this moment",
        f"wait for the answer and look again: outmail queue show {mail}",
    )


def database_moved(to: Path, why: str) -> StoreError:
    """The error that tells an admin of a damaged database: what was in it is kept, and not sent."""
    return StoreError(
        ErrorKind.DAMAGED,
        "the mail queue was damaged, and a new, empty one was begun",
        f"{why}; the old one lies whole in {to}, and the mail in it is not sent",
        "see what can be read of it: "
        f'sqlite3 {shell(to / "queue.db")} ".recover" | sqlite3 {shell(to / "recovered.db")}'
        f"; large mails lie in {shell(to / 'bodies')}; look at the disk too: dmesg | tail",
    )


def mail_moved(mail: str, sender: str, why: str, to: Path) -> StoreError:
    """The error that tells an admin of one mail that cannot be read."""
    return StoreError(
        ErrorKind.DAMAGED,
        f"mail {mail} from <{sender}> was taken out of the queue",
        why,
        f"its envelope and what is left of it lie in {to}; ask the sender to send it again: "
        f"cat {shell(to / (mail + '.json'))}",
    )


def mail_held(mail: str, sender: str, why: str, refused: object) -> StoreError:
    """The error for a mail that cannot be read, and that could not be moved either."""
    return StoreError(
        ErrorKind.DAMAGED,
        f"mail {mail} from <{sender}> is held",
        f"{why}; and it could not be moved aside: {refused}",
        f"make room or mend the disk, then: outmail queue release {mail}",
    )


def cannot_look(error: sqlite3.Error, path: Path) -> StoreError:
    """The error for a database that was only to be looked at, and could not be."""
    damage = is_damage(error)
    return StoreError(
        ErrorKind.DAMAGED if damage else ErrorKind.UNREADABLE,
        "the mail queue was not read",
        f"{path}: {error}",
        "see what can be done: outmail queue list (it moves what is damaged to corrupt/, whole)"
        if damage
        else f"look at it: ls -la {shell(path.parent)}",
    )


def _code(error: sqlite3.Error) -> int:
    return int(getattr(error, "sqlite_errorcode", 0) or 0)


def _no_room(folder: Path) -> bool:
    """SQLite calls a disk too full for its files beside the database an I/O error."""
    try:
        return os.statvfs(folder).f_bavail == 0
    except OSError:
        return False
