"""Killed at any moment of a save or a change of the key, the vault opens with what is then in place."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import SecretStr

from store.sealing import subkey
from store.slots import Argon2Slot
from store.vault import Vault
from tests.store import samples
from tests.store.samples import vault

KILLED = 77
CALLS = ("fsync", "replace", "rename", "unlink", "link", "write", "fchmod", "open")
PASSPHRASE = "open sesame"


@pytest.fixture
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """A passphrase that costs nothing: it is derived some hundred times here."""
    monkeypatch.setattr(Argon2Slot, "derive", lambda slot, secret: subkey(secret, slot.salt))


def killed_at(point: int, work: Callable[[], object]) -> bool:
    """Run `work` in a process that ends, without a word, before its system call number `point`.

    Returns whether it came that far; False means that the work was done.
    """
    left = point

    def count() -> None:
        nonlocal left
        if left == 0:
            os._exit(KILLED)
        left -= 1

    child = os.fork()
    if child == 0:
        try:
            for name in CALLS:
                setattr(os, name, _counted(getattr(os, name), count))
            work()
        except BaseException:
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    assert code in {0, KILLED}
    return code == KILLED


def _counted(call: Callable[..., object], count: Callable[[], None]) -> Callable[..., object]:
    def counted(*args: object, **named: object) -> object:
        count()
        return call(*args, **named)

    return counted


def each_point(folder: Path, prepare: Callable[[Path], Vault], work: Callable[[Vault], object]) -> list[Path]:
    """A folder for each moment at which the work was killed, and one where it was done."""
    folders = []
    for point in range(300):
        home = folder / str(point)
        one = prepare(home)
        one.load()
        folders.append(home)
        if not killed_at(point, lambda one=one: work(one)):  # type: ignore[misc]
            return folders
    pytest.fail("the work has no end")


def two_saves(home: Path) -> Vault:
    one = vault(home)
    one.save(samples.settings("b"), one.save(samples.settings("a"), one.load(), "ann"), "ann")
    return one


def with_passphrase(home: Path) -> Vault:
    one = vault(home, new_passphrase=SecretStr(PASSPHRASE))
    one.save(samples.settings("b"), one.load(), "ann")
    return one


def reopened(home: Path) -> Vault:
    return vault(home, ask=lambda _question: PASSPHRASE)


def assert_usable(home: Path) -> int:
    """It loads, saves and loads again; nothing is left over; every file is the owner's."""
    one = reopened(home)
    found = one.load()
    again = reopened(home).save(samples.settings("c"), found, "bob")
    assert reopened(home).load() == again
    assert again.revision == found.revision + 1
    assert not [p.name for p in home.iterdir() if p.name.startswith(".settings")]
    assert {stat.S_IMODE(p.stat().st_mode) for p in home.iterdir()} == {0o600}
    return found.revision


def test_save(tmp_path: Path) -> None:
    homes = each_point(tmp_path, two_saves, lambda one: one.save(samples.settings("z"), one.load(), "ann"))
    assert len(homes) > 10
    revisions = []
    for home in homes:
        found = vault(home).load()
        expected = {2: samples.settings("b"), 3: samples.settings("z")}
        assert found.settings == expected[found.revision]
        revisions.append(assert_usable(home))
    assert revisions == sorted(revisions)
    assert set(revisions) == {2, 3}


def test_first_save(tmp_path: Path) -> None:
    homes = each_point(tmp_path, vault, lambda one: one.save(samples.settings("z"), one.load(), "ann"))
    assert {assert_usable(home) for home in homes} == {0, 1}


def test_rotate(tmp_path: Path) -> None:
    homes = each_point(tmp_path, two_saves, lambda one: one.rotate())
    assert len(homes) > 30
    for home in homes:
        found = vault(home).load()
        assert (found.revision, found.settings) == (2, samples.settings("b"))
        assert_usable(home)


def test_previous_opens_after_a_kill_in_rotate(tmp_path: Path) -> None:
    for home in each_point(tmp_path, two_saves, lambda one: one.rotate()):
        one = vault(home)
        one.files.path.unlink()
        one.files.mark.unlink()
        os.link(one.files.previous, one.files.path)
        assert vault(home).load().revision in {1, 2}


@pytest.mark.usefixtures("cheap")
def test_to_a_passphrase(tmp_path: Path) -> None:
    for home in each_point(tmp_path, two_saves, lambda one: one.set_passphrase(SecretStr(PASSPHRASE))):
        assert reopened(home).load().settings == samples.settings("b")
        assert_usable(home)
    assert not (home / "outmail.key").exists()


@pytest.mark.usefixtures("cheap")
def test_to_a_key_file(tmp_path: Path) -> None:
    for home in each_point(tmp_path, with_passphrase, lambda one: one.set_key_file()):
        assert reopened(home).load().settings == samples.settings("b")
        assert_usable(home)
    assert vault(home).load().revision == 2


def test_after_rotate_the_old_key_opens_nothing(tmp_path: Path) -> None:
    one = two_saves(tmp_path / "vault")
    old = (tmp_path / "vault" / "outmail.key").read_bytes()
    one.rotate()
    (tmp_path / "vault" / "outmail.key").write_bytes(old)
    status = vault(tmp_path / "vault").status()
    assert status.problem is not None
    assert len(status.locked_by) == 1
