"""A mail that lies in several places, its head in memory, its body in a file: read as one, not copied.

What is looked at is read from the disk each time, so that a mail of any size costs little memory.
"""

from __future__ import annotations

import os
import weakref
from pathlib import Path
from typing import Protocol

_CHUNK = 256 * 1024


class Bytes(Protocol):
    """What can be looked at as bytes are."""

    def __len__(self) -> int:
        """How many there are."""
        ...

    def __getitem__(self, key: slice, /) -> bytes:
        """A copy of a run of them."""
        ...

    def find(self, sub: bytes, start: int = ..., end: int = ..., /) -> int:
        """Where `sub` begins, or -1; as bytes.find does."""
        ...


class FileBytes:
    """The bytes of a file that nobody changes; it may be removed meanwhile. Raises OSError.

    A piece of it is kept in memory, for whoever looks nearby.
    """

    def __init__(self, path: Path) -> None:
        self._handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        weakref.finalize(self, os.close, self._handle)
        self._size = os.fstat(self._handle).st_size
        self._at = 0
        self._piece = b""

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, key: slice) -> bytes:
        start, stop = _run(key, self._size)
        if stop - start > _CHUNK:
            return self._read(start, stop)
        if start < self._at or stop > self._at + len(self._piece):
            self._at, self._piece = start, self._read(start, min(start + _CHUNK, self._size))
        return self._piece[start - self._at : stop - self._at]

    def _read(self, start: int, stop: int) -> bytes:
        pieces = []
        while start < stop:
            piece = os.pread(self._handle, stop - start, start)
            if not piece:
                raise OSError(f"the file ends at byte {start}, and had {self._size}")
            pieces.append(piece)
            start += len(piece)
        return b"".join(pieces)

    def find(self, sub: bytes, start: int = 0, end: int | None = None) -> int:
        """Where `sub` begins, or -1."""
        start, end = _run(slice(start, end), self._size)
        overlap = max(len(sub) - 1, 0)
        while start + len(sub) <= end:
            stop = min(start + _CHUNK, end)
            found = self[start:stop].find(sub)
            if found >= 0:
                return start + found
            if stop == end:
                break
            start = stop - overlap
        return -1


class Joined:
    """Several runs of bytes as one."""

    def __init__(self, *parts: Bytes) -> None:
        self._parts = [part for part in parts if len(part)]
        self._size = sum(len(part) for part in self._parts)

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, key: slice) -> bytes:
        start, stop = _run(key, self._size)
        found, at = [], 0
        for part in self._parts:
            if at >= stop:
                break
            if start < at + len(part):
                found.append(part[max(start - at, 0) : stop - at])
            at += len(part)
        return found[0] if len(found) == 1 else b"".join(found)

    def find(self, sub: bytes, start: int = 0, end: int | None = None) -> int:
        """Where `sub` begins, or -1."""
        start, end = _run(slice(start, end), self._size)
        at = 0
        for part in self._parts:
            after = at + len(part)
            if start < after and at < end:
                found = part.find(sub, max(start - at, 0), min(end - at, len(part)))
                if found >= 0:
                    return at + found
                # What begins at the end of this part may go on in the next ones.
                first = max(start, after - max(len(sub) - 1, 0))
                border = self[first : min(end, after + max(len(sub) - 1, 0))].find(sub)
                if border >= 0:
                    return first + border
            at = after
        return -1


class Rest:
    """What is left of something behind its first bytes."""

    def __init__(self, whole: Bytes, start: int) -> None:
        self._whole = whole
        self._start = min(start, len(whole))

    def __len__(self) -> int:
        return len(self._whole) - self._start

    def __getitem__(self, key: slice) -> bytes:
        start, stop = _run(key, len(self))
        return self._whole[start + self._start : stop + self._start]

    def find(self, sub: bytes, start: int = 0, end: int | None = None) -> int:
        """Where `sub` begins, or -1."""
        start, end = _run(slice(start, end), len(self))
        found = self._whole.find(sub, start + self._start, end + self._start)
        return found - self._start if found >= 0 else -1


def _run(key: slice, size: int) -> tuple[int, int]:
    start, stop, step = key.indices(size)
    if step != 1:
        raise ValueError("only runs of bytes are given")
    return start, max(start, stop)
