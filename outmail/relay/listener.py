"""A door for clients: SMTP on an address or a Unix socket, for so many, each while it makes progress.

It serves only clients from networks it was told to serve; loopback alone, unless somebody says otherwise.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from math import inf
from pathlib import Path
from typing import cast

from outmail.relay.dialogue import Dialogue
from outmail.relay.events import Body, Dropped, Event, HangUp, Login, Mail, Recipient, Reply, Sender, StartTls
from outmail.relay.intake import Incoming, Intake
from outmail.relay.replies import Answer
from outmail.relay.rules import Rules
from transports.secret import Secret

log = logging.getLogger(__name__)

Network = IPv4Network | IPv6Network

LOOPBACK: tuple[Network, ...] = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
UNIX = "unix"
"""What a client at a Unix socket is called."""

NOT_YOU = Answer(554, "5.7.1", "This relay does not serve your network").line
TOO_MANY = Answer(421, "4.7.0", "Too many connections; try again later").line
_TLS_SECONDS = 30.0
_BACKLOG = 256
_LAST_WORDS_SECONDS = 10.0

CheckLogin = Callable[[str, Secret], Awaitable[bool | None]]
"""Whether user name and password are right; None where that cannot be told now."""


async def nobody(_username: str, _password: Secret) -> bool | None:
    """Where nobody can sign in."""
    return False


MaySend = Callable[[Sender], Answer | None]
"""Whether mail from this sender is taken: None, or the refusal."""


def anybody(_sender: Sender) -> Answer | None:
    """Where every sender may send."""
    return None


@dataclass(frozen=True, slots=True)
class Door:
    """Where and whom a listener serves. `host` and `port`, or `path` of a Unix socket.

    `sock` is one that listens already, opened by systemd; then the others only name it.
    With `tls` STARTTLS can be offered (by the rules), or with `tls_at_once` TLS begins with the
    connection. `most` clients in all, `most_each` from one address.
    """

    host: str = "127.0.0.1"
    port: int = 2525
    path: Path | None = None
    sock: socket.socket | None = None
    networks: tuple[Network, ...] = LOOPBACK
    tls: ssl.SSLContext | None = None
    tls_at_once: bool = False
    most: int = 200
    most_each: int = 100


class Listener:
    """Open it, and close it; in between it serves."""

    def __init__(
        self,
        door: Door,
        rules: Rules,
        intake: Intake,
        check_login: CheckLogin = nobody,
        may_send: MaySend = anybody,
    ) -> None:
        self.door = door
        self.rules = rules
        self.intake = intake
        self.check_login = check_login
        self.may_send = may_send
        self.connections: set[_Connection] = set()
        self.each: Counter[str] = Counter()
        self._server: asyncio.Server | None = None

    @property
    def addresses(self) -> list[str]:
        """Where it listens, as people write it."""
        if self._server is None:
            return []
        if self.door.path is not None:
            return [str(self.door.path)]
        names = [sock.getsockname() for sock in self._server.sockets]
        if isinstance(names[0], str):
            return [str(name) for name in names]
        return [f"[{name[0]}]:{name[1]}" if ":" in name[0] else f"{name[0]}:{name[1]}" for name in names]

    async def open(self) -> None:
        """Listen. Raises OSError: the port is taken, or not for this user."""
        loop = asyncio.get_running_loop()
        sock = self.door.sock
        if sock is not None and sock.family is not socket.AF_UNIX:
            self._server = await loop.create_server(lambda: _Connection(self), sock=sock, backlog=_BACKLOG)
        elif sock is not None or self.door.path is not None:
            self._server = await loop.create_unix_server(
                lambda: _Connection(self), None if sock is not None else self.door.path, sock=sock
            )
        else:
            self._server = await loop.create_server(
                lambda: _Connection(self),
                self.door.host,
                self.door.port,
                reuse_address=True,
                backlog=_BACKLOG,
            )

    async def close(self, seconds: float = 5.0) -> None:
        """Take nobody any more; tell who is there, and let mails that are being kept end within the time."""
        if self._server is None:
            return
        self._server.close()
        self._server = None
        for connection in list(self.connections):
            connection.shut_down()
        keeping = [task for connection in self.connections for task in connection.tasks]
        if keeping:
            await asyncio.wait(keeping, timeout=seconds)
        for connection in list(self.connections):
            connection.abort()

    def admits(self, peer: str) -> bytes:
        """Why a client is not served, an SMTP line; b"" where it is."""
        if peer != UNIX and not _within(peer, self.door.networks):
            return NOT_YOU
        if len(self.connections) >= self.door.most or (
            peer != UNIX and self.each[peer] >= self.door.most_each
        ):
            return TOO_MANY
        return b""


class _Connection(asyncio.Protocol):
    """One client: bytes into the dialogue, and what the dialogue says done."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._transport: asyncio.Transport | None = None
        self._dialogue: Dialogue | None = None
        self._incoming: Incoming | None = None
        self._peer = ""
        self._timer: asyncio.TimerHandle | None = None
        self._timed = -1  # the dialogue's progress when its time began
        self._choked = False  # it does not read our answers
        self._until = inf  # when it is up, by the loop's clock
        self.tasks: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client came."""
        transport = cast("asyncio.Transport", transport)  # uvloop's is one, and says it is none
        self._transport = transport
        name = transport.get_extra_info("peername")
        self._peer = str(name[0]) if isinstance(name, tuple) else UNIX
        refusal = self._listener.admits(self._peer)
        if refusal:
            if not self._listener.door.tls_at_once:
                transport.write(refusal)
            transport.close()
            return
        self._listener.connections.add(self)
        self._listener.each[self._peer] += 1
        if self._listener.door.tls_at_once:
            self._begin(self._tls_first(transport))
        else:
            self._greet(transport, tls=False)

    def _greet(self, transport: asyncio.Transport, *, tls: bool) -> None:
        listener = self._listener
        self._dialogue = Dialogue(
            listener.rules,
            self._peer,
            tls=tls,
            may_send=listener.may_send,
            may_receive=self._may_receive,
        )
        transport.write(self._dialogue.greeting())
        self._set_timer()

    def _may_receive(self, recipient: Recipient) -> Answer | None:
        return self._listener.intake.may_receive(recipient)  # of now: a reload gives another

    async def _tls_first(self, transport: asyncio.Transport) -> None:
        """After it was counted: who never ends a handshake holds a place among the clients, and no other."""
        upgraded = await self._secured(transport)
        if upgraded is not None and self._transport is not None:
            self._transport = upgraded
            self._greet(upgraded, tls=True)

    def data_received(self, data: bytes) -> None:
        """The client said something."""
        if self._dialogue is not None:
            self._do(self._dialogue.receive(data))

    def eof_received(self) -> bool:
        """The client has said all it wants to: so have we."""
        return False

    def connection_lost(self, error: Exception | None) -> None:
        """The client is gone; a mail that is being kept is kept all the same."""
        if self in self._listener.connections:
            self._listener.connections.discard(self)
            self._listener.each[self._peer] -= 1
            if not self._listener.each[self._peer]:
                del self._listener.each[self._peer]
        if self._timer is not None:
            self._timer.cancel()
        if self._incoming is not None:
            self._incoming.drop()
        self._transport = self._dialogue = None

    def pause_writing(self) -> None:
        """The client does not read our answers: then we do not read its commands."""
        self._choked = True
        self._read(False)

    def resume_writing(self) -> None:
        """It reads again."""
        self._choked = False
        self._read(not self.tasks)

    def shut_down(self) -> None:
        """The relay ends: say so."""
        if self._dialogue is not None:
            self._do(self._dialogue.shut_down())

    def abort(self) -> None:
        """Hang up at once."""
        if self._transport is not None:
            self._transport.abort()

    def _do(self, events: Sequence[Event]) -> None:
        transport = self._transport
        if transport is None:
            return
        for event in events:
            match event:
                case Reply():
                    transport.write(event.data)
                case Body():
                    self._mail().piece(event.data)
                case Dropped():
                    self._mail().drop()
                    self._incoming = None
                case Mail():
                    self._begin(self._keep(event))
                case Login():
                    self._begin(self._sign_in(event))
                case StartTls():
                    self._begin(self._start_tls(transport))
                case HangUp():
                    transport.close()
                    # One that does not read what is left to say holds its place no longer than this.
                    asyncio.get_running_loop().call_later(_LAST_WORDS_SECONDS, transport.abort)
        self._set_timer()

    def _mail(self) -> Incoming:
        if self._incoming is None:
            self._incoming = self._listener.intake.incoming(self._peer)
        return self._incoming

    def _begin(self, work: Awaitable[None]) -> None:
        """Something that takes a wait; the client is not read from meanwhile."""
        self._read(False)
        task = asyncio.ensure_future(work)
        self.tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self.tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("a client at %s", self._peer, exc_info=task.exception())
            self.abort()
            return
        self._read(not self.tasks)

    def _read(self, on: bool) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        with contextlib.suppress(RuntimeError):  # between two transports, while TLS begins
            if on and not self._choked:
                transport.resume_reading()
            else:
                transport.pause_reading()

    async def _keep(self, mail: Mail) -> None:
        incoming, self._incoming = self._mail(), None
        answer = await incoming.end(mail)
        if self._dialogue is not None:
            self._do(self._dialogue.stored(answer))

    async def _sign_in(self, login: Login) -> None:
        right = await self._listener.check_login(login.username, login.password)
        if self._dialogue is not None:
            dialogue = self._dialogue
            self._do(dialogue.log_in_later() if right is None else dialogue.logged_in(right))

    async def _start_tls(self, transport: asyncio.Transport) -> None:
        upgraded = await self._secured(transport)
        if upgraded is not None and self._dialogue is not None:
            self._transport = upgraded
            self._dialogue.tls_started()
            self._set_timer()

    async def _secured(self, transport: asyncio.Transport) -> asyncio.Transport | None:
        """The connection under TLS; None where that came to nothing, and it is closed."""
        context = self._listener.door.tls
        if context is None:
            self.abort()
            return None
        try:
            return await asyncio.get_running_loop().start_tls(
                transport, self, context, server_side=True, ssl_handshake_timeout=_TLS_SECONDS
            )
        except (OSError, TimeoutError):  # ssl.SSLError is one: the client did not like our certificate
            self.abort()
            return None

    def _set_timer(self) -> None:
        """A client has so long for its next progress; a byte now and then is none."""
        dialogue = self._dialogue
        if dialogue is None or dialogue.progress == self._timed:
            return
        loop = asyncio.get_running_loop()
        seconds = dialogue.time_limit
        if seconds is None:  # it waits for us; afterwards its time begins anew
            self._timed, self._until = -1, inf
            return
        self._timed, self._until = dialogue.progress, loop.time() + seconds
        # One that is set already is too early, and then set again: that is cheaper than to set it anew
        # with every command.
        if self._timer is None or self._timer.when() > self._until:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = loop.call_at(self._until, self._late)

    def _late(self) -> None:
        self._timer = None
        if self._dialogue is None or self._transport is None or self._transport.is_closing():
            return
        loop = asyncio.get_running_loop()
        if self._until == inf:
            return  # the next command sets it
        if loop.time() < self._until:
            self._timer = loop.call_at(self._until, self._late)
            return
        self._do(self._dialogue.timed_out())


def _within(peer: str, networks: Sequence[Network]) -> bool:
    try:
        address = ip_address(peer.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return any((mapped or address) in network for network in networks)
