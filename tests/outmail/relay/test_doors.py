"""Settings of a listener become a door and its rules; what cannot be is told with its remedy."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import ssl
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import cast

import pytest

from outmail.engine.errors import EngineError
from outmail.relay.certificates import SOON, server_context
from outmail.relay.doors import door, listeners, may_send
from outmail.relay.events import Sender
from outmail.relay.intake import Intake
from outmail.relay.listener import LOOPBACK, Listener
from store import relay_settings
from store.errors import StoreError
from store.relay_settings import Relay
from tests.servers.pki import Pki

HOST = "relay.example.test"


def settings(listen: str = "127.0.0.1:0", **more: object) -> relay_settings.Listener:
    return relay_settings.Listener.model_validate({"listen": listen, **more})


@pytest.fixture
def systemd() -> Iterator[dict[str, socket.socket]]:
    """A socket that listens, as systemd passes it."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        sock.setblocking(False)
        yield {"smtp": sock}


# Which listeners.


def test_the_default_serves_this_machine_alone() -> None:
    (only,) = listeners(Relay(), (), {})
    assert only.listen == "127.0.0.1:2525"
    where, rules = door(only, HOST, {})
    assert (where.host, where.port, where.networks, where.tls) == ("127.0.0.1", 2525, LOOPBACK, None)
    assert not rules.auth_offered
    assert not rules.starttls_offered


def test_the_command_line_replaces_the_listeners_but_not_their_rules() -> None:
    known = settings("127.0.0.1:2525", senders=["@example.org"])
    relay = Relay(listeners=[known, settings("127.0.0.1:2526")])
    assert listeners(relay, (), {}) == relay.listeners
    found = listeners(relay, ("127.0.0.1:2525", "0.0.0.0:25", "[::1]:25", "0.0.0.0:25"), {})
    assert [one.listen for one in found] == ["127.0.0.1:2525", "0.0.0.0:25", "[::1]:25"]
    assert found[0] is known
    assert door(found[1], HOST, {})[0].networks == LOOPBACK, "an address for all is no service for all"


def test_an_address_that_is_none() -> None:
    with pytest.raises(EngineError) as told:
        listeners(Relay(), ("2525",), {})
    assert "127.0.0.1:2525" in told.value.remedy


def test_sockets_of_systemd(systemd: dict[str, socket.socket], caplog: pytest.LogCaptureFixture) -> None:
    assert [one.listen for one in listeners(Relay(), (), systemd)] == ["systemd:smtp"]
    two = {**systemd, "smtp-2": systemd["smtp"], "smtp-tls": systemd["smtp"]}
    relay = Relay(listeners=[settings("systemd:smtp", auth="required", security="tls")])
    with caplog.at_level(logging.WARNING):
        found = listeners(relay, (), two)
    assert [(one.listen, one.auth) for one in found] == [
        ("systemd:smtp", "required"),
        ("systemd:smtp-2", "required"),
    ]
    assert 'listen = "systemd:smtp-tls"' in caplog.text, "nobody is left waiting in silence"
    assert [one.listen for one in listeners(Relay(), (), two)] == list(map("systemd:{}".format, two))
    relay.listeners.append(settings("systemd:smtp-2", auth="optional"))
    found = listeners(relay, (), two)
    assert [(one.listen, one.auth) for one in found] == [
        ("systemd:smtp", "required"),
        ("systemd:smtp-2", "optional"),
    ], "each once, by its own rules where it has them"


def test_a_socket_that_systemd_did_not_pass(systemd: dict[str, socket.socket]) -> None:
    with pytest.raises(EngineError) as told:
        door(settings("systemd:smtps"), HOST, systemd)
    assert "passed: smtp" in told.value.why
    assert "FileDescriptorName=smtps" in told.value.remedy


async def test_a_socket_of_systemd_outlives_the_listener(systemd: dict[str, socket.socket]) -> None:
    for _ in range(2):
        where, rules = door(settings("systemd:smtp"), HOST, systemd)
        listener = Listener(where, rules, cast("Intake", None))
        await listener.open()
        reader, writer = await asyncio.open_connection(*systemd["smtp"].getsockname())
        assert (await reader.readline()).startswith(f"220 {HOST}".encode())
        writer.close()
        await listener.close()


# Rules.


def test_every_setting_arrives(pki: Pki) -> None:
    where, rules = door(
        settings(
            "[::1]:587",
            security="starttls",
            certificate=str(pki.good.pem),
            auth="required",
            networks=["192.0.2.0/24", "10.0.0.1"],
            size_limit=4096,
            connections=3,
            connections_per_client=2,
        ),
        HOST,
        {},
    )
    assert (where.host, where.port, where.most, where.most_each) == ("::1", 587, 3, 2)
    assert where.networks == (*LOOPBACK, ip_network("192.0.2.0/24"), ip_network("10.0.0.1/32"))
    assert where.tls is not None
    assert not where.tls_at_once
    assert (rules.hostname, rules.size_limit) == (HOST, 4096)
    assert rules.starttls_offered
    assert rules.auth_required
    assert not rules.auth_allowed(tls=False), "no password in the clear"
    assert door(settings(security="tls", certificate=str(pki.good.pem)), HOST, {})[0].tls_at_once


def test_passwords_in_the_clear_only_where_somebody_says_so() -> None:
    clear = settings(auth="optional", insecure_auth_without_tls=True)
    assert door(clear, HOST, {})[1].auth_allowed(tls=False)


async def test_a_unix_socket_has_its_mode_and_nobody_sees_what_goes_through_it(tmp_path: Path) -> None:
    path = tmp_path / "smtp"
    for mode in (0o600, 0o666):
        where, rules = door(settings(f"unix:{path}", auth="required"), HOST, {}, (mode, -1))
        assert where.path == path
        assert path.stat().st_mode & 0o777 == mode
        assert rules.auth_allowed(tls=False)
        listener = Listener(where, rules, cast("Intake", None))
        await listener.open()
        assert listener.addresses == [str(path)]
        reader, writer = await asyncio.open_unix_connection(path)
        assert (await reader.readline()).startswith(b"220 ")
        writer.close()
        await listener.close()


def test_a_unix_socket_where_none_can_be(tmp_path: Path) -> None:
    with pytest.raises(StoreError):
        door(settings(f"unix:{tmp_path}/no/folder"), HOST, {})


def test_a_host_name_that_smtp_cannot_say() -> None:
    with pytest.raises(EngineError, match="host name"):
        door(settings(), "my machine", {})


# Senders.


@pytest.mark.parametrize(
    ("sender", "ok"),
    [
        ("", True),
        ("cron@example.org", True),
        ("CRON@Example.ORG", True),
        ("x@printers.example.org", True),
        ("x@Bücher.example", True),
        ("x@xn--bcher-kva.example", True),
        ("other@example.org", False),
        ("x@sub.printers.example.org", False),
        ("x@notprinters.example.org", False),
        ("cron", False),
        ("@example.org", False),
        ("cron@example.org@evil.test", False),
    ],
)
def test_senders(sender: str, ok: bool) -> None:
    check = may_send(settings(senders=["Cron@example.org", "@printers.Example.org", "@bücher.example"]))
    answer = check(Sender(sender))
    assert (answer is None) is ok
    if answer is not None:
        assert (answer.code, answer.enhanced) == (550, "5.7.1")
        assert "@printers.example.org" in answer.text


def test_where_no_sender_is_named() -> None:
    assert may_send(settings())(Sender("anybody@example.org")) is None
    with pytest.raises(ValueError, match="at least 1"):
        settings(senders=[])  # would be written out as no setting at all, which is everybody


# TLS.


def versions(server: ssl.SSLContext, **client: object) -> str | None:
    """The version that a client gets to speak, without a network."""
    wants = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    wants.check_hostname = False
    wants.verify_mode = ssl.CERT_NONE
    wants.set_ciphers("DEFAULT:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        for name, value in client.items():
            setattr(wants, name, value)
    a, b = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = server.wrap_bio(a, b, server_side=True)
    theirs = wants.wrap_bio(b, a)
    for _ in range(4):
        for side in (theirs, ours):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    return theirs.version()


def test_only_the_long_named_switch_lets_old_printers_in(pki: Pki) -> None:
    pem = str(pki.good.pem)
    modern = server_context("x", pem, None, legacy=False)
    assert modern.minimum_version is ssl.TLSVersion.TLSv1_2
    assert versions(modern) == "TLSv1.3"
    with pytest.raises(ssl.SSLError):
        versions(modern, maximum_version=ssl.TLSVersion.TLSv1, minimum_version=ssl.TLSVersion.TLSv1)
    legacy = server_context("x", pem, None, legacy=True)
    assert versions(legacy) == "TLSv1.3"
    old = {"minimum_version": ssl.TLSVersion.TLSv1, "maximum_version": ssl.TLSVersion.TLSv1}
    assert versions(legacy, **old) == "TLSv1"


def test_what_is_wrong_with_a_certificate(pki: Pki, tmp_path: Path) -> None:
    def told(certificate: Path | str, key: Path | str | None = None) -> EngineError:
        with pytest.raises(EngineError) as error:
            server_context("[::]:465", str(certificate), str(key) if key else None, legacy=False)
        assert "[::]:465" in error.value.what
        assert error.value.remedy
        return error.value

    good = pki.good.pem.read_text()
    key = good[: good.index("-----BEGIN CERTIFICATE")]
    chain = tmp_path / "chain.pem"
    chain.write_text(good[len(key) :])
    alone, locked, other, damaged = (tmp_path / name for name in ("key", "locked", "other", "damaged"))
    alone.write_text(key)
    locked.write_text(key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY"))
    stranger = pki.issue("stranger").pem.read_text()
    other.write_text(stranger[: stranger.index("-----BEGIN CERTIFICATE")])
    damaged.write_text(good.replace("MII", "!!!"))

    server_context("x", str(chain), str(alone), legacy=False)
    assert "there is no file /no/such.pem" in told("/no/such.pem").why
    assert "`key`" in told(chain, "/no/such.key").remedy
    assert "holds no private key" in told(chain).why
    assert "holds no certificate" in told(alone).why
    assert "openssl pkey" in told(chain, locked).remedy
    assert "belongs to another certificate" in told(chain, other).why
    assert "cannot be used" in told(damaged).why
    assert "directory" in told(tmp_path).why


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_key_that_we_may_not_read(pki: Pki, tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    path.write_bytes(pki.good.pem.read_bytes())
    path.chmod(0)
    with pytest.raises(EngineError) as told:
        server_context("x", str(path), None, legacy=False)
    assert "setfacl" in told.value.remedy


def test_a_certificate_at_its_end_is_a_warning(pki: Pki, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        server_context("x", str(pki.good.pem), None, legacy=False)
        assert caplog.text == ""
        server_context("x", str(pki.expired().pem), None, legacy=False)
        assert "clients will refuse it" in caplog.text
        caplog.clear()
        soon = pki.issue("soon", ends=datetime.now(UTC) + SOON - timedelta(days=1))
        server_context("x", str(soon.pem), None, legacy=False)
        assert "ends on" in caplog.text
