"""When a token is renewed, what is kept of an answer, and what ends when: pure rules, no clock and no disk.

A refresh token must never be dropped here because none came back: the one before stays good.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Literal

from pydantic import SecretStr

from store.profiles import OAuth
from store.tokens import APP_ONLY, Token
from transports.base import Cause, Failure, Verdict
from transports.oauth.base import Granted

EARLY = timedelta(minutes=5)
"""How long before its end a token is renewed, or a tenth of its life where that is longer."""

LAST_MOMENT = timedelta(seconds=30)
"""With less than this left a token may end on its way to the server."""

IDLE = timedelta(days=20)
"""A refresh token that was not used for so long is used, lest it end unused."""

LONGEST = timedelta(days=366)
"""No access token is believed to live longer."""

SOON_DAYS = 30
"""Days before a secret, a certificate or a sign-in ends from which an admin is warned."""

What = Literal["sign-in", "client secret", "certificate"]

_SKEW = timedelta(minutes=1)

_FOR_GOOD = frozenset({"invalid_grant", "interaction_required", "login_required", "consent_required"})
"""Errors that only a person ends, by signing in (RFC 6749, section 5.2; OpenID Connect Core, 3.1.2.6)."""

_PASSING = frozenset({"50053", "50134", "50196", "90033", "90055"})
"""AADSTS numbers of these errors that pass by themselves: locked for a while, too many requests."""

_MICROSOFT_IDLE = timedelta(days=90)
_GOOGLE_IDLE = timedelta(days=180)
_GOOGLE_TESTING = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Ending:
    """Something that will end: what, when (UTC), and in how many whole days; negative once it has ended.

    `condition` says when it ends only perhaps: "if unused"; "" for what ends in any case.
    """

    what: What
    when: datetime
    days: int
    condition: str = ""

    @property
    def soon(self) -> bool:
        """Whether somebody should be told: it has ended, or does within a month."""
        return self.days <= SOON_DAYS


def life(token: Token) -> timedelta:
    """How long the access token lives in all, from its issue."""
    return token.expires_at - _issued(token)


def due(token: Token, now: datetime) -> bool:
    """Whether the access token is renewed before it is used.

    Of a token that lives minutes only, half its life counts: else each mail would ask for a new one.
    One that was issued in the future says that the clock was set back; nothing is known of its end.
    """
    early = max(min(EARLY, life(token) / 2), life(token) / 10, timedelta())
    return token.expires_at - now <= early or _issued(token) - now > _SKEW


def usable(token: Token, now: datetime) -> bool:
    """Whether the access token will live until the server has seen it."""
    return token.expires_at - now > LAST_MOMENT


def idle(token: Token, now: datetime) -> bool:
    """Whether the refresh token was unused for so long that it is used to stay alive."""
    return (
        token.refresh_token is not None
        and not token.needs_sign_in
        and token.refresh_since is not None
        and now - token.refresh_since >= IDLE
    )


def newer(one: Token | None, other: Token | None) -> Token | None:
    """The one that ends later, of what the disk and this process know of the same sign-in."""
    if one is None or other is None:
        return one or other
    return one if one.expires_at >= other.expires_at else other


def signed_in(identity: str, profile: str, grant: str, granted: Granted, now: datetime) -> Token:
    """The record of a sign-in, or of a token that needs none; `now` is when it was asked for (UTC)."""
    return Token(
        identity=identity,
        profile=profile,
        access_token=SecretStr(granted.access_token.reveal()),
        expires_at=_end(now, granted.expires_in),
        refresh_token=_refresh_token(granted) if grant not in APP_ONLY else None,
        refresh_since=now if grant not in APP_ONLY and granted.refresh_token else None,
        signed_in_at=now,
        account=granted.account,
        scopes=granted.scopes,
        claims=dict(granted.claims),
        grant=grant,
    )


def refreshed(before: Token, profile: str, granted: Granted, now: datetime) -> Token:
    """The record after a refresh: what did not come back stays as it was (RFC 6749, section 6)."""
    return Token(
        identity=before.identity,
        profile=profile,
        access_token=SecretStr(granted.access_token.reveal()),
        expires_at=_end(now, granted.expires_in),
        refresh_token=_refresh_token(granted) or before.refresh_token,
        refresh_since=now,
        signed_in_at=before.signed_in_at,
        account=granted.account or before.account,
        scopes=granted.scopes or before.scopes,
        claims=dict(granted.claims) or before.claims,
        grant=before.grant,
    )


def wants_person(failure: Failure) -> str:
    """Why only a new sign-in helps, the authority's first line; "" where time or other settings help."""
    if failure.cause is not Cause.OAUTH_REFUSED or failure.verdict is Verdict.RETRY:
        return ""
    error = failure.facts.get("error", "")
    if error not in _FOR_GOOD or failure.facts.get("aadsts") in _PASSING:
        return ""
    return failure.words.strip().partition("\n")[0] or error


def refresh_limit(oauth: OAuth, token: Token) -> datetime | None:
    """When the refresh token ends if it is not used, as far as the provider says; None where it does not.

    Entra: 90 days after the last use. Google: six months after the last use.
    """
    if token.refresh_token is None or token.refresh_since is None:
        return None
    limit = {"microsoft": _MICROSOFT_IDLE, "google": _GOOGLE_IDLE}.get(oauth.provider)
    return token.refresh_since + limit if limit else None


def endings(
    oauth: OAuth, token: Token | None, certificate_until: datetime | None, now: datetime
) -> tuple[Ending, ...]:
    """Everything of the sign-in that is known to end, the soonest first; not the access token."""
    return tuple(sorted(_endings(oauth, token, certificate_until, now), key=lambda e: e.when))


def _endings(
    oauth: OAuth, token: Token | None, certificate_until: datetime | None, now: datetime
) -> Iterator[Ending]:
    if token is not None and token.refresh_token is not None:
        limit = refresh_limit(oauth, token)
        if limit is not None:
            yield _ending("sign-in", limit, now, "if unused")
        lived = (token.refresh_since or token.signed_in_at) - token.signed_in_at
        if oauth.provider == "google" and lived <= _GOOGLE_TESTING:
            # Google ends it after a week while the app's publishing status is "testing"; one that
            # was renewed after that week belongs to a published app.
            ends = token.signed_in_at + _GOOGLE_TESTING
            yield _ending("sign-in", ends, now, "if the app is still in testing")
    if oauth.secret_expires is not None and oauth.client_secret is not None:
        yield _ending("client secret", datetime.combine(oauth.secret_expires, time(), UTC), now)
    if certificate_until is not None:
        yield _ending("certificate", certificate_until, now)


def _ending(what: What, when: datetime, now: datetime, condition: str = "") -> Ending:
    return Ending(what, when, math.floor((when - now) / timedelta(days=1)), condition)


def _refresh_token(granted: Granted) -> SecretStr | None:
    return SecretStr(granted.refresh_token.reveal()) if granted.refresh_token else None


def _end(now: datetime, seconds: float) -> datetime:
    """Never before now, and never beyond what a token may live; what is no number ends at once."""
    if math.isnan(seconds):
        return now
    return now + timedelta(seconds=min(max(seconds, 0.0), LONGEST.total_seconds()))


def _issued(token: Token) -> datetime:
    return token.refresh_since or token.signed_in_at
