"""The wizard's first page: by which protocol mail leaves."""

from __future__ import annotations

from textual.app import ComposeResult

from outmail.engine import draft_pages as at
from outmail.engine.draft_pages import Page
from tui.screens.wizard.page import WizardPage
from tui.widgets.field import Field, Option


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
            Option(
                "ews",
                "Exchange Web Services (EWS)",
                "An Exchange Server of your own, over HTTPS. In Exchange Online it ends on 2027-04-01.",
            ),
            Option(
                "graph", "Microsoft Graph", "Microsoft 365 over HTTPS: signs in with OAuth, needs no SMTP."
            ),
        )
        yield Field.choice(at.PROTOCOL, at.label(at.PROTOCOL), chosen, options, tall=True)
