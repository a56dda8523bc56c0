"""The runner when something breaks: a defect, a stop, a clock, a disk; no mail stands still or goes twice."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import pytest

from outmail.engine.pacing import Pacing
from store.errors import ErrorKind, StoreError
from store.spool import Spool
from store.spool_ids import MailId
from store.spool_shapes import Job, State
from tests.outmail.engine.test_route import ONE, World, failure
from tests.outmail.relay.test_runner import Desk, desk, spool
from transports.base import CancelledAfterHandOver, Envelope, Receipt, Scope, Verdict
from transports.trace import Trace

__all__ = ["desk", "spool"]


async def test_a_round_that_breaks_is_not_the_last(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("outmail.relay.runner._AGAIN_SECONDS", 0.01)
    breaks = iter([RuntimeError("a defect")])
    real = desk.spool.next_due

    async def next_due(profile: str) -> datetime | None:
        for error in breaks:
            raise error
        return await real(profile)

    monkeypatch.setattr(desk.spool, "next_due", next_due)
    running = asyncio.ensure_future(desk.runner.run())
    await desk.accept()
    async with asyncio.timeout(30):
        while not desk.world.took[0]:  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0.01)
    await desk.runner.stop(5)
    await running


async def test_what_is_taken_while_it_stops_is_given_back(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    mail = await desk.accept()
    taking, go_on = asyncio.Event(), asyncio.Event()
    real = desk.spool.take

    async def take(profile: str, limit: int, now: datetime) -> list[Job]:
        jobs = await real(profile, limit, now)
        taking.set()
        await go_on.wait()
        return jobs

    monkeypatch.setattr(desk.spool, "take", take)
    running = asyncio.ensure_future(desk.runner.run())
    await asyncio.wait_for(taking.wait(), 30)
    stopping = asyncio.ensure_future(desk.runner.stop(5))
    await asyncio.sleep(0)
    go_on.set()
    await asyncio.wait_for(asyncio.gather(running, stopping), 30)
    assert await desk.states(mail) == [State.WAITING]
    assert desk.world.took == (0, 0, 0)


async def test_what_is_cut_off_after_the_hand_over_is_noted_as_uncertain(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    mail = await desk.accept()
    there = asyncio.Event()

    async def send(_envelope: Envelope, _trace: Trace) -> Receipt:
        there.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise CancelledAfterHandOver from None
        raise AssertionError

    monkeypatch.setattr(desk.world.servers[ONE], "send", send)
    running = asyncio.ensure_future(desk.runner.run())
    await asyncio.wait_for(there.wait(), 30)
    await desk.runner.stop(0.01)
    await running
    (line,) = (await desk.spool.show(mail)).recipients
    assert (line.state, line.uncertain_at) == (State.UNCERTAIN, ONE.address)


async def test_pacing_outlives_a_clock_that_was_set_back(spool: Spool) -> None:
    desk = Desk(World(), spool, Pacing(at_once=3, per_minute=2))
    for _ in range(4):
        await desk.accept()
    await desk.runner.drain()
    assert desk.world.took == (2, 0, 0)
    desk.world.now -= timedelta(hours=2)
    await desk.runner.drain()
    assert desk.world.took == (4, 0, 0)


async def test_a_strange_sender_that_is_refused_stops_nobody_else(desk: Desk) -> None:
    no_right = failure(Scope.SENDER, Verdict.FIX_SETTINGS)
    desk.world.servers[ONE].says = [no_right]
    mail = await desk.accept("somebody@elsewhere.example")
    await desk.runner.drain()
    assert await desk.states(mail) == [State.DEAD]
    assert not desk.pauses
    desk.world.servers[ONE].says = [no_right]
    own = await desk.accept("helpdesk@example.org")
    await desk.runner.drain()
    assert await desk.states(own) == [State.WAITING]
    assert len(desk.pauses) == 1


async def test_a_body_that_cannot_be_read_is_tried_again_later(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    mail = await desk.accept()

    async def content(_mail: Job | MailId) -> bytes:
        raise StoreError(ErrorKind.UNREADABLE, "the mail", "I/O error", "look at the disk")

    with monkeypatch.context() as patch:
        patch.setattr(desk.spool, "opened", content)
        await desk.runner.drain()
    (line,) = (await desk.spool.show(mail)).recipients
    assert (line.state, line.attempts) == (State.WAITING, 0)
    assert line.due == desk.world.now + timedelta(minutes=1), "and not in a hot loop"
