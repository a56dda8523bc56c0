"""Signing in by OAuth: shows the code or the address, waits for the person, compares who it was, keeps it.

It must never keep the token of another account than the profile's unless the admin confirmed it,
and never show a token, a code of the authority or a secret.
"""

from __future__ import annotations

import asyncio
import getpass
import os
import platform
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from outmail.engine.errors import EngineError, Refusal
from outmail.engine.oauth_defaults import refused_grant
from outmail.engine.wiring import oauth_route
from store import contradictions_oauth
from store.profiles import Profile
from store.tokens import APP_ONLY
from transports.base import Cause, Failure, Scope, StepName, TransportError, Verdict
from transports.oauth.base import Authority, BrowserRequest, DeviceCode, Granted, OAuthRoute

if TYPE_CHECKING:
    from outmail.engine.tokens import Tokens
    from store.tokens import Token

Way = Literal["device", "browser", "app"]
"""How to sign in: a code on another device, a browser, or no person at all."""

_GRANTS = {"device": "device-code", "browser": "authorization-code"}
_WAYS: dict[str, Way] = {"device-code": "device", "authorization-code": "browser"}


@dataclass(frozen=True, slots=True)
class CodeShown:
    """The person opens the address on any device and types the code, before `until` (UTC)."""

    code: DeviceCode
    until: datetime


@dataclass(frozen=True, slots=True)
class BrowserWanted:
    """The person opens `url`; the browser comes back to `redirect_url`.

    With `listening` it is heard there; otherwise (or from another machine without `ssh_line`) the
    address that the browser ended on is pasted.
    """

    url: str
    redirect_url: str
    listening: bool
    ssh_line: str


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something did not work and ends nothing: what it was, for the person who waits."""

    words: str


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Done, and the token is kept. `account` is "" where the authority names nobody."""

    account: str
    until: datetime


Event = CodeShown | BrowserWanted | Trouble | SignedIn


def way_of(profile: Profile) -> Way:
    """How the profile says that it signs in."""
    return _WAYS.get(profile.auth.oauth.grant, "app") if profile.auth.oauth else "app"


def why_not(profile: Profile, way: Way) -> str:
    """Why the profile cannot sign in this way, a sentence; "" where it can."""
    oauth = profile.auth.oauth
    if oauth is None or profile.auth.method != "oauth":
        return "The profile does not sign in with OAuth."
    if way != "app":
        return refused_grant(oauth.provider, _GRANTS[way], profile.protocol)
    if oauth.grant in APP_ONLY:
        return ""
    if oauth.provider == "google":
        return "" if oauth.service_account else "It needs the key file of a service account."
    if oauth.client_secret is None and oauth.certificate is None:
        return "It needs a client secret or a certificate."
    if oauth.provider == "microsoft" and not oauth.tenant:
        return "It needs the tenant."
    return ""


class SignIn:
    """One sign-in of one profile, for a face to watch; every method may be cancelled at any time.

    `profile` is the profile as it should be saved afterwards: another way or a confirmed account
    changes it. `save` does that once the token is kept (see `signin_profile.saver`); without it, the
    caller does.
    """

    def __init__(
        self,
        name: str,
        profile: Profile,
        tokens: Tokens,
        watch: Callable[[Event], None],
        *,
        save: Callable[[Profile, Token], None] = lambda _profile, _token: None,
        open_authority: Callable[[OAuthRoute], Authority] | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        env: Mapping[str, str] = os.environ,
    ) -> None:
        self.name = name
        self.profile = profile
        self._tokens = tokens
        self._watch = watch
        self._save = save
        self._open = open_authority or _authority
        self._now = now
        self._env = env
        self._held: Granted | None = None
        self._pasted: asyncio.Queue[str | None] = asyncio.Queue()

    async def run(self, way: Way | None = None) -> SignedIn:
        """Sign in by the profile's own way, or by another.

        Raises EngineError where the profile cannot sign in so, TransportError when it fails
        (ACCOUNT_DIFFERS has the facts `wanted` and `got`: see `confirm_account`), StoreError when the
        token cannot be kept.
        """
        way = way or way_of(self.profile)
        reason = why_not(self.profile, way)
        if reason:
            raise self._refused(reason[0].lower() + reason[1:].rstrip("."))
        self._take_way(way)
        authority = self._open(oauth_route(self.profile))
        try:
            match way:
                case "device":
                    granted = await self._device(authority)
                case "browser":
                    granted = await self._browser(authority)
                case _:
                    granted = await authority.app_only()
        finally:
            await authority.close()
        return await self._finish(granted)

    def paste(self, address: str) -> None:
        """The address that the browser ended on, as the person pasted it."""
        self._pasted.put_nowait(address)

    def no_more_pasting(self) -> None:
        """Nobody can paste any more (the input has ended): only the browser itself can bring the answer."""
        self._pasted.put_nowait(None)

    async def confirm_account(self) -> SignedIn:
        """The admin confirms: the account that signed in sends for the profile's mailbox (shared, delegated).

        Raises StoreError; RuntimeError when no account was refused before.
        """
        if self._held is None or self.profile.auth.oauth is None:
            raise RuntimeError("no account was refused")
        oauth = self.profile.auth.oauth.model_copy(update={"account": self._held.account})
        self.profile = _with_oauth(self.profile, oauth)
        return await self._keep(self._held)

    def _take_way(self, way: Way) -> None:
        oauth = self.profile.auth.oauth
        if oauth is None or way_of(self.profile) == way:
            return
        person = {"grant": _GRANTS.get(way)}
        alone = {"grant": "service-account" if oauth.provider == "google" else "client-credentials"}
        changed: dict[str, object] = {**(alone if way == "app" else person)}
        if (oauth.grant in APP_ONLY) != (way == "app"):
            changed["scopes"] = None  # rights of a person are no rights of an app: the defaults fit
        taken = _with_oauth(self.profile, oauth.model_copy(update=changed))
        missing = contradictions_oauth.sign_in("", taken)
        if missing:  # told now, not when the person has signed in and the profile cannot be saved
            raise self._refused("; ".join(str(problem) for problem in missing))
        self.profile = taken

    def _unreachable(self, redirect_url: str) -> EngineError:
        port = urlsplit(redirect_url).port or 80
        return EngineError(
            Refusal.SETTINGS,
            f"profile {self.name} cannot sign in by browser",
            f"outmail does not listen on {redirect_url}, and nobody can paste: stdin has ended",
            f"run it on a terminal, or see who has the port: ss -ltnp 'sport = :{port}'",
        )

    def _refused(self, why: str) -> EngineError:
        return EngineError(
            Refusal.SETTINGS,
            f"profile {self.name} cannot sign in this way",
            why,
            "choose another way, or change its authentication: run outmail and edit the profile",
        )

    async def _device(self, authority: Authority) -> Granted:
        from transports.oauth import polling

        code = await authority.device_code()
        self._watch(CodeShown(code, self._now() + timedelta(seconds=code.expires_in)))
        return await polling.wait(authority, code, tell=lambda words: self._watch(Trouble(words)))

    async def _browser(self, authority: Authority) -> Granted:
        from transports.oauth import browser, listener

        request = await authority.browser_request()
        issuer = oauth_route(self.profile).issuer

        def fits(address: str) -> bool:
            """Anyone on the machine can call the port: only the answer to this sign-in ends it."""
            try:
                browser.parse(address, request, issuer)
            except TransportError as error:
                return error.failure.cause not in {Cause.OAUTH_WRONG_STATE, Cause.OAUTH_NOT_STANDARD}
            return True

        async with AsyncExitStack() as stack:
            heard: asyncio.Future[str] | None = None
            try:
                port = await stack.enter_async_context(listener.listen(request.redirect_url, accept=fits))
                heard = asyncio.ensure_future(port.answer)
                stack.callback(heard.cancel)
            except OSError as error:
                self._watch(Trouble(f"not listening on {request.redirect_url}: {error.strerror or error}"))
            line = ssh_line(request.redirect_url, self._env)
            self._watch(BrowserWanted(request.url, request.redirect_url, heard is not None, line))
            answer = await self._answer(heard, request, issuer)
            return await authority.redeem(request, answer)

    async def _answer(self, heard: asyncio.Future[str] | None, request: BrowserRequest, issuer: str) -> str:
        """What the browser brought, or what was pasted; one that does not fit is asked for again."""
        from transports.oauth import browser

        while True:
            paste = asyncio.ensure_future(self._pasted.get())
            try:
                await asyncio.wait(
                    [f for f in (paste, heard) if f is not None], return_when=asyncio.FIRST_COMPLETED
                )
                if heard is not None and heard.done():
                    return heard.result()
                address = paste.result()
            finally:
                paste.cancel()
            if address is None:
                if heard is None:
                    raise self._unreachable(request.redirect_url)
                return await heard
            try:
                browser.parse(address, request, issuer)
            except TransportError as error:
                if error.failure.cause not in {Cause.OAUTH_WRONG_STATE, Cause.OAUTH_NOT_STANDARD}:
                    raise
                self._watch(Trouble(error.failure.words))
                continue
            return address

    async def _finish(self, granted: Granted) -> SignedIn:
        oauth, auth = self.profile.auth.oauth, self.profile.auth
        wanted = (oauth.account if oauth else "") or auth.username or ""
        someone = oauth is not None and oauth.grant not in APP_ONLY
        if someone and granted.account and wanted and granted.account.lower() != wanted.lower():
            self._held = granted
            raise TransportError(
                Failure(
                    StepName.ACCOUNT,
                    Scope.SIGN_IN,
                    Verdict.FIX_SETTINGS,
                    Cause.ACCOUNT_DIFFERS,
                    words=f"{granted.account} signed in; the profile is for {wanted}",
                    facts=MappingProxyType({"wanted": wanted, "got": granted.account}),
                )
            )
        return await self._keep(granted)

    async def _keep(self, granted: Granted) -> SignedIn:
        """First the token, then the profile that it belongs to: a crash between them changes nothing yet."""
        token = await asyncio.to_thread(self._tokens.keep, self.name, self.profile, granted)
        await asyncio.to_thread(self._save, self.profile, token)
        self._held = None
        done = SignedIn(token.account, token.expires_at)
        self._watch(done)
        return done


def _authority(route: OAuthRoute) -> Authority:
    from transports.oauth.authority import authority

    return authority(route)


def _with_oauth(profile: Profile, oauth: object) -> Profile:
    auth = profile.auth.model_copy(update={"oauth": oauth})
    return profile.model_copy(update={"auth": auth})


def ssh_line(redirect_url: str, env: Mapping[str, str]) -> str:
    """The command that lets a browser on the admin's own machine come back to this one.

    The address of this machine is the one that the SSH session came in by, where there is one.
    """
    port = urlsplit(redirect_url).port or 80
    there = env.get("SSH_CONNECTION", "").split()
    host = there[2] if len(there) == 4 else platform.node()
    ssh_port = f" -p {there[3]}" if len(there) == 4 and there[3] != "22" else ""
    try:
        user = env.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):
        user = "root"
    return f"ssh -L {port}:localhost:{port}{ssh_port} {user}@{host}"
