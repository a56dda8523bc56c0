"""The access tokens of one connection: the one at hand, or a new one, asked for by one process alone.

It must never use a new refresh token before it is on the disk, and never renew where the result
could be lost. Nothing that fails on this machine ever deletes a sign-in.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from outmail.engine import token_rules as rules
from store.errors import ErrorKind, StoreError
from store.problems import harmless
from store.profiles import OAuth, Profile
from store.tokens import APP_ONLY, Token, identity_of
from transports.base import Cause, Failure, Scope, StepName, TransportError, Verdict
from transports.secret import Secret

if TYPE_CHECKING:
    from outmail.engine.tokens import Tokens

Origin = Literal["cached", "refreshed", "fetched"]
"""Where a token came from: kept from before, from the refresh token, or got without a person."""

_RETRY_AFTER = timedelta(seconds=30)
_KEEP_OLD = frozenset({"microsoft", "google"})
"""Providers that let the refresh token before live on: losing the new one loses nothing."""


class ProfileTokens:
    """The tokens of one profile for one connection: a transports.routes.TokenSupply.

    `last` is the token given out, `origin` where it came from, and `warning` what went wrong beside
    it, None where nothing did.
    """

    def __init__(self, tokens: Tokens, name: str, profile: Profile) -> None:
        self.last: Token | None = None
        self.origin: Origin = "cached"
        self.warning: Failure | None = None
        self._tokens = tokens
        self._name = name
        self._profile = profile
        self._oauth = oauth_of(profile)
        self._identity = identity_of(profile)
        self._alone = self._oauth.grant in APP_ONLY
        self._forced = False

    @property
    def endings(self) -> tuple[rules.Ending, ...]:
        """Everything of the sign-in that is known to end, the soonest first."""
        return self._tokens.endings(self._profile, self.last)

    async def token(self) -> Secret:
        """An access token that lives for a while yet. Raises TransportError of the step `token`."""
        kept, now = await self._read(), self._tokens.now()
        if kept is not None and not rules.due(kept, now):
            return self._give(kept, "cached")
        if kept is not None and rules.usable(kept, now) and self._tried_lately(now):
            return self._give(kept, "cached")
        return await self._renew(kept, None)

    async def renewed(self, refused: Secret) -> Secret | None:
        """Another token in place of one that the server refused; once for each connection.

        Raises TransportError of the step `token`.
        """
        if self._forced:
            return None
        self._forced = True
        kept = await self._read()
        if not self._alone and (kept is None or (access_of(kept) == refused and kept.refresh_token is None)):
            return None
        found = await self._renew(kept, refused)
        return None if found == refused else found

    async def _renew(self, kept: Token | None, refused: Secret | None) -> Secret:
        """A new token, or the one that another process got meanwhile."""
        if not self._alone and (kept is None or kept.refresh_token is None):
            return self._no_way(kept, refused)
        who = f"outmail, profile {self._name}"
        async with AsyncExitStack() as stack:
            trouble: StoreError | None = None
            try:
                await stack.enter_async_context(self._tokens.alone(self._tokens.shelf, self._identity, who))
            except StoreError as error:
                trouble = error
                if error.kind is ErrorKind.LOCKED or not self._may_stay_in_memory():
                    return self._unkept(kept, refused, error)
                await stack.enter_async_context(self._tokens.alone(self._tokens.memory, self._identity, who))
            kept = await self._read()
            if kept is not None and self._good_enough(kept, refused):
                return self._give(kept, "cached")
            return await self._ask(kept, refused, trouble)

    def _good_enough(self, kept: Token, refused: Secret | None) -> bool:
        if refused is not None and access_of(kept) == refused:
            return False
        return not rules.due(kept, self._tokens.now())

    async def _ask(self, kept: Token | None, refused: Secret | None, trouble: StoreError | None) -> Secret:
        """One request to the authority; its answer is on the disk before it is used."""
        now = self._tokens.now()
        if not self._alone and (kept is None or kept.refresh_token is None):
            return self._no_way(kept, refused)
        authority = self._tokens.authority(self._tokens.route(self._profile))
        try:
            if kept is not None and kept.refresh_token is not None and not self._alone:
                granted = await authority.refresh(Secret(kept.refresh_token.get_secret_value()))
                token = rules.refreshed(kept, self._name, granted, now)
            else:
                granted = await authority.app_only()
                token = rules.signed_in(self._identity, self._name, self._oauth.grant, granted, now)
            self._tokens.retry_at.pop(self._identity, None)
            # The old refresh token may be dead by now: cancelled or not, the new one is kept first.
            await _to_the_end(asyncio.to_thread(self._keep, token, trouble))
        except TransportError as error:
            return await self._failed(error, kept, refused, trouble)
        finally:
            await authority.close()
        return self._give(token, "fetched" if self._alone else "refreshed")

    def _keep(self, token: Token, trouble: StoreError | None) -> None:
        if trouble is None:
            try:
                self._tokens.shelf.put(token)
                self._tokens.memory.forget(token.identity)
            except StoreError as error:
                trouble = error
            else:
                return
        self._tokens.memory.put(token)
        self.warning = store_trouble(trouble, "the token is not kept beyond this run: ").failure

    async def _failed(
        self, error: TransportError, kept: Token | None, refused: Secret | None, trouble: StoreError | None
    ) -> Secret:
        """The token at hand serves while it lives; that only a new sign-in helps is noted for `status`."""
        failure, now = error.failure, self._tokens.now()
        if failure.verdict is Verdict.RETRY:
            if kept is not None and rules.usable(kept, now) and refused is None:
                self._tokens.retry_at[self._identity] = now + _RETRY_AFTER
                self.warning = replace(
                    failure, words=f"it could not be renewed yet: {failure.words or failure.cause.value}"
                )
                return self._give(kept, "cached")
            raise error
        words = rules.wants_person(failure)
        if words and kept is not None and not self._alone and trouble is None:
            with contextlib.suppress(StoreError):  # the failure itself is told in any case
                await asyncio.to_thread(self._tokens.shelf.put, replace(kept, needs_sign_in=words))
        raise error

    def _no_way(self, kept: Token | None, refused: Secret | None) -> Secret:
        """Nothing to renew it with: the token at hand while it lives, then a person is needed."""
        if kept is None:
            raise trouble(Cause.SIGN_IN_NEEDED, f"nobody is signed in for profile {self._name}")
        if refused is None and rules.usable(kept, self._tokens.now()):
            return self._give(kept, "cached")
        raise trouble(
            Cause.SIGN_IN_NEEDED,
            f"the sign-in for profile {self._name} has ended, and the provider gave nothing to renew it with",
        )

    def _unkept(self, kept: Token | None, refused: Secret | None, error: StoreError) -> Secret:
        """No renewal where its result could not be kept or another renews: the token at hand, or none."""
        if kept is not None and refused is None and rules.usable(kept, self._tokens.now()):
            self.warning = store_trouble(error, "it was not renewed: ").failure
            return self._give(kept, "cached")
        raise store_trouble(error) from error

    def _may_stay_in_memory(self) -> bool:
        return self._alone or self._oauth.provider in _KEEP_OLD

    def _tried_lately(self, now: datetime) -> bool:
        again = self._tokens.retry_at.get(self._identity)
        return again is not None and timedelta() < again - now <= _RETRY_AFTER

    async def _read(self) -> Token | None:
        try:
            return await asyncio.to_thread(self._tokens.kept, self._identity)
        except StoreError as error:
            raise store_trouble(error) from error

    def _give(self, token: Token, origin: Origin) -> Secret:
        self.last, self.origin = token, origin
        return access_of(token)


async def _to_the_end(work: Coroutine[object, object, None]) -> None:
    """Wait for it even when cancelled; it takes a moment only."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


def access_of(token: Token) -> Secret:
    """The access token as the transports take it."""
    return Secret(token.access_token.get_secret_value())


def oauth_of(profile: Profile) -> OAuth:
    """The OAuth settings. Raises ValueError for a profile without them."""
    if profile.auth.oauth is None:
        raise ValueError("the profile has no OAuth settings")
    return profile.auth.oauth


def trouble(
    cause: Cause, words: str, verdict: Verdict = Verdict.FIX_SETTINGS, store: str = ""
) -> TransportError:
    """A failure of the step `token`; `store` is the kind of the store's error, where it was one."""
    facts = MappingProxyType({"store": store} if store else {})
    return TransportError(
        Failure(StepName.TOKEN, Scope.SIGN_IN, verdict, cause, words=harmless(words), facts=facts)
    )


def store_trouble(error: StoreError, before: str = "") -> TransportError:
    """The store's trouble with a token; the fact `store` says which, for the explanation."""
    passing = error.kind in {ErrorKind.LOCKED, ErrorKind.FULL}
    verdict = Verdict.RETRY if passing else Verdict.FIX_SETTINGS
    return trouble(Cause.TOKEN_NOT_KEPT, f"{before}{error}", verdict, error.kind.value)
