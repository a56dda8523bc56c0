"""Folders, files and commands that are not what they should be: an error in words, nothing left behind."""

from __future__ import annotations

import contextlib
import os
import select
import shlex
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from store import atomic
from store.changes import Change
from store.commands import CommandFailed, output_of
from store.errors import ErrorKind, StoreError
from store.history import History
from store.keys import KeyOptions
from store.vault import Vault
from tests.store.samples import settings

NOBODY = 65534
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")


def _saved(folder: Path) -> Vault:
    vault = Vault(folder, KeyOptions(env={}))
    vault.save(settings(), vault.load(), "me")
    return vault


def _as_nobody(task: Callable[[], object]) -> str:
    """What a task says that runs as nobody, in a process of its own."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        said = "no error"
        try:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            task()
        except StoreError as error:
            said = f"{error.kind} {error}"
        except BaseException as error:  # the parent judges it
            said = repr(error)
        os.write(write, said.encode()[:4000])
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    return said


@pytest.fixture
def open_path(tmp_path: Path) -> Path:
    """A folder that nobody can reach."""
    for folder in [tmp_path, *tmp_path.parents]:
        if folder.stat().st_uid == 0 and not folder.stat().st_mode & 0o001:
            folder.chmod(folder.stat().st_mode | 0o011)
    return tmp_path


@as_root
def test_where_one_may_not_look_there_is_an_error_and_no_traceback(open_path: Path) -> None:
    vault = _saved(open_path / "vault")
    history = History(open_path / "vault")
    for task in (vault.exists, vault.load, history.entries):
        assert _as_nobody(task).startswith("unreadable "), task
    problem = "status tells it"

    def status() -> None:
        raise vault.status().problem or AssertionError(problem)

    assert _as_nobody(status).startswith("unreadable ")


@as_root
def test_another_user_s_folder_is_not_used(open_path: Path) -> None:
    folder = open_path / "vault"
    folder.mkdir()
    os.chown(folder, 4321, 4321)
    folder.chmod(0o777)
    vault = Vault(folder, KeyOptions(env={}))
    said = _as_nobody(lambda: vault.save(settings(), vault.load(), "me"))
    assert said.startswith("not-writable ")
    assert "belongs to another user (uid 4321)" in said
    assert list(folder.iterdir()) == []


@as_root
def test_what_root_saves_in_a_service_s_folder_the_service_can_read(open_path: Path) -> None:
    home = open_path / "home"
    home.mkdir()
    os.chown(home, NOBODY, NOBODY)
    vault = _saved(home / "vault")
    history = History(home / "spool")
    history.record_settings([Change("a", "b", "c")], "root", datetime.now(UTC))
    for file in home.rglob("*"):
        assert (file.stat().st_uid, file.stat().st_gid) == (NOBODY, NOBODY), file
        assert not file.stat().st_mode & 0o077
    assert _as_nobody(vault.load) == "no error"
    assert _as_nobody(history.entries) == "no error"


@pytest.mark.timeout(20)
def test_a_pipe_that_nobody_writes_is_not_waited_for_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(atomic, "PATIENCE", 0.05)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(StoreError, match="nothing came from it"):
        atomic.read(pipe, 100)
    with pytest.raises(StoreError, match="more than"):
        atomic.read(Path("/dev/zero"), 2048)


def test_a_pipe_of_the_shell_is_read_to_its_end(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with subprocess.Popen([sys.executable, "-c", f"open({str(pipe)!r}, 'w').write('x' * 70000)"]):
        assert atomic.read(pipe, 2**20) == b"x" * 70000


def test_remedies_can_be_copied_whatever_the_folder_is_called(tmp_path: Path) -> None:
    folder = tmp_path / "it's a; $(vault)"
    vault = _saved(folder)
    vault.save(settings(), vault.load(), "me")
    vault.files.path.write_bytes(b"nonsense")
    with pytest.raises(StoreError) as caught:
        vault.load()
    back, _, anew = caught.value.remedy.partition("; to begin anew: ")
    subprocess.run(["sh", "-c", back.removeprefix("go back to the previous revision: ")], check=True)
    assert vault.load().revision == 1
    assert shlex.split(anew) == ["mv", str(folder), f"{folder}.old"]


@pytest.mark.timeout(20)
def test_a_command_that_leaves_a_child_behind_ends_with_it(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    script = f"sleep 600 & echo $! > {shlex.quote(str(note))}; echo secret"
    with pytest.raises(CommandFailed, match="no answer"):
        output_of(f"sh -c {shlex.quote(script)}", os.environ, 0.5)
    pid = int(note.read_text())
    with contextlib.suppress(ProcessLookupError):  # it may be gone already
        end = os.pidfd_open(pid)
        try:
            assert select.select([end], [], [], 10)[0]
        finally:
            os.close(end)


def test_a_history_of_a_later_outmail_is_left_as_it_is(tmp_path: Path) -> None:
    history = _with_history(tmp_path, "PRAGMA user_version = 9")
    with pytest.raises(StoreError, match="later outmail"):
        history.record_settings([Change("a", "b", "c")], "me", datetime.now(UTC))
    with sqlite3.connect(history.path) as base:
        assert base.execute("PRAGMA user_version").fetchone() == (9,)


@pytest.mark.parametrize(
    "damage",
    ["UPDATE saves SET at = 'yesterday'", "UPDATE saves SET at = 5"],
)
def test_a_row_that_nobody_wrote_is_damage_and_no_traceback(tmp_path: Path, damage: str) -> None:
    history = _with_history(tmp_path, damage)
    with pytest.raises(StoreError) as caught:
        history.entries()
    assert caught.value.kind is ErrorKind.DAMAGED


def _with_history(folder: Path, statement: str) -> History:
    history = History(folder)
    history.record_settings([Change("a", "b", "c")], "me", datetime.now(UTC))
    base = sqlite3.connect(history.path)
    base.execute(statement)
    base.commit()
    base.close()
    return history


def test_a_closed_or_impossible_descriptor_is_told(tmp_path: Path) -> None:
    for number in (-1, 9999):
        vault = Vault(tmp_path, KeyOptions(passphrase_fd=number, env={}))
        with pytest.raises(StoreError) as caught:
            vault.save(settings(), vault.load(), "me")
        assert caught.value.kind is ErrorKind.KEY_MISSING


def test_a_save_between_two_reads_is_no_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings are read, then the mark: a save in between makes the first look older than the second."""
    vault, other = _saved(tmp_path), Vault(tmp_path, KeyOptions(env={}))
    read, saves = atomic.read, [True]

    def read_late(path: Path, limit: int) -> bytes | None:
        data = read(path, limit)
        if path == vault.files.path and saves.pop():
            saves.append(False)
            other.save(settings("b.example.org"), other.load(), "another")
        else:
            saves.append(False)
        return data

    for look in (lambda: vault.status().problem, lambda: vault.load() and None):
        saves[:] = [True]
        with monkeypatch.context() as patched:
            patched.setattr(atomic, "read", read_late)
            assert look() is None
