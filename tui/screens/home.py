"""Home: the relay and the profiles with their state, and a key for everything that can be done with one."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, ClassVar

from textual.binding import BindingType
from textual.containers import Vertical, VerticalScroll
from textual.widget import Widget
from textual.widgets import OptionList, Static

from store.vault import SettingsChanged
from tui import ending_words as ends
from tui import home_table as table
from tui import relay_words
from tui import settings as shown
from tui import sign_in_words as words
from tui.desk import Desk
from tui.helm import RelayTold, SettingsSaved, Watching
from tui.home_keys import KEYS
from tui.said import Expected, Trouble, trouble
from tui.screens.conflict import ConflictDialog
from tui.screens.delivery import Guard, may_edit, offer_resume, pause_or_resume, reconnect
from tui.screens.dialogs import ConfirmDialog, TroubleDialog
from tui.screens.frame import Frame
from tui.widgets.banner import BannerLine
from tui.widgets.finding import pairs
from tui.widgets.relay_panel import RelayPanel
from tui.widgets.rows import Rows, RowsHead

if TYPE_CHECKING:
    from outmail.engine.relay_status import RelayStatus
    from outmail.engine.tokens import SignInState
    from store.profiles import Profile, Settings

_EMPTY = (
    "No profile is set up yet.\n\n"
    "A profile says through which server this machine sends its mail, and as whom.\n\n"
    "Press n to set one up: it takes a minute, and nothing is saved until you say so."
)


class HomeScreen(Frame[None]):
    """The first screen once a profile exists."""

    CSS_PATH = "home.tcss"
    AT_HOME = True
    BINDINGS: ClassVar[list[BindingType]] = KEYS

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self._signed_in: dict[str, SignInState] = {}
        self._about: tuple[str, list[tuple[str, str]]] = ("", [])

    def place(self) -> str:
        """Here."""
        return "home"

    def body(self) -> Iterable[Widget]:
        """The table, and all about the selected profile beneath."""
        yield BannerLine(id="attention")
        yield RelayPanel()
        rows = Rows(table.columns(live=False), id="profiles")
        yield Vertical(RowsHead(rows), rows, VerticalScroll(id="about", can_focus=False), id="full")
        yield Vertical(Static(_EMPTY, markup=False), id="empty")

    def on_mount(self) -> None:
        """Draw what is saved; in an empty home, begin with the wizard."""
        self._tell_relay()
        self.refresh_profiles()
        if not self._settings.profiles:
            self.call_after_refresh(self.action_new)

    def on_screen_resume(self) -> None:
        """A check may have ended meanwhile, and the queue may be another."""
        self.refresh_profiles()
        if isinstance(self.app, Watching):
            self.app.look_at_relay()

    def on_relay_told(self, message: RelayTold) -> None:
        """The relay stands otherwise."""
        self._tell_relay()
        self._show_rows()
        self._tell_about()
        self.refresh_bindings()

    def _tell_relay(self) -> None:
        if isinstance(self.app, Watching):
            self.query_one(RelayPanel).tell(self.app.relay_news, self._desk.now())

    @property
    def _relay(self) -> RelayStatus | None:
        return self.app.relay_news.status if isinstance(self.app, Watching) else None

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
        self._show_rows()
        self._tell_attention()
        if profiles:
            self.query_one(Rows).focus()
        self._tell_about()
        self.refresh_bindings()
        if look and any(profile.auth.method == "oauth" for profile in profiles.values()):
            # Not the coroutine itself: one that is replaced before it began would never be awaited.
            looking: Callable[[], Awaitable[None]] = self._look_at_sign_ins
            self.run_worker(looking, group="sign-ins", exclusive=True)

    def _show_rows(self) -> None:
        live = table.is_live(self._relay)
        rows = [
            table.row(
                name,
                profile,
                default=name == self._settings.default,
                sign_in=self._signed_in.get(name),
                checked=self._desk.checks.get(name),
                relay=self._relay if live else None,
            )
            for name, profile in self._settings.profiles.items()
        ]
        self.query_one(Rows).show(rows, table.columns(live=live))

    async def _look_at_sign_ins(self) -> None:
        """In a thread, since they lie on the disk: the profiles are on the screen before."""
        with_oauth = {n: p for n, p in self._settings.profiles.items() if p.auth.method == "oauth"}
        tokens = await asyncio.to_thread(lambda: self._desk.workspace.tokens)
        self._signed_in = {n: await asyncio.to_thread(tokens.state, p) for n, p in with_oauth.items()}
        self.refresh_profiles(look=False)

    def _tell_attention(self) -> None:
        """Who has to sign in, and what is ending."""
        profiles, now = self._settings.profiles, self._desk.now()
        found = [w for n, state in self._signed_in.items() if n in profiles for w in words.warnings(n, state)]
        found += [w for n, profile in profiles.items() for w in ends.warnings(n, profile, now)]
        self.query_one("#attention", BannerLine).tell(words.banner(found))

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        """Another profile is selected."""
        event.stop()
        self._tell_about()
        self.refresh_bindings()

    def _tell_about(self) -> None:
        """All about the selected profile; drawn only where it differs from what stands there."""
        name = self._chosen
        profile = self._settings.profiles.get(name or "")
        rows = [] if name is None or profile is None else self._about_rows(name, profile)
        title = f"{name} (default)" if name == self._settings.default else name or ""
        if (title, rows) == self._about:
            return
        self._about = (title, rows)
        about = self.query_one("#about", VerticalScroll)
        about.remove_children()
        if rows:
            about.mount(Static(title, markup=False, classes="about-title"))
            about.mount_all(pairs(rows))

    def _about_rows(self, name: str, profile: Profile) -> list[tuple[str, str]]:
        rows: list[tuple[str, str]] = []
        relay = self._relay
        if relay and table.is_live(relay):
            counts = relay.counts.by_profile.get(name)
            rows += relay_words.about(relay.route(name), relay.pause, counts, self._desk.now())
        rows += shown.described(profile)
        rows += ends.rows(profile, self._desk.now())
        if name in self._signed_in:
            rows += words.rows(self._signed_in[name])
        checked = self._desk.checks.get(name)
        if checked and not checked.report.ok:
            found = next((s.finding for s in checked.report.servers if s.finding), None)
            if found:
                rows += [("Last check", found.title), ("Do this", found.remedy)]
        return rows

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys that need a profile, or the practice tenant, are there only with one."""
        if action == "faults":
            return self._desk.demo is not None
        if action == "sign_in":
            chosen = self._settings.profiles.get(self._chosen or "")
            return chosen is not None and chosen.auth.method == "oauth"
        if action == "graph":
            return ends.offers_graph(self._settings.profiles.get(self._chosen or ""))
        if action == "sign_out":
            state = self._signed_in.get(self._chosen or "")
            return state is not None and state.signed_in_at is not None
        if action == "reconnect":
            return self._relay is not None and any(route.away for route in self._relay.routes)
        if action in {"check", "sample", "edit", "default", "remove", "pause"}:
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

    def action_graph(self) -> None:
        """The wizard, with Microsoft Graph in place of EWS; nothing is saved before its end."""
        if self._chosen:
            self._wizard(self._chosen, to_graph=True)

    def _wizard(self, name: str | None, *, to_graph: bool = False) -> None:
        self.run_worker(self._open_wizard(name, to_graph=to_graph), group="wizard", exclusive=True)

    async def _open_wizard(self, name: str | None, *, to_graph: bool) -> None:
        # Somebody else may have saved since: the wizard shall begin with what is on disk.
        if not await self._read_anew():
            return
        guard = await may_edit(self.app, self._desk, name) if self._settings.profiles else Guard.EDIT
        if guard is Guard.CANCEL:
            return
        await asyncio.to_thread(importlib.import_module, "tui.screens.wizard.screen")
        from tui.screens.wizard.screen import WizardScreen

        if name is None or name in self._settings.profiles:
            desk = self._desk
            wizard = WizardScreen(desk.workspace, name, desk.engine, desk.demo, to_graph=to_graph)
            saved = await self.app.push_screen_wait(wizard)
            self._wizard_done(saved)
            if guard is Guard.PAUSED and not saved:
                await offer_resume(self.app, self._desk, name)

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

    def action_pause(self) -> None:
        """Pause delivery, or resume it."""
        if self._chosen:
            steering = pause_or_resume(self.app, self._desk, self._chosen)
            self.run_worker(steering, group="steering", exclusive=True)

    def action_reconnect(self) -> None:
        """Back to the primary server."""
        if self._chosen:
            self.run_worker(reconnect(self.app, self._desk, self._chosen), group="steering", exclusive=True)

    def action_queue(self) -> None:
        """To the mail that waits."""
        from tui.screens.queue import QueueScreen

        self.app.push_screen(QueueScreen(self._desk))

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
            self.app.post_message(SettingsSaved())
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
