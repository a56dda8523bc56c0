"""A stream of mails through a route whose servers do what a script says: where each goes, and how often."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from outmail.engine.failover import Standing
from outmail.engine.route import IDLE, MOST_MAILS, Attempt, Place, Route
from outmail.engine.trouble import Action
from transports.base import (
    CancelledAfterHandOver,
    Cause,
    Envelope,
    Failure,
    Outcome,
    Receipt,
    Scope,
    StepName,
    TransportError,
    Verdict,
)
from transports.trace import Trace

ONE = Place("support", "primary", "one.example.org:587")
TWO = Place("support", "alternate", "two.example.org:587")
THREE = Place("backup", "primary", "three.example.org:587")
PLACES = (ONE, TWO, THREE)
MAIL = Envelope("app@example.org", ("a@example.net", "b@example.net"), b"Subject: x\r\n\r\n")

Says = Failure | TransportError | Receipt | None
"""What a server does with a mail: a failure, or it takes it (None: for everybody)."""


def failure(
    scope: Scope, verdict: Verdict, step: StepName = StepName.SEND, cause: Cause = Cause.ANSWER
) -> Failure:
    return Failure(step, scope, verdict, cause, words=f"{scope} {verdict}")


DOWN = failure(Scope.SERVER, Verdict.RETRY, StepName.CONNECT, Cause.CONNECTION_REFUSED)
NO_SIGN_IN = failure(Scope.SIGN_IN, Verdict.FIX_SETTINGS, StepName.AUTHENTICATE)
UNCERTAIN = failure(Scope.MESSAGE, Verdict.UNCERTAIN)
GONE = failure(Scope.SERVER, Verdict.RETRY, StepName.SENDER, Cause.CONNECTION_LOST)


@dataclass
class Server:
    """Opens and takes mail by script; a script that has ended means: all is well."""

    place: Place
    opens: list[Failure | None] = field(default_factory=list)
    says: list[Says] = field(default_factory=list)
    opened: int = 0
    closed: int = 0
    mails: int = 0
    hold: asyncio.Event | None = None

    @property
    def address(self) -> str:
        return self.place.address

    async def open(self, trace: Trace) -> None: ...

    async def authenticate(self, trace: Trace) -> None: ...

    async def probe(self, sender: str, recipient: str, trace: Trace) -> None: ...

    async def send(self, envelope: Envelope, trace: Trace) -> Receipt:
        said = self.says.pop(0) if self.says else None
        if self.hold is not None:
            await self.hold.wait()
        if isinstance(said, Failure):
            raise TransportError(said)
        if isinstance(said, TransportError):
            raise said
        self.mails += 1
        return said or Receipt("250 Ok", tuple(Outcome(r, "250 Ok") for r in envelope.recipients))

    async def close(self) -> None: ...

    def stall(self) -> asyncio.Event:
        """Answer no mail before this is set."""
        self.hold = asyncio.Event()
        return self.hold

    async def has_opened(self, count: int) -> None:
        """Let the loop turn until so many connections were opened."""
        async with asyncio.timeout(10):
            while self.opened < count:  # noqa: ASYNC110 - there is no event for a test to wait for
                await asyncio.sleep(0)


class World:
    """The servers of a route, and its clock."""

    def __init__(self, *places: Place, automatic: bool = False) -> None:
        self.now = datetime(2026, 11, 28, 12, tzinfo=UTC)
        self.servers = {place: Server(place) for place in places or PLACES}
        self.moves: list[tuple[int, int]] = []
        self.route = Route(
            tuple(self.servers), self._connect, lambda: self.now, automatic=automatic, moved=self._moved
        )

    def _moved(self, before: Standing, then: Standing) -> None:
        self.moves.append((before.place, then.place))

    @asynccontextmanager
    async def _connect(self, place: Place, _others: bool) -> AsyncIterator[Server]:
        server = self.servers[place]
        server.opened += 1
        refused = server.opens.pop(0) if server.opens else None
        if refused is not None:
            raise TransportError(refused)
        try:
            yield server
        finally:
            server.closed += 1

    @property
    def opened(self) -> tuple[int, ...]:
        return tuple(server.opened for server in self.servers.values())

    @property
    def took(self) -> tuple[int, ...]:
        return tuple(server.mails for server in self.servers.values())


def actions(attempt: Attempt) -> list[Action | None]:
    return [fate.action for fate in attempt.fates]


async def test_all_is_well_and_the_connection_is_kept() -> None:
    world = World()
    for _ in range(3):
        attempt = await world.route.send(MAIL)
        assert (attempt.place, actions(attempt)) == (ONE, [None, None])
    assert (world.opened, world.took) == ((1, 0, 0), (3, 0, 0))
    world.now += IDLE
    await world.route.tidy()
    assert world.servers[ONE].closed == 1
    await world.route.send(MAIL)
    assert world.opened == (2, 0, 0)


async def test_a_connection_is_not_used_without_end() -> None:
    world = World(ONE)
    for _ in range(MOST_MAILS + 1):
        await world.route.send(MAIL)
    await world.route.end()
    assert (world.servers[ONE].opened, world.servers[ONE].closed) == (2, 2)


async def test_a_dead_primary_costs_its_time_out_once_and_is_left_alone_when_it_is_back() -> None:
    world = World()
    world.servers[ONE].opens = [DOWN]
    attempt = await world.route.send(MAIL)
    assert (attempt.place, attempt.failed) == (TWO, ((ONE, DOWN),))
    for _ in range(4):
        assert (await world.route.send(MAIL)).place == TWO
    assert (world.opened, world.took) == ((1, 1, 0), (0, 5, 0))
    assert (world.route.standing.reason, world.route.standing.mails) == (DOWN.words, 5)
    assert world.moves == [(0, 1)]
    await world.route.reset()
    assert (await world.route.send(MAIL)).place == ONE
    assert world.moves == [(0, 1), (1, 0)]


async def test_when_every_server_is_dead_the_mail_is_put_off_and_the_route_stays_where_it_is() -> None:
    world = World()
    for server in world.servers.values():
        server.opens = [DOWN]
    attempt = await world.route.send(MAIL)
    assert actions(attempt) == [Action.DEFER, Action.DEFER]
    assert [place for place, _ in attempt.failed] == [ONE, TWO]
    assert (attempt.place, world.moves) == (THREE, [])
    assert (await world.route.send(MAIL)).place == ONE


async def test_a_refused_sign_in_goes_to_the_other_profile_at_once() -> None:
    world = World()
    world.servers[ONE].opens = [NO_SIGN_IN]
    assert (await world.route.send(MAIL)).place == THREE
    assert world.opened == (1, 0, 1), "the same sign-in is not repeated at the alternate"


async def test_a_refused_sign_in_without_another_profile_pauses() -> None:
    world = World(ONE, TWO)
    world.servers[ONE].opens = [NO_SIGN_IN]
    assert actions(await world.route.send(MAIL)) == [Action.PAUSE_ROUTE] * 2
    assert world.opened == (1, 0)


@pytest.mark.parametrize(
    ("scope", "verdict", "action"),
    [
        (Scope.SENDER, Verdict.REJECT, Action.BOUNCE),
        (Scope.SENDER, Verdict.FIX_SETTINGS, Action.PAUSE_ROUTE),
        (Scope.MESSAGE, Verdict.REJECT, Action.BOUNCE),
        (Scope.MESSAGE, Verdict.RETRY, Action.DEFER),
        (Scope.MESSAGE, Verdict.UNCERTAIN, Action.HOLD),
        (Scope.SERVER, Verdict.UNCERTAIN, Action.HOLD),
        (Scope.RECIPIENT, Verdict.REJECT, Action.BOUNCE),
        (Scope.RECIPIENT, Verdict.RETRY, Action.DEFER),
    ],
)
async def test_a_mail_that_is_refused_for_its_own_sake_goes_nowhere_else(
    scope: Scope, verdict: Verdict, action: Action
) -> None:
    world = World()
    world.servers[ONE].says = [failure(scope, verdict)]
    attempt = await world.route.send(MAIL)
    assert (attempt.place, actions(attempt)) == (ONE, [action, action])
    assert (world.opened, world.moves) == ((1, 0, 0), [])
    assert world.servers[ONE].closed == 1, "nothing is sent behind a mail that failed"


async def test_each_recipient_has_a_fate_of_its_own() -> None:
    gone, busy = failure(Scope.RECIPIENT, Verdict.REJECT), failure(Scope.RECIPIENT, Verdict.RETRY)
    world = World()
    some = Receipt("250 Ok", (Outcome("a@example.net", "250 Ok"), Outcome("b@example.net", "550 no", gone)))
    none = TransportError(
        gone, (Outcome("a@example.net", "550 no", gone), Outcome("b@example.net", "450", busy))
    )
    world.servers[ONE].says = [some, none]
    assert actions(await world.route.send(MAIL)) == [None, Action.BOUNCE]
    assert actions(await world.route.send(MAIL)) == [Action.BOUNCE, Action.DEFER]


async def test_a_kept_connection_that_has_gone_is_no_failure() -> None:
    world = World()
    await world.route.send(MAIL)
    world.servers[ONE].says = [GONE]
    attempt = await world.route.send(MAIL)
    assert (attempt.place, attempt.failed, world.moves) == (ONE, (), [])
    assert world.opened == (2, 0, 0)


async def test_one_that_has_gone_in_the_midst_of_a_mail_is_not_tried_again() -> None:
    world = World()
    await world.route.send(MAIL)
    world.servers[ONE].says = [UNCERTAIN]
    assert actions(await world.route.send(MAIL)) == [Action.HOLD] * 2
    assert world.took == (1, 0, 0)


async def test_what_may_have_been_taken_is_tried_at_that_server_alone() -> None:
    world = World()
    world.servers[TWO].opens = [DOWN]
    attempt = await world.route.send(MAIL, only=TWO.address)
    assert (attempt.place, actions(attempt)) == (TWO, [Action.DEFER] * 2)
    assert (await world.route.send(MAIL, only=TWO.address)).place == TWO
    assert (world.opened, world.moves) == ((0, 2, 0), []), "it says nothing of where other mail goes"
    lost = await world.route.send(MAIL, only="gone.example.org:587")
    assert (lost.place, actions(lost)) == (None, [Action.HOLD] * 2)


async def test_mails_that_set_out_together_move_the_route_once() -> None:
    world = World()
    world.servers[ONE].opens = [DOWN] * 5
    attempts = await asyncio.gather(*(world.route.send(MAIL) for _ in range(5)))
    assert [attempt.place for attempt in attempts] == [TWO] * 5
    assert world.moves == [(0, 1)]
    assert world.route.standing.mails == 5


async def test_a_slow_mail_does_not_undo_what_others_have_found_out() -> None:
    world = World()
    go_on = world.servers[ONE].stall()
    slow = asyncio.ensure_future(world.route.send(MAIL))
    await world.servers[ONE].has_opened(1)
    world.servers[ONE].opens = [DOWN]
    assert (await world.route.send(MAIL)).place == TWO
    go_on.set()
    assert (await slow).place == ONE
    assert world.route.standing.place == 1


async def test_automatic_failback_after_three_good_checks() -> None:
    world = World(automatic=True)
    world.servers[ONE].opens = [DOWN]
    await world.route.send(MAIL)
    for _ in range(3):
        world.route.checked(True)
    assert (await world.route.send(MAIL)).place == ONE


async def test_a_cancelled_mail_leaves_no_connection_behind() -> None:
    world = World()
    world.servers[ONE].stall()
    sending = asyncio.ensure_future(world.route.send(MAIL))
    await world.servers[ONE].has_opened(1)
    sending.cancel()
    await asyncio.wait({sending})
    assert world.servers[ONE].closed == 1


async def test_at_the_end_everybody_is_hung_up_on() -> None:
    world = World()
    go_on = world.servers[ONE].stall()
    sending = [asyncio.ensure_future(world.route.send(MAIL)) for _ in range(3)]
    await world.servers[ONE].has_opened(3)
    go_on.set()
    await asyncio.gather(*sending)
    await world.route.close()
    assert (world.servers[ONE].opened, world.servers[ONE].closed) == (3, 3)


def test_a_route_needs_a_server() -> None:
    with pytest.raises(ValueError, match="needs a server"):
        Route((), lambda _place, _others: None, lambda: datetime.now(UTC))  # type: ignore[arg-type, return-value]


async def test_timing_of_tidying_is_by_use_not_by_age() -> None:
    world = World()
    for _ in range(5):
        await world.route.send(MAIL)
        world.now += IDLE - timedelta(seconds=1)
        await world.route.tidy()
    assert world.opened == (1, 0, 0)


async def test_a_connection_that_is_used_while_old_ones_are_closed() -> None:
    """Goodbye takes a while; mail that comes meanwhile must neither fail nor be in its way."""
    world = World()
    for place in (ONE, TWO):
        await world.route.send(MAIL, only=place.address)
    world.now += IDLE
    tidying = asyncio.ensure_future(world.route.tidy())
    sending = [asyncio.ensure_future(world.route.send(MAIL)) for _ in range(5)]
    world.servers[THREE].opens = []
    await world.route.send(MAIL, only=THREE.address)
    await asyncio.gather(tidying, *sending)
    assert world.took == (6, 1, 1)


async def test_connections_kept_before_the_clock_was_set_back_are_closed() -> None:
    world = World(ONE)
    await world.route.send(MAIL)
    world.now -= timedelta(hours=2)
    await world.route.tidy()
    assert world.servers[ONE].closed == 1


async def test_a_server_that_no_longer_answers_costs_one_time_out_for_all_its_connections() -> None:
    world = World(ONE, TWO)
    go_on = world.servers[ONE].stall()
    sending = [asyncio.ensure_future(world.route.send(MAIL)) for _ in range(4)]
    await world.servers[ONE].has_opened(4)
    go_on.set()
    await asyncio.gather(*sending)
    world.servers[ONE].says = [failure(Scope.SERVER, Verdict.RETRY, StepName.SENDER, Cause.TIMED_OUT)] * 4
    attempt = await world.route.send(MAIL)
    assert attempt.place == TWO
    assert len(world.servers[ONE].says) == 3, "one of the four was asked"
    await world.route.end()
    assert world.servers[ONE].closed == 4


async def test_who_hears_of_a_switch_cannot_undo_a_mail() -> None:
    world = World()

    def broken(_before: Standing, _then: Standing) -> None:
        raise LookupError("a banner")

    world.route._moved = broken
    world.servers[ONE].opens = [DOWN]
    attempt = await world.route.send(MAIL)
    assert (attempt.place, actions(attempt)) == (TWO, [None, None])


async def test_a_mail_that_is_cut_off_after_it_was_handed_over_is_uncertain(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World()

    async def send(_envelope: Envelope, _trace: Trace) -> Receipt:
        raise CancelledAfterHandOver

    monkeypatch.setattr(world.servers[ONE], "send", send)
    attempt = await world.route.send(MAIL)
    assert (attempt.place, actions(attempt)) == (ONE, [Action.HOLD, Action.HOLD])
