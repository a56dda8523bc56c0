"""A mail that lies in several places reads as the one that it is, wherever it is cut."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.joined import FileBytes, Joined, Rest

BYTES = st.lists(st.sampled_from([b"a", b"\n", b"--", b"b"]), max_size=12).map(b"".join)
PLACE = st.integers(-3, 30) | st.none()


@given(st.lists(BYTES, max_size=5), BYTES, PLACE, PLACE)
def test_as_one(parts: list[bytes], sub: bytes, start: int | None, end: int | None) -> None:
    whole, joined = b"".join(parts), Joined(*parts)
    assert len(joined) == len(whole)
    assert joined[start:end] == whole[start:end]
    if sub:
        assert joined.find(sub, start or 0, end) == whole.find(sub, start or 0, end)


@given(BYTES, st.integers(0, 30), BYTES, PLACE, PLACE)
def test_what_is_left(whole: bytes, cut: int, sub: bytes, start: int | None, end: int | None) -> None:
    rest = Rest(whole, cut)
    assert rest[start:end] == whole[cut:][start:end]
    assert len(rest) == len(whole[cut:])
    if sub:
        assert rest.find(sub, start or 0, end) == whole[cut:].find(sub, start or 0, end)


def test_a_file_reads_as_its_bytes_even_after_it_was_removed(tmp_path: Path) -> None:
    content = os.urandom(700_000) + b"\n--mark" + os.urandom(300_000)
    path = tmp_path / "mail"
    path.write_bytes(content)
    found = FileBytes(path)
    path.unlink()
    assert len(found) == len(content)
    for start, stop in (
        (0, 10),
        (5, 5),
        (262_140, 262_150),
        (699_990, 700_010),
        (100, 600_000),
        (999_990, 2**40),
    ):
        assert found[start:stop] == content[start:stop]
    assert found.find(b"\n--mark") == content.find(b"\n--mark")
    assert found.find(b"\n--mark", 700_001) == -1
    assert found.find(content[262_100:262_200]) == 262_100, "across the pieces that are read"
    assert found.find(b"\n--mark", 0, 700_005) == -1
    with pytest.raises(ValueError, match="runs"):
        found[::2]


def test_a_file_that_was_cut_is_told(tmp_path: Path) -> None:
    path = tmp_path / "mail"
    path.write_bytes(b"x" * 1000)
    found = FileBytes(path)
    os.truncate(path, 10)
    with pytest.raises(OSError, match="ends at byte 10"):
        found[0:1000]


def handles() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_its_handle_is_closed_with_it(tmp_path: Path) -> None:
    path = tmp_path / "mail"
    path.write_bytes(b"x")
    before = handles()
    for _ in range(50):
        FileBytes(path)
    assert handles() <= before + 1
