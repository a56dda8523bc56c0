"""The way out by SMTP: one connection to one server, from the name to the answer after the message.

It fails closed: without the TLS that was asked for nothing is said, and no password travels
unencrypted unless the admin said so for the profile.
"""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime

from transports import smtp_auth, smtp_oauth, smtp_send
from transports.base import (
    Cause,
    Envelope,
    Failure,
    Receipt,
    Scope,
    StepName,
    TransportError,
)
from transports.net.failures import unreachable
from transports.net.reach import reach, refuse_unsafe
from transports.net.resolve import Resolver, is_address, system_resolver
from transports.net.tls import client_context, learn
from transports.routes import Bearer, Login, SmtpRoute
from transports.smtp_capabilities import Capabilities, facts, parse
from transports.smtp_replies import Reply, expect, refusal
from transports.smtp_wire import Wire
from transports.trace import OpenStep, Trace, silent

_NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9._-]*[A-Za-z0-9_])?")
_TLS_PORT = 465


class SmtpTransport:
    """Implements transports.base.Transport for SMTP submission and relaying (RFC 5321, RFC 6409)."""

    def __init__(
        self,
        route: SmtpRoute,
        *,
        resolver: Resolver = system_resolver,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._route = route
        self._resolver = resolver
        self._now = now
        self._wire: Wire | None = None
        self._offered = Capabilities()

    @property
    def address(self) -> str:
        """Where it goes, as "smtp.example.org:587"."""
        return str(self._route.server)

    @property
    def capabilities(self) -> Capabilities:
        """What the server offers, as of its last answer to EHLO."""
        return self._offered

    async def open(self, trace: Trace) -> None:
        """Resolve, proxy, connect, TLS, greet, STARTTLS; raises TransportError and leaves nothing open."""
        server, timeouts = self._route.server, self._route.timeouts
        sock = await reach(server, self._route.proxy, timeouts, self._resolver, trace)
        with ExitStack() as undo:
            if server.security == "tls":
                wire = await self._over_tls(sock, trace)
            else:
                wire = await Wire.over(sock)
            undo.callback(wire.abort)
            async with trace.step(StepName.GREETING) as step:
                # Everyone who speaks plainly to port 465 waits for ever; three seconds tell.
                patience = 3.0 if server.port == _TLS_PORT and server.security != "tls" else timeouts.greeting
                banner = await wire.greeting(step, min(patience, timeouts.greeting))
                expect(step.name, Scope.SERVER, banner, 220)
                step.facts["banner"] = banner.words
                step.facts["server"] = banner.words.split(" ", 1)[0]
                await self._hello(wire, step)
                step.detail = f"{step.facts['server']} says hello"
            if server.security == "starttls":
                await self._starttls(wire, trace)
            undo.pop_all()
            self._wire = wire

    async def _over_tls(self, sock: socket.socket, trace: Trace) -> Wire:
        with ExitStack() as undo:
            undo.callback(sock.close)
            async with trace.step(StepName.TLS) as step:
                context = client_context(self._route.ca_file, step.name)
                undo.pop_all()
                wire = await Wire.over_tls(sock, context, self._route.server.host, self._route.timeouts.tls)
                self._learn(wire, step)
            return wire

    def _learn(self, wire: Wire, step: OpenStep) -> None:
        if wire.tls is not None:
            learn(step, wire.tls, datetime.fromtimestamp(self._now(), UTC))

    async def _hello(self, wire: Wire, step: OpenStep) -> None:
        """EHLO, and HELO for servers that know nothing newer; what was known before is forgotten."""
        self._offered = Capabilities()
        name = self._own_name(wire)
        refuse_unsafe(name, step.name)
        seconds = self._route.timeouts.command
        reply = await wire.command(f"EHLO {name}", step, seconds=seconds)
        if reply.code in {500, 502, 504}:
            expect(step.name, Scope.SERVER, await wire.command(f"HELO {name}", step, seconds=seconds))
            return
        self._offered = parse(expect(step.name, Scope.SERVER, reply))
        step.facts.update(facts(self._offered))

    def _own_name(self, wire: Wire) -> str:
        """RFC 5321, section 4.1.4: our name, or the address where this machine has no full name."""
        if self._route.ehlo_name:
            own = self._route.ehlo_name
            return _literal(own) if is_address(own) else own
        name = socket.gethostname().rstrip(".")
        if "." in name and _NAME.fullmatch(name):
            return name
        return _literal(wire.local_ip)

    async def _starttls(self, wire: Wire, trace: Trace) -> None:
        async with trace.step(StepName.STARTTLS) as step:
            if "STARTTLS" not in self._offered:
                raise unreachable(step.name, Cause.STARTTLS_NOT_OFFERED, "the server does not offer STARTTLS")
            context = client_context(self._route.ca_file, step.name)
            reply = await wire.command("STARTTLS", step, seconds=self._route.timeouts.command)
            if reply.code != 220:
                raise _starttls_refused(reply)
            await wire.start_tls(context, self._route.server.host, step, self._route.timeouts.tls)
            self._learn(wire, step)
            await self._hello(wire, step)

    def _open_wire(self, step: StepName) -> Wire:
        if self._wire is None:
            raise unreachable(step, Cause.CONNECTION_LOST, "the connection is not open")
        return self._wire

    async def authenticate(self, trace: Trace) -> None:
        """Sign in, or do nothing where the route has no login; raises TransportError."""
        login, seconds = self._route.login, self._route.timeouts.command
        if login is None:
            return
        # Before the step: a token that cannot be had is no failure of this server's.
        token = await login.tokens.token() if isinstance(login, Bearer) else None
        async with trace.step(StepName.AUTHENTICATE) as step:
            wire = self._open_wire(step.name)
            if isinstance(login, Login):
                await smtp_auth.sign_in(wire, self._offered, login, step, seconds)
            elif token is not None:
                dialogue = smtp_oauth.Dialogue(wire, self._offered, self._route.server, step, seconds)
                await smtp_oauth.sign_in(dialogue, login, token)

    async def probe(self, sender: str, recipient: str, trace: Trace) -> None:
        """MAIL FROM and RCPT TO, then RSET: nothing is sent; raises TransportError."""
        wire = self._open_wire(StepName.SENDER)
        await smtp_send.probe(wire, self._offered, sender, recipient, trace, timeouts=self._route.timeouts)

    async def send(self, envelope: Envelope, trace: Trace) -> Receipt:
        """Hand the message over; raises TransportError when it was taken for nobody."""
        wire = self._open_wire(StepName.SEND)
        return await smtp_send.send(wire, self._offered, envelope, trace, timeouts=self._route.timeouts)

    async def close(self) -> None:
        """QUIT, and hang up whatever comes of it; at once after a failure or a cancelled command."""
        wire, self._wire = self._wire, None
        if wire is not None:
            async with silent().step(StepName.SEND) as step:
                await wire.quit(step, self._route.timeouts.quit)


def _literal(address: str) -> str:
    """An IP address in place of a name (RFC 5321, section 4.1.3)."""
    ip = address.split("%", 1)[0]
    return f"[IPv6:{ip}]" if ":" in ip else f"[{ip}]"


def _starttls_refused(reply: Reply) -> TransportError:
    found = refusal(StepName.STARTTLS, Scope.SERVER, reply)
    if found.code == 421:
        return TransportError(found)
    return TransportError(
        Failure(
            StepName.STARTTLS,
            Scope.SERVER,
            found.verdict,
            Cause.STARTTLS_REFUSED,
            reply.code,
            reply.enhanced,
            str(reply),
        )
    )
