"""Runs the admin's command for an alert: without a shell, within a time, its output bounded.

It gets nothing of the relay's own environment but what every program needs: no key, no socket of systemd's.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from store.errors import reason

SECONDS = 30.0
LONGEST = 2000
"""Bytes of its output that are kept; the rest is read and thrown away."""

_LAST_WORDS_SECONDS = 1.0
"""For what it printed just before its end."""

_PASSED_ON = ("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "TZ", "TMPDIR", "XDG_RUNTIME_DIR")
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, slots=True)
class Ended:
    """How it ended: `why` completes "the command …", "" where all is well; `output` is raw."""

    why: str
    output: str = ""


class _Child(asyncio.SubprocessProtocol):
    """Hears of the command's output and of its end, the one without the other."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.kept = bytearray()
        self.ended: asyncio.Future[None] = loop.create_future()
        self.said_all: asyncio.Future[None] = loop.create_future()

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """It printed something."""
        self.kept += data[: LONGEST - len(self.kept)]

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        """It closed its output, or its stdin, which it need not read."""
        if fd == 1 and not self.said_all.done():
            self.said_all.set_result(None)

    def process_exited(self) -> None:
        """It ended; what it left in the background may hold its output open."""
        if not self.ended.done():
            self.ended.set_result(None)


async def run(
    argv: Sequence[str], stdin: bytes, variables: Mapping[str, str], seconds: float = SECONDS
) -> Ended:
    """Run it in a session of its own; after `seconds` it is killed, with all that it started there."""
    starting = asyncio.create_task(_start(argv, variables))
    try:
        transport, child = await asyncio.shield(starting)
    except (OSError, ValueError) as error:
        words = reason(error) if isinstance(error, OSError) else str(error)
        return Ended(f"could not be started: {words}")
    except asyncio.CancelledError:
        # Cancelled between fork and pipes, asyncio would wait for them for ever: so it starts, and ends.
        with contextlib.suppress(OSError, ValueError):
            await _end(*await starting)
        raise
    try:
        async with asyncio.timeout(seconds):
            _feed(transport, stdin)
            await asyncio.shield(child.ended)
        await asyncio.wait([child.said_all], timeout=_LAST_WORDS_SECONDS)
    except TimeoutError:
        return Ended(f"was ended after {seconds:g} s", _decoded(child.kept))
    finally:
        await _end(transport, child)
    code = transport.get_returncode()
    return Ended("" if code == 0 else f"ended with exit code {code}", _decoded(child.kept))


async def _start(
    argv: Sequence[str], variables: Mapping[str, str]
) -> tuple[asyncio.SubprocessTransport, _Child]:
    env = {"PATH": _PATH, **{name: os.environ[name] for name in _PASSED_ON if name in os.environ}}
    return await asyncio.get_running_loop().subprocess_exec(
        _Child,
        *argv,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**env, **variables},
        cwd="/",
        start_new_session=True,
    )


async def _end(transport: asyncio.SubprocessTransport, child: _Child) -> None:
    """Kill it where it still runs, with all that it started; then it is reaped."""
    if not child.ended.done():
        with contextlib.suppress(ProcessLookupError):
            os.killpg(transport.get_pid(), signal.SIGKILL)
        await asyncio.shield(child.ended)
    transport.close()


def _feed(transport: asyncio.SubprocessTransport, data: bytes) -> None:
    # A cast, and close: uvloop's pipes are no WriteTransport by class, and it has no write_eof for them.
    pipe = cast("asyncio.WriteTransport", transport.get_pipe_transport(0))
    with contextlib.suppress(RuntimeError):  # uvloop's word for a program that has ended already
        pipe.write(data)
        pipe.close()  # when all is written


def _decoded(kept: bytearray) -> str:
    return kept.decode("utf-8", "replace").strip()
