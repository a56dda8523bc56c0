"""The bytes of large mails: a file each beside the database, written piece by piece while the client sends.

It must never hold a large mail in memory to write it, and never remove a file that a mail in the queue names.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import threading
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

from store.atomic import sync_folder
from store.errors import ErrorKind, StoreError, cannot_read
from store.joined import FileBytes, Joined
from store.paths import give_to_owner
from store.spool_desk import Desk
from store.spool_errors import not_kept
from store.spool_ids import MailId, decode
from store.spool_shapes import Stored

SMALL = 64 * 1024
"""Bytes that a body may have to lie in the database."""

IN_MEMORY = 4 * 1024 * 1024
"""Bytes of a mail that is handed out in memory; a larger one is read from its file by whoever sends it."""

_CHUNK = 256 * 1024
_DAMAGE = {errno.ENOENT, errno.EIO, errno.ELOOP, errno.EISDIR, errno.ENOTDIR}
"""What says that this file is lost; other refusals (no rights, too many files) may pass."""


class Unreadable(Exception):  # noqa: N818 - the name says the state
    """The bytes of a mail are not as they were accepted; the text says why, for a person."""


class Draft:
    """A body that is coming in; it is given to `accept`, or discarded. As a context it discards itself.

    Once it is accepted, `discard` does nothing.
    """

    def __init__(self, mail: MailId, folder: Path) -> None:
        self.id = mail
        self.path = folder / mail
        self.size = 0
        self.crc = 0
        self._pieces: list[bytes] = []
        self._pending = 0
        self._handle = -1
        self._made = False
        self._over = False
        self._mutex = threading.Lock()  # a client that goes away while the file is synced in a thread

    def __enter__(self) -> Draft:
        return self

    def __exit__(self, *_: object) -> None:
        self.discard()

    def write(self, piece: bytes) -> None:
        """Take the next bytes. Raises StoreError; the draft is gone then."""
        if self._over:
            raise _used()
        self._add(piece)
        if self._pending > (_CHUNK if self._made else SMALL):
            try:
                self._flush()
            except OSError as error:
                self.discard()
                raise not_kept(self.path.parent, error) from error

    def _add(self, piece: bytes) -> None:
        self._pieces.append(piece)
        self._pending += len(piece)
        self.size += len(piece)
        self.crc = zlib.crc32(piece, self.crc)

    @property
    def in_file(self) -> bool:
        """Whether it is too large for a row."""
        return self._made

    def view(self) -> bytes | FileBytes:
        """All of it so far, for a look; a large one is read from its file. Raises StoreError."""
        with self._mutex:
            if not self._made:
                return b"".join(self._pieces)
            try:
                self._flush()
                return FileBytes(self.path)
            except OSError as error:
                raise not_kept(self.path.parent, error) from error

    def claim(self) -> None:
        """Let it be accepted, which can be once. Raises StoreError."""
        if self._over:
            raise _used()
        self._over = True

    def finish(self, last: bytes = b"") -> bytes | None:
        """The body where it is small; None when it lies in its file, synced. Raises StoreError."""
        with self._mutex:
            self._add(last)
            if self.size <= SMALL:
                return b"".join(self._pieces)
            try:
                self._flush()
                os.fsync(self._handle)
            except OSError as error:
                self._remove()
                raise not_kept(self.path.parent, error) from error
            self._close()
            return None

    def discard(self) -> None:
        """Forget it, unless it was accepted."""
        if not self._over:
            self._over = True
            self.withdraw()

    def withdraw(self) -> None:
        """Remove the file of a claimed draft that did not come into the queue."""
        with self._mutex:
            self._remove()

    def _remove(self) -> None:
        self._close()
        self._pieces.clear()
        if self._made:
            with contextlib.suppress(OSError):
                self.path.unlink()

    def _flush(self) -> None:
        if not self._made:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            self._handle = os.open(self.path, flags, 0o600)
            self._made = True
            os.fchmod(self._handle, 0o600)  # the umask may have taken the owner's rights too
            give_to_owner(self._handle, self.path.parent)
        view = memoryview(b"".join(self._pieces))
        self._pieces.clear()
        self._pending = 0
        while view:
            view = view[os.write(self._handle, view) :]

    def _close(self) -> None:
        if self._handle >= 0:
            with contextlib.suppress(OSError):
                os.close(self._handle)
            self._handle = -1


def _used() -> StoreError:
    return StoreError(
        ErrorKind.BAD_INPUT,
        "the mail was not taken into the queue",
        "its draft was accepted or discarded before",
        "this is a defect of outmail: please report it",
    )


def sync_files(folder: Path, names: list[MailId]) -> None:
    """Make the names of new files durable, all with one sync. Raises StoreError."""
    try:
        for name in names:
            (folder / name).lstat()  # the folder was moved aside with a damaged database while it came in
        sync_folder(folder)
    except OSError as error:
        raise not_kept(folder, error) from error


def content(stored: Stored) -> bytes:
    """The whole message in memory. Raises as `opened` does."""
    if stored.body is not None:
        return stored.head + stored.body
    whole = io.BytesIO()  # grows in place: a large mail lies in memory once
    whole.write(stored.head)
    _prove(stored, whole.write)
    return whole.getvalue()


def opened(stored: Stored) -> bytes | Joined:
    """The whole message, head in front; a large one stays in its file, and was read once to prove it.

    Raises Unreadable for a damaged one, StoreError for what may pass.
    """
    if stored.size <= IN_MEMORY or stored.file is None:
        return content(stored)
    with _read(stored.file):
        there = FileBytes(stored.file)
    _prove(stored, lambda _piece: None)
    return Joined(stored.head, there)


def _prove(stored: Stored, take: Callable[[bytes], object]) -> None:
    """Read the file of a mail piece by piece, and see that it is as it was accepted."""
    assert stored.file is not None  # noqa: S101 - a body is in a row or in a file
    crc, size = 0, len(stored.head)
    with _read(stored.file):
        handle = os.open(stored.file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            while piece := os.read(handle, _CHUNK):
                crc = zlib.crc32(piece, crc)
                size += len(piece)
                if size > stored.size:
                    break
                take(piece)
        finally:
            os.close(handle)
    if (size, zlib.crc32(stored.head, crc)) != (stored.size, stored.crc):
        raise Unreadable("its file is not as it was accepted: the bytes on the disk changed")


@contextlib.contextmanager
def _read(path: Path) -> Iterator[None]:
    """What the system says of a file, as this module's errors."""
    try:
        yield
    except OSError as error:
        if error.errno in _DAMAGE:
            raise Unreadable(f"its file cannot be read ({os.strerror(error.errno or 0)})") from error
        raise cannot_read(path, error) from error


def remove(path: Path) -> None:
    """Remove the file of a mail that left the queue; one that stays is swept at the next opening."""
    with contextlib.suppress(OSError):
        path.unlink()


def sweep(desk: Desk) -> None:
    """Remove the files that no mail names: of clients that went away, and of mails that left."""
    with contextlib.suppress(OSError):
        for path in desk.bodies.iterdir():
            number = decode(path.name)
            if number is None:
                continue  # not of our making
            named = desk.base.execute("SELECT 1 FROM mails WHERE id = ? AND body IS NULL", (number,))
            if named.fetchone() is None:
                remove(path)
