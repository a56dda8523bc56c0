"""Starting and ending real programs: what is missing is a visible skip, or a failure where CI demands it."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

_PATIENCE = 20.0


def missing(what: str) -> None:
    """Skip the test, or fail it where OUTMAIL_REQUIRE_REAL=1."""
    if os.environ.get("OUTMAIL_REQUIRE_REAL") == "1":
        pytest.fail(f"{what} is needed here (OUTMAIL_REQUIRE_REAL=1)")
    pytest.skip(f"{what} is missing")


def require(program: str) -> str:
    """The path of a program of the system."""
    found = shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin:/usr/lib/dovecot")
    if found is None:
        missing(program)
    return str(found)


def require_root() -> None:
    """Servers that change to users of their own need root to start."""
    if os.geteuid() != 0:
        missing("root (this server changes to users of its own)")


def free_port(host: str = "127.0.0.1") -> int:
    """A port nobody listens on just now; for programs that cannot choose one themselves."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def open_folder(prefix: str) -> Iterator[Path]:
    """A folder that servers running as other users can enter (pytest's own are closed to them)."""
    folder = Path(tempfile.mkdtemp(prefix=f"outmail-{prefix}-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def await_port(port: int, why_not: Path | None = None) -> None:
    """Return as soon as somebody listens; fail with the server's log when nobody does."""
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.02)  # between two looks at a foreign process, which cannot tell us
    log = why_not.read_text(errors="replace")[-2000:] if why_not and why_not.exists() else "(no log)"
    pytest.fail(f"nothing listens on port {port}: {log}")


@contextlib.contextmanager
def running(command: Sequence[str], log: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """A program in the foreground of its own session, listening on `port`; ended by its pid."""
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
        )
        try:
            await_port(port, log)
            yield process
        finally:
            process.terminate()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
