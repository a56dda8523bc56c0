"""What goes wrong with files and keys, in three parts an admin can act on: what, why, and what to do."""

from __future__ import annotations

import errno
import shlex
from enum import StrEnum
from pathlib import Path

from store.problems import harmless


class ErrorKind(StrEnum):
    """The sort of trouble; the command line turns it into an exit code."""

    DAMAGED = "damaged"  # a file is not as it was written
    WRONG_KEY = "wrong-key"
    KEY_MISSING = "key-missing"
    NOT_WRITABLE = "not-writable"
    FULL = "full"  # no space or quota left
    CHANGED = "changed"  # somebody else saved in between
    LOCKED = "locked"  # somebody else is saving right now
    NOT_FOUND = "not-found"
    UNREADABLE = "unreadable"
    BAD_INPUT = "bad-input"
    FORBIDDEN = "forbidden"  # not for this user
    NO_PROFILE = "no-profile"  # none has this name


class StoreError(Exception):
    """A failure of the store. Its text is one line and never contains a secret.

    `what` happened, `why`, and the `remedy`: a sentence, with the exact command where there is one.
    """

    def __init__(self, kind: ErrorKind, what: str, why: str, remedy: str = "") -> None:
        self.kind = kind
        self.what = harmless(what)
        self.why = harmless(why)
        self.remedy = harmless(remedy)
        super().__init__(f"{self.what}: {self.why}")


def shell(path: Path | str) -> str:
    """A path as it stands in a command that an admin copies."""
    return shlex.quote(str(path))


_FULL = {errno.ENOSPC, errno.EDQUOT}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}


def cannot_write(path: Path, error: OSError) -> StoreError:
    """The error for a file that could not be written; nothing was changed on disk."""
    what, folder = f"{path} was not saved", shell(path.parent)
    if error.errno in _FULL:
        return StoreError(
            ErrorKind.FULL, what, "the disk is full", f"make room (df -h {folder}) and save again"
        )
    if error.errno in _FORBIDDEN:
        return StoreError(
            ErrorKind.NOT_WRITABLE,
            what,
            reason(error),
            f"run as the owner of {path.parent} (ls -ld {folder}), or choose another folder with --home",
        )
    return StoreError(ErrorKind.NOT_WRITABLE, what, reason(error), f"look at {path.parent} (ls -ld {folder})")


def cannot_read(path: Path, error: OSError) -> StoreError:
    """The error for a file that is there, or should be, and could not be read."""
    kind = ErrorKind.NOT_FOUND if error.errno == errno.ENOENT else ErrorKind.UNREADABLE
    return StoreError(
        kind, f"{path} was not read", reason(error), f"see what is there: ls -la {shell(path.parent)}"
    )


def reason(error: OSError) -> str:
    """The system's own words, in lower case as they stand inside a sentence."""
    words = error.strerror or type(error).__name__
    return words[0].lower() + words[1:]
