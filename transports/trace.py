"""Steps from inside the wire code: who watches a connection sees each step begin and end, as it happens."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from types import MappingProxyType, TracebackType

from transports.base import Failure, Status, Step, StepName, TransportError
from transports.shown import harmless

_LONGEST_LINE = 400
_MOST_LINES = 200


class OpenStep:
    """A step under way: fill in what is learned; it is emitted when the block ends."""

    def __init__(self, name: StepName) -> None:
        self.name = name
        self.detail = ""
        self.facts: dict[str, str] = {}
        self.warning: Failure | None = None
        self._lines: list[str] = []

    def progress(self, detail: str) -> None:
        """Tell how far a long step has come; nobody is told where nobody watches."""

    def said(self, who: str, line: str) -> None:
        """Record a line of the dialogue; `who` is "C" or "S". Secrets must be *** already."""
        if len(self._lines) < _MOST_LINES:
            self._lines.append(f"{who}: {harmless(line, _LONGEST_LINE)}")

    def _value(self, status: Status, seconds: float, failure: Failure | None = None) -> Step:
        return Step(
            name=self.name,
            status=status,
            detail=harmless(self.detail),
            seconds=seconds,
            evidence=tuple(self._lines),
            facts=MappingProxyType({k: harmless(v) for k, v in self.facts.items()}),
            failure=failure,
        )


class Trace:
    """Hands each step to `emit` as running, then as passed, warned or failed, with its seconds.

    Where `emit` is None nobody watches, and nothing is recorded.
    """

    def __init__(
        self, emit: Callable[[Step], None] | None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._emit = emit
        self._clock = clock

    def step(self, name: StepName) -> AbstractAsyncContextManager[OpenStep]:
        """Run a block as the step `name`.

        A TransportError that leaves the block makes the step fail with its failure; any other
        exception (a cancelled task too) passes without a verdict, since nothing was proven.
        """
        return _Unwatched(name) if self._emit is None else _Watched(name, self._emit, self._clock)


class _Watched:
    """The block of one step."""

    __slots__ = ("_began", "_clock", "_emit", "_step")

    def __init__(self, name: StepName, emit: Callable[[Step], None], clock: Callable[[], float]) -> None:
        self._step = _ToldStep(name, emit)
        self._emit = emit
        self._clock = clock
        self._began = 0.0

    async def __aenter__(self) -> OpenStep:
        self._began = self._clock()
        self._emit(self._step._value(Status.RUNNING, 0.0))
        return self._step

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        step, seconds = self._step, self._clock() - self._began
        if isinstance(error, TransportError):
            step.detail = step.detail or error.failure.words
            self._emit(step._value(Status.FAIL, seconds, error.failure))
        elif error is None:
            status = Status.WARN if step.warning else Status.PASS
            self._emit(step._value(status, seconds, step.warning))


class _ToldStep(OpenStep):
    """A step that somebody watches while it runs."""

    def __init__(self, name: StepName, emit: Callable[[Step], None]) -> None:
        super().__init__(name)
        self._tell = emit

    def progress(self, detail: str) -> None:
        """See OpenStep."""
        self.detail = detail
        self._tell(self._value(Status.RUNNING, 0.0))


class _MuteStep(OpenStep):
    """A step that nobody watches."""

    def said(self, who: str, line: str) -> None:
        """Not kept."""


class _Unwatched:
    """The block of a step that nobody watches; the relay sends thousands."""

    __slots__ = ("_step",)

    def __init__(self, name: StepName) -> None:
        self._step = _MuteStep(name)

    async def __aenter__(self) -> OpenStep:
        return self._step

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None


def silent() -> Trace:
    """A trace nobody watches."""
    return Trace(None)
