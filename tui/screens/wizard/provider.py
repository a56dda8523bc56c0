"""The wizard's provider page: an address or a name picks host, port and protection; or another server."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option as Row

from outmail.engine import draft_pages as at
from outmail.engine.draft import OTHER
from outmail.engine.draft_pages import Page
from outmail.engine.presets import PRESETS, Preset, by_address
from store.profiles import Security
from tui.screens.wizard.page import WizardPage
from tui.widgets.field import Field

_FIND = "find"
_TLS = {Security.STARTTLS: "STARTTLS", Security.TLS: "SMTPS", Security.NONE: "no TLS"}


def matching(words: str) -> list[Preset]:
    """The presets whose title, host, id or domains hold every word."""
    wanted = words.lower().split()
    return [
        preset
        for preset in PRESETS
        if all(w in " ".join([preset.id, preset.title, preset.host, *preset.domains]).lower() for w in wanted)
    ]


class ProviderList(OptionList):
    """Keeps the chosen provider in sight when notes beneath take room."""

    def on_resize(self) -> None:
        self.call_after_refresh(self.scroll_to_highlight)


class ProviderPage(WizardPage):
    """A list to filter; what is highlighted is chosen, and applied when the page is left."""

    page = Page.PROVIDER
    heading = "Who runs the mail server?"
    intro = "Type the address mail is sent from: a provider we know is found by it."

    def content(self) -> ComposeResult:
        self._applied = self.draft.text(at.PROVIDER)  # what host and port on the next page come from
        self._by_address = ""  # chosen by the address alone, and given up with it
        yield Field.text(
            at.MAILBOX,
            at.label(at.MAILBOX),
            self.draft.text(at.MAILBOX),
            placeholder="helpdesk@example.org",
        )
        yield Field.text(_FIND, "Find in the list", "", placeholder="a name, for example gmail")
        yield ProviderList(id="providers", compact=True, markup=False)
        yield Static("", id="fills-in", markup=False)

    async def arrive(self) -> None:
        self._fill("")
        await super().arrive()

    def current(self, key: str) -> str:
        if key != _FIND:
            return super().current(key)
        return next((f.value for f in self.query(Field) if f.key == _FIND), "")

    def changed(self, field: Field) -> None:
        if field.key != _FIND:
            super().changed(field)
            self._recognise()
        self._fill(self.current(_FIND))

    def collect(self) -> None:
        before = self.draft.text(at.MAILBOX)
        super().collect()
        if self.draft.text(at.MAILBOX) != before:
            self._recognise()

    def _recognise(self) -> None:
        """Choose the provider of the address, where it is one we know."""
        preset = by_address(self.draft.text(at.MAILBOX).strip())
        if preset:
            self.draft.texts[at.PROVIDER] = self._by_address = preset.id
        elif self._by_address and self.draft.text(at.PROVIDER) == self._by_address:
            self.draft.texts[at.PROVIDER], self._by_address = self._applied, ""

    def _fill(self, words: str) -> None:
        rows = self.query_one(OptionList)
        found = matching(words)
        chosen = self.draft.text(at.PROVIDER) or OTHER
        if chosen != OTHER and chosen not in [p.id for p in found] and not words:
            chosen = OTHER
        with self.prevent(OptionList.OptionHighlighted):
            rows.clear_options()
            rows.add_option(Row(Content("Another server – its name comes on the next page"), id=OTHER))
            rows.add_options(Row(Content(preset.title), id=preset.id) for preset in found)
        ids = [OTHER, *(p.id for p in found)]
        if chosen not in ids or (words.strip() and chosen == OTHER and found):
            chosen = ids[1] if found else OTHER
        rows.highlighted = ids.index(chosen)
        self._choose(chosen)

    def _choose(self, chosen: str) -> None:
        if chosen != (self.draft.text(at.PROVIDER) or OTHER):
            self.draft.texts[at.PROVIDER] = chosen
        self.follow()
        self.call_after_refresh(self.query_one(OptionList).scroll_to_highlight)

    def follow(self) -> None:
        super().follow()
        preset = self.session.preset
        words = ""
        if preset:
            host = preset.host_for(self.draft.text(at.MAILBOX))
            words = f"{host or 'a server you name'}, port {preset.port}, {_TLS[preset.security]}"
        self.query_one("#fills-in", Static).update(f"→ {words}" if words else "")

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        if event.option_id and self.query_one(OptionList).has_focus:
            self._choose(event.option_id)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        if event.option_id:
            self._choose(event.option_id)
        self.post_message(self.Forward())

    def leave(self, *, forward: bool) -> bool:
        if (self.draft.text(at.PROVIDER) or OTHER) != self._applied:
            chosen = self.session.preset
            self.draft.texts[at.PROVIDER] = self._applied  # what it was, so that its host can be told
            self.draft.apply_preset(chosen)
            self._applied = self.draft.text(at.PROVIDER)
        return True
