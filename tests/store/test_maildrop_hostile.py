"""A file in the maildrop is foreign until it is proven: nothing is followed, believed, or sent unproven."""

from __future__ import annotations

import json
import os
import pwd
import stat
import subprocess
import sys
import zlib
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import store
from store import maildrop_collect
from store.maildrop import HEADER_LIMIT
from store.spool_bodies import Draft
from store.spool_headers import LONGEST_HEADERS, Split
from store.spool_ids import MailId
from store.spool_shapes import Addressee
from tests.store.drops import collected, dropped
from tests.store.spools import NOON, opened

ROOT = Path(store.__file__).parent.parent
NOBODY = 65534

NAME = "0" * 32 + ".mail"
GOOD = {
    "outmail-drop": 1,
    "size": 2,
    "crc": zlib.crc32(b"hi"),
    "accepted": 5,
    "user": "u",
    "profile": "",
    "from": "",
    "to": [["b@x", "", ""]],
    "smtputf8": False,
    "8bit": False,
    "ret": "",
    "envid": "",
}


def written(folder: Path, data: bytes) -> None:
    folder.mkdir(mode=0o700, exist_ok=True)
    (folder / NAME).write_bytes(data)


def with_header(body: bytes = b"hi", **changes: object) -> bytes:
    named = {
        {"outmail_drop": "outmail-drop", "sender": "from"}.get(key, key): v for key, v in changes.items()
    }
    header = {key: value for key, value in {**GOOD, **named}.items() if value is not ...}
    return json.dumps(header).encode() + b"\n" + body


def whole(body: bytes) -> bytes:
    return with_header(body, size=len(body), crc=zlib.crc32(body))


async def test_the_format_by_hand(tmp_path: Path) -> None:
    written(tmp_path / "drop", with_header())
    async with opened(tmp_path) as spool:
        (name,) = (await collected(tmp_path, spool)).mails
        assert (await spool.content(name)).endswith(b"\r\nhi")


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "first line"),
        (b"hello", "first line"),
        (b"hello\nhi", "first line"),
        (b"[1]\nhi", "first line"),
        (b"{}\nhi", "first line"),
        (b"[" * 100_000 + b"\nhi", "first line"),
        (b" " * HEADER_LIMIT + b"\nhi", "too long"),
        (with_header(outmail_drop=2), "its format is 2, and this outmail reads 1"),
        (with_header(size=True), "first line"),
        (with_header(size=-1), "first line"),
        (with_header(size="2"), "first line"),
        (with_header(accepted=10**30), None),
        (with_header(to=[]), "first line"),
        (with_header(to=[["b@x"]]), "first line"),
        (with_header(to=["abc"]), None),
        (with_header(to=[["b@x\r\nRCPT TO:<c@x>", "", ""]]), "first line"),
        (with_header(to=[["\ud800", "", ""]]), "first line"),
        (with_header(to=[["b@x", "", ""]] * 10_001), "first line"),
        (with_header(sender="a\nb"), "first line"),
        (with_header(user=None), "first line"),
        (with_header(user=...), "first line"),
        (with_header(smtputf8=1), "first line"),
        (with_header(crc=1), "not as it was written"),
        (with_header(body=b"h"), "not as it was written"),
        (with_header(body=b"hi!"), "not as it was written"),
        (with_header(size=10**12), "more than"),
        (whole(b"a\nb\r\n"), "not part of CR LF"),
        (whole(b"a\rb\r\n"), "not part of CR LF"),
        (whole(b"a\r\n.\n"), "not part of CR LF"),
        (whole(b"a\r"), "not part of CR LF"),
        (whole(b"a\0b"), "a NUL"),
        (whole(b"X: " + b"y" * LONGEST_HEADERS), "header fields"),
    ],
)
async def test_what_is_no_drop_goes_to_corrupt(tmp_path: Path, data: bytes, why: str | None) -> None:
    written(tmp_path / "drop", data)
    async with opened(tmp_path) as spool:
        done = await collected(tmp_path, spool)
        assert list((tmp_path / "drop").iterdir()) == []
        if why is None:
            assert len(done.mails) == 1
            return
        (error,) = done.refused
        assert why in error.why
        assert (done.mails, await spool.page()) == ((), [])
        moved = tmp_path / f"spool/corrupt/drop-{NAME}"
        assert moved.read_bytes() == data
        assert str(moved) in error.remedy
        assert not list((tmp_path / "spool/queue/bodies").iterdir())


async def test_one_that_is_too_large(tmp_path: Path) -> None:
    dropped(tmp_path / "drop", b"x" * 101)
    dropped(tmp_path / "drop", b"x" * 100)
    async with opened(tmp_path) as spool:
        done = await collected(tmp_path, spool, limit=100)
        assert len(done.mails) == 1
        assert "more than 100 bytes" in done.refused[0].why


def symlink(path: Path, target: Path) -> None:
    path.symlink_to(target)


def hard_link(path: Path, target: Path) -> None:
    path.hardlink_to(target)


def pipe(path: Path, _target: Path) -> None:
    os.mkfifo(path)


def directory(path: Path, _target: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize("make", [symlink, hard_link, pipe, directory])
async def test_nothing_is_followed(tmp_path: Path, make: Callable[[Path, Path], None]) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(with_header())
    (tmp_path / "drop").mkdir(mode=0o700)
    make(tmp_path / "drop" / NAME, secret)
    (tmp_path / "drop" / "README").write_text("not a drop")
    async with opened(tmp_path) as spool:
        done = await collected(tmp_path, spool)
        assert done.mails == ()
        assert len(done.refused) == 2
    assert secret.read_bytes() == with_header()
    assert list((tmp_path / "drop").iterdir()) == []
    assert {p.name for p in (tmp_path / "spool/corrupt").iterdir()} == {f"drop-{NAME}", "drop-README"}


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become somebody else")
@pytest.mark.parametrize(("mode", "fit"), [(0o755, False), (0o3733, True)])
async def test_other_users_only_where_the_folder_is_shared(tmp_path: Path, mode: int, fit: bool) -> None:
    folder = tmp_path / "drop"
    folder.mkdir()
    name = dropped(folder, user="root")
    os.chown(folder / name, NOBODY, -1)
    folder.chmod(mode)
    async with opened(tmp_path) as spool:
        done = await collected(tmp_path, spool)
        if fit:
            origin = (await spool.show(done.mails[0])).origin
            assert origin == f"sendmail {pwd.getpwuid(NOBODY).pw_name}", "whatever the file says"
        else:
            assert f"belongs to another user (uid {NOBODY})" in done.refused[0].why


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become somebody else")
def test_a_drop_into_a_shared_folder_that_cannot_be_listed(tmp_path: Path) -> None:
    folder = tmp_path / "drop"
    folder.mkdir()
    folder.chmod(0o3733)
    # It is entered before the rights are given up: the folders above may be root's alone.
    script = f"""
import binascii, os
from store.maildrop import drop
os.chdir(os.environ["FOLDER"])
os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY})
print(drop(".", "eve", "a@x", [("b@x", "", "")], [b"hi"], 5))
"""
    env = {**os.environ, "FOLDER": str(folder), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, env=env
    )
    assert done.returncode == 0, done.stderr
    found = (folder / done.stdout.strip()).stat()
    assert (found.st_uid, stat.S_IMODE(found.st_mode), found.st_gid) == (NOBODY, 0o640, folder.stat().st_gid)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become somebody else")
def test_what_root_drops_belongs_to_the_service(tmp_path: Path) -> None:
    folder = tmp_path / "drop"
    folder.mkdir(mode=0o700)
    os.chown(folder, NOBODY, NOBODY)
    assert (folder / dropped(folder)).stat().st_uid == NOBODY


@given(data=st.binary(max_size=400), start=st.integers(0, 400))
@settings(max_examples=200)
def test_no_file_makes_the_reader_stumble(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, start: int
) -> None:
    whole = with_header()
    at = start % len(whole)
    folder = tmp_path_factory.mktemp("drop")
    for content in (data, whole[:at] + data + whole[at:]):
        written(folder, content)
        draft = Draft(MailId("x"), folder)
        try:
            split = Split(draft)
            found = maildrop_collect._read(folder, NAME, split, 1000, NOON + timedelta(1))
        except maildrop_collect._Unfit:
            continue
        assert all(isinstance(one, Addressee) for one in found.recipients)
        assert len(split.headers) + draft.size == found.size
