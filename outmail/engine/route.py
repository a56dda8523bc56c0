"""A profile's way out for a stream of mails: connections kept open, the next server when one is unavailable.

It keeps the rules of `failover` and `trouble` and no others; it never tries a mail by another way once
it may have been taken. When to try again, and what to do with the fates, is the caller's.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from outmail.engine.failover import PRIMARY, Checked, Event, Reset, Standing, Took, after, order
from outmail.engine.trouble import Action, cannot_carry, decide
from transports.base import (
    CancelledAfterHandOver,
    Cause,
    Envelope,
    Failure,
    Receipt,
    Scope,
    StepName,
    Transport,
    TransportError,
    Verdict,
)
from transports.trace import silent

log = logging.getLogger(__name__)

_ENDED = Failure(
    StepName.SEND,
    Scope.MESSAGE,
    Verdict.UNCERTAIN,
    Cause.CONNECTION_LOST,
    words="the relay ended before the server had answered",
)

IDLE = timedelta(seconds=20)
"""How long a connection waits for the next mail; Exchange Online hangs up on who is silent for long."""

MOST_MAILS = 100
"""Mails on one connection; servers have limits of their own, and say them too late."""


@dataclass(frozen=True, slots=True)
class Place:
    """A server that the route may use: whose profile it is of, what it is called there, and where it is."""

    profile: str
    label: str  # primary, alternate …
    address: str

    def __str__(self) -> str:
        return f"{self.label} {self.address}"


@dataclass(frozen=True, slots=True)
class Fate:
    """What one attempt came to for one recipient; `action` is None where a server took the mail for them."""

    recipient: str
    action: Action | None
    answer: str = ""
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """What one attempt came to: where it ended, each recipient's fate, and what failed on the way there."""

    place: Place | None  # None where there was none to try
    fates: tuple[Fate, ...]
    failed: tuple[tuple[Place, Failure], ...] = ()


Connect = Callable[[Place, bool], AbstractAsyncContextManager[Transport]]
"""Opens a place and signs in; raises TransportError. Leaving it hangs up. See `climb.Climb.connected`.

The second says whether another place is left to try, so that this one need not be waited for long.
"""


@dataclass(slots=True)
class _Line:
    """A connection, and what it was used for."""

    way: Transport
    stack: AsyncExitStack
    since: datetime  # when it was last used
    mails: int = 0


@dataclass(slots=True)
class _Idle:
    """The connections of one place that wait for a mail."""

    lines: list[_Line] = field(default_factory=list)


class Route:
    """One profile's way out. `places` are its servers, the primary first, then those of its failover profile.

    `now` gives UTC. Several mails may be sent at once; how many is the caller's pacing. `moved` hears
    each time that mail goes another way than before, for the banner and the alert.
    """

    def __init__(
        self,
        places: Sequence[Place],
        connect: Connect,
        now: Callable[[], datetime],
        *,
        automatic: bool = False,
        moved: Callable[[Standing, Standing], None] = lambda _before, _then: None,
    ) -> None:
        if not places:
            raise ValueError("a route needs a server")
        self.places = tuple(places)
        self.standing = PRIMARY
        self._connect = connect
        self._now = now
        self._automatic = automatic
        self._moved = moved
        self._idle: dict[Place, _Idle] = {}
        self._ended = False
        self._hanging_up: set[asyncio.Task[None]] = set()

    async def send(self, envelope: Envelope, *, only: str = "") -> Attempt:
        """Try the mail at the present server and, where that is unavailable, at the next ones.

        `only` is the address of the server that may have taken the mail already: no other is tried, and it is
        asked first where it can be.
        """
        began = self.standing
        if only:
            envelope = replace(envelope, again=True)
        turn = self._turn(only)
        failed: list[tuple[Place, Failure]] = []
        while turn:
            place = turn.pop(0)
            try:
                receipt = await self._try(place, envelope, others=bool(turn))
            except CancelledAfterHandOver:
                # The relay ends. Only this server may be asked again: for the queue that is an answer.
                return Attempt(place, _refused(envelope, TransportError(_ENDED)), tuple(failed))
            except TransportError as error:
                same = [p for p in turn if p.profile == place.profile]
                others = [p for p in turn if p.profile != place.profile]
                action = decide(error.failure, last_server=not same, failover=bool(others))
                if action is Action.NEXT_SERVER:
                    turn = [*same, *others]
                elif action is Action.FAILOVER:
                    turn = others
                else:
                    return _ended_at(place, error, envelope, failed)
                failed.append((place, error.failure))
                continue
            if not only and not any(failure.scope is Scope.MESSAGE for _, failure in failed):
                self._took(place, began, failed)
            return Attempt(place, _taken(receipt), tuple(failed))
        return Attempt(None, tuple(Fate(r, Action.HOLD) for r in envelope.recipients))

    def checked(self, ok: bool) -> None:
        """The primary was checked on purpose while mail goes another way."""
        self._follow(Checked(ok))

    async def reset(self) -> None:
        """Back to the primary: an admin said so."""
        self._follow(Reset())
        await self.close()

    async def tidy(self) -> None:
        """Hang up on who has waited for too long; call it now and then."""
        now = self._now()
        old: list[_Line] = []
        # All are taken out before anybody is waited for: mail under way uses the same lists.
        for idle in list(self._idle.values()):
            # One that was used in time to come was used before the clock was set back.
            old += [line for line in idle.lines if not now - IDLE < line.since <= now]
            idle.lines = [line for line in idle.lines if now - IDLE < line.since <= now]
        await _hang_up_on(old)

    async def close(self) -> None:
        """Hang up on everybody who waits; a mail under way is not touched."""
        waiting: list[_Line] = []
        for idle in list(self._idle.values()):
            waiting += idle.lines
            idle.lines = []
        await _hang_up_on(waiting)

    async def end(self) -> None:
        """Keep no connection any more; a mail under way is not touched."""
        self._ended = True
        await self.close()
        await asyncio.gather(*self._hanging_up)

    def _turn(self, only: str) -> list[Place]:
        if only:
            return [place for place in self.places if place.address == only][:1]
        return [self.places[number] for number in order(self.standing, len(self.places))]

    async def _try(self, place: Place, envelope: Envelope, *, others: bool) -> Receipt:
        """One server: on a connection that waits, or on a new one where that has gone meanwhile."""
        idle = self._idle.setdefault(place, _Idle())
        while idle.lines:
            line = idle.lines.pop()
            try:
                return await self._on(line, idle, envelope)
            except TransportError as error:
                if not _only_gone(error.failure):
                    if error.failure.cause is Cause.TIMED_OUT:
                        # Whoever waits there would wait as long: one time-out in all.
                        self._discard(idle.lines)
                        idle.lines = []
                    raise
        return await self._on(await self._open(place, others), idle, envelope)

    async def _open(self, place: Place, others: bool) -> _Line:
        async with AsyncExitStack() as stack:
            way = await stack.enter_async_context(self._connect(place, others))
            return _Line(way, stack.pop_all(), self._now())

    async def _on(self, line: _Line, idle: _Idle, envelope: Envelope) -> Receipt:
        try:
            receipt = await line.way.send(envelope, silent())
        except BaseException:
            # What a refused or cancelled mail leaves behind on the connection is not known here.
            await _hang_up(line)
            raise
        line.mails += 1
        line.since = self._now()
        if line.mails < MOST_MAILS and not self._ended:
            idle.lines.append(line)
        else:
            self._discard([line])  # what was taken is noted before goodbye is said
        return receipt

    def _discard(self, lines: Sequence[_Line]) -> None:
        """Hang up, without waiting for it."""
        if lines:
            task = asyncio.ensure_future(_hang_up_on(lines))
            self._hanging_up.add(task)
            task.add_done_callback(self._hanging_up.discard)

    def _took(self, place: Place, began: Standing, failed: Sequence[tuple[Place, Failure]]) -> None:
        number = self.places.index(place)
        if self.standing.place not in {began.place, number}:
            return  # another mail has moved the route since this one set out, and knows better
        reasons = tuple((self.places.index(p), f.words or f.cause.value) for p, f in failed)
        self._follow(Took(number, reasons))

    def _follow(self, event: Event) -> None:
        before = self.standing
        self.standing = after(before, event, self._now(), automatic=self._automatic)
        if self.standing.place != before.place:
            try:
                self._moved(before, self.standing)
            except Exception:  # who listens must not undo what a server has taken
                log.exception("a switch from %s to %s was not told", before.place, self.standing.place)


def _ended_at(
    place: Place, error: TransportError, envelope: Envelope, failed: Sequence[tuple[Place, Failure]]
) -> Attempt:
    """Where the last way that was left could not carry the mail, one that could is only away: it decides."""
    if cannot_carry(error.failure):
        away = next(((one, why) for one, why in failed if not cannot_carry(why)), None)
        if away is not None:
            place, error = away[0], TransportError(away[1])
    return Attempt(place, _refused(envelope, error), tuple(failed))


def _taken(receipt: Receipt) -> tuple[Fate, ...]:
    return tuple(
        Fate(
            outcome.recipient,
            decide(outcome.failure, last_server=True) if outcome.failure else None,
            outcome.answer,
            outcome.failure,
        )
        for outcome in receipt.outcomes
    )


def _refused(envelope: Envelope, error: TransportError) -> tuple[Fate, ...]:
    """Nobody got it: each recipient for the server's own reason, or all for the same."""
    if error.outcomes:
        return tuple(
            Fate(o.recipient, decide(o.failure or error.failure, last_server=True), o.answer, o.failure)
            for o in error.outcomes
        )
    failure = error.failure
    action = decide(failure, last_server=True)
    answer = failure.words if failure.code else ""
    return tuple(Fate(recipient, action, answer, failure) for recipient in envelope.recipients)


def _only_gone(failure: Failure) -> bool:
    """Whether the server closed a connection that waited, before anything of this mail was handed over."""
    return (
        failure.scope is Scope.SERVER
        and failure.verdict is Verdict.RETRY
        and failure.step in {StepName.SENDER, StepName.SEND}
        and (failure.cause is Cause.CONNECTION_LOST or failure.code == 421)
    )


async def _hang_up_on(lines: Sequence[_Line]) -> None:
    await asyncio.gather(*map(_hang_up, lines))


async def _hang_up(line: _Line) -> None:
    with contextlib.suppress(TransportError):
        await line.stack.aclose()
