"""The wizard's sign-in page: somebody signs in before the live check, or later by a command."""

from __future__ import annotations

from textual.app import ComposeResult

from outmail.engine import draft_oauth as oauth
from outmail.engine import draft_pages as at
from outmail.engine.draft_pages import Note, Page
from tui.screens.sign_in_task import SignedInAs, SignInTask
from tui.screens.signin import SignInScreen
from tui.screens.wizard.page import WizardPage
from tui.widgets.field import Field, Option

_NOW, _ON = "now", "on"


class SignedInPage(WizardPage):
    """Enter opens the sign-in; who is signed in already goes on."""

    page = Page.SIGNED_IN
    heading = "Sign in"
    notes_first = True

    def content(self) -> ComposeResult:
        self._state = self.session.sign_in_state()
        done = self._state is not None and self._state.signed_in
        self._choice = _ON if done else _NOW
        name = self.draft.text(at.NAME).strip()
        later = f"No mail goes out until then: outmail signin {name}"
        options = (
            (Option(_ON, "Go on"), Option(_NOW, "Sign in again"))
            if done
            else (Option(_NOW, "Now"), Option(_ON, "Later", later))
        )
        yield Field.choice(at.SIGN_IN_NOW, "Sign in", self._choice, options, tall=True)

    def current(self, key: str) -> str:
        return self._choice

    def take(self, key: str, text: str) -> None:
        self._choice = text

    def notes(self) -> list[Note]:
        state = self._state
        who = self.draft.text(at.ACCOUNT) or self.draft.text(at.USERNAME) or "The mailbox's owner"
        if state is not None and state.signed_in:
            until = f", until {state.access_until.astimezone():%Y-%m-%d %H:%M}" if state.access_until else ""
            return [Note(self.page, f"✓ Signed in as {state.account or who}{until}; renewed by itself.")]
        why = f" ({state.problem})" if state is not None and state.problem else ""
        return [Note(self.page, f"{who} signs in once; from then on the sign-in is kept alive{why}.")]

    def leave(self, *, forward: bool) -> bool:
        if not forward or self._choice != _NOW:
            return True
        session = self.session
        task = SignInTask(
            self.draft.text(at.NAME).strip(),
            self.draft.profile(),
            session.own_tokens,
            # The wizard's last page saves the profile, and the token with it.
            save=lambda _profile, _token: None,
            person=session.demo.person if session.demo else None,
        )
        screen = SignInScreen(task, session.engine, session.workspace.tokens.now)
        self.app.push_screen(screen, self._signed_in)
        return False

    def _signed_in(self, result: SignedInAs | None) -> None:
        if result is None:
            return
        oauth.adopt(self.draft, result.profile)
        self._choice = _ON
        self.follow()
        self.post_message(self.Forward())

    def next_words(self) -> str:
        return "Sign in" if self._choice == _NOW else super().next_words()

    def other_keys(self) -> list[tuple[str, str]]:
        return [("ctrl+s", "Save")]
