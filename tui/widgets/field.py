"""One setting on the screen: its label, an input or a choice, a hint, and the error that belongs to it.

Typed text and text of servers are drawn as they are: never read as markup.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget
from textual.widgets import Input, Static


@dataclass(frozen=True, slots=True)
class Option:
    """One thing to choose; `why_not` tells why it cannot be chosen, "" when it can."""

    value: str
    title: str
    note: str = ""
    why_not: str = ""


class Choice(Widget, can_focus=True):
    """One of a few, by Left, Right or Space; `tall` has one a line with its note, by Up and Down."""

    DEFAULT_CSS = """
    Choice { height: auto; width: 1fr; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("right,space", "move(1)", "Choose", show=False, id="choice.next", tooltip="The next choice"),
        Binding("left", "move(-1)", "Choose", show=False, id="choice.previous", tooltip="The choice before"),
    ]
    value: reactive[str] = reactive("", layout=True)
    _GAP = 2

    class Changed(Message):
        """Another option was chosen."""

        def __init__(self, choice: Choice, value: str) -> None:
            super().__init__()
            self.choice = choice
            self.value = value

        @property
        def control(self) -> Choice:
            """The choice it comes from."""
            return self.choice

    def __init__(self, options: Sequence[Option], value: str, *, tall: bool = False) -> None:
        super().__init__()
        self.options = tuple(options)
        self.tall = tall
        self.set_reactive(Choice.value, value)

    def _open(self) -> list[str]:
        return [o.value for o in self.options if not o.why_not]

    def action_move(self, by: int) -> None:
        """To the next (1) or the previous (-1) option that can be chosen, round the end."""
        can = self._open()
        if not can:
            return
        here = can.index(self.value) if self.value in can else -by
        self._choose(can[(here + by) % len(can)])

    def _choose(self, value: str) -> None:
        if value != self.value:
            self.value = value
            self.post_message(self.Changed(self, value))

    def step(self, by: int) -> bool:
        """In a tall choice, go up or down; False at the edge, where the focus moves on."""
        can = self._open()
        here = can.index(self.value) if self.value in can else 0
        if not self.tall or not 0 <= here + by < len(can):
            return False
        self._choose(can[here + by])
        return True

    def _places(self, width: int) -> list[tuple[int, int, Option]]:
        """Where each option begins, as (row, column, option), flowing to the next row when it must."""
        places, row, column = [], 0, 0
        for option in self.options:
            long = 4 + len(option.title)
            if column and column + long > width:
                row, column = row + 1, 0
            places.append((row, column, option))
            column += long + self._GAP
        return places

    def _mark(self, option: Option) -> Content:
        chosen = option.value == self.value
        words = f"({'•' if chosen else ' '}) {option.title}"
        if option.why_not:
            return Content.styled(words, "dim")
        if chosen and self.has_focus:
            return Content.styled(words, "bold reverse")
        return Content.styled(words, "bold" if chosen else "")

    def _tall_lines(self, width: int) -> list[tuple[Content, Option]]:
        lines: list[tuple[Content, Option]] = []
        for option in self.options:
            lines.append((self._mark(option), option))
            note = option.why_not or option.note
            for line in Content.styled(note, "dim").wrap(max(8, width - 4)) if note else ():
                lines.append((Content.assemble("    ", line), option))
        return lines

    def render(self) -> Content:
        width = max(1, self.content_size.width)
        if self.tall:
            return Content("\n").join([line for line, _ in self._tall_lines(width)])
        rows: list[Content] = []
        end = 0
        for row, column, option in self._places(width):
            if row == len(rows):
                rows.append(Content(""))
                end = 0
            rows[row] = Content.assemble(rows[row], " " * (column - end), self._mark(option))
            end = column + 4 + len(option.title)
        return Content("\n").join(rows)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        if self.tall:
            return len(self._tall_lines(width))
        return self._places(width)[-1][0] + 1 if self.options else 1

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()

    def on_click(self, event: events.Click) -> None:
        """A mouse may help, though none is needed."""
        hit = self._hit(event.x, event.y)
        if hit and not hit.why_not:
            self._choose(hit.value)

    def _hit(self, x: int, y: int) -> Option | None:
        width = max(1, self.content_size.width)
        if self.tall:
            lines = self._tall_lines(width)
            return lines[y][1] if y < len(lines) else None
        for row, column, option in self._places(width):
            if row == y and column <= x < column + 4 + len(option.title):
                return option
        return None


class Field(Widget):
    """A labelled input or choice; `key` is the setting's path, as in the profile file."""

    DEFAULT_CSS = """
    Field { height: auto; width: 1fr; layout: vertical; }
    Field .field-row { height: auto; width: 1fr; }
    Field .field-mark { width: 2; height: 1; color: $accent; text-style: bold; }
    Field .field-label { width: 20; height: auto; color: $text-muted; padding-right: 1; }
    Field:focus-within .field-label { color: $text; text-style: bold; }
    Field Input { width: 1fr; }
    Field .field-message { height: auto; width: 1fr; margin-left: 22; color: $text-muted; display: none; }
    Field .field-message.-shown { display: block; }
    Field.-wrong .field-message { color: $text-error; text-style: bold; }
    Field.-wrong .field-mark { color: $text-error; }
    Field.-wrong Input { background: $error 20%; }
    """

    class Changed(Message):
        """Something was typed or chosen."""

        def __init__(self, field: Field, text: str) -> None:
            super().__init__()
            self.field = field
            self.text = text

    class Left(Message):
        """The focus left the field: time to say what is wrong with it."""

        def __init__(self, field: Field) -> None:
            super().__init__()
            self.field = field

    class Accepted(Message):
        """Enter was pressed in the field's input."""

        def __init__(self, field: Field) -> None:
            super().__init__()
            self.field = field

    def __init__(self, key: str, label: str, content: Input | Choice, hint: str = "") -> None:
        super().__init__(id="field-" + key.replace(".", "-"))
        self.key = key
        self.label = label
        self.content_control = content
        self._hint = hint
        self._error = ""
        self._made = False
        self._heard = content.value  # the last value that the page knows of

    @classmethod
    def text(
        cls,
        key: str,
        label: str,
        value: str,
        *,
        hint: str = "",
        placeholder: str = "",
        secret: bool = False,
        digits: bool = False,
    ) -> Field:
        """A field to type in; a secret shows as dots."""
        entry = Input(
            value,
            placeholder,
            password=secret,
            compact=True,
            select_on_focus=False,
            restrict=r"[0-9]*" if digits else None,
            max_length=5 if digits else 0,
        )
        return cls(key, label, entry, hint)

    @classmethod
    def choice(
        cls,
        key: str,
        label: str,
        value: str,
        options: Sequence[Option],
        *,
        hint: str = "",
        tall: bool = False,
    ) -> Field:
        """A field to choose in."""
        return cls(key, label, Choice(options, value, tall=tall), hint)

    @classmethod
    def switch(cls, key: str, label: str, value: str, *, hint: str = "", yes: str = "yes") -> Field:
        """A field that says no or yes."""
        return cls.choice(key, label, value, (Option("no", "no"), Option("yes", yes)), hint=hint)

    def compose(self) -> ComposeResult:
        with Horizontal(classes="field-row"):
            yield Static("", classes="field-mark", markup=False)
            yield Static(self.label, classes="field-label", markup=False)
            yield self.content_control
        yield Static(self._hint, classes="field-message", markup=False)

    def on_mount(self) -> None:
        self._made = True
        self._tell()

    @property
    def value(self) -> str:
        """What the field holds now."""
        return self.content_control.value

    @property
    def being_typed(self) -> bool:
        """Whether somebody is typing here, or chose what the page has not heard of yet: nothing else may."""
        typing = isinstance(self.content_control, Input) and self.content_control.has_focus
        return typing or self.value != self._heard

    def heard(self) -> str:
        """What the field holds now, for the page, which knows of it from now on."""
        self._heard = self.value
        return self._heard

    def put(self, text: str) -> None:
        """Show another value that follows from elsewhere; it does not count as typed."""
        self._heard = text
        if text != self.content_control.value:
            with self.prevent(Input.Changed, Choice.Changed):
                self.content_control.value = text

    def set_hint(self, hint: str) -> None:
        """Another hint, or none."""
        self._hint = hint
        self._tell()

    @property
    def error(self) -> str:
        """What is wrong, "" when nothing is or nothing was said yet."""
        return self._error

    @error.setter
    def error(self, words: str) -> None:
        if words != self._error:
            self._error = words
            self._tell()

    def _tell(self) -> None:
        if not self._made:
            return
        shown = f"{self.label} {self._error}" if self._error else self._hint
        self.set_class(bool(self._error), "-wrong")
        mark = "!" if self._error else "▸" if self.content_control.has_focus else ""
        self.query_one(".field-mark", Static).update(mark)
        message = self.query_one(".field-message", Static)
        message.update(shown)
        message.set_class(bool(shown), "-shown")

    def toggle_secret(self) -> None:
        """Show a masked text, or mask it again."""
        if isinstance(self.content_control, Input):
            self.content_control.password = not self.content_control.password

    def enter(self, *, replacing: bool = False) -> None:
        """Put the focus on the input or the choice; `replacing` a text, the first key begins it anew."""
        self.content_control.focus()
        if replacing and isinstance(self.content_control, Input):
            self.content_control.action_select_all()

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self.post_message(self.Changed(self, event.value))

    def on_choice_changed(self, event: Choice.Changed) -> None:
        event.stop()
        self.post_message(self.Changed(self, event.value))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.post_message(self.Accepted(self))

    def on_descendant_focus(self) -> None:
        self._tell()

    def on_descendant_blur(self) -> None:
        self._tell()
        self.post_message(self.Left(self))
