"""What a route does for services that are no SMTP servers: mail they cannot carry, and mail they may have."""

from __future__ import annotations

from outmail.engine.trouble import Action
from tests.outmail.engine.test_route import DOWN, MAIL, ONE, THREE, World, actions, failure
from transports.base import Cause, Envelope, Receipt, Scope, Verdict
from transports.trace import Trace


async def test_a_mail_that_one_way_cannot_carry_moves_no_other_mail() -> None:
    world = World()
    world.servers[ONE].says = [failure(Scope.MESSAGE, Verdict.REJECT, cause=Cause.CONTENT_UNFIT)]
    attempt = await world.route.send(MAIL)
    assert (attempt.place, actions(attempt)) == (THREE, [None, None])
    assert not world.route.standing.away
    await world.route.send(MAIL)
    assert world.took == (1, 0, 1)


async def test_who_may_have_it_already_is_told_that_it_comes_again() -> None:
    world = World()
    seen: list[bool] = []
    take = world.servers[ONE].send

    async def send(envelope: Envelope, trace: Trace) -> Receipt:
        seen.append(envelope.again)
        return await take(envelope, trace)

    world.servers[ONE].send = send  # type: ignore[method-assign]
    await world.route.send(MAIL)
    await world.route.send(MAIL, only=ONE.address)
    assert seen == [False, True]


async def test_where_the_way_that_could_carry_it_is_only_away_the_mail_waits_for_it() -> None:
    world = World(ONE, THREE)
    world.servers[ONE].opens = [DOWN]
    world.servers[THREE].says = [failure(Scope.MESSAGE, Verdict.REJECT, cause=Cause.CONTENT_UNFIT)]
    attempt = await world.route.send(MAIL)
    assert (attempt.place, actions(attempt)) == (ONE, [Action.DEFER, Action.DEFER])
    assert (await world.route.send(MAIL)).place == ONE
