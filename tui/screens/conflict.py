"""Somebody else saved the settings meanwhile: shows who, when and what, and lets the admin choose."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widget import Widget
from textual.widgets import Static

from tui.screens.frame import Dialog
from tui.widgets.finding import Pair

if TYPE_CHECKING:
    from store.changes import Change

_MOST = 200


class ConflictDialog(Dialog[bool]):
    """Closes with True to take theirs and look again, with None to keep editing; neither saves."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "t", "take", "Take theirs", id="conflict.take", tooltip="Read their settings, and look again"
        ),
        Binding(
            "escape,k",
            "leave",
            "Keep editing",
            id="conflict.keep",
            tooltip="Go back with what you have; it is not saved",
        ),
    ]

    def __init__(self, who: str, when: datetime | None, changes: Sequence[Change]) -> None:
        super().__init__()
        self._who = who
        self._when = when
        self._changes = changes

    def heading(self) -> str:
        """What happened."""
        return "! the settings changed meanwhile"

    def body(self) -> Iterable[Widget]:
        """Who and when, then the fields."""
        when = f" at {self._when.astimezone():%Y-%m-%d %H:%M:%S}" if self._when else ""
        yield Static(f"{self._who or 'Somebody'} saved{when}:", markup=False, classes="dialog-title")
        yield VerticalScroll(*self._fields(), id="changes")
        yield Static("Nothing of yours was saved.", markup=False)
        yield Static("t  take theirs and look again     k  keep editing", markup=False, classes="dialog-keys")

    def _fields(self) -> Iterable[Widget]:
        for change in self._changes[:_MOST]:
            yield Static(change.field, markup=False, classes="change-field")
            yield Pair("  was", change.old or "not set")
            yield Pair("  is now", change.new or "not set")
        if not self._changes:
            yield Static("No field differs.", markup=False)

    def action_take(self) -> None:
        """Close with the wish to see theirs."""
        self.dismiss(True)
