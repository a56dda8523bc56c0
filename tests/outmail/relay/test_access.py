"""Who is an admin, a sender or nobody; and that the folders and sockets say the same as the rules."""

from __future__ import annotations

import grp
import logging
import os
import pwd
import socket
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from outmail.engine.control import SOCKET
from outmail.engine.errors import EngineError
from outmail.relay.access import MAILDROP, REMEMBERED, SUBMIT, Access, Role, peer
from outmail.relay.sockets import unix_socket
from store import relay_settings
from store.paths import Paths, locate

ROOT = os.geteuid() == 0
SERVICE = 4_000_000_001  # a user that no machine has
STRANGER = pwd.getpwnam("nobody")
OURS = grp.getgrgid(os.getegid()).gr_name
_ANOTHER = next(
    (g for g in grp.getgrall() if g.gr_gid != os.getegid() and (ROOT or g.gr_gid in os.getgroups())), None
)


def rules(**settings: object) -> relay_settings.Access:
    return relay_settings.Access.model_validate(settings)


@pytest.fixture
def paths() -> Iterator[Paths]:
    """A home to which others could get (pytest's own folders are closed to them)."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o711)
        yield locate(str(Path(folder) / "home"))


@pytest.fixture
def another() -> grp.struct_group:
    """A group besides our own into which we may put files."""
    if _ANOTHER is None:
        pytest.skip("this user is in one group only")
    return _ANOTHER


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_without_settings_only_root_and_the_service_come_in() -> None:
    access = Access(None, SERVICE)
    assert access.role(0, 0) is Role.ADMIN
    assert access.role(SERVICE, 0) is Role.ADMIN
    assert access.role(STRANGER.pw_uid, STRANGER.pw_gid) is Role.NOBODY
    assert not access.may_send(STRANGER.pw_uid, STRANGER.pw_gid)


def test_members_of_the_groups(monkeypatch: pytest.MonkeyPatch, another: grp.struct_group) -> None:
    access = Access(rules(admin_group=OURS, sender_group=another.gr_name), SERVICE)
    assert access.role(SERVICE + 1, os.getegid()) is Role.ADMIN, "by the group that asks"
    assert access.role(SERVICE + 1, another.gr_gid) is Role.SENDER
    assert access.role(SERVICE + 1, SERVICE) is Role.NOBODY
    monkeypatch.setattr(os, "getgrouplist", lambda _name, gid: [gid, another.gr_gid])
    assert access.role(STRANGER.pw_uid, STRANGER.pw_gid) is Role.SENDER, "by /etc/group"
    assert access.may_send(STRANGER.pw_uid, STRANGER.pw_gid)


def test_everyone_may_send_and_nothing_else() -> None:
    access = Access(rules(everyone_sends=True), SERVICE)
    assert access.role(SERVICE + 1, SERVICE) is Role.SENDER
    assert access.may_send(SERVICE + 1, SERVICE)


def test_groups_are_asked_for_again_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    now, asked = [100.0], []

    def in_none(name: str, _gid: int) -> list[int]:
        asked.append(name)
        return []

    access = Access(rules(admin_group=OURS), SERVICE, lambda: now[0])
    monkeypatch.setattr(os, "getgrouplist", in_none)
    for _ in range(3):
        assert access.role(STRANGER.pw_uid, STRANGER.pw_gid) is Role.NOBODY
    assert len(asked) == 1
    now[0] += REMEMBERED
    monkeypatch.setattr(os, "getgrouplist", lambda _name, _gid: [os.getegid()])
    assert access.role(STRANGER.pw_uid, STRANGER.pw_gid) is Role.ADMIN


@pytest.mark.parametrize("field", ["admin_group", "sender_group"])
def test_a_group_that_is_missing_is_an_error(field: str) -> None:
    access = Access(rules(everyone_sends=True), SERVICE)
    for use in (lambda s: Access(s, SERVICE), access.renew):
        with pytest.raises(EngineError) as told:
            use(rules(**{field: "no-such-group"}))
        assert f"relay.access.{field}" in told.value.what
        assert "sudo groupadd no-such-group" in told.value.remedy
    assert access.may_send(SERVICE + 1, SERVICE), "the old rules stay"


def test_names_for_the_history() -> None:
    access = Access(None, SERVICE)
    assert access.name(0) == pwd.getpwuid(0).pw_name
    assert access.name(SERVICE) == f"uid {SERVICE}"


def test_the_kernel_says_who_asks() -> None:
    here, there = socket.socketpair(socket.AF_UNIX)
    with here, there:
        assert peer(here) == (os.getpid(), os.geteuid(), os.getegid())


def test_closed_unless_somebody_says_otherwise(paths: Paths) -> None:
    Access(None, os.geteuid()).prepare(paths)
    assert (mode(paths.run), mode(paths.spool), mode(paths.spool.parent)) == (0o700, 0o700, 0o700)
    assert not (paths.spool / MAILDROP).exists()
    assert Access(None, 0).control_mode == Access(None, 0).submission_mode == (0o600, -1)


def test_one_group(paths: Paths, another: grp.struct_group) -> None:
    gid = another.gr_gid
    access = Access(rules(sender_group=another.gr_name), os.geteuid())
    access.prepare(paths)
    for folder in (paths.run, paths.spool, paths.spool.parent):
        assert (mode(folder), folder.stat().st_gid) == (0o710, gid)
    drops = paths.spool / MAILDROP
    assert (mode(drops), drops.stat().st_gid) == (0o3730, gid)
    assert access.control_mode == (0o600, -1)
    assert access.submission_mode == access.listener_mode == (0o660, gid)


def test_two_groups(paths: Paths, another: grp.struct_group) -> None:
    access = Access(rules(sender_group=another.gr_name, admin_group=OURS), os.geteuid())
    access.prepare(paths)
    assert mode(paths.run) == 0o711
    assert access.control_mode == (0o660, os.getegid())
    assert access.submission_mode[0] == 0o666, "the socket itself asks who it is"
    assert access.listener_mode == (0o660, another.gr_gid), "and a listener does not"
    assert (paths.spool / MAILDROP).stat().st_gid == another.gr_gid


def test_new_rules_reach_the_sockets_that_are_there(paths: Paths) -> None:
    access = Access(None, os.geteuid())
    access.prepare(paths)
    socks = [unix_socket(paths.run / name, 0o600) for name in (SOCKET, SUBMIT)]
    access.renew(rules(everyone_sends=True))
    access.prepare(paths)
    assert (mode(paths.run / SOCKET), mode(paths.run / SUBMIT)) == (0o600, 0o666)
    access.renew(None)
    access.prepare(paths)
    assert (mode(paths.run / SUBMIT), mode(paths.run)) == (0o600, 0o700)
    for sock in socks:
        sock.close()


def test_what_was_dropped_before_the_door_was_closed_can_still_be_told_from_a_theft(paths: Paths) -> None:
    access, drops = Access(rules(everyone_sends=True), os.geteuid()), paths.spool / MAILDROP
    access.prepare(paths)
    (drops / "a").touch()
    access.renew(None)
    access.prepare(paths)
    assert mode(drops) & 0o011 == 0, "nobody gets in"
    assert mode(drops) & 0o022, "and the collector knows that others could"
    (drops / "a").unlink()
    access.prepare(paths)
    assert mode(drops) == 0o700


def test_a_wall_above_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    tmp_path.chmod(0o700)
    with caplog.at_level(logging.WARNING):
        Access(rules(everyone_sends=True), os.geteuid()).prepare(locate(str(tmp_path / "home")))
    assert f"chmod o+x {tmp_path}" in caplog.text
    assert mode(tmp_path) == 0o700, "it is the admin's"


@pytest.mark.skipif(ROOT, reason="root may give files to any group")
def test_a_group_that_the_service_is_not_in(paths: Paths) -> None:
    foreign = next(g for g in grp.getgrall() if g.gr_gid not in {os.getegid(), *os.getgroups()})
    with pytest.raises(EngineError) as told:
        Access(rules(sender_group=foreign.gr_name), os.geteuid()).prepare(paths)
    assert "sudo usermod -aG" in told.value.remedy


@pytest.mark.skipif(not ROOT, reason="only root can be somebody else")
def test_another_user_drops_mail_and_can_do_nothing_else(paths: Paths) -> None:
    def sh(command: str) -> int:
        return subprocess.run(
            ["/bin/sh", "-c", command],
            user=STRANGER.pw_uid,
            group=STRANGER.pw_gid,
            extra_groups=[],
            cwd="/",
            capture_output=True,
            check=False,
        ).returncode

    drops = paths.spool / MAILDROP
    Access(None, 0).prepare(paths)
    assert sh(f"cd {paths.spool}") != 0
    Access(rules(everyone_sends=True), 0).prepare(paths)
    assert sh(f"echo mail > {drops}/one") == 0
    assert (drops / "one").stat().st_uid == STRANGER.pw_uid
    for forbidden in (drops, paths.spool, paths.run, paths.spool.parent):
        assert sh(f"ls {forbidden}") != 0
    (drops / "two").touch(0o600)
    assert sh(f"rm -f {drops}/two") != 0
    assert sh(f"cat {drops}/two") != 0
