"""The vault saves and loads, tells two admins apart, and keeps to itself."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from pydantic import SecretStr

from store.errors import ErrorKind, StoreError
from store.problems import SettingsInvalid
from store.profiles import Failover, Settings
from store.vault import SettingsChanged, Snapshot
from tests.store.samples import MARK, files, profile, settings, vault


def test_an_empty_folder_is_no_error_and_stays_empty(tmp_path: Path) -> None:
    found = vault(tmp_path / "vault").load()
    assert (found.revision, found.saved_at, found.settings) == (0, None, Settings())
    assert not (tmp_path / "vault").exists()
    assert not vault(tmp_path / "vault").exists()


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    saved = vault(tmp_path).save(settings("a.example.org", "b.example.org"), Snapshot(Settings()), "ann")
    loaded = vault(tmp_path).load()
    assert loaded == saved
    assert (loaded.revision, loaded.saved_by) == (1, "ann")
    password = loaded.settings.profiles["p0"].auth.password
    assert password is not None
    assert password.get_secret_value().startswith(MARK)


def test_the_snapshot_is_no_handle_on_the_callers_settings(tmp_path: Path) -> None:
    mine = settings()
    saved = vault(tmp_path).save(mine, Snapshot(Settings()), "ann")
    mine.profiles.clear()
    assert saved.settings.profiles


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o777])
def test_modes_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    folder = tmp_path / "home" / "vault"
    before = os.umask(umask)
    try:
        one = vault(folder)
        one.save(settings("b"), one.save(settings(), Snapshot(Settings()), "ann"), "ann")
    finally:
        os.umask(before)
    assert {stat.S_IMODE(p.stat().st_mode) for p in folder.iterdir()} == {0o600}
    assert {stat.S_IMODE(p.stat().st_mode) for p in (folder, folder.parent)} == {0o700}


def test_the_second_admin_is_told_who_when_and_what(tmp_path: Path) -> None:
    ann, bob = vault(tmp_path), vault(tmp_path)
    base = ann.save(settings(), ann.load(), "root")
    theirs = bob.load()
    first = ann.save(Settings(profiles={"p0": profile(reply_to="new@example.org")}), base, "ann")
    before = files(tmp_path)
    changed = settings("elsewhere.example.org")
    with pytest.raises(SettingsChanged) as told:
        bob.save(changed, theirs, "bob")
    assert [(c.field, c.old, c.new) for c in told.value.changes] == [
        ("profiles.p0.reply_to", "desk@example.org", "new@example.org")
    ]
    assert (told.value.who, told.value.when, told.value.current) == ("ann", first.saved_at, first)
    assert told.value.kind is ErrorKind.CHANGED
    assert told.value.remedy
    assert files(tmp_path) == before
    assert bob.save(changed, told.value.current, "bob").revision == 3


def test_changes_of_secrets_are_told_without_them(tmp_path: Path) -> None:
    ann = vault(tmp_path)
    base = ann.save(settings(), ann.load(), "root")
    new = settings()
    new.profiles["p0"].auth.password = SecretStr(MARK + "-other")
    ann.save(new, base, "ann")
    with pytest.raises(SettingsChanged) as told:
        vault(tmp_path).save(settings("x"), base, "bob")
    assert [str(c) for c in told.value.changes] == ["profiles.p0.auth.password: (secret) -> (secret)"]
    assert MARK not in str(told.value) + repr(told.value.changes) + repr(told.value.current)


def test_contradictory_settings_are_refused_with_every_field(tmp_path: Path) -> None:
    one = vault(tmp_path)
    base = one.save(settings(), one.load(), "ann")
    before = files(tmp_path)
    bad = profile(smtp=None, failover=Failover(profile="nobody"))
    with pytest.raises(SettingsInvalid) as told:
        one.save(Settings(profiles={"p0": bad}), base, "ann")
    assert {p.field for p in told.value.problems} == {"profiles.p0.smtp.host", "profiles.p0.failover.profile"}
    assert files(tmp_path) == before


def test_nothing_typed_can_be_read_on_disk(tmp_path: Path) -> None:
    one = vault(tmp_path)
    base = one.save(settings(), one.load(), "ann-the-admin")
    one.save(settings("b.example.org"), base, "ann-the-admin")
    for name, data in files(tmp_path).items():
        for text in (MARK, "example.org", "helpdesk", "ann-the-admin", "p0"):
            for form in (text.encode(), text.encode().hex().encode()):
                if len(text) > 2:
                    assert form not in data, (name, text)


def test_a_removed_profile_takes_its_secrets_along(tmp_path: Path) -> None:
    one = vault(tmp_path)
    base = one.save(settings("a", "b"), one.load(), "ann")
    one.save(settings("a"), base, "ann")
    opened = one.read()
    assert opened is not None
    assert sorted(opened.contents.records) == ["secrets/p0", "settings"]


def test_the_previous_revision_is_kept_and_its_remedy_works(tmp_path: Path) -> None:
    one = vault(tmp_path)
    first = one.save(settings("a"), one.load(), "ann")
    one.save(settings("b"), first, "ann")
    one.files.path.unlink()
    with pytest.raises(StoreError) as told:
        vault(tmp_path).load()
    assert told.value.kind is ErrorKind.DAMAGED
    assert vault(tmp_path).exists()
    command = told.value.remedy.partition(": ")[2].partition(";")[0]
    assert os.system(command) == 0
    assert vault(tmp_path).load() == first


def test_after_a_change_of_key_the_previous_revision_is_a_file_of_its_own(tmp_path: Path) -> None:
    one = vault(tmp_path)
    saved = one.save(settings("a"), one.load(), "ann")
    one.rotate()
    path, previous = tmp_path / "settings.vault", tmp_path / "settings.vault.previous"
    assert path.stat().st_ino != previous.stat().st_ino
    broken = bytearray(path.read_bytes())
    broken[len(broken) // 2] ^= 1
    with path.open("r+b") as there:  # in place, as a failing disk does it
        there.write(broken)
    with pytest.raises(StoreError) as told:
        vault(tmp_path).load()
    command = told.value.remedy.partition(": ")[2].partition(";")[0]
    assert os.system(command) == 0
    assert vault(tmp_path).load().settings == saved.settings
