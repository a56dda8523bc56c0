"""Signing in: shows the code or the address, waits, and says who signed in, or what went wrong and what next.

It must never show or copy a token or a secret. Escape stops at once; what was signed in by then is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, Static
from textual.worker import Worker

from transports.base import Cause, TransportError
from tui.engine import Engine, SignInLike
from tui.messages import JobRefused, SignInDone, SignInFailed, SignInTold
from tui.said import Expected, trouble
from tui.screens.frame import Frame
from tui.screens.person import PersonDialog
from tui.screens.sign_in_task import SignedInAs, SignInTask
from tui.theme import COLOURS, MARKS
from tui.widgets.finding import FindingView, finding_rows, pairs
from tui.widgets.sign_in_views import (
    BrowserView,
    CodeView,
    OtherWays,
    State,
    both_names,
    copyable,
    done_rows,
    headline,
)

if TYPE_CHECKING:
    from outmail.diagnosis.finding import Finding
    from outmail.engine.signin import BrowserWanted, CodeShown, Event, Way


_UNDER_WAY = frozenset({State.ASKING, State.CODE, State.BROWSER, State.REDEEMING})
_LETTERS = frozenset({"copy", "way", "again", "confirm", "new_code", "person"})
"""Actions on letters, which belong to the field while somebody types in it."""


class SignInScreen(Frame[SignedInAs | None]):
    """Begins at once, the profile's own way; closes with who signed in, or None."""

    CSS_PATH = "signin.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "go", "Go on", id="signin.go", priority=True, tooltip="Go on, or use the address"),
        Binding("m", "confirm", "Shared mailbox", id="signin.confirm", tooltip="It sends for the mailbox"),
        Binding("n", "new_code", "New code", id="signin.new", tooltip="Show a new code"),
        Binding("r", "again", "Again", id="signin.again", tooltip="Begin the same way again"),
        Binding("c", "copy('code')", "Copy code", id="signin.code", tooltip="Copy the code to the clipboard"),
        Binding("u", "copy('address')", "Copy address", id="signin.address", tooltip="Copy what to open"),
        Binding("l", "copy('line')", "Copy ssh line", id="signin.line", tooltip="Copy the ssh -L command"),
        Binding("p", "paste", "Paste", id="signin.paste", tooltip="To the field for the browser's address"),
        Binding("tab", "unpaste", "Leave field", id="signin.unpaste", tooltip="Out of it", priority=True),
        Binding("d", "way('device')", "By code", id="signin.device", tooltip="A code on another device"),
        Binding("b", "way('browser')", "By browser", id="signin.browser", tooltip="Sign in by browser"),
        Binding("a", "way('app')", "App-only", id="signin.app", tooltip="Sign in without a person"),
        Binding("x", "person", "Play the person", id="signin.person", tooltip="Practice: sign in over there"),
        Binding("y", "copy('report')", "Copy report", id="signin.report", tooltip="Copy what went wrong"),
        Binding("escape", "leave", "Stop or back", id="signin.leave", tooltip="Stop at once and go back"),
        Binding("up", "scroll(-1)", "Up", show=False, id="signin.up", tooltip="Scroll up a line"),
        Binding("down", "scroll(1)", "Down", show=False, id="signin.down", tooltip="Scroll down a line"),
    ]

    def __init__(self, task: SignInTask, engine: Engine, now: Callable[[], datetime]) -> None:
        super().__init__()
        self._asked = task
        self._profile = task.profile
        self._engine = engine
        self._now = now
        self.state = State.ASKING
        self._run = 0
        self._worker: Worker[None] | None = None
        self._way: Way | None = None  # None: the profile's own
        self._ways: dict[Way, str] = {}  # why not, by way
        self._sign_in: SignInLike | None = None
        self._code: CodeShown | None = None
        self._browser: BrowserWanted | None = None
        self._trouble = ""  # what did not work and ended nothing
        self._finding: Finding | None = None
        self._result: SignedInAs | None = None

    def place(self) -> str:
        """The profile that signs in."""
        return f"sign in › {self._asked.name}"

    def body(self) -> Iterable[Widget]:
        """How it stands in a line, then what to do."""
        yield Static("", markup=False, id="summary")
        yield Vertical(id="place")

    def on_mount(self) -> None:
        """Begin, and count down."""
        self.set_interval(1.0, self._tick)
        self._begin(None)

    @property
    def _account(self) -> str:
        oauth = self._profile.auth.oauth
        return (oauth.account if oauth else None) or self._profile.auth.username or ""

    # --- one sign-in

    def _begin(self, way: Way | None) -> None:
        self._stop()
        self._run += 1
        self._way, self._code, self._browser, self._finding = way, None, None, None
        self._trouble = ""
        self._show(State.ASKING, Static(""))
        self._worker = self.run_worker(self._job(self._run, way), group="sign-in", exclusive=True)

    async def _job(self, run: int, way: Way | None) -> None:
        def watch(event: Event) -> None:
            self.post_message(SignInTold(run, event))

        try:
            self._sign_in = sign_in = await self._engine.sign_in(
                self._asked.name, self._profile, self._asked.tokens, watch, self._asked.save
            )
            ways: tuple[Way, ...] = ("device", "browser", "app")
            self._ways = {other: self._engine.why_not(self._profile, other) for other in ways}
            result = await sign_in.run(way)
        except TransportError as error:
            self.post_message(SignInFailed(run, error.failure))
        except Expected as error:
            self.post_message(JobRefused(run, trouble(error)))
        else:
            self.post_message(SignInDone(run, result))

    async def _confirm(self, run: int, sign_in: SignInLike) -> None:
        try:
            result = await sign_in.confirm_account()
        except Expected as error:
            self.post_message(JobRefused(run, trouble(error)))
        else:
            self.post_message(SignInDone(run, result))

    def on_sign_in_told(self, message: SignInTold) -> None:
        """A code, an address, or a trouble that ends nothing."""
        from outmail.engine.signin import BrowserWanted, CodeShown, Trouble

        if message.run != self._run or self.state not in _UNDER_WAY:
            return
        match message.event:
            case CodeShown() as shown:
                self._code = shown
                self._show(State.CODE, CodeView(shown, self._account, self._others("device"), self._trouble))
            case BrowserWanted() as wanted:
                self._browser = wanted
                self._show(
                    State.BROWSER, BrowserView(wanted, self._account, self._others("browser"), self._trouble)
                )
            case Trouble(words):
                self._tell_trouble(words)
            case _:
                pass  # signed in: the worker's own message follows

    def on_sign_in_done(self, message: SignInDone) -> None:
        """Say who it is, until when, and what comes next."""
        if message.run != self._run or self._sign_in is None:
            return
        self._worker = None
        done = message.result
        self._result = SignedInAs(self._sign_in.profile, done.account, done.until)
        rows = done_rows(done.account, done.until, self._profile, self._result.profile)
        self._show(State.DONE, Vertical(*pairs(rows), classes="result"))

    def on_sign_in_failed(self, message: SignInFailed) -> None:
        """The code ended, another account signed in, or something to explain."""
        if message.run != self._run or self.state not in _UNDER_WAY:
            return
        self._worker = None
        failure = message.failure
        if failure.cause is Cause.OAUTH_CODE_EXPIRED and self._code:
            self._show(State.ENDED, CodeView(self._code, self._account, self._others("device"), ended=True))
        elif failure.cause is Cause.ACCOUNT_DIFFERS:
            got, wanted = failure.facts.get("got", ""), failure.facts.get("wanted", "")
            self._show(State.DIFFERS, Vertical(*both_names(got, wanted), classes="result"))
        else:
            profile = self._sign_in.profile if self._sign_in else self._profile
            self._finding = found = self._engine.explain(self._asked.name, profile, failure)
            self._show_end(FindingView(found, failure.words))

    def on_job_refused(self, message: JobRefused) -> None:
        """It could not begin, or the token could not be kept."""
        if message.run != self._run:
            return
        self._worker = None
        told = message.trouble
        rows = [("What", told.what), ("Why", told.why), ("Do this", told.remedy)]
        self._show_end(Vertical(*pairs([row for row in rows if row[1]])))

    # --- drawing

    def _others(self, here: Way) -> Mapping[Way, str]:
        return {way: why for way, why in self._ways.items() if way != here}

    def _show_end(self, what: Widget) -> None:
        what.styles.height = "auto"
        ways = OtherWays("Another way?", self._ways) if self._ways else Static("")
        self._show(State.FAILED, VerticalScroll(what, ways, classes="result", can_focus=False))

    def _show(self, state: State, view: Widget) -> None:
        self.state = state
        place = self.query_one("#place", Vertical)
        self.set_focus(None)
        with self.app.batch_update():
            place.remove_children()
            place.mount(view)
        self._tick()
        self.refresh_bindings()

    def _tick(self) -> None:
        """The line above; while a code is shown it counts down."""
        left = (self._code.until - self._now()).total_seconds() if self._code else 0
        account = self._result.account if self._result else ""
        browser = self._browser
        listening = browser.redirect_url if browser and browser.listening else ""
        status, text = headline(self.state, left, account, listening)
        head = Content.styled(f"{MARKS[status]} {text}", f"bold {COLOURS[status]}")
        summary = self.query_one("#summary", Static)
        if summary.content != head:
            summary.update(head)

    def _tell_trouble(self, words: str) -> None:
        on = ", still trying" if self.state is State.CODE and "trying" not in words else ""
        self._trouble = words.rstrip(".") + on
        for code in self.query(CodeView):
            code.tell(self._trouble)
        for browser in self.query(BrowserView):
            browser.tell(self._trouble)
        if self.state is State.REDEEMING:
            self.state = State.BROWSER  # what was pasted did not fit: another is waited for
            self._tick()
            self.refresh_bindings()

    @property
    def _field(self) -> Input | None:
        return next(iter(self.query("#ended-on").results(Input)), None)

    @property
    def _typing(self) -> bool:
        return isinstance(self.focused, Input)

    def on_descendant_focus(self) -> None:
        """Other keys work in the field than out of it."""
        self.refresh_bindings()

    on_descendant_blur = on_descendant_focus

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only keys that do something now; letters belong to the field while it has the focus."""
        if self._typing and action in _LETTERS:
            return False
        here = self.state
        match action:
            case "go":
                return here is State.DONE or self._typing
            case "confirm":
                return here is State.DIFFERS
            case "again":
                return here in {State.FAILED, State.DIFFERS}
            case "new_code":
                return here is State.ENDED
            case "copy":
                return self._copyable(str(parameters[0])) is not None
            case "person":
                return self._plays
            case "paste":
                return here is State.BROWSER and not self._typing
            case "unpaste":
                return self._typing
            case "way":
                return self._offers(parameters)
        return True

    def _offers(self, parameters: tuple[object, ...]) -> bool:
        here = {State.CODE: "device", State.ENDED: "device", State.BROWSER: "browser"}.get(self.state)
        can = parameters[0] != here and any(w == parameters[0] and not why for w, why in self._ways.items())
        return can and self.state not in {State.DONE, State.DIFFERS}

    def action_scroll(self, by: int) -> None:
        """What does not fit the terminal."""
        for place in self.query(VerticalScroll):
            place.scroll_relative(y=by, animate=False)

    def action_way(self, way: Way) -> None:
        """Another way to sign in."""
        self._begin(way)

    def action_again(self) -> None:
        """The same once more: a new code, a new address."""
        self._begin(self._way)

    action_new_code = action_again  # the old one has ended

    def action_confirm(self) -> None:
        """The account that signed in sends for the profile's mailbox."""
        if self._sign_in is not None:
            self._worker = self.run_worker(
                self._confirm(self._run, self._sign_in), group="sign-in", exclusive=True
            )

    def action_go(self) -> None:
        """Use the address in the field; at the end, go on."""
        if self.state is State.DONE:
            self.dismiss(self._result)
            return
        field = self._field
        address = "".join(field.value.split()) if field else ""
        if field is None or not address or self._sign_in is None:
            return
        field.value = ""
        self.state = State.REDEEMING
        self._tick()
        self._sign_in.paste(address)

    def action_paste(self) -> None:
        """To the field."""
        if self._field:
            self._field.focus()

    def action_unpaste(self) -> None:
        """Back to the keys."""
        self.set_focus(None)

    def on_paste(self, event: events.Paste) -> None:
        """What is pasted anywhere is the browser's address: there is nothing else to paste."""
        field = self._field
        if field is not None and not self._typing:
            event.stop()
            field.value = "".join(event.text.split())
            field.focus()

    def _copyable(self, what: str) -> tuple[str, str] | None:
        return copyable(what, self.state, self._code, self._browser, self._report)

    @property
    def _report(self) -> str:
        """What went wrong, for somebody else to read."""
        if self._finding is None:
            return ""
        rows = [f"{label}: {text}" for label, text in finding_rows(self._finding)]
        return "\n".join([f"outmail sign-in of {self._asked.name}: {self._finding.title}", *rows])

    def action_copy(self, what: str) -> None:
        """Through the terminal (OSC 52), so that it works over SSH."""
        found = self._copyable(what)
        if found:
            self.app.copy_to_clipboard(found[0])
            self.notify(f"{found[1]} went to the terminal's clipboard.", markup=False)

    @property
    def _plays(self) -> bool:
        """Whether the practice tenant's person can do what is asked for now."""
        code, browser, person = self._code, self._browser, self._asked.person
        address = {
            State.CODE: code.code.verification_uri if code else "",
            State.BROWSER: browser.url if browser else "",
        }.get(self.state, "")
        return person is not None and person.serves(address)

    def action_person(self) -> None:
        """Ask who is at the other device, and let that happen there."""
        if self._asked.person:
            self.app.push_screen(PersonDialog(self._asked.person.accounts), self._person_came)

    def _person_came(self, account: str | None) -> None:
        person, code, browser = self._asked.person, self._code, self._browser
        if person is None or account is None or not self._plays:
            return
        try:
            if self.state is State.CODE and code:
                person.type_code(code.code.user_code, account)
            elif browser and self._sign_in:
                self._sign_in.paste(person.browse(browser.url, account))
        except ValueError as error:
            self._tell_trouble(f"the page says: {error}")

    def action_leave(self) -> None:
        """Stop at once; a sign-in that is done stays done."""
        self._stop()
        self.dismiss(self._result)

    def _stop(self) -> None:
        if self._worker is not None:
            self._worker.cancel()
            self._worker = None
