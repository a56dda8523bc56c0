"""Where the parts of a mail begin and end, whatever it lies in, and whatever is wrong with it."""

from __future__ import annotations

import email
import mmap
import tracemalloc
from collections.abc import Iterator
from email import policy
from email.message import Message
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.transports.corpus import messages
from transports.mime_structure import DEEPEST, MOST_PARTS, Part, Unfit, fields, scan

_MIXED = b"Content-Type: multipart/mixed; boundary=a"


def body(content: bytes, part: Part) -> bytes:
    return content[part.body : part.end]


def as_the_library_reads(message: Message) -> Iterator[tuple[str, str]]:
    """Types and raw bodies; a mail in a mail is not looked into, as here."""
    kind = message.get_content_type()
    if kind == "message/rfc822":
        yield kind, "".join(str(inner) for inner in message.get_payload())
    elif message.is_multipart():
        yield kind, ""
        for part in message.get_payload():
            assert isinstance(part, Message)
            yield from as_the_library_reads(part)
    else:
        yield kind, str(message.get_payload())


@pytest.mark.parametrize("name", messages.NAMES)
def test_the_corpus_has_the_parts_that_the_library_finds(name: str) -> None:
    content = messages.named(name, "t")
    message = email.message_from_string(content.decode("latin-1"), policy=policy.compat32)
    expected = [
        (kind, text.encode("latin-1").replace(b"\r\n", b"\n")) for kind, text in as_the_library_reads(message)
    ]
    found = [
        (part.content_type, b"" if part.multipart else body(content, part).replace(b"\r\n", b"\n"))
        for part in scan(content).walk()
    ]
    assert [kind for kind, _ in found] == [kind for kind, _ in expected]
    for (kind, ours), (_, theirs) in zip(found, expected, strict=True):
        assert ours == theirs or kind == "message/rfc822"


def test_offsets_types_names_and_ids() -> None:
    content = (
        b'Subject: s\r\nContent-Type: Multipart/Mixed;\r\n boundary="a b"\r\n\r\npreamble\r\n'
        b"--a b\r\n\r\nplain\r\n"
        b"--a b \r\nContent-Type: IMAGE/Png; name=x.png\r\nContent-Id: < id@x >\r\n"
        b"Content-Disposition: Inline\r\nContent-Transfer-Encoding: BASE64\r\n\r\nAAAA\r\n\r\n"
        b"--a b--\r\nepilogue"
    )
    root = scan(content)
    text, image = root.children
    assert (root.content_type, root.start, root.body) == ("multipart/mixed", 0, content.index(b"preamble"))
    assert (text.content_type, body(content, text)) == ("text/plain", b"plain")
    assert content[text.start : text.body] == b"\r\n"
    assert body(content, image) == b"AAAA\r\n"
    assert (image.content_type, image.disposition, image.encoding) == ("image/png", "inline", "base64")
    assert (image.filename, image.content_id) == ("x.png", "id@x")
    assert content[root.end :] == b"epilogue"
    assert [name for name, _ in fields(content, root)] == ["Subject", "Content-Type"]
    assert dict(fields(content, root))["Content-Type"] == b' Multipart/Mixed;\r\n boundary="a b"\r\n'


@pytest.mark.parametrize(
    ("content", "bodies"),
    [
        (_MIXED + b"\n\n--a\n\none\n--a\n\ntwo", [b"one", b"two"]),
        (_MIXED + b"\r\n\r\n--a\r\n\r\n--a--\r\n", [b""]),
        (_MIXED + b"\r\n\r\n--a\r\nX: y\r\n--a--", [b""]),
        (_MIXED + b"\r\n\r\n--a\r\nno header\r\n--a--", [b"no header"]),
        (
            b"Content-Type: multipart/mixed; boundary=a\r\n\r\n--ab\r\n\r\n--a\r\n\r\nx\r\n--ab\r\n",
            [b"x\r\n--ab\r\n"],
        ),
        (_MIXED + b"\r\n\r\n--a\r\n\r\nx\r\n--a--\r\n--a\r\n\r\ny", [b"x"]),
        (_MIXED + b"\r\n\r\nnothing", []),
        (b"Content-Type: multipart/mixed\r\n\r\n--a\r\n\r\nx", []),
        (
            b"Content-Type: text/plain\r\n" + _MIXED + b"\r\n\r\n--a\r\n",
            [b"--a\r\n"],
        ),
        (b"From x Mon\r\n" + _MIXED + b"\r\n\r\n--a\r\n\r\nx", [b"x"]),
        (b"", [b""]),
    ],
)
def test_what_is_badly_ended_or_not_at_all(content: bytes, bodies: list[bytes]) -> None:
    leaves = [part for part in scan(content).walk() if not part.multipart]
    assert [body(content, part) for part in leaves] == bodies


def test_an_outer_boundary_ends_the_inner_parts() -> None:
    content = (
        b"Content-Type: multipart/mixed; boundary=o\r\n\r\n--o\r\n"
        b"Content-Type: multipart/mixed; boundary=i\r\n\r\n"
        b"--i\r\n\r\nin\r\n--o\r\n\r\nout\r\n--o--\r\n"
    )
    inner, out = scan(content).children
    assert [body(content, part) for part in inner.children] == [b"in"]
    assert body(content, out) == b"out"
    assert inner.end == inner.children[0].end


def test_a_digest_holds_mails() -> None:
    content = b"Content-Type: multipart/digest; boundary=a\r\n\r\n--a\r\n\r\nSubject: x\r\n\r\ny\r\n--a--\r\n"
    assert [part.content_type for part in scan(content).children] == ["message/rfc822"]


def test_too_deep_too_many_too_long() -> None:
    deep = b"".join(
        b"Content-Type: multipart/mixed; boundary=%d\r\n\r\n--%d\r\n" % (n, n) for n in range(DEEPEST + 1)
    )
    many = b"Content-Type: multipart/mixed; boundary=a\r\n\r\n" + b"--a\r\n\r\n" * (MOST_PARTS + 1)
    long = b"X: " + b"y" * 5_000_000
    for content, what in ((deep, "depth"), (many, "parts"), (long, "header")):
        with pytest.raises(Unfit) as caught:
            scan(content)
        assert caught.value.what == what


def test_a_mail_in_a_file_is_read_there(tmp_path: Path) -> None:
    """Sixty MB, of which hardly anything is copied, with lines that look like boundaries."""
    file = tmp_path / "mail"
    with file.open("wb") as out:
        out.write(_MIXED + b"\r\n\r\n--a\r\n\r\n")
        for _ in range(60):
            out.write((b"x" * 1000 + b"\r\n--b\r\n") * 1000)
        out.write(b"\r\n--a\r\n\r\nlast\r\n--a--\r\n")
    with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        tracemalloc.start()
        root = scan(mapped)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert mapped[root.children[1].body : root.children[1].end] == b"last"
    assert peak < 500_000


_CHUNK = st.one_of(
    st.binary(max_size=8),
    st.sampled_from(
        [b"\r\n", b"\n", b"--a", b"--b", b"--", b"Content-Type: ", b"multipart/mixed; boundary=a\r\n", b" ",
         b"multipart/x; boundary=b\n\n", b'Content-Disposition: a; filename*0*="', b"x/y;", b"\r\n\r\n"]
    ),
)  # fmt: skip


@given(st.lists(_CHUNK, max_size=25).map(b"".join))
def test_any_bytes_have_parts_that_lie_in_each_other(content: bytes) -> None:
    def look(part: Part, begin: int, end: int) -> None:
        assert begin <= part.start <= part.body <= part.end <= end
        at = part.body
        for child in part.children:
            look(child, at, part.end)
            at = child.end

    root = scan(content)
    look(root, 0, len(content))
    assert len(list(root.walk())) >= 1
    assert all(isinstance(value, bytes) for part in root.walk() for _, value in fields(content, part))
