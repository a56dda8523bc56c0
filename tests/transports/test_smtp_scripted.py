"""SMTP against servers that refuse, lie, hang up or never stop talking."""

from __future__ import annotations

import asyncio

import pytest

from tests.servers.scripted import PLAIN_CAPABILITIES, Act, Script, ScriptedServer
from tests.transports.failing import failing
from tests.transports.watching import MAIL, Watcher, envelope, route, summary
from transports.base import Cause, Status, StepName, TransportError, Verdict
from transports.smtp import SmtpTransport

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
]


ONE_AT_A_TIME = tuple(word for word in PLAIN_CAPABILITIES if word != "PIPELINING")

OUT_OF_STEP: dict[str, tuple[str, str, str, str]] = {
    # The answer to RCPT was taken for MAIL's, and DATA's for RCPT's: nothing more is said on that line.
    str({"MAIL": Act.HANG}): ("permission", "server", "retry", "not-smtp"),
    # The answer to DATA was taken for RCPT's.
    str({"RCPT": Act.HANG}): ("permission", "server", "retry", "not-smtp"),
}
"""Where commands that are said together, and a server that leaves an answer out, end otherwise."""


@pytest.mark.parametrize("together", [False, True], ids=["one-by-one", "together"])
@pytest.mark.parametrize(("script", "do", "expected", "enhanced"), REFUSALS, ids=lambda v: str(v)[:60])
async def test_every_refusal_says_step_scope_verdict_and_cause(
    script: Script, do: str, expected: tuple[str, str, str, str], enhanced: str | None, *, together: bool
) -> None:
    capabilities = PLAIN_CAPABILITIES if together else ONE_AT_A_TIME
    failure, watcher, _ = await failing(script, do, capabilities=capabilities)
    wanted = OUT_OF_STEP.get(str(script), expected) if together and do == "send" else expected
    assert summary(failure) == wanted
    assert failure.enhanced == enhanced
    assert watcher.steps[-1].status is Status.FAIL
    assert watcher.steps[-1].failure == failure


async def test_a_go_ahead_too_many_is_never_taken_for_the_right_one() -> None:
    failure, _, _ = await failing({"RCPT": b"250 ok\r\n354 go\r\n"}, capabilities=ONE_AT_A_TIME)
    assert summary(failure) == ("send", "server", "retry", "not-smtp")


async def test_more_answers_than_commands_end_the_conversation() -> None:
    failure, _, server = await failing({"DATA": b"354 go\r\n250 ok\r\n"})
    assert summary(failure) == ("send", "server", "retry", "not-smtp")
    assert not server.messages


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
    script: Script = {"RCPT": [b"550 5.1.1 who\r\n", b"451 4.3.2 later\r\n"]}
    async with ScriptedServer(script, capabilities=ONE_AT_A_TIME) as server:
        way = SmtpTransport(route(server.port))
        await way.open(Watcher().trace)
        with pytest.raises(TransportError) as caught:
            await way.send(envelope("a@x.test", "b@x.test"), Watcher().trace)
        assert caught.value.failure.verdict is Verdict.RETRY
        assert [o.answer for o in caught.value.outcomes] == ["550 5.1.1 who", "451 4.3.2 later"]
        await way.close()
    assert "DATA" not in server.verbs()
    assert server.verbs()[-2:] == ["RSET", "QUIT"]


@pytest.mark.parametrize("data", [b"554 5.5.1 no valid recipients\r\n", b"354 go ahead\r\n"])
async def test_a_mail_for_nobody_that_was_announced_whole_is_taken_back(data: bytes) -> None:
    """RFC 2920, section 3.1: a server that takes it all the same gets an empty message."""
    script: Script = {"RCPT": b"550 5.1.1 who\r\n", "DATA": data, "DOT": b"554 5.5.1 nobody\r\n"}
    async with ScriptedServer(script) as server:
        way = SmtpTransport(route(server.port))
        await way.open(Watcher().trace)
        for _ in range(2):  # the connection is of use afterwards
            with pytest.raises(TransportError) as caught:
                await way.send(envelope(), Watcher().trace)
            assert caught.value.failure.enhanced == "5.1.1"
        await way.close()
    assert server.verbs()[1:5] == ["MAIL", "RCPT", "DATA", "RSET"]
    assert not any(message.strip(b".\r\n") for message in server.messages)
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
