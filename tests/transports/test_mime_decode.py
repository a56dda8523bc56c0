"""Bodies are decoded piece by piece as they would be at once."""

from __future__ import annotations

import base64
import binascii
import quopri

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transports import mime_decode
from transports.mime_decode import decoded_blocks, decoded_pieces, decoded_size
from transports.mime_structure import Part, scan


def part_of(encoding: bytes, body: bytes) -> tuple[bytes, Part]:
    content = b"Content-Transfer-Encoding: " + encoding + b"\r\n\r\n" + body
    return content, scan(content)


def whole(encoding: bytes, body: bytes) -> bytes:
    content, part = part_of(encoding, body)
    return b"".join(decoded_blocks(content, part))


@pytest.fixture(params=[7, 64, 256 * 1024])
def _blocks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mime_decode, "_BLOCK", request.param)


@pytest.mark.usefixtures("_blocks")
@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", b""),
        (b"aGVs\r\nbG8=\r\n", b"hello"),
        (b"aGVsbG8", b"hello"),
        (b"aGVs bG8=!!", b"hello"),
        (b"aGU=bGxv", b"hello"),
        (b"aGVsbG8====\r\n", b"hello"),
        (b"a", b""),
    ],
)
def test_base64(body: bytes, expected: bytes) -> None:
    assert whole(b"base64", body) == expected


@pytest.mark.usefixtures("_blocks")
@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"a=3D=\r\nb  \r\nc=20\r\n", b"a=b\r\nc \r\n"),
        (b"soft=  \r\nbreak", b"softbreak"),
        (b"end=", b"end"),
        (b"trailing \t", b"trailing"),
        (b"=C3=BC" * 50, "ü".encode() * 50),
        (b"a=XXb", b"a=XXb"),
    ],
)
def test_quoted_printable(body: bytes, expected: bytes) -> None:
    assert whole(b"quoted-printable", body) == expected


@pytest.mark.parametrize("encoding", [b"7bit", b"8bit", b"binary"])
def test_what_is_not_encoded_stays(encoding: bytes) -> None:
    assert whole(encoding, b"a\r\n=41\r\n\0\xff ") == b"a\r\n=41\r\n\0\xff "


@given(st.binary(max_size=300), st.integers(1, 40), st.integers(0, 320), st.booleans())
def test_pieces_are_the_whole(raw: bytes, size: int, start: int, quoted: bool) -> None:
    body = quopri.encodestring(raw, quotetabs=True) if quoted else base64.encodebytes(raw)
    content, part = part_of(b"quoted-printable" if quoted else b"base64", body)
    expected = binascii.a2b_qp(body) if quoted else raw
    if expected == raw:
        pieces = list(decoded_pieces(content, part, size, start))
        assert b"".join(pieces) == raw[start:]
        assert all(len(piece) == size for piece in pieces[:-1])
        assert decoded_size(content, part) == len(raw)


@given(st.binary(max_size=200))
def test_nothing_raises(body: bytes) -> None:
    for encoding in (b"base64", b"quoted-printable", b"7bit"):
        content, part = part_of(encoding, body)
        assert sum(map(len, decoded_blocks(content, part))) == decoded_size(content, part)


def test_white_space_without_end_takes_no_time() -> None:
    assert whole(b"quoted-printable", b" " * 5_000_000 + b"x").endswith(b"x")
    assert whole(b"base64", b" " * 5_000_000 + b"QQ==") == b"A"
