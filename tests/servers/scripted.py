"""A small SMTP server that says exactly what a test tells it to, however wrong; it notes what it heard."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterable, Mapping
from enum import Enum, auto
from types import TracebackType


class Act(Enum):
    """What a server may do in place of an answer."""

    HANG = auto()  # say nothing, and keep the line open
    DROP = auto()  # hang up


Answer = bytes | Act
Script = Mapping[str, Answer | list[Answer]]

DEFAULTS: dict[str, bytes] = {
    "GREETING": b"220 scripted.test ESMTP\r\n",
    "HELO": b"250 scripted.test\r\n",
    "MAIL": b"250 2.1.0 Ok\r\n",
    "RCPT": b"250 2.1.5 Ok\r\n",
    "DATA": b"354 Go ahead\r\n",
    "DOT": b"250 2.0.0 Ok: queued as ABC\r\n",
    "RSET": b"250 2.0.0 Ok\r\n",
    "STARTTLS": b"220 2.0.0 Go ahead\r\n",
    "AUTH": b"235 2.7.0 Authentication successful\r\n",
    "QUIT": b"221 2.0.0 Bye\r\n",
}

PLAIN_CAPABILITIES = ("PIPELINING", "SIZE 1000000", "8BITMIME", "SMTPUTF8", "DSN", "ENHANCEDSTATUSCODES")


class ScriptedServer:
    """Serves on loopback while its block lasts.

    `script` maps a verb (or GREETING, DOT for the end of a message, LINE for what follows a 334) to
    an answer, or to answers used up one by one, the last one again and again.
    """

    def __init__(
        self,
        script: Script | None = None,
        *,
        capabilities: Iterable[str] = PLAIN_CAPABILITIES,
        capabilities_after_tls: Iterable[str] | None = None,
        tls: ssl.SSLContext | None = None,
        tls_first: bool = False,
        host: str = "127.0.0.1",
    ) -> None:
        self._script: dict[str, list[Answer]] = {
            verb: list(answer) if isinstance(answer, list) else [answer]
            for verb, answer in (script or {}).items()
        }
        self._before = tuple(capabilities)
        self._after = tuple(capabilities_after_tls) if capabilities_after_tls is not None else self._before
        self._tls = tls
        self._tls_first = tls_first
        self.host = host
        self.port = 0
        self.heard: list[str] = []  # every line that was no part of a message
        self.messages: list[bytes] = []  # as on the wire: dots still stuffed
        self.connections = 0
        self.gone = asyncio.Event()  # a client hung up
        self.hanging = asyncio.Event()  # it was asked something that it will not answer
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> ScriptedServer:
        context = self._tls if self._tls_first else None
        self._server = await asyncio.start_server(self._accept, self.host, 0, ssl=context)
        self.port = int(self._server.sockets[0].getsockname()[1])
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def verbs(self) -> list[str]:
        """The first word of each line heard."""
        return [line.split(" ", 1)[0].upper() for line in self.heard]

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
        self.connections += 1
        try:
            await self._serve(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self.gone.set()
            writer.transport.abort()

    def _answer(self, verb: str, secured: bool) -> Answer:
        answers = self._script.get(verb)
        if answers:
            return answers.pop(0) if len(answers) > 1 else answers[0]
        if verb == "EHLO":
            offered = ["scripted.test", *(self._after if secured else self._before)]
            return "".join(
                f"250{' ' if place == len(offered) - 1 else '-'}{word}\r\n"
                for place, word in enumerate(offered)
            ).encode()
        return DEFAULTS.get(verb, b"502 5.5.2 Error: command not recognized\r\n")

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        secured = self._tls_first
        verb = "GREETING"
        while True:
            answer = self._answer(verb, secured)
            if answer is Act.DROP:
                return
            if isinstance(answer, bytes):
                writer.write(answer)
                await writer.drain()
                if verb == "QUIT":
                    return
                if verb == "STARTTLS" and answer.startswith(b"220") and self._tls:
                    await writer.start_tls(self._tls)
                    secured = True
                if verb == "DATA" and answer.startswith(b"354"):
                    self.messages.append(await _message(reader))
                    verb = "DOT"
                    continue
                waits = answer.startswith(b"334")
            else:
                waits = False
                self.hanging.set()
            line = await reader.readline()
            if not line:
                return
            text = line.decode("utf-8", "replace").rstrip("\r\n")
            self.heard.append(text)
            verb = "LINE" if waits else text.split(" ", 1)[0].upper()


async def _message(reader: asyncio.StreamReader) -> bytes:
    """Up to its end, which an empty one begins with."""
    lines = [await reader.readline()]
    while lines[-1] not in {b".\r\n", b""}:
        lines.append(await reader.readline())
    if not lines[-1]:
        raise asyncio.IncompleteReadError(b"".join(lines), None)
    return b"".join(lines)
