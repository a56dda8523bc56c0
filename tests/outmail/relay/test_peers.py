"""The same commands to our dialogue, to aiosmtpd and to Postfix: the same class of answer to each.

Where a peer answers otherwise on purpose, the table `DIFFERENT` says why; a difference that is not in
it, and one in it that is none any more, fail.
"""

from __future__ import annotations

import base64
import socket
import ssl
from collections.abc import Callable, Sequence

import pytest

from outmail.relay.dialogue import Dialogue
from outmail.relay.events import HangUp, Login, Mail, Reply
from outmail.relay.replies import Answer
from outmail.relay.rules import Rules
from tests.servers.postfix import Postfix
from tests.servers.sink import Sink

RULES = Rules("relay.example.test", size_limit=1048576)
LOCKED = Rules("relay.example.test", starttls_offered=True, auth_offered=True, auth_required=True)
GONE = "gone"

HELLO = ("EHLO me.example.test",)
MAIL = (*HELLO, "MAIL FROM:<a@example.test>")
RCPT = (*MAIL, "RCPT TO:<b@example.test>")
DATA = (*RCPT, "DATA")

TALKS: dict[str, tuple[str, ...]] = {
    "a mail": (*DATA, "Subject: x\r\n\r\nhello\r\n.", "QUIT"),
    "an empty mail": (*DATA, ".", "NOOP"),
    "dots": (*DATA, "..\r\n...\r\n.. \r\n.", "NOOP"),
    "two mails": (*DATA, "one\r\n.", *DATA[1:], "two\r\n.", "QUIT"),
    "helo": ("HELO me", "MAIL FROM:<>", "RCPT TO:<b@example.test>", "DATA", ".", "QUIT"),
    "lower case": ("ehlo me", "mail from:<a@example.test>", "rcpt to:<b@example.test>", "data", ".", "quit"),
    "no name": ("EHLO", "HELO", "NOOP"),
    "no hello": ("MAIL FROM:<a@example.test>", "RSET", "NOOP"),
    "no mail": (*HELLO, "RCPT TO:<b@example.test>", "DATA", "RSET"),
    "no recipient": (*MAIL, "DATA", "NOOP"),
    "mail twice": (*MAIL, "MAIL FROM:<c@example.test>"),
    "hello again": (*RCPT, "EHLO me", "DATA"),
    "reset": (*RCPT, "RSET", "DATA"),
    "small commands": (
        *HELLO,
        "NOOP",
        "NOOP x",
        "HELP",
        "VRFY alice@example.test",
        "VRFY",
        "EXPN x",
        "XYZZY",
        "",
    ),
    "not offered": (*HELLO, "STARTTLS", "AUTH PLAIN AGFsaWNlAHB3", "ETRN x"),
    "arguments of none": (*MAIL, "RSET x", "DATA x", "QUIT x"),
    "space before the path": (*HELLO, "MAIL FROM: <a@example.test>", "RCPT TO: <b@example.test>"),
    "no brackets": (*HELLO, "MAIL FROM:a@example.test", "RCPT TO:b@example.test"),
    "source route": (*MAIL, "RCPT TO:<@relay.example.test:b@example.test>"),
    "quoted": (*MAIL, 'RCPT TO:<"b c"@example.test>'),
    "literal": (*MAIL, "RCPT TO:<b@[192.0.2.1]>"),
    "postmaster": (*MAIL, "RCPT TO:<postmaster>"),
    "null recipient": (*MAIL, "RCPT TO:<>"),
    "no path": (*HELLO, "MAIL FROM:", "MAIL", "MAIL a@example.test"),
    "bad paths": (
        *HELLO,
        "MAIL FROM:<a b@example.test>",
        "MAIL FROM:<a@example.test",
        "MAIL FROM:<a@>",
        "MAIL FROM:<@example.test>",
    ),
    "users without a domain": (*HELLO, "MAIL FROM:<root>", "RCPT TO:<www-data>", "RCPT TO:<root>"),
    "bad recipients": (*MAIL, "RCPT TO:<b c@example.test>", "RCPT TO:<b@example.test", "RCPT TO:<b@>"),
    "parameters": (*HELLO, "MAIL FROM:<a@example.test> SIZE=100 BODY=8BITMIME", "RCPT TO:<b@example.test>"),
    "smtputf8": (*HELLO, "MAIL FROM:<ä@example.test> SMTPUTF8", "RCPT TO:<b@example.test>"),
    "no smtputf8": (*HELLO, "MAIL FROM:<ä@example.test>"),
    "dsn": (*HELLO, "MAIL FROM:<a@example.test> RET=HDRS ENVID=x", "RCPT TO:<b@example.test> NOTIFY=NEVER"),
    "too big": (*HELLO, "MAIL FROM:<a@example.test> SIZE=99999999"),
    "too big after all": (*DATA, ("x" * 998 + "\r\n") * 1100 + ".", "NOOP"),
    "unknown parameters": (*HELLO, "MAIL FROM:<a@example.test> WHAT=1", "NOOP"),
    "unknown of a recipient": (*MAIL, "RCPT TO:<b@example.test> WHAT=1"),
    "bad values": (*HELLO, "MAIL FROM:<a@example.test> SIZE=x", "MAIL FROM:<a@example.test> BODY=9BIT"),
    "bad wishes": (*MAIL, "RCPT TO:<b@example.test> NOTIFY=SOMETIMES"),
    "a long line": (*HELLO, "NOOP " + "x" * 4000, "RSET"),
    "nul": (*HELLO, "NOOP \0", "RSET"),
    "bare lf in a mail": (*DATA, "one\ntwo\r\n.", "NOOP"),
    "a false end": (*DATA, "one\n.\nMAIL FROM:<c@example.test>\r\n.", "NOOP"),
    "nul in a mail": (*DATA, "one\0two\r\n.", "NOOP"),
    "bare lf in a command": (*HELLO, "NOOP\nNOOP"),
    "http": ("GET / HTTP/1.1",),
}

SIGN_INS: dict[str, tuple[str, ...]] = {
    "mail without one": (*HELLO, "MAIL FROM:<alice@example.test>", "RCPT TO:<b@example.test>", "QUIT"),
    "plain": (*HELLO, "AUTH PLAIN {right}", "AUTH PLAIN {right}", "MAIL FROM:<alice@example.test>"),
    "plain, asked": (*HELLO, "AUTH PLAIN", "{right}", "NOOP"),
    "login": (*HELLO, "AUTH LOGIN", "{user}", "{password}", "NOOP"),
    "login, begun": (*HELLO, "AUTH LOGIN {user}", "{password}", "NOOP"),
    "lower case": (*HELLO, "auth plain {right}", "NOOP"),
    "wrong": (*HELLO, "AUTH PLAIN {wrong}", "NOOP"),
    "wrong login": (*HELLO, "AUTH LOGIN", "{user}", "{user}", "NOOP"),
    "cancelled": (*HELLO, "AUTH PLAIN", "*", "NOOP"),
    "not base64": (*HELLO, "AUTH PLAIN !!", "NOOP"),
    "no such mechanism": (*HELLO, "AUTH XYZZY", "NOOP"),
    "no mechanism": (*HELLO, "AUTH", "NOOP"),
    "too many words": (*HELLO, "AUTH PLAIN a b", "NOOP"),
    "before EHLO": ("AUTH PLAIN {right}", "NOOP"),
    "in a mail": (*HELLO, "AUTH PLAIN {right}", "MAIL FROM:<alice@example.test>", "AUTH PLAIN {right}"),
    "starttls in tls": (*HELLO, "STARTTLS", "NOOP"),
}
BEFORE_TLS: dict[str, tuple[str, ...]] = {
    "mail before TLS": (*HELLO, "MAIL FROM:<alice@example.test>", "NOOP"),
    "auth before TLS": (*HELLO, "AUTH PLAIN {right}", "NOOP"),
    "starttls with words": (*HELLO, "STARTTLS x", "NOOP"),
}

_SMUGGLING = "it passes on what lets a second mail be smuggled behind the first; we refuse the mail"
_INJECTION = "a line break inside a command is the work of who abuses the program that sends it"
_NUL = "a NUL belongs in no command (RFC 5321, section 4.1.2)"
_SINK = "the server of the tests has no limit"

DIFFERENT: dict[tuple[str, str, int], tuple[str, str, str]] = {
    ("aiosmtpd", "not offered", 1): ("502", "454", "a command that is not there does not come later"),
    ("aiosmtpd", "null recipient", 2): ("501", "250", "mail to <> goes nowhere (RFC 5321, section 4.1.1.3)"),
    ("aiosmtpd", "bad paths", 1): ("501", "250", "a space in an address is part of none"),
    ("aiosmtpd", "bad recipients", 2): ("501", "250", "a space in an address is part of none"),
    ("aiosmtpd", "bad recipients", 3): ("501", "250", "an angle bracket that is not closed"),
    ("aiosmtpd", "no smtputf8", 1): ("553", "250", "RFC 6531, section 3.5: 553 without SMTPUTF8"),
    ("aiosmtpd", "dsn", 1): ("250", "555", "it knows no DSN"),
    ("aiosmtpd", "dsn", 2): ("250", "503", "and so it has no sender"),
    ("aiosmtpd", "too big", 1): ("552", "250", _SINK),
    ("aiosmtpd", "too big after all", 4): ("552", "250", _SINK),
    ("aiosmtpd", "nul", 1): ("500", "250", _NUL),
    ("aiosmtpd", "bare lf in a mail", 4): ("550", "250", _SMUGGLING),
    ("aiosmtpd", "a false end", 4): ("550", "250", _SMUGGLING),
    ("aiosmtpd", "nul in a mail", 4): ("550", "250", _SMUGGLING),
    ("aiosmtpd", "bare lf in a command", 1): ("521", "250", _INJECTION),
    ("postfix", "no hello", 0): (
        "503",
        "250",
        "smtpd_helo_required is off there; RFC 5321, 4.1.4, asks for it",
    ),
    ("postfix", "small commands", 3): ("214", "500", "it has no HELP"),
    ("postfix", "not offered", 3): ("502", "459", "ETRN is known there and has nothing to flush"),
    ("postfix", "arguments of none", 4): (
        "501",
        "221",
        "QUIT takes no argument (RFC 5321, section 4.1.1.10)",
    ),
    ("postfix", "bad paths", 4): (
        "501",
        "250",
        "it takes an address without a local part",
    ),
    ("postfix", "no smtputf8", 1): ("553", "250", "strict_smtputf8 is off there; RFC 6531, section 3.5: 553"),
    ("postfix", "a long line", 1): ("500", "250", "it obeys a line that is longer than ours may be"),
    ("postfix", "nul", 1): ("500", "250", _NUL),
    ("postfix", "bare lf in a mail", 4): ("550", "250", _SMUGGLING),
    ("postfix", "a false end", 4): ("550", "250", _SMUGGLING),
    ("postfix", "nul in a mail", 4): ("550", "250", _SMUGGLING),
    ("postfix", "bare lf in a command", 1): ("521", "250", _INJECTION),
    ("postfix", "mail without one", 1): (
        "530",
        "250",
        "it puts the refusal off to RCPT (smtpd_delay_reject)",
    ),
    ("postfix", "before EHLO", 0): ("503", "235", "AUTH is an extension: only EHLO says that it is there"),
    ("postfix", "http", 0): (
        "521",
        "221",
        "it says goodbye, and so do we: not to be taken for a mail server's yes",
    ),
}
"""(peer, talk, which answer of it): ours, theirs, why."""


def ours(talk: Sequence[str], dialogue: Dialogue, password: str = "") -> list[str]:
    """The code of the first answer to each; every mail is stored."""
    said = []
    for line in talk:
        events = dialogue.receive(line.encode() + b"\r\n")
        last = events[-1] if events else None
        if isinstance(last, Mail):
            events = dialogue.stored(Answer(250, "2.0.0", "kept"))
        elif isinstance(last, Login):
            events = dialogue.logged_in(last.password.reveal() == password)
        replies = [event.data for event in events if isinstance(event, Reply)]
        said.append(replies[0][:3].decode() if replies else GONE)
        if HangUp() in events:
            break
    return said


def theirs(talk: Sequence[str], port: int, context: ssl.SSLContext | None = None) -> list[str]:
    """The same of a server that listens there."""
    said = []
    with socket.create_connection(("127.0.0.1", port), timeout=30) as plain:
        wire = context.wrap_socket(plain, server_hostname="localhost") if context else plain
        answers = wire.makefile("rb")
        assert _answer(answers.readline) == "220"
        for line in talk:
            wire.sendall(line.encode() + b"\r\n")
            said.append(_answer(answers.readline))
            if said[-1] in {GONE, "221", "421", "521"}:
                break
        wire.close()
    return said


def _answer(readline: Callable[[], bytes]) -> str:
    while (line := readline())[3:4] == b"-":
        pass
    return line[:3].decode() or GONE


def compare(peer: str, name: str, mine: list[str], other: list[str]) -> None:
    """Compare answer by answer, as far as both go on."""
    found = {
        (peer, name, at): (left, right)
        for at, (left, right) in enumerate(zip(mine, other, strict=False))
        if left[0] != right[0]
    }
    known = {where: row[:2] for where, row in DIFFERENT.items() if where[:2] == (peer, name)}
    assert found == known


@pytest.mark.parametrize("name", TALKS)
def test_as_aiosmtpd(name: str, sink: Sink) -> None:
    talk = TALKS[name]
    compare("aiosmtpd", name, ours(talk, Dialogue(RULES, "127.0.0.1")), theirs(talk, sink.port))


@pytest.mark.real
@pytest.mark.parametrize("name", TALKS)
def test_as_postfix(name: str, postfix: Postfix) -> None:
    talk = TALKS[name]
    compare("postfix", name, ours(talk, Dialogue(RULES, "127.0.0.1")), theirs(talk, postfix.plain))


def filled(talk: Sequence[str], postfix: Postfix) -> list[str]:
    """With the words of a sign-in put in."""

    def coded(text: str) -> str:
        return base64.b64encode(text.encode()).decode()

    user, password = postfix.username, postfix.password
    right, wrong = coded(f"\0{user}\0{password}"), coded(f"\0{user}\0x")
    return [
        line.format(right=right, wrong=wrong, user=coded(user), password=coded(password)) for line in talk
    ]


@pytest.mark.real
@pytest.mark.parametrize("name", SIGN_INS)
def test_as_postfix_where_one_signs_in(name: str, postfix: Postfix) -> None:
    talk = filled(SIGN_INS[name], postfix)
    dialogue = Dialogue(LOCKED, "127.0.0.1", tls=True)
    context = ssl.create_default_context(cafile=str(postfix.ca_file))
    compare("postfix", name, ours(talk, dialogue, postfix.password), theirs(talk, postfix.tls, context))


@pytest.mark.real
@pytest.mark.parametrize("name", BEFORE_TLS)
def test_as_postfix_before_tls(name: str, postfix: Postfix) -> None:
    talk = filled(BEFORE_TLS[name], postfix)
    compare("postfix", name, ours(talk, Dialogue(LOCKED, "127.0.0.1")), theirs(talk, postfix.starttls))


def test_every_difference_is_of_a_talk() -> None:
    talks = TALKS | SIGN_INS | BEFORE_TLS
    for _peer, name, at in DIFFERENT:
        assert at < len(talks[name])
