"""Sign-ins that follow a script, with the engine's own shapes; they ask no authority."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING

from outmail.diagnosis.finding import Finding
from outmail.engine import signin
from outmail.engine.signin import BrowserWanted, CodeShown, Event, SignedIn, Way
from outmail.engine.tokens import Tokens
from store.profiles import Profile
from transports.base import Cause, Failure, Scope, StepName, TransportError, Verdict
from transports.oauth.base import DeviceCode, Granted
from transports.secret import Secret

if TYPE_CHECKING:
    from tui.engine import SaveSignIn

SECRET = "marked-secret-Zq7"
NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)

NO_CONSENT = Finding(
    id="entra-consent",
    title="Nobody has consented to this app yet",
    cause="The app asks for SMTP.Send in this tenant, and neither helpdesk@example.org nor an admin "
    "has agreed to that so far.",
    remedy="Let an admin of the tenant grant admin consent for the app, then sign in again.",
    where="Entra admin center > App registrations > the app > API permissions > Grant admin consent",
    docs="https://learn.microsoft.com/entra/identity-platform/reference-error-codes",
    who="the tenant's admin",
)


def oauth_profile(**oauth: object) -> Profile:
    """A mailbox at Microsoft 365 that signs in with a code."""
    return Profile.model_validate(
        {
            "protocol": "smtp",
            "sender_name": "Example Help Desk",
            "from_address": "helpdesk@example.org",
            "smtp": {"host": "smtp.office365.com"},
            "auth": {
                "method": "oauth",
                "username": "helpdesk@example.org",
                "oauth": {"client_id": "5f0c8b1e-7d4a-4c3b-9e2f-1a2b3c4d5e6f", **oauth},
            },
        }
    )


def granted(account: str = "helpdesk@example.org") -> Granted:
    """What an authority grants."""
    return Granted(Secret(SECRET), 3600, Secret(SECRET), ("SMTP.Send",), account)


def sign_in_failure(cause: Cause, **facts: str) -> Failure:
    """A failure of the step `token`."""
    words = "AADSTS65001: The user or administrator has not consented to use the application."
    return Failure(
        StepName.TOKEN,
        Scope.SIGN_IN,
        Verdict.FIX_SETTINGS,
        cause,
        words=words if cause is Cause.OAUTH_REFUSED else "",
        facts=MappingProxyType(facts),
    )


def code_shown(seconds: float = 872) -> CodeShown:
    """The code of a device sign-in, seen at noon."""
    code = DeviceCode(Secret(SECRET), "FJC3ABHLQ", "https://microsoft.com/devicelogin", seconds)
    return CodeShown(code, NOON + timedelta(seconds=seconds))


def browser_wanted(listening: bool = True) -> BrowserWanted:
    """An address as long as Entra's are."""
    redirect = "http://localhost:8765"
    url = (
        "https://login.microsoftonline.com/organizations/oauth2/v2.0/authorize?"
        "client_id=5f0c8b1e-7d4a-4c3b-9e2f-1a2b3c4d5e6f&response_type=code"
        "&redirect_uri=http%3A%2F%2Flocalhost%3A8765&scope=https%3A%2F%2Foutlook.office365.com%2FSMTP.Send"
        "+offline_access+openid+profile&state=" + "s" * 43 + "&code_challenge=" + "c" * 43 + "&"
        "code_challenge_method=S256&nonce=" + "n" * 64 + "&client_info=1&login_hint=helpdesk%40example.org"
    )
    return BrowserWanted(url, redirect, listening, "ssh -L 8765:localhost:8765 root@203.0.113.7")


Play = Callable[["FakeSignIn", Way], Awaitable[Granted]]


async def _granted(sign_in: FakeSignIn, way: Way) -> Granted:
    return granted()


@dataclass
class Script:
    """What a sign-in does, and what became of it."""

    play: Play = _granted
    begun: list[tuple[str, Way]] = field(default_factory=list)
    pasted: list[str] = field(default_factory=list)
    go: asyncio.Event = field(default_factory=asyncio.Event)
    cancelled_at: float = 0.0


@dataclass
class FakeSignIn:
    """Runs the script's play, and keeps the token as the engine does."""

    name: str
    profile: Profile
    tokens: Tokens
    watch: Callable[[Event], None]
    script: Script
    save: SaveSignIn = lambda _profile, _token: None
    held: Granted | None = None

    async def run(self, way: Way | None = None) -> SignedIn:
        """Play, then compare who it was."""
        way = way or signin.way_of(self.profile)
        self.script.begun.append((self.name, way))
        assert self.profile.auth.oauth is not None
        grant = {"device": "device-code", "browser": "authorization-code", "app": "client-credentials"}[way]
        self.profile = self._with(grant=grant)
        try:
            found = await self.script.play(self, way)
        except asyncio.CancelledError:
            self.script.cancelled_at = time.monotonic()
            raise
        if way != "app" and found.account != self.profile.auth.username:
            self.held = found
            facts = {"wanted": self.profile.auth.username or "", "got": found.account}
            raise TransportError(sign_in_failure(Cause.ACCOUNT_DIFFERS, **facts))
        return self._keep(found)

    def paste(self, address: str) -> None:
        """Note it."""
        self.script.pasted.append(address)
        self.script.go.set()

    async def confirm_account(self) -> SignedIn:
        """Keep the other account."""
        assert self.held is not None
        self.profile = self._with(account=self.held.account)
        return self._keep(self.held)

    def _with(self, **changed: str) -> Profile:
        assert self.profile.auth.oauth is not None
        oauth = self.profile.auth.oauth.model_copy(update=changed)
        auth = self.profile.auth.model_copy(update={"oauth": oauth})
        return self.profile.model_copy(update={"auth": auth})

    def _keep(self, found: Granted) -> SignedIn:
        token = self.tokens.keep(self.name, self.profile, found)
        self.save(self.profile, token)
        return SignedIn(token.account, token.expires_at)
