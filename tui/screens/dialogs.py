"""Boxes over a screen: an error with its remedy, a question before something is removed, and a choice."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widget import Widget
from textual.widgets import OptionList, Static

from tui.said import Trouble
from tui.screens.frame import Dialog
from tui.widgets.finding import pairs
from tui.widgets.rows import Column, Row, Rows


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


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several things to do: an id, its name, and what follows from it, a sentence."""

    id: str
    label: str
    means: str = ""


class ChooseDialog(Dialog[str]):
    """Asks which of several things to do; closes with the id of the choice, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "enter", "choose", "Choose", id="choose.choose", priority=True, tooltip="Do what is selected"
        ),
    ]

    def __init__(self, question: str, choices: Sequence[Choice], title: str, *, now: str = "") -> None:
        """`now` is the choice that is selected at first; else the first one is."""
        super().__init__()
        self._question = question
        self._choices = {choice.id: choice for choice in choices}
        self._title = title
        self._now = now

    def heading(self) -> str:
        """What is asked about."""
        return self._title

    def body(self) -> Iterable[Widget]:
        """The question, a choice a line, and what the selected one means."""
        yield Static(self._question, markup=False, classes="dialog-title")
        yield Rows((Column("Choice", 20, grow=1),))
        yield Static("", markup=False, classes="dialog-means")

    def on_mount(self) -> None:
        """The keys go to the list."""
        rows = self.query_one(Rows)
        rows.show([Row(choice.id, (choice.label,)) for choice in self._choices.values()])
        if self._now:
            rows.select(self._now)
        rows.focus()

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        """Tell what it means."""
        event.stop()
        choice = self._choices.get(event.option_id or "")
        means = self.query_one(".dialog-means", Static)
        means.update(choice.means if choice else "")
        means.display = bool(choice and choice.means)

    def action_choose(self) -> None:
        """Chosen."""
        self.dismiss(self.query_one(Rows).selected)
