"""The wizard's stepper: all pages in order, which are done, and where the admin is."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import Static

from outmail.engine import draft_pages as at
from outmail.engine.draft_pages import Page
from tui.screens.wizard.session import Session


class Stepper(Static):
    """A column of page names with a mark before each."""

    def show(self, session: Session, here: Page) -> None:
        """Draw the pages; a page with an error that was shown is marked."""
        wrong = {session.draft.page_of(f) for f in session.problems() if f in session.looked_at}
        lines = []
        for page in session.draft.pages():
            title = at.TITLES[page]
            if page is here:
                lines.append(Content.styled(f"▸ {title}", "bold $text-accent"))
            elif page in wrong:
                lines.append(Content.styled(f"! {title}", "$text-error"))
            elif page in session.seen:
                lines.append(Content.assemble(("✓ ", "$text-success"), title))
            else:
                lines.append(Content.styled(f"  {title}", "dim"))
        self.update(Content("\n").join(lines))
