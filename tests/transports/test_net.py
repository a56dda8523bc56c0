"""Names, addresses, TLS and the meaning of their errors, on real connections."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import ssl
import warnings
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.servers.pki import KeyPair, Pki
from tests.servers.process import free_port
from tests.servers.scripted import Act, Script, ScriptedServer
from tests.transports.watching import TINY, Watcher, login, route, summary
from transports.base import Cause, Failure, Status, StepName, TransportError
from transports.net.failures import cause_of, words_of
from transports.net.resolve import Endpoint
from transports.routes import SmtpRoute
from transports.smtp import SmtpTransport


def _verify(code: int) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code = code
    error.verify_message = "a message"
    return error


def _tls(reason: str) -> ssl.SSLError:
    return ssl.SSLError(1, f"[SSL: {reason}] {reason.lower()} (_ssl.c:1006)")


ERRORS: list[tuple[BaseException, Cause]] = [
    (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), Cause.NAME_NOT_FOUND),
    (socket.gaierror(socket.EAI_NODATA, "No address"), Cause.NAME_NOT_FOUND),
    (socket.gaierror(socket.EAI_AGAIN, "Temporary failure"), Cause.NAME_LOOKUP_FAILED),
    (socket.gaierror(socket.EAI_FAIL, "Non-recoverable"), Cause.NAME_LOOKUP_FAILED),
    (UnicodeError("label too long"), Cause.NAME_NOT_FOUND),
    (ConnectionRefusedError(errno.ECONNREFUSED, "refused"), Cause.CONNECTION_REFUSED),
    (ConnectionResetError(errno.ECONNRESET, "reset"), Cause.CONNECTION_LOST),
    (BrokenPipeError(errno.EPIPE, "pipe"), Cause.CONNECTION_LOST),
    (OSError(errno.EHOSTUNREACH, "No route to host"), Cause.UNREACHABLE),
    (OSError(errno.ENETUNREACH, "Network is unreachable"), Cause.UNREACHABLE),
    (PermissionError(errno.EPERM, "firewall"), Cause.UNREACHABLE),
    (TimeoutError(errno.ETIMEDOUT, "timed out"), Cause.TIMED_OUT),
    (_verify(10), Cause.CERTIFICATE_EXPIRED),
    (_verify(9), Cause.CERTIFICATE_NOT_YET_VALID),
    (_verify(18), Cause.CERTIFICATE_SELF_SIGNED),
    (_verify(19), Cause.CERTIFICATE_UNKNOWN_ISSUER),
    (_verify(20), Cause.CERTIFICATE_UNKNOWN_ISSUER),
    (_verify(62), Cause.CERTIFICATE_WRONG_NAME),
    (_verify(64), Cause.CERTIFICATE_WRONG_NAME),
    (_verify(7), Cause.CERTIFICATE_INVALID),
    (_tls("WRONG_VERSION_NUMBER"), Cause.TLS_ON_PLAIN_PORT),
    (_tls("TLSV1_ALERT_PROTOCOL_VERSION"), Cause.TLS_VERSION),
    (_tls("UNSUPPORTED_PROTOCOL"), Cause.TLS_VERSION),
    (_tls("SSLV3_ALERT_HANDSHAKE_FAILURE"), Cause.TLS_FAILED),
    (ssl.SSLEOFError(8, "EOF occurred: UNEXPECTED_EOF_WHILE_READING"), Cause.CONNECTION_LOST),
]


@pytest.mark.parametrize(("error", "cause"), ERRORS, ids=lambda v: repr(v)[:50])
def test_each_error_has_its_cause(error: BaseException, cause: Cause) -> None:
    assert cause_of(error) is cause
    assert words_of(error)


def test_an_error_without_words_is_told_in_words() -> None:
    assert words_of(ConnectionResetError()) == "the connection broke off (ConnectionResetError)"


async def opening(way: SmtpRoute, **options: object) -> tuple[Failure, Watcher]:
    """Open a connection that must fail."""
    watcher = Watcher()
    with pytest.raises(TransportError) as caught:
        await SmtpTransport(way, **options).open(watcher.trace)  # type: ignore[arg-type]
    assert watcher.steps[-1].failure == caught.value.failure
    return caught.value.failure, watcher


CERTIFICATES: list[tuple[Callable[[Pki], KeyPair], Cause]] = [
    (Pki.expired, Cause.CERTIFICATE_EXPIRED),
    (Pki.not_yet_valid, Cause.CERTIFICATE_NOT_YET_VALID),
    (Pki.wrong_name, Cause.CERTIFICATE_WRONG_NAME),
    (Pki.unknown_issuer, Cause.CERTIFICATE_UNKNOWN_ISSUER),
    (Pki.self_signed, Cause.CERTIFICATE_SELF_SIGNED),
]


@pytest.mark.parametrize("first", [True, False], ids=["tls", "starttls"])
@pytest.mark.parametrize(("make", "cause"), CERTIFICATES, ids=[str(cause) for _, cause in CERTIFICATES])
async def test_a_bad_certificate_stops_everything(
    pki: Pki, make: Callable[[Pki], KeyPair], cause: Cause, first: bool
) -> None:
    security = "tls" if first else "starttls"
    async with ScriptedServer(capabilities=["STARTTLS"], tls=make(pki).context(), tls_first=first) as server:
        way = route(server.port, security, host="localhost", ca_file=pki.ca_file)  # type: ignore[arg-type]
        failure, _ = await opening(way)
    assert summary(failure) == (security, "server", "fix-settings", str(cause))
    assert "AUTH" not in server.verbs()


async def test_an_old_tls_version_is_named(pki: Pki) -> None:
    context = pki.good.context()
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # it is old: that is the point
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1

    def serve_once(listener: socket.socket) -> None:
        # A blocking handshake sends its alert before it hangs up; asyncio's does not.
        line, _ = listener.accept()
        with line, contextlib.suppress(OSError):
            context.wrap_socket(line, server_side=True)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = asyncio.create_task(asyncio.to_thread(serve_once, listener))
        port = listener.getsockname()[1]
        failure, _ = await opening(route(port, "tls", host="localhost", ca_file=pki.ca_file))
        await serving
    assert summary(failure) == ("tls", "server", "fix-settings", "tls-version")


async def test_tls_on_a_plain_port_is_named(pki: Pki) -> None:
    async with ScriptedServer() as server:
        failure, _ = await opening(route(server.port, "tls", host="localhost", ca_file=pki.ca_file))
    assert summary(failure) == ("tls", "server", "fix-settings", "tls-on-plain-port")


@pytest.mark.parametrize("security", ["starttls", "none"])
async def test_plain_text_on_a_tls_port_is_named(pki: Pki, security: str) -> None:
    async with ScriptedServer(tls=pki.good.context(), tls_first=True) as server:
        way = route(server.port, security, timeouts=TINY)  # type: ignore[arg-type]
        failure, _ = await opening(way)
    assert summary(failure) == ("greeting", "server", "fix-settings", "plain-on-tls-port")


async def test_a_silent_server_is_timed_out() -> None:
    async with ScriptedServer({"GREETING": Act.HANG, "QUIT": Act.HANG}) as server:
        failure, _ = await opening(route(server.port, timeouts=TINY))
    assert summary(failure) == ("greeting", "server", "retry", "timed-out")
    assert "0.5 s" in failure.words


async def test_a_server_that_is_silent_in_the_handshake_is_timed_out(pki: Pki) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:  # connects, and is never served
        way = route(deaf.getsockname()[1], "tls", ca_file=pki.ca_file, timeouts=TINY)
        failure, _ = await opening(way)
    assert summary(failure) == ("tls", "server", "retry", "timed-out")


async def test_a_client_certificate_that_is_wanted_is_a_failure_of_tls(pki: Pki) -> None:
    context = pki.good.context()
    context.verify_mode = ssl.CERT_REQUIRED
    async with ScriptedServer(tls=context, tls_first=True) as server:
        failure, _ = await opening(route(server.port, "tls", host="localhost", ca_file=pki.ca_file))
    assert failure.cause in {Cause.TLS_FAILED, Cause.CONNECTION_LOST}


@pytest.mark.parametrize(
    ("days", "status"), [(200, Status.PASS), (30, Status.PASS), (20, Status.WARN), (1, Status.WARN)]
)
async def test_a_certificate_that_ends_soon_is_a_warning(pki: Pki, days: int, status: Status) -> None:
    pair = pki.issue(f"ends-{days}", ends=datetime.now(UTC) + timedelta(days=days, hours=1))
    watcher = Watcher()
    async with ScriptedServer(tls=pair.context(), tls_first=True) as server:
        way = SmtpTransport(route(server.port, "tls", host="localhost", ca_file=pki.ca_file))
        await way.open(watcher.trace)
        await way.close()
    step = watcher[StepName.TLS]
    until = (datetime.now(UTC) + timedelta(days=days, hours=1)).date().isoformat()
    assert step.status is status
    assert step.detail == f"TLS 1.3, certificate until {until}"
    assert step.facts["certificate_until"] == until
    assert "localhost" in step.facts["certificate_names"].split(", ")
    assert "trustme" in step.facts["issuer"]
    assert step.facts["cipher"].startswith("TLS_")
    if status is Status.WARN:
        assert step.failure is not None
        assert step.failure.cause is Cause.CERTIFICATE_ENDS_SOON
        assert step.failure.facts["days"] == str(days)


async def test_without_the_ca_file_it_is_an_unknown_issuer(pki: Pki) -> None:
    async with ScriptedServer(tls=pki.good.context(), tls_first=True) as server:
        failure, _ = await opening(route(server.port, "tls", host="localhost"))
    assert failure.cause is Cause.CERTIFICATE_UNKNOWN_ISSUER


@pytest.mark.parametrize("content", [None, b"", b"no certificate\n", b"\xff\x00"])
async def test_a_ca_file_that_cannot_be_used_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_bytes(content)
    async with ScriptedServer(tls_first=False) as server:
        failure, _ = await opening(route(server.port, "tls", ca_file=path))
    assert summary(failure) == ("tls", "server", "fix-settings", "ca-file-unusable")
    assert str(path) in failure.words


async def test_environment_variables_neither_break_nor_betray(
    pki: Pki, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"):
        monkeypatch.setenv(name, str(tmp_path / "gone"))
    keys = tmp_path / "keys"
    monkeypatch.setenv("SSLKEYLOGFILE", str(keys))
    async with ScriptedServer(tls=pki.good.context(), tls_first=True) as server:
        way = SmtpTransport(route(server.port, "tls", host="localhost", ca_file=pki.ca_file))
        await way.open(Watcher().trace)
        await way.close()
    assert not keys.exists()


async def test_refused() -> None:
    port = free_port()
    failure, watcher = await opening(route(port))
    assert summary(failure) == ("connect", "server", "retry", "connection-refused")
    assert watcher.names() == ["resolve", "connect"]
    assert failure.facts["tried"].startswith(f"127.0.0.1:{port}: ")


async def test_a_name_that_does_not_exist() -> None:
    async def nowhere(_host: str, _port: int) -> list[Endpoint]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    failure, _ = await opening(route(25, host="no.such.test"), resolver=nowhere)
    assert summary(failure) == ("resolve", "server", "retry", "name-not-found")
    assert failure.facts["name"] == "no.such.test"


async def test_a_label_of_70_letters_is_no_name() -> None:
    failure, _ = await opening(route(25, host="x" * 70 + ".test"))
    assert failure.step is StepName.RESOLVE


async def test_a_resolver_that_never_answers() -> None:
    async def silence(_host: str, _port: int) -> list[Endpoint]:
        return await asyncio.get_running_loop().create_future()  # type: ignore[no-any-return]

    failure, _ = await opening(route(25, timeouts=TINY), resolver=silence)
    assert summary(failure) == ("resolve", "server", "retry", "timed-out")


def _at(host: str, port: int) -> Endpoint:
    if ":" in host:
        return Endpoint(socket.AF_INET6, (host, port, 0, 0))
    return Endpoint(socket.AF_INET, (host, port))


async def test_a_dead_first_address_costs_one_attempt() -> None:
    async with ScriptedServer() as server:

        async def several(_host: str, port: int) -> list[Endpoint]:
            return [_at("127.0.0.9", port), _at("::1", port), _at("127.0.0.1", port)]

        watcher = Watcher()
        way = SmtpTransport(route(server.port, host="several.test"), resolver=several)
        await way.open(watcher.trace)
        await way.close()
    assert watcher[StepName.RESOLVE].facts["addresses"] == "127.0.0.9, ::1, 127.0.0.1"
    step = watcher[StepName.CONNECT]
    assert step.status is Status.PASS
    assert step.facts["address"] == f"127.0.0.1:{server.port}"
    assert f"127.0.0.9:{server.port}: " in step.facts["tried"]
    assert f"[::1]:{server.port}: " in step.facts["tried"]


async def test_all_addresses_dead_names_each() -> None:
    port = free_port()

    async def several(_host: str, port: int) -> list[Endpoint]:
        return [_at("127.0.0.8", port), _at("127.0.0.9", port)]

    failure, _ = await opening(route(port, host="several.test"), resolver=several)
    assert failure.cause is Cause.CONNECTION_REFUSED
    assert "127.0.0.8" in failure.words
    assert "127.0.0.9" in failure.words


async def test_an_address_that_swallows_packets_does_not_hold_up_the_next() -> None:
    """A full backlog answers nothing, as a firewall that drops; the next address is tried beside it."""
    with socket.socket() as deaf, socket.socket() as filler:
        deaf.bind(("127.0.0.7", 0))
        deaf.listen(0)
        port = deaf.getsockname()[1]
        filler.setblocking(False)
        filler.connect_ex(("127.0.0.7", port))
        second = socket.socket()
        second.setblocking(False)
        second.connect_ex(("127.0.0.7", port))
        async with ScriptedServer() as server:

            async def several(_host: str, _port: int) -> list[Endpoint]:
                return [_at("127.0.0.7", port), _at("127.0.0.1", server.port)]

            watcher = Watcher()
            way = SmtpTransport(route(server.port, host="several.test"), resolver=several)
            await way.open(watcher.trace)
            await way.close()
        second.close()
    assert watcher[StepName.CONNECT].facts["address"] == f"127.0.0.1:{server.port}"
    assert watcher[StepName.CONNECT].seconds < 3


async def test_ipv6(pki: Pki) -> None:
    try:
        free_port("::1")
    except OSError:
        pytest.skip("this machine has no ::1")
    watcher = Watcher()
    async with ScriptedServer(host="::1", tls=pki.good.context(), tls_first=True) as server:
        way = SmtpTransport(route(server.port, "tls", host="::1", ca_file=pki.ca_file, ehlo_name=None))
        await way.open(watcher.trace)
        await way.close()
    assert way.address == f"[::1]:{server.port}"
    assert watcher[StepName.CONNECT].facts["address"] == f"[::1]:{server.port}"


@pytest.mark.parametrize("host", ["evil\r\n.test", "a b", "\0", ""])
async def test_a_host_name_with_more_than_a_name_is_refused(host: str) -> None:
    failure, watcher = await opening(route(25, host=host))
    assert failure.cause is Cause.UNSAFE_TEXT
    assert watcher.names() == ["resolve"]


@pytest.mark.parametrize(
    "script", [{"GREETING": b"554 no\r\n"}, {"EHLO": b"550 no\r\n"}, {"GREETING": Act.DROP}], ids=str
)
async def test_an_open_that_fails_leaves_nothing_open(script: Script) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", ResourceWarning)
        async with ScriptedServer(script) as server:
            await opening(route(server.port, "starttls", login=login("u", "p")))
            async with asyncio.timeout(5):
                await server.gone.wait()


@pytest.mark.parametrize(
    ("name", "said"),
    [("192.0.2.1", "[192.0.2.1]"), ("2001:db8::1", "[IPv6:2001:db8::1]"), ("a.test", "a.test")],
)
async def test_an_address_as_our_own_name_is_said_as_rfc_5321_wants(name: str, said: str) -> None:
    async with ScriptedServer() as server:
        way = SmtpTransport(route(server.port, ehlo_name=name))
        await way.open(Watcher().trace)
        await way.close()
    assert server.heard[0] == f"EHLO {said}"
