"""An authority of Entra's shape on loopback that says what a test tells it to, and notes what it heard."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from urllib.parse import parse_qsl, urlsplit

TENANT = "11111111-2222-3333-4444-555555555555"
CLIENT = "99999999-8888-7777-6666-555555555555"


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer. A mapping as body is sent as JSON; `hang` answers nothing and keeps the line open."""

    status: int = 200
    body: Mapping[str, object] | bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    hang: bool = False


HANG = Reply(hang=True)


@dataclass(frozen=True, slots=True)
class Heard:
    """A request as it came."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    form: dict[str, str]


def refusal(number: int, error: str, words: str = "Something is wrong.", status: int = 400) -> Reply:
    """An error as Entra words it."""
    return Reply(
        status,
        {
            "error": error,
            "error_description": f"AADSTS{number}: {words} Trace ID: 1-2-3 Correlation ID: 4-5-6",
            "error_codes": [number],
            "trace_id": "1-2-3",
            "correlation_id": "4-5-6",
        },
    )


def jwt_of(claims: Mapping[str, object]) -> str:
    """A token that nobody signed."""
    parts = ({"alg": "RS256", "typ": "JWT"}, claims)
    encoded = (base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)
    return ".".join(encoded) + ".c2lnbmF0dXJl"


class EntraServer:
    """Serves while its block lasts, in the test's own loop.

    `say("token", a, b)` answers the first request to a path that ends in /token with a, and every
    later one with b. Nobody signs in twice over one connection here: each answer closes it.
    """

    def __init__(self, tls: ssl.SSLContext | None) -> None:
        self._tls = tls
        self._script: dict[str, list[Reply]] = {}
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.requests: list[Heard] = []
        self.hung = asyncio.Event()
        self.origin = ""

    @property
    def base(self) -> str:
        """The authority, as https://localhost:PORT/TENANT."""
        return f"{self.origin}/{TENANT}"

    def say(self, path: str, *replies: Reply) -> None:
        """What is answered from now on."""
        self._script[path] = list(replies)

    def forms(self, path: str = "token") -> list[dict[str, str]]:
        """The forms that were posted to a path that ends so."""
        return [r.form for r in self.requests if r.path.endswith("/" + path)]

    async def __aenter__(self) -> EntraServer:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls)
        port = self._server.sockets[0].getsockname()[1]
        self.origin = f"{'https' if self._tls else 'http'}://localhost:{port}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._answer(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.transport.abort()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, target, _ = lines[0].split(" ")
        headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines[1:] if line)}
        body = (await reader.readexactly(int(headers.get("content-length", "0")))).decode()
        parts = urlsplit(target)
        self.requests.append(
            Heard(method, parts.path, dict(parse_qsl(parts.query)), headers, dict(parse_qsl(body)))
        )
        reply = self._reply(parts.path)
        if reply.hang:
            self.hung.set()
            await asyncio.Event().wait()
        content = reply.body if isinstance(reply.body, bytes) else json.dumps(dict(reply.body)).encode()
        kind = "text/html" if isinstance(reply.body, bytes) else "application/json"
        sent = {
            "Content-Type": kind,
            "Content-Length": str(len(content)),
            "Connection": "close",
            **reply.headers,
        }
        head = "".join(f"{k}: {v}\r\n" for k, v in sent.items())
        writer.write(f"HTTP/1.1 {reply.status} Word\r\n{head}\r\n".encode() + content)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    def _reply(self, path: str) -> Reply:
        for end, replies in self._script.items():
            if path.endswith(end):
                return replies.pop(0) if len(replies) > 1 else replies[0]
        return Reply(404, b"<html>no such page</html>")
