"""A web server on loopback that answers as it is told, byte for byte, and counts what it hears."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import pytest

from tests.servers.pki import KeyPair, Pki
from tests.transports.watching import SWIFT
from transports.base import Failure, TransportError
from transports.http import HttpClient
from transports.net.resolve import Resolver, system_resolver
from transports.routes import HttpRoute, ProxyRoute, Timeouts

SECRET = "request-marked-secret"


@dataclass(frozen=True)
class Asked:
    """One request as it came."""

    line: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str:
        """The one header of this name, or ""."""
        found = [value for key, value in self.headers if key == name.lower()]
        assert len(found) <= 1, name
        return found[0] if found else ""


Reply = Callable[[asyncio.StreamWriter], Awaitable[None]]


def page(body: bytes = b"{}", status: str = "200 OK", *headers: str) -> bytes:
    """An ordinary answer, after which the connection stays."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def says(*pieces: bytes, close: bool = False) -> Reply:
    """These bytes, and the end of the connection where `close`."""

    async def reply(writer: asyncio.StreamWriter) -> None:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        if close:
            writer.close()

    return reply


def drips(before: bytes, each: bytes) -> Reply:
    """Never ends."""

    async def reply(writer: asyncio.StreamWriter) -> None:
        writer.write(before)
        while True:
            writer.write(each)
            await writer.drain()
            await asyncio.sleep(0.01)  # the point of this server

    return reply


async def silence(writer: asyncio.StreamWriter) -> None:
    """Never answers."""
    await asyncio.get_running_loop().create_future()


class WebServer:
    """Each request gets the next reply; the last one is for all that follow."""

    def __init__(self, *replies: Reply, tls: KeyPair | None = None, host: str = "127.0.0.1") -> None:
        self._replies = list(replies) or [says(page())]
        self._tls = tls
        self._host = host
        self._tasks: set[asyncio.Task[None]] = set()
        self.asked: list[Asked] = []
        self.heard = asyncio.Event()
        self.connections: list[asyncio.StreamWriter] = []

    async def __aenter__(self) -> WebServer:
        context: ssl.SSLContext | None = self._tls.context() if self._tls else None
        self._server = await asyncio.start_server(self._serve, self._host, 0, ssl=context)
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def url(self, path: str = "/", host: str = "127.0.0.1") -> str:
        """Its address."""
        return f"{'https' if self._tls else 'http'}://{host}:{self.port}{path}"

    def hang_up(self, *, reset: bool = False) -> None:
        """End every connection; by RST where `reset`."""
        for writer in self.connections:
            if reset:
                writer.transport.abort()
            else:
                writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._tasks.add(task)
        self.connections.append(writer)
        try:
            # CancelledError: asyncio's own callback would put it into the log as an error of the test.
            with contextlib.suppress(asyncio.IncompleteReadError, OSError, asyncio.CancelledError):
                while not writer.is_closing():
                    self.asked.append(await _request(reader))
                    self.heard.set()
                    reply = self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]
                    await reply(writer)
        finally:
            writer.transport.abort()
            self._tasks.discard(task)


async def _request(reader: asyncio.StreamReader) -> Asked:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = tuple((k.lower(), v.strip()) for k, _, v in (line.partition(":") for line in head[1:] if line))
    length = int(dict(headers).get("content-length", "0"))
    return Asked(head[0], headers, await reader.readexactly(length))


@asynccontextmanager
async def client(
    pki: Pki | None = None,
    *,
    proxy: ProxyRoute | None = None,
    timeouts: Timeouts = SWIFT,
    resolver: Resolver = system_resolver,
) -> AsyncIterator[HttpClient]:
    """A client that trusts `pki`, and speaks plain HTTP where it is told to."""
    route = HttpRoute(proxy, str(pki.ca_file) if pki else None, timeouts)
    async with HttpClient(route, allow_http=True, resolver=resolver) as found:
        yield found


async def failing(asking: Awaitable[object], *secrets: str) -> Failure:
    """The failure of a request that must fail; none of the secrets is in anything that it tells."""
    with pytest.raises(TransportError) as caught:
        await asking
    told = everything(caught.value)
    for secret in secrets:
        assert secret not in told
    return caught.value.failure


def everything(error: BaseException) -> str:
    """All that a traceback, a log or a screen could show of an error and of those behind it."""
    return "\n".join(f"{e!s} {e!r} {e.args!r} {getattr(e, 'failure', '')!r}" for e in _chain(error))


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


@dataclass
class Raw:
    """A server of bytes: what it heard first, and when."""

    port: int
    first: bytes = b""
    heard: asyncio.Event = field(default_factory=asyncio.Event)


@asynccontextmanager
async def raw(*pieces: bytes, at_once: bool = False) -> AsyncIterator[Raw]:
    """Says the pieces, after the first bytes it hears or at once; then it is silent, and never hangs up."""
    over = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not at_once:
            found.first = await reader.read(65536)
            found.heard.set()
        for piece in pieces:
            writer.write(piece)
        await over.wait()
        writer.transport.abort()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        found = Raw(server.sockets[0].getsockname()[1])
        try:
            yield found
        finally:
            over.set()


def swift(**changes: float) -> Timeouts:
    """The tests' time limits, with changes."""
    return replace(SWIFT, **changes)


async def post(http: HttpClient, url: str) -> bytes:
    """A request with a secret in each place."""
    headers = {"Authorization": f"Bearer {SECRET}"}
    return (await http.request("POST", f"{url}?a={SECRET}", headers=headers, form={"a": SECRET})).body
