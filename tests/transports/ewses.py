"""Exchange servers for the transport's tests: routes to the practice one, and what a scripted one says."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import pytest

from outmail.demo.names import DESK, PASSWORD
from outmail.demo.oauth.directory import EXCHANGE
from outmail.demo.tenant import PracticeTenant
from tests.outmail.demo.ews.caller import RIGHT
from tests.outmail.demo.graph.caller import app_token, token
from tests.servers.ews_spec import Recorder, request_problems
from tests.servers.pki import Pki
from tests.transports.graphs import Supply, mail
from tests.transports.watching import SWIFT, Watcher
from tests.transports.web import Reply, WebServer, page, says
from transports.base import Envelope, Failure, TransportError
from transports.ews import EwsTransport
from transports.routes import EwsRoute, Login, ProxyRoute, TokenSupply
from transports.secret import Secret


def password(name: str = DESK, text: str = PASSWORD) -> Login:
    """A sign-in by a password."""
    return Login(name, Secret(text))


def route(tenant: PracticeTenant, login: Login | TokenSupply | None = None, **more: object) -> EwsRoute:
    """A route to the practice Exchange; the desk signs in with its password unless `login` says otherwise."""
    made = EwsRoute(tenant.ews.url, login or password(), DESK, ca_file=str(tenant.ca_file), timeouts=SWIFT)
    return replace(made, **more)  # type: ignore[arg-type]


async def delegated(tenant: PracticeTenant, *rights: str, account: str = DESK, **more: object) -> EwsRoute:
    """The route of a person with a token."""
    supply = Supply([await token(tenant, *(rights or (RIGHT,)), account=account, resource=EXCHANGE)])
    return route(tenant, supply, **more)


async def app_only(tenant: PracticeTenant, mailbox: str = DESK, **more: object) -> EwsRoute:
    """The route of an application that acts as a mailbox."""
    supply = Supply([await app_token(tenant, EXCHANGE)])
    return route(tenant, supply, mailbox=mailbox, impersonate=True, **more)


@asynccontextmanager
async def opened(way: EwsRoute, watcher: Watcher | None = None) -> AsyncIterator[EwsTransport]:
    """A transport that is open and signed in."""
    transport = EwsTransport(way)
    trace = (watcher or Watcher()).trace
    try:
        await transport.open(trace)
        await transport.authenticate(trace)
        yield transport
    finally:
        await transport.close()


@pytest.fixture
async def tenant(a_tenant: PracticeTenant) -> AsyncIterator[PracticeTenant]:
    """One that was asked in the words of Microsoft's schemas, as is seen afterwards."""
    with Recorder(a_tenant.ews) as recorded:
        yield a_tenant
    assert not [wrong for one in recorded if one.status != 404 for wrong in request_problems(one)]


def envelope(number: str = "one", *to: str, content: bytes = b"", again: bool = False) -> Envelope:
    return Envelope(DESK, to or ("a@example.org",), content or mail(number), again=again)


async def refused(way: EwsTransport, what: Envelope) -> Failure:
    with pytest.raises(TransportError) as caught:
        await way.send(what, Watcher().trace)
    return caught.value.failure


async def stopped(way: EwsRoute) -> tuple[Failure, Watcher]:
    """Why a connection does not come about."""
    watcher = Watcher()
    with pytest.raises(TransportError) as caught:
        async with opened(way, watcher):
            pass
    assert watcher.steps[-1].failure == caught.value.failure
    return caught.value.failure, watcher


_ENVELOPE = (
    b'<?xml version="1.0" encoding="utf-8"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/">'
    b'<s:Header><h:ServerVersionInfo MajorVersion="15" MinorVersion="20" MajorBuildNumber="9" '
    b'MinorBuildNumber="1" xmlns:h="http://schemas.microsoft.com/exchange/services/2006/types"/></s:Header>'
    b'<s:Body xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages" '
    b'xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types">%b</s:Body></s:Envelope>'
)


def soap(inside: str) -> bytes:
    """An answer in SOAP, as Exchange Online says it."""
    return _ENVELOPE % inside.encode()


def said(operation: str, code: str = "NoError", inside: str = "", kind: str = "") -> bytes:
    """An answer to an operation: one response message with this code."""
    kind = kind or ("Success" if code == "NoError" else "Error")
    words = "" if code == "NoError" else "<m:MessageText>In its own words.</m:MessageText>"
    return soap(
        f'<m:{operation}Response><m:ResponseMessages><m:{operation}ResponseMessage ResponseClass="{kind}">'
        f"{words}<m:ResponseCode>{code}</m:ResponseCode>{inside}</m:{operation}ResponseMessage>"
        f"</m:ResponseMessages></m:{operation}Response>"
    )


def fault(code: str, more: str = "") -> bytes:
    """A SOAP fault."""
    errors = 'xmlns:e="http://schemas.microsoft.com/exchange/services/2006/errors"'
    return soap(
        f"<s:Fault><faultcode>a:{code}</faultcode><faultstring>In its own words.</faultstring><detail>"
        f"<e:ResponseCode {errors}>{code}</e:ResponseCode>"
        f"<e:Message {errors}>In its own words.</e:Message>{more}</detail></s:Fault>"
    )


def xml(body: bytes, status: str = "200 OK") -> Reply:
    """The same, from a scripted server."""
    return says(page(body, status, "Content-Type: text/xml; charset=utf-8"))


HERE = xml(said("GetFolder", inside="<m:Folders/>"))
"""A mailbox is there."""

TAKEN = xml(said("CreateItem", inside="<m:Items/>"))
"""A mail was taken."""


def to(server: WebServer, pki: Pki, **more: object) -> EwsRoute:
    """The route of somebody with a token to a scripted server."""
    made = EwsRoute(
        server.url("/EWS/Exchange.asmx", "localhost"),
        Supply(["token-marked-secret"]),
        DESK,
        ca_file=str(pki.ca_file),
        timeouts=SWIFT,
    )
    return replace(made, **more)  # type: ignore[arg-type]


@dataclass
class Tunnels:
    """A proxy that lets everything through (CONNECT), and remembers for where."""

    port: int = 0
    asked: list[str] = field(default_factory=list)
    running: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def route(self) -> ProxyRoute:
        """The way through it."""
        return ProxyRoute(f"http://127.0.0.1:{self.port}")

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until either side ends it."""
        task = asyncio.current_task()
        assert task
        self.running.add(task)
        head = await reader.readuntil(b"\r\n\r\n")
        target = head.split()[1].decode()
        self.asked.append(target)
        beyond, onward = await asyncio.open_connection("127.0.0.1", int(target.rpartition(":")[2]))
        writer.write(b"HTTP/1.1 200 Connected\r\n\r\n")
        try:
            # CancelledError: asyncio's own callback would put it into the log as an error of the test.
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.gather(_pour(reader, onward), _pour(beyond, writer))
        finally:
            onward.transport.abort()
            writer.transport.abort()
            self.running.discard(task)


async def _pour(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while found := await source.read(65536):
            sink.write(found)
            await sink.drain()
        sink.close()


@asynccontextmanager
async def tunnels() -> AsyncIterator[Tunnels]:
    """Such a proxy."""
    found = Tunnels()
    async with await asyncio.start_server(found.serve, "127.0.0.1", 0) as server:
        found.port = server.sockets[0].getsockname()[1]
        try:
            yield found
        finally:
            for task in found.running:
                task.cancel()
            if found.running:
                await asyncio.wait(found.running)
