"""What a sign-in changes of its profile is saved beside whatever others saved while the person signed in."""

from __future__ import annotations

from pathlib import Path

import pytest

from outmail.engine.signin_profile import saver
from outmail.engine.workspace import Workspace
from store.errors import ErrorKind, StoreError
from store.keys import KeyOptions
from store.profiles import Profile, Settings
from store.tokens import Token, identity_of
from tests.outmail.engine.token_fakes import granted, profile


def opened(home: Path) -> Workspace:
    return Workspace.open(str(home), False, KeyOptions(env={}))


@pytest.fixture
def desk(tmp_path: Path) -> Workspace:
    """A home with the profile support."""
    workspace = opened(tmp_path)
    workspace.save(Settings(profiles={"support": profile()}), "ann")
    return workspace


def other(desk: Workspace, **profiles: Profile | None) -> None:
    """Another admin saves meanwhile; None removes."""
    there = opened(desk.paths.vault.parent)
    kept = {**there.settings.profiles, **profiles}
    there.save(Settings(profiles={n: p for n, p in kept.items() if p}), "bob")


def kept(desk: Workspace, of: Profile) -> Token:
    return desk.tokens.keep("support", of, granted())


def names(desk: Workspace) -> set[str]:
    return {token.identity for token in desk.tokens.shelf.all()}


def test_nothing_changed_and_nothing_is_saved(desk: Workspace) -> None:
    save, before = saver(desk, "support"), desk.snapshot
    save(profile(), kept(desk, profile()))
    assert desk.snapshot == before
    assert names(desk) == {identity_of(profile())}


def test_a_confirmed_account_is_saved_beside_what_others_changed(desk: Workspace) -> None:
    save, boss = saver(desk, "support"), profile(account="boss@example.org")
    token = kept(desk, boss)
    other(
        desk, second=profile(client_id="app-2"), support=profile().model_copy(update={"sender_name": "Desk"})
    )
    assert names(desk) == set(), "the other's save dropped what no profile had yet"
    save(boss, token)
    now = opened(desk.paths.vault.parent)
    assert now.settings.profiles["support"] == boss.model_copy(update={"sender_name": "Desk"})
    assert set(now.settings.profiles) == {"support", "second"}
    assert now.tokens.state(boss).signed_in


@pytest.mark.parametrize(
    ("now", "words"),
    [
        (profile(client_id="another-app"), "bob changed the profile"),
        (
            profile().model_copy(update={"auth": profile().auth.model_copy(update={"method": "none"})}),
            "bob changed",
        ),
        (None, "bob removed the profile"),
    ],
)
@pytest.mark.parametrize("wanted", [profile(), profile(account="boss@example.org")])
def test_a_profile_that_is_another_by_now_keeps_no_token(
    desk: Workspace, wanted: Profile, now: Profile | None, words: str
) -> None:
    save = saver(desk, "support")
    other(desk, support=now)
    token = kept(desk, wanted)
    with pytest.raises(StoreError) as told:
        save(wanted, token)
    assert told.value.kind is ErrorKind.CHANGED
    assert words in told.value.why
    assert names(desk) <= ({identity_of(now)} if now else set()), (
        "no token is left that belongs to no profile"
    )
    assert opened(desk.paths.vault.parent).settings.profiles.get("support") == now


def test_a_save_that_fails_leaves_the_sign_in_before_it(
    desk: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept(desk, profile())
    save, boss = saver(desk, "support"), profile(account="boss@example.org")
    token = kept(desk, boss)

    def full(*_: object) -> object:
        raise StoreError(
            ErrorKind.FULL, "settings.vault was not saved", "the disk is full", "make room: df -h"
        )

    monkeypatch.setattr(desk.vault, "save", full)
    with pytest.raises(StoreError, match="the disk is full"):
        save(boss, token)
    assert names(desk) == {identity_of(profile())}
    assert desk.tokens.state(profile()).signed_in
