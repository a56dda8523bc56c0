"""The wizard's sample mail: sends one by the path all mail will take, and shows the answer."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.worker import Worker

from outmail.engine import draft_pages as at
from outmail.engine.draft_failures import concerned
from outmail.engine.draft_pages import Note, Page
from outmail.engine.errors import EngineError
from outmail.engine.report import Progress, SendReport
from transports.base import Failure, Status
from tui.screens.wizard.live_check import LadderPlace, StepLadder
from tui.screens.wizard.page import WizardPage
from tui.widgets.field import Field
from tui.widgets.finding import FindingView
from tui.widgets.ladder import Ladder

_TO = "to"


class SampleMailPage(WizardPage):
    """Enter sends; once it is sent, Enter goes on. ctrl+n goes on without."""

    page = Page.SAMPLE
    heading = "Send a sample mail"
    notes_first = True

    def content(self) -> ComposeResult:
        self._worker: Worker[None] | None = None
        self._stopped = False
        self._refused = ""
        self.session.sent_to = self.session.sent_to or self.draft.text(at.FROM).strip()
        yield Field.text(_TO, "Send it to", self.session.sent_to, placeholder="you@example.org")
        with LadderPlace(classes="ladder-place"):
            yield Vertical(id="sample-finding")
            yield StepLadder(id="wizard-ladder")

    def current(self, key: str) -> str:
        return self.session.sent_to if key == _TO else super().current(key)

    def take(self, key: str, text: str) -> None:
        self.session.sent_to, self._refused = text, ""

    @property
    def _answered(self) -> SendReport | None:
        """The answer to these very settings."""
        return self.session.sent if self.session.sent_with == self.draft else None

    @property
    def busy(self) -> bool:
        return self._worker is not None

    async def arrive(self) -> None:
        await super().arrive()
        if self._answered:
            self._show(self._answered)

    def accepted(self) -> None:
        if self._sends():
            self.send()
        elif not self.busy:
            self.post_message(self.Forward())

    def _sends(self) -> bool:
        done = self._answered is not None and self._answered.ok
        to = self._answered.recipients[0].recipient if self._answered and self._answered.recipients else ""
        return not self.busy and not (done and to == self.session.sent_to.strip())

    def send(self) -> None:
        """Send it now."""
        self.session.sent, self.session.sent_with = None, self.draft.copy()
        self._stopped, self._refused = False, ""
        self.query_one(Ladder).reset()
        self.query_one("#sample-finding", Vertical).remove_children()
        self._worker = self.run_worker(self._send(), group="wizard-sample", exclusive=True)
        self.follow()
        self.post_message(self.KeysChanged())

    async def _send(self) -> None:
        name, to = self.draft.text(at.NAME).strip(), self.session.sent_to.strip()
        try:
            profile = self.draft.profile()
            self.session.sent = await self.session.engine.sample(
                name, profile, to, which=None, watch=self._watch, tokens=self.session.tokens()
            )
        except EngineError as error:
            self._refused = f"{error.what}: {error.why}. {error.remedy}".strip()
        self._worker = None
        if self.session.sent:
            self._show(self.session.sent)
        self.follow()
        self.post_message(self.KeysChanged())

    def _watch(self, progress: Progress) -> None:
        self.query_one(Ladder).show(progress)

    def _show(self, report: SendReport) -> None:
        ladder = self.query_one(Ladder)
        for attempt in report.attempts:
            for progress in attempt.steps:
                ladder.show(progress)
        ladder.finish()
        in_ladder = any(p.finding for a in report.attempts for p in a.steps)
        if report.finding and not in_ladder:
            self.query_one("#sample-finding", Vertical).mount(FindingView(report.finding))

    def cancel(self) -> bool:
        if self._worker is None:
            return False
        self._worker.cancel()
        self._worker = None
        self._stopped = True
        self.query_one(Ladder).finish()
        self.follow()
        return True

    def notes(self) -> list[Note]:
        return [Note(self.page, words, urgent) for words, urgent in self._words()]

    def _words(self) -> list[tuple[str, bool]]:
        sent = self._answered
        if self.busy:
            return [("Sending … Escape cancels.", False)]
        if self._stopped:
            return [("Cancelled. If the message was handed over already, it may still arrive.", True)]
        if self._refused:
            return [(self._refused, True)]
        if sent and sent.ok:
            return [(f"Sent through {sent.server}, {sent.address}. It answered: {sent.answer}", False)]
        if sent:
            return [(f"Not sent: {sent.error}", True)]
        return []

    def field_to_correct(self) -> str:
        failed = self._failure()
        if failed is None or self.busy:
            return ""
        return concerned(*failed, self.draft.text(at.METHOD), self.draft.text(at.PROTOCOL))

    def _failure(self) -> tuple[Failure, str] | None:
        steps = [p for a in (self._answered.attempts if self._answered else ()) for p in a.steps]
        failed = [p for p in steps if p.step.status is Status.FAIL and p.step.failure]
        if failed and failed[0].step.failure and not (self._answered and self._answered.ok):
            return failed[0].step.failure, failed[0].server
        return None

    def leave(self, *, forward: bool) -> bool:
        self.cancel()
        return True

    def next_words(self) -> str:
        if self.busy:
            return "Skip"
        return "Send it" if self._sends() else super().next_words()

    def other_keys(self) -> list[tuple[str, str]]:
        if self.busy:
            return []
        skip = [("ctrl+n", "Go on without")] if self._sends() else []
        go = [("ctrl+g", "Correct")] if self.field_to_correct() else []
        return [*go, *skip, ("ctrl+s", "Save")]
