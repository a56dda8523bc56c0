"""The frame of every screen: where you are above, the keys below, the same keys for help and back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, TypeVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen, Screen
from textual.widget import Widget

from tui.widgets.banner import PRACTICE, KeyBar, TitleBar

Result = TypeVar("Result")


class Frame(Screen[Result]):
    """A whole screen. A subclass names its place and yields its body."""

    def place(self) -> str:
        """Where this is, for the line above: "check › support"."""
        raise NotImplementedError

    def body(self) -> Iterable[Widget]:
        """The widgets between the edges."""
        raise NotImplementedError

    def compose(self) -> ComposeResult:
        """Edges and body."""
        yield TitleBar(self.place(), PRACTICE if self.app.has_class("-practice") else "")
        yield from self.body()
        yield KeyBar()


class Dialog(ModalScreen[Result]):
    """A box over the screen; Escape always leaves it without doing anything."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Back", id="dialog.leave", tooltip="Leave without doing anything"),
    ]

    def heading(self) -> str:
        """The title on the box's edge."""
        raise NotImplementedError

    def body(self) -> Iterable[Widget]:
        """The widgets in the box."""
        raise NotImplementedError

    def compose(self) -> ComposeResult:
        """The box."""
        box = Vertical(*self.body(), id="box")
        # A title is read as markup; a profile's name must not be.
        box.border_title = self.heading().replace("[", "\\[")
        yield box
        yield KeyBar()

    def action_leave(self) -> None:
        """Close; the caller gets None."""
        self.dismiss(None)
