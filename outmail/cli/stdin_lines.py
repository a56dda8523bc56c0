"""Lines typed or piped into a command while it works: what a person pastes, one call a line.

Nobody is asked for anything: an end of input is quiet, and nothing is read after the block.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator, Callable

_LONGEST = 64 * 1024
"""Bytes without a line end after which what came is dropped; an address has some 3 KB."""


@contextlib.asynccontextmanager
async def stdin_lines(take: Callable[[str], None], ended: Callable[[], None]) -> AsyncIterator[None]:
    """Hand every line of stdin to `take` for the length of the block, and say once when there are no more."""
    if sys.stdin is None:
        ended()
        yield
        return
    descriptor = sys.stdin.fileno()
    loop = asyncio.get_running_loop()

    def end() -> None:
        loop.remove_reader(descriptor)
        ended()

    reader = _Lines(descriptor, take, end)
    try:
        loop.add_reader(descriptor, reader.read)
    except PermissionError:  # a file: it has everything at once
        reader.read_all()
        ended()
        yield
        return
    try:
        yield
    finally:
        loop.remove_reader(descriptor)


class _Lines:
    def __init__(self, descriptor: int, take: Callable[[str], None], end: Callable[[], object]) -> None:
        self._descriptor = descriptor
        self._take = take
        self._end = end
        self._rest = b""

    def read(self) -> None:
        """What is there now; the end of input stops the reading."""
        try:
            got = os.read(self._descriptor, _LONGEST)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:  # the terminal is gone
            got = b""
        self._rest += got or b"\n"
        *lines, self._rest = self._rest.split(b"\n")
        for line in lines:
            if line.strip():
                self._take(line.decode("utf-8", "replace").strip())
        if not got:
            self._end()
        elif len(self._rest) > _LONGEST:
            self._rest = b""

    def read_all(self) -> None:
        """The lines of a file, as far as it makes sense."""
        for line in os.read(self._descriptor, _LONGEST).split(b"\n"):
            if line.strip():
                self._take(line.decode("utf-8", "replace").strip())
