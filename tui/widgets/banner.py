"""The lines at the edges of every screen: where you are, what must not be overlooked, and the keys."""

from __future__ import annotations

from collections.abc import Iterable

from textual.binding import Binding
from textual.content import Content
from textual.geometry import Size
from textual.reactive import reactive
from textual.widget import Widget
from textual.widgets import Static

PRACTICE = "practice tenant: no mail leaves this machine"


class TitleBar(Widget):
    """The program's name, where you are, and at the right a note that stays."""

    ALLOW_SELECT = False
    where: reactive[str] = reactive("")
    note: reactive[str] = reactive("")

    def __init__(self, where: str = "", note: str = "") -> None:
        super().__init__()
        self.set_reactive(TitleBar.where, where)
        self.set_reactive(TitleBar.note, note)

    def render(self) -> Content:
        """One line; the place is shortened before the note is."""
        width = self.content_size.width
        name = Content.assemble(("outmail ", "bold $text-primary"), ("› ", "$muted"))
        note = Content.assemble((f" {self.note}", "bold $text-warning")) if self.note else Content("")
        room = max(0, width - name.cell_length - note.cell_length)
        place = Content(self.where).truncate(room, ellipsis=True, pad=True)
        return name + place + note


class BannerLine(Static):
    """A line that tells of a state of affairs until it is over; empty, it takes no room."""

    def __init__(self, text: str = "", *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__("", markup=False, id=id)
        self._told: str | None = None
        self.tell(text)

    def tell(self, text: str) -> None:
        """Show this, after a mark; "" hides the line. The same once more draws nothing."""
        if text != self._told:
            self._told = text
            self.display = bool(text)
            self.update(Content(f"! {text}"))


def key_lines(keys: Iterable[Content], width: int) -> list[Content]:
    """Keys with their words in as few lines as hold them; a key is never parted from its word."""
    lines = [Content("")]
    for key in keys:
        if lines[-1].cell_length and lines[-1].cell_length + 2 + key.cell_length > width:
            lines.append(key)
        else:
            lines[-1] = Content.assemble(lines[-1], "  ", key) if lines[-1].cell_length else key
    return lines


class KeyBar(Widget):
    """The keys that work now. It takes a second line rather than hide one."""

    ALLOW_SELECT = False

    def on_mount(self) -> None:
        """Draw anew when the focus moves and other keys work."""
        self.screen.bindings_updated_signal.subscribe(self, lambda _screen: self.refresh(layout=True))

    def _keys(self) -> Iterable[Binding]:
        seen: set[str] = set()
        for _node, binding, _enabled, _tooltip in self.screen.active_bindings.values():
            if binding.show and binding.description and binding.action not in seen:
                seen.add(binding.action)
                yield binding

    def _lines(self, width: int) -> list[Content]:
        return key_lines(
            (
                Content.assemble(
                    (self.app.get_key_display(binding), "bold $footer-key-foreground"),
                    f" {binding.description}",
                )
                for binding in self._keys()
            ),
            width,
        )

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """As many lines as the keys need."""
        return len(self._lines(width))

    def render(self) -> Content:
        """The keys in the order in which the screen names them."""
        return Content("\n").join(self._lines(self.content_size.width))
