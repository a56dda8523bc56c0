"""The end of a mail's content and what is in it, against a plain reading of RFC 5321, in any pieces."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from outmail.relay.content import Content
from tests.outmail.relay.cutting import cuts, pieces

LOTS = 10**9


@dataclass
class Read:
    """What came of a content that was read to its end."""

    content: bytes
    size: int
    bare: bool
    too_big: bool
    left: bytes


def read(data: bytes, cuts: list[int], limit: int = LOTS, in_memory: int = LOTS) -> Read | None:
    """Feed it in pieces; None where the end never came."""
    content, out = Content(limit, in_memory), b""
    todo = pieces(data, cuts)
    while todo:
        left = content.take(todo.pop(0))
        out += content.spill()
        if left is not None:
            left += b"".join(todo)
            return Read(out + content.rest(), content.size, content.bare, content.too_big, left)
    return None


def plainly(data: bytes) -> Read | None:
    """The same, a byte at a time and without cleverness."""
    end = (b"\r\n" + data).find(b"\r\n.\r\n")
    if end < 0:
        return None
    raw, left = data[:end], data[end + 3 :]
    bare = any(
        byte == 0
        or (byte == 13 and raw[at + 1 : at + 2] != b"\n")
        or (byte == 10 and (at == 0 or raw[at - 1] != 13))
        for at, byte in enumerate(raw)
    )
    lines = [line[1:] if line[:1] == b"." else line for line in raw.split(b"\r\n")]
    return Read(b"\r\n".join(lines), len(b"\r\n".join(lines)), bare, False, left)


nasty = st.lists(st.sampled_from([b"\r", b"\n", b".", b"\r\n", b"\r\n.", b"\r\n.\r\n", b"\0", b"a"])).map(
    b"".join
)


@given(nasty, cuts)
@example(b".\r\n", [])
@example(b"..\r\n.\r\n", [1])
@example(b"\r\n.\r\n", [2])
@example(b"\n.\r\n\r\n.\r\n", [1, 2, 3, 4])
def test_any_bytes_in_any_pieces_are_read_as_the_rfc_says(data: bytes, cuts: list[int]) -> None:
    found, right = read(data, cuts), plainly(data)
    if found is None or right is None:
        assert found is right
        return
    assert (found.left, found.bare) == (right.left, right.bare)
    if not right.bare:
        assert (found.content, found.size) == (right.content, right.size)
    else:
        assert found.content == b""


line = st.binary(max_size=40).map(lambda raw: raw.translate(None, b"\r\n\0"))
dotted = st.builds(lambda dots, rest: b"." * dots + rest, st.integers(0, 3), line)


def stuffed(lines: list[bytes]) -> bytes:
    """As a client sends it (RFC 5321, section 4.5.2)."""
    return b"".join((b"." + text if text[:1] == b"." else text) + b"\r\n" for text in lines) + b".\r\n"


@given(
    st.lists(dotted), cuts, st.integers(1, 100), st.sampled_from([b"", b"NOOP\r\n", b".\r\n", b"\r\n.\r\n"])
)
def test_a_content_comes_out_as_it_was_written(
    lines: list[bytes], cuts: list[int], in_memory: int, behind: bytes
) -> None:
    content = b"".join(text + b"\r\n" for text in lines)
    found = read(stuffed(lines) + behind, cuts, in_memory=in_memory)
    assert found == Read(content, len(content), False, False, behind)


@given(st.lists(dotted, min_size=1), cuts)
def test_the_limit_counts_the_content_and_not_its_dots(lines: list[bytes], cuts: list[int]) -> None:
    size = sum(len(text) + 2 for text in lines)
    fits = read(stuffed(lines), cuts, limit=size)
    assert fits is not None
    assert not fits.too_big
    over = read(stuffed(lines), cuts, limit=size - 1)
    assert over is not None
    assert over.too_big
    assert over.left == b""


def test_nothing_is_kept_after_a_fault() -> None:
    for content, fault in ((Content(10, LOTS), b"x" * 11), (Content(LOTS, LOTS), b"x\0x")):
        content.take(b"first")
        content.take(fault)
        assert content.spoiled
        content.take(b"last")
        assert content.rest() == b""


@pytest.mark.parametrize("first", [b"x" * 11, b"x\n"])
def test_bare_bytes_are_told_whichever_fault_comes_first(first: bytes) -> None:
    content = Content(10, LOTS)
    content.take(first)
    content.take(b"y\n" if first[-1:] == b"x" else b"y" * 20)
    assert content.take(b"\r\n.\r\n") == b""
    assert content.bare
