"""Where things are: the contract's table and its order."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from store.errors import StoreError
from store.paths import Paths, locate, private_folder, shared_folder

XDG = {"XDG_CONFIG_HOME": "/c", "XDG_STATE_HOME": "/s", "XDG_RUNTIME_DIR": "/r"}
SYSTEMD = {"STATE_DIRECTORY": "/var/lib/mail:/other", "RUNTIME_DIRECTORY": "/run/mail"}
USER = ("/c/outmail", "/s/outmail", "/r/outmail")
SYSTEM = ("/var/lib/outmail/vault", "/var/lib/outmail/spool", "/run/outmail")
SERVICE = ("/var/lib/mail/vault", "/var/lib/mail/spool", "/run/mail")
HOME, OTHER = (tuple(f"/{h}/{p}" for p in ("vault", "spool", "run")) for h in ("h", "o"))


@pytest.mark.parametrize(
    ("home", "system", "env", "uid", "expected"),
    [
        (None, False, XDG, 1000, USER),
        (None, True, XDG, 1000, SYSTEM),
        (None, False, XDG, 0, SYSTEM),
        (None, False, XDG | SYSTEMD, 1000, SERVICE),
        (None, True, XDG | SYSTEMD, 1000, SERVICE),
        (None, True, SYSTEMD | {"OUTMAIL_HOME": "/o"}, 0, OTHER),
        ("/h", True, SYSTEMD | {"OUTMAIL_HOME": "/o"}, 0, HOME),
        (None, False, {"XDG_CONFIG_HOME": "/c", "XDG_STATE_HOME": "/s"}, 1000, (*USER[:2], "/s/outmail/run")),
        (None, False, XDG | {"XDG_RUNTIME_DIR": "tmp"}, 1000, (*USER[:2], "/s/outmail/run")),
        (None, False, XDG | {"STATE_DIRECTORY": "", "OUTMAIL_HOME": ""}, 1000, USER),
    ],
)
def test_where(
    home: str | None, system: bool, env: dict[str, str], uid: int, expected: tuple[str, ...]
) -> None:
    assert locate(home, system, env, uid) == Paths(*map(Path, expected))


def test_without_any_variable_nothing_is_in_a_shared_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "/home/ann")
    found = locate(None, False, {}, 1000)
    for path in (found.vault, found.spool, found.run):
        assert path.is_absolute()
        assert not path.is_relative_to("/tmp")
        assert "outmail" in path.parts


def test_a_home_may_be_relative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert locate("h", env={}).vault == tmp_path / "h" / "vault"


def test_a_folder_is_closed_to_others(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir(mode=0o755)
    for folder in (tmp_path / "open", tmp_path / "new" / "deep"):
        assert private_folder(folder).stat().st_mode & 0o777 == 0o700


def test_a_folder_to_pass_through_stays_one(tmp_path: Path) -> None:
    folder = shared_folder(tmp_path / "new" / "spool", 0o711)
    assert folder.stat().st_mode & 0o7777 == 0o711
    assert folder.parent.stat().st_mode & 0o7777 == 0o700, "only what was asked for is opened"
    assert private_folder(folder).stat().st_mode & 0o7777 == 0o711
    assert shared_folder(folder, 0o3733).stat().st_mode & 0o7777 == 0o3733
    assert private_folder(folder).stat().st_mode & 0o777 == 0o700, "where others may write, it is closed"
    assert shared_folder(folder, 0o700).stat().st_mode & 0o7777 == 0o700


def test_a_shared_folder_may_have_a_group(tmp_path: Path) -> None:
    others = [gid for gid in os.getgroups() if gid != os.getegid()]
    group = 1 if os.geteuid() == 0 else (others or [os.getegid()])[0]
    found = shared_folder(tmp_path / "drops", 0o3730, group).stat()
    assert (found.st_gid, found.st_mode & 0o7777) == (group, 0o3730)


def test_a_file_is_no_folder_to_share(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError):
        shared_folder(tmp_path / "file", 0o711)
