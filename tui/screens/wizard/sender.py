"""The wizard's sender page: the name and addresses that recipients see."""

from __future__ import annotations

from textual.app import ComposeResult

from outmail.engine import draft_pages as at
from outmail.engine.draft_pages import Page
from tui.screens.wizard.page import WizardPage
from tui.widgets.field import Field, Option

_POLICIES = (
    Option("rewrite", "Rewrite it", "The From address above replaces it; theirs becomes Reply-To."),
    Option("enforce", "Refuse the mail", "The program is told that it may not use that address."),
    Option("allow", "Let it pass", "Only where the server allows other senders."),
)


class SenderPage(WizardPage):
    """Sender name, From (the seed's 'Reply to'), Reply-To, and what becomes of another From."""

    page = Page.SENDER
    heading = "Who is the mail from?"

    def content(self) -> ComposeResult:
        draft = self.draft
        yield Field.text(
            at.SENDER_NAME,
            at.label(at.SENDER_NAME),
            draft.text(at.SENDER_NAME),
            placeholder="Example Help Desk",
            hint="Optional: shown beside the address.",
        )
        yield Field.text(
            at.FROM,
            at.label(at.FROM),
            draft.text(at.FROM),
            placeholder="helpdesk@example.org",
            hint="The From of all outgoing mail; replies come here.",
        )
        yield Field.text(
            at.REPLY_TO,
            at.label(at.REPLY_TO),
            draft.text(at.REPLY_TO),
            placeholder="desk@example.org",
            hint="Optional: when replies should go elsewhere.",
        )
        yield Field.choice(at.POLICY, at.label(at.POLICY), draft.text(at.POLICY), _POLICIES, tall=True)
