"""Makes the pictures of the README from the running program: `./dev pictures`. It needs no network."""

from __future__ import annotations

import asyncio
import os
import re
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

from textual.pilot import Pilot

from outmail.demo.session import DemoSession
from outmail.engine.workspace import Workspace
from store.keys import KeyOptions
from tui.app import OutmailApp

HERE = Path(__file__).parent
SIZE = (80, 24)
PATIENCE = 30.0  # seconds

Tour = Callable[[Pilot[int]], Awaitable[None]]


async def until(pilot: Pilot[int], shown: str) -> None:
    """Wait until a text stands on the screen."""
    async with asyncio.timeout(PATIENCE):
        while shown not in text_of(pilot):
            await pilot.pause(0.05)
    await pilot.pause()


def text_of(pilot: Pilot[int]) -> str:
    """Everything on the screen, as text."""
    picture = re.sub(r"<style>.*?</style>", "", pilot.app.export_screenshot(), flags=re.DOTALL)
    return re.sub(r"<[^>]+>", "", picture).replace("&#160;", " ")


def keep(pilot: Pilot[int], name: str) -> None:
    """Write the screen as a picture that loads nothing from anywhere."""
    picture = pilot.app.export_screenshot(title="outmail")
    picture = re.sub(r"@font-face \{.*?\}\s*", "", picture, flags=re.DOTALL)
    picture = re.sub(r"terminal-\d+", "terminal", picture)
    (HERE / f"{name}.svg").write_text("\n".join(line.rstrip() for line in picture.splitlines()) + "\n")


async def tour(pilot: Pilot[int], session: DemoSession) -> None:
    """Home, a check that fails and says why, a sample mail, and a sign-in by a code."""
    await until(pilot, "practice-unt")
    keep(pilot, "home")
    await pilot.press("down", "enter")
    await until(pilot, "refused the user name")
    keep(pilot, "check")
    await pilot.press("escape")
    await until(pilot, "practice-unt")
    session.tenant.set_fault("primary", "down")
    await pilot.press("up", "s")
    await until(pilot, "Send")
    await pilot.press(*"you@practice.test", "enter")
    await until(pilot, "kept as")
    keep(pilot, "sample")
    await pilot.press("escape")
    await until(pilot, "practice-unt")
    await pilot.press(*["down"] * 5, "i")
    await until(pilot, "Type this code")
    keep(pilot, "signin")


async def wizard(pilot: Pilot[int]) -> None:
    """The provider found by an address."""
    await until(pilot, "How does mail leave")
    await pilot.press("enter")
    await until(pilot, "Who runs the mail server")
    await pilot.press(*"ops@gmail.com")
    await until(pilot, "smtp.gmail.com")
    keep(pilot, "wizard")


async def main() -> None:
    """All pictures, one program after the other."""
    os.environ.pop("NO_COLOR", None)
    os.environ["TERM"] = "xterm-256color"
    os.environ["COLORTERM"] = "truecolor"
    async with DemoSession() as session:
        practice = Workspace.open(str(session.home), False, KeyOptions())
        async with OutmailApp(practice, demo=session.tenant).run_test(size=SIZE) as pilot:
            await tour(pilot, session)
    with tempfile.TemporaryDirectory() as home:
        empty = Workspace.open(home, False, KeyOptions())
        async with OutmailApp(empty).run_test(size=SIZE) as pilot:
            await wizard(pilot)


if __name__ == "__main__":
    asyncio.run(main())
