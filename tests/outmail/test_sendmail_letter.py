"""What a program gives to sendmail becomes what SMTP carries, and the text of the mail stays as it was."""

from __future__ import annotations

import os
import posix
from email import message_from_bytes, policy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outmail.sendmail_letter import LONGEST_HEADERS, BadMail, Letter, phrase, read_mail
from store.spool_headers import LineEnds


def whole(raw: bytes) -> bytes:
    return b"".join(Letter(raw).pieces())


@pytest.mark.parametrize(
    ("raw", "mail"),
    [
        (b"Subject: x\n\nhello\n", b"Subject: x\r\n\r\nhello\r\n"),
        (b"Subject: x\r\n\r\nhello\r\n", b"Subject: x\r\n\r\nhello\r\n"),
        (b"Subject: x\r\n\nhello\n\r\n", b"Subject: x\r\n\r\nhello\r\n\r\n"),
        (b"Subject: x\n\nhello", b"Subject: x\r\n\r\nhello\r\n"),
        (b"Subject: x\n\n10%\r20%\r\r\nend\r", b"Subject: x\r\n\r\n10%\r\n20%\r\nend\r\n"),
        (b"Subject: x\rBcc: y\n\nhello\n", b"Subject: x Bcc: y\r\n\r\nhello\r\n"),
        (b"Subject: x\n folded\n\tmore\n\n", b"Subject: x\r\n folded\r\n\tmore\r\n\r\n"),
        (b"hello\n", b"\r\nhello\r\n"),
        (b"\nhello\n", b"\r\nhello\r\n"),
        (b"", b"\r\n"),
        (b"Subject: x\nhello\nTo: a@b\n", b"Subject: x\r\n\r\nhello\r\nTo: a@b\r\n"),
        (b" Subject: x\n", b"\r\n Subject: x\r\n"),
        (b"From a@b Mon Nov 28 20:15:23 2026\n>From b\nTo: x@y\n\nz\n", b"To: x@y\r\n\r\nz\r\n"),
        (b"Subject : x\n\n", b"Subject : x\r\n\r\n"),
        (b"Subject: \xc3\xbc\n\n\xff\n", b"Subject: \xc3\xbc\r\n\r\n\xff\r\n"),
        (b"S: x\n\n" + b"y" * 5000, b"S: x\r\n\r\n" + b"y" * 5000 + b"\r\n"),
    ],
)
def test_line_ends_and_header_fields(raw: bytes, mail: bytes) -> None:
    assert whole(raw) == mail


def test_what_cannot_travel() -> None:
    with pytest.raises(BadMail, match="NUL"):
        Letter(b"Subject: x\n\na\0b")
    with pytest.raises(BadMail, match="header fields"):
        Letter(b"X: " + b"y" * LONGEST_HEADERS + b"\n")


@given(st.binary(max_size=60) | st.lists(st.sampled_from([b"\r", b"\n", b"a", b": ", b" "])).map(b"".join))
def test_it_may_always_be_passed_on(raw: bytes) -> None:
    try:
        mail = whole(raw)
    except BadMail:
        assert 0 in raw
        return
    ends = LineEnds()
    ends.take(mail)
    assert ends.right()
    assert mail.endswith(b"\r\n")
    assert b"\r\n\r\n" in b"\r\n" + mail
    assert mail.translate(None, b"\r\n ") in {raw.translate(None, b"\r\n "), mail.translate(None, b"\r\n ")}


@given(st.lists(st.sampled_from(["a", "é", "\n", "..", "x: y"]), max_size=20).map("".join))
def test_a_right_text_is_left_alone(text: str) -> None:
    body = text.replace("\n", "\r\n").encode() + b"\r\n"
    assert Letter(b"Subject: x\r\n\r\n" + body).body == body


@pytest.mark.parametrize(
    ("raw", "found"),
    [
        (b"To: a@b\nCc: c@d, e@f\nBcc: g@h\n\nTo: no@no\n", ["a@b", "c@d", "e@f", "g@h"]),
        (b'TO : "Last, First"\n <a@b>\nto: c@d\n\n', ["a@b", "c@d"]),
        (b"To: a@b\nResent-To: c@d\nResent-Bcc: e@f\n\n", ["c@d", "e@f"]),
        (b"To: undisclosed-recipients:;\n\n", []),
        (b"Apparently-To: a@b\nReply-To: c@d\n\n", []),
    ],
)
def test_recipients(raw: bytes, found: list[str]) -> None:
    assert Letter(raw).recipients() == found


def test_what_nobody_may_see_goes() -> None:
    letter = Letter(
        b"Return-Path: <x@y>\nTo: a@b\nBCC: c@d,\n e@f\nResent-Bcc: g@h\nContent-Length: 3\n\nhi\n"
    )
    letter.strip()
    assert b"".join(letter.pieces()) == b"To: a@b\r\n\r\nhi\r\n"


def test_from_is_added_only_where_there_is_none() -> None:
    letter = Letter(b"from: a@b\n\n")
    letter.add_from("x", "y")
    assert letter.fields == [b"from: a@b\r\n"]
    letter = Letter(b"To: a@b\n\n")
    letter.add_from("", "root")
    letter.add_from("", "other")
    assert letter.fields == [b"From: root\r\n", b"To: a@b\r\n"]


@given(st.text(max_size=100))
def test_a_name_is_one(name: str) -> None:
    field = f"From: {phrase(name)} <a@b.test>\r\n\r\n".encode("utf-8", "surrogateescape")
    message = message_from_bytes(field, policy=policy.default)
    assert [one.addr_spec for one in message["From"].addresses] == ["a@b.test"]
    shown = " ".join("".join(c if c.isprintable() else " " for c in name).split())
    if "=?" not in name and '"' not in name and "\\" not in name:
        assert "".join(message["From"].addresses[0].display_name.split()) == "".join(shown.split())
    assert all(len(line) <= 78 or shown.isascii() for line in phrase(name).split("\r\n"))


def piped(raw: bytes, *, dots: bool, limit: int = 1000_000) -> bytes:
    read, write = os.pipe()
    try:
        os.write(write, raw)
        os.close(write)
        return read_mail(read, dots=dots, limit=limit)
    finally:
        os.close(read)


@pytest.mark.parametrize(
    ("raw", "mail"),
    [
        (b"a\n.\nb\n", b"a\n"),
        (b"a\r\n.\r\nb\r\n", b"a\r\n"),
        (b".\nb\n", b""),
        (b"a\n.", b"a\n"),
        (b".", b""),
        (b"a\n..\nb\n", b"a\n..\nb\n"),
        (b"a.\n.b\n", b"a.\n.b\n"),
        (b"", b""),
    ],
)
def test_the_dot(raw: bytes, mail: bytes) -> None:
    assert piped(raw, dots=False) == mail
    assert piped(raw, dots=True) == raw


@given(st.lists(st.sampled_from([b"a", b".", b"\n", b"\r\n", b"\n.\n"]), min_size=1))
def test_the_dot_in_any_pieces(pieces: list[bytes]) -> None:
    raw = b"".join(pieces)
    left = list(pieces)

    class Stepwise:
        """os.read, a piece at a time."""

        def __call__(self, _handle: int, _size: int) -> bytes:
            return left.pop(0) if left else b""

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(posix, "read", Stepwise())
        found = read_mail(0, dots=False)
    assert found == piped(raw, dots=False)


def test_one_that_is_too_large() -> None:
    with pytest.raises(BadMail, match="larger"):
        piped(b"x" * 101, dots=True, limit=100)
