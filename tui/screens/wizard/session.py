"""What the wizard's pages share while it is open: the answers, what was proven with them, and where to go.

Nothing here is written to disk: that happens on the last page alone, when the admin says so.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from outmail.engine.draft import Draft
from outmail.engine.draft_pages import NAME, PROVIDER, Note, Page
from outmail.engine.presets import Preset, by_id
from outmail.engine.report import CheckReport, Progress, SendReport
from outmail.engine.tokens import SignInState, Tokens
from store.errors import StoreError
from store.problems import SettingsInvalid
from store.profiles import Profile, Settings
from store.tokens import MemoryShelf, identity_of
from tui.engine import DemoSession, Engine, RealEngine, WorkspaceLike


@dataclass
class Session:
    """One run of the wizard."""

    workspace: WorkspaceLike
    draft: Draft
    begun: Draft  # as it was when the wizard opened, to know whether something was typed
    make_default: bool
    where: str = ""  # the folder the settings are kept in
    engine: Engine = field(default_factory=RealEngine)
    demo: DemoSession | None = None
    looked_at: set[str] = field(default_factory=set)  # fields whose errors may be shown
    seen: set[Page] = field(default_factory=set)
    checked: Draft | None = None  # the answers the live check proved
    steps: list[Progress] = field(default_factory=list)
    report: CheckReport | None = None
    refused: str = ""  # why a check could not even begin
    sent_to: str = ""
    sent_with: Draft | None = None
    sent: SendReport | None = None
    saved: bool = False
    own_tokens: Tokens = field(default_factory=lambda: Tokens(MemoryShelf()))
    """The sign-in of a profile that is not saved yet; saving moves it into the vault."""
    from_ews: bool = False  # whether Graph was taken in place of EWS here
    news: list[Note] = field(default_factory=list)  # what somebody else changed meanwhile

    @classmethod
    def begin(cls, workspace: WorkspaceLike, name: str | None) -> Session:
        """A new profile, or the saved one of that name."""
        settings = workspace.settings
        draft = Draft.of(name, settings.profiles[name]) if name else Draft.empty()
        default = settings.default == name if name else not settings.profiles
        session = cls(workspace, draft, draft.copy(), default, str(workspace.paths.vault))
        session.own_tokens = Tokens(MemoryShelf(), now=workspace.tokens.now)
        return session

    @property
    def settings(self) -> Settings:
        """What is saved, as far as this program knows."""
        return self.workspace.settings

    @property
    def preset(self) -> Preset | None:
        """The chosen provider's preset; None for a server nobody knows."""
        return by_id(self.draft.text(PROVIDER))

    def to_graph(self) -> bool:
        """Take Graph in place of Exchange Online's EWS; False where there is nothing to replace."""
        if not self.draft.offers_graph():
            return False
        self.draft.to_graph()
        self.from_ews = True
        return True

    @property
    def typed(self) -> bool:
        """Whether leaving would lose something."""
        return not self.saved and self.draft != self.begun

    @property
    def proven(self) -> bool:
        """Whether the live check was for the answers as they stand now."""
        return self.report is not None and self.checked == self.draft

    # --- who is signed in

    def _signs_in(self) -> Profile | None:
        """The profile as the answers make it, where it signs in with OAuth."""
        try:
            profile = self.draft.profile()
        except SettingsInvalid:
            return None
        return profile if profile.auth.method == "oauth" and profile.auth.oauth else None

    def tokens(self) -> Tokens:
        """Where these answers' sign-in is: in this wizard, or in the vault from before."""
        profile = self._signs_in()
        if profile is None:
            return self.own_tokens
        identity = identity_of(profile)
        try:
            kept = self.own_tokens.shelf.get(identity) is None and self.workspace.tokens.kept(identity)
        except StoreError:
            kept = None
        return self.workspace.tokens if kept else self.own_tokens

    def sign_in_state(self) -> SignInState | None:
        """How the sign-in stands; None while the answers make no profile that has one."""
        profile = self._signs_in()
        return self.tokens().state(profile) if profile else None

    def keep_sign_in(self) -> str:
        """Move the sign-in into the vault, once the profile is saved; "" or why that failed."""
        profile = self._signs_in()
        token = self.own_tokens.shelf.get(identity_of(profile)) if profile else None
        if token is None:
            return ""
        try:
            self.workspace.tokens.shelf.put(replace(token, profile=self.draft.text(NAME).strip()))
        except StoreError as error:
            return f"the sign-in was not kept: {error.why}"
        return ""

    def problems(self, page: Page | None = None) -> dict[str, str]:
        """What is wrong, by field: on one page, or on all."""
        found = self.draft.problems(self.settings)
        return {f: words for f, words in found.items() if page is None or self.draft.page_of(f) is page}
