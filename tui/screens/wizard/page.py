"""What every page of the wizard has: a heading, its fields, its notes, and a word on what Enter does next."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.message import Message
from textual.widgets import Static

from outmail.engine import draft_pages as at
from outmail.engine.draft_pages import Note, Page
from outmail.engine.draft_words import notes_on
from tui.screens.wizard.session import Session
from tui.widgets.field import Field


class WizardPage(VerticalScroll, can_focus=False, inherit_bindings=False):
    """One page; it draws the session's answers and types into them, and holds nothing itself.

    It takes no scroll keys of its own, so that PageUp and PageDown turn pages everywhere.
    """

    page: Page
    heading = ""
    intro = ""
    notes_first = False

    class GoTo(Message):
        """The admin wants another field or page."""

        def __init__(self, page: Page, field: str = "") -> None:
            super().__init__()
            self.page = page
            self.field = field

    class Forward(Message):
        """The page is done with; on to the next."""

    class KeysChanged(Message):
        """What the keys do here is different now."""

    def __init__(self, session: Session) -> None:
        super().__init__(id=f"page-{self.page}", classes="wizard-page")
        self.session = session
        self.draft = session.draft
        self._noted: list[tuple[str, bool]] = []  # the notes that stand on the page

    def compose(self) -> ComposeResult:
        yield Static(self.heading, classes="page-heading" + ("" if self.intro else " -alone"), markup=False)
        if self.intro:
            yield Static(self.intro, classes="page-intro", markup=False)
        if self.notes_first:
            yield Vertical(classes="page-notes")
        yield from self.content()
        if not self.notes_first:
            yield Vertical(classes="page-notes")

    def content(self) -> ComposeResult:
        """The fields."""
        yield from ()

    async def on_mount(self) -> None:
        """Show what is known already."""
        await self.arrive()

    async def arrive(self) -> None:
        """The page is on the screen: draw what depends on other pages."""
        self.follow()

    def follow(self) -> None:
        """After a change: values that follow, fields that come or go, errors and notes."""
        wrong = self.session.problems()
        for field in self.query(Field):
            if not field.being_typed:
                field.put(self.current(field.key))
            field.display = self.shows(field.key)
            field.error = wrong.get(field.key, "") if field.key in self.session.looked_at else ""
        self._show_notes([(note.text, note.urgent) for note in self.notes()])

    def current(self, key: str) -> str:
        """The text to show for a field."""
        return self.draft.text(key)

    def shows(self, key: str) -> bool:
        """Whether the field has a meaning with the answers as they are."""
        return True

    def take(self, key: str, text: str) -> None:
        """The admin typed or chose something."""
        self.draft.type(key, text)

    def notes(self) -> list[Note]:
        """What the admin should know on this page."""
        return notes_on(self.draft, self.page, self.session.preset, self.session.settings.profiles)

    def _show_notes(self, wanted: list[tuple[str, bool]]) -> None:
        if wanted == self._noted:
            return
        self._noted = wanted
        place = self.query_one(".page-notes", Vertical)
        place.remove_children()
        place.mount_all(
            Static(text, markup=False, classes="note -urgent" if urgent else "note")
            for text, urgent in wanted
        )

    def on_field_changed(self, event: Field.Changed) -> None:
        event.stop()
        # The field itself is read, not the message: who types fast is ahead of it.
        self.changed(event.field)

    def changed(self, field: Field) -> None:
        """A field says something else now."""
        if field.heard() != self.current(field.key):
            self.take(field.key, field.value)
            self.follow()
            self.post_message(self.KeysChanged())

    def collect(self) -> None:
        """Take over what was typed and has not been heard of yet, before the page is left."""
        for field in self.query(Field):
            if field.display and field.heard() != self.current(field.key):
                self.take(field.key, field.value)

    def on_field_left(self, event: Field.Left) -> None:
        event.stop()
        if self.is_attached and not self.session.saved:
            self.session.looked_at.add(event.field.key)
            self.follow()

    def on_field_accepted(self, event: Field.Accepted) -> None:
        event.stop()
        self.accepted()

    def accepted(self) -> None:
        """Enter was pressed in an input."""
        self.post_message(self.Forward())

    def focus_on(self, key: str = "") -> None:
        """Put the focus on a field, or on the page's first."""
        fields = [f for f in self.query(Field) if f.display]
        found = [f for f in fields if f.key == key] or fields[:1]
        if found:
            found[0].enter()

    def leave(self, *, forward: bool) -> bool:
        """The admin turns the page; False when something must happen here first."""
        return True

    @property
    def busy(self) -> bool:
        """Whether something runs that Escape would cancel."""
        return False

    def cancel(self) -> bool:
        """Cancel what runs; False when nothing does."""
        return False

    def field_to_correct(self) -> str:
        """The field that the first error or finding is about, "" when nothing is wrong."""
        return next(iter(self.session.problems()), "")

    def next_words(self) -> str:
        """What Enter does here."""
        pages = self.draft.pages()
        here = pages.index(self.page)
        return f"Next: {at.TITLES[pages[here + 1]]}" if here + 1 < len(pages) else "Save"

    def keys_to_graph(self) -> list[tuple[str, str]]:
        """The key that takes Microsoft Graph in place of what is ending, where that is."""
        return [("ctrl+o", "Graph instead")] if self.draft.offers_graph() else []

    def other_keys(self) -> list[tuple[str, str]]:
        """Keys that only this page has, with a word for each."""
        return []
