"""SMTP against servers that refuse, lie, hang up or never stop talking."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac

import pytest

from tests.servers.pki import Pki
from tests.servers.scripted import PLAIN_CAPABILITIES, Act, Script, ScriptedServer
from tests.transports.watching import SWIFT, TINY, Watcher, login, route, summary
from transports.base import Cause, Dsn, Envelope, Failure, Status, StepName, TransportError, Verdict
from transports.routes import Login
from transports.secret import Secret
from transports.smtp import SmtpTransport

MAIL = b"From: a@example.test\r\nTo: b@example.test\r\nSubject: x\r\n\r\nhello\r\n"
PASSWORD = "pa55-marked-secret"


def envelope(*recipients: str, content: bytes = MAIL, dsn: Dsn | None = None) -> Envelope:
    return Envelope("a@example.test", recipients or ("b@example.test",), content, dsn)


async def failing(
    script: Script,
    do: str = "send",
    *,
    mail: Envelope | None = None,
    capabilities: tuple[str, ...] = PLAIN_CAPABILITIES,
) -> tuple[Failure, Watcher, ScriptedServer]:
    """Climb up to `do` against the script; it must end in a failure."""
    watcher = Watcher()
    async with ScriptedServer(script, capabilities=capabilities) as server:
        way = SmtpTransport(route(server.port, timeouts=TINY if Act.HANG in script.values() else SWIFT))

        async def climb() -> None:
            await way.open(watcher.trace)
            if do == "probe":
                await way.probe("a@example.test", "b@example.test", watcher.trace)
            else:
                await way.send(mail or envelope(), watcher.trace)

        with pytest.raises(TransportError) as caught:
            await climb()
        await way.close()
    return caught.value.failure, watcher, server


REFUSALS: list[tuple[Script, str, tuple[str, str, str, str], str | None]] = [
    # script, what is done, (step, scope, verdict, cause), enhanced code
    ({"GREETING": b"554 5.7.1 no\r\n"}, "send", ("greeting", "server", "fix-settings", "answer"), "5.7.1"),
    ({"GREETING": b"421 4.3.2 busy\r\n"}, "send", ("greeting", "server", "retry", "answer"), "4.3.2"),
    ({"EHLO": b"550 no\r\n"}, "send", ("greeting", "server", "fix-settings", "answer"), None),
    ({"MAIL": b"550 5.1.0 no\r\n"}, "send", ("sender", "sender", "reject", "answer"), "5.1.0"),
    ({"MAIL": b"553 5.7.1 not owned\r\n"}, "send", ("sender", "sender", "fix-settings", "answer"), "5.7.1"),
    ({"MAIL": b"451 4.3.0 later\r\n"}, "send", ("sender", "sender", "retry", "answer"), "4.3.0"),
    ({"MAIL": b"530 5.7.0 sign in\r\n"}, "send", ("sender", "sign-in", "fix-settings", "answer"), "5.7.0"),
    ({"MAIL": b"530 5.7.57 sign in\r\n"}, "probe", ("sender", "sign-in", "fix-settings", "answer"), "5.7.57"),
    ({"MAIL": b"552 5.3.4 big\r\n"}, "send", ("sender", "message", "reject", "answer"), "5.3.4"),
    ({"MAIL": b"421 4.7.0 slow down\r\n"}, "send", ("sender", "server", "retry", "answer"), "4.7.0"),
    ({"RCPT": b"550 5.1.1 who\r\n"}, "send", ("permission", "recipient", "reject", "answer"), "5.1.1"),
    (
        {"RCPT": b"554 5.7.1 Relay denied\r\n"},
        "probe",
        ("permission", "recipient", "reject", "answer"),
        "5.7.1",
    ),
    ({"RCPT": b"450 4.2.0 grey\r\n"}, "send", ("permission", "recipient", "retry", "answer"), "4.2.0"),
    ({"RCPT": b"421 4.4.2 bye\r\n"}, "send", ("permission", "server", "retry", "answer"), "4.4.2"),
    ({"DATA": b"554 5.5.1 no\r\n"}, "send", ("send", "message", "reject", "answer"), "5.5.1"),
    ({"DATA": b"451 4.3.0 no\r\n"}, "send", ("send", "message", "retry", "answer"), "4.3.0"),
    ({"DOT": b"554 5.7.1 spam\r\n"}, "send", ("send", "message", "reject", "answer"), "5.7.1"),
    ({"DOT": b"452 4.3.1 full\r\n"}, "send", ("send", "message", "retry", "answer"), "4.3.1"),
    ({"DOT": b"421 4.3.0 closing\r\n"}, "send", ("send", "server", "retry", "answer"), "4.3.0"),
    # the line breaks
    ({"GREETING": Act.DROP}, "send", ("greeting", "server", "retry", "connection-lost"), None),
    ({"EHLO": Act.DROP}, "send", ("greeting", "server", "retry", "connection-lost"), None),
    ({"MAIL": Act.DROP}, "send", ("sender", "server", "retry", "connection-lost"), None),
    ({"RCPT": Act.DROP}, "send", ("permission", "server", "retry", "connection-lost"), None),
    ({"DATA": Act.DROP}, "send", ("send", "server", "retry", "connection-lost"), None),
    ({"DOT": Act.DROP}, "send", ("send", "message", "uncertain", "connection-lost"), None),
    # silence
    ({"EHLO": Act.HANG}, "send", ("greeting", "server", "retry", "timed-out"), None),
    ({"MAIL": Act.HANG}, "send", ("sender", "server", "retry", "timed-out"), None),
    ({"RCPT": Act.HANG}, "probe", ("permission", "server", "retry", "timed-out"), None),
    ({"DATA": Act.HANG}, "send", ("send", "server", "retry", "timed-out"), None),
    ({"DOT": Act.HANG}, "send", ("send", "message", "uncertain", "timed-out"), None),
    # nonsense
    ({"GREETING": b"SSH-2.0-OpenSSH_9.2\r\n"}, "send", ("greeting", "server", "retry", "not-smtp"), None),
    (
        {"GREETING": b"HTTP/1.1 400 Bad\r\n"},
        "send",
        ("greeting", "server", "retry", "not-smtp"),
        None,
    ),
    ({"GREETING": b"999 what\r\n"}, "send", ("greeting", "server", "retry", "not-smtp"), None),
    ({"GREETING": b"250 hello\r\n"}, "send", ("greeting", "server", "retry", "not-smtp"), None),
    ({"GREETING": b"2" * 100_000}, "send", ("greeting", "server", "retry", "not-smtp"), None),
    ({"EHLO": b"250-x\r\n" * 20_000}, "send", ("greeting", "server", "retry", "not-smtp"), None),
    ({"GREETING": b"\x00\xff\x1b[2J\r\n"}, "send", ("greeting", "server", "retry", "not-smtp"), None),
    ({"MAIL": b"354 what\r\n"}, "send", ("sender", "server", "retry", "not-smtp"), None),
    ({"DATA": b"250 what\r\n"}, "send", ("send", "server", "retry", "not-smtp"), None),
    ({"DOT": b"what\r\n"}, "send", ("send", "message", "uncertain", "not-smtp"), None),
    ({"DOT": b"354 again\r\n"}, "send", ("send", "message", "uncertain", "not-smtp"), None),
    # two answers to one question must never pair up with the next one
    ({"RCPT": b"250 ok\r\n250 ok\r\n"}, "send", ("send", "server", "retry", "not-smtp"), None),
    ({"RCPT": b"250 ok\r\n354 go\r\n"}, "send", ("send", "server", "retry", "not-smtp"), None),
]


@pytest.mark.parametrize(("script", "do", "expected", "enhanced"), REFUSALS, ids=lambda v: str(v)[:60])
async def test_every_refusal_says_step_scope_verdict_and_cause(
    script: Script, do: str, expected: tuple[str, str, str, str], enhanced: str | None
) -> None:
    failure, watcher, _ = await failing(script, do)
    assert summary(failure) == expected
    assert failure.enhanced == enhanced
    assert watcher.steps[-1].status is Status.FAIL
    assert watcher.steps[-1].failure == failure


async def test_several_lines_become_one_sentence_without_repeated_codes() -> None:
    answer = b"535-5.7.8 Username and Password not accepted. For\r\n535 5.7.8 more, see https://x.test\r\n"
    failure, _, _ = await failing({"MAIL": answer})
    assert failure.words == "535 5.7.8 Username and Password not accepted. For more, see https://x.test"
    assert (failure.code, failure.enhanced) == (535, "5.7.8")


async def test_escape_sequences_of_a_server_are_harmless() -> None:
    failure, watcher, _ = await failing({"MAIL": b"550 5.1.0 \x1b]0;owned\x07\xff\xfe \xc3\xa4\r\n"})
    assert "\x1b" not in failure.words
    assert "ä" in failure.words
    assert "\x1b" not in "".join(watcher[StepName.SEND].evidence)


async def test_a_farewell_before_the_command_is_the_reason() -> None:
    script: Script = {"EHLO": b"250 hi\r\n421 4.4.2 idle too long\r\n"}
    failure, _, server = await failing(script)
    assert summary(failure) == ("sender", "server", "retry", "answer")
    assert failure.code == 421
    assert "MAIL" not in server.verbs()


async def test_helo_where_ehlo_is_unknown() -> None:
    watcher = Watcher()
    async with ScriptedServer({"EHLO": b"502 what\r\n"}) as server:
        way = SmtpTransport(route(server.port))
        await way.open(watcher.trace)
        receipt = await way.send(envelope(), watcher.trace)
        await way.close()
    assert receipt.answer == "250 2.0.0 Ok: queued as ABC"
    assert server.heard[:3] == [
        "EHLO client.example.test",
        "HELO client.example.test",
        "MAIL FROM:<a@example.test>",
    ]
    assert server.heard[-1] == "QUIT"


async def test_some_recipients_refused_is_told_for_each() -> None:
    watcher = Watcher()
    script: Script = {"RCPT": [b"250 ok\r\n", b"550 5.1.1 who\r\n", b"451 4.3.2 later\r\n", b"250 ok\r\n"]}
    async with ScriptedServer(script) as server:
        way = SmtpTransport(route(server.port))
        await way.open(watcher.trace)
        receipt = await way.send(envelope("a@x.test", "b@x.test", "c@x.test", "d@x.test"), watcher.trace)
        await way.close()
    fates = [(o.recipient, o.failure.verdict if o.failure else None) for o in receipt.outcomes]
    assert fates == [
        ("a@x.test", None),
        ("b@x.test", Verdict.REJECT),
        ("c@x.test", Verdict.RETRY),
        ("d@x.test", None),
    ]
    assert receipt.outcomes[1].answer == "550 5.1.1 who"
    assert watcher[StepName.SEND].status is Status.WARN
    assert len(server.messages) == 1


async def test_all_recipients_refused_carries_each_fate() -> None:
    async with ScriptedServer({"RCPT": [b"550 5.1.1 who\r\n", b"451 4.3.2 later\r\n"]}) as server:
        way = SmtpTransport(route(server.port))
        await way.open(Watcher().trace)
        with pytest.raises(TransportError) as caught:
            await way.send(envelope("a@x.test", "b@x.test"), Watcher().trace)
        assert caught.value.failure.verdict is Verdict.RETRY
        assert [o.answer for o in caught.value.outcomes] == ["550 5.1.1 who", "451 4.3.2 later"]
        await way.close()
    assert "DATA" not in server.verbs()
    assert server.verbs()[-2:] == ["RSET", "QUIT"]


async def test_a_refusal_before_the_end_of_a_large_message_ends_the_upload() -> None:
    """The server answers and hangs up while megabytes are still to come: its answer counts."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 x\r\n")
        while line := await reader.readline():
            if line.startswith(b"DATA"):
                writer.write(b"354 go\r\n")
                await reader.readexactly(1000)
                writer.write(b"552 5.3.4 enough\r\n")
                await asyncio.sleep(0)
                await writer.drain()
                await hold.wait()
                break
            writer.write(b"250 ok\r\n")
        writer.transport.abort()

    hold = asyncio.Event()
    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        way = SmtpTransport(route(server.sockets[0].getsockname()[1]))
        await way.open(Watcher().trace)
        big = MAIL + (b"x" * 70 + b"\r\n") * 300_000
        with pytest.raises(TransportError) as caught:
            await way.send(envelope(content=big), Watcher().trace)
        hold.set()
        await way.close()
    assert summary(caught.value.failure) == ("send", "message", "reject", "answer")


async def test_a_line_that_breaks_during_a_large_upload_is_tried_again() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 x\r\n")
        while line := await reader.readline():
            if line.startswith(b"DATA"):
                writer.write(b"354 go\r\n")
                await reader.readexactly(1000)
                break
            writer.write(b"250 ok\r\n")
        writer.transport.abort()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        way = SmtpTransport(route(server.sockets[0].getsockname()[1]))
        await way.open(Watcher().trace)
        with pytest.raises(TransportError) as caught:
            await way.send(envelope(content=MAIL + (b"x" * 70 + b"\r\n") * 300_000), Watcher().trace)
        await way.close()
    assert summary(caught.value.failure) == ("send", "server", "retry", "connection-lost")


@pytest.mark.parametrize("cancelled_at", ["greeting", "sender", "data"])
async def test_cancelling_hangs_up_at_once(cancelled_at: str) -> None:
    verb = {"greeting": "GREETING", "sender": "MAIL", "data": "DOT"}[cancelled_at]
    async with ScriptedServer({verb: Act.HANG}) as server:
        way = SmtpTransport(route(server.port))

        async def climb() -> None:
            try:
                await way.open(Watcher().trace)
                await way.send(envelope(), Watcher().trace)
            finally:
                await way.close()

        task = asyncio.create_task(climb())
        async with asyncio.timeout(5):
            await server.hanging.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await server.gone.wait()


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


async def test_dots_are_stuffed_on_the_wire() -> None:
    async with ScriptedServer() as server:
        way = SmtpTransport(route(server.port))
        await way.open(Watcher().trace)
        await way.send(envelope(content=b".a: b\r\n\r\n.\r\n..\r\nx.\r\n.end"), Watcher().trace)
        await way.close()
    assert server.messages == [b"..a: b\r\n\r\n..\r\n...\r\nx.\r\n..end\r\n.\r\n"]


@pytest.mark.parametrize("name", ["evil\r\nMAIL FROM:<x>", "a b", ""])
async def test_our_own_name_cannot_bring_a_command(name: str) -> None:
    async with ScriptedServer() as server:
        way = SmtpTransport(route(server.port, ehlo_name=name or "\0"))
        with pytest.raises(TransportError) as caught:
            await way.open(Watcher().trace)
    assert caught.value.failure.cause is Cause.UNSAFE_TEXT
    assert server.heard == []
