"""How web requests travel: trust, proxies, names, kept connections and deadlines."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.servers.pki import KeyPair, Pki
from tests.servers.process import free_port
from tests.servers.proxies import RunningProxy
from tests.transports.watching import summary
from tests.transports.web import SECRET, WebServer, client, failing, page, post, raw, says, swift
from transports.base import Cause, StepName
from transports.http import HttpClient
from transports.http_backend import Backend, Stream
from transports.net.resolve import Endpoint, system_resolver
from transports.routes import HttpRoute, ProxyRoute
from transports.secret import Secret

PASSWORD = "proxy-marked-secret"

_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")


# Trust


async def test_a_private_authority_is_trusted_when_named(pki: Pki) -> None:
    async with WebServer(tls=pki.good) as server:
        async with client(pki) as http:
            assert await post(http, server.url()) == b"{}"
            assert await post(http, server.url(host="localhost")) == b"{}"
        async with client() as http:
            failure = await failing(post(http, server.url()), SECRET)
    assert summary(failure) == ("token", "sign-in", "fix-settings", "certificate-unknown-issuer")
    assert failure.facts["host"] == f"127.0.0.1:{server.port}"
    assert len(server.asked) == 2


@pytest.mark.parametrize(
    ("make", "cause"),
    [
        (Pki.expired, Cause.CERTIFICATE_EXPIRED),
        (Pki.not_yet_valid, Cause.CERTIFICATE_NOT_YET_VALID),
        (Pki.wrong_name, Cause.CERTIFICATE_WRONG_NAME),
        (Pki.unknown_issuer, Cause.CERTIFICATE_UNKNOWN_ISSUER),
        (Pki.self_signed, Cause.CERTIFICATE_SELF_SIGNED),
    ],
)
async def test_bad_certificates(pki: Pki, make: Callable[[Pki], KeyPair], cause: Cause) -> None:
    async with WebServer(tls=make(pki)) as server, client(pki) as http:
        failure = await failing(post(http, server.url(host="localhost")), SECRET)
    assert summary(failure) == ("token", "sign-in", "fix-settings", str(cause))
    assert failure.facts["host"] == f"localhost:{server.port}"
    assert server.asked == []


async def test_the_environment_changes_nothing(
    pki: Pki, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in _VARIABLES:
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.setenv(name, str(pki.ca_file))
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login a password b\n")
    async with WebServer(tls=pki.good) as server:
        async with client(pki) as http:
            await http.request("GET", server.url())
        async with client() as http:
            failure = await failing(post(http, server.url()), SECRET)
    assert failure.cause is Cause.CERTIFICATE_UNKNOWN_ISSUER
    assert server.asked[0].header("authorization") == ""
    assert not (tmp_path / "keys").exists()


async def test_a_stale_ssl_cert_file_takes_no_trust_away(pki: Pki, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/nonexistent/ca.pem")
    monkeypatch.setenv("SSL_CERT_DIR", "/nonexistent")
    async with WebServer(tls=pki.good) as server, client(pki) as http:
        assert await post(http, server.url()) == b"{}"


async def test_a_ca_file_that_is_none(tmp_path: Path) -> None:
    route = HttpRoute(None, str(tmp_path / "absent.pem"))
    async with WebServer() as server, HttpClient(route) as http:
        failure = await failing(post(http, server.url().replace("http:", "https:")), SECRET)
    assert summary(failure) == ("token", "sign-in", "fix-settings", "ca-file-unusable")


async def test_ipv6(pki: Pki) -> None:
    try:
        free_port("::1")
    except OSError:
        pytest.skip("this machine has no ::1")
    async with WebServer(tls=pki.good, host="::1") as server:
        async with client(pki) as http:
            assert await post(http, server.url(host="[::1]")) == b"{}"
        async with client() as http:
            failure = await failing(post(http, server.url(host="[::1]")))
    assert server.asked[0].header("host") == f"[::1]:{server.port}"
    assert failure.facts["host"] == f"[::1]:{server.port}"


async def test_the_certificate_must_be_for_the_host_of_the_address(pki: Pki) -> None:
    async with WebServer(tls=pki.issue("localhost-alone", "localhost")) as server, client(pki) as http:
        assert await post(http, server.url(host="localhost")) == b"{}"
        failure = await failing(post(http, server.url()), SECRET)
    assert failure.cause is Cause.CERTIFICATE_WRONG_NAME
    assert len(server.asked) == 1


# What is there instead of the server


async def test_plain_text_where_tls_is_wanted() -> None:
    async with raw(b"HTTP/1.1 400 Bad Request\r\n\r\n") as found, client() as http:
        failure = await failing(post(http, f"https://127.0.0.1:{found.port}/"), SECRET)
    assert failure.cause is Cause.TLS_ON_PLAIN_PORT


async def test_an_answer_given_before_tls_is_never_taken(pki: Pki) -> None:
    """Who sits on the line could else answer in the name of a server with a good certificate."""
    evil = page(b'{"access_token": "evil"}')
    granted = b"HTTP/1.1 200 OK\r\n\r\n"

    async def line(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(granted + evil)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await writer.start_tls(pki.good.context())
            await reader.readuntil(b"\r\n\r\n")

    async with await asyncio.start_server(line, "127.0.0.1", 0) as proxy:
        port = proxy.sockets[0].getsockname()[1]
        async with client(pki, proxy=ProxyRoute(f"http://127.0.0.1:{port}")) as http:
            failure = await failing(post(http, "https://localhost/"), SECRET)
    assert failure.cause is Cause.TLS_ON_PLAIN_PORT


async def test_plain_text_that_was_read_already_stops_tls() -> None:
    backend = Backend(HttpRoute(timeouts=swift(tls=1)), StepName.TOKEN, system_resolver)
    async with raw(b"220 mail", at_once=True) as found:
        stream = await backend.connect_tcp("127.0.0.1", found.port)
        assert isinstance(stream, Stream)
        async with asyncio.timeout(5):
            while not stream._unread():  # noqa: ASYNC110 - turns of the loop, until it has read what came
                await asyncio.sleep(0)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        failure = await failing(stream.start_tls(context, "127.0.0.1"))
        assert stream.get_extra_info("is_readable")
    assert failure.cause is Cause.TLS_ON_PLAIN_PORT
    assert "before TLS" in failure.words


async def test_nobody_listens() -> None:
    async with client() as http:
        failure = await failing(post(http, f"https://127.0.0.1:{free_port()}/"), SECRET)
    assert summary(failure) == ("token", "sign-in", "retry", "connection-refused")


async def test_no_such_name() -> None:
    async def unknown(host: str, port: int) -> list[Endpoint]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    async with client(resolver=unknown) as http:
        failure = await failing(post(http, "https://login.example.test/t"), SECRET)
    assert summary(failure) == ("token", "sign-in", "retry", "name-not-found")
    assert failure.facts["host"] == failure.facts["name"] == "login.example.test"


async def test_tls_that_never_answers() -> None:
    async with raw() as found, client(timeouts=swift(tls=0.2)) as http:
        failure = await failing(post(http, f"https://127.0.0.1:{found.port}/"), SECRET)
    assert summary(failure) == ("token", "sign-in", "retry", "timed-out")
    assert "TLS" in failure.words


# Kept connections


async def test_connections_are_kept(pki: Pki) -> None:
    async with WebServer(tls=pki.good) as server, client(pki) as http:
        for _ in range(4):
            await post(http, server.url())
        assert len(server.connections) == 1
        await asyncio.gather(*(post(http, server.url()) for _ in range(3)))
    assert len(server.asked) == 7


async def test_a_connection_after_a_cut_answer_is_not_used_again() -> None:
    async with WebServer(says(page(b"x" * 99_999))) as server, client() as http:
        for _ in range(2):
            await failing(http.request("GET", server.url(), limit=10))
    assert len(server.connections) == 2


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
async def test_a_connection_closed_while_idle_is_replaced(pki: Pki, secure: bool, reset: bool) -> None:
    async with WebServer(tls=pki.good if secure else None) as server, client(pki) as http:
        await post(http, server.url())
        server.hang_up(reset=reset)
        for writer in server.connections:
            with contextlib.suppress(OSError):
                await writer.wait_closed()
        assert await post(http, server.url()) == b"{}"
    assert len(server.asked) == 2
    assert len(server.connections) == 2


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
async def test_what_comes_unasked_while_idle_is_not_the_next_answer(pki: Pki, secure: bool) -> None:
    first, second = says(page(b"first")), says(page(b"second"))
    async with WebServer(first, second, tls=pki.good if secure else None) as server, client(pki) as http:
        assert await post(http, server.url()) == b"first"
        server.connections[0].write(page(b"forged"))
        assert await post(http, server.url()) == b"second"
    assert len(server.connections) == 2


async def test_what_comes_with_an_answer_is_not_the_next_one() -> None:
    """As of a server that sends a body where there must be none."""
    first, second = says(page(b"first") + page(b"forged")), says(page(b"second"))
    async with WebServer(first, second) as server, client() as http:
        assert await post(http, server.url()) == b"first"
        failure = await failing(post(http, server.url()), SECRET)
        assert failure.facts["what"] == "not-http"
        assert await post(http, server.url()) == b"second"
    assert len(server.connections) == 2


async def test_a_request_that_was_sent_is_never_sent_again() -> None:
    async with WebServer(says(page()), says(close=True)) as server, client() as http:
        await post(http, server.url())
        failure = await failing(post(http, server.url()), SECRET)
    assert summary(failure) == ("token", "sign-in", "retry", "connection-lost")
    assert len(server.asked) == 2


# Proxies


async def test_a_proxy_that_is_not_there() -> None:
    for scheme in ("http", "socks5"):
        route = ProxyRoute(f"{scheme}://127.0.0.1:{free_port()}", "user", Secret(PASSWORD))
        async with client(proxy=route) as http:
            failure = await failing(post(http, "https://login.example.test/"), SECRET, PASSWORD)
        assert summary(failure) == ("token", "sign-in", "retry", "proxy-unreachable")
        assert failure.facts["host"] == "login.example.test"


async def test_a_proxy_whose_name_is_unknown() -> None:
    asked: list[str] = []

    async def unknown(host: str, port: int) -> list[Endpoint]:
        asked.append(host)
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    async with client(proxy=ProxyRoute("http://proxy.test:8080"), resolver=unknown) as http:
        failure = await failing(post(http, "https://login.example.test/"), SECRET)
    assert failure.cause is Cause.PROXY_UNREACHABLE
    assert "proxy.test" in failure.words
    assert asked == ["proxy.test"]


@pytest.mark.parametrize("scheme", ["http", "socks5"])
async def test_a_proxy_that_never_answers(scheme: str) -> None:
    async with raw() as found:
        route = ProxyRoute(f"{scheme}://127.0.0.1:{found.port}", "user", Secret(PASSWORD))
        async with client(proxy=route, timeouts=swift(proxy=0.2)) as http:
            failure = await failing(post(http, "https://login.example.test/"), SECRET, PASSWORD)
    assert summary(failure) == ("token", "sign-in", "retry", "timed-out")


async def test_a_proxy_that_repeats_the_password_is_not_quoted() -> None:
    async with raw(f"HTTP/1.1 407 {PASSWORD}\r\n\r\n".encode()) as found:
        route = ProxyRoute(f"http://127.0.0.1:{found.port}", "user", Secret(PASSWORD))
        async with client(proxy=route) as http:
            failure = await failing(post(http, "https://login.example.test/"), SECRET, PASSWORD)
    assert summary(failure) == ("token", "sign-in", "fix-settings", "proxy-sign-in")
    assert found.first.startswith(b"CONNECT login.example.test:443 HTTP/1.1\r\n")


def through(proxy: RunningProxy, password: str | None = None) -> ProxyRoute:
    """The proxy's route, with its own password or another one."""
    chosen = password or proxy.password
    return ProxyRoute(proxy.url, proxy.username, Secret(chosen) if chosen else None)


@pytest.mark.real
class TestRealProxies:
    @pytest.mark.parametrize(
        "name", ["http_proxy", "http_proxy_with_password", "socks_proxy", "socks_proxy_with_password"]
    )
    async def test_requests_go_through_and_the_proxy_looks_up_the_name(
        self, name: str, pki: Pki, request: pytest.FixtureRequest
    ) -> None:
        names: list[str] = []

        async def only_addresses(host: str, port: int) -> list[Endpoint]:
            names.append(host)
            return [Endpoint(socket.AF_INET, (host, port))]

        proxy: RunningProxy = request.getfixturevalue(name)
        async with (
            WebServer(tls=pki.good) as server,
            client(pki, proxy=through(proxy), resolver=only_addresses) as http,
        ):
            for _ in range(2):
                assert await post(http, server.url(host="localhost")) == b"{}"
        assert len(server.connections) == 1
        assert names == ["127.0.0.1"]
        assert server.asked[0].header("proxy-authorization") == ""

    @pytest.mark.parametrize("name", ["http_proxy_with_password", "socks_proxy_with_password"])
    async def test_a_wrong_password_and_none(self, name: str, request: pytest.FixtureRequest) -> None:
        proxy: RunningProxy = request.getfixturevalue(name)
        for route in (through(proxy, PASSWORD), ProxyRoute(proxy.url)):
            async with WebServer() as server, client(proxy=route) as http:
                failure = await failing(post(http, server.url()), SECRET, PASSWORD)
            assert summary(failure) == ("token", "sign-in", "fix-settings", "proxy-sign-in")
            assert server.connections == []

    @pytest.mark.parametrize("name", ["http_proxy", "socks_proxy"])
    async def test_nothing_behind_it(self, name: str, request: pytest.FixtureRequest) -> None:
        proxy: RunningProxy = request.getfixturevalue(name)
        async with client(proxy=through(proxy)) as http:
            failure = await failing(post(http, f"https://127.0.0.1:{free_port()}/"), SECRET)
        assert summary(failure) == ("token", "sign-in", "retry", "proxy-refused")

    async def test_a_certificate_is_judged_behind_it_too(self, http_proxy: RunningProxy, pki: Pki) -> None:
        async with WebServer(tls=pki.expired()) as server, client(pki, proxy=through(http_proxy)) as http:
            failure = await failing(post(http, server.url()), SECRET)
        assert failure.cause is Cause.CERTIFICATE_EXPIRED
