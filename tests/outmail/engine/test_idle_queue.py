"""Without a relay each command opens the queue itself, and what it changed stands in the history."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from outmail.engine.idle_queue import IdleQueue, header_text, steer
from outmail.engine.steering import RunningRelay
from store.errors import ErrorKind, StoreError
from store.history import History
from store.paths import Paths
from store.profiles import Profile
from store.relay_state import ALL, load
from store.spool import Spool
from store.spool_ids import MailId
from store.spool_shapes import State, Which
from tests.outmail.fake_relay import fake_relay
from tests.store.spools import GREYLISTED, NOON, later, mail, result

SUPPORT = Profile.model_validate(
    {"protocol": "smtp", "from_address": "a@example.org", "smtp": {"host": "smtp.example.org"}}
)


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths(tmp_path / "vault", tmp_path / "spool", tmp_path / "run")


@pytest.fixture
def told() -> list[StoreError]:
    return []


@pytest.fixture
def queue(paths: Paths, told: list[StoreError]) -> IdleQueue:
    return _queue(paths, told)


def _queue(paths: Paths, told: list[StoreError], wait: float = 5.0) -> IdleQueue:
    return IdleQueue(
        paths,
        profiles=lambda: {"support": SUPPORT},
        tell=told.append,
        who=lambda: "ann",
        now=lambda: NOON + timedelta(minutes=1),
        wait=wait,
    )


def fill(spool_folder: Path) -> list[MailId]:
    """Four mails: waiting, deferred, held, dead."""

    async def run() -> list[MailId]:
        spool = await Spool.open(spool_folder, "test", NOON, tell=lambda error: None)
        ids = [await spool.accept(mail(f"{n}@example.org")) for n in range(4)]
        jobs = {job.id: job for job in await spool.take("support", 9, NOON)}
        await spool.give_back(ids[:1], NOON)
        await spool.settle(
            [
                result(jobs[ids[1]], State.WAITING, due=later(hours=1), error=GREYLISTED),
                result(jobs[ids[2]], State.HELD, error=GREYLISTED),
                result(jobs[ids[3]], State.DEAD, error=GREYLISTED),
            ],
            NOON,
        )
        await spool.close(NOON)
        return ids

    return asyncio.run(run())


def events(paths: Paths) -> list[tuple[str, str, str]]:
    return [(e.event.who, e.event.what, e.event.profile) for e in History(paths.spool).entries() if e.event][
        ::-1
    ]


def test_an_empty_home(paths: Paths, queue: IdleQueue) -> None:
    found = queue.status()
    assert not found.running
    assert [(r.profile, r.active, r.address) for r in found.routes] == [
        ("support", "primary", "smtp.example.org:587")
    ]
    assert not paths.spool.exists()
    assert queue.page() == []
    assert queue.causes() == []
    assert queue.reconnect(None) == []
    queue.reload()
    assert events(paths) == []


def test_what_lies_there_is_seen_and_steered(paths: Paths, queue: IdleQueue) -> None:
    ids = fill(paths.spool)
    counts = queue.status().counts
    assert (counts.waiting, counts.held, counts.dead) == (2, 1, 1)
    assert [entry.id for entry in queue.page()] == ids
    assert [entry.id for entry in queue.page(limit=2, after=ids[0])] == ids[1:3]
    assert [entry.id for entry in queue.page(Which(states=(State.DEAD,)))] == ids[3:]
    entry, headers = queue.show(ids[0])
    assert (entry.id, headers) == (ids[0], "Received: by test\nSubject: x\n")
    assert {cause.cause for cause in queue.causes()} == {"greylisted"}

    assert queue.hold(Which((ids[0],))) == 1
    assert queue.show(ids[0])[0].recipients[0].held_why == "by ann"
    assert queue.release(Which(states=(State.HELD,))) == 2
    assert queue.retry(Which(cause="greylisted", profile="support")) == 2
    assert queue.retry(Which(cause="greylisted")) == 0
    assert queue.delete(ids[:2]) == 2
    assert queue.status().counts.waiting == 2
    assert events(paths) == [
        ("ann", f"held: 1 recipient ({ids[0]})", ""),
        ("ann", "released: 2 recipients (held)", ""),
        ("ann", "tried again: 2 recipients (cause greylisted)", "support"),
        ("ann", f"removed from the queue: {ids[0]}, {ids[1]}", ""),
    ]


@pytest.mark.parametrize(
    "do",
    [
        lambda q, id_: q.show(id_),
        lambda q, id_: q.hold(Which((id_,))),
        lambda q, id_: q.release(Which((id_,))),
        lambda q, id_: q.retry(Which((id_,))),
        lambda q, id_: q.delete([id_]),
    ],
)
def test_an_unknown_mail_is_refused_and_nothing_noted(
    paths: Paths, queue: IdleQueue, do: Callable[[IdleQueue, MailId], object]
) -> None:
    with pytest.raises(StoreError) as refused:
        do(queue, MailId("nothing"))
    assert refused.value.kind is ErrorKind.NOT_FOUND
    assert events(paths) == []


def test_a_pause_outlives_the_command(paths: Paths, queue: IdleQueue) -> None:
    assert queue.pause("support", "new password") == ["support"]
    assert queue.status().routes[0].pause is not None
    assert queue.pause(None) == ["support"]
    stopped = load(paths.spool)
    assert {name: (one.who, one.why) for name, one in stopped.items()} == {
        "support": ("ann", "new password"),
        ALL: ("ann", ""),
    }
    status = queue.status()
    assert status.pause is not None
    assert status.pause.who == "ann"
    with pytest.raises(StoreError) as refused:
        queue.resume("support")
    assert refused.value.remedy == "resume all of it: outmail resume"
    assert queue.resume(None) == ["support"]
    assert load(paths.spool) == {}
    assert queue.resume("support") == []
    queue.pause("support")
    assert queue.resume("support") == ["support"]
    assert [what for _, what, _ in events(paths)] == [
        "paused delivery: new password",
        "paused delivery",
        "resumed delivery",
        "paused delivery",
        "resumed delivery",
    ]


@pytest.mark.parametrize("do", [IdleQueue.pause, IdleQueue.resume, IdleQueue.reconnect])
def test_an_unknown_profile_is_named(queue: IdleQueue, do: Callable[[IdleQueue, str], object]) -> None:
    with pytest.raises(StoreError) as refused:
        do(queue, "nobody")
    assert refused.value.kind is ErrorKind.NO_PROFILE
    assert refused.value.remedy == "there are: support"


def test_without_the_key_the_routes_are_those_of_the_queue(paths: Paths, told: list[StoreError]) -> None:
    fill(paths.spool)
    queue = IdleQueue(paths, tell=told.append, who=lambda: "ann")
    assert queue.pause("other") == ["other"]
    assert [route.profile for route in queue.status().routes] == ["support", "other"]
    assert queue.pause(None) == ["support", "other"]
    assert told == []


async def test_who_holds_the_queue_is_named(paths: Paths, told: list[StoreError]) -> None:
    spool = await Spool.open(paths.spool, "outmail relay", NOON, tell=told.append)
    try:
        for do in (lambda q: q.page(), lambda q: q.status(), lambda q: q.pause(None)):
            with pytest.raises(StoreError) as refused:
                await asyncio.to_thread(do, _queue(paths, told, wait=0.0))
            assert refused.value.kind is ErrorKind.LOCKED
            assert "outmail relay (process " in refused.value.why
    finally:
        await spool.close(NOON)
    assert events(paths) == []


async def test_another_command_is_waited_for(paths: Paths, told: list[StoreError]) -> None:
    spool = await Spool.open(paths.spool, "another command", NOON, tell=told.append)
    waiting = asyncio.ensure_future(asyncio.to_thread(_queue(paths, told, wait=30.0).page))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    await spool.close(NOON)
    assert await waiting == []


def test_a_damaged_queue_is_told_and_noted(paths: Paths, queue: IdleQueue, told: list[StoreError]) -> None:
    fill(paths.spool)
    (paths.spool / "queue" / "queue.db").write_bytes(b"no database " * 1000)
    with pytest.raises(StoreError):
        queue.status()  # a look moves nothing
    assert told == []
    assert queue.page() == []
    (error,) = told
    assert error.kind is ErrorKind.DAMAGED
    assert [(who, what) for who, what, _ in events(paths)] == [("", str(error))]


def test_a_history_that_cannot_be_written_stops_nothing(
    paths: Paths, queue: IdleQueue, told: list[StoreError]
) -> None:
    (paths.spool / "history.db").mkdir(parents=True)
    paths.spool.chmod(0o700)
    assert queue.pause(None) == ["support"]
    assert ALL in load(paths.spool)
    assert [error.what for error in told] == [f"{paths.spool / 'history.db'} was not saved"]


def test_the_running_relay_is_preferred(paths: Paths) -> None:
    assert isinstance(steer(paths), IdleQueue)
    with fake_relay(paths.run, {"pause": ["support"]}) as relay:
        found = steer(paths)
        assert isinstance(found, RunningRelay)
        assert found.pause("support", "why") == ["support"]
        assert relay.did("pause") == [{"profile": "support", "why": "why"}]
    assert isinstance(steer(paths), IdleQueue)
    assert not paths.spool.exists()


def test_a_relay_that_refuses_is_no_relay_that_is_missing(paths: Paths) -> None:
    refusal = StoreError(ErrorKind.FORBIDDEN, "not allowed", "you are no admin", "use sudo")
    with fake_relay(paths.run, {"hello": refusal}), pytest.raises(StoreError) as refused:
        steer(paths)
    assert (refused.value.kind, refused.value.remedy) == (ErrorKind.FORBIDDEN, "use sudo")


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        (b"A: b\r\nC: d\r\n e\r\n\r\nbody: x\r\n", "A: b\nC: d\n e\n"),
        (b"A: \x1b[2J\x07\r\n\r\n", "A: ?[2J?\n"),
        (b"A: b\r\n\tc", "A: b\n c\n"),
        (b"", "\n"),
        (b"A: \xff\r\n\r\n", "A: \ufffd\n"),
    ],
)
def test_headers_are_shown_harmless(content: bytes, shown: str) -> None:
    assert header_text(content) == shown
