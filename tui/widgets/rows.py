"""A table for the keyboard: a head, rows that always fit the width, and one selected row.

Cells are plain text: what a server or a file says is never read as markup.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.geometry import Size
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import OptionList
from textual.widgets.option_list import Option

_GAP = 2


@dataclass(frozen=True, slots=True)
class Column:
    """`width` in cells is the least, `grow` its share of the rest; it is shown from `from_width` on."""

    title: str
    width: int
    grow: int = 0
    from_width: int = 0


Cell = str | Content


@dataclass(frozen=True, slots=True)
class Row:
    """An id that messages carry, and a cell for each column."""

    id: str
    cells: tuple[Cell, ...]


class RowsHead(Widget):
    """The titles above the columns."""

    ALLOW_SELECT = False

    def __init__(self, rows: Rows) -> None:
        super().__init__()
        self._rows = rows
        rows.headed_by(self)

    def render(self) -> Content:
        """One line."""
        titles: tuple[Cell, ...] = tuple(c.title for c in self._rows.columns)
        return self._rows.line(titles, self.content_size.width).stylize("bold $muted")

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """One line."""
        return 1


class Rows(OptionList):
    """The rows; Up, Down, Home, End and the page keys move, Enter posts OptionSelected with the row's id."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "cursor_up", "Up", show=False, id="rows.up", tooltip="Select the row above"),
        Binding("down", "cursor_down", "Down", show=False, id="rows.down", tooltip="Select the row below"),
        Binding("home", "first", "First", show=False, id="rows.first", tooltip="Select the first row"),
        Binding("end", "last", "Last", show=False, id="rows.last", tooltip="Select the last row"),
        Binding("pageup", "page_up", "Page up", show=False, id="rows.page_up", tooltip="A page up"),
        Binding("pagedown", "page_down", "Page down", show=False, id="rows.page_down", tooltip="A page down"),
    ]

    def __init__(self, columns: Sequence[Column], *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, compact=True, markup=False)
        self.columns = tuple(columns)
        self._rows: tuple[Row, ...] = ()
        self._head: RowsHead | None = None

    def headed_by(self, head: RowsHead) -> None:
        """The titles that follow the widths of these columns."""
        self._head = head

    def line(self, cells: Sequence[Cell], width: int) -> Content:
        """The cells side by side, cut and padded to the columns that have room."""
        parts = []
        for room, cell in zip(self._widths(width), cells, strict=True):
            if room:
                text = cell if isinstance(cell, Content) else Content(cell)
                parts.append(text.truncate(room, ellipsis=True, pad=True))
        return Content(" " * _GAP).join(parts).truncate(width)

    def _widths(self, width: int) -> list[int]:
        """Each column's cells: the least, then what its longest cell needs, then a share; 0: hidden."""
        rooms = [c.width if width >= c.from_width else 0 for c in self.columns]
        spare = max(0, width - sum(rooms) - _GAP * (sum(map(bool, rooms)) - 1))
        growing = [place for place, c in enumerate(self.columns) if c.grow and rooms[place]]
        for place in growing:
            need = max((_cells(row.cells[place]) for row in self._rows), default=0) - rooms[place]
            more = min(max(need, 0), spare)
            rooms[place] += more
            spare -= more
        shares = sum(self.columns[place].grow for place in growing) or 1
        for place in growing:
            rooms[place] += spare * self.columns[place].grow // shares
        return rooms

    def show(self, rows: Sequence[Row]) -> None:
        """Replace the rows; the selection stays on its row where that is still there."""
        here = self.selected
        self._rows = tuple(rows)
        if self._head:
            self._head.refresh()
        self.set_options([Option(self.line(r.cells, self._room), id=r.id) for r in self._rows])
        if self._rows:
            ids = [r.id for r in self._rows]
            self.highlighted = ids.index(here) if here in ids else 0

    @property
    def selected(self) -> str | None:
        """The selected row's id."""
        option = self.highlighted_option
        return option.id if option else None

    def select(self, row_id: str) -> None:
        """Put the selection on this row, where it exists."""
        for place, row in enumerate(self._rows):
            if row.id == row_id:
                self.highlighted = place

    @property
    def _room(self) -> int:
        return max(1, self.scrollable_content_region.width - 2)

    def render_line(self, y: int) -> Strip:
        """A row is one line. With few colours or none the selected one is reversed.

        Textual's option list drops the style `reverse` on the way to the line, and without it the
        selection would not be seen there at all.
        """
        strip = super().render_line(y)
        if self.app.native_ansi_color and self.scroll_offset.y + y == self.highlighted:
            return strip.apply_style(Style(reverse=self.has_focus, bold=True))
        return strip

    def on_resize(self, event: events.Resize) -> None:
        """Cut the cells anew."""
        for place, row in enumerate(self._rows):
            self.replace_option_prompt_at_index(place, self.line(row.cells, self._room))


def _cells(cell: Cell) -> int:
    return (cell if isinstance(cell, Content) else Content(cell)).cell_length
