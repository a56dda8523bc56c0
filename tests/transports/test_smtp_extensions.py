"""SIZE, 8BITMIME, SMTPUTF8 and DSN: used where they are offered, and missed in words."""

from __future__ import annotations

import pytest

from tests.servers.scripted import PLAIN_CAPABILITIES, ScriptedServer
from tests.transports.failing import failing
from tests.transports.watching import MAIL, Watcher, envelope, route, summary
from transports.base import Cause, Dsn, Envelope, StepName
from transports.smtp import SmtpTransport


class TestExtensions:
    async def _send(self, mail: Envelope, *capabilities: str) -> list[str]:
        async with ScriptedServer(capabilities=capabilities or PLAIN_CAPABILITIES) as server:
            way = SmtpTransport(route(server.port))
            await way.open(Watcher().trace)
            try:
                await way.send(mail, Watcher().trace)
            finally:
                await way.close()
        return [line for line in server.heard if line.startswith(("MAIL", "RCPT"))]

    async def test_size_is_announced(self) -> None:
        assert await self._send(envelope(), "SIZE 1000") == [
            f"MAIL FROM:<a@example.test> SIZE={len(MAIL)}",
            "RCPT TO:<b@example.test>",
        ]

    async def test_too_large_is_refused_before_a_word(self) -> None:
        failure, watcher, server = await failing({}, capabilities=("SIZE 50",))
        assert summary(failure) == ("send", "message", "reject", "message-too-large")
        assert failure.facts["size_limit"] == "50"
        assert server.verbs() == ["EHLO", "QUIT"]
        assert watcher[StepName.SEND].evidence == ()

    @pytest.mark.parametrize("size", ["SIZE", "SIZE 0", "SIZE x", "SIZE -5", "SIZE " + "9" * 5000])
    async def test_a_limit_that_is_none(self, size: str) -> None:
        await self._send(envelope(), size)

    async def test_8bit(self) -> None:
        mail = envelope(content=MAIL + b"\xe4\r\n")
        assert (await self._send(mail, "8BITMIME"))[0].endswith(" BODY=8BITMIME")
        failure, _, _ = await failing({}, mail=mail, capabilities=("SIZE",))
        assert failure.cause is Cause.EIGHT_BIT_NOT_OFFERED

    async def test_international_addresses(self) -> None:
        mail = Envelope("jörg@example.test", ("b@example.test",), MAIL)
        lines = await self._send(mail, "SMTPUTF8", "8BITMIME")
        assert lines[0] == "MAIL FROM:<jörg@example.test> SMTPUTF8"
        failure, _, _ = await failing({}, mail=mail, capabilities=("8BITMIME",))
        assert failure.cause is Cause.SMTPUTF8_NOT_OFFERED

    async def test_an_international_recipient_needs_it_too(self) -> None:
        lines = await self._send(envelope("用户@example.test"), "SMTPUTF8")
        assert lines[0].endswith(" SMTPUTF8")
        assert lines[1] == "RCPT TO:<用户@example.test>"

    async def test_an_international_domain_goes_without(self) -> None:
        assert await self._send(envelope("info@bücher.test"), "DSN") == [
            "MAIL FROM:<a@example.test>",
            "RCPT TO:<info@xn--bcher-kva.test>",
        ]

    async def test_international_headers_need_it(self) -> None:
        mail = envelope(content="Subject: Grüße\r\n\r\nx\r\n".encode())
        assert " SMTPUTF8" in (await self._send(mail, "SMTPUTF8", "8BITMIME"))[0]
        failure, _, _ = await failing({}, mail=mail, capabilities=("8BITMIME",))
        assert failure.cause is Cause.SMTPUTF8_NOT_OFFERED

    async def test_delivery_status_notifications(self) -> None:
        wanted = Dsn("HDRS", "id+1=ä b", ("SUCCESS", "FAILURE"))
        assert await self._send(envelope("b+c@example.test", dsn=wanted), "DSN") == [
            "MAIL FROM:<a@example.test> RET=HDRS ENVID=id+2B1+3D+C3+A4+20b",
            "RCPT TO:<b+c@example.test> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;b+2Bc@example.test",
        ]
        assert await self._send(envelope(dsn=wanted), "SIZE 9999") == [
            f"MAIL FROM:<a@example.test> SIZE={len(MAIL)}",
            "RCPT TO:<b@example.test>",
        ]

    @pytest.mark.parametrize(
        "bad", [Dsn("ALL"), Dsn(notify=("NEVER", "SUCCESS")), Dsn(notify=("X\r\nDATA",))]
    )
    async def test_bad_notifications_are_refused(self, bad: Dsn) -> None:
        failure, _, server = await failing({}, mail=envelope(dsn=bad))
        assert failure.cause is Cause.UNSAFE_TEXT
        assert "MAIL" not in server.verbs()

    async def test_a_bounce_has_an_empty_sender(self) -> None:
        mail = Envelope("", ("b@example.test",), MAIL)
        assert (await self._send(mail, "DSN"))[0] == "MAIL FROM:<>"
