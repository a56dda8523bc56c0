"""The steps of a connection as they happen: which passed, which failed, how long each took, and why.

It draws what it is handed (`show`) and decides nothing; text from servers is never read as markup.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget
from textual.widgets import Static

from outmail.engine.report import Progress
from transports.base import Status, StepName
from tui.theme import COLOURS, MARKS, WORDS
from tui.widgets.finding import FindingView, Pair

_ORDER = {name: place for place, name in enumerate(StepName)}
_PROBLEMS = (Status.FAIL, Status.WARN)


def duration(seconds: float) -> str:
    """How long a step took, as a person reads it: "0.4 ms", "88 ms", "12.3 s"."""
    ms = seconds * 1000
    if ms < 10:
        return f"{ms:.1f} ms"
    return f"{ms:.0f} ms" if ms < 10_000 else f"{seconds:.1f} s"


class RungHead(Widget):
    """The one line of a step that is always there."""

    ALLOW_SELECT = False

    def __init__(self, rung: Rung) -> None:
        super().__init__()
        self._rung = rung

    def render(self) -> Content:
        """Mark, word, name, detail as far as it fits, and the time at the right edge."""
        return self._rung.head_line(self.content_size.width)


class Rung(Vertical):
    """One step of one server: its line, and what unfolds beneath."""

    def __init__(self, server: str, name: StepName, clock: Callable[[], float]) -> None:
        super().__init__()
        self.server = server
        self.step_name = name
        self.progress: Progress | None = None
        self.ended = ""  # "stopped" where nobody waited for the end
        self.unfolded = False
        self._composed = False
        self._clock = clock
        self._since = clock()

    def compose(self) -> ComposeResult:
        """The line, and the rest where it was asked for before there was a line."""
        yield RungHead(self)
        self._composed = True
        if self.unfolded:
            yield Vertical(*self._body(), classes="rung-body")

    @property
    def status(self) -> Status | None:
        """What became of the step so far; None before it began."""
        return self.progress.step.status if self.progress else None

    def head_line(self, width: int) -> Content:
        """See RungHead."""
        status = None if self.ended else self.status
        word = self.ended or WORDS[status]
        mark = Content.assemble((f"{MARKS[status]} {word:<5}", COLOURS[status]))
        name = Content.assemble((f"{self.step_name:<13}", "bold" if status in _PROBLEMS else ""))
        fold = Content("▾ " if self.unfolded else "▸ " if self.foldable else "  ")
        took = Content.assemble((f" {self._took()}", "$muted"))
        detail = self.progress.step.detail.replace("\n", " ") if self.progress else ""
        room = max(0, width - mark.cell_length - name.cell_length - took.cell_length - 2)
        text = Content(detail) if status in _PROBLEMS else Content(detail).stylize("$muted")
        return fold + mark + name + text.truncate(room, ellipsis=True, pad=True) + took

    def _took(self) -> str:
        if self.progress is None or self.ended or self.status is Status.SKIP:
            return ""
        if self.status is Status.RUNNING:
            passed = int(self._clock() - self._since)
            return f"{passed} s" if passed else ""
        return duration(self.progress.step.seconds)

    @property
    def foldable(self) -> bool:
        """Whether there is more to see than the line."""
        step = self.progress.step if self.progress else None
        return bool(step and self.progress and (step.facts or step.evidence or self.progress.finding))

    def take(self, progress: Progress) -> None:
        """The step as it stands now."""
        if self.progress is None or progress.step.status is Status.RUNNING:
            self._since = self._clock()
        self.progress = progress
        self.redraw()

    def stop(self) -> None:
        """Nobody waits for this step any more."""
        if self.status in {None, Status.RUNNING}:
            self.ended = "stop" if self.status is Status.RUNNING else "skip"
            self.redraw()

    def redraw(self) -> None:
        """Draw the line anew."""
        for head in self.query(RungHead):
            head.refresh()

    def unfold(self, unfolded: bool) -> None:
        """Show or hide facts, finding and dialogue."""
        if unfolded == self.unfolded or (unfolded and not self.foldable):
            return
        self.unfolded = unfolded
        self.redraw()
        if not self._composed:
            return
        if unfolded:
            self.mount(Vertical(*self._body(), classes="rung-body"))
        else:
            self.query(".rung-body").remove()

    def _body(self) -> Iterable[Widget]:
        if self.progress is None:
            return
        step = self.progress.step
        if self.progress.finding:
            yield FindingView(self.progress.finding, step.failure.words if step.failure else "")
        for key, value in step.facts.items():
            yield Pair(key, value)
        if step.evidence:
            yield Static("Dialogue", markup=False, classes="rung-dialogue-title")
            yield Static(Content("\n".join(step.evidence)), markup=False, classes="rung-dialogue")


class Ladder(Vertical, can_focus=True):
    """The rungs of every server that is tried, in order; one is selected and may be unfolded."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "step(-1)", "Up", show=False, id="ladder.up", tooltip="Select the step above"),
        Binding("down,j", "step(1)", "Down", show=False, id="ladder.down", tooltip="Select the step below"),
        Binding(
            "enter,space",
            "fold",
            "Details",
            id="ladder.fold",
            tooltip="Show or hide what was learned at the selected step, and what was said",
        ),
    ]

    cursor: reactive[int] = reactive(-1)
    clock: ClassVar[Callable[[], float]] = time.monotonic

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._rungs: list[Rung] = []
        self._follow = True
        self._climbing = True

    @property
    def rungs(self) -> Sequence[Rung]:
        """The steps in the order in which they stand."""
        return tuple(self._rungs)

    def on_mount(self) -> None:
        """A step that takes long shows its seconds."""
        self.set_interval(1, self._tick)

    def _tick(self) -> None:
        for rung in self._rungs:
            if rung.status is Status.RUNNING:
                rung.redraw()

    def reset(self) -> None:
        """Forget every step; a new climb begins."""
        self._rungs.clear()
        self._follow = True
        self._climbing = True
        self.cursor = -1
        self.remove_children()

    def plan(self, server: str, address: str, steps: Iterable[StepName]) -> None:
        """Show the steps that lie ahead, as waiting."""
        for name in steps:
            self._rung(server, address, name)

    def show(self, progress: Progress) -> None:
        """Draw a step as it stands now; the selection follows until the admin moves it."""
        rung = self._rung(progress.server, progress.address, progress.step.name)
        rung.take(progress)
        if self._follow and progress.step.status is not Status.SKIP:
            self.cursor = self._rungs.index(rung)

    def finish_quietly(self) -> None:
        """The climb is over, and somebody else tells the problem: only mark the steps that did not end."""
        self._climbing = False
        for rung in self._rungs:
            rung.stop()

    def finish(self) -> None:
        """The climb is over: steps that did not end are marked, the first problem is unfolded."""
        self.finish_quietly()
        for wanted in _PROBLEMS:
            for place, rung in enumerate(self._rungs):
                if rung.status is wanted and self._follow:
                    self.cursor = place
                    self._follow = False
                    rung.unfold(True)
                    self.call_after_refresh(self._keep_in_sight, True)
                    return

    def _rung(self, server: str, address: str, name: StepName) -> Rung:
        for rung in self._rungs:
            if rung.server == server and rung.step_name == name:
                return rung
        mine = [r for r in self._rungs if r.server == server]
        if not mine:
            self.mount(Static(Content(f"{server}  {address}"), markup=False, classes="ladder-server"))
        rung = Rung(server, name, type(self).clock)
        after = next((r for r in mine if _ORDER[r.step_name] > _ORDER[name]), None)
        if after is None:
            place = self._rungs.index(mine[-1]) + 1 if mine else len(self._rungs)
            self.mount(rung, after=mine[-1]) if mine else self.mount(rung)
        else:
            place = self._rungs.index(after)
            self.mount(rung, before=after)
        self._rungs.insert(place, rung)
        if 0 <= place <= self.cursor:
            self.set_reactive(Ladder.cursor, self.cursor + 1)
        return rung

    def watch_cursor(self) -> None:
        """Mark the selected step, and keep it in sight."""
        for place, rung in enumerate(self._rungs):
            rung.set_class(place == self.cursor, "-selected")
        self.call_after_refresh(self._keep_in_sight, False)

    def _keep_in_sight(self, top: bool) -> None:
        # One callback of the ladder's own, for whichever rung is selected by then: rungs that
        # scrolled by themselves would do so in an order of their own.
        wanted = top or self._climbing or self.has_focus
        if wanted and 0 <= self.cursor < len(self._rungs):
            rung = self._rungs[self.cursor]
            rung.scroll_visible(animate=False, top=top or rung.unfolded, immediate=True)

    def action_step(self, by: int) -> None:
        """Move the selection; from then on it stays where the admin put it."""
        if self._rungs:
            self._follow = False
            self.cursor = min(max(self.cursor + by, 0), len(self._rungs) - 1)

    def action_fold(self) -> None:
        """Unfold the selected step, or fold it again."""
        if 0 <= self.cursor < len(self._rungs):
            rung = self._rungs[self.cursor]
            rung.unfold(not rung.unfolded)
            self._follow = False
            self.call_after_refresh(self._keep_in_sight, False)

    def on_click(self, event: events.Click) -> None:
        """A click selects, for those whose terminal has a mouse."""
        for place, rung in enumerate(self._rungs):
            if event.widget is not None and rung in event.widget.ancestors_with_self:
                self._follow = False
                self.cursor = place
