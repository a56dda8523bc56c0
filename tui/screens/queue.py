"""The queue: mail by mail, or grouped by cause with one key that tries all of it after the fix."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Coroutine, Iterable
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.widget import Widget
from textual.widgets import Input, OptionList, Static

from store.spool_shapes import Entry, State, Which
from tui import queue_words as words
from tui.desk import Desk
from tui.helm import RelayTold, Watching
from tui.screens import queue_deeds as deeds
from tui.screens.delivery import steered
from tui.screens.dialogs import Choice, ChooseDialog
from tui.screens.frame import Frame
from tui.screens.queue_mail import MailScreen
from tui.widgets.finding import pairs
from tui.widgets.long_rows import LongRows, LongRowsHead
from tui.widgets.rows import Cell, Column, Row, Rows, RowsHead

if TYPE_CHECKING:
    from outmail.diagnosis.finding import Finding
    from store.spool_shapes import Cause, Counts

_PAGE = 200
_WIDE = 110
_MAILS = (
    Column("State", 11),
    Column("Next", 9),
    Column("To", 18, grow=2),
    Column("Why", 18, grow=4),
    Column("From", 14, grow=2, from_width=100),
    Column("Profile", 10, grow=1, from_width=_WIDE),
    Column("Size", 7, from_width=_WIDE),
    Column("Id", 13, from_width=130),
)
_CAUSES = (
    Column("Count", 6),
    Column("State", 12, grow=1),
    Column("Profile", 12, grow=1),
    Column("Cause", 30, grow=4),
)
_EMPTY = "No mail waits.\n\nWhat the relay accepts is here until a server has taken it."
_NONE_OF_THESE = "No mail of this choice is in the queue. f chooses others, / searches."
_NO_CAUSE = "No mail waits for anything but its turn. g shows the mails one by one."
_ALL_STATES = (State.WAITING, State.SENDING, State.UNCERTAIN, State.HELD, State.DEAD)
_EVERYTHING = "everything"
_KEEPS = "Together with what is chosen already."
_ON_MAIL = frozenset({"retry", "hold", "release", "delete", "all"})
_ON_LIST = frozenset({"search", "filter", "group"})


class QueueScreen(Frame[None]):
    """Two views of the same: LongRows of mails, Rows of causes."""

    CSS_PATH = "queue.tcss"
    AUTO_FOCUS = None  # the line to search in is there only when asked for
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "enter",
            "show",
            "Show",
            id="queue.show",
            priority=True,
            tooltip="One mail in full; of a cause, its mails",
        ),
        Binding("r", "retry", "Retry", id="queue.retry", tooltip="Try the selected mail now"),
        Binding("h", "hold", "Hold", id="queue.hold", tooltip="Do not send it until it is released"),
        Binding("l", "release", "Release", id="queue.release", tooltip="Send what was held"),
        Binding("d", "delete", "Delete", id="queue.delete", tooltip="Remove it; you are asked first"),
        Binding("a", "all", "All…", id="queue.all", tooltip="Do something with every mail of the list"),
        Binding(
            "a",
            "mend",
            "Try all",
            id="queue.mend",
            tooltip="It is mended: try all that waited for this cause",
        ),
        Binding("g", "group", "By cause", id="queue.group", tooltip="Grouped by what it waits for"),
        Binding("g", "ungroup", "One by one", id="queue.ungroup", tooltip="Mail by mail again"),
        Binding("slash", "search", "Search", key_display="/", id="queue.search", tooltip="Search addresses"),
        Binding("f", "filter", "Filter", id="queue.filter", tooltip="Only a state, or only a profile"),
        Binding("f5", "reload", "Read again", show=False, id="queue.reload", tooltip="Read the queue again"),
        Binding("escape,q", "leave", "Back", id="queue.leave", tooltip="Back to where you were"),
    ]

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self._mails: list[Entry] = []
        self._texts: list[str] = []  # what a search looks in, of the first of them
        self._whole = True  # whether all there is is loaded
        self._groups: dict[str, words.Group] = {}
        self._which = Which()
        self._search = ""
        self._by_cause = False
        self._counts: Counts | None = None  # of the queue when it was read last
        self._about: list[tuple[str, str]] = []

    def place(self) -> str:
        """Here."""
        return "queue"

    def body(self) -> Iterable[Widget]:
        """A line about what is shown, then one of the two views."""
        yield Static("reading …", id="queue-summary", markup=False)
        yield Input(
            placeholder="address, id or answer; Enter goes to the list, Esc ends", id="search", disabled=True
        )
        mails = LongRows[Entry](_MAILS, self._cells, lambda m: m.id)
        yield Vertical(LongRowsHead(_MAILS), mails, id="one-by-one")
        causes = Rows(_CAUSES, id="causes")
        about = VerticalScroll(id="about", can_focus=False)
        yield Vertical(RowsHead(causes), causes, about, id="by-cause")
        yield Vertical(Static("", markup=False), id="empty")

    def _cells(self, mail: Entry) -> tuple[Cell, ...]:
        relay = self.app.relay_news.status if isinstance(self.app, Watching) else None
        route = relay.route(mail.profile) if relay else None
        stands = relay is not None and bool(relay.pause or (route and route.pause))
        return words.mail_cells(mail, self._desk.now(), stands=stands)

    def on_mount(self) -> None:
        """Read it."""
        for part in ("#one-by-one", "#by-cause", "#empty"):
            self.query_one(part).display = False
        self.action_reload()

    # --- reading

    def action_reload(self) -> None:
        """Read it again, as much as is loaded now."""
        self.run_worker(self._read(), group="read", exclusive=True)

    async def _read(self) -> None:
        which, wanted = self._which, max(len(self._mails), _PAGE)
        if self._by_cause:
            await asyncio.to_thread(importlib.import_module, "outmail.engine.remembered")
            causes = await steered(self.app, self._desk, lambda s: s.causes(), again=False)
            if causes is not None:
                self._have_causes(causes)
        else:
            mails = await steered(self.app, self._desk, lambda s: deeds.pages(s, which, wanted), again=False)
            if mails is not None:
                self._mails, self._whole = mails, len(mails) < wanted
                self._texts = []
        self._draw()

    def _have_causes(self, causes: Iterable[Cause]) -> None:
        self._groups = {group.key: group for group in words.groups(causes)}

    def on_long_rows_near_end(self) -> None:
        """The next page, while the admin is still on this one."""
        if not self._whole:
            self.run_worker(self._read_more(), group="read", exclusive=True)

    async def _read_more(self) -> None:
        which, last = self._which, self._mails[-1].id
        more = await steered(self.app, self._desk, lambda s: s.page(which, _PAGE, last), again=False)
        if more is not None:
            self._mails = [*self._mails, *more]
            self._whole = len(more) < _PAGE
            self._draw()

    def on_relay_told(self, message: RelayTold) -> None:
        """What is short is read again when the queue changes; a long list waits for F5."""
        counts = message.news.status.counts if message.news.status else None
        if counts != self._counts:
            self._counts = counts
            if self._by_cause or len(self._mails) <= _PAGE:
                self.action_reload()

    # --- drawing

    @property
    def _shown(self) -> list[Entry]:
        if not self._search:
            return self._mails
        wanted = self._search.casefold()
        for mail in self._mails[len(self._texts) :]:
            self._texts.append(words.text_of(mail))  # once a mail, so that each letter is quick
        return [m for m, text in zip(self._mails, self._texts, strict=True) if wanted in text]

    def _draw(self) -> None:
        """What differs."""
        shown = self._shown
        there = bool(self._groups) if self._by_cause else bool(shown)
        self.query_one("#one-by-one").display = there and not self._by_cause
        self.query_one("#by-cause").display = there and self._by_cause
        empty = self.query_one("#empty")
        empty.display = not there
        empty.query_one(Static).update(self._why_empty())
        told = "What mail waits for, each with what mends it."
        if not self._by_cause:
            told = words.summary(
                len(shown), len(self._mails), whole=self._whole, which=self._which, search=self._search
            )
        self.query_one("#queue-summary", Static).update(told)
        if self._by_cause:
            self._draw_causes()
        else:
            self._list.show(shown)
        searching = self.query_one("#search", Input)
        if self.focused is not searching:
            self.set_focus(self.query_one(Rows) if self._by_cause else self._list)
        self.refresh_bindings()

    def _draw_causes(self) -> None:
        rows = [Row(group.key, words.group_cells(group)) for group in self._groups.values()]
        self.query_one(Rows).show(rows)
        self._tell_about()

    def _why_empty(self) -> str:
        if self._by_cause:
            return _NO_CAUSE
        return _NONE_OF_THESE if self._which != Which() or self._search else _EMPTY

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        """Another cause is selected."""
        event.stop()
        self._tell_about()

    def _tell_about(self) -> None:
        about = self.query_one("#about", VerticalScroll)
        group = self._group
        rows = words.group_rows(group, self._finding(group)) if group else []
        if rows != self._about:
            self._about = rows
            about.remove_children()
            about.mount_all(pairs(rows))

    def _finding(self, group: words.Group) -> Finding | None:
        profile = self._desk.workspace.settings.profiles.get(group.profile)
        if group.example is None:
            return None
        return self._desk.engine.remember(group.profile, profile, group.example)

    @property
    def _list(self) -> LongRows[Entry]:
        return self.query_one(LongRows)

    @property
    def _group(self) -> words.Group | None:
        return self._groups.get(self.query_one(Rows).selected or "")

    # --- keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only keys that do something in this view."""
        if action == "show":
            searching = isinstance(self.focused, Input)
            return not searching and bool(self._group if self._by_cause else self._shown)
        if action in _ON_MAIL:
            return not self._by_cause and bool(self._shown)
        if action in _ON_LIST:
            return not self._by_cause
        if action == "mend":
            return self._by_cause and self._group is not None
        if action == "ungroup":
            return self._by_cause
        return True

    def action_show(self) -> None:
        """One mail in full; of a cause, the mails that wait for it."""
        if self._by_cause:
            group = self._group
            if group:
                states = tuple(state for state, _count in group.states)
                self._by_cause = False
                self._choose(Which(profile=group.profile, cause=group.cause, states=states))
            return
        mail = self._list.selected
        if mail is not None:
            self.app.push_screen(MailScreen(self._desk, mail), lambda _done: self.action_reload())

    def _do(self, deed: Coroutine[object, object, object]) -> None:
        self.run_worker(self._done(deed), group="deed", exclusive=True)

    async def _done(self, deed: Coroutine[object, object, object]) -> None:
        await deed
        await self._read()

    def _selected(self) -> Which:
        mail = self._list.selected
        return words.ids([mail] if mail else [])

    def action_retry(self) -> None:
        """Try it now."""
        self._do(deeds.retry(self.app, self._desk, self._selected()))

    def action_hold(self) -> None:
        """Hold it."""
        self._do(deeds.hold(self.app, self._desk, self._selected()))

    def action_release(self) -> None:
        """Release it."""
        self._do(deeds.release(self.app, self._desk, self._selected()))

    def action_delete(self) -> None:
        """Ask, then delete it."""
        mail = self._list.selected
        if mail is not None:
            self._do(deeds.delete(self.app, self._desk, [mail.id]))

    def action_mend(self) -> None:
        """All that stands for this cause."""
        group = self._group
        if group is not None:
            self._do(deeds.mend_cause(self.app, self._desk, group))

    def action_all(self) -> None:
        """Choose what to do with every mail of the list."""
        self._do(self._all())

    async def _all(self) -> None:
        found = self._shown if self._search else None
        await deeds.all_of(self.app, self._desk, self._which, found)

    def action_group(self) -> None:
        """By cause."""
        self._by_cause = True
        self._search = ""
        self._close_search()
        self.action_reload()

    def action_ungroup(self) -> None:
        """Mail by mail."""
        self._by_cause = False
        self.action_reload()

    # --- choosing and searching

    def action_filter(self) -> None:
        """Choose a state, a profile, or everything."""
        self.run_worker(self._filter(), group="deed", exclusive=True)

    async def _filter(self) -> None:
        profiles = self._desk.workspace.settings.profiles
        choices = [
            Choice(_EVERYTHING, "everything"),
            *(Choice(f"state {s.value}", f"only {s.value}", _KEEPS) for s in _ALL_STATES),
            *(Choice(f"profile {name}", f"only of {name}", _KEEPS) for name in profiles),
        ]
        chosen = await self.app.push_screen_wait(ChooseDialog("Which mails?", choices, "filter"))
        kind, _, value = (chosen or "").partition(" ")
        if kind == _EVERYTHING:
            self._choose(Which())
        elif kind == "state":
            self._choose(Which(profile=self._which.profile, states=(State(value),)))
        elif kind == "profile":
            self._choose(Which(profile=value, states=self._which.states))

    def _choose(self, which: Which) -> None:
        self._which = which
        self._mails, self._texts = [], []
        self.action_reload()

    def action_search(self) -> None:
        """Open the line to type in."""
        entry = self.query_one("#search", Input)
        entry.add_class("-open")
        entry.disabled = False
        entry.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Search as it is typed, in what is loaded."""
        if event.value != self._search:
            self._search = event.value
            self._draw()

    def on_input_submitted(self) -> None:
        """To what was found."""
        self.set_focus(self._list)

    def _close_search(self) -> None:
        entry = self.query_one("#search", Input)
        entry.remove_class("-open")
        entry.disabled = True
        entry.value = ""

    def action_leave(self) -> None:
        """End the search, then the choice, then the screen."""
        if self.query_one("#search", Input).has_class("-open"):
            self._close_search()
            self._search = ""
            self.set_focus(self._list)
            self._draw()
        elif self._which != Which() and not self._by_cause:
            self._choose(Which())
        else:
            self.dismiss(None)
