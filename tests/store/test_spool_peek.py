"""A look into a closed queue: the same numbers, nothing touched; and no guess where it is not closed."""

from __future__ import annotations

from pathlib import Path

import pytest

from store.errors import ErrorKind, StoreError
from store.spool import Spool
from store.spool_peek import peek
from store.spool_shapes import Counts, State
from tests.store.spools import NOON, mail, result


def fail(error: StoreError) -> None:
    raise AssertionError(error)


async def _filled(folder: Path) -> Spool:
    spool = await Spool.open(folder, "test", NOON, tell=fail)
    for _ in range(3):
        await spool.accept(mail("a@b", "c@d"))
    await spool.accept(mail(profile="other"))
    (job,) = await spool.take("other", 1, NOON)
    await spool.settle([result(job, State.SENT)], NOON)
    (job,) = await spool.take("support", 1, NOON)
    await spool.settle([result(job, State.DEAD), result(job, State.HELD, 1)], NOON)
    return spool


def _files(folder: Path) -> dict[Path, tuple[bytes, int]]:
    return {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in folder.rglob("*") if p.is_file()}


def test_where_there_is_no_queue_nothing_is_made(tmp_path: Path) -> None:
    assert peek(tmp_path / "spool") == Counts()
    assert not (tmp_path / "spool").exists()


async def test_the_counts_are_those_of_the_queue_and_no_file_is_touched(tmp_path: Path) -> None:
    spool = await _filled(tmp_path)
    counts = spool.counts()
    assert peek(tmp_path) is None  # somebody has it open
    await spool.close(NOON)
    before = _files(tmp_path)
    found = peek(tmp_path)
    assert found is not None
    assert found == counts
    assert (found.waiting, found.held, found.dead, found.sent) == (4, 1, 1, 1)
    assert found.by_profile["other"] == Counts(sent=1)
    assert _files(tmp_path) == before


async def test_what_a_killed_relay_left_in_the_log_is_not_guessed(tmp_path: Path) -> None:
    spool = await _filled(tmp_path)
    (tmp_path / "copy" / "queue").mkdir(parents=True)
    for file in (tmp_path / "queue").glob("queue.db*"):
        (tmp_path / "copy" / "queue" / file.name).write_bytes(file.read_bytes())
    await spool.close(NOON)
    assert peek(tmp_path / "copy") is None


async def test_a_damaged_database_is_told_and_left(tmp_path: Path) -> None:
    await (await _filled(tmp_path)).close(NOON)
    path = tmp_path / "queue" / "queue.db"
    path.write_bytes(b"no database " * 1000)
    before = _files(tmp_path)
    with pytest.raises(StoreError) as told:
        peek(tmp_path)
    assert told.value.kind is ErrorKind.DAMAGED
    assert "outmail queue list" in told.value.remedy
    assert _files(tmp_path) == before
