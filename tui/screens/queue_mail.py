"""One mail of the queue in full: where each recipient stands and why, what comes next, and its headers."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Coroutine, Iterable
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widget import Widget
from textual.widgets import Static

from store.spool_shapes import State
from tui import queue_words as words
from tui.desk import Desk
from tui.screens import queue_deeds as deeds
from tui.screens.delivery import steered
from tui.screens.frame import Frame
from tui.widgets.finding import FindingView, pairs

if TYPE_CHECKING:
    from outmail.diagnosis.finding import Finding
    from store.spool_shapes import Entry, LastError

_LONGEST_HEADERS = 20_000


class MailScreen(Frame[None]):
    """Closes with None; what was done to the mail is in the queue."""

    CSS_PATH = "queue.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "retry", "Retry", id="mail.retry", tooltip="Try it now"),
        Binding("h", "hold", "Hold", id="mail.hold", tooltip="Do not send it until it is released"),
        Binding("l", "release", "Release", id="mail.release", tooltip="Send what was held"),
        Binding("d", "delete", "Delete", id="mail.delete", tooltip="Remove it; you are asked first"),
        Binding("f5", "reload", "Read again", show=False, id="mail.reload", tooltip="Look at it again"),
        Binding("escape,q", "leave", "Back", id="mail.leave", tooltip="Back to the queue"),
    ]

    def __init__(self, desk: Desk, mail: Entry) -> None:
        super().__init__()
        self._desk = desk
        self._mail = mail
        self._shown: tuple[Entry, str] | None = None

    def place(self) -> str:
        """Which one."""
        return f"queue › {self._mail.id}"

    def body(self) -> Iterable[Widget]:
        """It scrolls."""
        yield VerticalScroll(Static("reading …", markup=False), id="mail")

    def on_mount(self) -> None:
        """Read it."""
        self.query_one("#mail").focus()
        self.action_reload()

    def action_reload(self) -> None:
        """Read it again."""
        self.run_worker(self._read(), group="read", exclusive=True)

    async def _read(self) -> None:
        await asyncio.to_thread(importlib.import_module, "outmail.engine.remembered")
        mail = self._mail.id
        found = await steered(self.app, self._desk, lambda s: s.show(mail), again=False)
        if found is not None and found != self._shown:
            self._shown = found
            self._mail = found[0]
            place = self.query_one("#mail", VerticalScroll)
            await place.remove_children()
            await place.mount_all(list(self._parts(*found)))

    def _parts(self, mail: Entry, headers: str) -> Iterable[Widget]:
        yield from pairs(words.mail_rows(mail))
        told: set[str] = set()
        for line in mail.recipients[: words.MOST_RECIPIENTS]:
            yield Static(line.address, markup=False, classes="recipient")
            error = line.last_error
            finding = self._finding(error) if error and line.state is not State.SENT else None
            title = finding.title if finding and finding.id not in told else ""
            yield from pairs(words.recipient_rows(line, self._desk.now(), title))
            if finding and finding.id not in told:
                told.add(finding.id)  # once, though a hundred recipients wait for the same
                yield FindingView(finding)
        more = len(mail.recipients) - words.MOST_RECIPIENTS
        if more > 0:
            yield Static(f"and {more} more: outmail queue show {mail.id}", markup=False, classes="recipient")
        if headers:
            cut = headers[:_LONGEST_HEADERS].rstrip()
            yield Static(cut, markup=False, classes="headers")

    def _finding(self, error: LastError) -> Finding | None:
        name = self._mail.profile
        profile = self._desk.workspace.settings.profiles.get(name)
        return self._desk.engine.remember(name, profile, error)

    def _do(self, deed: Coroutine[object, object, object]) -> None:
        self.run_worker(self._done(deed), group="deed", exclusive=True)

    async def _done(self, deed: Coroutine[object, object, object]) -> None:
        await deed
        await self._read()

    def action_retry(self) -> None:
        """Try it now."""
        self._do(deeds.retry(self.app, self._desk, words.ids([self._mail])))

    def action_hold(self) -> None:
        """Hold it."""
        self._do(deeds.hold(self.app, self._desk, words.ids([self._mail])))

    def action_release(self) -> None:
        """Release it."""
        self._do(deeds.release(self.app, self._desk, words.ids([self._mail])))

    def action_delete(self) -> None:
        """Ask, then delete it, and go back."""
        self.run_worker(self._delete(), group="deed", exclusive=True)

    async def _delete(self) -> None:
        if await deeds.delete(self.app, self._desk, [self._mail.id]):
            self.dismiss(None)

    def action_leave(self) -> None:
        """Back."""
        self.dismiss(None)
