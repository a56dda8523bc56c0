"""The frame of every screen: where you are above, the keys below, the same keys for help and back."""

from __future__ import annotations

from abc import abstractmethod
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

    @abstractmethod
    def place(self) -> str:
        """Where this is, for the line above: "check › support"."""

    @abstractmethod
    def body(self) -> Iterable[Widget]:
        """The widgets between the edges."""

    def aside(self) -> str:
        """What stands at the right of the line above."""
        return PRACTICE if self.app.has_class("-practice") else ""

    def keys(self) -> Widget:
        """The line below."""
        return KeyBar()

    def compose(self) -> ComposeResult:
        """Edges and body."""
        yield TitleBar(self.place(), self.aside())
        yield from self.body()
        yield self.keys()


class Dialog(ModalScreen[Result]):
    """A box over the screen; Escape always leaves it without doing anything."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Back", id="dialog.leave", tooltip="Leave without doing anything"),
    ]

    @abstractmethod
    def heading(self) -> str:
        """The title on the box's edge."""

    @abstractmethod
    def body(self) -> Iterable[Widget]:
        """The widgets in the box."""

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
