"""The queue: accepted messages a second, the cost of one more with 100,000 waiting, and its memory."""

from __future__ import annotations

import asyncio
import gc
import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from rounds import ROUNDS

from store.spool import Spool
from store.spool_db import connect
from store.spool_shapes import Addressee, NewMail, Settled, State

BODY = b"x" * 2048
HEAD = b"Received: from localhost by relay.example.org; Mon, 04 May 2026 12:00:00 +0000\r\n"
NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
LATER = NOW + timedelta(days=1)
MESSAGES = 1000
PROBES = 300


def mail(accepted: datetime = NOW, profile: str = "support") -> NewMail:
    """A mail of 2 KB to one recipient."""
    return NewMail(
        profile,
        "sender@example.org",
        (Addressee("rcpt@example.org"),),
        accepted,
        BODY,
        HEAD,
        "smtp 127.0.0.1",
    )


@asynccontextmanager
async def queue(folder: Path) -> AsyncIterator[Spool]:
    """An open queue."""
    spool = await Spool.open(folder, "bench", NOW, tell=print)
    try:
        yield spool
    finally:
        await spool.close(NOW)


def single_commits(folder: Path) -> float:
    """Messages a second, each in a commit of its own, without a thread, with the same tables and PRAGMAs."""
    base = connect(folder)
    known = base.execute("SELECT COALESCE(MAX(id), 0) FROM mails").fetchone()[0]
    began = time.perf_counter()
    for n in range(known + 1, known + 1 + MESSAGES):
        base.execute("BEGIN")
        values = (n, 1, "smtp 127.0.0.1", "sender@example.org", len(BODY), 0, "", "", 1, HEAD, BODY)
        base.execute("INSERT INTO mails VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", values)
        base.execute(
            "INSERT INTO recipients (mail, number, route, state, due, since, address, notify, orcpt)"
            " VALUES (?, 0, 1, 'waiting', 1, 1, 'rcpt@example.org', '', '')",
            (n,),
        )
        base.execute("COMMIT")
    rate = MESSAGES / (time.perf_counter() - began)
    base.close()
    return rate


async def rate(tasks: int, one: Callable[[], Awaitable[object]]) -> float:
    """Messages a second with so many tasks at a time."""

    async def client() -> None:
        for _ in range(MESSAGES // tasks):
            await one()

    began = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(tasks)))
    return MESSAGES / (time.perf_counter() - began)


async def throughput(folder: Path) -> bool:
    """Print how many messages are accepted, and accepted and settled, with 1, 10 and 50 clients."""
    async with queue(folder / "ours") as spool:

        async def accept() -> None:
            await spool.accept(mail())

        async def accept_and_settle() -> None:
            job = await spool.accept_taken(mail())
            await spool.settle([Settled(job.id, 0, State.SENT)], NOW)

        (folder / "theirs").mkdir()
        for row, work in (("accepted", accept), ("accepted and settled", accept_and_settle)):
            for tasks in (1, 10, 50):
                pairs = [
                    (await rate(tasks, work), await asyncio.to_thread(single_commits, folder / "theirs"))
                    for _ in range(ROUNDS)
                ]
                ours, theirs = (statistics.median(side) for side in zip(*pairs, strict=True))
                ratios = [a / b for a, b in pairs]
                print(
                    f"{row}, {tasks} at a time / single commits: {ours:.0f}/s against {theirs:.0f}/s, "
                    f"ratio {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}), no goal"
                )
    return True


async def fill(spool: Spool, count: int) -> None:
    """Let so many wait for the next day, of the same profile as those that are sent."""
    for start in range(0, count, 500):
        await asyncio.gather(*(spool.accept(mail(LATER)) for _ in range(min(500, count - start))))


async def one_more(spool: Spool) -> float:
    """Seconds of one accept, take and settle: the median, so that the disk's moods count for little."""
    seconds = []
    for _ in range(PROBES):
        began = time.perf_counter()
        await spool.accept(mail())
        (job,) = await spool.take("support", 1, NOW)
        await spool.settle([Settled(job.id, 0, State.SENT)], NOW)
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds)


async def depth(folder: Path) -> bool:
    """Print the cost of one more with 100,000 waiting against that with 100; True when the goal is met."""
    async with queue(folder / "few") as few, queue(folder / "many") as many:
        await fill(few, 100)
        await fill(many, 100_000)
        await one_more(few)
        await one_more(many)
        pairs = [(await one_more(many), await one_more(few)) for _ in range(ROUNDS)]
    ours, theirs = (statistics.median(side) * 1e6 for side in zip(*pairs, strict=True))
    ratios = [a / b for a, b in pairs]
    ratio = statistics.median(ratios)
    print(
        f"accept, take and settle, 100,000 waiting / 100 waiting: {ours:.0f} us against {theirs:.0f} us, "
        f"ratio {ratio:.2f} ({min(ratios):.2f} to {max(ratios):.2f}), goal 1.2: "
        f"{'met' if ratio <= 1.2 else 'MISSED'}"
    )
    return ratio <= 1.2


def resident() -> float:
    """Megabytes that this process has in memory now."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


async def ten_thousand(folder: Path) -> bool:
    """Let 10,000 mails wait, for `memory`."""
    async with queue(folder / "memory") as spool:
        await fill(spool, 10_000)
    return True


async def memory(folder: Path) -> bool:
    """Print what 10,000 waiting mails add to an empty queue in use; True when the goal is met."""
    used = []
    for name in ("empty", "memory"):
        async with queue(folder / name) as spool:
            await one_more(spool)
            await spool.page()
            used.append(resident())
    added = used[1] - used[0]
    met = added <= 10
    print(f"memory with 10,000 waiting: + {added:.1f} MB, goal 10 MB: {'met' if met else 'MISSED'}")
    return met


def apart(part: Callable[[Path], Coroutine[object, object, bool]], folder: Path) -> bool:
    """Run one part in a process of its own, none with the memory of the others; True when its goal is met."""
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        met = asyncio.run(part(folder))
        sys.stdout.flush()
        os._exit(not met)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        parts = (ten_thousand, memory, depth, throughput)
        met = [apart(part, Path(place)) for part in parts]
    sys.exit(not all(met))
