"""The wizard's sign-in page: whether the server wants a login, and which; passwords stay masked."""

from __future__ import annotations

from textual.app import ComposeResult

from outmail.engine import draft_pages as at
from outmail.engine.draft_pages import Page
from tui.screens.wizard.page import WizardPage
from tui.widgets.field import Field, Option

STORED = "stored – leave empty to keep"
_MECHANISMS = (
    Option("auto", "auto"),
    Option("plain", "PLAIN"),
    Option("login", "LOGIN"),
    Option("cram-md5", "CRAM-MD5"),
)


class AuthenticationPage(WizardPage):
    """None or basic; OAuth is listed, so that nobody looks for it."""

    page = Page.SIGN_IN
    heading = "Does the server require authentication?"

    def content(self) -> ComposeResult:
        draft = self.draft
        method = draft.text(at.METHOD)
        not_yet = "" if method == "oauth" else "OAuth 2 comes with a later version."
        options = (
            Option("basic", "Basic"),
            Option("none", "None"),
            Option("oauth", "OAuth 2", why_not=not_yet),
        )
        yield Field.choice(at.METHOD, "Authentication", method, options, hint=not_yet)
        preset = self.session.preset
        yield Field.text(
            at.USERNAME,
            at.label(at.USERNAME),
            draft.text(at.USERNAME),
            hint=preset.username_hint if preset else "",
        )
        yield Field.text(
            at.PASSWORD,
            at.label(at.PASSWORD),
            draft.text(at.PASSWORD),
            hint=preset.password_hint if preset else "",
            placeholder=STORED if draft.stored(at.PASSWORD) else "",
            secret=True,
        )
        yield Field.switch(
            at.INSECURE,
            at.label(at.INSECURE),
            draft.text(at.INSECURE),
            hint="insecure_allow_password_without_tls: send it unencrypted.",
        )
        yield Field.choice(at.MECHANISM, at.label(at.MECHANISM), draft.text(at.MECHANISM), _MECHANISMS)

    def shows(self, key: str) -> bool:
        if key == at.METHOD:
            return True
        basic = self.draft.text(at.METHOD) == "basic"
        return basic and (key != at.INSECURE or self.draft.asks_insecure())

    def other_keys(self) -> list[tuple[str, str]]:
        return [("ctrl+t", "Show password")] if self.draft.text(at.METHOD) == "basic" else []
