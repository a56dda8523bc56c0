"""The first diagnoses on real connections: the way to the server, and its encryption."""

from __future__ import annotations

import asyncio
import socket
import ssl
import subprocess
import warnings
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from outmail.diagnosis.entry import shell
from outmail.diagnosis.finding import Finding
from tests.outmail.diagnosis.climbing import failing_resolver, found
from tests.outmail.diagnosis.rows import context
from tests.servers.pki import KeyPair, Pki
from tests.servers.process import free_port
from tests.servers.proxies import RunningProxy
from tests.servers.scripted import Act, ScriptedServer
from tests.transports.watching import SWIFT, TINY, route
from transports.routes import Protection, ProxyRoute
from transports.secret import Secret


def _run(command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, shell=True, capture_output=True, text=True, timeout=30, check=False)


class TestTheWayThere:
    async def test_name_not_found(self) -> None:
        resolver = failing_resolver(socket.EAI_NONAME, "Name or service not known")
        finding = await found(route(587, host="smtp.exmaple.invalid"), resolver)
        assert finding.id == "name-not-found"
        assert finding.commands == ("getent hosts smtp.exmaple.invalid",)

    async def test_a_name_that_no_resolver_would_be_asked_for(self) -> None:
        assert (await found(route(587, host=f"{'x' * 70}.invalid"))).id == "name-not-found"

    async def test_name_lookup_failed(self) -> None:
        resolver = failing_resolver(socket.EAI_AGAIN, "Temporary failure in name resolution")
        finding = await found(route(587, host="smtp.example.invalid"), resolver)
        assert finding.id == "name-lookup-failed"

    async def test_refused(self) -> None:
        port = free_port()
        finding = await found(route(port))
        assert finding.id == "connection-refused"
        assert finding.commands[0].endswith(f" 127.0.0.1 {port}")
        knocked = _run(finding.commands[0])
        assert (knocked.returncode, knocked.stdout) == (1, "")
        assert "refused" in knocked.stderr.lower()

    def test_the_command_that_knocks_says_open(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = int(listener.getsockname()[1])
            assert _run(shell(context(host="127.0.0.1", port=port))["reach"]).stdout == "open\n"

    @pytest.fixture
    def deaf_port(self) -> Iterator[int]:
        """A port whose queue of connections is full: the kernel drops every further one in silence."""
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen(0)
            callers = []
            for _ in range(3):
                caller = socket.socket()
                caller.setblocking(False)
                with suppress(BlockingIOError):
                    caller.connect(listener.getsockname())
                callers.append(caller)
            yield int(listener.getsockname()[1])
            for caller in callers:
                caller.close()

    async def test_timed_out(self, deaf_port: int) -> None:
        assert (await found(route(deaf_port, timeouts=replace(SWIFT, connect=0.5)))).id == "connect-timed-out"

    async def test_no_greeting(self) -> None:
        async with ScriptedServer({"GREETING": Act.DROP}) as server:
            assert (await found(route(server.port))).id == "hung-up-at-greeting"

    async def test_no_mail_server(self) -> None:
        async with ScriptedServer({"GREETING": b"HTTP/1.1 400 Bad Request\r\n\r\n"}) as server:
            finding = await found(route(server.port))
        assert finding.id == "not-smtp"
        assert "HTTP/1.1 400" in finding.cause

    async def test_no_answer_to_a_command(self) -> None:
        async with ScriptedServer({"MAIL": Act.HANG}) as server:
            assert (
                await found(route(server.port, timeouts=replace(SWIFT, command=0.3)))
            ).id == "answer-timed-out"

    async def test_lost_between_commands(self) -> None:
        async with ScriptedServer({"MAIL": Act.DROP}) as server:
            assert (await found(route(server.port))).id == "connection-lost"

    async def test_lost_after_the_message(self) -> None:
        async with ScriptedServer({"DOT": Act.DROP}) as server:
            assert (await found(route(server.port))).id == "uncertain"

    async def test_silent_after_the_message(self) -> None:
        async with ScriptedServer({"DOT": Act.HANG}) as server:
            way = route(server.port, timeouts=replace(SWIFT, data=0.3, data_per_mib=0))
            assert (await found(way)).id == "uncertain"


class TestProxies:
    async def test_unreachable(self) -> None:
        way = route(587, proxy=ProxyRoute(f"http://127.0.0.1:{free_port()}"))
        assert (await found(way)).id == "proxy-unreachable"
        way = route(587, proxy=ProxyRoute(f"socks5://127.0.0.1:{free_port()}"))
        assert (await found(way)).id == "proxy-unreachable"

    async def test_refused_by_policy(self) -> None:
        async def forbid(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
            writer.close()

        async with await asyncio.start_server(forbid, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            finding = await found(route(587, proxy=ProxyRoute(f"http://127.0.0.1:{port}")))
        assert finding.id == "proxy-refused"
        assert "403 Forbidden" in finding.cause

    @pytest.mark.real
    async def test_tinyproxy_cannot_get_there(self, http_proxy: RunningProxy) -> None:
        assert (await found(route(free_port(), proxy=ProxyRoute(http_proxy.url)))).id == "proxy-refused"

    @pytest.mark.real
    async def test_microsocks_cannot_get_there(self, socks_proxy: RunningProxy) -> None:
        assert (await found(route(free_port(), proxy=ProxyRoute(socks_proxy.url)))).id == "proxy-refused"

    @pytest.mark.real
    async def test_tinyproxy_wants_a_password(self, http_proxy_with_password: RunningProxy) -> None:
        way = route(587, proxy=ProxyRoute(http_proxy_with_password.url, "nobody", Secret("wrong")))
        assert (await found(way)).id == "proxy-sign-in"

    @pytest.mark.real
    async def test_microsocks_wants_a_password(self, socks_proxy_with_password: RunningProxy) -> None:
        way = route(587, proxy=ProxyRoute(socks_proxy_with_password.url, "nobody", Secret("wrong")))
        assert (await found(way)).id == "proxy-sign-in"


@pytest.mark.parametrize("security", ["tls", "starttls"])
class TestCertificates:
    async def _shown(self, pair: KeyPair, security: str, pki: Pki, *, trusted: bool = True) -> Finding:
        server = ScriptedServer(capabilities=("STARTTLS",), tls=pair.context(), tls_first=security == "tls")
        async with server:
            ca_file = pki.ca_file if trusted else None
            protection: Protection = "tls" if security == "tls" else "starttls"
            return await found(route(server.port, protection, host="localhost", ca_file=ca_file))

    async def test_expired(self, security: str, pki: Pki) -> None:
        finding = await self._shown(pki.expired(), security, pki)
        assert finding.id == "certificate-expired"
        assert finding.commands[0] == "date -u"

    async def test_not_yet_valid(self, security: str, pki: Pki) -> None:
        assert (await self._shown(pki.not_yet_valid(), security, pki)).id == "certificate-not-yet-valid"

    async def test_self_signed(self, security: str, pki: Pki) -> None:
        assert (await self._shown(pki.self_signed(), security, pki)).id == "certificate-self-signed"

    async def test_ends_soon(self, security: str, pki: Pki) -> None:
        soon = pki.issue("ends-soon", ends=datetime.now(UTC) + timedelta(days=10, hours=12))
        finding = await self._shown(soon, security, pki)
        assert finding.id == "certificate-ends-soon"
        assert "in 10 days" in finding.cause

    async def test_wrong_name(self, security: str, pki: Pki) -> None:
        assert (await self._shown(pki.wrong_name(), security, pki)).id == "certificate-wrong-name"

    async def test_unknown_issuer(self, security: str, pki: Pki) -> None:
        assert (await self._shown(pki.good, security, pki, trusted=False)).id == "certificate-unknown-issuer"


class TestEncryption:
    async def test_ca_file_unusable(self) -> None:
        async with ScriptedServer(capabilities=("STARTTLS",)) as server:
            way = replace(route(server.port, "starttls"), ca_file="/nonexistent/ca.pem")
            finding = await found(way)
        assert finding.id == "ca-file-unusable"
        assert finding.commands[0] == "ls -l /nonexistent/ca.pem"

    async def test_tls_spoken_to_a_starttls_port(self, pki: Pki) -> None:
        async with ScriptedServer(capabilities=("STARTTLS",), tls=pki.good.context()) as server:
            finding = await found(route(server.port, "tls", host="localhost", ca_file=pki.ca_file))
        assert finding.id == "tls-on-plain-port"

    @pytest.mark.parametrize("security", ["starttls", "none"])
    async def test_plain_text_spoken_to_a_tls_port(self, security: str, pki: Pki) -> None:
        async with ScriptedServer(tls=pki.good.context(), tls_first=True) as server:
            protection: Protection = "starttls" if security == "starttls" else "none"
            timeouts = replace(SWIFT, greeting=TINY.greeting)
            finding = await found(route(server.port, protection, timeouts=timeouts))
        assert finding.id == "plain-on-tls-port"

    async def test_only_old_tls(self, pki: Pki) -> None:
        old = pki.good.context()
        old.set_ciphers("DEFAULT:@SECLEVEL=0")  # TLS 1.1 needs SHA-1, which the usual level forbids
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1

        def serve_once(listener: socket.socket) -> None:
            # A blocking handshake sends its alert before it hangs up; asyncio's does not.
            line, _ = listener.accept()
            with line, suppress(OSError):
                old.wrap_socket(line, server_side=True)

        with socket.create_server(("127.0.0.1", 0)) as listener:
            serving = asyncio.create_task(asyncio.to_thread(serve_once, listener))
            port = listener.getsockname()[1]
            finding = await found(route(port, "tls", host="localhost", ca_file=pki.ca_file))
            await serving
        assert finding.id == "tls-version"

    async def test_starttls_missing(self) -> None:
        async with ScriptedServer() as server:
            assert (await found(route(server.port, "starttls"))).id == "starttls-not-offered"

    async def test_starttls_refused(self) -> None:
        script = {"STARTTLS": b"454 4.7.0 TLS not available due to local problem\r\n"}
        async with ScriptedServer(script, capabilities=("STARTTLS",)) as server:
            assert (await found(route(server.port, "starttls"))).id == "starttls-refused"

    async def test_starttls_injected(self) -> None:
        script = {"STARTTLS": b"220 go\r\n250 2.0.0 and I am in your session\r\n"}
        async with ScriptedServer(script, capabilities=("STARTTLS",)) as server:
            assert (await found(route(server.port, "starttls"))).id == "starttls-injected"

    async def test_the_server_wants_starttls(self) -> None:
        script = {"MAIL": b"530 5.7.0 Must issue a STARTTLS command first\r\n"}
        async with ScriptedServer(script, capabilities=("STARTTLS",)) as server:
            assert (await found(route(server.port))).id == "server-requires-tls"
