"""The connections beneath web requests: name, proxy, TCP and TLS by the same code as SMTP.

It never takes a proxy or a certificate from the environment, and never connects but as the route says.
"""

from __future__ import annotations

import asyncio
import select
import ssl
from collections.abc import Iterable
from datetime import UTC, datetime

import httpcore

from transports.base import Cause, StepName
from transports.net.failures import cause_of, from_error, unreachable, words_of
from transports.net.reach import reach
from transports.net.resolve import Resolver
from transports.net.tls import client_context, learn
from transports.routes import HttpRoute, ServerAddress
from transports.trace import Trace, silent


class Backend(httpcore.AsyncNetworkBackend):
    """httpcore's door to the network, along the route of a profile. Raises TransportError only."""

    def __init__(self, route: HttpRoute, step: StepName, resolver: Resolver) -> None:
        self._route = route
        self._step = step
        self._resolver = resolver
        self._spare: dict[tuple[str, int], list[Stream]] = {}

    async def prepare(self, host: str, port: int, trace: Trace) -> None:
        """Connect and begin TLS now, each step told; the next request to this place takes that connection.

        Raises TransportError, of the step at which it failed.
        """
        server = ServerAddress(host.strip("[]"), port, "tls")
        stream = await self._stream(server, trace)
        done = False
        try:
            async with trace.step(StepName.TLS) as step:
                stream.step = step.name
                await stream.start_tls(client_context(self._route.ca_file, step.name), server.host)
                tls = stream.get_extra_info("ssl_object")
                if isinstance(tls, ssl.SSLObject):
                    learn(step, tls, datetime.now(UTC))
            done = True
        finally:
            if not done:
                await stream.aclose()
        stream.step = self._step
        self._spare.setdefault((server.host, port), []).append(stream)

    async def close(self) -> None:
        """Close what was prepared and not used."""
        spare, self._spare = self._spare, {}
        for streams in spare.values():
            for stream in streams:
                await stream.aclose()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[object] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """A connection to the host, or through the proxy, which then resolves its name."""
        server = ServerAddress(host.strip("[]"), port, "tls")
        spare = self._spare.get((server.host, port), [])
        while spare:
            stream = spare.pop()
            if not stream.ended:  # session tickets may lie there unread, which is no end
                return stream
            await stream.aclose()  # it has been closed meanwhile
        return await self._stream(server, silent())

    async def _stream(self, server: ServerAddress, trace: Trace) -> Stream:
        route = self._route
        sock = await reach(server, route.proxy, route.timeouts, self._resolver, trace)
        handed_over = False
        try:
            reader, writer = await asyncio.open_connection(sock=sock)
            handed_over = True
        finally:
            if not handed_over:
                sock.close()
        return Stream(reader, writer, self._route, self._step)

    async def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[object] | None = None
    ) -> httpcore.AsyncNetworkStream:
        """Never asked for: no route leads to a Unix socket."""
        raise unreachable(self._step, Cause.UNREACHABLE, "web requests do not go to Unix sockets")

    async def sleep(self, seconds: float) -> None:
        """Between attempts; there are none, since a request is never repeated unseen."""
        await asyncio.sleep(seconds)


class Stream(httpcore.AsyncNetworkStream):
    """One connection, plain until `start_tls`. Network errors are TransportErrors here already."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, route: HttpRoute, step: StepName
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._route = route
        self.step = step
        """The step of its failures."""
        self._secured = False
        self.answered = False
        """Has anything been read since the last write? An answer without that is none to this request."""

    @property
    def ended(self) -> bool:
        """Whether the other side, or this one, has closed it."""
        return self._reader.at_eof() or self._writer.is_closing()

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """What is there, b"" at the end."""
        try:
            found = await self._reader.read(max_bytes)
        except OSError as error:
            raise from_error(self.step, error) from error
        self.answered = True
        return found

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """All of it."""
        self.answered = False
        try:
            self._writer.write(buffer)
            await self._writer.drain()
        except OSError as error:
            raise from_error(self.step, error) from error

    async def aclose(self) -> None:
        """At once, whatever the other side does: an answer was read to its end, or is not wanted.

        Nobody waits for the end: asyncio never tells it of a TLS handshake that was broken off.
        """
        self._writer.transport.abort()
        await asyncio.sleep(0)  # one turn of the loop, in which the socket is closed

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        """TLS with the route's own trust; httpcore's context is not used, and knows no certificate."""
        if self._secured:  # it was prepared
            return self
        seconds = self._route.timeouts.tls
        done = False
        try:
            if self._unread():
                # Read later, it would pass for the answer of a server whose certificate was verified.
                words = "the server spoke before TLS had begun"
                raise unreachable(self.step, Cause.TLS_ON_PLAIN_PORT, words)
            context = client_context(self._route.ca_file, self.step)
            async with asyncio.timeout(seconds):
                await self._writer.start_tls(context, server_hostname=server_hostname)
            done = self._secured = True
        except TimeoutError as error:
            words = f"no answer within {seconds:g} s while starting TLS"
            raise unreachable(self.step, Cause.TIMED_OUT, words) from error
        except (OSError, ssl.CertificateError) as error:
            raise unreachable(self.step, cause_of(error), words_of(error)) from error
        finally:
            if not done:
                await self.aclose()
        return self

    def get_extra_info(self, info: str) -> object:
        """httpcore asks whether an idle connection has been closed, or something came unasked."""
        if info == "is_readable":
            return self._unread() or self.ended or self._waiting()
        if info == "ssl_object":
            return self._writer.get_extra_info("ssl_object")
        return None

    def _unread(self) -> bool:
        """Does the reader hold bytes that nobody asked for? There is no public way to see it."""
        return bool(self._reader._buffer)  # type: ignore[attr-defined]

    def _waiting(self) -> bool:
        """Has the system something for us that the event loop has not seen yet? An end, as a rule."""
        sock = self._writer.get_extra_info("socket")
        if sock is None or sock.fileno() < 0:
            return True
        poll = select.poll()
        poll.register(sock.fileno(), select.POLLIN)
        return bool(poll.poll(0))
