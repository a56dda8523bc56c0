"""The terminal program: opens the wizard where nothing is set up yet, and else the home screen."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.app import App
from textual.binding import Binding, BindingType
from textual.filter import LineFilter

from tui.desk import Desk
from tui.engine import DemoSession, Engine, RealEngine, WorkspaceLike
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
    "up": "Up",
    "down": "Down",
    "pageup": "PgUp",
    "pagedown": "PgDn",
}


class OutmailApp(App[int]):
    """One run of the terminal program on one home."""

    TITLE = "outmail"
    CSS_PATH = "app.tcss"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("question_mark,f1", "help", "Help", id="help", tooltip="List every key of the screen"),
        Binding("ctrl+q", "quit", "Quit", show=False, priority=True, id="quit", tooltip="Leave the program"),
    ]

    def __init__(
        self,
        workspace: WorkspaceLike,
        *,
        demo: DemoSession | None = None,
        engine: Engine | None = None,
    ) -> None:
        super().__init__()
        self.desk = Desk(workspace, engine or RealEngine(), demo)
        self._letters = PlainLetters(enabled=needs_ascii(os.environ))
        self.register_theme(CALM)
        self.register_theme(FEW)
        self.theme = (FEW if few_colours(self.console.color_system, self.no_color) else CALM).name
        self.set_class(demo is not None, "-practice")

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Plain letters last, over whatever any widget drew."""
        filters = super().get_line_filters()
        return [*filters, self._letters] if self._letters.enabled else filters

    def get_default_screen(self) -> Screen[None]:
        """Home; the wizard comes over it when no profile exists."""
        from tui.screens.home import HomeScreen

        return HomeScreen(self.desk)

    def get_key_display(self, binding: Binding) -> str:
        """Keys by the words printed on them."""
        if binding.key_display:
            return binding.key_display
        return _KEY_NAMES.get(binding.key) or super().get_key_display(binding).replace("^", "Ctrl+")

    def action_help(self) -> None:
        """Every key of the screen beneath."""
        from tui.screens.help import HelpScreen

        self.push_screen(HelpScreen(self.screen))


def run(workspace: WorkspaceLike, demo: DemoSession | None = None) -> int:
    """Open the program on this home and return its exit code when the admin leaves it."""
    app = OutmailApp(workspace, demo=demo)
    app.run()
    return app.return_code or 0
