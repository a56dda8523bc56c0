"""An authority that counts, a clock that is set, and a profile with OAuth: for the tests of tokens."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import SecretStr

from outmail.engine.tokens import Tokens
from store.errors import ErrorKind, StoreError
from store.keys import KeyOptions
from store.profiles import Auth, OAuth, Profile, Settings, Smtp
from store.tokens import MemoryShelf, Token, TokenShelf, TokenStore
from store.vault import Vault
from transports.base import Cause, Failure, Scope, StepName, TransportError, Verdict
from transports.oauth.base import Authority, BrowserRequest, DeviceCode, Granted, OAuthRoute, Pending
from transports.secret import Secret

START = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
HOUR = 3600.0


@dataclass
class Clock:
    """A time that only a test moves."""

    time: datetime = START

    def __call__(self) -> datetime:
        return self.time

    def pass_(self, **span: float) -> None:
        """Let time go by."""
        self.time += timedelta(**span)


@dataclass
class FakeAuthority:
    """Grants `access-N` and `refresh-N`, N the number of the request, and notes what it was asked."""

    rotates: bool = True
    lifetime: float = HOUR
    trouble: TransportError | None = None
    asked: list[str] = field(default_factory=list)
    closed: int = 0
    meanwhile: Callable[[], object] = lambda: None

    def _grant(self, what: str) -> Granted:
        self.asked.append(what)
        self.meanwhile()
        if self.trouble:
            raise self.trouble
        number = len(self.asked)
        new = Secret(f"refresh-{number}") if self.rotates and what != "app-only" else None
        return Granted(Secret(f"access-{number}"), self.lifetime, new)

    async def refresh(self, refresh_token: Secret) -> Granted:
        return self._grant(refresh_token.reveal())

    async def app_only(self) -> Granted:
        return self._grant("app-only")

    async def device_code(self) -> DeviceCode:
        raise AssertionError("the tokens' keeper signs nobody in")

    async def poll(self, code: DeviceCode, interval: float) -> Granted | Pending:
        raise AssertionError("the tokens' keeper signs nobody in")

    async def browser_request(self) -> BrowserRequest:
        raise AssertionError("the tokens' keeper signs nobody in")

    async def redeem(self, request: BrowserRequest, answer: str) -> Granted:
        raise AssertionError("the tokens' keeper signs nobody in")

    async def close(self) -> None:
        self.closed += 1


class Shelf(MemoryShelf):
    """A shelf on a disk that refuses to take a token, or even the lock."""

    def __init__(self, lock: ErrorKind | None = None, put: ErrorKind | None = None) -> None:
        super().__init__()
        self.lock, self.refuse = lock, put

    def put(self, token: Token) -> None:
        if self.refuse:
            raise StoreError(self.refuse, "settings.vault was not saved", "the disk is full")
        super().put(token)

    @contextmanager
    def refreshing(self, identity: str, who: str, wait: float) -> Iterator[None]:
        if self.lock:
            raise StoreError(self.lock, "the lock was not taken", "read-only file system")
        with super().refreshing(identity, who, wait):
            yield


def route(_profile: Profile) -> OAuthRoute:
    """A route that leads nowhere."""
    return OAuthRoute("custom", "device-code", "app", ())


def profile(**oauth: object) -> Profile:
    """A profile that signs in at an authority of its own."""
    given: dict[str, object] = {
        "provider": "custom",
        "client_id": "app",
        "token_url": "https://login.example.org/token",
        "device_authorization_url": "https://login.example.org/device",
        **oauth,
    }
    return Profile(
        protocol="smtp",
        from_address="desk@example.org",
        smtp=Smtp(host="smtp.example.org"),
        auth=Auth(method="oauth", username="desk@example.org", oauth=OAuth.model_validate(given)),
    )


def app_profile() -> Profile:
    """A profile where nobody signs in."""
    return profile(grant="client-credentials", client_secret=SecretStr("s3cret"))


def vault(folder: Path, *profiles: Profile) -> Vault:
    """A vault with these profiles saved in it, as p0, p1 …"""
    one = opened(folder)
    one.save(Settings(profiles={f"p{n}": p for n, p in enumerate(profiles)}), one.load(), "ann")
    return one


def opened(folder: Path) -> Vault:
    """The vault as another process opens it."""
    return Vault(folder, KeyOptions(env={}))


def tokens(shelf: TokenShelf | Vault, authority: Authority, clock: Clock, wait: float = 5.0) -> Tokens:
    """The engine's tokens on a shelf, with the fake authority."""
    kept = TokenStore(shelf) if isinstance(shelf, Vault) else shelf
    return Tokens(kept, now=clock, authority=lambda _route: authority, route=route, wait=wait)


def granted(access: str = "access-0", refresh: str | None = "refresh-0", seconds: float = HOUR) -> Granted:
    """What a sign-in brought."""
    return Granted(Secret(access), seconds, Secret(refresh) if refresh else None, account="desk@example.org")


def refused(
    error: str = "invalid_grant", aadsts: str = "50173", verdict: Verdict = Verdict.FIX_SETTINGS
) -> TransportError:
    """The authority says no."""
    return TransportError(
        Failure(
            StepName.TOKEN,
            Scope.SIGN_IN,
            verdict,
            Cause.OAUTH_REFUSED,
            words="the password was changed",
            facts={"error": error, "aadsts": aadsts},
        )
    )


def unavailable() -> TransportError:
    """The authority is not there for a moment."""
    return TransportError(
        Failure(StepName.TOKEN, Scope.SIGN_IN, Verdict.RETRY, Cause.OAUTH_UNAVAILABLE, words="503")
    )
