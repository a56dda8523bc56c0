"""Signing in and STARTTLS against servers that refuse, lie or downgrade."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest

from tests.servers.pki import Pki
from tests.servers.scripted import Script, ScriptedServer
from tests.transports.watching import PASSWORD, Watcher, login, route, summary
from transports.base import Cause, StepName, TransportError
from transports.routes import Login
from transports.secret import Secret
from transports.smtp import SmtpTransport


class TestSignIn:
    async def _sign_in(
        self, script: Script, who: Login, mechanisms: str = "AUTH PLAIN LOGIN CRAM-MD5"
    ) -> tuple[ScriptedServer, Watcher, TransportError | None]:
        watcher = Watcher()
        async with ScriptedServer(script, capabilities=(mechanisms, "SIZE")) as server:
            way = SmtpTransport(route(server.port, login=who))
            await way.open(watcher.trace)
            try:
                await way.authenticate(watcher.trace)
            except TransportError as error:
                return server, watcher, error
            finally:
                await way.close()
        return server, watcher, None

    async def test_plain_without_tls_is_never_sent(self) -> None:
        server, _, error = await self._sign_in({}, login("u", PASSWORD), "AUTH PLAIN LOGIN")
        assert error is not None
        assert error.failure.cause is Cause.AUTH_NEEDS_TLS
        assert not [line for line in server.heard if line.startswith("AUTH")]

    async def test_cram_md5_may_go_without_tls_and_is_right(self) -> None:
        challenge = b"<1896.697170952@postoffice.test>"
        script: Script = {
            "AUTH": b"334 " + base64.b64encode(challenge) + b"\r\n",
            "LINE": b"235 2.7.0 ok\r\n",
        }
        server, watcher, error = await self._sign_in(script, login("tim", PASSWORD))
        assert error is None
        assert server.heard[1] == "AUTH CRAM-MD5"
        expected = hmac.new(PASSWORD.encode(), challenge, hashlib.md5).hexdigest()
        assert base64.b64decode(server.heard[2]).decode() == f"tim {expected}"
        assert server.heard[2] not in watcher.everything()

    @pytest.mark.parametrize(
        "offer", ["AUTH LOGIN", "auth login", "AUTH=LOGIN", "Auth LoGiN", "AUTH=XYZ LOGIN"]
    )
    async def test_login_however_it_is_offered(self, offer: str) -> None:
        script: Script = {
            "AUTH": b"334 VXNlcm5hbWU6\r\n",
            "LINE": [b"334 UGFzc3dvcmQ6\r\n", b"235 ok\r\n"],
        }
        server, watcher, error = await self._sign_in(script, login("ü", PASSWORD, in_the_clear=True), offer)
        assert error is None
        sent = [base64.b64decode(line).decode() for line in server.heard[2:4]]
        assert sent == ["ü", PASSWORD]
        assert watcher[StepName.AUTHENTICATE].evidence == (
            "C: AUTH LOGIN",
            "S: 334 ***",
            "C: ***",
            "S: 334 ***",
            "C: ***",
            "S: 235 ok",
        )

    async def test_a_long_response_waits_for_the_334(self) -> None:
        long = "x" * 600
        script: Script = {"AUTH": b"334 \r\n", "LINE": b"235 ok\r\n"}
        server, _, error = await self._sign_in(script, login("u", long, in_the_clear=True), "AUTH PLAIN")
        assert error is None
        assert server.heard[1] == "AUTH PLAIN"
        assert base64.b64decode(server.heard[2]) == f"\0u\0{long}".encode()

    async def test_a_short_one_travels_inline(self) -> None:
        server, _, error = await self._sign_in({}, login("u", "pässword", in_the_clear=True), "AUTH PLAIN")
        assert error is None
        assert base64.b64decode(server.heard[1].split()[2]) == "\0u\0pässword".encode()

    async def test_a_wrong_password_is_tried_once_only(self) -> None:
        script: Script = {"AUTH": b"535 5.7.8 no\r\n"}
        server, _, error = await self._sign_in(script, login("u", PASSWORD, in_the_clear=True))
        assert error is not None
        assert summary(error.failure) == ("authenticate", "sign-in", "fix-settings", "answer")
        assert server.verbs().count("AUTH") == 1

    async def test_a_temporary_refusal_may_pass(self) -> None:
        script: Script = {"AUTH": b"454 4.7.0 Temporary authentication failure\r\n"}
        _, _, error = await self._sign_in(script, login("u", PASSWORD, in_the_clear=True))
        assert error is not None
        assert summary(error.failure) == ("authenticate", "sign-in", "retry", "answer")

    async def test_the_next_mechanism_where_one_is_not_known_after_all(self) -> None:
        script: Script = {"AUTH": [b"504 5.5.4 unknown\r\n", b"235 ok\r\n"]}
        server, watcher, error = await self._sign_in(script, login("u", PASSWORD, in_the_clear=True))
        assert error is None
        assert [line.split()[1] for line in server.heard if line.startswith("AUTH")] == ["CRAM-MD5", "PLAIN"]
        assert watcher[StepName.AUTHENTICATE].facts["mechanism"] == "PLAIN"

    @pytest.mark.parametrize(
        ("offer", "mechanism", "cause"),
        [
            ("8BITMIME", "auto", Cause.AUTH_NOT_OFFERED),
            ("AUTH GSSAPI XOAUTH2", "auto", Cause.AUTH_NO_COMMON_MECHANISM),
            ("AUTH PLAIN", "cram-md5", Cause.AUTH_NO_COMMON_MECHANISM),
        ],
    )
    async def test_nothing_in_common(self, offer: str, mechanism: str, cause: Cause) -> None:
        who = Login("u", Secret(PASSWORD), mechanism)  # type: ignore[arg-type]
        _, _, error = await self._sign_in({}, who, offer)
        assert error is not None
        assert error.failure.cause is cause

    async def test_a_server_that_repeats_the_secret_does_not_spread_it(self) -> None:
        blob = base64.b64encode(f"\0u\0{PASSWORD}".encode())
        script: Script = {"AUTH": b"535 5.7.8 bad: " + blob + b" " + PASSWORD.encode() + b"\r\n"}
        _, watcher, error = await self._sign_in(script, login("u", PASSWORD, in_the_clear=True), "AUTH PLAIN")
        shown = watcher.everything() + str(error) + repr(error and error.failure)
        assert PASSWORD not in shown
        assert blob.decode() not in shown

    async def test_a_server_that_asks_on_and_on_is_told_to_stop(self) -> None:
        script: Script = {"AUTH": b"334 \r\n", "LINE": [b"334 more\r\n", b"501 5.7.0 cancelled\r\n"]}
        server, _, error = await self._sign_in(script, login("u", PASSWORD, in_the_clear=True), "AUTH PLAIN")
        assert error is not None
        assert error.failure.code == 501
        assert "*" in server.heard

    async def test_nul_cannot_shift_the_fields(self) -> None:
        _, _, error = await self._sign_in({}, login("u\0admin", PASSWORD, in_the_clear=True))
        assert error is not None
        assert error.failure.cause is Cause.UNSAFE_TEXT


class TestStarttls:
    async def test_not_offered_is_a_failure_and_nothing_else_is_said(self) -> None:
        watcher = Watcher()
        async with ScriptedServer() as server:
            way = SmtpTransport(route(server.port, "starttls", login=login("u", PASSWORD)))
            with pytest.raises(TransportError) as caught:
                await way.open(watcher.trace)
        assert summary(caught.value.failure) == ("starttls", "server", "fix-settings", "starttls-not-offered")
        assert server.verbs() == ["EHLO"]

    async def test_refused_is_a_failure(self) -> None:
        async with ScriptedServer(
            {"STARTTLS": b"454 4.7.0 not now\r\n"}, capabilities=["STARTTLS"]
        ) as server:
            way = SmtpTransport(route(server.port, "starttls"))
            with pytest.raises(TransportError) as caught:
                await way.open(Watcher().trace)
        assert summary(caught.value.failure) == ("starttls", "server", "retry", "starttls-refused")

    @pytest.mark.parametrize("extra", [b"250-injected\r\n250 AUTH PLAIN\r\n", b"x", b"250 ok\r\n"])
    async def test_plain_text_behind_the_answer_is_a_failure(self, pki: Pki, extra: bytes) -> None:
        script: Script = {"STARTTLS": b"220 2.0.0 Go ahead\r\n" + extra}
        async with ScriptedServer(script, capabilities=["STARTTLS"], tls=pki.good.context()) as server:
            way = SmtpTransport(route(server.port, "starttls", host="localhost", ca_file=pki.ca_file))
            with pytest.raises(TransportError) as caught:
                await way.open(Watcher().trace)
        assert caught.value.failure.cause is Cause.STARTTLS_INJECTED

    async def test_what_was_offered_before_is_forgotten(self, pki: Pki) -> None:
        watcher = Watcher()
        async with ScriptedServer(
            capabilities=["STARTTLS", "AUTH PLAIN", "SIZE 1", "DSN"],
            capabilities_after_tls=["AUTH LOGIN", "8BITMIME"],
            tls=pki.good.context(),
        ) as server:
            way = SmtpTransport(route(server.port, "starttls", host="localhost", ca_file=pki.ca_file))
            await way.open(watcher.trace)
            assert dict(way.capabilities.keywords) == {"AUTH": "LOGIN", "8BITMIME": ""}
            await way.close()
        assert server.verbs() == ["EHLO", "STARTTLS", "EHLO", "QUIT"]
        step = watcher[StepName.STARTTLS]
        assert step.facts["tls_version"] == "TLS 1.3"
        assert "localhost" in step.facts["certificate_names"]
        assert step.detail.startswith("TLS 1.3, certificate until 20")
