"""sendmail finds the same places as every other part of outmail, though it looks for them itself."""

from __future__ import annotations

import os
import posix
from pathlib import Path

import pytest

from outmail import sendmail_places
from outmail.sendmail_places import locate
from store import paths
from store.vaultfile import VaultFile


@pytest.mark.parametrize("uid", [0, 1000])
@pytest.mark.parametrize("system", [False, True])
@pytest.mark.parametrize(
    "env",
    [
        {},
        {"OUTMAIL_HOME": "/x"},
        {"OUTMAIL_HOME": "x/../y"},
        {"STATE_DIRECTORY": "/var/lib/a:/var/lib/b", "RUNTIME_DIRECTORY": "/run/a"},
        {"STATE_DIRECTORY": "/var/lib/a"},
        {"STATE_DIRECTORY": "relative", "XDG_RUNTIME_DIR": "/run/user/5"},
        {"XDG_RUNTIME_DIR": "/run/user/5"},
        {"XDG_STATE_HOME": "/s", "XDG_CONFIG_HOME": "/c"},
        {"XDG_STATE_HOME": "/s", "XDG_RUNTIME_DIR": "/run/user/5", "RUNTIME_DIRECTORY": "/r"},
    ],
)
@pytest.mark.parametrize("home", ["", "/h"])
def test_the_same_as_everywhere(
    env: dict[str, str], system: bool, uid: int, home: str, tmp_path: Path
) -> None:
    config = Path(env.get("XDG_CONFIG_HOME", tmp_path / ".config"))
    with pytest.MonkeyPatch.context() as patched:
        for name in ("XDG_STATE_HOME", "XDG_CONFIG_HOME", "OUTMAIL_HOME", "XDG_RUNTIME_DIR"):
            patched.delenv(name, raising=False)
        for name, value in env.items():
            patched.setenv(name, value)
        patched.setenv("HOME", str(tmp_path))
        patched.setitem(posix.environ, b"HOME", os.fsencode(tmp_path))
        patched.setattr(
            sendmail_places, "_there", lambda path: path == str(config / "outmail" / "settings.vault")
        )
        found = locate(home, system, env, uid)
        wanted = paths.locate(home or None, system, env, uid)
    assert (Path(found.run), Path(found.spool)) == (wanted.run, wanted.spool)
    assert found.set_up


def test_the_name_of_the_settings() -> None:
    assert VaultFile(Path("/x")).path.name == "settings.vault"


@pytest.mark.parametrize("there", ["/run/outmail/submit", "/var/lib/outmail/spool/maildrop"])
def test_a_user_without_settings_uses_the_machines(monkeypatch: pytest.MonkeyPatch, there: str) -> None:
    monkeypatch.setattr(sendmail_places, "_there", lambda path: path == there)
    found = locate("", False, {}, 1000)
    assert (found.socket, found.maildrop) == ("/run/outmail/submit", "/var/lib/outmail/spool/maildrop")
    assert not found.ours, "nothing is made there"
    assert found.set_up


def test_nothing_is_set_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sendmail_places, "_there", lambda _path: False)
    assert not locate("", False, {}, 1000).set_up
