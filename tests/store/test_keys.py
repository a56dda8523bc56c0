"""The key of the vault is found in the contract's order, and each way it can be wrong has its remedy."""

from __future__ import annotations

import os
import sys
import types
from pathlib import Path

import pytest
from pydantic import SecretStr

from store.errors import ErrorKind, StoreError
from store.keys import KeyOptions
from store.vault import Vault
from tests.store import samples
from tests.store.samples import vault

WORD = "PLANTED-7f3a öpen sesame"
KEY = b"k" * 40


@pytest.fixture(name="locked", scope="module")
def _locked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A vault with a passphrase."""
    folder = tmp_path_factory.mktemp("locked")
    one = vault(folder, new_passphrase=SecretStr(WORD))
    one.save(samples.settings(), one.load(), "ann")
    assert not (folder / "outmail.key").exists()
    return folder


def key_file(path: Path, key: bytes = KEY) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(key)
    path.chmod(0o600)
    return path


def pipe(text: bytes) -> int:
    reading, writing = os.pipe()
    os.write(writing, text)
    os.close(writing)
    return reading


def error_of(one: Vault) -> StoreError:
    with pytest.raises(StoreError) as told:
        one.load()
    assert told.value.remedy
    shown = f"{told.value!r} {told.value} {told.value.remedy}"
    assert samples.MARK not in shown
    assert "kkkk" not in shown
    return told.value


@pytest.mark.parametrize("end", ["", "\n", "\r\n", "\nsecond line\n"])
def test_passphrase_from_a_pipe(locked: Path, end: str) -> None:
    one = vault(locked, passphrase_fd=pipe((WORD + end).encode()))
    assert one.load() == one.load()  # the pipe is read once


def test_passphrase_from_a_file_a_command_and_a_person(locked: Path, tmp_path: Path) -> None:
    file = tmp_path / "word"
    file.write_text(WORD + "\n")
    assert vault(locked, env={"OUTMAIL_PASSPHRASE_FILE": str(file)}).load().revision == 1
    command = {"OUTMAIL_PASSPHRASE_COMMAND": f"cat '{file}'", "PATH": os.environ["PATH"]}
    assert vault(locked, env=command).load().revision == 1
    assert vault(locked, ask=lambda _question: WORD).load().revision == 1


def test_the_same_accent_composed_otherwise(locked: Path) -> None:
    assert vault(locked, ask=lambda _question: WORD.replace("ö", "o\u0308")).load().revision == 1


def test_a_passphrase_in_the_environment_is_never_read(locked: Path) -> None:
    error = error_of(vault(locked, env={"OUTMAIL_PASSPHRASE": WORD, "OUTMAIL_KEY": WORD}))
    assert error.kind is ErrorKind.KEY_MISSING
    assert "no terminal" in error.why


def test_a_wrong_passphrase_is_asked_once_a_load_and_can_be_tried_again(locked: Path) -> None:
    answers = ["wrong", WORD]
    one = vault(locked, ask=lambda _question: answers.pop(0))
    assert error_of(one).kind is ErrorKind.WRONG_KEY
    assert len(answers) == 1
    assert one.load().revision == 1


@pytest.mark.parametrize("given", [b"", b"\n", b"\xff\xfe", b"x" * 5000])
def test_a_passphrase_that_is_none(locked: Path, given: bytes) -> None:
    assert error_of(vault(locked, passphrase_fd=pipe(given))).kind is ErrorKind.KEY_MISSING


def test_a_descriptor_that_is_not_open(locked: Path) -> None:
    assert "bad file descriptor" in error_of(vault(locked, passphrase_fd=987)).why


def test_a_key_file_for_a_locked_vault_and_the_reverse(locked: Path, tmp_path: Path) -> None:
    error = error_of(vault(locked, key_file=key_file(tmp_path / "k")))
    assert error.kind is ErrorKind.WRONG_KEY
    assert "passphrase" in error.remedy
    one = vault(tmp_path / "v")
    one.save(samples.settings(), one.load(), "ann")
    error = error_of(vault(tmp_path / "v", passphrase_fd=pipe(b"x")))
    assert error.kind is ErrorKind.WRONG_KEY
    assert "key file" in error.remedy


def test_the_order(tmp_path: Path) -> None:
    named = key_file(tmp_path / "named")
    other = key_file(tmp_path / "other", b"o" * 40)
    key_file(tmp_path / "credentials" / "outmail.key", b"c" * 40)
    word = tmp_path / "word"
    word.write_text("w")
    env = {
        "OUTMAIL_KEY_FILE": str(other),
        "CREDENTIALS_DIRECTORY": str(tmp_path / "credentials"),
        "OUTMAIL_PASSPHRASE_FILE": str(word),
    }
    expected = ["named", "other", "credentials/outmail.key", "word", "v4/outmail.key"]
    for number, source in enumerate(expected):
        folder = tmp_path / f"v{number}"
        key_file(folder / "outmail.key", b"b" * 40)
        one = Vault(folder, KeyOptions(key_file=named if number == 0 else None, env=dict(env)))
        one.save(samples.settings(), one.load(), "ann")
        assert one.status().source.endswith(str(tmp_path / source))
        if number:
            env.pop(next(iter(env), ""), None)


def test_the_first_save_makes_the_named_key_file(tmp_path: Path) -> None:
    one = vault(tmp_path / "v", key_file=tmp_path / "mine.key")
    one.save(samples.settings(), one.load(), "ann")
    assert (tmp_path / "mine.key").stat().st_mode & 0o777 == 0o600
    assert not (tmp_path / "v" / "outmail.key").exists()
    assert error_of(vault(tmp_path / "v")).kind is ErrorKind.KEY_MISSING
    (tmp_path / "mine.key").unlink()
    error = error_of(vault(tmp_path / "v", key_file=tmp_path / "mine.key"))
    assert error.kind is ErrorKind.KEY_MISSING
    assert f"install -m 600 BACKUP {tmp_path / 'mine.key'}" in error.remedy


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o666])
def test_a_key_file_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    one = vault(tmp_path)
    one.save(samples.settings(), one.load(), "ann")
    key = tmp_path / "outmail.key"
    key.chmod(mode)
    error = error_of(vault(tmp_path))
    assert (error.kind, error.remedy) == (ErrorKind.UNREADABLE, f"chmod 600 {key}")
    key.chmod(0o600)
    assert vault(tmp_path).load().revision == 1


@pytest.mark.parametrize("key", [b"", b"short", b"x" * 5000, b"y" * 40])
def test_a_key_file_that_is_none_or_another(tmp_path: Path, key: bytes) -> None:
    one = vault(tmp_path)
    saved = one.save(samples.settings(), one.load(), "ann")
    right = (tmp_path / "outmail.key").read_bytes()
    (tmp_path / "outmail.key").write_bytes(key)
    assert error_of(vault(tmp_path)).kind in {ErrorKind.BAD_INPUT, ErrorKind.UNREADABLE, ErrorKind.WRONG_KEY}
    assert not list(tmp_path.glob("*.damaged-*"))  # a wrong key is no damage
    (tmp_path / "outmail.key").write_bytes(right)
    assert vault(tmp_path).load() == saved


def test_a_change_of_key_by_another_process_is_noticed(tmp_path: Path) -> None:
    one, two = vault(tmp_path), vault(tmp_path)
    one.save(samples.settings(), one.load(), "ann")
    assert two.load().revision == 1
    one.rotate()
    assert two.save(samples.settings("b"), two.load(), "bob").revision == 2
    one.set_passphrase(SecretStr(WORD))
    assert not (tmp_path / "outmail.key").exists()
    assert error_of(two).kind is ErrorKind.KEY_MISSING
    assert one.load().revision == 2


def test_a_named_key_file_is_taken_over(tmp_path: Path) -> None:
    one = vault(tmp_path / "v")
    saved = one.save(samples.settings(), one.load(), "ann")
    mine = key_file(tmp_path / "mine.key")
    assert one.set_key_file(mine) == mine
    assert mine.read_bytes() == KEY
    assert not (tmp_path / "v" / "outmail.key").exists()
    assert vault(tmp_path / "v", key_file=mine).load() == saved


def test_the_key_cannot_change_before_there_is_one(tmp_path: Path) -> None:
    with pytest.raises(StoreError) as told:
        vault(tmp_path).rotate()
    assert told.value.kind is ErrorKind.NOT_FOUND


def test_the_keyring_is_asked_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = vault(tmp_path)
    saved = one.save(samples.settings(), one.load(), "ann")
    key = (tmp_path / "outmail.key").read_text()
    (tmp_path / "outmail.key").unlink()
    ring = types.ModuleType("keyring")
    ring.__spec__ = __import__("importlib.machinery").machinery.ModuleSpec("keyring", None)
    ring.__dict__["get_password"] = lambda service, user: (
        key if (service, user) == ("outmail", str(tmp_path)) else None
    )
    errors = types.ModuleType("keyring.errors")
    errors.__dict__["KeyringError"] = type("KeyringError", (Exception,), {})
    monkeypatch.setitem(sys.modules, "keyring", ring)
    monkeypatch.setitem(sys.modules, "keyring.errors", errors)
    there = {"DBUS_SESSION_BUS_ADDRESS": "unix:path=/nowhere"}
    assert vault(tmp_path, env=there).load() == saved
    assert vault(tmp_path, env=there).status().source == "the keyring"
    assert error_of(vault(tmp_path)).kind is ErrorKind.KEY_MISSING

    def refuse(_service: str, _user: str) -> str:
        raise errors.__dict__["KeyringError"]

    ring.__dict__["get_password"] = refuse
    assert error_of(vault(tmp_path, env=there)).kind is ErrorKind.KEY_MISSING
