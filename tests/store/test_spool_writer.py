"""Commits are grouped, nobody is told before one, and a mail costs the same however many are waiting."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Awaitable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from store.spool_accept import Row, insert, row_of
from store.spool_desk import Desk
from store.spool_flow import Results, next_due, settle, take
from store.spool_ids import Ids
from store.spool_shapes import Settled, State, Which
from tests.store.spools import GREYLISTED, NOON, later, mail, opened, result


@pytest.fixture
def commits(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether each transaction that was begun is synced at its end."""
    seen: list[bool] = []
    begin = Desk.begin

    def noted(desk: Desk, *, durable: bool) -> None:
        seen.append(durable)
        begin(desk, durable=durable)

    monkeypatch.setattr(Desk, "begin", noted)
    return seen


async def test_who_waits_together_shares_a_commit(tmp_path: Path, commits: list[bool]) -> None:
    async with opened(tmp_path) as spool:
        commits.clear()
        names = await asyncio.gather(*(spool.accept(mail()) for _ in range(200)))
        assert len(commits) <= 20
        assert len(set(names)) == 200
        commits.clear()
        jobs = await asyncio.gather(*(spool.take("support", 4, NOON) for _ in range(50)))
        assert len({job.id for some in jobs for job in some}) == 200, "each is given out once"
        assert len(commits) <= 10


async def test_completions_cost_no_sync_of_their_own(tmp_path: Path, commits: list[bool]) -> None:
    async with opened(tmp_path) as spool:
        jobs = [await spool.accept_taken(mail()) for _ in range(6)]
        assert set(commits) == {True}
        calls: list[tuple[Awaitable[object], bool]] = [
            (spool.settle([result(jobs[2], State.UNCERTAIN, server="mx:25")], NOON), True),
            (spool.settle([result(jobs[3], State.HELD)], NOON), True),
            (spool.settle([result(jobs[4], State.DEAD)], NOON), True),
            (spool.settle([result(jobs[5], State.SENT)], NOON), False),
            (spool.settle([result(jobs[0], State.WAITING, due=NOON, error=GREYLISTED)], NOON), False),
            (spool.take("support", 1, NOON), False),
            (spool.hold(Which(), "x", NOON), True),
            (spool.release(Which(), NOON), True),
            (spool.retry(Which(), NOON), True),
        ]
        for call, synced in calls:
            commits.clear()
            await call
            assert commits == [synced], call
        commits.clear()
        started, go = threading.Event(), threading.Event()

        def busy(_desk: Desk) -> bool:
            started.set()
            return go.wait(20)

        first = spool._writer.submit(busy, durable=False)
        await asyncio.to_thread(started.wait, 20)
        mixed = (spool.settle([result(jobs[1], State.SENT)], NOON), spool.accept(mail()))
        both = asyncio.gather(*mixed)
        await asyncio.sleep(0)  # both are begun
        go.set()
        await asyncio.gather(first, both)
        assert commits == [False, True], "it rides with the one that needs a sync"


async def test_nobody_is_told_before_the_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reached, go = threading.Event(), threading.Event()
    commit = Desk.commit

    def slow(desk: Desk) -> None:
        reached.set()
        assert go.wait(20)
        commit(desk)

    async with opened(tmp_path) as spool:
        with monkeypatch.context() as patched:
            patched.setattr(Desk, "commit", slow)
            accepted = asyncio.ensure_future(spool.accept(mail()))
            await asyncio.to_thread(reached.wait, 20)
            assert not accepted.done()
            assert spool.counts().waiting == 0
            go.set()
            await accepted
        assert spool.counts().waiting == 1


async def test_a_queue_that_is_never_idle_is_synced_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced = asyncio.Event()
    loop = asyncio.get_running_loop()
    sync = Desk.sync

    def noted(desk: Desk) -> None:
        sync(desk)
        loop.call_soon_threadsafe(synced.set)

    monkeypatch.setattr(Desk, "sync", noted)
    async with opened(tmp_path) as spool:
        await spool.next_due("support")
        await spool.page()
        job = await spool.accept_taken(mail())
        assert not synced.is_set(), "reading needs none, and accepting has its own"
        async with asyncio.timeout(30):
            while not synced.is_set():
                await spool.settle([result(job, State.WAITING, due=NOON)], NOON)
                (job,) = await spool.take("support", 1, NOON)


class Steps:
    """Counts what SQLite does, which is the same on every machine."""

    def __init__(self, folder: Path, waiting: int) -> None:
        self.count = 0
        self.desk = Desk(folder, print)
        self.ids = Ids(os.urandom)
        self.desk.open()
        for start in range(0, waiting, 1000):
            self.desk.begin(durable=False)
            some = range(min(1000, waiting - start))
            insert(self.desk, [self.row(later(days=1) + timedelta(seconds=n)) for n in some])
            self.desk.commit()
        self.desk.base.set_progress_handler(self.step, 1)

    def step(self) -> int:
        self.count += 1
        return 0

    def row(self, accepted: datetime) -> Row:
        """A new mail."""
        return row_of(self.ids.next(NOON), mail(accepted=accepted), b"x" * 500)

    def one_more(self) -> int:
        """The steps of accepting, taking and settling one."""
        self.count = 0
        desk = self.desk
        desk.begin(durable=False)
        insert(desk, [self.row(NOON)])
        assert next_due(desk, "support") == NOON
        (job,) = take(desk, "support", 5, NOON)
        settle(desk, [Results((Settled(job.id, 0, State.SENT),), NOON)])
        desk.commit()
        return self.count


def test_one_more_costs_the_same_however_many_are_waiting(tmp_path: Path) -> None:
    few, many = Steps(tmp_path / "few", 100), Steps(tmp_path / "many", 20_000)
    try:
        assert many.one_more() <= 1.2 * few.one_more()
    finally:
        few.desk.close()
        many.desk.close()
