"""The wizard's last page: where the profile is kept, and the one moment at which it is written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Static

from outmail.engine import draft_pages as at
from outmail.engine.draft_pages import Note, Page
from store.changes import Change
from store.errors import StoreError
from store.problems import SettingsInvalid
from tui.screens.wizard.page import WizardPage
from tui.widgets.field import Field, Option

if TYPE_CHECKING:
    from store.vault import SettingsChanged

_DEFAULT = "default"
_AFTER = "after-conflict"
_MOST_CHANGES = 12
_WAYS = (
    Option("look", "Look again", "Keep what you typed, take over the rest of theirs, and review it."),
    Option("over", "Save over it", "This profile is saved as you have it; theirs of it is gone."),
)


class SavePage(WizardPage):
    """Save it; when somebody else saved meanwhile, say so before anything is written."""

    page = Page.SAVE
    heading = "Save the profile"
    notes_first = True

    def content(self) -> ComposeResult:
        self._conflict: SettingsChanged | None = None
        self._way = "look"
        self._told: list[Note] = []
        yield Field.switch(
            _DEFAULT, "Default profile", self.current(_DEFAULT), hint="Used wherever no profile is named."
        )
        yield Static(self._where(), id="where", markup=False)
        yield Static(self._proof(), id="proof", markup=False)
        yield Vertical(id="conflict")

    def _where(self) -> str:
        folder = self.session.where
        done = "✓ Saved, encrypted, in" if self.session.saved else "It will be saved, encrypted, in"
        return f"{done} {folder}\nOnly this account can read it."

    def _proof(self) -> str:
        checked = "skipped"
        if self.session.proven and self.session.report:
            checked = "passed" if self.session.report.ok else "failed"
        sent = self.session.sent if self.session.sent_with == self.draft else None
        sample = "not sent" if sent is None else "sent" if sent.ok else "failed"
        return f"Live check: {checked} · Sample mail: {sample}"

    def current(self, key: str) -> str:
        if key == _DEFAULT:
            return "yes" if self.session.make_default else "no"
        return self._way if key == _AFTER else super().current(key)

    def take(self, key: str, text: str) -> None:
        if key == _DEFAULT:
            self.session.make_default = text == "yes"
        elif key == _AFTER:
            self._way = text

    def shows(self, key: str) -> bool:
        return key == _AFTER or not (self.session.saved or self._conflict)

    def notes(self) -> list[Note]:
        return self._told

    def save(self) -> bool:
        """Write the profile; False when it was not, and the page says why."""
        from store.vault import SettingsChanged  # cryptography takes its time; the first page need not wait

        try:
            settings = self.draft.settings(self.session.settings, default=self.session.make_default)
            changes = self.session.workspace.save(settings)
        except SettingsChanged as changed:
            self._conflict = changed
            self._show_conflict(changed)
            return False
        except StoreError as error:
            self._told = [self._bad(f"{error.what}: {error.why}. {error.remedy}")]
        except SettingsInvalid as error:
            self._told = [self._bad(str(error))]
        else:
            self.session.saved = True
            warnings = [self.session.workspace.warning, self.session.keep_sign_in()]
            self._told = [
                Note(self.page, _summary(changes)),
                *(Note(self.page, f"Saved, but {words}.", urgent=True) for words in warnings if words),
            ]
            self.query_one("#where", Static).update(self._where())
        self.follow()
        return self.session.saved

    def _bad(self, words: str) -> Note:
        return Note(self.page, f"Not saved: {words}", urgent=True)

    def _show_conflict(self, changed: SettingsChanged) -> None:
        when = changed.when.astimezone().strftime("%Y-%m-%d %H:%M") if changed.when else "meanwhile"
        words = f"Not saved: {changed.who or 'somebody'} saved the settings {when}, while you were editing."
        self._told = [Note(self.page, "\n".join([words, *_lines(changed.changes)]), urgent=True)]
        place = self.query_one("#conflict", Vertical)
        if not place.children:
            field = Field.choice(_AFTER, "What now", self._way, _WAYS, tall=True)
            place.mount(field)
            self.call_after_refresh(field.enter)
        self.follow()

    def settle(self) -> bool:
        """Do what the admin chose after a conflict; True when it is saved."""
        self.session.workspace.reload()
        self._conflict = None
        if self._way == "over":
            if self.draft.original not in self.session.settings.profiles:
                self.draft.original = None
            self.query_one("#conflict", Vertical).remove_children()
            return self.save()
        self.draft.rebase(self.session.begun, self.session.settings)
        self.session.news = self._told
        self.post_message(self.GoTo(Page.REVIEW))
        return False

    @property
    def in_conflict(self) -> bool:
        """Whether the admin has to choose what to do about another's changes."""
        return self._conflict is not None

    def next_words(self) -> str:
        if self.session.saved:
            return "Done"
        return "Go on" if self._conflict else f"Save {self.draft.text(at.NAME).strip()}"


def _lines(changes: list[Change]) -> list[str]:
    shown = [f"  {c.field}: {c.old or '–'} → {c.new or '–'}" for c in changes[:_MOST_CHANGES]]
    more = len(changes) - _MOST_CHANGES
    return [*shown, f"  and {more} more"] if more > 0 else shown


def _summary(changes: list[Change]) -> str:
    if not changes:
        return "Nothing was different from what is saved."
    count = f"{len(changes)} settings" if len(changes) > 1 else "1 setting"
    return f"{count} changed; outmail history shows them."
