"""Drives the wizard as an admin does: by keys alone, and reads what stands on the screen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from textual.pilot import Pilot
from textual.screen import Screen

from outmail.engine.workspace import Workspace
from store.keys import KeyOptions
from tui.app import OutmailApp
from tui.engine import DemoSession, Engine, WorkspaceLike
from tui.screens.wizard.screen import WizardScreen
from tui.theme import CALM
from tui.widgets.field import Field

_UNSET = "not closed"


class WizardApp(OutmailApp):
    """The program with the wizard on an empty desk, whatever terminal the tests run in."""

    def get_default_screen(self) -> Screen[None]:
        """Nothing beneath."""
        return Screen()

    async def _open(self) -> None:
        """No home screen comes over it."""


class Admin:
    """Somebody at the keyboard."""

    def __init__(self, app: WizardApp, pilot: Pilot[int], wizard: WizardScreen) -> None:
        self.app = app
        self.pilot = pilot
        self.wizard = wizard
        self.closed_with: str | None = _UNSET

    async def press(self, *keys: str) -> None:
        """One key after the other."""
        for key in keys:
            await self.pilot.press(key)
            await self.settle()

    async def settle(self) -> None:
        """Wait until the page is there and has drawn itself."""
        async with asyncio.timeout(30):
            for _ in range(2):
                # A key climbs from the focused widget to the program; then the program acts.
                await self.pilot.pause()
                handled = asyncio.Event()
                self.app.call_later(handled.set)
                await handled.wait()
            while self.wizard.turning and self.wizard.is_attached:
                await self.pilot.pause(0.01)
        await self.pilot.pause()

    async def type(self, text: str) -> None:
        """A text, letter by letter."""
        await self.pilot.press(*text)
        await self.settle()

    async def replace(self, text: str) -> None:
        """Another text in place of what stands in the input."""
        await self.press("ctrl+e", "ctrl+u")
        await self.type(text)

    async def to(self, key: str) -> None:
        """Tab to a field."""
        for _ in range(60):
            if self.focused_key == key:
                return
            await self.press("tab")
        raise AssertionError(f"Tab never reaches {key}")

    async def fill(self, key: str, text: str) -> None:
        """Tab to a field and type."""
        await self.to(key)
        await self.replace(text)

    async def choose(self, key: str, value: str) -> None:
        """Tab to a choice, and press Right until it says the value."""
        await self.to(key)
        for _ in range(12):
            if self.field(key).value == value:
                return
            await self.press("right")
        raise AssertionError(f"{key} never says {value}")

    async def until(self, page: str) -> None:
        """Enter, until a page comes."""
        for _ in range(12):
            if self.page == page:
                return
            await self.press("ctrl+n")
        raise AssertionError(f"Next stops at {self.page}: {self.screen_text()}")

    async def idle(self, seconds: float = 30) -> None:
        """Wait until what runs has ended."""
        async with asyncio.timeout(seconds):
            while self.wizard.page.busy:
                await self.pilot.pause(0.01)
        await self.pilot.pause()

    @property
    def page(self) -> str:
        """The page on the screen."""
        return str(self.wizard.page.page)

    @property
    def focused_key(self) -> str:
        """The field that has the focus."""
        focused = self.app.focused
        found = [f for f in focused.ancestors_with_self if isinstance(f, Field)] if focused else []
        return found[0].key if found else ""

    def field(self, key: str) -> Field:
        """A field of the page."""
        return next(f for f in self.wizard.page.query(Field) if f.key == key)

    def screen_text(self) -> str:
        """Every character on the screen, line by line."""
        rows = self.app.screen._compositor.render_strips()
        return "\n".join(strip.text.rstrip() for strip in rows)

    def words(self) -> str:
        """What the page (or the dialog) says, one space between words: wrapping makes no difference."""
        text = self.screen_text()
        if self.app.screen is self.wizard:
            left = self.wizard.query_one("#wizard-place").region.x
            text = "\n".join(line[left:] for line in text.splitlines())
        return " ".join(text.replace("▌", " ").replace("▊", " ").replace("█", " ").split())


@asynccontextmanager
async def at_the_wizard(
    home: Path | WorkspaceLike,
    name: str | None = None,
    size: tuple[int, int] = (80, 24),
    engine: Engine | None = None,
    demo: DemoSession | None = None,
) -> AsyncIterator[Admin]:
    """The wizard open on a home, or on a stand-in of one."""
    workspace = Workspace.open(str(home), False, KeyOptions(env={})) if isinstance(home, Path) else home
    app = WizardApp(workspace)
    app.theme = CALM.name
    async with app.run_test(size=size) as pilot:
        wizard = WizardScreen(workspace, name, engine, demo)
        admin = Admin(app, pilot, wizard)

        def closed(result: str | None) -> None:
            admin.closed_with = result

        await app.push_screen(wizard, closed)
        await admin.settle()
        yield admin
