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


def line_of(cells: Sequence[Cell], widths: Sequence[int], width: int) -> Content:
    """The cells side by side, cut and padded to their widths; 0 hides one."""
    parts = []
    for room, cell in zip(widths, cells, strict=True):
        if room:
            text = cell if isinstance(cell, Content) else Content(cell)
            parts.append(text.truncate(room, ellipsis=True, pad=True))
    return Content(" " * _GAP).join(parts).truncate(width)


def widths_of(columns: Sequence[Column], width: int, rows: Sequence[Row] = ()) -> list[int]:
    """Each column's cells: the least, then what its longest cell needs, then a share; 0: hidden."""
    rooms = [c.width if width >= c.from_width else 0 for c in columns]
    spare = max(0, width - sum(rooms) - _GAP * (sum(map(bool, rooms)) - 1))
    growing = [place for place, c in enumerate(columns) if c.grow and rooms[place]]
    for place in growing:
        need = max((_cells(row.cells[place]) for row in rows), default=0) - rooms[place]
        more = min(max(need, 0), spare)
        rooms[place] += more
        spare -= more
    shares = sum(columns[place].grow for place in growing) or 1
    for place in growing:
        rooms[place] += spare * columns[place].grow // shares
    return rooms


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
        return self._rows.line(titles, self._rows.room).stylize("bold $muted")

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
        self._drawn: list[Content] = []
        self._shape: tuple[tuple[Column, ...], list[int]] = (self.columns, [])

    def headed_by(self, head: RowsHead) -> None:
        """The titles that follow the widths of these columns."""
        self._head = head

    def line(self, cells: Sequence[Cell], width: int) -> Content:
        """The cells side by side, cut and padded to the columns that have room."""
        return line_of(cells, self._widths(width), width)

    def _widths(self, width: int) -> list[int]:
        return widths_of(self.columns, width, self._rows)

    def show(self, rows: Sequence[Row], columns: Sequence[Column] | None = None) -> None:
        """Replace the rows, and the columns where given; the selection stays on its row while that is there.

        What is as before is not drawn again: a slow line shall carry the difference alone.
        """
        here, before = self.selected, [r.id for r in self._rows]
        self._rows = tuple(rows)
        self.columns = tuple(columns) if columns is not None else self.columns
        ids = [r.id for r in self._rows]
        if ids == before and self.option_count == len(ids):
            self._draw_again()
            return
        if self._head:
            self._head.refresh()
        lines = [self.line(r.cells, self.room) for r in self._rows]
        self.set_options([Option(line, id=id_) for line, id_ in zip(lines, ids, strict=True)])
        self._drawn = lines
        if self._rows:
            self.highlighted = ids.index(here) if here in ids else 0

    def _draw_again(self) -> None:
        """The rows that differ from what is on the screen, and the titles where a column moved."""
        room = self.room
        self._head_is_right()
        for place, row in enumerate(self._rows):
            line = self.line(row.cells, room)
            if not line.is_same(self._drawn[place]):
                self._drawn[place] = line
                self.replace_option_prompt_at_index(place, line)

    def _head_is_right(self) -> None:
        shape = (self.columns, self._widths(self.room))
        if self._head and shape != self._shape:
            self._head.refresh()
        self._shape = shape

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
    def room(self) -> int:
        """The cells that a row has, beside the bar where it scrolls."""
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
        self._draw_again()


def _cells(cell: Cell) -> int:
    return (cell if isinstance(cell, Content) else Content(cell)).cell_length
