"""The check screen: every step to the server as it happens, the first problem unfolded with its remedy."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static
from textual.worker import Worker

from outmail.engine.report import CheckReport, Progress
from transports.base import Status
from tui.desk import Checked, Desk
from tui.messages import CheckEnded, JobRefused, LadderPlanned, StepSeen
from tui.report_text import check_text, sign_in_failures
from tui.said import Expected, trouble
from tui.screens.frame import Frame
from tui.theme import COLOURS, MARKS
from tui.widgets.finding import pairs
from tui.widgets.ladder import Ladder


class CheckScreen(Frame[None]):
    """Runs at once; closes with Escape, which first cancels what runs."""

    CSS_PATH = "check.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "sample", "Sample mail", id="check.sample", tooltip="Go on: send a sample mail"),
        Binding("i", "sign_in", "Sign in", id="check.sign_in", tooltip="Sign in, then check again"),
        Binding("r", "again", "Run again", id="check.again", tooltip="Run the same check again"),
        Binding("a", "all", "All servers", id="check.all", tooltip="Check the primary and every alternate"),
        *(
            Binding(
                str(number),
                f"one({number})",
                "One server",
                show=False,
                id=f"check.one.{number}",
                tooltip=f"Check server {number} alone" + (" (the primary)" if number == 1 else ""),
            )
            for number in range(1, 10)
        ),
        Binding("y", "copy", "Copy report", id="check.copy", tooltip="Copy the report to the clipboard"),
        Binding(
            "escape", "leave", "Stop or back", id="check.leave", tooltip="Stop a running check; else go back"
        ),
    ]

    def __init__(self, desk: Desk, name: str) -> None:
        super().__init__()
        self._desk = desk
        self._called = name
        self._profile = desk.workspace.settings.profiles[name]
        self._which = "primary"
        self._labels: list[str] = []
        self._run = 0
        self._worker: Worker[None] | None = None
        self._report: CheckReport | None = None

    def place(self) -> str:
        """The profile under check."""
        return f"check › {self._called}"

    def body(self) -> Iterable[Widget]:
        """How it stands, then the ladder."""
        yield Static("", markup=False, id="summary")
        yield VerticalScroll(Ladder(), Vertical(id="refused"), can_focus=False)

    def on_mount(self) -> None:
        """Begin."""
        self.query_one(Ladder).focus()
        self._begin("primary")

    @property
    def running(self) -> bool:
        """Whether a check is under way."""
        return self._worker is not None

    def _begin(self, which: str) -> None:
        self._stop()
        self._which = which
        self._run += 1
        self._report = None
        self.query_one(Ladder).reset()
        self.query_one("#refused").remove_children()
        what = "every server" if which == "all" else f"the {which} server"
        self._say(Status.RUNNING, f"checking {what}", "Esc stops it")
        self._worker = self.run_worker(self._check(self._run, which), group="check", exclusive=True)
        self.refresh_bindings()

    async def _check(self, run: int, which: str) -> None:
        engine = self._desk.engine
        try:
            planned = await engine.plan(self._called, self._profile, "all")
            self._labels = [server.server for server in planned]
            ahead = [server for server in planned if which in {"all", server.server}]
            self.post_message(LadderPlanned(run, ahead))
            report = await engine.check(
                self._called,
                self._profile,
                which=which,
                watch=lambda progress: self._saw(run, progress),
                tokens=self._desk.workspace.tokens,
            )
        except Expected as error:
            self.post_message(JobRefused(run, trouble(error)))
        else:
            self.post_message(CheckEnded(run, report))

    def _saw(self, run: int, progress: Progress) -> None:
        self.post_message(StepSeen(run, progress))

    def on_ladder_planned(self, message: LadderPlanned) -> None:
        """Show what lies ahead."""
        if message.run == self._run:
            for server in message.planned:
                self.query_one(Ladder).plan(server.server, server.address, server.steps)

    def on_step_seen(self, message: StepSeen) -> None:
        """A step began or ended."""
        if message.run == self._run and self.running:
            self.query_one(Ladder).show(message.progress)

    def on_check_ended(self, message: CheckEnded) -> None:
        """Say how it ended, and what the next key is."""
        if message.run != self._run or not self.running:
            return
        self._worker = None
        self._report = report = message.report
        self._desk.checks[self._called] = Checked(report, self._desk.now())
        self.query_one(Ladder).finish()
        failed = [s for s in report.servers if not s.ok]
        if failed:
            title = failed[0].finding.title if failed[0].finding else "a step failed"
            more = f", and {len(failed) - 1} more" if len(failed) > 1 else ""
            then = "i signs in, r runs it again" if self._wants_sign_in else "r runs it again, y copies it"
            self._say(Status.FAIL, f"{failed[0].server}: {title}{more}", then)
        else:
            warned = any(p.step.status is Status.WARN for s in report.servers for p in s.steps)
            ready = "ready to send, with a warning" if warned else "ready to send"
            self._say(Status.WARN if warned else Status.PASS, ready, "s sends a sample mail")
        self.refresh_bindings()

    def on_job_refused(self, message: JobRefused) -> None:
        """The check could not begin."""
        if message.run != self._run or not self.running:
            return
        self._worker = None
        self.query_one(Ladder).reset()
        told = message.trouble
        self._say(Status.FAIL, told.what, "Esc goes back")
        self.query_one("#refused").mount_all(pairs([("Why", told.why), ("Do this", told.remedy)]))
        self.refresh_bindings()

    def _say(self, status: Status, text: str, then: str) -> None:
        head = Content.assemble((f"{MARKS[status]} {text}", f"bold {COLOURS[status]}"))
        self.query_one("#summary", Static).update(Content.assemble(head, (f"\n  {then}", "$muted")))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only keys that do something now."""
        if action == "all":
            return len(self._profile.servers) > 1
        if action == "one":
            count = len(self._profile.servers)
            return count > 1 and isinstance(parameters[0], int) and parameters[0] <= count
        if action == "copy":
            return self._report is not None
        if action == "sign_in":
            return self._wants_sign_in
        if action in {"again", "sample"}:
            return not self.running
        return True

    @property
    def _wants_sign_in(self) -> bool:
        """Whether what failed is a sign-in that a person can renew."""
        failed = [] if self._report is None else sign_in_failures(self._report.servers)
        return self._profile.auth.method == "oauth" and bool(failed) and not self.running

    def action_sign_in(self) -> None:
        """Sign in, then check again."""
        self.run_worker(self._sign_in(), group="sign-in", exclusive=True)

    async def _sign_in(self) -> None:
        from tui.screens.signing_in import sign_in

        if await sign_in(self.app, self._desk, self._called):
            self._profile = self._desk.workspace.settings.profiles[self._called]
            self._begin(self._which)

    def action_again(self) -> None:
        """The same once more."""
        self._begin(self._which)

    def action_all(self) -> None:
        """Every server."""
        self._begin("all")

    def action_one(self, number: int) -> None:
        """One server alone, counted from 1."""
        if number <= len(self._labels):
            self._begin(self._labels[number - 1])

    def action_copy(self) -> None:
        """The report as text, through the terminal (OSC 52), so that it works over SSH."""
        if self._report is not None:
            self.app.copy_to_clipboard(check_text(self._report))
            self.notify("The report went to the terminal's clipboard.", markup=False)

    def action_sample(self) -> None:
        """On to the sample mail, in place of this screen."""
        from tui.screens.sample import SampleScreen

        self.app.switch_screen(SampleScreen(self._desk, self._called))

    def action_leave(self) -> None:
        """Stop at once, or go back when nothing runs."""
        if self.running:
            self._stop()
            self._say(Status.SKIP, "stopped before the end", "r runs it again, Esc goes back")
            self.query_one(Ladder).finish()
            self.refresh_bindings()
        else:
            self.dismiss(None)

    def _stop(self) -> None:
        if self._worker is not None:
            self._worker.cancel()
            self._worker = None
