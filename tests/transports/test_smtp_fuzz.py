"""Whatever a server says: a Reply or a TransportError, and nothing that could harm a terminal."""

from __future__ import annotations

import asyncio
import base64

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.servers.scripted import Script, ScriptedServer
from tests.transports.watching import Watcher, login, route
from transports.addresses import safe_address
from transports.base import Envelope, Scope, Step, StepName, TransportError
from transports.routes import Timeouts
from transports.smtp import SmtpTransport
from transports.smtp_capabilities import Capabilities, parse
from transports.smtp_commands import prepare, xtext
from transports.smtp_replies import Reply

_LINES = st.lists(
    st.one_of(
        st.binary(max_size=60),
        st.builds(
            lambda code, mark, text: b"%03d%s%s" % (code, mark, text),
            st.integers(0, 999),
            st.sampled_from([b" ", b"-", b""]),
            st.binary(max_size=40),
        ),
    ),
    max_size=5,
).map(lambda lines: b"".join(line + b"\r\n" for line in lines))

_BRIEF = Timeouts(greeting=0.1, command=0.1, data=0.1, data_per_mib=0, quit=0.1)
_STAGES = st.sampled_from(["GREETING", "EHLO", "AUTH", "LINE", "MAIL", "RCPT", "DATA", "DOT", "RSET", "QUIT"])


def _unprintable(step: Step) -> list[str]:
    shown = [step.detail, *step.evidence, *step.facts.values()]
    if step.failure:
        shown += [step.failure.words, step.failure.enhanced or "", *step.failure.facts.values()]
    return [text for text in shown if not all(c.isprintable() or c == "\n" for c in text)]


async def _climb(script: Script) -> Watcher:
    watcher = Watcher()
    who = login("u", "fuzz-secret", in_the_clear=True)
    async with ScriptedServer(script, capabilities=("AUTH PLAIN", "SIZE 99999", "DSN")) as server:
        way = SmtpTransport(route(server.port, login=who, timeouts=_BRIEF))
        try:
            await way.open(watcher.trace)
            await way.authenticate(watcher.trace)
            await way.probe("a@b.test", "c@d.test", watcher.trace)
            await way.send(Envelope("a@b.test", ("c@d.test",), b"Subject: x\r\n\r\nx\r\n"), watcher.trace)
        except TransportError as error:
            assert error.failure == watcher.steps[-1].failure  # noqa: PT017 - a lucky script is no error
        finally:
            await way.close()
    return watcher


@settings(max_examples=60, deadline=None)
@given(stage=_STAGES, answer=_LINES)
def test_any_answer_at_any_stage(stage: str, answer: bytes) -> None:
    watcher = asyncio.run(_climb({stage: answer}))
    for step in watcher.steps:
        assert not _unprintable(step)
    assert "fuzz-secret" not in watcher.everything()
    assert base64.b64encode(b"\0u\0fuzz-secret").decode() not in watcher.everything()


@given(st.lists(st.text(max_size=80), max_size=12))
def test_capabilities_of_any_text(lines: list[str]) -> None:
    found = parse(Reply(250, tuple(lines)))
    assert found.size_limit is None or found.size_limit > 0
    assert all(k == k.upper() for k in found.keywords)


@given(st.integers(200, 599), st.lists(st.text(), max_size=4))
def test_replies_of_any_text(code: int, lines: list[str]) -> None:
    reply = Reply(code, tuple(lines))
    assert "\n" not in reply.words
    assert all(c.isprintable() for c in str(reply))
    assert reply.enhanced is None or reply.enhanced[0] == str(code)[0]


@given(st.text())
def test_an_address_is_refused_or_stays_one_argument(address: str) -> None:
    try:
        safe = safe_address(address, StepName.SENDER, Scope.SENDER)
    except TransportError:
        return
    assert not any(ord(c) < 32 or ord(c) == 127 for c in safe)
    outside = "".join(part for place, part in enumerate(safe.split('"')) if place % 2 == 0)
    if '\\"' not in safe:
        assert ">" not in outside
        assert " " not in outside


@given(st.text())
def test_xtext_is_printable_and_reversible(text: str) -> None:
    coded = xtext(text)
    assert coded.isascii()
    assert " " not in coded
    assert "=" not in coded
    plain = bytearray()
    rest = coded
    while rest:
        if rest[0] == "+":
            plain.append(int(rest[1:3], 16))
            rest = rest[3:]
        else:
            plain += rest[0].encode()
            rest = rest[1:]
    assert plain.decode() == text.encode("utf-8", "replace").decode()


def _unstuffed(wire: bytes) -> bytes:
    """What a server of RFC 5321, section 4.5.2 makes of it."""
    assert wire.endswith(b".\r\n")
    lines = wire.split(b"\r\n")[:-2]
    assert b"." not in lines  # nothing ends the message early
    return b"".join((line[1:] if line.startswith(b".") else line) + b"\r\n" for line in lines)


@given(
    st.lists(st.sampled_from([b".", b"..", b"\r\n", b"a", b".\r\n", b"\r\n.", b" ", b"-\x80"]), max_size=30)
)
def test_dot_stuffing_can_be_undone(parts: list[bytes]) -> None:
    content = b"".join(parts)
    ready = prepare(Envelope("", ("a@b",), content), Capabilities({"8BITMIME": "", "SMTPUTF8": ""}))
    whole = content if content.endswith(b"\r\n") or not content else content + b"\r\n"
    assert _unstuffed(ready.content + ready.end) == whole
