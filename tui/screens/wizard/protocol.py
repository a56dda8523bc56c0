"""The wizard's first page: by which protocol mail leaves; this version knows SMTP and Microsoft Graph."""

from __future__ import annotations

from textual.app import ComposeResult

from outmail.engine import draft_pages as at
from outmail.engine.draft_pages import Page
from tui.screens.wizard.page import WizardPage
from tui.widgets.field import Field, Option

_NOT_YET = "Not in this version: it sends by SMTP and through Microsoft Graph."


class ProtocolPage(WizardPage):
    """SMTP, Exchange Web Services or Microsoft Graph."""

    page = Page.PROTOCOL
    heading = "How does mail leave this machine?"
    intro = "A few short pages set up one way out. Nothing is saved before the last one."

    def content(self) -> ComposeResult:
        chosen = self.draft.text(at.PROTOCOL)
        options = (
            Option(
                "smtp", "SMTP / SMTPS", "A mail server or a provider's submission port: almost always right."
            ),
            Option("ews", "Exchange Web Services (EWS)", why_not="" if chosen == "ews" else _NOT_YET),
            Option(
                "graph", "Microsoft Graph", "Microsoft 365 over HTTPS: signs in with OAuth, needs no SMTP."
            ),
        )
        yield Field.choice(at.PROTOCOL, at.label(at.PROTOCOL), chosen, options, tall=True)
