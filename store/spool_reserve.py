"""Room on the disk that is kept for the queue's own notes, so that what was sent can be noted on a full disk.

It must never be used for new mail: that is refused while the room is not there.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

SIZE = 16 * 1024 * 1024
"""Bytes: more than the log ever has to bring into the database at a time."""


class Reserve:
    """A file of that size beside the database."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._kept = False

    def keep(self) -> None:
        """Have the room, or raise OSError."""
        if self._kept:
            return
        handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            _fill(handle)
        except OSError:
            self._remove()
            raise
        finally:
            os.close(handle)
        self._kept = True

    def spend(self) -> bool:
        """Let the room be used; returns whether there was any."""
        if self._kept:
            self._remove()
            self._kept = False
            return True
        return False

    def _remove(self) -> None:
        with contextlib.suppress(OSError):
            self._path.unlink()


def _fill(handle: int) -> None:
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(handle, 0, SIZE)
        return
    missing = SIZE - os.lseek(handle, 0, os.SEEK_END)
    while missing > 0:
        missing -= os.write(handle, bytes(min(missing, 1024 * 1024)))
