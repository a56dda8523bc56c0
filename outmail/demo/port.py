"""A port of a practice server on loopback: takes connections, refuses them when "down", cleans up.

It listens on 127.0.0.1 alone and never serves more than a bounded number of connections.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import socket
import ssl
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Generic, TypeVar

from outmail.demo.faults import WELL, Fault, UnknownFault
from outmail.demo.pki import Certificate

log = logging.getLogger(__name__)

HOST = "127.0.0.1"
MOST_CONNECTIONS = 64
LONGEST_CONNECTION = 900.0
"""Seconds after which a connection is ended whatever it does."""
_HANDSHAKE_SECONDS = 30.0

F = TypeVar("F", bound=Fault)


class Conversation(asyncio.Protocol, ABC):
    """The server's side of one connection; `ended` is done when the connection is gone."""

    ended: asyncio.Future[None]
    serving: asyncio.Task[None] | None = None
    """What runs for the connection. Not `_task`: asyncio's stream protocol forgets what it finds there."""

    @abstractmethod
    def transports(self) -> Iterable[asyncio.BaseTransport | None]:
        """What carries the connection, as far as it has begun."""

    def abort(self) -> None:
        """Hang up at once, in the middle of a word if need be."""
        for transport in self.transports():
            if isinstance(transport, asyncio.WriteTransport):
                transport.abort()
        if self.serving is not None:
            self.serving.cancel()

    async def wait(self) -> None:
        """Wait until nothing runs for this connection any more."""
        if self.serving is not None:
            await asyncio.wait({self.serving})

    def note_end(self) -> None:
        """The connection is gone."""
        if not self.ended.done():
            self.ended.set_result(None)


class PracticePort(ABC, Generic[F]):
    """One server of the tenant. Start it with `start`, end it with `close`."""

    def __init__(
        self,
        name: str,
        security: str,
        faults: Mapping[str, F],
        tls: Mapping[Certificate, ssl.SSLContext],
    ) -> None:
        self.name = name
        """primary, alternate, authority, …"""
        self.security = security
        """starttls, tls (from the first byte) or none."""
        self.faults = faults
        """What can be wrong with it, by id."""
        self._tls = tls
        self._fault = faults[WELL]
        self._port: socket.socket | None = None
        self._listener: socket.socket | None = None
        self._connections: set[asyncio.Task[None]] = set()

    @abstractmethod
    def converse(self, fault: F, tls: ssl.SSLContext) -> Conversation:
        """A conversation for a new connection."""

    too_many = b""
    """What one client too many hears before it is hung up on; only in plain text."""

    @property
    def host(self) -> str:
        """The address it listens on."""
        return HOST

    @property
    def port(self) -> int:
        """Its port, the same until it is closed, through every fault."""
        if self._port is None:
            raise RuntimeError("the practice server was not started")
        port: int = self._port.getsockname()[1]
        return port

    @property
    def address(self) -> str:
        """Host and port, as a person writes them."""
        return f"{self.host}:{self.port}"

    @property
    def fault(self) -> str:
        """The id of the present fault."""
        return self._fault.id

    @property
    def possible_faults(self) -> tuple[str, ...]:
        """The ids of the faults that can be seen on this server."""
        return tuple(self.faults)

    @property
    def connections(self) -> int:
        """How many connections are open now."""
        return len(self._connections)

    def start(self) -> None:
        """Take a free port and listen. Raises OSError when the machine has no loopback."""
        # This socket is bound and never listens: it keeps the port ours while the server is "down",
        # when a connection must be refused and no other program may take the port.
        self._port = _bound(0)
        self._listen()

    def set_fault(self, fault: str) -> None:
        """Behave like this from now on, for new connections; "down" ends the open ones too.

        Raises UnknownFault when there is no such fault, or it cannot be seen on this server.
        """
        if fault not in self.faults:
            raise UnknownFault(f"{self.name} cannot have the fault {fault!r}", self.possible_faults)
        self._fault = self.faults[fault]
        if not self._fault.listens:
            self._stop_listening()
            self.hang_up()
        elif self._listener is None:
            self._listen()

    def hang_up(self) -> None:
        """End every open connection, soon."""
        for task in self._connections:
            task.cancel()

    async def close(self) -> None:
        """Close the port and every connection, and wait until they are gone."""
        self._stop_listening()
        self.hang_up()
        await asyncio.gather(*self._connections, return_exceptions=True)
        if self._port is not None:
            self._port.close()
            self._port = None

    def _listen(self) -> None:
        listener = _bound(self.port)
        listener.listen(MOST_CONNECTIONS)
        self._listener = listener
        asyncio.get_running_loop().add_reader(listener, self._accept, listener)

    def _stop_listening(self) -> None:
        if self._listener is not None:
            asyncio.get_running_loop().remove_reader(self._listener)
            self._listener.close()
            self._listener = None

    def _accept(self, listener: socket.socket) -> None:
        try:
            connection, _peer = listener.accept()
        except OSError as error:
            if error.errno in {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}:
                # The waiting connection stays readable: without a pause this would spin.
                loop = asyncio.get_running_loop()
                loop.remove_reader(listener)
                loop.call_later(1.0, self._accept_again, listener)
            return
        connection.setblocking(False)
        # asyncio does so by itself for sockets that say they are TCP, which an accepted one does not.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if len(self._connections) >= MOST_CONNECTIONS:
            with contextlib.suppress(OSError):
                if self.security != "tls" and self.too_many:
                    connection.send(self.too_many)
            connection.close()
            return
        task = asyncio.get_running_loop().create_task(self._serve(connection))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)
        # A task that is cancelled before it began has no transport that would close this.
        task.add_done_callback(lambda _task: connection.close())

    def _accept_again(self, listener: socket.socket) -> None:
        if self._listener is listener:
            asyncio.get_running_loop().add_reader(listener, self._accept, listener)

    async def _serve(self, connection: socket.socket) -> None:
        fault = self._fault
        tls = self._tls[fault.certificate]
        conversation = self.converse(fault, tls) if fault.greets else _Silence()
        from_the_start = self.security == "tls" and fault.greets
        try:
            async with asyncio.timeout(LONGEST_CONNECTION):
                await asyncio.get_running_loop().connect_accepted_socket(
                    lambda: conversation,
                    connection,
                    ssl=tls if from_the_start else None,
                    ssl_handshake_timeout=_HANDSHAKE_SECONDS if from_the_start else None,
                )
                await conversation.ended
        except (OSError, TimeoutError) as error:
            # A client that does not like our certificate ends here; so does one that talks no TLS.
            log.debug("%s: connection ended: %s", self.name, error)
        finally:
            conversation.abort()
            await conversation.wait()


class _Silence(Conversation):
    """A server that is stuck: it takes the connection, reads what comes and never says a word."""

    def __init__(self) -> None:
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._transport: asyncio.BaseTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        self.note_end()

    def transports(self) -> Iterable[asyncio.BaseTransport | None]:
        return (self._transport,)


def _bound(port: int) -> socket.socket:
    found = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        found.setblocking(False)
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind((HOST, port))
    except OSError:
        found.close()
        raise
    return found
