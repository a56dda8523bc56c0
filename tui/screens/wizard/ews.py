"""The wizard's page for Exchange Web Services, in place of the servers: URL, user name, copies."""

from __future__ import annotations

from textual.app import ComposeResult

from outmail.engine import draft_pages as at
from outmail.engine.draft_ews import completed
from outmail.engine.draft_pages import Page
from tui.screens.wizard.page import WizardPage
from tui.widgets.field import Field, Option

_UNCERTAIN = (
    Option("hold", "Hold it", "You look whether it arrived, and send or drop it."),
    Option("send-again", "Send again", "Nobody need look; some mail may come twice."),
)
_HINTS = {
    at.EWS_URL: "A host name is enough: the rest is filled in.",
    at.USERNAME: "user@domain or DOMAIN\\user; with OAuth the mailbox.",
    at.KEEP_COPY: "In Sent Items; a mail whose answer got lost is looked for there.",
    at.EWS_UNCERTAIN: "When the answer got lost, and there is no copy to look for.",
}


class EwsPage(WizardPage):
    """Where Exchange is, whose mailbox, whether copies are kept, and what becomes of an uncertain mail."""

    page = Page.EWS
    heading = "Where is the Exchange server?"

    def content(self) -> ComposeResult:
        draft = self.draft
        for field, example in (
            (at.EWS_URL, "mail.example.org"),
            (at.USERNAME, "helpdesk@example.org"),
        ):
            yield Field.text(field, draft.label(field), draft.text(field), placeholder=example)
        yield Field.switch(at.KEEP_COPY, at.label(at.KEEP_COPY), draft.text(at.KEEP_COPY))
        yield Field.choice(
            at.EWS_UNCERTAIN, at.label(at.EWS_UNCERTAIN), draft.text(at.EWS_UNCERTAIN), _UNCERTAIN, tall=True
        )

    def follow(self) -> None:
        super().follow()
        for field in self.query(Field):
            field.set_hint(_HINTS[field.key] if field.has_focus_within else "")

    def on_descendant_focus(self) -> None:
        """The hint goes with the focus."""
        self.follow()

    def on_field_left(self, event: Field.Left) -> None:
        """What was left out of the URL is filled in, for the admin to see."""
        if event.field.key == at.EWS_URL:
            self._complete()
        super().on_field_left(event)

    def collect(self) -> None:
        super().collect()
        self._complete()

    def _complete(self) -> None:
        text = self.draft.text(at.EWS_URL)
        if completed(text) != text:
            self.draft.type(at.EWS_URL, completed(text))

    def other_keys(self) -> list[tuple[str, str]]:
        return self.keys_to_graph()
