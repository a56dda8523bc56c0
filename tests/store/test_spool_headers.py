"""A mail is divided at its first empty line, in whatever pieces it comes, and nothing of it changes."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.spool_bodies import Draft
from store.spool_headers import LONGEST_HEADERS, HeadersTooLong, LineEnds, Split
from store.spool_ids import MailId

PIECES = st.lists(st.sampled_from([b"a", b"\r", b"\n", b"\r\n", b"\r\n\r\n", b"X: y", b"\0"]))


@given(PIECES)
def test_nothing_of_it_changes(pieces: list[bytes]) -> None:
    split = Split(Draft(MailId("x"), Path("/nowhere")))
    for piece in pieces:
        split.take(piece)
    whole = b"".join(pieces)
    body = split.draft.finish() or b""
    assert split.headers + body == whole
    assert b"\r\n\r\n" not in split.headers
    if not whole.startswith(b"\r\n") and b"\r\n\r\n" in whole:
        assert split.headers == whole[: whole.index(b"\r\n\r\n") + 2]


@given(PIECES)
def test_what_may_be_passed_on(pieces: list[bytes]) -> None:
    ends = LineEnds()
    for piece in pieces:
        ends.take(piece)
    rest = b"".join(pieces).replace(b"\r\n", b"")
    assert ends.right() == (not any(byte in rest for byte in b"\r\n\0"))


def test_header_fields_without_an_end() -> None:
    split = Split(Draft(MailId("x"), Path("/nowhere")))
    split.take(b"x" * LONGEST_HEADERS)
    with pytest.raises(HeadersTooLong):
        split.take(b"x")
