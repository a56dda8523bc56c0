"""The wizard: sets up a new profile or edits a saved one, page by page; it saves on the last page alone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from outmail.engine import draft_pages as at
from outmail.engine.draft_pages import Page
from tui.engine import DemoSession, Engine, RealEngine, WorkspaceLike
from tui.helm import SettingsSaved
from tui.screens.dialogs import ConfirmDialog
from tui.screens.frame import Frame
from tui.screens.wizard.authentication import AuthenticationPage
from tui.screens.wizard.ews import EwsPage
from tui.screens.wizard.graph import GraphPage
from tui.screens.wizard.live_check import LiveCheckPage
from tui.screens.wizard.page import WizardPage
from tui.screens.wizard.protocol import ProtocolPage
from tui.screens.wizard.provider import ProviderPage
from tui.screens.wizard.review import ReviewPage
from tui.screens.wizard.route import RoutePage
from tui.screens.wizard.sample_mail import SampleMailPage
from tui.screens.wizard.save import SavePage
from tui.screens.wizard.sender import SenderPage
from tui.screens.wizard.servers import ServersPage
from tui.screens.wizard.session import Session
from tui.screens.wizard.signed_in import SignedInPage
from tui.screens.wizard.stepper import Stepper
from tui.widgets.banner import TitleBar, key_lines
from tui.widgets.field import Choice, Field

_PAGES: tuple[type[WizardPage], ...] = (
    ProtocolPage,
    ProviderPage,
    ServersPage,
    EwsPage,
    GraphPage,
    AuthenticationPage,
    SenderPage,
    RoutePage,
    ReviewPage,
    SignedInPage,
    LiveCheckPage,
    SampleMailPage,
    SavePage,
)
_ACTIONS = frozenset({"next", "back", "step", "show", "go", "again", "save", "leave", "pair", "graph"})
_CAN_SAVE = (Page.REVIEW, Page.SIGNED_IN, Page.CHECK, Page.SAMPLE, Page.SAVE)


class WizardScreen(Frame[str | None]):
    """Closes with the name of the profile that was saved, or with None."""

    CSS_PATH = "wizard.tcss"
    VERTICAL_BREAKPOINTS = [(0, "-short"), (32, "-high")]  # noqa: RUF012 - Textual's own way
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,ctrl+n,pagedown", "next", "Next", id="wizard.next", tooltip="Go on to the next page"),
        Binding("ctrl+b,pageup", "back", "Back", id="wizard.back", tooltip="Go back; nothing is lost"),
        Binding("down", "step(1)", "Next field", id="wizard.down", tooltip="To the next field (also Tab)"),
        Binding("up", "step(-1)", "Field before", id="wizard.up", tooltip="To the field before"),
        Binding(
            "ctrl+t", "show", "Show password", id="wizard.show", tooltip="Show what was typed, or mask it"
        ),
        Binding(
            "ctrl+g", "go", "Go and correct", id="wizard.go", tooltip="To the field that an error is about"
        ),
        Binding("ctrl+r", "again", "Check again", id="wizard.again", tooltip="Run the live check once more"),
        Binding(
            "ctrl+k",
            "pair",
            "Make a key pair",
            id="wizard.pair",
            priority=True,
            tooltip="For app-only sign-in by certificate",
        ),
        Binding(
            "ctrl+o",
            "graph",
            "Graph instead",
            id="wizard.graph",
            tooltip="Microsoft Graph in place of Exchange Online's EWS, which ends",
        ),
        Binding("ctrl+s", "save", "Save", id="wizard.save", tooltip="Save now; from the review on"),
        Binding(
            "escape", "leave", "Leave", id="wizard.leave", tooltip="Cancel what runs, or leave the wizard"
        ),
    ]

    def __init__(
        self,
        workspace: WorkspaceLike,
        name: str | None = None,
        engine: Engine | None = None,
        demo: DemoSession | None = None,
        *,
        to_graph: bool = False,
    ) -> None:
        super().__init__()
        self.session = Session.begin(workspace, name)
        self.session.engine = engine or RealEngine()
        self.session.demo = demo
        self.editing = name
        self._first = Page.REVIEW if name else Page.PROTOCOL
        if to_graph and self.session.to_graph():
            self._first = Page.GRAPH
        self._back_to: Page | None = None
        self.turning = True  # between two pages keys have nothing to act upon

    def place(self) -> str:
        """For the line above."""
        return f"edit profile {self.editing}" if self.editing else "new profile"

    def aside(self) -> str:
        """For the line above: that Escape costs nothing."""
        practice = "practice tenant · " if self.app.has_class("-practice") else ""
        return f"{practice}nothing is saved yet"

    def body(self) -> Iterable[Widget]:
        """The pages' names at the left, the page at the right."""
        yield Horizontal(
            Stepper(id="stepper", markup=False),
            Vertical(id="wizard-place"),
            id="wizard-body",
        )

    def keys(self) -> Widget:
        """The page's own keys, in words."""
        return Static("", id="wizard-keys", markup=False)

    async def on_mount(self) -> None:
        """A new profile begins at the beginning; a saved one is shown whole, each line a way in."""
        await self.show_page(self._first)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """No key of the wizard acts while a page is being turned."""
        return not (self.turning and action in _ACTIONS) and super().check_action(action, parameters)

    @property
    def page(self) -> WizardPage:
        """The page on the screen."""
        return self.query_one(WizardPage)

    async def show_page(self, page: Page, field: str = "") -> None:
        """Put a page on the screen, with the focus on a field."""
        self.turning = True
        place = self.query_one("#wizard-place", Vertical)
        await place.remove_children()
        made = next(kind for kind in _PAGES if kind.page is page)(self.session)
        await place.mount(made)
        self.turning = False
        self.session.seen.add(page)
        made.follow()
        made.focus_on(field)
        self._draw()

    def _draw(self) -> None:
        page = self.page
        self.query_one(Stepper).show(self.session, page.page)
        first = page.page is self.session.draft.pages()[0]
        back = [] if first or self.session.saved else [("PgUp", "Back")]
        escape = [("Esc", "Cancel the check" if page.busy else "Leave")]
        words = f"Back to {at.TITLES[self._back_to]}" if self._back_to else page.next_words()
        keys = [*page.other_keys(), *back, *escape]
        shown = [
            Content.styled(f" Enter  {words} ", "bold reverse"),
            *(Content.assemble((key, "bold $text-accent"), " ", (word, "dim")) for key, word in keys),
        ]
        bar = self.query_one("#wizard-keys", Static)
        bar.update(Content("\n").join(key_lines(shown, self.size.width - 2)))

    def on_resize(self) -> None:
        """The keys take another line rather than hide one."""
        if self.query(WizardPage):
            self._draw()

    # --- turning pages

    async def action_next(self) -> None:
        """On, when this page is right; else to the first field that is not."""
        page = self.page
        if page.page is Page.SAVE:
            await self.action_save()
            return
        page.collect()
        wrong = self.session.problems(page.page)
        if wrong and page.page is not Page.REVIEW:
            self.session.looked_at |= set(wrong)
            page.follow()
            page.focus_on(next((f.key for f in page.query(Field) if f.key in wrong), ""))
            self._draw()
            return
        if not page.leave(forward=True):
            self._draw()
            return
        target, self._back_to = self._back_to or self._beside(1), None
        await self.show_page(target)

    async def action_back(self) -> None:
        """To the page before; errors can wait."""
        self.page.collect()
        self.page.leave(forward=False)
        self._back_to = None
        if self.page.page is not self._beside(-1):
            await self.show_page(self._beside(-1))

    def _beside(self, by: int) -> Page:
        pages = self.session.draft.pages()
        return pages[min(max(pages.index(self.page.page) + by, 0), len(pages) - 1)]

    async def on_wizard_page_forward(self) -> None:
        if not self.turning:
            await self.action_next()

    async def on_wizard_page_go_to(self, event: WizardPage.GoTo) -> None:
        if self.turning:
            return
        here = self.page.page
        self.page.collect()
        self.page.leave(forward=False)
        self._back_to = here if here is not event.page else None
        self.session.looked_at.add(event.field)
        await self.show_page(event.page, event.field)

    def on_wizard_page_keys_changed(self) -> None:
        if not self.turning:
            self._draw()

    # --- keys

    def action_step(self, by: int) -> None:
        """Up and Down: within a tall choice, else from field to field, else scroll."""
        if isinstance(self.focused, Choice) and self.focused.step(by):
            return
        chain = self.focus_chain
        at_edge = not chain or (self.focused is (chain[-1] if by > 0 else chain[0]))
        if at_edge:
            self.page.scroll_relative(y=by, animate=False)
        elif by > 0:
            self.focus_next()
        else:
            self.focus_previous()

    def action_show(self) -> None:
        """Show or mask the password on this page."""
        for field in self.page.query(Field):
            if field.key in at.SECRETS:
                field.toggle_secret()

    async def action_go(self) -> None:
        """To the field that the first error or finding is about."""
        field = self.page.field_to_correct()
        if field:
            await self.on_wizard_page_go_to(WizardPage.GoTo(self.session.draft.page_of(field), field))

    def action_pair(self) -> None:
        """Make a key pair, where the profile signs in with one."""
        if isinstance(self.page, AuthenticationPage):
            self.page.make_key_pair()

    async def action_graph(self) -> None:
        """Microsoft Graph in place of EWS, where the page offers it; nothing is saved yet."""
        page = self.page
        if page.page not in {Page.EWS, Page.REVIEW}:
            return
        page.collect()
        if self.session.to_graph():
            self._back_to = None
            await self.show_page(Page.GRAPH)

    def action_again(self) -> None:
        """Run the live check again."""
        if isinstance(self.page, LiveCheckPage):
            self.page.run()
            self._draw()

    def action_leave(self) -> None:
        """Cancel what runs; else leave, after a question when something was typed."""
        self.page.collect()
        if self.page.cancel():
            self._draw()
        elif self.session.typed:
            self._ask_to_leave()
        else:
            self.dismiss(self.session.draft.text(at.NAME) if self.session.saved else None)

    def _ask_to_leave(self) -> None:
        """Nothing typed is thrown away by one key."""

        def answered(leave: bool | None) -> None:
            if leave:
                self.dismiss(None)

        question = "Leave without saving?"
        self.app.push_screen(ConfirmDialog(question, "What you typed here will be gone.", "leave"), answered)

    # --- saving

    async def action_save(self) -> None:
        """Save, from the review on; on the last page Enter does the same."""
        page = self.page
        page.collect()
        if page.page not in _CAN_SAVE:
            self.notify("The review comes first: Enter goes on.")
            return
        if self.session.saved:
            self.dismiss(self.session.draft.text(at.NAME).strip())
            return
        if self.session.problems():
            self.session.looked_at |= set(self.session.problems())
            await self.show_page(Page.REVIEW)
            self.page.leave(forward=True)
            return
        if not isinstance(page, SavePage):
            page.leave(forward=True)
            self._back_to = None
            await self.show_page(Page.SAVE)
        self._save()

    def _save(self) -> None:
        page = self.query_one(SavePage)
        saved = page.settle() if page.in_conflict else page.save()
        if saved:
            self.app.post_message(SettingsSaved())
            self.query_one(TitleBar).note = "saved"
            self.set_focus(None)
        self._draw()
