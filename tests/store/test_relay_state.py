"""A pause outlives the relay; a damaged file is kept aside and told of."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from store.errors import ErrorKind, StoreError
from store.relay_state import ALL, FILE, Stopped, load, save

NOON = datetime(2026, 5, 4, 12, 0, 0, 5, tzinfo=UTC)


def test_nothing_is_paused_where_there_is_no_file(tmp_path: Path) -> None:
    assert load(tmp_path / "spool") == {}
    assert not (tmp_path / "spool").exists()


def test_what_is_paused_is_there_again(tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    paused = {
        ALL: Stopped(NOON, "ann (as root)", "settings are edited"),
        "süpport": Stopped(NOON, "", "535 \udce4 'no'"),
    }
    save(spool, paused)
    assert load(spool) == paused
    assert (spool / FILE).stat().st_mode & 0o777 == 0o600
    save(spool, {})
    assert load(spool) == {}
    assert [p.name for p in spool.iterdir()] == [FILE]


def test_times_are_utc(tmp_path: Path) -> None:
    east = NOON.astimezone(timezone(timedelta(hours=9)))
    save(tmp_path, {ALL: Stopped(east, "ann", "")})
    assert load(tmp_path)[ALL].since.isoformat() == "2026-05-04T12:00:00.000005+00:00"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"{}",
        b"null",
        b"[" * 100_000,
        b'{"version": 2, "paused": {}}',
        b'{"version": 1, "paused": []}',
        b'{"version": 1, "paused": {"a": null}}',
        b'{"version": 1, "paused": {"a": {"since": 1, "who": "", "why": ""}}}',
        b'{"version": 1, "paused": {"a": {"since": "noon", "who": "", "why": ""}}}',
        b'{"version": 1, "paused": {"a": {"since": "2026-05-04T12:00:00+00:00", "who": null, "why": ""}}}',
    ],
)
def test_a_damaged_file_is_moved_aside_and_told(tmp_path: Path, data: bytes) -> None:
    (tmp_path / FILE).write_bytes(data)
    told: list[StoreError] = []
    assert load(tmp_path, told.append) == {}
    (error,) = told
    assert error.kind is ErrorKind.DAMAGED
    assert "outmail pause" in error.remedy
    (kept,) = (tmp_path / "corrupt").iterdir()
    assert kept.read_bytes() == data
    assert str(kept) in error.why
    assert load(tmp_path, told.append) == {}
    assert len(told) == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_no_pause_that_ended(tmp_path: Path) -> None:
    save(tmp_path, {ALL: Stopped(NOON, "ann", "")})
    (tmp_path / FILE).chmod(0)
    with pytest.raises(StoreError) as told:
        load(tmp_path)
    assert told.value.kind is ErrorKind.UNREADABLE


def test_a_file_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    save(tmp_path, {ALL: Stopped(NOON, "ann", "")})
    (tmp_path / "taken").write_text("a file where a folder should be")
    with pytest.raises(StoreError):
        save(tmp_path / "taken" / "spool", {})
    assert load(tmp_path) == {ALL: Stopped(NOON, "ann", "")}
