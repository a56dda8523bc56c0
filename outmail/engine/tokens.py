"""A fresh access token whenever one is needed: kept, renewed in time, once for all processes.

It must never lose a refresh token: a new one is on the disk before it is used, and the old one goes
only then. Nothing that fails on this machine ever deletes a sign-in.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime

from outmail.engine import token_rules as rules
from outmail.engine.token_rules import Ending
from outmail.engine.token_supply import ProfileTokens, access_of, oauth_of, store_trouble, trouble
from store.errors import ErrorKind, StoreError
from store.profiles import OAuth, Profile
from store.tokens import APP_ONLY, MemoryShelf, Token, TokenShelf, identity_of
from transports.base import Cause, Failure, TransportError
from transports.oauth.base import Authority, Granted, OAuthRoute

__all__ = ["Ending", "ProfileTokens", "SignInState", "Tokens"]

WAIT = 45.0
"""Seconds to wait for another process that renews the same sign-in; a renewal takes one or two."""

_LOOK_AGAIN = 0.05


@dataclass(frozen=True, slots=True)
class SignInState:
    """How a profile's sign-in stands, for `status` and the screens; all times are UTC.

    `signed_in` is True without a person where the grant needs none. `refresh_until` is the known
    limit of a sign-in that is not used. `problem` is a sentence, "" where all is well.
    """

    signed_in: bool
    account: str = ""
    access_until: datetime | None = None
    signed_in_at: datetime | None = None
    refresh_until: datetime | None = None
    ends: tuple[Ending, ...] = ()
    problem: str = ""


class Tokens:
    """The tokens of every profile, on one shelf."""

    def __init__(
        self,
        shelf: TokenShelf,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        authority: Callable[[OAuthRoute], Authority] | None = None,
        route: Callable[[Profile], OAuthRoute] | None = None,
        wait: float = WAIT,
    ) -> None:
        self.shelf = shelf
        self.memory = MemoryShelf()
        """What the disk would not take; it ends with this process."""
        self.retry_at: dict[str, datetime] = {}
        """By identity: after a renewal that failed for a while, when the next is tried."""
        self.now = now
        self.authority = authority or _authority
        self.route = route or _route
        self.wait = wait

    def supply(self, name: str, profile: Profile) -> ProfileTokens:
        """The tokens for one connection. Raises ValueError for a profile without OAuth settings."""
        return ProfileTokens(self, name, profile)

    def keep(self, profile_name: str, profile: Profile, granted: Granted) -> Token:
        """Keep what a sign-in brought, in place of what was there. Blocks; raises StoreError."""
        identity, oauth = identity_of(profile), oauth_of(profile)
        token = rules.signed_in(identity, profile_name, oauth.grant, granted, self.now())
        with ExitStack() as stack:
            try:
                stack.enter_context(
                    self.shelf.refreshing(identity, f"a sign-in for {profile_name}", self.wait)
                )
            except StoreError as error:
                # A person has just signed in: a renewal that hangs must not cost them that.
                if error.kind is not ErrorKind.LOCKED:
                    raise
            self.shelf.put(token)
        self.memory.forget(identity)
        self.retry_at.pop(identity, None)
        return token

    def prove(self, profile_name: str, profile: Profile) -> None:
        """Whether a token could be kept, told before a person signs in. Blocks; raises StoreError."""
        try:
            with self.shelf.refreshing(identity_of(profile), f"a sign-in for {profile_name}", 0):
                pass
        except StoreError as error:
            if error.kind is not ErrorKind.LOCKED:  # a renewal under way proves it too
                raise

    def forget(self, profile: Profile) -> bool:
        """Sign out: drop the profile's token; whether there was one. Blocks; raises StoreError."""
        identity = identity_of(profile)
        was_held = self.memory.forget(identity)
        try:
            # Alone, since a renewal under way would put back what is dropped here.
            with self.shelf.refreshing(identity, "a sign-out", self.wait):
                return self.shelf.forget(identity) or was_held
        except StoreError as error:
            if error.kind is not ErrorKind.NOT_FOUND:
                raise
            return was_held

    def state(self, profile: Profile) -> SignInState:
        """How the sign-in stands; asks nobody and raises nothing but ValueError without OAuth settings."""
        oauth, now = oauth_of(profile), self.now()
        try:
            token = self.kept(identity_of(profile))
        except StoreError as error:
            return SignInState(False, problem=str(error))
        ends = self.endings(profile, token)
        alone = oauth.grant in APP_ONLY
        if token is None:
            return SignInState(alone, ends=ends, problem="" if alone else "nobody is signed in")
        problem = token.needs_sign_in
        if not alone and not problem and token.refresh_token is None and not rules.usable(token, now):
            problem = "the sign-in has ended, and the provider gave nothing to renew it with"
        return SignInState(
            signed_in=not problem,
            account=token.account,
            access_until=token.expires_at,
            signed_in_at=None if alone else token.signed_in_at,
            refresh_until=rules.refresh_limit(oauth, token),
            ends=ends,
            problem=problem,
        )

    async def keep_alive(self, profiles: Mapping[str, Profile]) -> dict[str, Failure | None]:
        """Use the refresh tokens that would otherwise end unused.

        Returns the profiles whose turn it was, each with None or why its renewal failed; and every time
        those that only a person can sign in again, lest one line of long ago be all that was said.
        """
        done: dict[str, Failure | None] = {}
        seen: set[str] = set()
        for name, profile in profiles.items():
            if profile.auth.method != "oauth" or profile.auth.oauth is None:
                continue
            identity = identity_of(profile)
            if identity in seen:
                continue
            seen.add(identity)
            try:
                token = await asyncio.to_thread(self.kept, identity)
                if token is not None and token.needs_sign_in:
                    done[name] = trouble(Cause.SIGN_IN_NEEDED, token.needs_sign_in).failure
                elif token is not None and rules.idle(token, self.now()):
                    await self.supply(name, profile).renewed(access_of(token))
                    done[name] = None
            except StoreError as error:
                done[name] = store_trouble(error).failure
            except TransportError as error:
                done[name] = error.failure
        return done

    # What follows is for ProfileTokens.

    def endings(self, profile: Profile, token: Token | None) -> tuple[Ending, ...]:
        """Everything of a sign-in that is known to end, the soonest first."""
        oauth = oauth_of(profile)
        return rules.endings(oauth, token, _certificate_until(oauth), self.now())

    def kept(self, identity: str) -> Token | None:
        """The token as it is known here. Blocks; raises StoreError.

        What only this process holds counts for as long as its sign-in does: somebody may have
        signed out, or in anew, elsewhere.
        """
        kept, held = self.shelf.get(identity), self.memory.get(identity)
        if held is None or held.grant in APP_ONLY:
            return rules.newer(kept, held)
        if kept is None or kept.signed_in_at != held.signed_in_at:
            self.memory.forget(identity)
            return kept
        return rules.newer(held, kept)

    @contextlib.asynccontextmanager
    async def alone(self, shelf: TokenShelf, identity: str, who: str) -> AsyncIterator[None]:
        """Be the only one who renews this sign-in; may be cancelled while it waits. Raises StoreError."""
        loop = asyncio.get_running_loop()
        until = loop.time() + self.wait
        while True:
            entering = asyncio.ensure_future(asyncio.to_thread(_enter, shelf, identity, who))
            try:
                held = await asyncio.shield(entering)
                break
            except asyncio.CancelledError:
                entering.add_done_callback(_let_go)  # the thread goes on and may get it after all
                raise
            except StoreError as error:
                if error.kind is not ErrorKind.LOCKED or loop.time() >= until:
                    raise
            await asyncio.sleep(_LOOK_AGAIN)
        with held:
            yield


def _enter(shelf: TokenShelf, identity: str, who: str) -> ExitStack:
    with ExitStack() as stack:
        stack.enter_context(shelf.refreshing(identity, who, 0))
        return stack.pop_all()


def _let_go(entering: asyncio.Future[ExitStack]) -> None:
    if not entering.cancelled() and entering.exception() is None:
        entering.result().close()


def _certificate_until(oauth: OAuth) -> datetime | None:
    if oauth.certificate is None:
        return None
    from store import certificate

    try:
        return certificate.look(oauth.certificate.get_secret_value()).until
    except ValueError:
        return None


def _authority(route: OAuthRoute) -> Authority:
    from transports.oauth.authority import authority

    return authority(route)


def _route(profile: Profile) -> OAuthRoute:
    from outmail.engine.wiring import oauth_route

    return oauth_route(profile)
