"""The wizard's page for Microsoft Graph, in place of the servers: cloud, endpoint, mailbox."""

from __future__ import annotations

from textual.app import ComposeResult

from outmail.engine import draft_pages as at
from outmail.engine.draft_ews import CARRIED
from outmail.engine.draft_pages import Note, Page
from outmail.engine.oauth_defaults import CLOUDS
from tui.screens.wizard.page import WizardPage
from tui.widgets.field import Field, Option

_CLOUDS = (
    *(Option(name, cloud.title) for name, cloud in CLOUDS.items()),
    Option("custom", "Another (custom)"),
)
_UNCERTAIN = (
    Option("hold", "Hold it", "You look whether it arrived, and send or drop it."),
    Option("send-again", "Send again", "Nobody need look; some mail may come twice."),
)
_HINTS = {
    at.ENDPOINT: "Filled in for the cloud; an address with https:// and no path.",
    at.USERNAME: "Whose mail it is. Empty: of whoever signs in.",
    at.UNCERTAIN: "When the answer got lost, and Sent Items cannot be read.",
}


class GraphPage(WizardPage):
    """Cloud, endpoint and mailbox, and what becomes of a mail that may have been taken."""

    page = Page.GRAPH
    heading = "Which Microsoft cloud is the mailbox in?"

    def content(self) -> ComposeResult:
        draft = self.draft
        yield Field.choice(
            at.GRAPH_CLOUD, at.label(at.GRAPH_CLOUD), draft.text(at.GRAPH_CLOUD), _CLOUDS, tall=True
        )
        for field, example in (
            (at.ENDPOINT, "https://graph.example.org"),
            (at.USERNAME, "helpdesk@example.org"),
        ):
            yield Field.text(field, draft.label(field), draft.text(field), placeholder=example)
        yield Field.choice(
            at.UNCERTAIN, at.label(at.UNCERTAIN), draft.text(at.UNCERTAIN), _UNCERTAIN, tall=True
        )

    def follow(self) -> None:
        super().follow()
        for field in self.query(Field):
            if field.key in _HINTS:
                field.set_hint(_HINTS[field.key] if field.has_focus_within else "")

    def notes(self) -> list[Note]:
        carried = [Note(self.page, CARRIED)] if self.session.from_ews else []
        return [*carried, *super().notes()]

    def on_descendant_focus(self) -> None:
        """The hint goes with the focus."""
        self.follow()
