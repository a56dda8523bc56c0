"""Through proxies: real ones, and scripted ones that answer oddly."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from tests.servers.dovecot import Dovecot
from tests.servers.postfix import Postfix
from tests.servers.process import free_port
from tests.servers.proxies import RunningProxy
from tests.servers.scripted import ScriptedServer
from tests.servers.sink import Taken
from tests.transports.contract import message
from tests.transports.watching import SWIFT, TINY, Watcher, login, route, summary
from transports.base import Cause, Envelope, Failure, StepName, TransportError
from transports.routes import ProxyRoute, Timeouts
from transports.secret import Secret
from transports.smtp import SmtpTransport

PASSWORD = "proxy-marked-secret"


def through(proxy: RunningProxy, password: str | None = None) -> ProxyRoute:
    """The proxy's route, with its own password or another one."""
    chosen = password or proxy.password
    return ProxyRoute(proxy.url, proxy.username, Secret(chosen) if chosen else None)


def having(token: str) -> Callable[[Taken], bool]:
    """Finds the message with this token."""
    return lambda taken: token.encode() in taken.content


@asynccontextmanager
async def http_proxy_that_says(*pieces: bytes) -> AsyncIterator[tuple[ProxyRoute, list[bytes]]]:
    """A proxy that hears the request and answers in these pieces, each a packet of its own."""
    heard: list[bytes] = []
    over = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        if pieces:
            await reader.read(100)
            writer.write(b"250 scripted\r\n")
            await writer.drain()
        await over.wait()
        writer.transport.abort()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        try:
            yield ProxyRoute(f"http://127.0.0.1:{port}", "user", Secret(PASSWORD)), heard
        finally:
            over.set()


async def refused(proxy: ProxyRoute, timeouts: Timeouts = SWIFT) -> tuple[Failure, Watcher]:
    """Open through the proxy; it must fail."""
    watcher = Watcher()
    with pytest.raises(TransportError) as caught:
        await SmtpTransport(route(25, host="smtp.example.test", proxy=proxy, timeouts=timeouts)).open(
            watcher.trace
        )
    assert PASSWORD not in watcher.everything() + repr(caught.value.failure)
    return caught.value.failure, watcher


@pytest.mark.parametrize(
    ("status", "verdict", "cause"),
    [
        (b"407 Proxy Authentication Required", "fix-settings", Cause.PROXY_SIGN_IN),
        (b"401 Unauthorized", "fix-settings", Cause.PROXY_SIGN_IN),
        (b"403 Forbidden", "fix-settings", Cause.PROXY_REFUSED),
        (b"405 Method Not Allowed", "fix-settings", Cause.PROXY_REFUSED),
        (b"502 Bad Gateway", "retry", Cause.PROXY_REFUSED),
        (b"503 Service Unavailable", "retry", Cause.PROXY_REFUSED),
    ],
)
async def test_every_refusal_of_a_proxy_is_named(status: bytes, verdict: str, cause: Cause) -> None:
    async with http_proxy_that_says(b"HTTP/1.1 " + status + b"\r\nX: y\r\n\r\n<html>") as (proxy, _):
        failure, watcher = await refused(proxy)
    assert summary(failure) == ("proxy", "server", verdict, str(cause))
    assert failure.facts["proxy_status"] == status[:3].decode()
    assert watcher.names() == ["resolve", "proxy"]


@pytest.mark.parametrize(
    "answer",
    [
        b"220 mail.example.test ESMTP\r\n",
        b"HTTP/1.1 what\r\n\r\n",
        b"HTTP/1.1\r\n\r\n",
        b"HTTP/1.1 200 ok\r\nX: " + b"y" * 20_000,
        b"\x00\xff\x1b[2J\r\n\r\n",
    ],
)
async def test_nonsense_is_a_refusal(answer: bytes) -> None:
    async with http_proxy_that_says(answer) as (proxy, _):
        failure, _ = await refused(proxy)
    assert summary(failure)[0::3] == ("proxy", "proxy-refused")


async def test_a_silent_proxy_is_timed_out() -> None:
    async with http_proxy_that_says() as (proxy, _):
        failure, _ = await refused(proxy, TINY)
    assert summary(failure) == ("proxy", "server", "retry", "timed-out")


async def test_no_proxy_there() -> None:
    for scheme in ("http", "socks5"):
        failure, _ = await refused(ProxyRoute(f"{scheme}://127.0.0.1:{free_port()}"))
        assert summary(failure) == ("proxy", "server", "retry", "proxy-unreachable")


@pytest.mark.parametrize(
    "pieces",
    [
        # the greeting in the packet of the proxy's answer, and the answer in several packets
        (b"HTTP/1.0 200 Connection established\r\nVia: x\r\n\r\n220 hello ESMTP\r\n",),
        (b"HTTP/1.0 200 Conn", b"ection established\r\n", b"\r\n2", b"20 hello ESMTP\r\n"),
    ],
)
async def test_the_greeting_is_never_swallowed(pieces: tuple[bytes, ...]) -> None:
    watcher = Watcher()
    async with http_proxy_that_says(*pieces) as (proxy, heard):
        way = SmtpTransport(route(2525, host="2001:db8::1", proxy=proxy))
        await way.open(watcher.trace)
        await way.close()
    assert watcher[StepName.GREETING].facts["banner"] == "hello ESMTP"
    assert heard[0].startswith(b"CONNECT [2001:db8::1]:2525 HTTP/1.1\r\n")
    assert watcher.names() == ["resolve", "proxy", "connect", "greeting"]


@pytest.mark.real
class TestRealProxies:
    @pytest.fixture(
        params=["http_proxy", "http_proxy_with_password", "socks_proxy", "socks_proxy_with_password"]
    )
    def proxy(self, request: pytest.FixtureRequest) -> RunningProxy:
        found = request.getfixturevalue(request.param)
        assert isinstance(found, RunningProxy)
        return found

    async def test_mail_goes_through(self, proxy: RunningProxy, postfix: Postfix) -> None:
        for port, security in ((postfix.starttls, "starttls"), (postfix.tls, "tls")):
            watcher = Watcher()
            way = SmtpTransport(
                route(
                    port,
                    security,  # type: ignore[arg-type]
                    host="localhost",
                    login=login(postfix.username, postfix.password),
                    proxy=through(proxy),
                    ca_file=postfix.ca_file,
                )
            )
            await way.open(watcher.trace)
            await way.authenticate(watcher.trace)
            token = uuid.uuid4().hex
            content = message(b"\r\n.through a proxy\r\n", token)
            receipt = await way.send(
                Envelope("alice@example.test", ("bob@example.test",), content), watcher.trace
            )
            await way.close()
            assert receipt.outcomes[0].failure is None
            assert watcher.names()[:3] == ["resolve", "proxy", "connect"]
            got = await asyncio.to_thread(postfix.sink.first, having(token))
            assert got.content.endswith(content)
            assert got.recipients == ("bob@example.test",)

    @pytest.mark.parametrize("name", ["http_proxy_with_password", "socks_proxy_with_password"])
    async def test_a_wrong_password(self, name: str, request: pytest.FixtureRequest) -> None:
        proxy: RunningProxy = request.getfixturevalue(name)
        failure, _ = await refused(through(proxy, PASSWORD))
        assert summary(failure) == ("proxy", "server", "fix-settings", "proxy-sign-in")

    @pytest.mark.parametrize("name", ["http_proxy_with_password", "socks_proxy_with_password"])
    async def test_no_password(self, name: str, request: pytest.FixtureRequest) -> None:
        proxy: RunningProxy = request.getfixturevalue(name)
        failure, _ = await refused(ProxyRoute(proxy.url))
        assert summary(failure) == ("proxy", "server", "fix-settings", "proxy-sign-in")

    @pytest.mark.parametrize("name", ["http_proxy", "socks_proxy"])
    async def test_nothing_behind_the_proxy(self, name: str, request: pytest.FixtureRequest) -> None:
        proxy: RunningProxy = request.getfixturevalue(name)
        watcher = Watcher()
        way = SmtpTransport(route(free_port(), host="127.0.0.1", proxy=through(proxy)))
        with pytest.raises(TransportError) as caught:
            await way.open(watcher.trace)
        assert summary(caught.value.failure) == ("proxy", "server", "retry", "proxy-refused")

    async def test_the_proxy_resolves_the_name(
        self, socks_proxy: RunningProxy, http_proxy: RunningProxy
    ) -> None:
        async with ScriptedServer() as server:
            for proxy in (socks_proxy, http_proxy):
                watcher = Watcher()
                way = SmtpTransport(route(server.port, host="localhost", proxy=through(proxy)))
                await way.open(watcher.trace)
                await way.close()
                assert watcher[StepName.RESOLVE].facts["resolved_by"] == "proxy"


@pytest.mark.real
async def test_dovecot_through_socks(dovecot: Dovecot, socks_proxy: RunningProxy) -> None:
    watcher = Watcher()
    way = SmtpTransport(
        route(
            dovecot.starttls,
            "starttls",
            host="localhost",
            login=login(dovecot.username, dovecot.password),
            proxy=through(socks_proxy),
            ca_file=dovecot.ca_file,
        )
    )
    await way.open(watcher.trace)
    await way.authenticate(watcher.trace)
    await way.probe("alice@example.test", "bob@example.test", watcher.trace)
    await way.close()
    assert watcher.names() == [
        "resolve",
        "proxy",
        "connect",
        "greeting",
        "starttls",
        "authenticate",
        "sender",
        "permission",
    ]


async def test_a_socks_proxy_that_hangs_up_is_asked_again_later() -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(3)
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        failure, _ = await refused(ProxyRoute(f"socks5://127.0.0.1:{port}"))
    assert summary(failure) == ("proxy", "server", "retry", "proxy-refused")
