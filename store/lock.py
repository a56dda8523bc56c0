"""One writer at a time: a lock that the kernel lets go when its holder ends, however it ends.

It must never wait for ever, and it says who holds it.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from store.errors import ErrorKind, StoreError, cannot_write, shell
from store.paths import give_to_owner

WAIT = 10.0
"""Seconds to wait for another writer; a save takes a fraction of one."""

_PAUSE = 0.02


@contextlib.contextmanager
def locked(
    path: Path, who: str, wait: float = WAIT, busy: str = "the settings are being saved"
) -> Iterator[None]:
    """Hold the lock file `path` (made 0600) for the block; `busy` says what its holder does.

    Raises StoreError: `locked` after `wait` seconds, naming the holder, or `not-writable`.
    """
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise cannot_write(path, error) from error
    try:
        _take(handle, path, wait, busy)
        _sign(handle, path, who)
        yield
    finally:
        os.close(handle)  # closing lets go


def _take(handle: int, path: Path, wait: float, busy: str) -> None:
    until = time.monotonic() + wait
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until:
                raise _held(handle, path, busy) from None
            time.sleep(_PAUSE)
        except OSError as error:
            raise cannot_write(path, error) from error
        else:
            return


def _sign(handle: int, path: Path, who: str) -> None:
    """Leave our name for those who wait; on a full disk the lock holds without a name."""
    note = json.dumps(
        {"pid": os.getpid(), "who": who, "since": datetime.now(UTC).isoformat(timespec="seconds")}
    )
    with contextlib.suppress(OSError):
        os.fchmod(handle, 0o600)
        give_to_owner(handle, path.parent)
        os.ftruncate(handle, 0)
        os.pwrite(handle, note.encode(), 0)


def _held(handle: int, path: Path, busy: str) -> StoreError:
    holder, remedy = "another outmail", f"see who holds it: fuser -v {shell(path)}"
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        note = json.loads(os.pread(handle, 4096, 0))
        holder = f"{note['who']} (process {int(note['pid'])}) since {note['since']}"
        remedy = f"wait, or look at that process: ps -p {int(note['pid'])}"
    return StoreError(ErrorKind.LOCKED, busy, f"by {' '.join(holder.split())}", remedy)
