"""Commands to a running practice tenant, a line each; any line is answered by one JSON object.

It reads lines from its socket; what it must never do is fall over a line that makes no sense.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable
from pathlib import Path

from outmail.demo.faults import UnknownFault
from outmail.demo.tenant import PracticeTenant
from transports.trace import harmless

Answer = dict[str, object]

LONGEST_LINE = 4096
"""Bytes of a command line; what is longer is refused unread."""
MOST_CLIENTS = 8
IDLE_SECONDS = 600.0
_MOST_LISTED = 20

COMMANDS = {
    "fault": "fault SERVER [FAULT]: give a server a fault ('none' mends it), or say which it has",
    "faults": "faults: every fault with its meaning and the servers on which it can be seen",
    "mails": "mails [N]: the last N mails that arrived (20 unless told, 100 at most)",
    "help": "help: this list",
    "quit": "quit: end the practice tenant",
}


class Control:
    """Understands the commands; `quit` is called when somebody asks for the end."""

    def __init__(self, tenant: PracticeTenant, quit_: Callable[[], None]) -> None:
        self._tenant = tenant
        self._quit = quit_

    def answer(self, line: bytes) -> Answer:
        """What a line of any bytes gets: an object with "ok", and with "error" and "known" if it is false."""
        words = line.decode("utf-8", "replace").split()
        match words:
            case ["fault", server]:
                return self._fault(server)
            case ["fault", server, fault]:
                return self._set_fault(server, fault)
            case ["fault", *_]:
                return _error("fault takes a server and a fault", self._tenant.ports)
            case ["faults"]:
                return self._faults()
            case ["mails"]:
                return self._mails(_MOST_LISTED)
            case ["mails", number] if number.isascii() and number.isdigit() and len(number) <= 3:
                return self._mails(min(int(number), 100))
            case ["mails", *_]:
                return _error("mails takes a number from 0 to 100, or nothing", ["mails", "mails 5"])
            case ["help"]:
                return {"ok": True, "commands": COMMANDS}
            case ["quit"]:
                self._quit()
                return {"ok": True, "quitting": True}
            case []:
                return _error("an empty line is no command", COMMANDS)
            case [("help" | "faults" | "quit") as command, *_]:
                return _error(f"{command} takes nothing", COMMANDS)
            case [command, *_]:
                return _error(f"there is no command {_short(command)!r}", COMMANDS)
        raise AssertionError(words)  # pragma: no cover - the cases above are all there are

    def _fault(self, server: str) -> Answer:
        now = self._tenant.faults().get(server)
        if now is None:
            return _error(f"there is no server {_short(server)!r}", self._tenant.ports)
        return {"ok": True, "server": server, "fault": now}

    def _set_fault(self, server: str, fault: str) -> Answer:
        try:
            self._tenant.set_fault(server, fault)
        except UnknownFault as error:
            return _error(_short(str(error), 300), error.known)
        except OSError as error:
            return _error(f"the port could not be opened again: {error.strerror}", ["none"])
        return {"ok": True, "server": server, "fault": fault, "means": self._tenant.describe(server, fault)}

    def _faults(self) -> Answer:
        seen: dict[tuple[str, str], list[str]] = {}
        for server in self._tenant.ports.values():
            for fault in server.faults.values():
                seen.setdefault((fault.id, fault.description), []).append(server.name)
        return {
            "ok": True,
            "now": self._tenant.faults(),
            "faults": [
                {"fault": fault, "means": means, "servers": servers}
                for (fault, means), servers in seen.items()
            ],
        }

    def _mails(self, most: int) -> Answer:
        mails = self._tenant.mails[-most:] if most else ()
        return {"ok": True, "kept": len(self._tenant.mails), "mails": [mail.listing() for mail in mails]}


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


def _short(text: str, longest: int = 60) -> str:
    return harmless(text, longest)


def _error(words: str, known: object) -> Answer:
    listed = list(known) if isinstance(known, dict | list | tuple) else []
    return {"ok": False, "error": words, "known": listed}
