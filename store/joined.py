"""A mail that lies in two places, its head in memory, its body in a file: read as one, and not copied whole.

It serves those who look at a large mail: where something is in it, and what stands between two places.
"""

from __future__ import annotations

import mmap


class Joined:
    """`head` and `body` as one run of bytes; a slice is a copy of that much."""

    def __init__(self, head: bytes, body: bytes | mmap.mmap) -> None:
        self._head = head
        self._body = body

    def __len__(self) -> int:
        return len(self._head) + len(self._body)

    def __getitem__(self, key: slice) -> bytes:
        start, stop, step = key.indices(len(self))
        if step != 1:
            raise ValueError("only runs of bytes are given")
        border = len(self._head)
        if stop <= border:
            return self._head[start:stop]
        if start >= border:
            return self._body[start - border : stop - border]
        return self._head[start:] + self._body[: stop - border]

    def find(self, sub: bytes, start: int = 0, end: int | None = None) -> int:
        """Where `sub` begins between two places, or -1; as bytes.find does."""
        start, end, _ = slice(start, end).indices(len(self))
        border = len(self._head)
        if start < border:
            # What begins in the head may end in the body.
            reach = min(end, border + max(len(sub) - 1, 0))
            found = self[start:reach].find(sub)
            if found >= 0:
                return start + found
            start = border
        if start > end:
            return -1
        found = self._body.find(sub, start - border, end - border)
        return found + border if found >= 0 else -1
