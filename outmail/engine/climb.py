"""One server, climbed step by step while somebody watches; check and deliver share it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from outmail.diagnosis.finding import Context
from outmail.diagnosis.match import diagnose
from outmail.engine import wiring
from outmail.engine.report import Progress, ServerReport, Watch
from outmail.engine.token_steps import (
    credential_ends,
    describe_account,
    describe_token,
    refuse_another_audience,
)
from store.profiles import Profile
from transports.base import Failure, Status, Step, StepName, Transport, TransportError
from transports.routes import Throttle, Timeouts
from transports.trace import OpenStep, Trace

if TYPE_CHECKING:
    from outmail.engine.tokens import ProfileTokens, Tokens


class Climb:
    """Collects the steps of one server, explains the failed ones, and passes each on at once."""

    def __init__(
        self,
        name: str,
        profile: Profile,
        candidate: wiring.Candidate,
        watch: Watch,
        tokens: Tokens | None = None,
        *,
        timeouts: Timeouts | None = None,
        throttle: Throttle | None = None,
    ) -> None:
        self.candidate = candidate
        self._tokens = _supply(name, profile, tokens)
        self._name = name
        self._profile = profile
        self._watch = watch
        self._timeouts = timeouts
        self._throttle = throttle
        self._done: list[Progress] = []
        self.trace = Trace(self._emit)

    @property
    def context(self) -> Context:
        """What the diagnosis is told, the token's claims too once there is one."""
        last = self._tokens.last if self._tokens else None
        claims = last.claims if last else None
        return wiring.context(self._name, self._profile, self.candidate, token=claims)

    def _emit(self, step: Step) -> None:
        finding = diagnose(step.failure, self.context) if step.failure else None
        progress = Progress(self.candidate.label, self.candidate.address, step, finding)
        if step.status is not Status.RUNNING:
            self._done.append(progress)
        self._watch(progress)

    def note(self, name: StepName, failure: Failure) -> None:
        """Record a failure that happened beside the steps of the transport."""
        self._emit(Step(name, Status.FAIL, detail=failure.words, failure=failure))

    def skip_rest(self) -> None:
        """Say of every step of the ladder that was not reached that it was not."""
        reached = {p.step.name for p in self._done}
        for name in wiring.ladder(self._profile, self.candidate):
            if name not in reached:
                self._emit(Step(name, Status.SKIP, detail="not reached"))

    def report(self) -> ServerReport:
        """Everything so far, in the ladder's order."""
        order = {name: place for place, name in enumerate(StepName)}
        steps = sorted(self._done, key=lambda p: order[p.step.name])
        return ServerReport(self.candidate.label, self.candidate.address, tuple(steps))

    @asynccontextmanager
    async def connected(self, *, prove_all: bool = False) -> AsyncIterator[Transport]:
        """The way out, opened and signed in; closed whatever happens, a cancelled task included.

        The token is got before the connection is opened: servers hang up on who is silent for long.
        Without a token nothing is opened, unless `prove_all`: then the server is proven nonetheless,
        since the token's failure would hide the server's.
        """
        missing = await self._get_token()
        if missing and not prove_all:
            raise missing
        way = wiring.transport(
            self._profile,
            self.candidate,
            tokens=self._tokens,
            timeouts=self._timeouts,
            throttle=self._throttle,
        )
        try:
            await way.open(self.trace)
            if missing:
                raise missing
            await way.authenticate(self.trace)
            await self._name_account()
            yield way
        finally:
            await way.close()

    async def _get_token(self) -> TransportError | None:
        if self._tokens is None:
            return None
        try:
            async with self.trace.step(StepName.TOKEN) as step:
                await self._tokens.token()
                if self._tokens.last:
                    describe_token(step, self._tokens.last, self._tokens.origin)
                    refuse_another_audience(self._profile, self._tokens.last)
                    step.warning = self._tokens.warning or credential_ends(self._tokens.endings)
        except TransportError as error:
            return error
        return None

    async def _name_account(self) -> None:
        if not self._tokens or not self._tokens.last:
            return
        if any(done.step.name is StepName.ACCOUNT for done in self._done):
            # The service named the mailbox itself; who signed in is told where that is another.
            unseen = OpenStep(StepName.ACCOUNT)
            describe_account(unseen, self._profile, self._tokens.last)
            if unseen.warning is None:
                return
        async with self.trace.step(StepName.ACCOUNT) as step:
            describe_account(step, self._profile, self._tokens.last)


def _supply(name: str, profile: Profile, tokens: Tokens | None) -> ProfileTokens | None:
    if profile.auth.method != "oauth":
        return None
    if tokens is None:
        from outmail.engine.tokens import Tokens
        from store.tokens import MemoryShelf

        tokens = Tokens(MemoryShelf())
    return tokens.supply(name, profile)
