"""The wizard's review: every setting on one page, what is still wrong, and the way to each of them."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option as Row

from outmail.engine import draft_pages as at
from outmail.engine.draft_pages import Note, Page
from outmail.engine.draft_words import summary
from tui.screens.wizard.page import WizardPage
from tui.widgets.beside import Beside
from tui.widgets.field import Field


class ReviewPage(WizardPage):
    """The profile's name, and a list of what was answered; Enter on a line goes to its field."""

    page = Page.REVIEW
    heading = "Is this right?"

    def content(self) -> ComposeResult:
        self.draft.suggest_name(self.session.settings)
        yield Field.text(
            at.NAME, at.label(at.NAME), self.draft.text(at.NAME), hint="Letters, digits, dots and dashes."
        )
        yield Static("", id="to-correct", markup=False)
        yield OptionList(id="answers", compact=True, markup=False)

    def follow(self) -> None:
        super().follow()
        wrong = self.session.problems()
        self.session.looked_at |= set(wrong)
        told = self.query_one("#to-correct", Static)
        told.display = bool(wrong)
        told.update("\n".join(f"! {self.draft.label(f)} {words}" for f, words in wrong.items()))
        rows = self.query_one("#answers", OptionList)
        kept = rows.highlighted
        rows.clear_options()
        lines = summary(self.draft)
        column = max((len(self.draft.label(field)) for field, _ in lines), default=0) + 4
        rows.add_options(
            Row(_line(self.draft.label(f), shown, f in wrong, column), id=f) for f, shown in lines
        )
        if lines:
            rows.highlighted = min(kept or 0, len(lines) - 1)

    def notes(self) -> list[Note]:
        return [*super().notes(), *self.session.news]

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        if event.option_id:
            self.post_message(self.GoTo(self.draft.page_of(event.option_id), event.option_id))

    def leave(self, *, forward: bool) -> bool:
        if forward and self.session.problems():
            self.notify("Correct what is marked first: ctrl+g goes to the first of them.", severity="error")
            return False
        return True

    def other_keys(self) -> list[tuple[str, str]]:
        keys = [*self.keys_to_graph(), ("ctrl+s", "Save now")]
        return [("ctrl+g", "Go and correct"), *keys] if self.session.problems() else keys


def _line(label: str, shown: str, wrong: bool, column: int) -> Beside:
    label = f"{'! ' if wrong else '  '}{label}"
    return Beside(
        Content.styled(label, "$text-error" if wrong else "$text-muted"), Content(shown or "–"), column
    )
