"""The history: which mails were sent with what answer, who changed or steered what, and each switch."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import OptionList, Static

from transports.base import Status
from tui.desk import Desk
from tui.said import Expected, trouble
from tui.screens.dialogs import TroubleDialog
from tui.screens.frame import Frame
from tui.theme import COLOURS, MARKS
from tui.widgets.finding import pairs
from tui.widgets.rows import Column, Row, Rows, RowsHead

if TYPE_CHECKING:
    from store.history import Delivery, Entry

_MOST = 500
_COLUMNS = (
    Column("When", 19),
    Column("What", 11),
    Column("Who", 12, grow=1),
    Column("Detail", 22, grow=3),
)
_EMPTY = "Nothing happened yet: no mail was sent from here, and no setting was changed."
_ITSELF = "outmail itself"


class HistoryScreen(Frame[None]):
    """The newest first; the selected entry in full beneath."""

    CSS_PATH = "history.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "reload", "Read again", id="history.reload", tooltip="Read the history again"),
        Binding("escape,q", "leave", "Back", id="history.leave", tooltip="Back to where you were"),
    ]

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self._entries: list[Entry] = []

    def place(self) -> str:
        """Here."""
        return "history"

    def body(self) -> Iterable[Widget]:
        """The table and one entry."""
        rows = Rows(_COLUMNS)
        yield Vertical(RowsHead(rows), rows, VerticalScroll(id="about", can_focus=False), id="full")
        yield Vertical(Static(_EMPTY, markup=False), id="empty")

    def on_mount(self) -> None:
        """Read it."""
        self.query_one("#empty").display = False
        self.query_one("#full").display = False
        self.action_reload()

    def action_reload(self) -> None:
        """Read it again; another process may have written meanwhile."""
        self.run_worker(self._read(), group="history", exclusive=True)

    async def _read(self) -> None:
        try:
            self._entries = await asyncio.to_thread(self._desk.workspace.history.entries, _MOST)
        except Expected as error:
            self.app.push_screen(TroubleDialog(trouble(error)))
        self.query_one("#full").display = bool(self._entries)
        self.query_one("#empty").display = not self._entries
        rows = self.query_one(Rows)
        rows.show([Row(str(place), _cells(entry)) for place, entry in enumerate(self._entries)])
        if self._entries:
            rows.focus()
        self._tell_about()

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        """Another entry is selected."""
        event.stop()
        self._tell_about()

    def _tell_about(self) -> None:
        about = self.query_one("#about", VerticalScroll)
        about.remove_children()
        chosen = self.query_one(Rows).selected
        if chosen is not None:
            about.mount_all(pairs(_rows(self._entries[int(chosen)])))

    def action_leave(self) -> None:
        """Back."""
        self.dismiss(None)


def _cells(entry: Entry) -> tuple[str | Content, ...]:
    when = f"{entry.when.astimezone():%Y-%m-%d %H:%M:%S}"
    if entry.delivery:
        mail = entry.delivery
        status = Status.PASS if mail.ok else Status.FAIL
        to = ", ".join(r.recipient for r in mail.recipients)
        what = Content.styled(f"{MARKS[status]} {'sent' if mail.ok else 'not sent'}", COLOURS[status])
        return when, what, mail.profile, f"to {to}" if to else mail.answer
    if entry.event:
        what = Content.styled("~ relay", "$text-primary")
        about = f"{entry.event.profile}: " if entry.event.profile else ""
        return when, what, entry.event.who or _ITSELF, about + entry.event.what
    fields = ", ".join(c.field.removeprefix("profiles.") for c in entry.changes)
    return when, "~ settings", entry.who, fields


def _rows(entry: Entry) -> list[tuple[str, str]]:
    if entry.delivery:
        return _mail_rows(entry.delivery)
    if entry.event:
        rows = [
            ("What", entry.event.what),
            ("Profile", entry.event.profile),
            ("Who", entry.event.who or _ITSELF),
        ]
        return [(label, text) for label, text in rows if text]
    return [("Changed by", entry.who), *(("Field", str(change)) for change in entry.changes)]


def _mail_rows(mail: Delivery) -> list[tuple[str, str]]:
    rows = [
        ("Answer", mail.answer),
        ("Server", f"{mail.server}, {mail.address}"),
        ("From", mail.sender),
        *((("To" if r.accepted else "Refused"), f"{r.recipient}: {r.answer}") for r in mail.recipients),
        ("Message-ID", mail.message_id),
        ("Queue id", mail.queue_id),
    ]
    return [(label, text) for label, text in rows if text]
