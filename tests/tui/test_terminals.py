"""Poor terminals: no colour, few colours, no symbols; and that help lists every key."""

from __future__ import annotations

import pytest
from rich.style import Style
from textual.binding import Binding
from textual.geometry import Region
from textual.widget import Widget

from tests.tui.fakes import FakeEngine, FakeWorkspace, entries, two_profiles
from tests.tui.relay import FakeRelay, running, some_mails
from tests.tui.screen import SMALL, opened
from transports.base import StepName
from tui.theme import few_colours, needs_ascii

_SCREENS = {
    "home": (),
    "check": ("enter",),
    "sample": ("s",),
    "history": ("h",),
    "faults": ("f",),
    "queue": ("u",),
}


def _relay() -> FakeRelay:
    return FakeRelay(running(), some_mails())


@pytest.mark.parametrize(
    ("environ", "ascii_only"),
    [
        ({"TERM": "xterm-256color", "LANG": "en_US.UTF-8"}, False),
        ({"TERM": "xterm"}, False),
        ({"TERM": "linux", "LANG": "en_US.UTF-8"}, True),
        ({"TERM": "xterm", "LC_ALL": "C", "LANG": "en_US.UTF-8"}, True),
        ({"TERM": "xterm", "LANG": "C", "LC_CTYPE": "C.UTF-8"}, True),  # as Python leaves it
        ({"TERM": "xterm", "LANG": "de_DE.ISO-8859-1"}, True),
        ({"TERM": "screen", "LC_CTYPE": "en_US.utf8"}, False),
    ],
)
def test_where_symbols_would_be_rubbish(environ: dict[str, str], ascii_only: bool) -> None:
    assert needs_ascii(environ) is ascii_only


@pytest.mark.parametrize(
    ("system", "no_color", "few"),
    [("truecolor", False, False), ("256", False, False), ("standard", False, True), ("256", True, True)],
)
def test_which_colours(system: str, no_color: bool, few: bool) -> None:
    assert few_colours(system, no_color) is few


@pytest.mark.parametrize("screen", _SCREENS)
async def test_a_linux_console_gets_plain_letters_only(screen: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "linux")
    monkeypatch.delenv("COLORTERM")
    engine = FakeEngine(fail_at=StepName.STARTTLS, relay=_relay())
    async with opened(FakeWorkspace(two_profiles(), entries()), engine, demo=True) as terminal:
        await terminal.see("* support")
        await terminal.press(*_SCREENS[screen])
        await terminal.see(
            {"check": "x fail starttls", "history": "+ sent", "queue": "x dead"}.get(screen, "outmail >")
        )
        assert terminal.text.isascii(), terminal.text


@pytest.mark.parametrize("screen", _SCREENS)
async def test_no_color_is_colourless_and_still_tells_everything(
    screen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    engine = FakeEngine(fail_at=StepName.STARTTLS, relay=_relay())
    async with opened(FakeWorkspace(two_profiles(), entries()), engine, demo=True) as terminal:
        await terminal.see("* support")
        await terminal.press(*_SCREENS[screen])
        await terminal.see(
            {"check": "✗ fail starttls", "history": "✗ not sent", "queue": "✗ dead"}.get(screen, "outmail ›")
        )
        for widget in terminal.app.screen.query(Widget):
            for strip in widget.render_lines(Region(0, 0, *widget.size)):
                assert all(_colourless(segment.style) for segment in strip), (widget, strip)


def _colourless(style: Style | None) -> bool:
    colours = (style.color, style.bgcolor) if style else ()
    return all(colour is None or colour.is_default for colour in colours)


@pytest.mark.parametrize("screen", _SCREENS)
async def test_help_lists_every_key_of_the_screen(screen: str) -> None:
    engine = FakeEngine(relay=_relay())
    async with opened(
        FakeWorkspace(two_profiles(), entries()), engine, demo=True, size=(100, 60)
    ) as terminal:
        await terminal.see("* support")
        await terminal.press(*_SCREENS[screen])
        await terminal.see({"home": "home", "check": "ready", "queue": "By cause"}.get(screen, "Esc"))
        await terminal.pilot.pause()
        works = {
            active.binding.id: active.binding
            for active in terminal.app.screen.active_bindings.values()
            if active.binding.show and active.binding.description
        }
        await terminal.press("f1")
        await terminal.see("keys of this screen")
        text = " ".join(terminal.text.replace("│", " ").split())
        for binding in works.values():
            assert isinstance(binding, Binding)
            assert binding.tooltip, f"{binding.key} has no tooltip"
            assert binding.tooltip in text, f"{binding.key} is not listed"


@pytest.mark.parametrize("screen", _SCREENS)
async def test_nothing_overflows_80_columns(screen: str) -> None:
    engine = FakeEngine(relay=_relay(), fail_at=StepName.STARTTLS, detail="x" * 300 + " " + "word " * 100)
    async with opened(FakeWorkspace(two_profiles(), entries()), engine, demo=True, size=SMALL) as terminal:
        await terminal.see("* support")
        await terminal.press(*_SCREENS[screen])
        await terminal.pilot.pause()
        for widget in terminal.app.screen.query(Widget):
            assert widget.region.right <= 80, widget
            assert not widget.show_horizontal_scrollbar, widget
