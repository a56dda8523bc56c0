"""A label and a text beside it on one row of a list; the text wraps in its own column."""

from __future__ import annotations

from textual.content import Content
from textual.css.styles import RulesMap
from textual.strip import Strip
from textual.style import Style
from textual.visual import RenderOptions, Visual

_NARROWEST = 10


class Beside(Visual):
    """`label` fills `column` cells. How wide the row is, is known when it is drawn: it wraps then."""

    def __init__(self, label: Content, text: Content, column: int) -> None:
        self._label = label
        self._text = text
        self._column = column

    def _drawn(self, width: int) -> Content:
        if width - self._column < _NARROWEST:
            return self._label + " " + self._text  # no room for two columns: it wraps as a text does
        lines = self._text.wrap(width - self._column)
        label = self._label.pad_right(max(self._column - self._label.cell_length, 0))
        indent = Content(" " * self._column)
        return Content("\n").join((label if n == 0 else indent) + line for n, line in enumerate(lines))

    def render_strips(
        self, width: int, height: int | None, style: Style, options: RenderOptions
    ) -> list[Strip]:
        """See Visual."""
        return self._drawn(width).render_strips(width, height, style, options)

    def get_optimal_width(self, rules: RulesMap, container_width: int) -> int:
        """See Visual."""
        return min(self._column + self._text.get_optimal_width(rules, container_width), container_width)

    def get_height(self, rules: RulesMap, width: int) -> int:
        """See Visual."""
        return self._drawn(width).get_height(rules, width)
