"""The sample mail: an address, a server, the steps live, then the answer or the error with its remedy."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static
from textual.worker import Worker

from outmail.engine.report import Progress, SendReport, server_labels
from transports.base import Status
from tui.desk import Desk
from tui.messages import JobRefused, SampleEnded, StepSeen
from tui.report_text import send_text, sign_in_failures
from tui.said import Expected, trouble
from tui.screens.frame import Frame
from tui.theme import COLOURS, MARKS
from tui.widgets.field import Field, Option
from tui.widgets.finding import finding_rows, pairs
from tui.widgets.ladder import Ladder, duration

_AUTO = "automatic"


class SampleScreen(Frame[None]):
    """Sends past any queue, by the very path that other mail takes; Escape first cancels what runs."""

    CSS_PATH = "sample.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "send", "Send", id="sample.send", priority=True, tooltip="Send the sample mail now"),
        Binding("i", "sign_in", "Sign in", id="sample.sign_in", tooltip="Sign the profile in with OAuth"),
        Binding(
            "tab", "app.focus_next", "Next field", id="sample.next", tooltip="To the next field or the steps"
        ),
        Binding("ctrl+y", "copy", "Copy", id="sample.copy", tooltip="Copy the report to the clipboard"),
        Binding(
            "escape", "leave", "Stop or back", id="sample.leave", tooltip="Stop a running mail; else go back"
        ),
    ]

    def __init__(self, desk: Desk, name: str) -> None:
        super().__init__()
        self._desk = desk
        self._called = name
        self._profile = desk.workspace.settings.profiles[name]
        self._run = 0
        self._worker: Worker[None] | None = None
        self._report: SendReport | None = None

    def place(self) -> str:
        """The profile that sends."""
        return f"sample mail › {self._called}"

    def body(self) -> Iterable[Widget]:
        """Two fields, how it stands, the answer, the steps."""
        to = self._desk.last_recipient or self._profile.from_address
        yield Vertical(
            Field.text("to", "Send it to", to, placeholder="you@example.org"),
            Field.choice("server", "Through", _AUTO, self._servers()),
            id="form",
        )
        yield Static("", markup=False, id="summary")
        yield VerticalScroll(Vertical(id="answer"), Ladder(), can_focus=False)

    def _servers(self) -> list[Option]:
        servers = self._profile.servers
        return [
            Option(_AUTO, "automatic: the primary, then the next"),
            *(
                Option(label, f"{label} {server.address}")
                for label, server in zip(server_labels(len(servers)), servers, strict=True)
            ),
        ]

    def on_mount(self) -> None:
        """The address first."""
        self.query_one("#field-to", Field).enter(replacing=True)
        self._say(None, "nothing was sent yet", "Enter sends the sample mail")

    @property
    def running(self) -> bool:
        """Whether a mail is under way."""
        return self._worker is not None

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Enter sends from the fields; on the steps it unfolds."""
        if action == "send":
            return not self.running and not isinstance(self.focused, Ladder)
        if action == "copy":
            return self._report is not None
        if action == "sign_in":
            return self._wants_sign_in and self.focused is None
        return True

    def action_send(self) -> None:
        """Send now."""
        to = self.query_one("#field-to", Field)
        if not to.value.strip():
            to.error = "is missing: who shall get the sample mail?"
            to.enter()
            return
        to.error = ""
        server = self.query_one("#field-server", Field).value
        self._desk.last_recipient = to.value.strip()
        self._run += 1
        self._report = None
        self.query_one(Ladder).reset()
        self.query_one("#answer").remove_children()
        self._say(Status.RUNNING, f"sending to {self._desk.last_recipient}", "Esc stops it")
        which = None if server == _AUTO else server
        self._worker = self.run_worker(
            self._send(self._run, self._desk.last_recipient, which), group="sample", exclusive=True
        )
        self.refresh_bindings()

    async def _send(self, run: int, to: str, which: str | None) -> None:
        def watch(progress: Progress) -> None:
            self.post_message(StepSeen(run, progress))

        desk = self._desk
        try:
            report = await desk.engine.sample(
                self._called, self._profile, to, which=which, watch=watch, tokens=desk.workspace.tokens
            )
        except Expected as error:
            self.post_message(JobRefused(run, trouble(error)))
            return
        sender = self._profile.from_address
        # The mail is gone: it is noted even if the admin leaves this screen now.
        note = await asyncio.shield(asyncio.to_thread(desk.workspace.record, self._called, sender, report))
        self.post_message(SampleEnded(run, report, note))

    def on_step_seen(self, message: StepSeen) -> None:
        """A step began or ended."""
        if message.run == self._run and self.running:
            self.query_one(Ladder).show(message.progress)

    def on_sample_ended(self, message: SampleEnded) -> None:
        """The server's answer, or why there is none."""
        if message.run != self._run or not self.running:
            return
        self._worker = None
        self._report = report = message.report
        took = f"in {duration(report.seconds)}"
        if report.ok:
            self._say(
                Status.PASS, f"the {report.server} server took the mail {took}", "look into the mailbox now"
            )
        else:
            wants = self._wants_sign_in
            if wants:
                self.set_focus(None)  # in the field, i would be a letter
            self._say(Status.FAIL, report.error, f"{'i signs in, ' if wants else ''}Enter sends it again")
        answer = self.query_one("#answer", Vertical)
        found = finding_rows(report.finding) if report.finding else []
        answer.mount_all(pairs([*found, *_answer_rows(report, message.note)]))
        self.query_one(Ladder).finish_quietly()
        self.call_after_refresh(self.query_one(VerticalScroll).scroll_home, animate=False)
        self.refresh_bindings()

    def on_job_refused(self, message: JobRefused) -> None:
        """The mail could not be made; the address is the likeliest cause."""
        if message.run != self._run or not self.running:
            return
        self._worker = None
        told = message.trouble
        self._say(Status.FAIL, told.what, "nothing was sent")
        self.query_one("#answer", Vertical).mount_all(
            pairs([(label, text) for label, text in (("Why", told.why), ("Do this", told.remedy)) if text])
        )
        self.refresh_bindings()

    def _say(self, status: Status | None, text: str, then: str) -> None:
        head = Content.assemble((f"{MARKS[status]} {text}", f"bold {COLOURS[status]}"))
        self.query_one("#summary", Static).update(Content.assemble(head, (f"\n  {then}", "$muted")))

    @property
    def _wants_sign_in(self) -> bool:
        """Whether what failed is a sign-in that a person can renew."""
        failed = [] if self._report is None or self._report.ok else sign_in_failures(self._report.attempts)
        return self._profile.auth.method == "oauth" and bool(failed) and not self.running

    def action_sign_in(self) -> None:
        """Sign in; then Enter sends it again."""
        self.run_worker(self._sign_in(), group="sign-in", exclusive=True)

    async def _sign_in(self) -> None:
        from tui.screens.signing_in import sign_in

        if await sign_in(self.app, self._desk, self._called):
            self._profile = self._desk.workspace.settings.profiles[self._called]
            self._report = None
            self.query_one("#answer").remove_children()
            self.query_one(Ladder).reset()
            self._say(None, "signed in; nothing was sent yet", "Enter sends the sample mail")
            self.refresh_bindings()

    def action_copy(self) -> None:
        """The report as text, through the terminal (OSC 52), so that it works over SSH."""
        if self._report is not None:
            self.app.copy_to_clipboard(send_text(self._report))
            self.notify("The report went to the terminal's clipboard.", markup=False)

    def action_leave(self) -> None:
        """Stop at once, or go back when nothing runs."""
        if self._worker is None:
            self.dismiss(None)
            return
        self._worker.cancel()
        self._worker = None
        self.query_one(Ladder).finish_quietly()
        self._say(Status.SKIP, "stopped before the answer", "Enter sends it again, Esc goes back")
        self.refresh_bindings()


def _answer_rows(report: SendReport, note: str) -> list[tuple[str, str]]:
    refused = [r for r in report.recipients if r.finding]
    tried = ", then ".join(f"{a.server} {a.address}" for a in report.attempts)
    rows = [
        ("It said", report.answer),
        ("Server", f"{report.server}, {report.address}"),
        ("Tried", tried if len(report.attempts) > 1 else ""),
        *((("Refused", f"{r.recipient}: {r.answer}") for r in refused) if len(report.recipients) > 1 else ()),
        ("Message-ID", report.message_id),
        ("Note", note),
    ]
    return [(label, text) for label, text in rows if text]
