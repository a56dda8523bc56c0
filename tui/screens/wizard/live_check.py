"""The wizard's live check: climbs the ladder with the answers as they stand; nothing is saved or sent."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.worker import Worker

from outmail.engine import draft_pages as at
from outmail.engine.draft_failures import concerned
from outmail.engine.draft_pages import Note, Page
from outmail.engine.errors import EngineError
from outmail.engine.report import CheckReport, Progress
from transports.base import Status
from tui.screens.wizard.page import WizardPage
from tui.widgets.ladder import Ladder


class StepLadder(Ladder, inherit_bindings=False):
    """The ladder without Enter, which turns the page in the wizard."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "step(-1)", "Up", show=False, id="wizard-ladder.up", tooltip="Select the step above"),
        Binding("down", "step(1)", "Down", show=False, id="wizard-ladder.down", tooltip="The step below"),
        Binding(
            "space",
            "fold",
            "Details",
            id="wizard-ladder.fold",
            tooltip="What was learned at the step, and said",
        ),
    ]


class LadderPlace(VerticalScroll, can_focus=False, inherit_bindings=False):
    """Scrolls the ladder alone, so that what the page says stays in sight."""


class LiveCheckPage(WizardPage):
    """Runs at once; Escape cancels at once; Enter goes on whether it passed or not."""

    page = Page.CHECK
    heading = "Live check"
    notes_first = True

    def content(self) -> ComposeResult:
        self._worker: Worker[None] | None = None
        self._stopped = False
        with LadderPlace(classes="ladder-place"):
            yield StepLadder(id="wizard-ladder")

    async def arrive(self) -> None:
        await super().arrive()
        if self.session.proven or (self.session.refused and self.session.checked == self.draft):
            self._redraw()
        else:
            self.run()

    def focus_on(self, key: str = "") -> None:
        self.query_one(Ladder).focus()

    @property
    def busy(self) -> bool:
        return self._worker is not None

    def run(self) -> None:
        """Begin, or begin again."""
        self.cancel()
        self.session.checked, self.session.report = self.draft.copy(), None
        self.session.steps, self.session.refused, self._stopped = [], "", False
        self.query_one(Ladder).reset()
        self._worker = self.run_worker(self._climb(), group="wizard-check", exclusive=True)
        self.follow()

    async def _climb(self) -> None:
        name = self.draft.text(at.NAME).strip()
        try:
            engine, profile = self.session.engine, self.draft.profile()
            for planned in await engine.plan(name, profile, "all"):
                self.query_one(Ladder).plan(planned.server, planned.address, planned.steps)
            self.session.report = await engine.check(
                name, profile, which="all", watch=self._watch, tokens=self.session.tokens()
            )
        except EngineError as error:
            self.session.refused = f"{error.what}: {error.why}. {error.remedy}"
        self._worker = None
        self._finish()

    def _watch(self, progress: Progress) -> None:
        self.session.steps.append(progress)
        self.query_one(Ladder).show(progress)

    def _redraw(self) -> None:
        ladder = self.query_one(Ladder)
        for progress in _final(self.session.report, self.session.steps):
            ladder.show(progress)
        self._finish()

    def _finish(self) -> None:
        self.query_one(Ladder).finish()
        self.follow()
        self.post_message(self.KeysChanged())

    def cancel(self) -> bool:
        if self._worker is None:
            return False
        self._worker.cancel()
        self._worker = None
        self._stopped = True
        self.session.report = None
        self._finish()
        return True

    def notes(self) -> list[Note]:
        return [Note(self.page, self._words(), urgent=not self._fine())]

    def _fine(self) -> bool:
        report = self.session.report
        return self.busy or self._stopped or (report is not None and report.ok)

    def _words(self) -> str:
        if self.busy:
            return "Checking every server … Escape cancels at once, Enter skips the check."
        if self._stopped:
            return "Cancelled: nothing was proven. ctrl+r checks again, Enter goes on without."
        if self.session.refused:
            return self.session.refused
        if self.session.report is not None and self.session.report.ok:
            warned = any(p.step.status is Status.WARN for p in self._steps())
            return "Every server is ready to take mail" + (", with a warning above." if warned else ".")
        field = self.field_to_correct()
        where = (
            f"ctrl+g goes to: {self.draft.label(field)} ({at.TITLES[self.draft.page_of(field)]}). "
            if field
            else ""
        )
        return f"The check failed. {where}Enter goes on nevertheless."

    def _steps(self) -> list[Progress]:
        return _final(self.session.report, [])

    def field_to_correct(self) -> str:
        failed = next((p for p in self._steps() if p.step.status is Status.FAIL and p.step.failure), None)
        if failed is None or failed.step.failure is None:
            return ""
        how = self.draft.text(at.METHOD), self.draft.text(at.PROTOCOL)
        return concerned(failed.step.failure, failed.server, *how)

    def leave(self, *, forward: bool) -> bool:
        self.cancel()
        return True

    def next_words(self) -> str:
        if self.busy:
            return "Skip"
        return super().next_words()

    def other_keys(self) -> list[tuple[str, str]]:
        if self.busy:
            return []
        go = [("ctrl+g", "Correct")] if self.field_to_correct() else []
        return [*go, ("ctrl+r", "Again"), ("space", "Details"), ("ctrl+s", "Save")]


def _final(report: CheckReport | None, otherwise: list[Progress]) -> list[Progress]:
    return [p for server in report.servers for p in server.steps] if report else otherwise
