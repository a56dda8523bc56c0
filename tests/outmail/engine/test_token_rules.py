"""The pure rules of tokens: when one is due, and what is kept of an answer."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from outmail.engine import token_rules as rules
from store.tokens import Token
from tests.outmail.engine.token_fakes import START, granted, refused, unavailable
from transports.base import Verdict
from transports.oauth.base import Granted
from transports.secret import Secret

SECONDS = st.floats(allow_nan=True, allow_infinity=True)
LIVES = st.floats(min_value=1, max_value=30 * 86400)


def token(seconds: float = 3600, refresh: str | None = "refresh-0") -> Token:
    return rules.signed_in("id", "p", "device-code", granted(refresh=refresh, seconds=seconds), START)


@given(LIVES, st.floats(min_value=-0.5, max_value=2))
def test_due(life: float, passed: float) -> None:
    one = token(life)
    now = START + passed * (one.expires_at - START)
    left = (one.expires_at - now).total_seconds()
    if left <= 0 or left < life / 10 - 1:
        assert rules.due(one, now)
    if passed >= 0 and left > max(300.0, life / 10) + 1:
        assert not rules.due(one, now)
    if passed <= 0 and (START - now) <= timedelta(minutes=1):
        assert not rules.due(one, now)  # whatever its life: a new one is used before it is renewed
    if START - now > timedelta(minutes=2):
        assert rules.due(one, now)  # the clock was set back


@given(LIVES, st.floats(min_value=0, max_value=1), st.floats(min_value=0, max_value=1))
def test_once_due_always_due(life: float, one: float, other: float) -> None:
    kept = token(life)
    early, late = (START + share * (kept.expires_at - START) for share in sorted((one, other)))
    assert not rules.due(kept, early) or rules.due(kept, late)
    assert not rules.usable(kept, late) or rules.usable(kept, early)


@given(SECONDS, st.booleans())
def test_a_refresh_token_is_never_lost(seconds: float, rotates: bool) -> None:
    before = replace(token(), needs_sign_in="the password was changed")
    answer = Granted(Secret("access-1"), seconds, Secret("refresh-1") if rotates else None)
    now = START + timedelta(days=3)
    after = rules.refreshed(before, "renamed", answer, now)
    assert after.refresh_token == SecretStr("refresh-1" if rotates else "refresh-0")
    assert (after.refresh_since, after.signed_in_at) == (now, START)
    assert now <= after.expires_at <= now + rules.LONGEST
    assert (after.account, after.needs_sign_in, after.profile) == (before.account, "", "renamed")


def test_an_empty_refresh_token_is_none() -> None:
    answer = Granted(Secret("a"), 1.0, Secret(""))
    assert rules.refreshed(token(), "p", answer, START).refresh_token == SecretStr("refresh-0")
    assert rules.signed_in("id", "p", "device-code", answer, START).refresh_token is None


def test_app_only_keeps_no_refresh_token() -> None:
    assert rules.signed_in("id", "p", "client-credentials", granted(), START).refresh_token is None


@given(st.integers(min_value=0, max_value=200))
def test_idle(days: int) -> None:
    now = START + timedelta(days=days)
    assert rules.idle(token(), now) is (days >= 20)
    assert not rules.idle(token(refresh=None), now)
    assert not rules.idle(replace(token(), needs_sign_in="x"), now)


def test_who_must_sign_in_again() -> None:
    assert rules.wants_person(refused().failure) == "the password was changed"
    assert rules.wants_person(refused("interaction_required", "50076").failure)
    assert rules.wants_person(refused(verdict=Verdict.RETRY).failure) == ""
    assert rules.wants_person(refused("invalid_client", "7000222").failure) == ""
    assert rules.wants_person(refused(aadsts="50196").failure) == ""
    assert rules.wants_person(unavailable().failure) == ""
    long = replace(refused().failure, words="AADSTS50173: revoked.\nTrace ID: 1")
    assert rules.wants_person(long) == "AADSTS50173: revoked."
    assert rules.wants_person(replace(long, words="")) == "invalid_grant"
