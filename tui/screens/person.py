"""Who is at the other device: on the practice tenant the admin plays that person too."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widget import Widget
from textual.widgets import Static

from tui.screens.frame import Dialog
from tui.widgets.rows import Column, Row, Rows

DECLINES = ""


class PersonDialog(Dialog[str]):
    """Closes with the account that signs in, DECLINES, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "enter",
            "choose",
            "Choose",
            id="person.choose",
            priority=True,
            tooltip="That happens there",
        ),
    ]

    def __init__(self, accounts: Sequence[str]) -> None:
        super().__init__()
        self._accounts = accounts

    def heading(self) -> str:
        """What is asked."""
        return "who is at the other device?"

    def body(self) -> Iterable[Widget]:
        """An account a line, and somebody who says no."""
        yield Rows((Column("Who", 40, grow=1),))
        yield Static("Only the practice tenant has this: it opens no browser.", markup=False, id="means")

    def on_mount(self) -> None:
        """The first account is the one that the ready profiles want."""
        rows = self.query_one(Rows)
        said = [Row(account, (f"{account} signs in",)) for account in self._accounts]
        rows.show([*said, Row("-", ("somebody who declines",))])
        rows.focus()

    def action_choose(self) -> None:
        """Chosen."""
        chosen = self.query_one(Rows).selected
        self.dismiss(DECLINES if chosen == "-" else chosen)
