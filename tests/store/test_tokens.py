"""Tokens in the vault: beside the settings, unseen by them, whole after a kill, and never shown."""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from store import atomic
from store.errors import ErrorKind, StoreError
from store.profiles import OAuth, Profile, Settings
from store.tokens import (  # the form on the disk, without a disk
    LIMIT,
    RECORD,
    MemoryShelf,
    Token,
    TokenShelf,
    TokenStore,
    _dump,
    _load,
    identity_of,
)
from store.vault import Vault
from tests.store import samples
from tests.store.samples import vault
from tests.store.test_crash import each_point

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
FORK = multiprocessing.get_context("fork")


def signed_in(name: str = "p", **oauth: object) -> Profile:
    one = samples.profile()
    given = OAuth.model_validate({"client_id": name, **oauth})
    return one.model_copy(update={"auth": one.auth.model_copy(update={"oauth": given})})


def token(of: Profile, access: str = "access", refresh: str | None = "refresh") -> Token:
    return Token(
        identity=identity_of(of),
        profile="p",
        access_token=SecretStr(f"{samples.MARK}-{access}"),
        expires_at=NOW,
        refresh_token=SecretStr(f"{samples.MARK}-{refresh}") if refresh else None,
        refresh_since=NOW if refresh else None,
        signed_in_at=NOW,
        account="desk@example.org",
        scopes=("a", "b"),
        claims={"aud": "https://outlook.office365.com"},
        grant="device-code",
    )


def saved(home: Path, *names: str) -> Vault:
    one = vault(home)
    one.save(Settings(profiles={n: signed_in(n) for n in names or ("p",)}), one.load(), "ann")
    return one


def access(store: TokenShelf, of: Profile) -> str:
    found = store.get(identity_of(of))
    return found.access_token.get_secret_value().removeprefix(f"{samples.MARK}-") if found else ""


@pytest.fixture(params=["vault", "memory"])
def shelf(request: pytest.FixtureRequest, tmp_path: Path) -> TokenShelf:
    return TokenStore(saved(tmp_path / "vault", "p", "q")) if request.param == "vault" else MemoryShelf()


def test_a_shelf(shelf: TokenShelf) -> None:
    p, q = token(signed_in("p")), token(signed_in("q"), refresh=None)
    assert shelf.get(p.identity) is None
    assert not shelf.forget(p.identity)
    shelf.put(p)
    shelf.put(q)
    assert (shelf.get(p.identity), shelf.get(q.identity)) == (p, q)
    assert sorted(t.identity for t in shelf.all()) == sorted([p.identity, q.identity])
    new = replace(p, access_token=SecretStr("new"), needs_sign_in="the password was changed")
    shelf.put(new)
    assert shelf.get(p.identity) == new
    assert shelf.forget(p.identity)
    assert shelf.all() == [q]
    assert samples.MARK not in repr([p, q, shelf, shelf.all()])


def test_one_renews_at_a_time(shelf: TokenShelf) -> None:
    with shelf.refreshing("a" * 32, "ann", 0):
        with pytest.raises(StoreError) as told, shelf.refreshing("a" * 32, "bob", 0.02):
            pytest.fail("two renew at once")
        assert told.value.kind is ErrorKind.LOCKED
        assert told.value.what == "the sign-in is being renewed"
        with shelf.refreshing("b" * 32, "bob", 0):
            pass
    with shelf.refreshing("a" * 32, "bob", 0):
        pass


def test_a_token_changes_nothing_of_the_settings(tmp_path: Path) -> None:
    one = saved(tmp_path, "p")
    base = one.load()
    one.save(base.settings, base, "bob")
    base, previous = one.load(), one.files.previous.read_bytes()
    other = vault(tmp_path)
    store = TokenStore(other)
    store.put(token(signed_in("p")))
    store.put(token(signed_in("p"), "two"))
    assert one.load() == base
    assert one.files.previous.read_bytes() == previous
    after = one.save(base.settings, base, "ann")  # nobody's save is refused because of it
    assert after.revision == base.revision + 1
    assert access(store, signed_in("p")) == "two"
    store.forget(identity_of(signed_in("p")))
    assert one.load() == after
    assert not store.forget("nothing")


def test_nothing_saved_yet(tmp_path: Path) -> None:
    store = TokenStore(vault(tmp_path / "vault"))
    assert store.all() == []
    with pytest.raises(StoreError) as told:
        store.put(token(signed_in()))
    assert told.value.kind is ErrorKind.NOT_FOUND
    assert "save the profile first" in told.value.remedy
    with pytest.raises(StoreError), store.refreshing("a" * 32, "ann", 0):
        pytest.fail("what is renewed here cannot be kept")
    assert not (tmp_path / "vault" / "settings.vault").exists()


def test_a_token_without_profile_is_dropped_by_a_save(tmp_path: Path) -> None:
    one = saved(tmp_path, "p", "q")
    store = TokenStore(one)
    store.put(token(signed_in("p")))
    store.put(token(signed_in("q")))
    base = one.load()
    renamed = Settings(profiles={"other": base.settings.profiles["p"]})
    one.save(renamed, base, "ann")
    assert [t.identity for t in store.all()] == [identity_of(signed_in("p"))]
    one.save(Settings(profiles={"other": signed_in("else")}), one.load(), "ann")
    assert store.all() == []
    assert [n for n in one.records() if n.startswith(RECORD)] == []


def test_a_change_of_the_key_keeps_the_tokens(tmp_path: Path) -> None:
    one = saved(tmp_path)
    store = TokenStore(one)
    store.put(token(signed_in()))
    one.rotate()
    assert access(TokenStore(vault(tmp_path)), signed_in()) == "access"
    assert access(store, signed_in()) == "access"
    vault(tmp_path).rotate()  # by another process: this one's key is no more
    store.put(token(signed_in(), "two"))
    assert access(TokenStore(vault(tmp_path)), signed_in()) == "two"


def test_another_process_writes(tmp_path: Path) -> None:
    ours = TokenStore(saved(tmp_path))
    assert ours.all() == []
    theirs = TokenStore(vault(tmp_path))
    for number in range(5):
        theirs.put(token(signed_in(), str(number)))
        assert access(ours, signed_in()) == str(number)


def test_the_file_is_read_once_for_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = TokenStore(saved(tmp_path))
    store.put(token(signed_in()))
    reads: list[Path] = []
    real = atomic.read

    def counted(path: Path, limit: int) -> bytes | None:
        reads.append(path)
        return real(path, limit)

    monkeypatch.setattr(atomic, "read", counted)
    assert access(store, signed_in()) == "access"
    seen = len(reads)
    assert seen
    for _ in range(50):
        store.get(identity_of(signed_in()))
        store.all()
    assert len(reads) == seen


@pytest.mark.parametrize(
    "change",
    [
        lambda plain: b"",
        lambda plain: b"[]",
        lambda plain: b"\xff",
        lambda plain: plain[:-1],
        lambda plain: json.dumps({**json.loads(plain), "more": 1}).encode(),
        lambda plain: json.dumps({k: v for k, v in json.loads(plain).items() if k != "grant"}).encode(),
        lambda plain: json.dumps({**json.loads(plain), "access_token": 7}).encode(),
        lambda plain: json.dumps({**json.loads(plain), "access_token": ""}).encode(),
        lambda plain: json.dumps({**json.loads(plain), "expires_at": "2026-11-23T09:00:00"}).encode(),
        lambda plain: json.dumps({**json.loads(plain), "expires_at": "0001-01-01T00:00:00+14:00"}).encode(),
        lambda plain: json.dumps({**json.loads(plain), "expires_at": 1}).encode(),
        lambda plain: json.dumps({**json.loads(plain), "claims": {"a": 1}}).encode(),
        lambda plain: json.dumps({**json.loads(plain), "identity": "other"}).encode(),
        lambda plain: b"[" * 100_000,
    ],
)
def test_a_record_that_is_no_token(tmp_path: Path, change: object) -> None:
    one = saved(tmp_path, "p", "q")
    store = TokenStore(one)
    store.put(token(signed_in("p")))
    store.put(token(signed_in("q")))
    name = RECORD + identity_of(signed_in("p"))
    assert callable(change)
    one.change_records("a test", {name: change(one.records()[name].plain)})
    assert [t.identity for t in store.all()] == [identity_of(signed_in("q"))]
    assert one.load().settings.profiles.keys() == {"p", "q"}
    assert store.forget(identity_of(signed_in("p")))
    store.put(token(signed_in("p"), "two"))
    assert access(store, signed_in("p")) == "two"


def test_a_token_of_no_sensible_size(tmp_path: Path) -> None:
    store = TokenStore(saved(tmp_path))
    with pytest.raises(StoreError) as told:
        store.put(token(signed_in(), "x" * LIMIT))
    assert told.value.kind is ErrorKind.BAD_INPUT
    assert samples.MARK not in str(told.value)


def test_killed_at_any_moment(tmp_path: Path) -> None:
    def prepare(home: Path) -> Vault:
        one = saved(home)
        TokenStore(one).put(token(signed_in(), "old"))
        return one

    found = []
    for home in each_point(tmp_path, prepare, lambda one: TokenStore(one).put(token(signed_in(), "new"))):
        found.append(access(TokenStore(vault(home)), signed_in()))
        assert vault(home).load().revision == 1
        TokenStore(vault(home)).put(token(signed_in(), "next"))
        assert access(TokenStore(vault(home)), signed_in()) == "next"
        assert not list(home.glob(".*.tmp"))
    assert len(found) > 8
    assert set(found) == {"old", "new"}
    assert found == sorted(found, key=["old", "new"].index)


def test_a_kill_in_rotate_keeps_the_token(tmp_path: Path) -> None:
    def prepare(home: Path) -> Vault:
        one = saved(home)
        TokenStore(one).put(token(signed_in(), "old"))
        return one

    for home in each_point(tmp_path, prepare, lambda one: one.rotate()):
        store = TokenStore(vault(home))
        assert access(store, signed_in()) == "old"
        store.put(token(signed_in(), "new"))
        assert access(TokenStore(vault(home)), signed_in()) == "new"


def _saver(folder: Path) -> None:
    one = vault(folder)
    for number in range(10):
        with one.files.lock("nobody"):
            pass
        base = one.load()
        one.save(base.settings.model_copy(update={"default": "p" if number % 2 else "q"}), base, "ann")


def _renewer(folder: Path, name: str) -> None:
    store = TokenStore(vault(folder))
    for number in range(10):
        store.put(token(signed_in(name), str(number)))


def test_saves_and_tokens_at_once(tmp_path: Path) -> None:
    one = saved(tmp_path, "p", "q")
    work = [FORK.Process(target=_saver, args=(tmp_path,))]
    work += [FORK.Process(target=_renewer, args=(tmp_path, name)) for name in ("p", "q")]
    for each in work:
        each.start()
    for each in work:
        each.join(60)
        assert each.exitcode == 0
    assert one.load().revision == 11
    store = TokenStore(one)
    assert (access(store, signed_in("p")), access(store, signed_in("q"))) == ("9", "9")


def test_no_file_holds_a_token_in_the_clear(tmp_path: Path) -> None:
    TokenStore(saved(tmp_path)).put(token(signed_in()))
    found = subprocess.run(["grep", "-rla", samples.MARK, str(tmp_path)], capture_output=True, check=False)
    assert found.stdout == b""


def test_a_full_disk_is_told_before_a_renewal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = TokenStore(saved(tmp_path))

    def full(_handle: int, _data: object) -> int:
        raise OSError(28, os.strerror(28))

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(StoreError) as told, store.refreshing("a" * 32, "ann", 0):
            pytest.fail("its result could not be kept")
    assert told.value.kind is ErrorKind.FULL
    assert not list(tmp_path.glob(".*.tmp"))


def test_what_a_sign_in_depends_on() -> None:
    base = identity_of(signed_in())
    same = [
        signed_in().model_copy(update={"proxy": None, "from_address": "b@example.org", "sender_name": None}),
        signed_in(client_secret="s", secret_expires="2027-01-01", redirect_url="http://localhost:1"),
        signed_in(cloud="global", tenant=None),
    ]
    assert {identity_of(p) for p in same} == {base}
    other = [
        signed_in("other"),
        signed_in(tenant="example.org"),
        signed_in(cloud="china"),
        signed_in(grant="authorization-code"),
        signed_in(account="b@example.org"),
        signed_in(scopes=["x"]),
        signed_in(token_url="https://a.example.org"),
        signed_in(provider="google"),
        signed_in().model_copy(update={"protocol": "graph"}),
        signed_in(grant="client-credentials", client_secret="one"),
        signed_in(grant="client-credentials", client_secret="two"),
    ]
    assert len({base, *(identity_of(p) for p in other)}) == 1 + len(other)
    assert identity_of(signed_in(tenant="A.org")) == identity_of(signed_in(tenant="a.ORG"))
    assert identity_of(signed_in(scopes="a, b")) == identity_of(signed_in(scopes=["b", "a"]))
    with pytest.raises(ValueError, match="no OAuth settings"):
        identity_of(
            samples.profile().model_copy(
                update={"auth": samples.profile().auth.model_copy(update={"oauth": None})}
            )
        )


_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@given(_TEXT.filter(bool), _TEXT, st.lists(_TEXT), st.dictionaries(_TEXT, _TEXT, max_size=3))
def test_every_text_comes_back(
    access_text: str, account: str, scopes: list[str], claims: dict[str, str]
) -> None:

    one = replace(
        token(signed_in()),
        access_token=SecretStr(access_text),
        account=account,
        scopes=tuple(scopes),
        claims=claims,
    )
    assert _load(_dump(one)) == one
