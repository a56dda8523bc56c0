"""The practice servers: break one on purpose, mend it, see which mails arrived; practice tenant only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widget import Widget
from textual.widgets import OptionList, Static

from transports.base import Status
from tui.engine import DemoSession
from tui.said import Trouble
from tui.screens.dialogs import TroubleDialog
from tui.screens.frame import Dialog, Frame
from tui.theme import COLOURS, MARKS
from tui.widgets.rows import Column, Row, Rows, RowsHead

_WELL = "none"
_SERVERS = (
    Column("Server", 10),
    Column("Address", 21),
    Column("Security", 9),
    Column("State", 20, grow=1),
)
_MAILS = (
    Column("Arrived", 8),
    Column("At", 10),
    Column("From", 14, grow=1),
    Column("To", 14, grow=1),
    Column("Subject", 16, grow=2),
)


class FaultsScreen(Frame[None]):
    """The servers above, the mails beneath."""

    CSS_PATH = "faults.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "choose", "Break it", id="faults.choose", priority=True, tooltip="Choose a fault"),
        Binding("m", "mend", "Mend", id="faults.mend", tooltip="The selected server is well again"),
        Binding("w", "mend_all", "Mend all", id="faults.mend_all", tooltip="Every server is well again"),
        Binding("escape,q", "leave", "Back", id="faults.leave", tooltip="Back; the faults stay as they are"),
    ]

    def __init__(self, demo: DemoSession) -> None:
        super().__init__()
        self._demo = demo
        self._arrived = -1

    def place(self) -> str:
        """Here."""
        return "practice servers"

    def body(self) -> Iterable[Widget]:
        """Two tables."""
        servers, mails = Rows(_SERVERS, id="servers"), Rows(_MAILS, id="mails")
        yield Vertical(RowsHead(servers), servers, id="above")
        yield Static("", markup=False, id="count")
        yield Vertical(RowsHead(mails), mails, id="beneath")

    def on_mount(self) -> None:
        """Draw, and look for new mail each second."""
        self._draw()
        self.query_one("#servers", Rows).focus()
        self.set_interval(1, self._draw_mails)

    def _draw(self) -> None:
        self.query_one("#servers", Rows).show(
            [
                Row(name, (name, server.address, server.security, _state(server.fault)))
                for name, server in self._demo.ports.items()
            ]
        )
        self._draw_mails()

    def _draw_mails(self) -> None:
        mails = self._demo.mails
        if len(mails) == self._arrived:
            return
        self._arrived = len(mails)
        told = {0: "No mail arrived yet.", 1: "1 mail arrived:"}.get(
            len(mails), f"{len(mails)} mails arrived:"
        )
        self.query_one("#count", Static).update(told)
        self.query_one("#beneath").display = bool(mails)
        self.query_one("#mails", Rows).show(
            [
                Row(
                    str(place),
                    (
                        f"{mail.arrived.astimezone():%H:%M:%S}",
                        mail.server,
                        mail.sender,
                        ", ".join(mail.recipients),
                        mail.subject,
                    ),
                )
                for place, mail in reversed(list(enumerate(mails)))
            ]
        )

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Faults are for servers, not for mails."""
        return self.focused is None or self.focused.id == "servers" if action in {"choose", "mend"} else True

    def action_choose(self) -> None:
        """Show what this server can be told to have."""
        name = self.query_one("#servers", Rows).selected
        if name is None:
            return
        server = self._demo.ports[name]

        def chosen(fault: str | None) -> None:
            if fault is not None:
                self._set(name, fault)

        means = {fault: self._demo.describe(name, fault) for fault in server.possible_faults}
        self.app.push_screen(FaultDialog(name, means, server.fault), chosen)

    def action_mend(self) -> None:
        """Well again."""
        name = self.query_one("#servers", Rows).selected
        if name is not None:
            self._set(name, _WELL)

    def action_mend_all(self) -> None:
        """All well again."""
        for name in self._demo.ports:
            self._set(name, _WELL)

    def _set(self, name: str, fault: str) -> None:
        try:
            self._demo.set_fault(name, fault)
        except (ValueError, OSError) as error:
            told = Trouble(f"The fault of {name} was not switched", str(error), "Choose another one.")
            self.app.push_screen(TroubleDialog(told))
        self._draw()

    def action_leave(self) -> None:
        """Back."""
        self.dismiss(None)


class FaultDialog(Dialog[str]):
    """Closes with the fault that was chosen, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "enter", "choose", "Choose", id="fault.choose", priority=True, tooltip="Switch this fault on"
        ),
    ]

    def __init__(self, server: str, means: Mapping[str, str], now: str) -> None:
        """`means` has what each fault does, in a sentence."""
        super().__init__()
        self._server = server
        self._means = means
        self._now = now

    def heading(self) -> str:
        """Which server."""
        return f"what shall be wrong with {self._server}?"

    def body(self) -> Iterable[Widget]:
        """A fault a line, and what the selected one does."""
        yield Rows((Column("Fault", 40, grow=1),))
        yield Static("", markup=False, id="means")

    def on_mount(self) -> None:
        """The present fault is selected."""
        rows = self.query_one(Rows)
        rows.show([Row(fault, (_words(fault),)) for fault in self._means])
        rows.select(self._now)
        rows.focus()

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        """Tell what it does."""
        self.query_one("#means", Static).update(self._means.get(event.option.id or "", ""))

    def action_choose(self) -> None:
        """Chosen."""
        self.dismiss(self.query_one(Rows).selected)


def _words(fault: str) -> str:
    return "nothing: all is well" if fault == _WELL else fault.replace("-", " ")


def _state(fault: str) -> Content:
    status = Status.PASS if fault == _WELL else Status.FAIL
    return Content.styled(f"{MARKS[status]} {'well' if fault == _WELL else _words(fault)}", COLOURS[status])
