"""Writes a file so that after a crash it is the old one or the new one, whole; never a mixture, never none.

It must never leave a file that others may read, not even for a moment.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import select
import stat
import time
from collections.abc import Iterator
from pathlib import Path

from store.errors import ErrorKind, StoreError, cannot_read, cannot_write, reason
from store.paths import give_to_owner, there

PATIENCE = 10.0
"""Seconds for all that a pipe or a device has to give; a file is not waited for."""

_TMP = ".tmp"
_NO_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}
"""What a file system without hard links answers (vfat, some network shares)."""


def write(path: Path, data: bytes, previous: Path | None = None) -> None:
    """Replace the file by `data`: temporary file (0600), fsync, rename, fsync of the folder.

    With `previous`, the file as it was stays under that name. Raises StoreError when anything fails;
    then the file is as it was (but for a folder that cannot be made durable, which says so).
    """
    try:
        with _temporary(path) as fresh:
            _fill(fresh, data)
            if previous is not None and there(path):
                keep(path, previous)
            os.replace(fresh, path)  # noqa: PTH105 - the tests cut the power at exactly this call
    except OSError as error:
        raise cannot_write(path, error) from error
    try:
        sync_folder(path.parent)
    except OSError as error:
        raise unconfirmed(path, error) from error


def prove_room(path: Path, size: int) -> None:
    """Write `size` bytes beside the file and remove them: what follows must be able to reach the disk.

    Raises StoreError.
    """
    try:
        with _temporary(path) as fresh:
            _fill(fresh, bytes(size))
    except OSError as error:
        raise cannot_write(path, error) from error


def keep(path: Path, previous: Path) -> None:
    """Let `previous` be the file as it stands now; at no moment is there none. Raises OSError."""
    with _temporary(previous) as link:
        try:
            os.link(path, link)
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            _fill(link, path.read_bytes())
        os.replace(link, previous)  # noqa: PTH105


def read(path: Path, limit: int) -> bytes | None:
    """The bytes of the file; None where there is none. More than `limit` bytes are refused unread.

    A pipe, as `<(…)` of a shell is one, has PATIENCE to give them.

    Raises StoreError.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
        try:
            data = _read(handle, limit + 1)
        finally:
            os.close(handle)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise cannot_read(path, error) from error
    if len(data) > limit:
        raise too_large(path, limit)
    return data


def _read(handle: int, most: int) -> bytes:
    data, until = b"", time.monotonic() + PATIENCE
    while len(data) < most:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            ready, _, _ = select.select([handle], [], [], max(0.0, until - time.monotonic()))
            if not ready:
                raise TimeoutError(errno.ETIMEDOUT, f"nothing came from it in {PATIENCE:g} seconds")
        more = os.read(handle, most - len(data))
        if not more:
            break
        data += more
    return data


def too_large(path: Path, limit: int) -> StoreError:
    """The error for a file that nobody would have written by hand or by us."""
    return cannot_read(path, OSError(errno.EFBIG, f"it has more than {limit // 1024} KiB", str(path)))


def unconfirmed(path: Path, error: OSError) -> StoreError:
    """The error for a file that is replaced, and may be the old one again after a power cut."""
    return StoreError(
        ErrorKind.NOT_WRITABLE,
        f"{path} was written, but may not survive a power cut",
        reason(error),
        "look at the disk: dmesg | tail",
    )


def sync_folder(folder: Path) -> None:
    """Make a rename durable. Raises OSError."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sweep(path: Path) -> None:
    """Remove what writers of this file left behind when they were killed; only under the lock."""
    for left in path.parent.glob(f".{path.name}.*{_TMP}"):
        with contextlib.suppress(OSError):
            left.unlink()


def _fill(path: Path, data: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        os.fchmod(handle, 0o600)  # the umask may have taken the owner's rights too
        give_to_owner(handle, path.parent)
        view = memoryview(data)
        while view:
            view = view[os.write(handle, view) :]
        os.fsync(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def _temporary(path: Path) -> Iterator[Path]:
    fresh = path.parent / f".{path.name}.{secrets.token_hex(6)}{_TMP}"
    try:
        yield fresh
    finally:
        with contextlib.suppress(OSError):
            fresh.unlink(missing_ok=True)
