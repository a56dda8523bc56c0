"""Help: every key of the screen beneath, read from the screen itself, so that it is never out of date."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual.actions import parse
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Static

from tui.screens.frame import Dialog
from tui.widgets.finding import Pair


class HelpScreen(Dialog[None]):
    """Lists the keys of a screen, then those of the widgets in it that take the focus, then everyone's."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "escape,enter,q,question_mark,f1", "leave", "Close", id="help.close", tooltip="Close this help"
        ),
    ]

    def __init__(self, beneath: Screen[object]) -> None:
        super().__init__()
        self._beneath = beneath

    def heading(self) -> str:
        """What this is."""
        return "keys of this screen"

    def body(self) -> Iterable[Widget]:
        """A line a key."""
        yield VerticalScroll(*self._groups(), can_focus=True)

    def _groups(self) -> Iterable[Widget]:
        seen: set[str] = set()
        yield from self._list(self._own(self._beneath), seen)
        for widget in self._beneath.focus_chain:
            yield from self._list(self._own(widget), seen)
        yield Static("Everywhere", markup=False, classes="help-group")
        yield from self._list(self._own(self.app), seen)

    def _list(self, bindings: Iterable[Binding], seen: set[str]) -> Iterable[Widget]:
        for binding in bindings:
            if binding.id is None or binding.id in seen or not self._works(binding):
                continue
            seen.add(binding.id)
            keys = " or ".join(
                self.app.get_key_display(Binding(key.strip(), "")) for key in binding.key.split(",")
            )
            yield Pair(keys, binding.tooltip or binding.description, classes="help-key")

    def _works(self, binding: Binding) -> bool:
        """A key that means nothing here (no alternates to check, say) is not listed."""
        _target, action, parameters = parse(binding.action)
        return self._beneath.check_action(action, parameters) is not False

    @staticmethod
    def _own(node: Widget | Screen[object] | object) -> Iterable[Binding]:
        for kind in type(node).__mro__:
            for binding in kind.__dict__.get("BINDINGS", ()):
                if isinstance(binding, Binding):
                    yield binding
