"""Killed at any moment under load, everything that was told durable is there, and nothing twice."""

from __future__ import annotations

import fcntl
import os
import random
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

import store
from store.errors import StoreError
from store.spool import Spool
from store.spool_flow import CRASHES
from store.spool_shapes import State, Which
from tests.store.spools import HEAD, LARGE, NOON, later, mail, opened, result
from tests.store.test_spool_model import crash

ROOT = Path(store.__file__).parent.parent

# Each line that it prints is a promise: "kept" after accept, "sent" after settle; "sending" comes before.
LOAD = """
import asyncio, os, sys
from pathlib import Path
from store.spool import Spool
from store.spool_shapes import State
from tests.store.spools import NOON, LARGE, mail, result

def say(word, name):
    os.write(1, f"{word} {name}\\n".encode())

async def client(spool, n):
    while True:
        body = LARGE if n % 3 == 0 else b"%d" % n
        if n % 2:
            say("kept", await spool.accept(mail("a@x", "b@x", body=body)))
        else:
            job = await spool.accept_taken(mail("a@x", "b@x", body=body))
            say("kept", job.id)
            await finish(spool, job)

async def finish(spool, job):
    say("sending", job.id)
    await spool.settle([result(job, State.SENT, r.number) for r in job.recipients], NOON)
    say("sent", job.id)

async def runner(spool):
    while True:
        for job in await spool.take("support", 3, NOON):
            await finish(spool, job)
        await asyncio.sleep(0)

async def main():
    spool = await Spool.open(Path(sys.argv[1]), "load", NOON, tell=print)
    say("open", "-")
    await asyncio.gather(runner(spool), *(client(spool, n) for n in range(8)))

asyncio.run(main())
"""


def killed_after(folder: Path, seconds: float) -> dict[str, set[str]]:
    """Run the load for some time, kill it, and return what it promised."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    child = subprocess.Popen(
        [sys.executable, "-c", LOAD, str(folder)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env
    )
    assert child.stdout is not None
    fcntl.fcntl(child.stdout, fcntl.F_SETPIPE_SZ, 1024 * 1024)  # the promises are read when the child is gone
    assert child.stdout.readline() == b"open -\n"
    with pytest.raises(subprocess.TimeoutExpired):
        child.wait(seconds)
    child.send_signal(signal.SIGKILL)
    told: dict[str, set[str]] = {"kept": set(), "sending": set(), "sent": set()}
    for line in child.communicate()[0].decode().splitlines():
        word, name = line.split()
        assert name not in told[word], f"{word} twice: {name}"
        told[word].add(name)
    return told


async def look_after(folder: Path, told: dict[str, set[str]]) -> None:
    """Everything that was kept and not sent is there, whole; nothing that was sent."""
    async with opened(folder) as spool:
        there = {entry.id: entry for entry in await spool.page(limit=100_000)}
        assert told["kept"] - told["sending"] <= set(there), "lost"
        assert not told["sent"] & set(there), "what was sent is there again"
        assert spool.counts().sending == 0
        jobs = await spool.take("support", 100_000, NOON)
        for job in jobs:
            assert len(job.recipients) == 2
            content = await spool.content(job)
            assert content.startswith(HEAD)
            assert len(content) == job.stored.size
        assert {job.id for job in jobs} == set(there)
        files = {path.name for path in (folder / "spool/queue/bodies").iterdir()}
        assert files == {job.id for job in jobs if job.stored.file is not None}


async def test_killed_once(tmp_path: Path) -> None:
    told = killed_after(tmp_path / "spool", 0.3)
    assert told["kept"]
    await look_after(tmp_path, told)


@pytest.mark.long
async def test_killed_twenty_times_at_random(tmp_path: Path) -> None:
    chance = random.Random()
    kept = 0
    for n in range(20):
        told = killed_after(tmp_path / str(n) / "spool", chance.uniform(0.0, 0.6))
        kept += len(told["kept"])
        await look_after(tmp_path / str(n), told)
    assert kept > 1000


@pytest.mark.long
async def test_killed_again_and_again_in_the_same_queue(tmp_path: Path) -> None:
    chance = random.Random()
    kept: set[str] = set()
    sent: set[str] = set()
    sending: set[str] = set()
    for _ in range(5):
        told = killed_after(tmp_path / "spool", chance.uniform(0.0, 0.4))
        assert not told["kept"] & kept, "an id that was given before"
        assert not told["sending"] & sent, "sent twice"
        kept |= told["kept"]
        sent |= told["sent"]
        sending |= told["sending"]
    async with opened(tmp_path) as spool:
        there = {entry.id for entry in await spool.page(limit=100_000)}
        assert kept - sending <= there
        assert not sent & there


async def test_what_was_being_sent_waits_again_and_is_held_at_the_third_crash(tmp_path: Path) -> None:
    async with opened(tmp_path) as spool:
        flying = await spool.accept_taken(mail("a@x", "b@x"))
        await spool.settle([result(flying, State.SENT, 1)], NOON)
        await crash(spool)
    for crashes in range(1, CRASHES + 1):
        spool = await Spool.open(tmp_path / "spool", "test", later(hours=crashes), tell=print)
        (entry,) = await spool.page()
        line, other = entry.recipients
        assert (line.crashes, other.state) == (crashes, State.SENT)
        if crashes < CRASHES:
            (job,) = await spool.take("support", 9, later(hours=crashes))
            assert job.recipients[0].attempts == 0, "a crash burns no attempt"
        await crash(spool)
    assert line.state is State.HELD
    assert "ended 3 times while this mail was being sent" in line.held_why
    async with opened(tmp_path, now=later(days=1)) as spool:
        assert await spool.take("support", 9, later(days=9)) == []
        assert await spool.release(Which(cause="crashes"), later(days=9)) == 1
        (job,) = await spool.take("support", 9, later(days=9))
        await crash(spool)
    async with opened(tmp_path, now=later(days=10)) as spool:
        (entry,) = await spool.page()
        assert entry.recipients[0].crashes == 1, "counted from its release"


async def test_what_may_have_been_taken_stays_uncertain_after_a_crash(tmp_path: Path) -> None:
    async with opened(tmp_path) as spool:
        job = await spool.accept_taken(mail())
        await spool.settle([result(job, State.UNCERTAIN, server="mx1:25", due=NOON)], NOON)
        assert len(await spool.take("support", 1, NOON)) == 1
        await crash(spool)
    async with opened(tmp_path) as spool:
        (again,) = await spool.take("support", 1, NOON)
        assert again.recipients[0].uncertain_at == "mx1:25"


async def test_a_clean_end_is_no_crash(tmp_path: Path) -> None:
    for _ in range(CRASHES + 1):
        async with opened(tmp_path) as spool:
            if not await spool.take("support", 9, NOON):
                await spool.accept_taken(mail())
    async with opened(tmp_path) as spool:
        (entry,) = await spool.page()
        assert (entry.recipients[0].state, entry.recipients[0].crashes) == (State.WAITING, 0)


async def test_files_of_clients_that_went_away_are_swept_and_nothing_else(tmp_path: Path) -> None:
    bodies = tmp_path / "spool/queue/bodies"
    async with opened(tmp_path) as spool:
        kept = await spool.accept(mail(body=LARGE))
        draft = spool.draft(NOON)
        draft.write(LARGE)
        await crash(spool)
    (bodies / "README").write_text("not ours")
    assert {p.name for p in bodies.iterdir()} == {kept, draft.id, "README"}
    async with opened(tmp_path) as spool:
        assert {p.name for p in bodies.iterdir()} == {kept, "README"}
        assert await spool.content(kept) == HEAD + LARGE
        draft.discard()


async def test_ids_are_not_given_again_after_a_clock_was_set_back(tmp_path: Path) -> None:
    async with opened(tmp_path) as spool:
        first = await spool.accept(mail())
    async with opened(tmp_path, now=later(days=-9)) as spool:
        assert await spool.accept(mail(accepted=later(days=-9))) > first


async def test_a_later_outmail_wrote_it(tmp_path: Path) -> None:
    async with opened(tmp_path) as spool:
        await spool.accept(mail())
    base = sqlite3.connect(tmp_path / "spool/queue/queue.db")
    base.execute("PRAGMA user_version = 99")
    base.close()
    with pytest.raises(StoreError, match="a later outmail wrote it"):
        await Spool.open(tmp_path / "spool", "test", NOON, tell=print)
    assert not (tmp_path / "spool/corrupt").exists()
