"""sendmail for other users of the machine: who may hand in mail, and what the others are told."""

from __future__ import annotations

import asyncio
import os
import posix
import pwd
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.outmail.handing import (
    NOBODY,
    ROOT,
    environment,
    relay,
    run,
)

ME = pwd.getpwuid(os.getuid()).pw_name
GECOS = pwd.getpwuid(os.getuid()).pw_gecos.partition(",")[0]


AS_NOBODY = f"""
import os, sys
os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY})
sys.argv = ["sendmail", *sys.argv[1:]]
from outmail.sendmail import main
sys.exit(main())
"""
root_only = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become somebody else")


@pytest.fixture
def shared() -> Iterator[Path]:
    """A home that others can get to: folders above pytest's are closed to them."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o711)
        yield Path(name)


async def as_nobody(home: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    env = {**environment(home), "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    # Loaded before the rights are given up: the program itself may lie in a folder of root's.
    script = "from outmail import sendmail, sendmail_handover; import pwd, json, binascii\n" + AS_NOBODY
    return await run([sys.executable, "-c", script, *flags], b"Subject: x\n\nhi\n", env)


@root_only
async def test_another_user_where_everyone_may(shared: Path) -> None:
    (shared / "run").mkdir()
    (shared / "run").chmod(0o711)
    async with relay(shared, running=False) as place:
        await place.open(0o666)
        (shared / "spool").chmod(0o711)
        assert (await as_nobody(shared, "a@b.test")).returncode == 0
        await place.close()
        place.drops.mkdir()
        place.drops.chmod(0o3733)
        done = await as_nobody(shared, "a@b.test")
        assert (done.returncode, done.stderr) == (0, "")
        assert len((await place.collect()).mails) == 1
        user = pwd.getpwuid(NOBODY).pw_name
        assert [entry.origin for entry, _ in await place.mails()] == [f"sendmail {user}"] * 2


@root_only
async def test_another_user_who_may_not(shared: Path) -> None:
    (shared / "run").mkdir()
    async with relay(shared) as place:
        for mode in (0o700, 0o711):
            (shared / "run").chmod(mode)
            (shared / "spool").chmod(mode)
            done = await as_nobody(shared, "a@b.test")
            assert done.returncode == 77, done.stderr
            assert "sender_group or everyone_sends" in done.stderr
        assert (await place.mails(), place.dropped()) == ([], [])


@root_only
async def test_another_user_where_a_group_may(shared: Path) -> None:
    (shared / "spool" / "maildrop").mkdir(parents=True)
    os.chown(shared / "spool" / "maildrop", 0, NOBODY)
    (shared / "spool" / "maildrop").chmod(0o3730)
    (shared / "spool").chmod(0o711)
    assert (await as_nobody(shared, "a@b.test")).returncode == 0
    os.chown(shared / "spool" / "maildrop", 0, 12345)
    (shared / "spool" / "maildrop").chmod(0o3730)
    assert (await as_nobody(shared, "a@b.test")).returncode == 77
    (shared / "spool").chmod(0o700)
    async with relay(shared, running=False) as place:
        assert len((await place.collect()).mails) == 1


async def test_a_user_for_whom_nothing_is_set_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from outmail import sendmail as command
    from outmail import sendmail_places

    monkeypatch.setattr(posix, "geteuid", lambda: 1000)
    monkeypatch.setattr(sendmail_places, "_there", lambda _path: False)
    monkeypatch.setattr(command, "environment", lambda: {"HOME": str(tmp_path)})
    assert await asyncio.to_thread(command.main, ["a@b.test"]) == 75
    assert os.listdir(tmp_path) == []  # noqa: PTH208
