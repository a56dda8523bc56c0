"""Boxes over a screen: an error with its remedy, and a question before something is removed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widget import Widget
from textual.widgets import Static

from tui.said import Trouble
from tui.screens.frame import Dialog
from tui.widgets.finding import pairs


class TroubleDialog(Dialog[None]):
    """Says what happened, why, and what to do next."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "leave", "Close", id="trouble.close", tooltip="Close this message"),
    ]

    def __init__(self, trouble: Trouble) -> None:
        super().__init__()
        self._trouble = trouble

    def heading(self) -> str:
        """The mark tells, not the colour alone."""
        return "✗ error"

    def body(self) -> Iterable[Widget]:
        """What, why, remedy."""
        rows = [("Why", self._trouble.why), ("Do this", self._trouble.remedy)]
        yield VerticalScroll(
            Static(self._trouble.what, markup=False, classes="dialog-title"),
            *pairs([(label, text) for label, text in rows if text]),
            can_focus=True,
        )


class ConfirmDialog(Dialog[bool]):
    """Asks before something that cannot be taken back; only y does it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "agree", "Yes", id="confirm.yes", tooltip="Do it"),
        Binding("n,enter", "leave", "No", id="confirm.no", tooltip="Leave everything as it is"),
    ]

    def __init__(self, question: str, consequence: str, title: str) -> None:
        super().__init__()
        self._question = question
        self._consequence = consequence
        self._title = title

    def heading(self) -> str:
        """What is asked about."""
        return self._title

    def body(self) -> Iterable[Widget]:
        """The question, and what follows from yes."""
        yield Static(self._question, markup=False, classes="dialog-title")
        yield Static(self._consequence, markup=False)
        yield Static("y  yes, do it     n  no, leave it", markup=False, classes="dialog-keys")

    def action_agree(self) -> None:
        """Close with yes."""
        self.dismiss(True)
