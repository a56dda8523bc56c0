"""The runner over a real queue and servers by script: what the queue and the sender learn of each mail."""

from __future__ import annotations

import asyncio
import email
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType

import pytest

from outmail.diagnosis.finding import Finding
from outmail.engine import schedule
from outmail.engine.pacing import Pacing
from outmail.engine.route import Place
from outmail.relay.bounces import Reporter
from outmail.relay.fates import NO_SUCH_SERVER
from outmail.relay.runner import DEFECT, Delivered, Runner
from store.errors import ErrorKind, StoreError
from store.spool import Spool
from store.spool_ids import MailId
from store.spool_shapes import Addressee, Entry, NewMail, State, Which
from tests.outmail.engine.test_route import (
    DOWN,
    NO_SIGN_IN,
    ONE,
    PLACES,
    THREE,
    TWO,
    UNCERTAIN,
    World,
    failure,
)
from transports.base import (
    Cause,
    Failure,
    Outcome,
    Receipt,
    Scope,
    TransportError,
    Verdict,
)

CONTENT = b"Subject: x\r\n\r\ntext\r\n"
REFUSED = failure(Scope.RECIPIENT, Verdict.REJECT)
BUSY = failure(Scope.MESSAGE, Verdict.RETRY)


def explained(failed: Failure, place: Place) -> Finding:
    return Finding(f"{failed.scope}-{failed.verdict}", f"It said {failed.words}", "cause", "Mend it.")


class Desk:
    """A runner, its queue and its world."""

    def __init__(self, world: World, spool: Spool, pacing: Pacing) -> None:
        self.world = world
        self.spool = spool
        self.seen: list[Delivered] = []
        self.pauses: list[Finding] = []
        self.runner = Runner(
            "support",
            spool,
            world.route,
            reporter=Reporter("relay.example.org", "helpdesk@example.org"),
            explain=explained,
            now=lambda: world.now,
            pacing=pacing,
            watch=self.seen.append,
            paused=self.pauses.append,
            chance=lambda: 0.5,
        )

    async def accept(self, sender: str = "app@example.org", *to: str, notify: str = "") -> MailId:
        people = tuple(Addressee(address, notify) for address in to or ("a@example.net",))
        return await self.spool.accept(NewMail("support", sender, people, self.world.now, CONTENT))

    async def mails(self) -> list[Entry]:
        return await self.spool.page()

    async def states(self, mail: MailId) -> list[State]:
        return [line.state for line in (await self.spool.show(mail)).recipients]

    async def reports(self) -> list[str]:
        """What waits for the senders, as text."""
        found = [entry for entry in await self.mails() if entry.origin.startswith("report on")]
        return [(await self.spool.content(entry.id)).decode() for entry in found]


@pytest.fixture
async def spool(tmp_path: Path) -> AsyncIterator[Spool]:
    world = World()
    opened = await Spool.open(tmp_path / "spool", "test", world.now, tell=lambda error: None)
    yield opened
    await opened.close(world.now)


@pytest.fixture
def desk(spool: Spool) -> Desk:
    return Desk(World(), spool, Pacing())


async def test_mail_that_is_taken_leaves_the_queue(desk: Desk) -> None:
    for _ in range(20):
        await desk.accept()
    await desk.runner.drain()
    assert await desk.mails() == []
    assert desk.spool.counts().sent == 20
    assert desk.world.took == (20, 0, 0)
    assert desk.world.opened[0] <= Pacing().at_once, "connections are used again"
    assert len(desk.seen) == 20


async def test_mail_that_is_put_off_waits_for_its_time_and_for_longer_each_time(desk: Desk) -> None:
    mail = await desk.accept()
    for attempts, minutes in ((1, 5), (2, 10), (3, 20)):
        desk.world.servers[ONE].says = [BUSY]
        await desk.runner.drain()
        (line,) = (await desk.spool.show(mail)).recipients
        assert (line.state, line.attempts) == (State.WAITING, attempts)
        assert line.due == desk.world.now + timedelta(minutes=minutes)
        assert line.last_error is not None
        assert line.last_error.diagnosis == "message-retry"
        desk.world.now = line.due
    await desk.runner.drain()
    assert await desk.mails() == []


async def test_what_the_server_asks_for_sets_the_time(desk: Desk) -> None:
    mail = await desk.accept()
    facts = MappingProxyType({"retry_after": "30"})
    desk.world.servers[ONE].says = [replace(BUSY, facts=facts)]
    await desk.runner.drain()
    (line,) = (await desk.spool.show(mail)).recipients
    assert line.due is not None
    assert timedelta(seconds=30) <= line.due - desk.world.now < timedelta(seconds=40)


async def test_a_service_that_wants_no_mail_for_a_while_gets_none(desk: Desk) -> None:
    busy = replace(failure(Scope.SERVER, Verdict.RETRY), facts=MappingProxyType({"retry_after": "30"}))
    desk.world.servers[ONE].says = [busy]
    await desk.accept()
    await desk.runner.drain()
    await desk.accept()
    await desk.runner.drain()
    assert desk.world.took == (0, 0, 0), "the other mail waits as well, and goes to no other server"
    desk.world.now += timedelta(seconds=29)
    await desk.runner.drain()
    assert desk.world.took == (0, 0, 0)
    desk.world.now += timedelta(seconds=12)
    await desk.runner.drain()
    assert desk.world.took == (2, 0, 0)


async def test_what_may_have_been_taken_is_not_looked_for_at_once(desk: Desk) -> None:
    hasty = replace(UNCERTAIN, facts=MappingProxyType({"retry_after": "1"}))
    desk.world.servers[ONE].says = [hasty]
    mail = await desk.accept()
    await desk.runner.drain()
    (line,) = (await desk.spool.show(mail)).recipients
    assert line.due is not None
    assert line.due - desk.world.now >= schedule.FIRST


async def test_a_clock_that_is_set_back_lets_nobody_wait_for_ever(desk: Desk) -> None:
    busy = replace(failure(Scope.SERVER, Verdict.RETRY), facts=MappingProxyType({"retry_after": "30"}))
    desk.world.servers[ONE].says = [busy]
    await desk.accept()
    await desk.runner.drain()
    desk.world.now -= timedelta(days=1)
    await desk.accept()
    await desk.runner.drain()
    assert desk.world.took == (1, 0, 0)


async def test_what_nobody_can_ask_about_is_held_and_released_it_is_sent(desk: Desk) -> None:
    desk.world.servers[ONE].says = [
        UNCERTAIN,
        failure(Scope.MESSAGE, Verdict.UNCERTAIN, cause=Cause.CANNOT_ASK),
    ]
    mail = await desk.accept()
    await desk.runner.drain()
    (line,) = (await desk.spool.show(mail)).recipients
    desk.world.now = line.due or desk.world.now
    await desk.runner.drain()
    (line,) = (await desk.spool.show(mail)).recipients
    assert (line.state, line.attempts) == (State.HELD, 1)
    await desk.spool.release(Which((mail,)), desk.world.now)
    await desk.runner.drain()
    assert await desk.mails() == []
    assert desk.world.took == (1, 0, 0)


async def test_a_refused_recipient_is_given_up_and_the_sender_told_by_the_same_way(desk: Desk) -> None:
    some = Receipt("250", (Outcome("a@example.net", "250 Ok"), Outcome("b@example.net", "550 no", REFUSED)))
    desk.world.servers[ONE].says = [some]
    mail = await desk.accept("app@example.org", "a@example.net", "b@example.net")
    desk.runner.pause("so that the report can be read")
    desk.runner.resume()
    await desk.runner._begin()
    await asyncio.gather(*desk.runner._under_way)
    assert await desk.states(mail) == [State.SENT, State.DEAD]
    (report,) = await desk.reports()
    found = email.message_from_string(report)
    assert found["To"] == "<app@example.org>"
    assert "b@example.net" in report
    assert "a@example.net" not in report
    assert "It said recipient reject" in report
    await desk.runner.drain()
    assert [entry.sender for entry in await desk.mails()] == ["app@example.org"], "the report went out"


async def test_never_a_bounce_of_a_bounce_and_none_for_who_wants_none(desk: Desk) -> None:
    for sender, notify in (("", ""), ("app@example.org", "NEVER")):
        desk.world.servers[ONE].says = [REFUSED]
        mail = await desk.accept(sender, notify=notify)
        await desk.runner.drain()
        assert await desk.states(mail) == [State.DEAD]
    assert await desk.reports() == []
    assert desk.world.took == (0, 0, 0)


async def test_a_late_mail_is_told_once_and_given_up_in_the_end(desk: Desk) -> None:
    desk.world.servers[ONE].says = [BUSY] * 200
    mail = await desk.accept()
    began = desk.world.now
    subjects: list[str] = []
    while State.WAITING in await desk.states(mail):
        await desk.runner._begin()
        await asyncio.gather(*desk.runner._under_way)
        for report in await desk.reports():
            subjects.append(str(email.message_from_string(report)["Subject"]))
        await desk.spool.delete([entry.id for entry in await desk.mails() if entry.sender == ""])
        (line,) = (await desk.spool.show(mail)).recipients
        desk.world.now = line.due or desk.world.now
    assert subjects == ["Mail is late: it is still being tried", "Mail was not delivered"]
    assert desk.world.now - began == schedule.GIVE_UP


async def test_a_refused_sign_in_pauses_the_route_and_burns_no_attempt(spool: Spool) -> None:
    desk = Desk(World(ONE, TWO), spool, Pacing(at_once=1))
    first, second = await desk.accept(), await desk.accept()
    desk.world.servers[ONE].opens = [NO_SIGN_IN]
    await desk.runner.drain()
    assert [finding.id for finding in desk.pauses] == ["sign-in-fix-settings"]
    assert desk.runner.pause_reason == "It said sign-in fix-settings"
    for mail in (first, second):
        (line,) = (await desk.spool.show(mail)).recipients
        assert (line.state, line.attempts) == (State.WAITING, 0)
    assert desk.world.opened == (1, 0), "the second mail was not tried"
    desk.runner.resume()
    await desk.runner.drain()
    assert await desk.mails() == []


async def test_mail_that_may_have_been_taken_goes_to_that_server_alone(desk: Desk) -> None:
    desk.world.servers[ONE].opens = [DOWN]
    desk.world.servers[TWO].says = [UNCERTAIN]
    mail = await desk.accept()
    await desk.runner.drain()
    (line,) = (await desk.spool.show(mail)).recipients
    assert (line.state, line.uncertain_at) == (State.UNCERTAIN, TWO.address)
    desk.world.servers[TWO].opens = [DOWN]
    desk.world.now = line.due or desk.world.now
    await desk.runner.drain()
    (line,) = (await desk.spool.show(mail)).recipients
    assert (line.state, line.uncertain_at, line.attempts) == (State.UNCERTAIN, TWO.address, 2)
    desk.world.now = line.due or desk.world.now
    await desk.runner.drain()
    assert await desk.mails() == []
    assert desk.world.took == (0, 1, 0)


async def test_when_that_server_has_left_the_settings_a_person_decides(spool: Spool) -> None:
    desk = Desk(World(ONE, TWO), spool, Pacing())
    desk.world.servers[ONE].says = [UNCERTAIN]
    mail = await desk.accept()
    await desk.runner.drain()
    (line,) = (await desk.spool.show(mail)).recipients
    other = Desk(World(TWO, THREE), spool, Pacing())
    other.world.now = line.due or other.world.now
    await other.runner.drain()
    (line,) = (await desk.spool.show(mail)).recipients
    assert line.state is State.HELD
    assert line.last_error is not None
    assert line.last_error.text == NO_SUCH_SERVER


async def test_a_defect_holds_that_mail_and_stops_no_other(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = await desk.accept("bad@example.org")
    send = desk.world.route.send

    async def stumbles(envelope: object, *, only: str = "") -> object:
        if getattr(envelope, "sender", "") == "bad@example.org":
            raise ZeroDivisionError
        return await send(envelope, only=only)  # type: ignore[arg-type]

    monkeypatch.setattr(desk.world.route, "send", stumbles)
    await desk.accept()
    await desk.runner.drain()
    (entry,) = await desk.mails()
    assert entry.id == bad
    (line,) = entry.recipients
    assert (line.state, line.last_error and line.last_error.text) == (State.HELD, DEFECT)


async def test_without_room_for_the_report_nobody_is_given_up_and_nobody_gets_it_twice(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    some = Receipt("250", (Outcome("a@example.net", "250 Ok"), Outcome("b@example.net", "550 no", REFUSED)))
    desk.world.servers[ONE].says = [some, REFUSED]
    mail = await desk.accept("app@example.org", "a@example.net", "b@example.net")
    with monkeypatch.context() as patch:

        async def full(new: NewMail) -> MailId:
            raise StoreError(ErrorKind.FULL, "the mail", "no room", "make room")

        patch.setattr(desk.spool, "accept", full)
        await desk.runner.drain()
    assert await desk.states(mail) == [State.SENT, State.WAITING]
    (_, line) = (await desk.spool.show(mail)).recipients
    desk.world.now = line.due or desk.world.now
    await desk.runner.drain()
    assert await desk.states(mail) == [State.SENT, State.DEAD]


async def test_pacing_by_connections_and_by_the_minute(spool: Spool) -> None:
    desk = Desk(World(), spool, Pacing(at_once=3, per_minute=5))
    for _ in range(8):
        await desk.accept()
    go_on = desk.world.servers[ONE].stall()
    running = asyncio.ensure_future(desk.runner.drain())
    await desk.world.servers[ONE].has_opened(3)
    assert desk.spool.counts().sending == 3
    go_on.set()
    await running
    assert desk.world.took == (5, 0, 0), "five a minute"
    desk.world.now += timedelta(minutes=1)
    await desk.runner.drain()
    assert desk.world.took == (8, 0, 0)


async def test_it_runs_until_it_is_stopped_and_what_is_under_way_ends_first(desk: Desk) -> None:
    running = asyncio.ensure_future(desk.runner.run())
    go_on = desk.world.servers[ONE].stall()
    await desk.accept()
    desk.runner.wake()
    await desk.world.servers[ONE].has_opened(1)
    await desk.accept()
    stopping = asyncio.ensure_future(desk.runner.stop(30))
    go_on.set()
    await asyncio.wait_for(asyncio.gather(running, stopping), 30)
    assert desk.world.took[0] >= 1
    assert desk.world.servers[ONE].opened == desk.world.servers[ONE].closed
    for entry in await desk.mails():
        assert entry.state is State.WAITING


async def test_what_does_not_end_in_time_stays_in_the_queue(desk: Desk) -> None:
    desk.world.servers[ONE].stall()
    mail = await desk.accept()
    await desk.runner._begin()
    await desk.world.servers[ONE].has_opened(1)
    await desk.runner.stop(0)
    assert desk.world.servers[ONE].closed == 1
    assert await desk.states(mail) == [State.SENDING], "given back when the queue is closed"


@pytest.mark.parametrize("scope", list(Scope))
@pytest.mark.parametrize("verdict", list(Verdict))
async def test_whatever_fails_every_recipient_is_somewhere(
    desk: Desk, scope: Scope, verdict: Verdict
) -> None:
    """Each scope and verdict at every server: nothing is lost, nothing is left as being sent."""
    for place in PLACES:
        desk.world.servers[place].says = [failure(scope, verdict)] * 3
    mail = await desk.accept("app@example.org", "a@example.net", "b@example.net")
    await desk.runner.drain()
    assert set(await desk.states(mail)) <= {State.WAITING, State.UNCERTAIN, State.DEAD}
    if verdict is Verdict.UNCERTAIN:
        assert await desk.states(mail) == [State.UNCERTAIN] * 2


async def test_refused_for_reasons_of_their_own(desk: Desk) -> None:
    each = (Outcome("a@example.net", "550", REFUSED), Outcome("b@example.net", "450", BUSY))
    desk.world.servers[ONE].says = [TransportError(REFUSED, each)]
    mail = await desk.accept("app@example.org", "a@example.net", "b@example.net")
    await desk.runner.drain()
    assert await desk.states(mail) == [State.DEAD, State.WAITING]
