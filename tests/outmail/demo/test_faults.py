"""Each fault is what it says, as an independent client sees it, and ends when it is taken away."""

from __future__ import annotations

import asyncio
import contextlib
import smtplib
import ssl
import time
from collections.abc import Mapping

import pytest

from outmail.demo.ews.faults import EWS_FAULTS
from outmail.demo.faults import Fault, UnknownFault
from outmail.demo.graph.faults import GRAPH_FAULTS
from outmail.demo.oauth.faults import AUTHORITY_FAULTS
from outmail.demo.smtp_faults import FAULTS, TINY_SIZE
from outmail.demo.tenant import PracticeTenant
from tests.outmail.demo.client import connected, send, session, until
from tests.outmail.demo.conftest import SLOW_SECONDS

WITH_TLS = ["primary", "alternate"]
EVERY = [*WITH_TLS, "relay"]


async def test_without_a_fault_every_server_takes_mail(tenant: PracticeTenant, trust: ssl.SSLContext) -> None:
    for name in EVERY:
        await send(tenant.servers[name], trust)
    assert [mail.server for mail in tenant.mails] == EVERY


@pytest.mark.parametrize("name", EVERY)
async def test_every_fault_ends_with_none(tenant: PracticeTenant, trust: ssl.SSLContext, name: str) -> None:
    server = tenant.servers[name]
    for fault in server.possible_faults:
        tenant.set_fault(name, fault)
        assert server.fault == fault
    tenant.set_fault(name, "none")
    await send(server, trust)
    assert len(server.messages) == 1


@pytest.mark.parametrize("name", EVERY)
async def test_down_refuses_and_drops_what_is_open(
    tenant: PracticeTenant, trust: ssl.SSLContext, name: str
) -> None:
    server = tenant.servers[name]
    port = server.port
    reader, writer = await asyncio.open_connection(
        server.host, port, ssl=trust if server.security == "tls" else None
    )
    assert (await reader.readline()).startswith(b"220 ")
    tenant.set_fault(name, "down")
    with contextlib.suppress(ConnectionError):
        assert await reader.read() == b""
    writer.close()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(server.host, port)
    tenant.set_fault(name, "none")
    assert server.port == port
    await send(server, trust)


@pytest.mark.parametrize("name", EVERY)
async def test_silent_takes_the_connection_and_says_nothing(tenant: PracticeTenant, name: str) -> None:
    tenant.set_fault(name, "silent")
    server = tenant.servers[name]
    reader, writer = await asyncio.open_connection(server.host, server.port)
    writer.write(b"EHLO client\r\n")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(reader.read(1), 0.2)
    writer.close()


async def test_silent_is_over_for_new_connections_only(tenant: PracticeTenant) -> None:
    tenant.set_fault("primary", "silent")
    server = tenant.servers["primary"]
    old, old_writer = await asyncio.open_connection(server.host, server.port)
    await until(lambda: server.connections == 1)
    tenant.set_fault("primary", "none")
    new, new_writer = await asyncio.open_connection(server.host, server.port)
    assert (await new.readline()).startswith(b"220 ")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(old.read(1), 0.1)
    old_writer.close()
    new_writer.close()


async def test_slow_answers_each_command_late(tenant: PracticeTenant, trust: ssl.SSLContext) -> None:
    tenant.set_fault("primary", "slow")
    began = time.monotonic()
    await send(tenant.servers["primary"], trust)
    # Greeting, EHLO, STARTTLS, EHLO, AUTH (one or two answers), MAIL, RCPT, DATA, the dot.
    assert time.monotonic() - began >= 9 * SLOW_SECONDS
    assert len(tenant.mails) == 1


async def test_a_client_that_leaves_a_slow_server_leaves_nothing_behind(tenant: PracticeTenant) -> None:
    tenant.set_fault("primary", "slow")
    server = tenant.servers["primary"]
    _, writer = await asyncio.open_connection(server.host, server.port)
    await until(lambda: server.connections == 1)
    writer.close()
    await until(lambda: server.connections == 0)


@pytest.mark.parametrize("name", EVERY)
async def test_busy_answers_421_and_hangs_up(
    tenant: PracticeTenant, trust: ssl.SSLContext, name: str
) -> None:
    tenant.set_fault(name, "busy")
    server = tenant.servers[name]
    reader, writer = await asyncio.open_connection(
        server.host, server.port, ssl=trust if name == "alternate" else None
    )
    assert await reader.read() == b"421 4.3.2 Too busy, try again later\r\n"
    writer.close()


async def test_tempfail(tenant: PracticeTenant, trust: ssl.SSLContext) -> None:
    tenant.set_fault("alternate", "tempfail")
    with pytest.raises(smtplib.SMTPSenderRefused) as caught:
        await send(tenant.servers["alternate"], trust)
    assert caught.value.smtp_code == 451
    assert "4.3.2 " in str(caught.value)
    assert not tenant.mails


async def test_a_fault_at_the_recipient_keeps_the_connection(
    tenant: PracticeTenant, trust: ssl.SSLContext
) -> None:
    tenant.set_fault("primary", "greylisted")

    def work(client: smtplib.SMTP) -> tuple[int, int, int]:
        return client.mail("desk@practice.test")[0], client.rcpt("a@b.test")[0], client.noop()[0]

    assert await session(tenant.servers["primary"], trust, work) == (250, 450, 250)


async def test_no_starttls(tenant: PracticeTenant) -> None:
    tenant.set_fault("primary", "no-starttls")
    server = tenant.servers["primary"]

    def work() -> None:
        with smtplib.SMTP(server.host, server.port, timeout=10) as client:
            client.ehlo()
            assert not client.has_extn("starttls")
            assert not client.has_extn("auth")
            assert client.docmd("STARTTLS")[0] == 454
            assert client.mail("desk@practice.test")[0] == 530

    await asyncio.to_thread(work)


async def test_injected_starttls_has_plain_text_in_one_piece_with_the_answer(tenant: PracticeTenant) -> None:
    tenant.set_fault("primary", "injected-starttls")
    server = tenant.servers["primary"]
    reader, writer = await asyncio.open_connection(server.host, server.port)
    await reader.readline()
    writer.write(b"EHLO client\r\n")
    while not (await reader.readline()).startswith(b"250 "):
        pass
    writer.write(b"STARTTLS\r\n")
    assert await reader.readuntil(b"220 Ready to start TLS\r\n")
    assert await reader.readline() == b"250 2.0.0 Injected in plain text\r\n"
    writer.close()


@pytest.mark.parametrize("name", WITH_TLS)
@pytest.mark.parametrize(
    ("fault", "code"),
    [("expired", 10), ("self-signed", 18), ("wrong-name", 64)],  # X509_V_ERR_… of OpenSSL
)
async def test_wrong_certificates_fail_for_their_own_reason(
    tenant: PracticeTenant, trust: ssl.SSLContext, name: str, fault: str, code: int
) -> None:
    tenant.set_fault(name, fault)
    with pytest.raises(ssl.SSLCertVerificationError) as caught:
        await send(tenant.servers[name], trust)
    assert caught.value.verify_code == code
    tenant.set_fault(name, "none")
    await send(tenant.servers[name], trust)


@pytest.mark.parametrize("name", WITH_TLS)
async def test_a_certificate_that_ends_soon_still_works(
    tenant: PracticeTenant, trust: ssl.SSLContext, name: str
) -> None:
    tenant.set_fault(name, "ends-soon")

    def days_left(client: smtplib.SMTP) -> float:
        certificate = client.sock.getpeercert()  # type: ignore[union-attr]
        return (ssl.cert_time_to_seconds(certificate["notAfter"]) - time.time()) / 86400

    assert int(await session(tenant.servers[name], trust, days_left)) == 10


async def test_without_the_authority_no_certificate_is_trusted(tenant: PracticeTenant) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        await send(tenant.servers["primary"], ssl.create_default_context(cadata=_another_authority(tenant)))


def _another_authority(tenant: PracticeTenant) -> str:
    # The certificate that is signed by itself is an authority for nobody else.
    text = (tenant.ca_file.parent / "self-signed.pem").read_text()
    return text[text.index("-----BEGIN CERTIFICATE-----") :]


@pytest.mark.parametrize("name", WITH_TLS)
async def test_password_refused(tenant: PracticeTenant, trust: ssl.SSLContext, name: str) -> None:
    tenant.set_fault(name, "password-refused")
    with pytest.raises(smtplib.SMTPAuthenticationError) as caught:
        await send(tenant.servers[name], trust)
    assert caught.value.smtp_code == 535
    assert "5.7.8 " in str(caught.value)


@pytest.mark.parametrize("name", WITH_TLS)
async def test_auth_not_offered(tenant: PracticeTenant, trust: ssl.SSLContext, name: str) -> None:
    tenant.set_fault(name, "auth-not-offered")
    server = tenant.servers[name]

    def work() -> None:
        with connected(server, trust) as client:
            client.ehlo()
            assert not client.has_extn("auth")
            assert client.docmd("AUTH", "PLAIN AGEAYg==")[0] == 503
            assert client.mail("desk@practice.test")[0] == 530

    await asyncio.to_thread(work)


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize(
    ("fault", "answer"),
    [("relay-denied", b"5.7.1 "), ("mailbox-unknown", b"5.1.1 ")],
)
async def test_recipients_refused(
    tenant: PracticeTenant, trust: ssl.SSLContext, name: str, fault: str, answer: bytes
) -> None:
    tenant.set_fault(name, fault)
    with pytest.raises(smtplib.SMTPRecipientsRefused) as caught:
        await send(tenant.servers[name], trust)
    (_code, words), *others = caught.value.recipients.values()
    assert words.startswith(answer)
    assert not others


async def test_sender_refused(tenant: PracticeTenant, trust: ssl.SSLContext) -> None:
    tenant.set_fault("primary", "sender-refused")
    with pytest.raises(smtplib.SMTPSenderRefused, match=r"5\.7\.60"):
        await send(tenant.servers["primary"], trust)


async def test_too_large(tenant: PracticeTenant, trust: ssl.SSLContext) -> None:
    tenant.set_fault("primary", "too-large")

    def size(client: smtplib.SMTP) -> str:
        client.ehlo()
        return client.esmtp_features["size"]

    assert await session(tenant.servers["primary"], trust, size) == str(TINY_SIZE)
    with pytest.raises(smtplib.SMTPSenderRefused) as caught:
        await send(tenant.servers["primary"], trust, b"Subject: x\r\n\r\n" + b"x" * 400)
    assert caught.value.smtp_code == 552


@pytest.mark.parametrize("name", EVERY)
async def test_drop_after_data_took_the_mail_and_never_says_so(
    tenant: PracticeTenant, trust: ssl.SSLContext, name: str
) -> None:
    tenant.set_fault(name, "drop-after-data")
    with pytest.raises((smtplib.SMTPServerDisconnected, ConnectionError, ssl.SSLError)):
        await send(tenant.servers[name], trust)
    assert len(tenant.servers[name].messages) == 1


@pytest.mark.parametrize("name", EVERY)
async def test_rejected_content(tenant: PracticeTenant, trust: ssl.SSLContext, name: str) -> None:
    tenant.set_fault(name, "rejected-content")
    with pytest.raises(smtplib.SMTPDataError) as caught:
        await send(tenant.servers[name], trust)
    assert caught.value.smtp_code == 554
    assert "5.6.0 " in str(caught.value)
    assert not tenant.mails


@pytest.mark.parametrize(
    ("server", "fault", "known"),
    [
        ("third", "down", "alternate"),
        ("primary", "broken", "down"),
        ("alternate", "no-starttls", "expired"),
        ("relay", "expired", "down"),
        ("", "", "primary"),
    ],
)
async def test_an_unknown_fault_changes_nothing_and_lists_what_is_known(
    tenant: PracticeTenant, server: str, fault: str, known: str
) -> None:
    with pytest.raises(UnknownFault) as caught:
        tenant.set_fault(server, fault)
    assert known in caught.value.known
    assert set(tenant.faults().values()) == {"none"}


@pytest.mark.parametrize(
    "faults",
    [FAULTS, AUTHORITY_FAULTS, GRAPH_FAULTS, EWS_FAULTS],
    ids=["mail", "authority", "graph", "ews"],
)
def test_every_fault_is_described_in_one_sentence(faults: Mapping[str, Fault]) -> None:
    for fault in faults.values():
        assert fault.description.endswith((".", "?"))
        assert ". " not in fault.description, fault.id
        assert len(fault.description) <= 100, fault.id
