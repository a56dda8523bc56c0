"""A practice server without a fault: who may send what to whom, what is kept, and where the limits are."""

from __future__ import annotations

import asyncio
import contextlib
import smtplib
import ssl
import stat
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outmail.demo import mailbox as mailbox_module
from outmail.demo import port as port_module
from outmail.demo.mailbox import Mailbox, subject_of
from outmail.demo.smtp import SIZE_LIMIT
from outmail.demo.tenant import PracticeTenant
from tests.outmail.demo.client import MAIL, connected, names_in, send, session, until


async def test_a_mail_is_kept_byte_by_byte(tenant: PracticeTenant, trust: ssl.SSLContext) -> None:
    await send(tenant.servers["primary"], trust)
    (mail,) = tenant.mails
    assert mail.content == MAIL
    assert mail.file.read_bytes() == MAIL
    assert stat.S_IMODE(mail.file.stat().st_mode) == 0o600
    assert mail.file.is_relative_to(tenant.folder)
    assert (mail.server, mail.user, mail.sender) == (
        "primary",
        "desk@practice.test",
        "desk@practice.test",
    )
    assert mail.recipients == ("a@practice.test",)


async def test_everything_listens_on_loopback_alone(tenant: PracticeTenant) -> None:
    assert {port.host for port in tenant.ports.values()} == {"127.0.0.1"}
    assert len({port.port for port in tenant.ports.values()}) == 7


async def test_nobody_is_unknown_and_others_are_not(tenant: PracticeTenant, trust: ssl.SSLContext) -> None:
    def work(client: smtplib.SMTP) -> dict[str, tuple[int, bytes]]:
        return client.sendmail("desk@practice.test", ["nobody@example.org", "some@example.org"], MAIL)

    refused = await session(tenant.servers["primary"], trust, work)
    assert list(refused) == ["nobody@example.org"]
    assert refused["nobody@example.org"][0] == 550
    assert refused["nobody@example.org"][1].startswith(b"5.1.1 ")
    assert tenant.mails[0].recipients == ("some@example.org",)


@pytest.mark.parametrize(
    ("sender", "code"),
    [
        ("desk@practice.test", 250),
        ("Support@Practice.test", 250),
        ("", 250),
        ("chief@practice.test", 553),
        ("desk@example.org", 553),
    ],
)
async def test_senders(tenant: PracticeTenant, trust: ssl.SSLContext, sender: str, code: int) -> None:
    answered = await session(tenant.servers["alternate"], trust, lambda client: client.mail(sender))
    assert answered[0] == code
    if code == 553:
        assert answered[1].startswith(b"5.7.1 ")


async def test_a_bounce_has_no_sender(tenant: PracticeTenant, trust: ssl.SSLContext) -> None:
    await session(tenant.servers["primary"], trust, lambda client: client.sendmail("", ["a@b.test"], MAIL))
    assert tenant.mails[0].sender == ""


@pytest.mark.parametrize("name", ["primary", "alternate"])
@pytest.mark.parametrize("mechanism", ["auth_plain", "auth_login"])
@pytest.mark.parametrize("initial", [True, False])
async def test_both_mechanisms(
    tenant: PracticeTenant, trust: ssl.SSLContext, name: str, mechanism: str, initial: bool
) -> None:
    server = tenant.servers[name]

    def work(password: str) -> int:
        with connected(server, trust) as client:
            client.ehlo()
            client.user, client.password = server.username, password
            wire = mechanism.removeprefix("auth_").lower()  # lower case, as printers send it
            return client.auth(wire, getattr(client, mechanism), initial_response_ok=initial)[0]

    assert await asyncio.to_thread(work, server.password) == 235
    for wrong in ("wrong", "", "prac\N{LATIN SMALL LETTER E WITH ACUTE}"[:4], server.password + "x"):
        with pytest.raises(smtplib.SMTPAuthenticationError) as caught:
            await asyncio.to_thread(work, wrong)
        assert caught.value.smtp_code == 535


async def test_nothing_goes_before_starttls_and_sign_in(
    tenant: PracticeTenant, trust: ssl.SSLContext
) -> None:
    primary = tenant.servers["primary"]

    def in_the_clear() -> tuple[int, int]:
        with smtplib.SMTP(primary.host, primary.port, timeout=10) as client:
            client.ehlo()
            return client.mail("desk@practice.test")[0], client.docmd("AUTH", "PLAIN AGEAYg==")[0]

    def not_signed_in() -> int:
        with connected(primary, trust) as client:
            client.ehlo()
            return client.mail("desk@practice.test")[0]

    assert await asyncio.to_thread(in_the_clear) == (530, 530)
    assert await asyncio.to_thread(not_signed_in) == 530


async def test_the_plain_relay_takes_mail_for_its_own_domain_only(
    tenant: PracticeTenant, trust: ssl.SSLContext
) -> None:
    def work(client: smtplib.SMTP) -> tuple[bool, int, int]:
        client.ehlo()
        client.mail("printer@office.test")
        return (
            client.has_extn("auth"),
            client.rcpt("desk@practice.test")[0],
            client.rcpt("a@example.org")[0],
        )

    assert await session(tenant.servers["relay"], trust, work) == (False, 250, 554)


async def test_what_is_offered(tenant: PracticeTenant, trust: ssl.SSLContext) -> None:
    def offered(client: smtplib.SMTP) -> dict[str, str]:
        client.ehlo()
        return client.esmtp_features

    for name in ("primary", "alternate"):
        found = await session(tenant.servers[name], trust, offered)
        assert found["size"] == str(SIZE_LIMIT)
        assert {"8bitmime", "smtputf8", "auth"} <= set(found)
        assert set(found["auth"].split()) == {"PLAIN", "LOGIN"}


async def test_a_mail_over_the_limit_is_refused_before_and_after_the_upload(
    tenant: PracticeTenant, trust: ssl.SSLContext
) -> None:
    big = b"Subject: big\r\n\r\n" + (b"x" * 78 + b"\r\n") * (SIZE_LIMIT // 80 + 1)
    with pytest.raises(smtplib.SMTPSenderRefused) as before:
        await send(tenant.servers["primary"], trust, big)
    assert before.value.smtp_code == 552

    def unannounced(client: smtplib.SMTP) -> int:
        client.ehlo()
        client.mail("desk@practice.test")
        client.rcpt("a@b.test")
        return client.data(big)[0]

    assert await session(tenant.servers["primary"], trust, unannounced) == 552
    assert not tenant.mails


async def test_international_addresses(tenant: PracticeTenant, trust: ssl.SSLContext) -> None:
    def work(client: smtplib.SMTP) -> object:
        client.ehlo()
        options = ["SMTPUTF8", "BODY=8BITMIME"]
        return client.sendmail("desk@practice.test", ["grüße@bücher.test"], MAIL, options)

    await session(tenant.servers["primary"], trust, work)
    assert tenant.mails[0].recipients == ("grüße@bücher.test",)


async def test_too_many_connections_are_told_so(
    tenant: PracticeTenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(port_module, "MOST_CONNECTIONS", 2)
    server = tenant.servers["primary"]
    writers = []
    for _ in range(2):
        reader, writer = await asyncio.open_connection(server.host, server.port)
        assert (await reader.readline()).startswith(b"220 ")
        writers.append(writer)
    reader, writer = await asyncio.open_connection(server.host, server.port)
    assert (await reader.read()).startswith(b"421 4.7.0 ")
    for each in (*writers, writer):
        each.close()
    await until(lambda: server.connections == 0)
    reader, writer = await asyncio.open_connection(server.host, server.port)
    assert (await reader.readline()).startswith(b"220 ")
    writer.close()


async def test_a_connection_has_an_end(tenant: PracticeTenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(port_module, "LONGEST_CONNECTION", 0.1)
    for name, fault in (("primary", "none"), ("alternate", "none"), ("primary", "silent")):
        tenant.set_fault(name, fault)
        server = tenant.servers[name]
        reader, writer = await asyncio.open_connection(server.host, server.port)
        async with asyncio.timeout(10):
            await reader.read()
        writer.close()
        await until(lambda server=server: server.connections == 0)  # type: ignore[misc]


@pytest.mark.parametrize("name", ["primary", "alternate", "relay"])
async def test_closing_in_the_middle_of_everything(tmp_path: Path, name: str) -> None:
    async with PracticeTenant(tmp_path, slow_seconds=60) as tenant:
        server = tenant.servers[name]
        port = server.port
        idle = await asyncio.open_connection(server.host, port)
        tenant.set_fault(name, "slow")
        waiting = await asyncio.open_connection(server.host, port)
        waiting[1].write(b"\x16\x03\x01")  # the first bytes of a TLS handshake that never goes on
        tenant.set_fault(name, "silent")
        silent = await asyncio.open_connection(server.host, port)
        await until(lambda: server.connections == 3)
    assert server.connections == 0
    for reader, writer in (idle, waiting, silent):
        writer.close()
        async with asyncio.timeout(10):
            try:
                await reader.read()
            except ConnectionError:
                continue
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)


async def test_a_starttls_handshake_that_stops_half_way(tenant: PracticeTenant) -> None:
    server = tenant.servers["primary"]
    for ending in (b"", b"\x16\x03\x01\x00", b"QUIT\r\n" * 10):
        reader, writer = await asyncio.open_connection(server.host, server.port)
        await reader.readline()
        writer.write(b"EHLO client\r\n")
        while not (await reader.readline()).startswith(b"250 "):
            pass
        writer.write(b"STARTTLS\r\n")
        assert (await reader.readline()).startswith(b"220 ")
        writer.write(ending)
        await writer.drain()
        writer.close()
    await until(lambda: server.connections == 0)


def test_any_bytes_never_break_a_server(tmp_path: Path) -> None:
    complaints: list[object] = []
    tenant = PracticeTenant(tmp_path / "practice")

    @settings(max_examples=40, deadline=None)
    @given(garbage=st.binary(max_size=3000))
    def takes(garbage: bytes) -> None:
        runner.run(_take(tenant, garbage))
        assert not complaints

    with asyncio.Runner() as runner:
        runner.get_loop().set_exception_handler(lambda _loop, context: complaints.append(context))
        runner.run(tenant.__aenter__())
        try:
            takes()
        finally:
            runner.run(tenant.close())
    assert not complaints


async def _take(tenant: PracticeTenant, garbage: bytes) -> None:
    for server in tenant.servers.values():
        reader, writer = await asyncio.open_connection(server.host, server.port)
        writer.write(garbage)
        writer.write_eof()
        async with asyncio.timeout(10):
            with contextlib.suppress(ConnectionError):
                await reader.read()
        writer.close()
        await until(lambda server=server: server.connections == 0)  # type: ignore[misc]


async def test_the_oldest_mails_go_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mailbox_module, "MOST_MAILS", 3)
    monkeypatch.setattr(mailbox_module, "MOST_BYTES", 100)
    box = Mailbox(tmp_path)
    for number in range(5):
        await box.keep("primary", "", "", ("a@b",), b"Subject: %d\r\n\r\n" % number)
    assert [mail.subject for mail in box.mails] == ["2", "3", "4"]
    await box.keep("primary", "", "", ("a@b",), b"x" * 90)
    assert sum(len(mail.content) for mail in box.mails) <= 100
    await box.keep("primary", "", "", ("a@b",), b"x" * 200)
    assert [len(mail.content) for mail in box.mails] == [200]
    assert names_in(tmp_path) == [mail.file.name for mail in box.mails]
    assert box.count == 7


async def test_a_mail_that_cannot_be_written_is_not_taken(
    tenant: PracticeTenant, trust: ssl.SSLContext
) -> None:
    folder = tenant.folder / "mail"
    folder.rmdir()
    with pytest.raises(smtplib.SMTPDataError) as caught:
        await send(tenant.servers["primary"], trust)
    assert caught.value.smtp_code == 452
    assert not tenant.mails


@pytest.mark.parametrize(
    ("header", "shown"),
    [
        (b"Subject: plain", "plain"),
        (b"Subject: =?utf-8?b?R3LDvMOfZQ==?= and\r\n more", "Grüße and more"),
        (b"Subject: =?no-such-charset?q?abc?=", "=?no-such-charset?q?abc?="),
        (b"Subject: \x1b[2Jgone", "?[2Jgone"),
        (b"To: a@b", ""),
    ],
)
def test_subjects(header: bytes, shown: str) -> None:
    assert subject_of(header + b"\r\n\r\nbody") == shown


@given(st.binary(max_size=400))
def test_any_subject_is_harmless(raw: bytes) -> None:
    assert subject_of(b"Subject: " + raw).isprintable()
    subject_of(raw)
