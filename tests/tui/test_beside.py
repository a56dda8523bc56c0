"""A label and its text on one row of a list: the text stays in its own column at any width."""

from __future__ import annotations

import pytest
from textual.content import Content
from textual.css.styles import RulesMap
from textual.style import Style
from textual.visual import RenderOptions

from tui.widgets.beside import Beside

GUID = "7e57ab1e-0000-4000-8000-000000000001"


def drawn(text: str, width: int) -> list[str]:
    row = Beside(Content("Tenant"), Content(text), 10)
    rules = RulesMap()
    options = RenderOptions(lambda _name: Style(), rules)
    lines = [strip.text.rstrip() for strip in row.render_strips(width, None, Style(), options)]
    assert row.get_height(rules, width) == len(lines)
    assert row.get_optimal_width(rules, width) <= width
    return lines


@pytest.mark.parametrize(
    ("text", "width", "wanted"),
    [
        (GUID, 80, [f"Tenant    {GUID}"]),
        (GUID, 46, [f"Tenant    {GUID}"]),
        (GUID, 30, [f"Tenant    {GUID[:20]}", f"          {GUID[20:]}"]),
        ("three short words", 20, ["Tenant    three", "          short", "          words"]),
        ("a b", 19, ["Tenant a b"]),
        ("", 30, ["Tenant"]),
    ],
)
def test_columns(text: str, width: int, wanted: list[str]) -> None:
    assert drawn(text, width) == wanted


@pytest.mark.parametrize("width", [1, 5, 10, 11, 19, 20, 33, 200])
def test_nothing_is_lost_at_any_width(width: int) -> None:
    assert "".join(drawn(GUID, width)).replace(" ", "") == f"Tenant{GUID}"
