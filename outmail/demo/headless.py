"""The practice tenant without a screen: one line of JSON, then commands on stdin and its socket.

stdout carries JSON lines and nothing else. It ends at SIGTERM, SIGINT or `quit`, never at the end of stdin.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import queue
import signal
import sys
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from outmail.demo.commands import Answer
from outmail.demo.control import TOO_LONG, LineReader, as_line
from outmail.demo.session import DemoSession
from store.keys import KeyOptions

_CHUNK = 4096
_MOST_WAITING = 256
_ENDS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def main(home: Path | None = None, keys: KeyOptions | None = None) -> int:
    """Serve until told to end; returns the exit code. Raises OSError and StoreError when it cannot start."""
    return asyncio.run(serve(home, keys=keys))


async def serve(
    home: Path | None,
    stdin: int | None = None,
    stdout: int | None = None,
    keys: KeyOptions | None = None,
) -> int:
    """Serve on these file descriptors (the process's own by default); they stay open at the end."""
    read_from = (sys.stdin.fileno() if sys.stdin else 0) if stdin is None else stdin
    writer = _Writer(sys.stdout.fileno() if stdout is None else stdout)
    loop = asyncio.get_running_loop()
    # In the background of a terminal, reading it would stop the process; so the read fails instead.
    before = signal.signal(signal.SIGTTIN, signal.SIG_IGN)
    session = DemoSession(home, keys=keys)
    for end in _ENDS:
        # Before the start, so that a signal in its midst leaves no folder behind.
        loop.add_signal_handler(end, session.ended.set)
    try:
        async with session:
            writer.put(session.announcement())
            lines = LineReader()

            def heard(data: bytes) -> None:
                for line in lines.feed(data):
                    if not (line or line is None):
                        continue  # an empty line on a terminal is a person making room
                    writer.put(TOO_LONG if line is None else session.control.answer(line))

            async with _reading(read_from, heard):
                await session.ended.wait()
    finally:
        for end in _ENDS:
            loop.remove_signal_handler(end)
        signal.signal(signal.SIGTTIN, before)
        await asyncio.to_thread(writer.close)
    return 0


@contextlib.asynccontextmanager
async def _reading(descriptor: int, heard: Callable[[bytes], None]) -> AsyncIterator[None]:
    loop = asyncio.get_running_loop()

    def ready() -> None:
        try:
            data = os.read(descriptor, _CHUNK)
        except OSError:
            data = b""
        if data:
            heard(data)
        else:
            loop.remove_reader(descriptor)
            heard(b"\n")  # the last line may have come without its end

    try:
        loop.add_reader(descriptor, ready)
    except (PermissionError, ValueError):
        # A plain file or /dev/null cannot be waited for: it is there already.
        heard(await asyncio.to_thread(_all_of, descriptor))
    try:
        yield
    finally:
        loop.remove_reader(descriptor)


def _all_of(descriptor: int) -> bytes:
    data = os.read(descriptor, 16 * _CHUNK)
    return data if not data or data.endswith(b"\n") else data + b"\n"


class _Writer:
    """Writes lines in a thread of its own: a reader that sleeps must not stop the mail servers."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._waiting: queue.Queue[bytes | None] = queue.Queue(_MOST_WAITING)
        self._thread = threading.Thread(target=self._run, name="demo-stdout", daemon=True)
        self._thread.start()

    def put(self, answer: Answer) -> None:
        """Write an answer soon; dropped where nobody has read the last few hundred."""
        with contextlib.suppress(queue.Full):
            self._waiting.put_nowait(as_line(answer))

    def close(self) -> None:
        """Give a reader a second for what is still waiting."""
        with contextlib.suppress(queue.Full):
            self._waiting.put_nowait(None)
        self._thread.join(1.0)

    def _run(self) -> None:
        while (line := self._waiting.get()) is not None:
            try:
                while line:
                    line = line[os.write(self._descriptor, line) :]
            except OSError:
                return  # nobody reads any more
