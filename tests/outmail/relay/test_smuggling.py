"""SMTP smuggling: what others took for the end of a mail is none, and is not passed on.

The sequences are those published in December 2023 (sec-consult's report, Postfix's and Exim's
advisories) and their relatives.
"""

from __future__ import annotations

import itertools

import pytest

from outmail.relay.dialogue import Dialogue
from outmail.relay.events import Event, Mail, Reply
from outmail.relay.replies import Answer
from outmail.relay.rules import Rules

BEGUN = b"HELO me\r\nMAIL FROM:<a@example.test>\r\nRCPT TO:<b@example.test>\r\nDATA\r\n"
SECOND = b"MAIL FROM:<admin@example.test>\r\nRCPT TO:<victim@example.test>\r\nDATA\r\nFrom: admin\r\n\r\nPay."
BREAKS = (b"\r\n", b"\n", b"\r", b"\r\r\n", b"\r\0\n", b"\n\r", b"\0\r\n", b"\r\n\0")
END = b"\r\n.\r\n"
STEPS = (1, 2, 3, 10_000)


def has_bare(text: bytes) -> bool:
    """Whether it holds a NUL, or a CR or LF that is not part of CR LF."""
    rest = text.replace(b"\r\n", b"")
    return any(byte in rest for byte in b"\r\n\0")


FALSE_ENDS = [
    end
    for end in map(b"".join, itertools.product(BREAKS, (b".", b".\0", b"\0.", b". "), BREAKS))
    if has_bare(end) and END not in end
]
CLEAN = [
    b"\r\n..\r\n",
    b"\r\n. \r\n",
    b"\r\n .\r\n",
    b"\r\n.\t\r\n",
    b"\r\n.=0D=0A\r\n",
    b"\r\n\xe2\x80\xa8.\r\n",
]


def speak(data: bytes, step: int) -> list[Event]:
    """All that is told when it comes in pieces of `step` bytes; each mail is stored."""
    dialogue = Dialogue(Rules("relay.example.test"), "192.0.2.7")
    found: list[Event] = []
    for at in range(0, len(data), step):
        found += dialogue.receive(data[at : at + step])
        if found and isinstance(found[-1], Mail):
            found += dialogue.stored(Answer(250, "2.0.0", "kept"))
    return found


def codes(events: list[Event]) -> list[bytes]:
    """The codes of all replies."""
    text = b"".join(event.data for event in events if isinstance(event, Reply))
    return [line[:3] for line in text.splitlines()]


@pytest.mark.parametrize("step", [1, 2, 3, 10_000])
@pytest.mark.parametrize(
    "false_end", [end for end in FALSE_ENDS if has_bare(end) and END not in end], ids=repr
)
def test_a_false_end_neither_ends_a_mail_nor_is_passed_on(false_end: bytes, step: int) -> None:
    events = speak(BEGUN + b"Subject: x\r\n\r\nHello" + false_end + SECOND + END + b"NOOP\r\n", step)
    assert not [event for event in events if isinstance(event, Mail)]
    assert codes(events) == [b"250", b"250", b"250", b"354", b"550", b"250"]


@pytest.mark.parametrize("text", CLEAN, ids=repr)
def test_what_only_looks_like_one_is_content(text: bytes) -> None:
    for step in STEPS:
        events = speak(BEGUN + b"Hello" + text + SECOND + END + b"NOOP\r\n", step)
        (mail,) = (event for event in events if isinstance(event, Mail))
        assert mail.content == b"Hello" + text.replace(b"\r\n.", b"\r\n") + SECOND + b"\r\n"
        assert codes(events) == [b"250", b"250", b"250", b"354", b"250", b"250"]


def test_the_published_ones_are_among_them() -> None:
    published = [
        b"\n.\n",
        b"\n.\r\n",
        b"\r.\r",
        b"\r.\r\n",
        b"\r\n.\n",
        b"\r\n.\r",
        b"\r\n\0.\r\n",
        b"\r\n.\r\r\n",
    ]
    assert set(published) <= set(FALSE_ENDS)


@pytest.mark.parametrize("false_end", [b"\n", b"\r\n.\n", b"\n.\n"], ids=repr)
def test_a_line_break_inside_an_address_gives_no_second_command(false_end: bytes) -> None:
    """A program that puts a form's field into a command as it came: what follows is not obeyed."""
    events = speak(
        b"HELO me\r\nMAIL FROM:<a@example.test" + false_end + b"RCPT TO:<b@example.test>\r\n", 1000
    )
    assert codes(events) in ([b"250", b"521"], [b"250", b"501", b"521"])
