"""The command of an alert: what it gets, what it may do, and how it ends."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path

import pytest

from outmail.relay import hook
from outmail.relay.hook import LONGEST, run

SH = "/bin/sh"


async def sh(script: str, stdin: bytes = b"", seconds: float = 20, **variables: str) -> hook.Ended:
    return await run([SH, "-c", script], stdin, variables, seconds)


async def test_it_gets_stdin_and_variables() -> None:
    assert await sh('cat; echo "$ONE"', b"hello\n", ONE="x; rm -rf *") == hook.Ended("", "hello\nx; rm -rf *")


async def test_no_shell_reads_its_arguments() -> None:
    code = "import sys; print(sys.argv[1:])"
    ended = await run([sys.executable, "-c", code, "$HOME", "a b", "; echo no"], b"", {})
    assert ended == hook.Ended("", "['$HOME', 'a b', '; echo no']")


async def test_nothing_of_ours_is_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUTMAIL_KEY_FILE", "/secret")
    monkeypatch.setenv("NOTIFY_SOCKET", "/run/x")
    ended = await sh("env")
    names = {line.partition("=")[0] for line in ended.output.splitlines()}
    assert names <= {*hook._PASSED_ON, "PWD", "SHLVL", "_", "OLDPWD"}
    assert "PATH" in names


async def test_it_need_not_read() -> None:
    assert await sh("exit 0", b"x" * 1_000_000) == hook.Ended("")


async def test_its_output_is_bounded() -> None:
    ended = await sh("head -c 3000000 /dev/zero | tr '\\0' x; echo end >&2")
    assert ended == hook.Ended("", "x" * LONGEST)


async def test_its_failure_is_told() -> None:
    assert await sh("echo why >&2; exit 3") == hook.Ended("ended with exit code 3", "why")
    assert (await run(["/no/such/program"], b"", {})).why.startswith("could not be started: no such file")
    assert (await run(["a\0b"], b"", {})).why.startswith("could not be started")


def gone(pid: int) -> bool:
    """Whether the process has ended (a zombie that somebody else is to reap has)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


async def wait_for_end(pid: int) -> None:
    async with asyncio.timeout(20):
        while not gone(pid):  # noqa: ASYNC110 - of another process
            await asyncio.sleep(0.01)


async def test_when_its_time_is_over_it_ends_with_all_it_started(tmp_path: Path) -> None:
    began = time.monotonic()
    script = f"sleep 1000 & echo $! > {tmp_path}/child; echo waiting; sleep 1000"
    ended = await sh(script, seconds=0.7)
    assert ended == hook.Ended("was ended after 0.7 s", "waiting")
    assert time.monotonic() - began < 10
    await wait_for_end(int((tmp_path / "child").read_text()))


async def test_what_goes_on_in_the_background_is_not_waited_for(tmp_path: Path) -> None:
    ended = await sh(f"sleep 1000 & echo $! > {tmp_path}/child; echo done")
    child = int((tmp_path / "child").read_text())
    assert ended == hook.Ended("", "done")
    assert not gone(child), "it ended well: what it left behind is its own affair"
    os.kill(child, 9)
    await wait_for_end(child)


async def test_cancelled_it_ends_too(tmp_path: Path) -> None:
    fifo = tmp_path / "begun"
    os.mkfifo(fifo)
    task = asyncio.create_task(sh(f"echo $$ > {fifo}; sleep 1000", seconds=1000))
    pid = int(await asyncio.to_thread(fifo.read_text))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert gone(pid)


async def test_it_has_a_session_of_its_own() -> None:
    ended = await run(
        [sys.executable, "-c", "import os; print(os.getsid(0) == os.getpid(), os.getcwd())"], b"", {}
    )
    assert ended.output == "True /"


def test_on_uvloop(tmp_path: Path) -> None:
    """The relay runs on it where it is installed, and its processes and pipes are not asyncio's."""
    uvloop = pytest.importorskip("uvloop")

    async def all_of_it() -> None:
        await test_it_gets_stdin_and_variables()
        await test_it_need_not_read()
        await test_its_failure_is_told()
        await test_when_its_time_is_over_it_ends_with_all_it_started(tmp_path)
        await test_what_goes_on_in_the_background_is_not_waited_for(tmp_path)
        await test_cancelled_it_ends_too(tmp_path)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(all_of_it())
