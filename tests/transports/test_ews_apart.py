"""Routes of EWS have nothing in common: proxies, trust, sign-ins; and nothing comes from the environment."""

from __future__ import annotations

import asyncio
import json
import ssl
import subprocess
import sys
from pathlib import Path

import pytest
from grimp import build_graph

from outmail.demo.names import DESK
from tests.outmail.demo.conftest import tenant
from tests.servers.pki import Pki
from tests.transports.ewses import HERE, TAKEN, opened, password, to, tunnels
from tests.transports.graphs import Supply, mail
from tests.transports.watching import SWIFT, Watcher
from tests.transports.web import WebServer
from transports.base import Cause, Envelope, StepName, TransportError
from transports.ews import EwsTransport
from transports.ews_api import EwsHttp
from transports.routes import HttpRoute

__all__ = ["tenant"]


@pytest.fixture
def other(tmp_path: Path) -> Pki:
    """Another authority."""
    return Pki(tmp_path)


@pytest.fixture(autouse=True)
def _an_environment_that_misleads(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    nothing = tmp_path / "empty.pem"
    nothing.write_text("")
    netrc = tmp_path / "netrc"
    netrc.write_text("machine localhost login stranger password strangers-password\n")
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(nothing))
    monkeypatch.setenv("CURL_CA_BUNDLE", str(nothing))
    monkeypatch.setenv("NETRC", str(netrc))


async def test_two_routes_with_proxies_and_authorities_of_their_own(pki: Pki, other: Pki) -> None:
    async with (
        tunnels() as one,
        tunnels() as two,
        WebServer(HERE, TAKEN, tls=pki.good) as first,
        WebServer(HERE, TAKEN, tls=other.good) as second,
        opened(to(first, pki, proxy=one.route, login=Supply(["token-one"]))) as way_one,
        opened(to(second, other, proxy=two.route, login=Supply(["token-two"]))) as way_two,
    ):
        sent = [
            way.send(Envelope(DESK, (f"{name}{n}@example.org",), mail(f"{name}{n}")), Watcher().trace)
            for n in range(4)
            for name, way in (("one", way_one), ("two", way_two))
        ]
        # One transport carries one mail at a time; the two of them work at once.
        for pair in zip(sent[::2], sent[1::2], strict=True):
            await asyncio.gather(*pair)
    assert set(one.asked) == {f"localhost:{first.port}"}
    assert set(two.asked) == {f"localhost:{second.port}"}
    for server, token in ((first, "token-one"), (second, "token-two")):
        assert len(server.asked) == 5
        assert {asked.header("authorization") for asked in server.asked} == {f"Bearer {token}"}
        assert {asked.header("user-agent") for asked in server.asked} == {"outmail"}
        assert not any(asked.header("cookie") for asked in server.asked)


async def test_a_server_of_the_other_authority_is_not_trusted(pki: Pki, other: Pki) -> None:
    async with (
        WebServer(HERE, TAKEN, tls=pki.good) as first,
        WebServer(HERE, TAKEN, tls=other.good) as second,
        opened(to(first, pki)),
    ):
        with pytest.raises(TransportError) as caught:
            async with opened(to(second, pki)):
                pass
        assert caught.value.failure.step is StepName.TLS
        assert caught.value.failure.cause is Cause.CERTIFICATE_UNKNOWN_ISSUER
        assert second.asked == []


async def test_the_library_keeps_nothing_for_all_of_the_process(pki: Pki) -> None:
    from exchangelib.protocol import BaseProtocol, CachingProtocol
    from requests.adapters import HTTPAdapter

    async with WebServer(HERE, TAKEN, tls=pki.good) as server:
        for number in range(3):
            async with opened(to(server, pki, login=Supply([f"token-{number}"]))) as way:
                await way.send(Envelope(DESK, ("a@example.org",), mail(str(number))), Watcher().trace)
    assert CachingProtocol._protocol_cache == {}
    assert BaseProtocol.HTTP_ADAPTER_CLS is HTTPAdapter
    assert BaseProtocol.TIMEOUT == 120
    assert "outmail" not in BaseProtocol.USERAGENT


async def test_no_thread_is_left_behind(pki: Pki) -> None:
    import threading

    async with WebServer(HERE, TAKEN, tls=pki.good) as server:
        way = EwsTransport(to(server, pki))
        await way.open(Watcher().trace)
        await way.authenticate(Watcher().trace)
        threads = [one for one in threading.enumerate() if one.name.startswith("ews")]
        assert threads
        await way.close()
        for one in threads:
            await asyncio.to_thread(one.join, 5)
            assert not one.is_alive()


async def test_ntlm_is_bound_to_the_servers_certificate(pki: Pki) -> None:
    from transports.ews_library import _Ntlm

    async with WebServer(tls=pki.good) as server:
        http = EwsHttp(HttpRoute(None, str(pki.ca_file), SWIFT))
        await http.connect(server.url("/", "localhost"), Watcher().trace)
        await http.close()
    pem = pki.good.pem.read_text()
    first = "-----BEGIN CERTIFICATE" + pem.split("-----BEGIN CERTIFICATE")[1]
    assert http.certificate == ssl.PEM_cert_to_DER_cert(first)
    bound = _Ntlm("\\desk", "x", http.certificate)._get_server_cert(None)  # type: ignore[arg-type]
    assert bound is not None
    assert len(bound) == 32


def test_no_password_is_in_a_repr() -> None:
    from transports.ews_schemes import Password, Scheme

    assert "open-sesame" not in repr(Password(password(text="open-sesame"), Scheme.BASIC))


def test_only_one_file_imports_the_library() -> None:
    graph = build_graph(
        "transports", "outmail", "tui", "store", include_external_packages=True, cache_dir=None
    )
    for library in ("exchangelib", "requests_ntlm"):
        assert graph.find_modules_that_directly_import(library) == {"transports.ews_library"}
    assert graph.find_modules_that_directly_import("requests") == {
        "transports.ews_library",
        "transports.ews_line",
    }


def test_the_library_is_not_loaded_before_it_is_needed() -> None:
    probe = "import json, sys; import transports.ews; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, timeout=60, check=True
    )
    loaded = {name.partition(".")[0] for name in json.loads(done.stdout)}
    assert not loaded & {"exchangelib", "requests", "requests_ntlm", "lxml", "spnego", "cryptography"}
