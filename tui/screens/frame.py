"""The frame of every screen: where you are and what must not be overlooked above, the keys below."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from typing import ClassVar, TypeVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen, Screen
from textual.widget import Widget

from tui.helm import RelayNews, RelayTold, Watching
from tui.relay_words import banner
from tui.widgets.banner import PRACTICE, BannerLine, KeyBar, TitleBar

Result = TypeVar("Result")


class Frame(Screen[Result]):
    """A whole screen. A subclass names its place and yields its body."""

    AT_HOME: ClassVar[bool] = False  # whether the keys that steer delivery are this screen's

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
        yield BannerLine(id="relay-banner")
        yield from self.body()
        yield self.keys()

    @on(events.Mount)
    def _know_of_relay(self) -> None:
        """What is known of the relay already."""
        if isinstance(self.app, Watching):
            self._tell_banner(self.app.relay_news)

    def on_relay_told(self, message: RelayTold) -> None:
        """The relay stands otherwise."""
        self._tell_banner(message.news)

    def _tell_banner(self, news: RelayNews) -> None:
        if isinstance(self.app, Watching):
            words = banner(news, self.app.clock(), at_home=self.AT_HOME)
            self.query_one("#relay-banner", BannerLine).tell(words)


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
