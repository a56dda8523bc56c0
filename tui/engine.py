"""The engine and the practice tenant as the screens call them: the seams where tests put fakes.

The engine's modules are imported at the first use, never before the first screen is drawn.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from datetime import datetime

    from outmail.diagnosis.finding import Finding
    from outmail.engine.report import CheckReport, SendReport, Watch
    from outmail.engine.signin import Event, SignedIn, Way
    from outmail.engine.steering import Steering
    from outmail.engine.tokens import Tokens
    from store.changes import Change
    from store.history import Entry
    from store.paths import Paths
    from store.profiles import Profile, Settings
    from store.spool_shapes import LastError
    from store.tokens import Token
    from store.vault import Snapshot
    from transports.base import Failure, StepName
    from tui.helm import Profiles

    SaveSignIn = Callable[[Profile, Token], None]
    """Keeps what a sign-in changed of its profile; blocks, raises StoreError or SettingsInvalid."""

HEAVY = (
    "outmail.engine.check",
    "outmail.engine.sample",
    "outmail.engine.wiring",
    "outmail.engine.signin",
    "outmail.engine.tokens",
)
"""The engine's modules that take long to import."""


class Engine(Protocol):
    """What screens ask of the engine; see `outmail.engine.check`, `sample` and `wiring` for the meaning."""

    async def plan(self, name: str, profile: Profile, which: str) -> Sequence[Planned]:
        """The steps a check will climb. Raises EngineError when the profile cannot be checked."""
        ...

    async def check(
        self, name: str, profile: Profile, *, which: str, watch: Watch, tokens: Tokens
    ) -> CheckReport:
        """Climb them. Raises EngineError as `plan` does; failures on the way are in the report."""
        ...

    async def sample(
        self, name: str, profile: Profile, to: str, *, which: str | None, watch: Watch, tokens: Tokens
    ) -> SendReport:
        """Send a sample mail. Raises EngineError when the address or the profile cannot be used."""
        ...

    async def sign_in(
        self, name: str, profile: Profile, tokens: Tokens, watch: Callable[[Event], None], save: SaveSignIn
    ) -> SignInLike:
        """One sign-in, not begun yet; what happens on the way is told to `watch`.

        `save` keeps what it changed of the profile, once the token is kept.
        """
        ...

    def why_not(self, profile: Profile, way: Way) -> str:
        """Why the profile cannot sign in this way, a sentence; "" where it can."""
        ...

    def explain(self, name: str, profile: Profile, failure: Failure) -> Finding:
        """What a failed sign-in means, and what to do."""
        ...

    def remember(self, name: str, profile: Profile | None, error: LastError) -> Finding | None:
        """What an error means that the queue kept; None where nobody knows."""
        ...

    def relay_runs(self, paths: Paths) -> bool:
        """Whether a relay runs on this home; blocks. Raises StoreError where this user may not ask it."""
        ...

    def steer(self, paths: Paths, profiles: Profiles) -> Steering:
        """The running relay, else the queue on the disk; blocks. Raises StoreError."""
        ...


class SignInLike(Protocol):
    """One sign-in of one profile; see `outmail.engine.signin.SignIn`."""

    @property
    def profile(self) -> Profile:
        """The profile as it should be saved afterwards: another way or a confirmed account changes it."""
        ...

    async def run(self, way: Way | None = None) -> SignedIn:
        """Sign in by the profile's own way, or by another.

        Raises EngineError, StoreError, and TransportError (ACCOUNT_DIFFERS: see `confirm_account`).
        May be cancelled at any time.
        """
        ...

    def paste(self, address: str) -> None:
        """The address that the browser ended on."""
        ...

    async def confirm_account(self) -> SignedIn:
        """The account that signed in sends for the profile's mailbox. Raises StoreError."""
        ...


class Planned(Protocol):
    """One server and the steps that lie ahead."""

    @property
    def server(self) -> str:
        """primary, alternate, alternate-2 …"""
        ...

    @property
    def address(self) -> str:
        """As "smtp.example.org:587"."""
        ...

    @property
    def steps(self) -> Sequence[StepName]:
        """In order."""
        ...


class WorkspaceLike(Protocol):
    """The part of the engine's Workspace that screens use; every method may block on the disk."""

    @property
    def settings(self) -> Settings:
        """As last read or saved."""
        ...

    @property
    def snapshot(self) -> Snapshot:
        """The same, with who saved it, and when."""
        ...

    @property
    def history(self) -> HistoryLike:
        """What was sent and changed."""
        ...

    @property
    def tokens(self) -> Tokens:
        """The sign-ins of its profiles; its methods may block on the disk."""
        ...

    @property
    def paths(self) -> Paths:
        """Where it lies."""
        ...

    @property
    def warning(self) -> str:
        """What went wrong beside the last save, a sentence; "" where all went well."""
        ...

    def reload(self) -> Settings:
        """Read anew; raises StoreError."""
        ...

    def save(self, settings: Settings, who: str | None = None) -> list[Change]:
        """Keep; raises StoreError, SettingsChanged and SettingsInvalid."""
        ...

    def record(self, name: str, envelope_from: str, report: SendReport) -> str:
        """Note a mail; returns "" or a sentence why the history was not written."""
        ...


class HistoryLike(Protocol):
    """The part of the history that screens read."""

    def entries(self, limit: int) -> list[Entry]:
        """The newest first; raises StoreError."""
        ...


class PracticeServerLike(Protocol):
    """One server of the practice tenant."""

    @property
    def address(self) -> str:
        """As "127.0.0.1:40587"."""
        ...

    @property
    def security(self) -> str:
        """starttls, tls or none."""
        ...

    @property
    def fault(self) -> str:
        """The fault that is switched on; "none" when the server is well."""
        ...

    @property
    def possible_faults(self) -> Sequence[str]:
        """What may be switched on here."""
        ...


class ArrivedMail(Protocol):
    """One mail that a practice server took."""

    @property
    def arrived(self) -> datetime:
        """When."""
        ...

    @property
    def server(self) -> str:
        """At which server."""
        ...

    @property
    def sender(self) -> str:
        """Of the envelope."""
        ...

    @property
    def recipients(self) -> Sequence[str]:
        """Of the envelope."""
        ...

    @property
    def subject(self) -> str:
        """As readable text."""
        ...


class DemoSession(Protocol):
    """The practice tenant, for the screen that switches its faults; it runs in our event loop."""

    @property
    def ports(self) -> Mapping[str, PracticeServerLike]:
        """By name: primary, alternate, authority …"""
        ...

    @property
    def mails(self) -> Sequence[ArrivedMail]:
        """What arrived, the oldest first."""
        ...

    @property
    def person(self) -> PersonLike:
        """Plays the people who sign in, where no browser is at hand."""
        ...

    def set_fault(self, server: str, fault: str) -> None:
        """Switch a fault on; "none" mends the server. Raises ValueError or OSError."""
        ...

    def describe(self, server: str, fault: str) -> str:
        """What a fault does to a server, in a sentence."""
        ...


class PersonLike(Protocol):
    """Somebody at another device, with a browser; the practice tenant's."""

    @property
    def accounts(self) -> Sequence[str]:
        """Who can sign in."""
        ...

    def serves(self, address: str) -> bool:
        """Whether the address is one of the practice authority's."""
        ...

    def type_code(self, user_code: str, account: str) -> None:
        """Type the code and sign in, or with "" decline. Raises ValueError with what the page says."""
        ...

    def browse(self, url: str, account: str) -> str:
        """Sign in by browser, or with "" decline: where it ends. Raises ValueError likewise."""
        ...


class RealEngine:
    """The engine itself."""

    async def _ready(self) -> None:
        # The import takes a few hundred milliseconds: in a thread, so that Escape works meanwhile.
        for module in HEAVY:
            await asyncio.to_thread(importlib.import_module, module)

    async def plan(self, name: str, profile: Profile, which: str) -> Sequence[Planned]:
        """See Engine."""
        await self._ready()
        from outmail.engine import wiring

        return [
            _Plan(c.label, c.address, wiring.ladder(profile, c))
            for c in wiring.candidates(name, profile, which)
        ]

    async def check(
        self, name: str, profile: Profile, *, which: str, watch: Watch, tokens: Tokens
    ) -> CheckReport:
        """See Engine."""
        await self._ready()
        from outmail.engine.check import check

        return await check(name, profile, which=which, watch=watch, tokens=tokens)

    async def sample(
        self, name: str, profile: Profile, to: str, *, which: str | None, watch: Watch, tokens: Tokens
    ) -> SendReport:
        """See Engine."""
        await self._ready()
        from outmail.engine.sample import sample

        return await sample(name, profile, to, which=which, watch=watch, tokens=tokens)

    async def sign_in(
        self, name: str, profile: Profile, tokens: Tokens, watch: Callable[[Event], None], save: SaveSignIn
    ) -> SignInLike:
        """See Engine."""
        await self._ready()
        from outmail.engine.signin import SignIn

        return SignIn(name, profile, tokens, watch, save=save)

    def why_not(self, profile: Profile, way: Way) -> str:
        """See Engine."""
        from outmail.engine.signin import why_not

        return why_not(profile, way)

    def explain(self, name: str, profile: Profile, failure: Failure) -> Finding:
        """See Engine."""
        from outmail.diagnosis.match import diagnose
        from outmail.engine.wiring import context

        return diagnose(failure, context(name, profile))

    def relay_runs(self, paths: Paths) -> bool:
        """See Engine."""
        from outmail.engine.steering import runs

        return runs(paths)

    def steer(self, paths: Paths, profiles: Profiles) -> Steering:
        """See Engine."""
        from outmail.engine.idle_queue import steer

        return steer(paths, profiles=profiles)

    def remember(self, name: str, profile: Profile | None, error: LastError) -> Finding | None:
        """See Engine."""
        from outmail.engine.remembered import explain

        return explain(name, profile, error)


class _Plan:
    def __init__(self, server: str, address: str, steps: Sequence[StepName]) -> None:
        self.server = server
        self.address = address
        self.steps = steps
