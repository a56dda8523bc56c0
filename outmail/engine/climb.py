"""One server, climbed step by step while somebody watches; check and deliver share it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from outmail.diagnosis.match import diagnose
from outmail.engine import wiring
from outmail.engine.report import Progress, ServerReport, Watch
from store.profiles import Profile
from transports.base import Failure, Status, Step, StepName, Transport
from transports.trace import Trace


class Climb:
    """Collects the steps of one server, explains the failed ones, and passes each on at once."""

    def __init__(self, name: str, profile: Profile, candidate: wiring.Candidate, watch: Watch) -> None:
        self.candidate = candidate
        self.context = wiring.context(name, profile, candidate.server)
        self._profile = profile
        self._watch = watch
        self._done: list[Progress] = []
        self.trace = Trace(self._emit)

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
        for name in wiring.ladder(self._profile, self.candidate.server):
            if name not in reached:
                self._emit(Step(name, Status.SKIP, detail="not reached"))

    def report(self) -> ServerReport:
        """Everything so far, in the ladder's order."""
        order = {name: place for place, name in enumerate(StepName)}
        steps = sorted(self._done, key=lambda p: order[p.step.name])
        return ServerReport(self.candidate.label, self.candidate.address, tuple(steps))

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[Transport]:
        """The way out, opened and signed in; closed whatever happens, a cancelled task included."""
        way = wiring.transport(self._profile, self.candidate.server)
        try:
            await way.open(self.trace)
            await way.authenticate(self.trace)
            yield way
        finally:
            await way.close()
