"""Drives the program by keys and reads its screen as a person does; never by widget."""

from __future__ import annotations

import html
import re
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from textual.pilot import Pilot
from textual.widgets import Input

from tests.tui.fakes import FakeEngine, FakeWorkspace
from tests.tui.practice import FakeDemo
from tests.tui.signing_in import NOON
from tui.app import OutmailApp
from tui.engine import Engine, WorkspaceLike

Size = tuple[int, int]
SMALL: Size = (80, 24)
LARGE: Size = (120, 40)
_PATIENCE = 30.0  # seconds; only a test that fails waits that long
_TEXT = re.compile(r'<text class="[^"]*-r\d+" x="([\d.]+)" y="([\d.]+)"[^>]*>(.*?)</text>', re.S)


class Terminal:
    """The program in a terminal of a size."""

    def __init__(self, pilot: Pilot[int]) -> None:
        self.pilot = pilot
        self.app = pilot.app

    def svg(self) -> str:
        """A picture of the screen, without what differs from run to run."""
        for entry in self.app.screen.query(Input):
            entry.cursor_blink = False
        return re.sub(r"terminal-\d+", "terminal", self.app.export_screenshot(title="outmail"))

    async def still(self) -> str:
        """The picture once nothing moves any more: three times the same in a row."""
        pictures = [""]
        end = time.monotonic() + _PATIENCE
        while len(pictures) < 4 or len(set(pictures[-3:])) > 1:
            assert time.monotonic() < end, "the screen never came to rest"
            await self.pilot.pause()
            pictures.append(self.svg())
        return pictures[-1]

    def lines(self) -> list[str]:
        """The screen's text, line by line."""
        rows: dict[float, list[tuple[float, str]]] = defaultdict(list)
        for x, y, text in _TEXT.findall(self.app.export_screenshot(title="outmail")):
            rows[float(y)].append((float(x), html.unescape(text).replace("\xa0", " ")))
        cell = 12.2  # width of a cell in the picture
        lines = []
        for _y, parts in sorted(rows.items()):
            line = ""
            for x, text in sorted(parts):
                line = line.ljust(round(x / cell)) + text
            lines.append(line.rstrip())
        return lines

    @property
    def text(self) -> str:
        """The screen's text."""
        return "\n".join(self.lines())

    async def press(self, *keys: str) -> None:
        """Press keys."""
        await self.pilot.press(*keys)

    async def until(self, condition: Callable[[], bool], what: str = "") -> None:
        """Let the program run until the condition holds."""
        end = time.monotonic() + _PATIENCE
        while not condition():
            assert time.monotonic() < end, f"{what or 'it'} never came; the screen is\n{self.text}"
            await self.pilot.pause()
        await self.pilot.pause()

    async def see(self, *texts: str) -> None:
        """Let the program run until all of these are on the screen."""
        for text in texts:
            await self.until(lambda text=text: text in self.text, text)  # type: ignore[misc]

    async def gone(self, text: str) -> None:
        """Let the program run until this is no longer on the screen."""
        await self.until(lambda: text not in self.text, f"the end of {text}")


@asynccontextmanager
async def opened(
    workspace: WorkspaceLike | Callable[[], WorkspaceLike] | None = None,
    engine: Engine | None = None,
    *,
    demo: bool = False,
    size: Size = SMALL,
    demo_session: FakeDemo | None = None,
    notices: bool = False,
) -> AsyncIterator[Terminal]:
    """The program, opened at home; with `notices` also what it says in passing is on the screen."""
    session = demo_session or (FakeDemo() if demo else None)
    app = OutmailApp(
        workspace or FakeWorkspace(), demo=session, engine=engine or FakeEngine(), now=lambda: NOON
    )
    async with app.run_test(size=size, notifications=notices) as pilot:
        yield Terminal(pilot)
