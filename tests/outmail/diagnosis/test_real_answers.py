"""What servers answer on real connections, explained: signing in and handing over."""

from __future__ import annotations

from dataclasses import replace

import pytest

from outmail.diagnosis.finding import Finding
from tests.outmail.diagnosis.climbing import MAIL, found
from tests.servers.postfix import Postfix
from tests.servers.scripted import ScriptedServer
from tests.transports.watching import login, route
from transports.base import Envelope
from transports.routes import SmtpRoute

_USER = login("a@example.test", "secret")
_AUTH = ("AUTH PLAIN LOGIN",)


class TestSigningIn:
    async def _answered(self, answer: bytes) -> Finding:
        async with ScriptedServer({"AUTH": answer, "LINE": answer}, capabilities=_AUTH) as server:
            return await found(route(server.port, login=login("a@example.test", "secret", in_the_clear=True)))

    async def test_refused(self) -> None:
        finding = await self._answered(b"535 5.7.8 Error: authentication failed\r\n")
        assert finding.id == "auth-refused"
        assert "secret" not in repr(finding)

    async def test_for_now(self) -> None:
        assert (
            await self._answered(b"454 4.7.0 Temporary authentication failure\r\n")
        ).id == "auth-temporary"

    async def test_needs_tls_by_us(self) -> None:
        async with ScriptedServer(capabilities=_AUTH) as server:
            assert (await found(route(server.port, login=_USER))).id == "auth-needs-tls"
            assert "AUTH" not in server.verbs()

    async def test_needs_tls_by_the_server(self) -> None:
        answer = b"538 5.7.11 Encryption required for requested authentication mechanism\r\n"
        assert (await self._answered(answer)).id == "server-requires-tls"

    async def test_not_offered(self) -> None:
        async with ScriptedServer() as server:
            assert (await found(route(server.port, login=_USER))).id == "auth-not-offered-plain"

    async def test_none_in_common(self) -> None:
        async with ScriptedServer(capabilities=("AUTH XOAUTH2",)) as server:
            finding = await found(route(server.port, login=_USER))
        assert finding.id == "auth-no-common-mechanism"
        assert "XOAUTH2" in finding.cause

    @pytest.mark.parametrize(
        ("answer", "expected"),
        [
            (b"SmtpClientAuthentication is disabled for the Tenant.", "m365-smtp-auth-disabled"),
            (b"SmtpClientAuthentication is disabled for the Mailbox.", "m365-smtp-auth-disabled-mailbox"),
            (b"user is locked by your organization's security defaults policy.", "m365-security-defaults"),
            (
                b"the request did not meet the criteria to be authenticated.",
                "m365-sign-in-criteria",
            ),
            (b"the user credentials were incorrect.", "m365-credentials-incorrect"),
        ],
    )
    async def test_microsofts_many_reasons_for_one_code(self, answer: bytes, expected: str) -> None:
        finding = await self._answered(b"535 5.7.139 Authentication unsuccessful, " + answer + b"\r\n")
        assert finding.id == expected

    async def test_google_on_several_lines(self) -> None:
        answer = (
            b"535-5.7.8 Username and Password not accepted. For more information, go to\r\n"
            b"535 5.7.8  https://support.google.com/mail/?p=BadCredentials x - gsmtp\r\n"
        )
        assert (await self._answered(answer)).id == "google-password-refused"


class TestHandingOver:
    @pytest.mark.parametrize(
        ("verb", "answer", "expected"),
        [
            ("RCPT", b"554 5.7.1 <b@example.test>: Relay access denied\r\n", "relaying-denied"),
            ("MAIL", b"550 5.1.0 Sender address rejected\r\n", "sender-refused"),
            (
                "RCPT",
                b"553 5.7.1 Sender address rejected: not owned by user x\r\n",
                "sender-not-owned",
            ),
            ("RCPT", b"550 5.1.1 <b@example.test>: User unknown\r\n", "recipient-unknown"),
            ("RCPT", b"450 4.2.0 Greylisted, see later\r\n", "greylisted"),
            ("MAIL", b"552 5.3.4 Message size exceeds fixed limit\r\n", "message-too-large"),
            ("DOT", b"552 5.3.4 Message too big\r\n", "message-too-large"),
            ("DOT", b"554 5.7.1 Spam message rejected\r\n", "message-refused-as-spam"),
            (
                "DOT",
                b"554 5.2.252 SendAsDenied; a@b.test not allowed\r\n",
                "m365-send-as-denied",
            ),
            ("MAIL", b"421 4.3.2 Shutting down\r\n", "server-busy"),
            ("MAIL", b"530 5.7.0 Authentication required\r\n", "auth-required"),
        ],
    )
    async def test_an_answer_is_explained(self, verb: str, answer: bytes, expected: str) -> None:
        async with ScriptedServer({verb: answer}) as server:
            assert (await found(route(server.port))).id == expected

    async def test_too_large_before_the_upload(self) -> None:
        async with ScriptedServer(capabilities=("SIZE 10",)) as server:
            assert (await found(route(server.port))).id == "message-too-large"
            assert server.messages == []

    async def test_international_addresses(self) -> None:
        mail = replace(MAIL, recipients=("münchen@example.test",))
        async with ScriptedServer(capabilities=("SIZE 1000",)) as server:
            assert (await found(route(server.port), mail=mail)).id == "smtputf8-not-offered"

    async def test_eight_bit_text(self) -> None:
        mail = replace(MAIL, content="Subject: x\r\n\r\nmünchen\r\n".encode())
        async with ScriptedServer(capabilities=("SIZE 1000",)) as server:
            assert (await found(route(server.port), mail=mail)).id == "8bit-not-offered"

    async def test_a_forged_recipient(self) -> None:
        mail = replace(MAIL, recipients=("b@example.test>\r\nRSET",))
        async with ScriptedServer() as server:
            assert (await found(route(server.port), mail=mail)).id == "unsafe-text"
            assert "RSET" not in server.verbs()


@pytest.mark.real
class TestPostfix:
    def _way(self, postfix: Postfix, password: str = "", **changes: object) -> SmtpRoute:
        way = route(
            postfix.starttls,
            "starttls",
            host=postfix.host,
            login=login(postfix.username, password or postfix.password),
            ca_file=postfix.ca_file,
        )
        return replace(way, **changes)  # type: ignore[arg-type]

    async def test_password_refused(self, postfix: Postfix) -> None:
        assert (await found(self._way(postfix, "wrong"))).id == "auth-refused"

    async def test_recipient_unknown(self, postfix: Postfix) -> None:
        mail = Envelope(postfix.username, ("nobody@example.test",), MAIL.content)
        assert (await found(self._way(postfix), mail=mail)).id == "recipient-unknown"

    async def test_sender_not_owned(self, postfix: Postfix) -> None:
        mail = Envelope("shared@example.test", ("b@example.test",), MAIL.content)
        assert (await found(self._way(postfix), mail=mail)).id == "sender-not-owned"

    async def test_relaying_denied(self, postfix: Postfix) -> None:
        mail = Envelope("somebody@elsewhere.test", ("b@elsewhere.test",), MAIL.content)
        assert (await found(self._way(postfix, login=None), mail=mail)).id == "relaying-denied"

    async def test_tls_spoken_to_the_starttls_port(self, postfix: Postfix) -> None:
        way = self._way(postfix)
        way = replace(way, server=replace(way.server, security="tls"))
        assert (await found(way)).id == "tls-on-plain-port"
