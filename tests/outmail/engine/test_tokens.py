"""A token is renewed in time, once, and never lost: with a counting authority and the real vault."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from outmail.engine.tokens import Tokens
from store import certificate
from store.errors import ErrorKind
from store.profiles import Profile
from store.tokens import TokenStore, identity_of
from tests.outmail.engine.token_fakes import (
    Clock,
    FakeAuthority,
    Shelf,
    app_profile,
    granted,
    profile,
    refused,
    tokens,
    unavailable,
    vault,
)
from transports.base import Cause, TransportError, Verdict


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def authority() -> FakeAuthority:
    return FakeAuthority()


@pytest.fixture
def desk(tmp_path: Path, authority: FakeAuthority, clock: Clock) -> Tokens:
    """Tokens in a vault where profile() and app_profile() are saved."""
    return tokens(vault(tmp_path / "vault", profile(), app_profile()), authority, clock)


def refresh_of(desk: Tokens, of: Profile | None = None) -> str | None:
    token = desk.shelf.get(identity_of(of or profile()))
    return token.refresh_token.get_secret_value() if token and token.refresh_token else None


async def test_a_kept_token_is_used_and_nobody_is_asked(desk: Tokens, authority: FakeAuthority) -> None:
    desk.keep("p0", profile(), granted())
    supply = desk.supply("p0", profile())
    assert (await supply.token()).reveal() == "access-0"
    assert (supply.origin, authority.asked) == ("cached", [])
    assert supply.last
    assert supply.last.account == "desk@example.org"


async def test_nobody_signed_in(desk: Tokens, authority: FakeAuthority) -> None:
    with pytest.raises(TransportError) as told:
        await desk.supply("support", profile()).token()
    assert told.value.failure.cause is Cause.SIGN_IN_NEEDED
    assert told.value.failure.words == "nobody is signed in for profile support"
    assert authority.asked == []


async def test_renewed_before_its_end_and_written_first(
    desk: Tokens, authority: FakeAuthority, clock: Clock
) -> None:
    desk.keep("p0", profile(), granted())
    clock.pass_(minutes=55)
    supply = desk.supply("p0", profile())
    assert (await supply.token()).reveal() == "access-1"
    assert (supply.origin, supply.warning) == ("refreshed", None)
    assert authority.asked == ["refresh-0"]
    assert refresh_of(desk) == "refresh-1"
    assert authority.closed == 1
    clock.pass_(minutes=56)
    assert (await desk.supply("p0", profile()).token()).reveal() == "access-2"
    assert authority.asked == ["refresh-0", "refresh-1"]


async def test_the_old_refresh_token_stays_when_none_comes(
    desk: Tokens, authority: FakeAuthority, clock: Clock
) -> None:
    authority.rotates = False
    desk.keep("p0", profile(), granted())
    clock.pass_(hours=2)
    await desk.supply("p0", profile()).token()
    assert refresh_of(desk) == "refresh-0"
    token = desk.shelf.get(identity_of(profile()))
    assert token
    assert token.account == "desk@example.org"
    assert token.signed_in_at == clock() - timedelta(hours=2)


async def test_many_at_once_make_one_request(desk: Tokens, authority: FakeAuthority, clock: Clock) -> None:
    desk.keep("p0", profile(), granted())
    clock.pass_(hours=2)
    found = await asyncio.gather(*(desk.supply("p0", profile()).token() for _ in range(6)))
    assert {s.reveal() for s in found} == {"access-1"}
    assert authority.asked == ["refresh-0"]


async def test_a_passing_failure_leaves_the_token_at_hand(
    desk: Tokens, authority: FakeAuthority, clock: Clock
) -> None:
    desk.keep("p0", profile(), granted())
    authority.trouble = unavailable()
    clock.pass_(minutes=57)
    supply = desk.supply("p0", profile())
    assert (await supply.token()).reveal() == "access-0"
    assert supply.warning
    assert "503" in supply.warning.words
    await desk.supply("p0", profile()).token()
    assert len(authority.asked) == 1  # not asked again with each mail
    clock.pass_(seconds=31)
    await desk.supply("p0", profile()).token()
    assert len(authority.asked) == 2
    clock.pass_(minutes=3)
    with pytest.raises(TransportError) as told:
        await desk.supply("p0", profile()).token()
    assert told.value.failure.cause is Cause.OAUTH_UNAVAILABLE
    assert refresh_of(desk) == "refresh-0"


async def test_refused_for_good_is_marked_and_never_deleted(
    desk: Tokens, authority: FakeAuthority, clock: Clock
) -> None:
    desk.keep("p0", profile(), granted())
    authority.trouble = refused()
    clock.pass_(hours=2)
    with pytest.raises(TransportError) as told:
        await desk.supply("p0", profile()).token()
    assert told.value.failure.facts["aadsts"] == "50173"
    state = desk.state(profile())
    assert (state.signed_in, state.problem) == (False, "the password was changed")
    assert refresh_of(desk) == "refresh-0"
    authority.trouble = None  # the admin lifted what forbade it: the next attempt works
    assert (await desk.supply("p0", profile()).token()).reveal() == "access-2"
    assert desk.state(profile()).signed_in


@pytest.mark.parametrize("trouble", [refused("invalid_client", "7000222"), refused("invalid_grant", "50053")])
async def test_other_refusals_mark_nothing(
    desk: Tokens, authority: FakeAuthority, clock: Clock, trouble: TransportError
) -> None:
    desk.keep("p0", profile(), granted())
    authority.trouble = trouble
    clock.pass_(hours=2)
    with pytest.raises(TransportError):
        await desk.supply("p0", profile()).token()
    assert desk.state(profile()).problem == ""


async def test_app_only_is_fetched_and_kept(desk: Tokens, authority: FakeAuthority, clock: Clock) -> None:
    assert desk.state(app_profile()).signed_in
    supply = desk.supply("p1", app_profile())
    assert (await supply.token()).reveal() == "access-1"
    assert supply.origin == "fetched"
    again = desk.supply("p1", app_profile())
    assert (await again.token()).reveal() == "access-1"
    assert again.origin == "cached"
    clock.pass_(hours=1)
    assert (await desk.supply("p1", app_profile()).token()).reveal() == "access-2"
    assert authority.asked == ["app-only", "app-only"]


async def test_app_only_where_nothing_can_be_written(clock: Clock, authority: FakeAuthority) -> None:
    desk = tokens(Shelf(lock=ErrorKind.NOT_WRITABLE), authority, clock)
    supply = desk.supply("p1", app_profile())
    assert (await supply.token()).reveal() == "access-1"
    assert supply.warning
    assert "not kept beyond this run" in supply.warning.words
    assert (await desk.supply("p1", app_profile()).token()).reveal() == "access-1"
    assert len(authority.asked) == 1


async def test_no_rotation_is_risked_where_nothing_can_be_written(
    clock: Clock, authority: FakeAuthority
) -> None:
    shelf = Shelf()
    desk = tokens(shelf, authority, clock)
    desk.keep("p0", profile(), granted())
    shelf.lock = ErrorKind.FULL
    clock.pass_(minutes=57)
    supply = desk.supply("p0", profile())
    assert (await supply.token()).reveal() == "access-0"
    assert supply.warning
    clock.pass_(hours=1)
    with pytest.raises(TransportError) as told:
        await supply.token()
    assert told.value.failure.cause is Cause.TOKEN_NOT_KEPT
    assert told.value.failure.verdict is Verdict.RETRY
    assert authority.asked == []


async def test_a_provider_that_keeps_the_old_token_is_asked_all_the_same(
    clock: Clock, authority: FakeAuthority
) -> None:
    shelf, one = Shelf(), profile(provider="microsoft")
    desk = tokens(shelf, authority, clock)
    desk.keep("p0", one, granted())
    shelf.lock = ErrorKind.NOT_WRITABLE
    clock.pass_(hours=2)
    supply = desk.supply("p0", one)
    assert (await supply.token()).reveal() == "access-1"
    assert supply.warning
    assert (await desk.supply("p0", one).token()).reveal() == "access-1"
    assert refresh_of(desk, one) == "refresh-0"


async def test_a_rotation_that_the_disk_refused_is_used_by_this_process(
    clock: Clock, authority: FakeAuthority
) -> None:
    shelf = Shelf()
    desk = tokens(shelf, authority, clock)
    desk.keep("p0", profile(), granted())
    shelf.refuse = ErrorKind.FULL
    clock.pass_(hours=2)
    supply = desk.supply("p0", profile())
    assert (await supply.token()).reveal() == "access-1"
    assert supply.warning
    assert "the disk is full" in supply.warning.words
    clock.pass_(hours=2)
    shelf.refuse = None
    assert (await desk.supply("p0", profile()).token()).reveal() == "access-2"
    assert authority.asked == ["refresh-0", "refresh-1"]
    assert refresh_of(desk) == "refresh-2"


async def test_a_sign_out_elsewhere_ends_what_is_held_here(clock: Clock, authority: FakeAuthority) -> None:
    shelf = Shelf()
    desk = tokens(shelf, authority, clock)
    desk.keep("p0", profile(), granted())
    shelf.refuse = ErrorKind.FULL
    clock.pass_(hours=2)
    await desk.supply("p0", profile()).token()
    shelf.forget(identity_of(profile()))
    with pytest.raises(TransportError) as told:
        await desk.supply("p0", profile()).token()
    assert told.value.failure.cause is Cause.SIGN_IN_NEEDED


async def test_a_refused_token_is_renewed_once(desk: Tokens, authority: FakeAuthority) -> None:
    desk.keep("p0", profile(), granted())
    supply = desk.supply("p0", profile())
    first = await supply.token()
    second = await supply.renewed(first)
    assert second
    assert second.reveal() == "access-1"
    assert await supply.renewed(second) is None
    other = desk.supply("p0", profile())
    assert await other.renewed(first) == second  # renewed already by somebody else: no request
    assert authority.asked == ["refresh-0"]


async def test_a_refused_token_without_a_refresh_token(desk: Tokens, authority: FakeAuthority) -> None:
    desk.keep("p0", profile(), granted(refresh=None))
    supply = desk.supply("p0", profile())
    assert await supply.renewed(await supply.token()) is None
    assert authority.asked == []


async def test_a_sign_in_that_cannot_be_renewed_ends(desk: Tokens, clock: Clock) -> None:
    desk.keep("p0", profile(), granted(refresh=None))
    clock.pass_(minutes=58)
    assert (await desk.supply("p0", profile()).token()).reveal() == "access-0"
    assert desk.state(profile()).signed_in
    clock.pass_(minutes=2)
    with pytest.raises(TransportError) as told:
        await desk.supply("p0", profile()).token()
    assert told.value.failure.cause is Cause.SIGN_IN_NEEDED
    assert not desk.state(profile()).signed_in


async def test_waiting_for_another_ends_and_can_be_cancelled(
    tmp_path: Path, authority: FakeAuthority, clock: Clock
) -> None:
    one = vault(tmp_path / "vault", profile())
    desk = tokens(one, authority, clock, wait=0.05)
    desk.keep("p0", profile(), granted())
    clock.pass_(hours=2)
    identity = identity_of(profile())
    with TokenStore(one).refreshing(identity, "another outmail", 0):
        with pytest.raises(TransportError) as told:
            await desk.supply("p0", profile()).token()
        assert "the sign-in is being renewed: by another outmail (process " in told.value.failure.words
        assert told.value.failure.verdict is Verdict.RETRY
        desk.wait = 60
        waiting = asyncio.create_task(desk.supply("p0", profile()).token())
        _, still = await asyncio.wait([waiting], timeout=0.1)
        assert still
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            async with asyncio.timeout(1):
                await waiting
    assert (await desk.supply("p0", profile()).token()).reveal() == "access-1"


async def test_cancelled_after_the_answer_the_new_token_is_kept(
    desk: Tokens, authority: FakeAuthority, clock: Clock
) -> None:
    desk.keep("p0", profile(), granted())
    clock.pass_(hours=2)
    asking = asyncio.create_task(desk.supply("p0", profile()).token())
    authority.meanwhile = asking.cancel
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert refresh_of(desk) == "refresh-1"
    assert authority.closed == 1


async def test_sign_out(desk: Tokens, tmp_path: Path) -> None:
    assert not desk.forget(profile())
    desk.keep("p0", profile(), granted())
    assert desk.forget(profile())
    assert desk.state(profile()).problem == "nobody is signed in"
    nowhere = tokens(TokenStore(vault(tmp_path / "v2")), FakeAuthority(), Clock())
    assert not nowhere.forget(profile())


async def test_keep_alive_uses_what_was_long_unused(
    desk: Tokens, authority: FakeAuthority, clock: Clock
) -> None:
    every = {"p0": profile(), "same": profile(), "p1": app_profile()}
    desk.keep("p0", profile(), granted())
    clock.pass_(days=19)
    assert await desk.keep_alive(every) == {}
    clock.pass_(days=1)
    assert await desk.keep_alive(every) == {"p0": None}
    assert await desk.keep_alive(every) == {}
    assert authority.asked == ["refresh-0"]
    clock.pass_(days=20)
    authority.trouble = refused()
    for _ in range(2):  # and again: who missed the first word of it is told the next day
        (failure,) = (await desk.keep_alive(every)).values()
        assert failure
        assert failure.words == "the password was changed"
    assert len(authority.asked) == 2


def test_what_ends_when(desk: Tokens, clock: Clock) -> None:
    one = profile(provider="microsoft", client_secret=SecretStr("s"), secret_expires=date(2026, 12, 3))
    desk.keep("p0", one, granted())
    state = desk.state(one)
    assert state.signed_in
    assert state.refresh_until == clock() + timedelta(days=90)
    assert [(e.what, e.days, e.condition) for e in state.ends] == [
        ("client secret", 9, ""),
        ("sign-in", 90, "if unused"),
    ]
    google = profile(provider="google", grant="authorization-code")
    desk.keep("p0", google, granted())
    assert [e.days for e in desk.state(google).ends] == [7, 180]


async def test_no_secret_shows(desk: Tokens, authority: FakeAuthority, clock: Clock) -> None:
    desk.keep("p0", profile(), granted())
    authority.trouble = refused()
    clock.pass_(hours=2)
    supply = desk.supply("p0", profile())
    with pytest.raises(TransportError) as told:
        await supply.token()
    shown = repr([desk.shelf.all(), supply.last, desk.state(profile()), told.value.failure, vars(supply)])
    assert "access-0" not in shown
    assert "refresh-0" not in shown


async def test_an_answer_without_end_is_no_token_for_ever(desk: Tokens, clock: Clock) -> None:
    for seconds in (float("inf"), 1e300, float("nan"), -5.0):
        token = desk.keep("p0", profile(), replace(granted(), expires_in=seconds))
        assert clock() <= token.expires_at <= clock() + timedelta(days=366)


def test_the_end_of_a_certificate(desk: Tokens, clock: Clock) -> None:
    clock.time = datetime.now(UTC)  # a certificate is made now, not when the other tests play
    pair = certificate.make("outmail", days=30)
    one = profile(grant="client-credentials", certificate=SecretStr(pair.pem.get_secret_value()))
    (end,) = desk.state(one).ends
    assert end.what == "certificate"
    assert end.days in {29, 30}
    broken = profile(grant="client-credentials", certificate=SecretStr("no PEM"))
    assert desk.state(broken).ends == ()
