"""A table for the keyboard with as many rows as there are mails: only those on the screen are drawn.

A row is made when it is drawn, so that ten thousand cost no more than twenty. Cells are plain text and
never read as markup.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar, Generic, TypeVar

from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.visual import Visual
from textual.widget import Widget

from tui.widgets.rows import Cell, Column, line_of, widths_of

Item = TypeVar("Item")
_NEAR_END = 50  # rows


class LongRows(ScrollView, Generic[Item], can_focus=True):
    """Shows items; `cells` makes a row of one, `key` is what it is recognised by when the rows change."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"long-rows--row", "long-rows--selected"}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", "Up", show=False, id="long.up", tooltip="Select the row above"),
        Binding("down", "move(1)", "Down", show=False, id="long.down", tooltip="Select the row below"),
        Binding("home", "first", "First", show=False, id="long.first", tooltip="Select the first row"),
        Binding(
            "end", "last", "Last", show=False, id="long.last", tooltip="Select the last row that is loaded"
        ),
        Binding("pageup", "page(-1)", "Page up", show=False, id="long.page_up", tooltip="A page up"),
        Binding("pagedown", "page(1)", "Page down", show=False, id="long.page_down", tooltip="A page down"),
    ]

    class Moved(Message):
        """Another row is selected."""

    class NearEnd(Message):
        """The selection comes near to the last row: if there are more, load them now."""

    def __init__(
        self,
        columns: Sequence[Column],
        cells: Callable[[Item], tuple[Cell, ...]],
        key: Callable[[Item], str],
        *,
        id: str | None = None,  # noqa: A002 - Textual's name
    ) -> None:
        super().__init__(id=id)
        self.columns = tuple(columns)
        self._cells = cells
        self._key = key
        self._items: Sequence[Item] = ()
        self._at = 0

    @property
    def selected(self) -> Item | None:
        """The selected item."""
        return self._items[self._at] if self._items else None

    def show(self, items: Sequence[Item]) -> None:
        """Replace the items; the selection stays on its item, or at its height. The same draws nothing."""
        before, chosen = self._items, self.selected
        if items == before:
            return
        self._items = items
        self._at = self._found(chosen)
        if len(items) != len(before):
            self.virtual_size = Size(self.scrollable_content_region.width, len(items))
        self._keep_in_view()
        if len(items) != len(before):
            self.refresh()
            return
        top = self.scroll_offset.y
        for y in range(top, min(top + self.size.height, len(items))):
            if items[y] != before[y] or y == self._at:
                self._draw(y)

    def _found(self, chosen: Item | None) -> int:
        """Where the selection goes; its own place is tried first, since little changes at a time."""
        last = max(len(self._items) - 1, 0)
        if chosen is None:
            return 0
        key = self._key(chosen)
        if self._at <= last and self._items and self._key(self._items[self._at]) == key:
            return self._at
        return next((n for n, item in enumerate(self._items) if self._key(item) == key), min(self._at, last))

    # --- moving

    def action_move(self, by: int) -> None:
        """Up or down."""
        self._go(self._at + by)

    def action_page(self, pages: int) -> None:
        """A screenful, less the line that shows where one was."""
        self._go(self._at + pages * max(self.size.height - 1, 1))

    def action_first(self) -> None:
        """To the top."""
        self._go(0)

    def action_last(self) -> None:
        """To the last one that is loaded."""
        self._go(len(self._items) - 1)

    def _go(self, to: int) -> None:
        before, last = self._at, len(self._items) - 1
        self._at = min(max(to, 0), max(last, 0))
        if self._at != before:
            self._draw(before)
            self._draw(self._at)
            self._keep_in_view()
            self.post_message(self.Moved())
        if last - self._at < _NEAR_END:
            self.post_message(self.NearEnd())

    def _keep_in_view(self) -> None:
        top, height = self.scroll_offset.y, self.size.height
        if self._at < top:
            self.scroll_to(y=self._at, animate=False, immediate=True)
        elif height and self._at >= top + height:
            self.scroll_to(y=self._at - height + 1, animate=False, immediate=True)

    def on_click(self, event: events.Click) -> None:
        """The mouse selects, too."""
        self._go(self.scroll_offset.y + event.y)

    # --- drawing

    def _draw(self, row: int) -> None:
        self.refresh(Region(0, row - self.scroll_offset.y, self.size.width, 1))

    def render_line(self, y: int) -> Strip:
        """One row, made now."""
        row, width = self.scroll_offset.y + y, self.scrollable_content_region.width
        if row >= len(self._items):
            return Strip.blank(width, self.get_visual_style("long-rows--row").rich_style)
        names = ["long-rows--row", *(["long-rows--selected"] if row == self._at else [])]
        room = max(width - 2, 1)
        text = Content(" ") + self.line(self._cells(self._items[row]), room) + Content(" ")
        style = self.get_visual_style(*names)
        strip = Visual.to_strips(self, text, width, 1, style, pad=True)[0]
        if self.app.native_ansi_color and row == self._at:
            # With few colours or none the selection is seen by reverse alone.
            return strip.apply_style(Style(reverse=self.has_focus, bold=True))
        return strip

    def line(self, cells: Sequence[Cell], width: int) -> Content:
        """The cells side by side, in the columns that have room."""
        return line_of(cells, widths_of(self.columns, width), width)

    def on_focus(self) -> None:
        """The selected row looks otherwise."""
        self._draw(self._at)

    def on_blur(self) -> None:
        """The selected row looks otherwise."""
        self._draw(self._at)

    def on_resize(self) -> None:
        """As wide as there is room; the selection stays in view."""
        self.virtual_size = Size(self.scrollable_content_region.width, len(self._items))
        self._keep_in_view()


class LongRowsHead(Widget):
    """The titles above the columns."""

    ALLOW_SELECT = False

    def __init__(self, columns: Sequence[Column]) -> None:
        super().__init__()
        self._columns = tuple(columns)

    def render(self) -> Content:
        """One line."""
        width = self.content_size.width
        titles = [column.title for column in self._columns]
        return line_of(titles, widths_of(self._columns, width), width).stylize("bold $muted")

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """One line."""
        return 1
