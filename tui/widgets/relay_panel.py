"""How the relay stands, for the home screen: whether it runs, what is in the queue, and how much was sent.

It draws only what differs from what it drew before.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.geometry import Size
from textual.widget import Widget
from textual.widgets import Static

from transports.base import Status
from tui.relay_words import counts_line, graph, rate_words, relay_line
from tui.theme import COLOURS, MARKS

if TYPE_CHECKING:
    from tui.helm import RelayNews

_TEN_MINUTES = 60  # numbers of ten seconds


class RateLine(Widget):
    """The mails of the last ten minutes as bars, the newest at the right, and the same in words."""

    ALLOW_SELECT = False

    def __init__(self) -> None:
        super().__init__()
        self._rate: tuple[int, ...] = ()

    def tell(self, rate: tuple[int, ...]) -> None:
        """Draw these numbers."""
        if rate != self._rate:
            self._rate = rate
            self.refresh()

    def render(self) -> Content:
        """One line; where it is narrow, the oldest bars are left out."""
        width = self.content_size.width
        words = rate_words(self._rate, brief=width < 100)
        label = Content.styled("rate: ", "$foreground")
        if not any(self._rate[-_TEN_MINUTES:]):
            return label + Content.styled(words, "$muted")
        room = min(_TEN_MINUTES, width - label.cell_length - len(words) - 1)
        bars = graph(self._rate, room, plain=self.app.has_class("-plain")).rjust(max(room, 0))
        return (
            label + Content.styled(bars, "$text-accent") + Content.styled(f" {words}", "$muted")
        ).truncate(width)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """One line."""
        return 1


class RelayPanel(Vertical):
    """Three lines at most."""

    def compose(self) -> ComposeResult:
        """Nothing is known yet."""
        yield Static("· relay: …", id="relay-state", markup=False)
        yield Static("", id="relay-queue", markup=False)
        yield RateLine()

    def on_mount(self) -> None:
        """As long as nothing is known, there is one line."""
        self._told: tuple[str, str] = ("", "")
        self.query_one("#relay-queue").display = False
        self.query_one(RateLine).display = False

    def tell(self, news: RelayNews, now: datetime) -> None:
        """Draw this."""
        state, urgent = relay_line(news, now)
        status = news.status
        queue = counts_line(status.counts) if status else ""
        if (state, queue) != self._told:
            self._told = (state, queue)
            line = self.query_one("#relay-state", Static)
            look = Status.WARN if urgent else Status.PASS if status and status.running else None
            line.update(Content.styled(f"{MARKS[look]} {state}", COLOURS[look]))
            told = self.query_one("#relay-queue", Static)
            told.update(queue)
            told.display = bool(queue)
        rate = self.query_one(RateLine)
        rate.display = status is not None and status.running
        rate.tell(status.rate if status else ())
