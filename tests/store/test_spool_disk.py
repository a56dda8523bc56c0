"""A full disk, a read-only one, one that refuses to sync: nothing is half accepted, and it goes on after.

Root is stopped by no file mode, so these run on small mounts of their own, or with a library that fails.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import store
from store.errors import ErrorKind, StoreError
from tests.store.spools import LARGE, mail, opened

ROOT = Path(store.__file__).parent.parent

COMMON = """
import asyncio, os, subprocess, sys
from pathlib import Path
from store.errors import StoreError
from store.spool import Spool
from store.spool_shapes import State
from tests.store.spools import HEAD, LARGE, NOON, mail, result
home = Path(sys.argv[1])
told, kept = [], {}

async def opened():
    return await Spool.open(home / "spool", "test", NOON, tell=told.append)

async def until_refused(spool, body):
    while True:
        try:
            kept[await spool.accept(mail(body=body))] = HEAD + body
        except StoreError as error:
            print(error.kind, "|", error, "|", error.remedy)
            return

async def whole(spool):
    assert sorted(kept) == [entry.id for entry in await spool.page(limit=10_000)]
    for name, content in kept.items():
        assert await spool.content(name) == content
    assert {p.name for p in (home / "spool/queue/bodies").iterdir()} <= set(kept)
    assert spool.counts().waiting + spool.counts().sending == len(kept)
    assert not told, told
"""

FULL = """
import store.spool_reserve
store.spool_reserve.SIZE = 150_000

async def main():
    spool = await opened()
    (home / "filler").write_bytes(b"x" * 150_000)
    await until_refused(spool, LARGE[:66_000])
    await until_refused(spool, b"x" * 3000)
    await whole(spool)
    assert len(kept) >= 2, len(kept)
    (home / "dust").write_bytes(b"x" * os.statvfs(home).f_bavail * os.statvfs(home).f_bsize)
    for job in await spool.take("support", 3, NOON):  # what is sent can be noted
        assert not await spool.settle([result(job, State.SENT)], NOON)
        del kept[job.id]
    await whole(spool)
    async with asyncio.timeout(20):
        work = [spool.accept(mail(body=b"x" * 9000)) for _ in range(30)]
        done = await asyncio.gather(*work, return_exceptions=True)
    kept.update({name: HEAD + b"x" * 9000 for name in done if isinstance(name, str)})
    assert {error.kind for error in done if not isinstance(error, str)} == {"full"}, done
    await whole(spool)
    (home / "filler").unlink()
    (home / "dust").unlink()
    job = await spool.accept_taken(mail())
    assert not await spool.settle([result(job, State.SENT)], NOON)
    kept[await spool.accept(mail(body=b"room"))] = HEAD + b"room"
    await whole(spool)
    await spool.close(NOON)
    spool = await opened()
    await whole(spool)
    assert len(await spool.take("support", 99, NOON)) == len(kept)
    print("whole")
asyncio.run(main())
"""

READ_ONLY = """
def remount(how):
    subprocess.run(["mount", "-o", f"remount,{how}", str(home)], check=True)

async def main():
    spool = await opened()
    for body in (b"small", LARGE):
        kept[await spool.accept(mail(body=body))] = HEAD + body
    # A file that is open for writing keeps its disk from being made read-only: here the queue is opened anew.
    await spool.close(NOON)
    remount("ro")
    try:
        await opened()
    except StoreError as error:
        print(error.kind, "|", error, "|", error.remedy)
    remount("rw")
    spool = await opened()
    await whole(spool)
    await spool.close(NOON)
    print("whole")
asyncio.run(main())
"""


def mounted(tmp_path: Path, options: str, script: str) -> list[str]:
    """Run the script on a tmpfs of its own in a mount namespace of its own; its lines."""
    folder = tmp_path / "mount"
    folder.mkdir()
    probe = ["unshare", "-m", "sh", "-c", f"mount -t tmpfs tmpfs {folder}"]
    try:
        possible = subprocess.run(probe, capture_output=True, check=False, timeout=20).returncode == 0
    except FileNotFoundError:
        possible = False
    if not possible:
        pytest.skip("needs a mount namespace: run as root, with unshare")
    line = f'mount -t tmpfs -o {options} tmpfs {folder} && exec {sys.executable} -c "$SCRIPT" {folder}'
    return ran(["unshare", "-m", "sh", "-c", line], {"SCRIPT": COMMON + script})


def ran(command: list[str], env: dict[str, str]) -> list[str]:
    whole = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", **env}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=whole, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_a_full_disk(tmp_path: Path) -> None:
    large, small, end = mounted(tmp_path, "size=512k,mode=700", FULL)
    for line in (large, small):
        assert line.startswith("full |")
        assert "the disk is full" in line
        assert "df -h" in line
    assert end == "whole"


def test_a_read_only_disk(tmp_path: Path) -> None:
    refused, end = mounted(tmp_path, "size=40m,mode=700", READ_ONLY)
    assert refused.startswith("not-writable |")
    assert "read-only file system" in refused
    assert end == "whole"


async def test_a_body_that_cannot_be_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_handle: int) -> None:
        raise OSError(5, "Input/output error")

    async with opened(tmp_path) as spool:
        with monkeypatch.context() as patched:
            patched.setattr(os, "fsync", refuse)
            with pytest.raises(StoreError, match="input/output error") as info:
                await spool.accept(mail(body=LARGE))
            assert info.value.kind is ErrorKind.NOT_WRITABLE
            assert "dmesg" in info.value.remedy
        kept = await spool.accept(mail(body=LARGE))
        assert [e.id for e in await spool.page()] == [kept]
    assert [p.name for p in (tmp_path / "spool/queue/bodies").iterdir()] == [kept]


# Fails every sync of the queue's log while the file $FAIL is there.
SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
static int refused(int fd) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    if (n < 0 || access(getenv("FAIL"), F_OK) != 0) return 0;
    path[n] = 0;
    return strstr(path, "queue.db-wal") != NULL;
}
int fsync(int fd) {
    if (refused(fd)) { errno = EIO; return -1; }
    return ((int (*)(int))dlsym(RTLD_NEXT, "fsync"))(fd);
}
int fdatasync(int fd) {
    if (refused(fd)) { errno = EIO; return -1; }
    return ((int (*)(int))dlsym(RTLD_NEXT, "fdatasync"))(fd);
}
"""

REFUSED_SYNC = """
async def main():
    fail = Path(os.environ["FAIL"])
    spool = await opened()
    kept[await spool.accept(mail(body=b"one"))] = HEAD + b"one"
    fail.touch()
    try:
        await spool.accept(mail(body=b"two"))
    except StoreError as error:
        print(error.kind, "|", error, "|", error.remedy)
    await whole(spool)
    refused = await asyncio.gather(*(spool.accept(mail()) for _ in range(5)), return_exceptions=True)
    assert {error.kind for error in refused} == {"not-writable"}, refused
    await whole(spool)
    fail.unlink()
    log = home / "spool/queue/queue.db-wal"
    before = log.stat().st_size
    kept[await spool.accept(mail(body=b"three"))] = HEAD + b"three"
    print("begun anew" if log.stat().st_size < before else "went on in a log that may have holes")
    await whole(spool)
    os.kill(os.getpid(), 9)
asyncio.run(main())
"""


def test_a_disk_that_refuses_to_sync_the_log(tmp_path: Path) -> None:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("needs a C compiler")
    (tmp_path / "shim.c").write_text(SHIM)
    shim = str(tmp_path / "shim.so")
    subprocess.run([compiler, "-shared", "-fPIC", "-o", shim, str(tmp_path / "shim.c"), "-ldl"], check=True)
    env = {**os.environ, "PYTHONPATH": str(ROOT), "LD_PRELOAD": shim, "FAIL": str(tmp_path / "fail")}
    command = [sys.executable, "-c", COMMON + REFUSED_SYNC, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env, timeout=60)
    assert done.returncode == -9, done.stderr
    refused, log = done.stdout.splitlines()
    assert refused.startswith("not-writable |")
    assert log == "begun anew"
    asyncio.run(only_what_was_told(tmp_path))


async def only_what_was_told(folder: Path) -> None:
    async with opened(folder) as spool:
        assert [e.size for e in await spool.page()] == [
            len(b"Received: by test\r\none"),
            len(b"Received: by test\r\nthree"),
        ]
