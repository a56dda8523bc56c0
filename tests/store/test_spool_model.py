"""Whatever is done to the queue in whatever order, it says and keeps what a few lines of Python say."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections import Counter
from collections.abc import Coroutine
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from store.errors import StoreError
from store.spool import Spool
from store.spool_flow import CRASHES
from store.spool_ids import MailId
from store.spool_shapes import Settled, State, Which
from tests.store.spools import GREYLISTED, HEAD, LARGE, NOON, mail

T = TypeVar("T")
ROUTES = ("red", "blue")
BODIES = (b"small", b"", LARGE)
FATES = (State.SENT, State.WAITING, State.UNCERTAIN, State.HELD, State.DEAD)


@dataclass
class Known:
    """One recipient as it must be."""

    route: str
    state: State
    due: datetime | None
    attempts: int = 0
    crashes: int = 0
    server: str = ""
    cause: str = ""


class Model(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.loop = asyncio.new_event_loop()
        self.now = NOON
        self.told: list[StoreError] = []
        self.sent: Counter[str] = Counter()
        self.mails: dict[MailId, list[Known]] = {}
        self.bodies: dict[MailId, bytes] = {}
        self.spool = self.open()

    def run(self, work: Coroutine[object, object, T]) -> T:
        return self.loop.run_until_complete(work)

    def open(self) -> Spool:
        return self.run(Spool.open(self.folder, "model", self.now, tell=self.told.append))

    def teardown(self) -> None:
        self.run(self.spool.close(self.now))
        self.loop.close()
        shutil.rmtree(self.folder)
        assert self.told == []

    def each(self, *states: State) -> list[Known]:
        return [one for people in self.mails.values() for one in people if one.state in states]

    def drop_finished(self) -> None:
        for name in [m for m, people in self.mails.items() if all(o.state is State.SENT for o in people)]:
            del self.mails[name]
            del self.bodies[name]

    @rule(
        route=st.sampled_from(ROUTES), n=st.integers(1, 3), body=st.sampled_from(BODIES), taken=st.booleans()
    )
    def accept(self, route: str, n: int, body: bytes, taken: bool) -> None:
        new = mail(*(f"{i}@x" for i in range(n)), profile=route, body=body, accepted=self.now)
        name = self.run(self.spool.accept_taken(new)).id if taken else self.run(self.spool.accept(new))
        assert name not in self.mails
        state = State.SENDING if taken else State.WAITING
        self.mails[name] = [Known(route, state, None if taken else self.now) for _ in range(n)]
        self.bodies[name] = body

    @rule(route=st.sampled_from(ROUTES), limit=st.integers(1, 4))
    def take(self, route: str, limit: int) -> None:
        jobs = self.run(self.spool.take(route, limit, self.now))
        firsts = {}
        for name, people in self.mails.items():
            dues = [o.due for o in people if o.route == route and o.due is not None and o.due <= self.now]
            if dues:
                firsts[name] = min(dues)
        wanted = sorted(firsts.values())[:limit]
        assert [firsts[job.id] for job in jobs] == wanted
        for job in jobs:
            due = {n for n, o in enumerate(self.mails[job.id]) if o.due is not None and o.due <= self.now}
            assert {r.number for r in job.recipients} == due
            assert self.run(self.spool.content(job)) == HEAD + self.bodies[job.id]
            for r in job.recipients:
                known = self.mails[job.id][r.number]
                assert (r.attempts, r.uncertain_at) == (known.attempts, known.server)
                known.state, known.due = State.SENDING, None

    @precondition(lambda self: self.each(State.SENDING))
    @rule(data=st.data(), fate=st.sampled_from(FATES), wait=st.integers(0, 90), attempt=st.booleans())
    def settle(self, data: st.DataObject, fate: State, wait: int, attempt: bool) -> None:
        flying = [
            (m, n)
            for m, people in self.mails.items()
            for n, o in enumerate(people)
            if o.state is State.SENDING
        ]
        name, number = data.draw(st.sampled_from(flying))
        due = self.now + timedelta(minutes=wait) if fate in {State.WAITING, State.UNCERTAIN} else None
        server = "mx:25" if fate is State.UNCERTAIN else ""
        error = None if fate is State.SENT else GREYLISTED
        assert not self.run(
            self.spool.settle([Settled(name, number, fate, due, error, server, attempt)], self.now)
        )
        one = self.mails[name][number]
        one.state, one.due, one.crashes = fate, due, 0
        one.attempts += attempt
        one.server = server or ("" if fate is State.WAITING else one.server)
        one.cause = error.cause if error else ""
        self.sent[one.route] += fate is State.SENT
        self.drop_finished()

    @precondition(lambda self: self.mails)
    @rule(data=st.data(), all_of_them=st.booleans())
    def hold(self, data: st.DataObject, all_of_them: bool) -> None:
        which = self.which(data, all_of_them)
        mine = [o for o in self.chosen(which) if o.state in {State.WAITING, State.UNCERTAIN}]
        if which.ids and not mine and any(o.state is State.SENDING for o in self.chosen(which)):
            with pytest.raises(StoreError, match="being sent"):
                self.run(self.spool.hold(which, "why", self.now))
            return
        assert self.run(self.spool.hold(which, "why", self.now)) == len(mine)
        for one in mine:
            one.state, one.due, one.cause = State.HELD, None, "hold"

    @precondition(lambda self: self.mails)
    @rule(data=st.data(), all_of_them=st.booleans())
    def release(self, data: st.DataObject, all_of_them: bool) -> None:
        which = self.which(data, all_of_them)
        mine = [o for o in self.chosen(which) if o.state is State.HELD]
        assert self.run(self.spool.release(which, self.now)) == len(mine)
        for one in mine:
            one.state = State.UNCERTAIN if one.server else State.WAITING
            one.due, one.cause, one.crashes = self.now, "", 0

    @precondition(lambda self: self.mails)
    @rule(data=st.data(), all_of_them=st.booleans())
    def retry(self, data: st.DataObject, all_of_them: bool) -> None:
        which = self.which(data, all_of_them)
        mine = [o for o in self.chosen(which) if o.state in {State.WAITING, State.UNCERTAIN, State.DEAD}]
        if which.ids and not mine and any(o.state is State.SENDING for o in self.chosen(which)):
            with pytest.raises(StoreError, match="being sent"):
                self.run(self.spool.retry(which, self.now))
            return
        assert self.run(self.spool.retry(which, self.now)) == len(mine)
        for one in mine:
            one.due, one.cause = self.now, ""
            if one.state is State.DEAD:
                one.state, one.attempts, one.server = State.WAITING, 0, ""

    @precondition(lambda self: self.mails)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.mails)))
        if any(o.state is State.SENDING for o in self.mails[name]):
            with pytest.raises(StoreError, match="being sent"):
                self.run(self.spool.delete([name]))
            return
        assert self.run(self.spool.delete([name])) == 1
        del self.mails[name]
        del self.bodies[name]

    @rule(minutes=st.integers(1, 120))
    def wait(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)

    @rule()
    def crash_and_reopen(self) -> None:
        self.run(crash(self.spool))
        self.spool = self.open()
        for one in self.each(State.SENDING):
            one.crashes += 1
            one.state = State.UNCERTAIN if one.server else State.WAITING
            one.due = self.now
            if one.crashes >= CRASHES:
                one.state, one.due, one.cause = State.HELD, None, "crashes"

    @rule()
    def close_and_reopen(self) -> None:
        self.run(self.spool.close(self.now))
        self.spool = self.open()
        for one in self.each(State.SENDING):
            one.state = State.UNCERTAIN if one.server else State.WAITING
            one.due = self.now

    @invariant()
    def says_what_is_known(self) -> None:
        counts = self.spool.counts()
        for state in (State.WAITING, State.SENDING, State.UNCERTAIN, State.HELD, State.DEAD):
            assert getattr(counts, state.value) == len(self.each(state))
            for route in ROUTES:
                part = counts.by_profile.get(route)
                here = len([o for o in self.each(state) if o.route == route])
                assert (getattr(part, state.value) if part else 0) == here
        assert counts.sent == self.sent.total()
        found = {e.id: e.recipients for e in self.run(self.spool.page(limit=10_000))}
        assert list(found) == sorted(self.mails)
        for name, people in self.mails.items():
            for known, line in zip(people, found[name], strict=True):
                told = Known(
                    known.route,
                    line.state,
                    line.due,
                    line.attempts,
                    line.crashes,
                    line.uncertain_at,
                    line.cause,
                )
                assert told == known
        for route in ROUTES:
            dues = [o.due for o in self.each(*State) if o.route == route and o.due is not None]
            assert self.run(self.spool.next_due(route)) == min(dues, default=None)
        files = {p.name for p in (self.folder / "queue/bodies").iterdir()}
        assert files == {name for name, body in self.bodies.items() if body == LARGE}

    def which(self, data: st.DataObject, all_of_them: bool) -> Which:
        if all_of_them:
            return data.draw(st.sampled_from([Which(), Which(profile="red"), Which(cause="greylisted")]))
        return Which(ids=(data.draw(st.sampled_from(sorted(self.mails))),))

    def chosen(self, which: Which) -> list[Known]:
        return [
            one
            for name, people in self.mails.items()
            for one in people
            if (which.ids is None or name in which.ids)
            and (which.profile is None or one.route == which.profile)
            and (which.cause is None or one.cause == which.cause)
        ]


async def crash(spool: Spool) -> None:
    """End it as a kill does: nothing is given back. The connection's own end writes nothing new."""
    spool._serving = False
    await spool.close(NOON)


def profile(examples: int, steps: int) -> settings:
    quiet = [HealthCheck.too_slow, HealthCheck.data_too_large]
    return settings(
        max_examples=examples, stateful_step_count=steps, suppress_health_check=quiet, deadline=None
    )


TestModel = Model.TestCase
TestModel.settings = profile(15, 30)


class LongModel(Model):
    """The same for longer."""


# Half a minute on a quiet machine; a busy one needs more than the two minutes of other tests.
TestLongModel = pytest.mark.timeout(600)(pytest.mark.long(LongModel.TestCase))
TestLongModel.settings = profile(80, 60)
