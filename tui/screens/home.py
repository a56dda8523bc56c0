"""Home: the profiles with their state, and a key for everything that can be done with one."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import OptionList, Static

from store.vault import SettingsChanged
from transports.base import Status
from tui import settings as shown
from tui import sign_in_words as words
from tui.desk import Desk
from tui.said import Expected, Trouble, trouble
from tui.screens.conflict import ConflictDialog
from tui.screens.dialogs import ConfirmDialog, TroubleDialog
from tui.screens.frame import Frame
from tui.theme import COLOURS, MARKS
from tui.widgets.banner import BannerLine
from tui.widgets.finding import pairs
from tui.widgets.rows import Column, Row, Rows, RowsHead

if TYPE_CHECKING:
    from outmail.engine.tokens import SignInState
    from store.profiles import Settings

_WIDE = 110
_COLUMNS = (
    Column("Profile", 12, grow=1),
    Column("Type", 5),
    Column("Server", 20, grow=2),
    Column("Security", 8),
    Column("Sign-in", 8, from_width=_WIDE),
    Column("From", 22, grow=1, from_width=_WIDE),
    Column("Last check", 13),
)
_EMPTY = (
    "No profile is set up yet.\n\n"
    "A profile says through which server this machine sends its mail, and as whom.\n\n"
    "Press n to set one up: it takes a minute, and nothing is saved until you say so."
)


class HomeScreen(Frame[None]):
    """The first screen once a profile exists."""

    CSS_PATH = "home.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "enter,c",
            "check",
            "Check",
            id="home.check",
            tooltip="Check the connection, step by step",
            priority=True,
        ),
        Binding("i", "sign_in", "Sign in", id="home.sign_in", tooltip="Sign the profile in with OAuth"),
        Binding(
            "o", "sign_out", "Sign out", id="home.sign_out", tooltip="Forget its tokens; you are asked first"
        ),
        Binding("s", "sample", "Sample mail", id="home.sample", tooltip="Send a sample mail to an address"),
        Binding("n", "new", "New", id="home.new", tooltip="Set up another profile"),
        Binding("e", "edit", "Edit", id="home.edit", tooltip="Change the selected profile"),
        Binding("d", "default", "Default", id="home.default", tooltip="Use it wherever no profile is named"),
        Binding("r", "remove", "Remove", id="home.remove", tooltip="Remove it; you are asked first"),
        Binding("h", "history", "History", id="home.history", tooltip="Mails sent, and settings changed"),
        Binding("f", "faults", "Faults", id="home.faults", tooltip="Break and mend the practice servers"),
        Binding("f5", "reload", "Reload", show=False, id="home.reload", tooltip="Read the settings anew"),
        Binding("q", "app.quit", "Quit", id="home.quit", tooltip="Leave the program"),
    ]

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self._signed_in: dict[str, SignInState] = {}

    def place(self) -> str:
        """Here."""
        return "home"

    def body(self) -> Iterable[Widget]:
        """The table, and all about the selected profile beneath."""
        yield BannerLine(id="attention")
        rows = Rows(_COLUMNS, id="profiles")
        yield Vertical(RowsHead(rows), rows, VerticalScroll(id="about", can_focus=False), id="full")
        yield Vertical(Static(_EMPTY, markup=False), id="empty")

    def on_mount(self) -> None:
        """Draw what is saved; in an empty home, begin with the wizard."""
        self.refresh_profiles()
        if not self._settings.profiles:
            self.call_after_refresh(self.action_new)

    def on_screen_resume(self) -> None:
        """A check may have ended meanwhile."""
        self.refresh_profiles()

    @property
    def _settings(self) -> Settings:
        return self._desk.workspace.settings

    @property
    def _chosen(self) -> str | None:
        return self.query_one(Rows).selected

    def refresh_profiles(self, *, look: bool = True) -> None:
        """Draw the profiles as they are saved now; with `look`, look anew at who is signed in."""
        profiles = self._settings.profiles
        self.query_one("#full").display = bool(profiles)
        self.query_one("#empty").display = not profiles
        rows = self.query_one(Rows)
        rows.show(
            [
                Row(
                    name,
                    (
                        f"* {name}" if name == self._settings.default else f"  {name}",
                        shown.protocol(profile),
                        shown.server(profile),
                        shown.security(profile),
                        shown.sign_in(profile),
                        profile.from_address,
                        self._state(name),
                    ),
                )
                for name, profile in profiles.items()
            ]
        )
        if profiles:
            rows.focus()
        self._tell_about()
        self.refresh_bindings()
        if look and any(profile.auth.method == "oauth" for profile in profiles.values()):
            # Not the coroutine itself: one that is replaced before it began would never be awaited.
            looking: Callable[[], Awaitable[None]] = self._look_at_sign_ins
            self.run_worker(looking, group="sign-ins", exclusive=True)

    async def _look_at_sign_ins(self) -> None:
        """In a thread, since they lie on the disk: the profiles are on the screen before."""
        with_oauth = {n: p for n, p in self._settings.profiles.items() if p.auth.method == "oauth"}
        tokens = await asyncio.to_thread(lambda: self._desk.workspace.tokens)
        self._signed_in = {n: await asyncio.to_thread(tokens.state, p) for n, p in with_oauth.items()}
        found = [line for name, state in self._signed_in.items() for line in words.warnings(name, state)]
        self.query_one("#attention", BannerLine).tell(words.banner(found))
        self.refresh_profiles(look=False)

    def _state(self, name: str) -> Content:
        state = self._signed_in.get(name)
        if state is not None and words.needs_person(state):
            return Content.styled(f"{MARKS[Status.WARN]} sign in", COLOURS[Status.WARN])
        checked = self._desk.checks.get(name)
        if checked is None:
            return Content.styled(f"{MARKS[None]} not checked", COLOURS[None])
        status = Status.PASS if checked.report.ok else Status.FAIL
        return Content.styled(f"{MARKS[status]} {status.value} {checked.at:%H:%M}", COLOURS[status])

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        """Another profile is selected."""
        event.stop()
        self._tell_about()
        self.refresh_bindings()

    def _tell_about(self) -> None:
        about = self.query_one("#about", VerticalScroll)
        about.remove_children()
        name = self._chosen
        if name is None or name not in self._settings.profiles:
            return
        title = f"{name} (default)" if name == self._settings.default else name
        about.mount(Static(title, markup=False, classes="about-title"))
        about.mount_all(pairs(shown.described(self._settings.profiles[name])))
        if name in self._signed_in:
            about.mount_all(pairs(words.rows(self._signed_in[name])))
        checked = self._desk.checks.get(name)
        if checked and not checked.report.ok:
            found = next((s.finding for s in checked.report.servers if s.finding), None)
            if found:
                about.mount_all(pairs([("Last check", found.title), ("Do this", found.remedy)]))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys that need a profile, or the practice tenant, are there only with one."""
        if action == "faults":
            return self._desk.demo is not None
        if action == "sign_in":
            chosen = self._settings.profiles.get(self._chosen or "")
            return chosen is not None and chosen.auth.method == "oauth"
        if action == "sign_out":
            state = self._signed_in.get(self._chosen or "")
            return state is not None and state.signed_in_at is not None
        if action in {"check", "sample", "edit", "default", "remove"}:
            return bool(self._settings.profiles)
        return True

    def action_check(self) -> None:
        """To the check screen, which begins at once."""
        from tui.screens.check import CheckScreen

        if self._chosen:
            self.app.push_screen(CheckScreen(self._desk, self._chosen))

    def action_sign_in(self) -> None:
        """Somebody signs in; what that changes of the profile is saved."""
        if self._chosen:
            self.run_worker(self._sign_in(self._chosen), group="sign-in", exclusive=True)

    async def _sign_in(self, name: str) -> None:
        await asyncio.to_thread(importlib.import_module, "tui.screens.signing_in")
        from tui.screens.signing_in import sign_in

        if await sign_in(self.app, self._desk, name):
            self._desk.checks.pop(name, None)
        self.refresh_profiles()

    def action_sign_out(self) -> None:
        """Ask, then forget the tokens."""
        if self._chosen:
            self.run_worker(self._sign_out(self._chosen), group="sign-in", exclusive=True)

    async def _sign_out(self, name: str) -> None:
        from tui.screens.signing_in import sign_out

        if await sign_out(self.app, self._desk, name):
            self._desk.checks.pop(name, None)
            self.notify(f"{name} is signed out.", markup=False)
        self.refresh_profiles()

    def action_sample(self) -> None:
        """To the sample mail."""
        from tui.screens.sample import SampleScreen

        if self._chosen:
            self.app.push_screen(SampleScreen(self._desk, self._chosen))

    def action_new(self) -> None:
        """The wizard, empty."""
        self._wizard(None)

    def action_edit(self) -> None:
        """The wizard, filled in."""
        if self._chosen:
            self._wizard(self._chosen)

    def _wizard(self, name: str | None) -> None:
        self.run_worker(self._open_wizard(name), group="wizard", exclusive=True)

    async def _open_wizard(self, name: str | None) -> None:
        # Somebody else may have saved since: the wizard shall begin with what is on disk.
        if not await self._read_anew():
            return
        await asyncio.to_thread(importlib.import_module, "tui.screens.wizard.screen")
        from tui.screens.wizard.screen import WizardScreen

        if name is None or name in self._settings.profiles:
            wizard = WizardScreen(self._desk.workspace, name, self._desk.engine, self._desk.demo)
            await self.app.push_screen(wizard, self._wizard_done)

    def _wizard_done(self, saved: str | None) -> None:
        if saved:
            self._desk.checks.pop(saved, None)
            self.refresh_profiles()
            self.query_one(Rows).select(saved)

    def action_default(self) -> None:
        """Make the selected profile the default."""
        if self._chosen and self._chosen != self._settings.default:
            done = f"{self._chosen} is the default profile now."
            self._save(shown.with_default(self._settings, self._chosen), done)

    def action_remove(self) -> None:
        """Ask, then remove."""
        name = self._chosen
        if name is None:
            return

        def answered(yes: bool | None) -> None:
            if yes and name in self._settings.profiles:
                self._desk.checks.pop(name, None)
                self._save(shown.without(self._settings, name), f"{name} was removed.")

        self.app.push_screen(
            ConfirmDialog(
                f"Remove the profile {name}?",
                "Its settings and its password are gone then; to keep them elsewhere, "
                f"run first: outmail profile export {name}",
                "remove a profile",
            ),
            answered,
        )

    def action_history(self) -> None:
        """To the history."""
        from tui.screens.history import HistoryScreen

        self.app.push_screen(HistoryScreen(self._desk))

    def action_faults(self) -> None:
        """To the practice servers."""
        from tui.screens.faults import FaultsScreen

        if self._desk.demo is not None:
            self.app.push_screen(FaultsScreen(self._desk.demo))

    def action_reload(self) -> None:
        """Read the settings anew."""
        self.run_worker(self._read_anew(), group="settings", exclusive=True)

    def _save(self, changed: Settings, done: str) -> None:
        self.run_worker(self._save_now(changed, done), group="settings", exclusive=True)

    async def _save_now(self, changed: Settings, done: str) -> None:
        try:
            await asyncio.to_thread(self._desk.workspace.save, changed)
        except SettingsChanged as error:
            self.app.push_screen(ConflictDialog(error.who, error.when, error.changes), self._conflict_over)
        except Expected as error:
            self.app.push_screen(TroubleDialog(trouble(error)))
        else:
            self.notify(done, markup=False)
            self.refresh_profiles()
            if self._desk.workspace.warning:
                told = Trouble(
                    "The settings are saved",
                    self._desk.workspace.warning,
                    "look whether the disk is full: df -h",
                )
                self.app.push_screen(TroubleDialog(told))

    def _conflict_over(self, take_theirs: bool | None) -> None:
        if take_theirs:
            self.action_reload()

    async def _read_anew(self) -> bool:
        try:
            await asyncio.to_thread(self._desk.workspace.reload)
        except Expected as error:
            self.app.push_screen(TroubleDialog(trouble(error)))
            return False
        self.refresh_profiles()
        return True
