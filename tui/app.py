"""The terminal program: opens the wizard where nothing is set up yet, and else the home screen."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import os
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual.app import App
from textual.binding import Binding, BindingType
from textual.filter import LineFilter, Monochrome, NoColor
from textual.widget import Widget
from textual.worker import WorkerFailed

from tui.desk import Desk, wall_clock
from tui.engine import HEAVY, DemoSession, Engine, RealEngine, WorkspaceLike
from tui.helm import LOOK_EACH, Helm, RelayNews, RelayTold
from tui.screens.frame import Frame
from tui.theme import CALM, FEW, PlainLetters, few_colours, needs_ascii

if TYPE_CHECKING:
    from textual.screen import Screen


_KEY_NAMES = {
    "enter": "Enter",
    "escape": "Esc",
    "space": "Space",
    "tab": "Tab",
    "question_mark": "?",
    "f1": "F1",
    "f5": "F5",
    "up": "Up",
    "down": "Down",
    "pageup": "PgUp",
    "pagedown": "PgDn",
    "home": "Home",
    "end": "End",
}


LATER = (
    "tui.screens.check",
    "tui.screens.sample",
    *HEAVY,
    "tui.screens.wizard.screen",
    "tui.screens.signin",
    "tui.screens.queue",
)
"""What is imported in the background once the first screen stands."""


_NO_COLOUR = NoColor()


class OpeningScreen(Frame[None]):
    """What is seen while the settings are read."""

    def place(self) -> str:
        """No place yet."""
        return "…"

    def body(self) -> Iterable[Widget]:
        """Nothing yet."""
        return ()


class OutmailApp(App[int]):
    """One run of the terminal program on one home."""

    TITLE = "outmail"
    CSS_PATH = Path(__file__).with_name("app.tcss")
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("question_mark,f1", "help", "Help", id="help", tooltip="List every key of the screen"),
        Binding("ctrl+q", "quit", "Quit", show=False, priority=True, id="quit", tooltip="Leave the program"),
    ]

    def __init__(
        self,
        workspace: WorkspaceLike | Callable[[], WorkspaceLike],
        *,
        demo: DemoSession | None = None,
        engine: Engine | None = None,
        now: Callable[[], datetime] = wall_clock,
    ) -> None:
        """`workspace` may be a function that opens it: then the first frame is drawn before it is called."""
        super().__init__()
        self.failed_to_open: Exception | None = None
        self._workspace = workspace
        self._demo = demo
        self._engine = engine
        self._now = now
        self._helm: Helm | None = None
        self._look_now = asyncio.Event()
        self.relay_news = RelayNews()
        self._letters = PlainLetters(enabled=needs_ascii(os.environ))
        self.register_theme(CALM)
        self.register_theme(FEW)
        self.theme = (FEW if few_colours(self.console.color_system, self.no_color) else CALM).name
        self.set_class(demo is not None, "-practice")
        self.set_class(self._letters.enabled, "-plain")

    def get_line_filters(self) -> Sequence[LineFilter]:
        """No colours at all with NO_COLOR; plain letters last, over whatever any widget drew.

        Textual chooses its filter for NO_COLOR before it knows the theme, and takes the one that
        makes greys: over the terminal's own colours that is black on black.
        """
        filters = [f for f in super().get_line_filters() if not isinstance(f, Monochrome)]
        if self.no_color:
            filters.append(_NO_COLOUR)
        return [*filters, self._letters] if self._letters.enabled else filters

    def get_default_screen(self) -> Screen[None]:
        """The frame alone, so that it is there at once."""
        return OpeningScreen()

    def on_mount(self) -> None:
        """Draw first; everything that takes long to import or to read comes after."""
        self.call_after_refresh(lambda: self.run_worker(self._open(), group="open"))

    async def _open(self) -> None:
        await asyncio.to_thread(importlib.import_module, "tui.screens.home")
        from tui.said import Expected
        from tui.screens.home import HomeScreen

        try:
            given = self._workspace
            workspace = await asyncio.to_thread(given) if callable(given) else given
        except Expected as error:
            self.failed_to_open = error
            self.exit()
            return
        engine = self._engine or RealEngine()
        self._helm = Helm(engine, workspace.paths, lambda: workspace.settings.profiles)
        desk = Desk(workspace, engine, self._helm, self._demo, self._now)
        await self.push_screen(HomeScreen(desk))
        set_up = bool(workspace.settings.profiles)
        if set_up:
            self.run_worker(self._watch_relay(self._helm), group="relay")
        if self._engine is None:
            # While the admin reads, so that the first key does not wait for it.
            for module in LATER:
                await asyncio.to_thread(importlib.import_module, module)
        if not set_up:
            # The wizard is over it, and comes sooner without the relay's modules.
            self.run_worker(self._watch_relay(self._helm), group="relay")

    def clock(self) -> datetime:
        """The local time."""
        return self._now()

    def look_at_relay(self) -> None:
        """See at once how the relay stands: something was just done, or somebody wants to know."""
        self._look_now.set()

    async def _watch_relay(self, helm: Helm) -> None:
        """Tell the screens whenever the relay stands otherwise than before; nothing is drawn else."""
        while True:
            closely = self._look_now.is_set()
            self._look_now.clear()
            news = await helm.look(closely=closely)
            if news != self.relay_news:
                self.relay_news = news
                for screen in self.screen_stack:
                    screen.post_message(RelayTold(news))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._look_now.wait(), LOOK_EACH)

    def on_settings_saved(self) -> None:
        """Let a running relay take what was saved, so that waiting mail goes by the new settings."""
        if self._helm is not None:
            self.run_worker(self._tell_relay(self._helm), group="relay-reload")

    async def _tell_relay(self, helm: Helm) -> None:
        from tui.said import Expected, trouble
        from tui.screens.dialogs import TroubleDialog

        try:
            if await helm.read_settings_anew():
                self.notify("The relay uses the new settings now.", markup=False)
        except Expected as error:
            self.push_screen(TroubleDialog(trouble(error)))
        self.look_at_relay()

    def get_key_display(self, binding: Binding) -> str:
        """Keys by the words printed on them."""
        if binding.key_display:
            return binding.key_display
        return _KEY_NAMES.get(binding.key) or super().get_key_display(binding).replace("^", "Ctrl+")

    def action_help(self) -> None:
        """Every key of the screen beneath."""
        from tui.screens.help import HelpScreen

        self.push_screen(HelpScreen(self.screen))

    def _fatal_error(self) -> None:
        # A defect of ours: Textual would print a traceback with local variables, and those may be
        # secrets. `outcome` raises it where there is a place for it to be kept.
        self._close_messages_no_wait()

    def outcome(self) -> int:
        """The exit code, once the program has ended; raises what ended it where that was an error."""
        if self.failed_to_open is not None:
            raise self.failed_to_open
        if isinstance(self._exception, WorkerFailed):
            raise self._exception.error  # where it was raised, which the worker's own error does not tell
        if self._exception is not None:
            raise self._exception
        return self.return_code or 0


def run(workspace: WorkspaceLike | Callable[[], WorkspaceLike], demo: DemoSession | None = None) -> int:
    """Open the program on this home and return its exit code when the admin leaves it.

    Give a function that opens the workspace where opening asks no question: the first frame is
    there sooner. What it raises (StoreError) is raised here, when the terminal is free again.
    """
    app = OutmailApp(workspace, demo=demo)
    app.run()
    return app.outcome()
