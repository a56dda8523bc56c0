"""Commands to a running practice tenant, a line each; any line is answered by one JSON object.

It reads lines from its socket; what it must never do is fall over a line that makes no sense.
"""

from __future__ import annotations

import asyncio
import json
import socket
from pathlib import Path

from outmail.demo.commands import COMMANDS, Answer, Control

LONGEST_LINE = 4096
"""Bytes of a command line; what is longer is refused unread."""
MOST_CLIENTS = 8
IDLE_SECONDS = 600.0


def as_line(answer: Answer) -> bytes:
    """An answer as it is written: one line of JSON, ASCII only."""
    return json.dumps(answer).encode("ascii") + b"\n"


TOO_LONG: Answer = {
    "ok": False,
    "error": f"a line has at most {LONGEST_LINE} bytes",
    "known": list(COMMANDS),
}


class LineReader:
    """Cuts bytes into lines; a line over the limit is skipped to its end and reported as None."""

    def __init__(self) -> None:
        self._buffer = b""
        self._skipping = False

    def feed(self, data: bytes) -> list[bytes | None]:
        """The lines that are complete now, without their ends."""
        *whole, rest = (self._buffer + data).split(b"\n")
        found: list[bytes | None] = []
        for line in whole:
            if not self._skipping:
                found.append(line if len(line) <= LONGEST_LINE else None)
            self._skipping = False
        self._buffer = b"" if self._skipping else rest
        if len(self._buffer) > LONGEST_LINE:
            found.append(None)
            self._buffer, self._skipping = b"", True
        return found


class ControlSocket:
    """The Unix socket on which programs of the same user give commands; its file is mode 0600."""

    def __init__(self, control: Control, path: Path) -> None:
        self._control = control
        self.path = path
        self._server: asyncio.Server | None = None
        self._clients: set[asyncio.Task[None]] = set()

    @property
    def busy(self) -> int:
        """How many clients are connected."""
        return len(self._clients)

    async def open(self) -> None:
        """Listen; the folder must be there. Raises OSError, also for a path over 107 bytes (unix(7))."""
        if await asyncio.to_thread(_answers, self.path):
            raise OSError(f"another practice tenant is running in this home: {self.path} answers")
        try:
            self._server = await asyncio.start_unix_server(self._connected, self.path, limit=LONGEST_LINE)
        except ValueError as error:
            raise OSError(f"cannot make the socket {self.path}: {error}") from error
        self.path.chmod(0o600)

    async def close(self) -> None:
        """Hang up on everybody and remove the socket."""
        if self._server is None:
            return
        self._server.close()
        for task in self._clients:
            task.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)
        self.path.unlink(missing_ok=True)
        self._server = None

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A task of our own: the one asyncio would make complains aloud when it is cancelled.
        if len(self._clients) >= MOST_CLIENTS:
            writer.close()
            return
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._clients.add(task)
        task.add_done_callback(self._clients.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            lines = LineReader()
            while True:
                # Not wait_for: on Python 3.11 it can swallow the cancellation that ends the tenant.
                async with asyncio.timeout(IDLE_SECONDS):
                    data = await reader.read(LONGEST_LINE)
                    if not data:
                        break
                    for line in lines.feed(data):
                        writer.write(as_line(TOO_LONG if line is None else self._control.answer(line)))
                        await writer.drain()
        except (OSError, TimeoutError):
            pass  # the client went away, or forgot us
        finally:
            writer.close()


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
        except OSError:
            return False  # nothing there, or what a tenant that was killed left behind
        return True
