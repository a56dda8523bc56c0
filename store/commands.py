"""Runs a command of the admin's that prints a secret (a password manager).

It must never go through a shell, wait for ever, or show what the command printed.
"""

from __future__ import annotations

import contextlib
import os
import select
import shlex
import signal
import subprocess
import time
from collections.abc import Mapping

DEADLINE = 30.0
"""Seconds a command may take: a password manager may have to ask its agent."""

LIMIT = 64 * 1024


class CommandFailed(Exception):  # noqa: N818 - read as a sentence: why
    """Why there is no secret; the text never holds any of the command's output."""


def output_of(command: str, env: Mapping[str, str], deadline: float = DEADLINE) -> str:
    """What the command prints, as text, at most 64 KiB.

    The command is split as a shell would split it and run without one. Its standard error stays
    the terminal's. Raises CommandFailed.
    """
    try:
        argv = shlex.split(command)
    except ValueError as error:
        raise CommandFailed(f"cannot be split into words: {error}") from None
    if not argv:
        raise CommandFailed("is empty")
    try:
        child = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            env=dict(env),
            start_new_session=True,  # so that the deadline ends its children too
        )
    except (OSError, ValueError) as error:
        words = (error.strerror or "") if isinstance(error, OSError) else str(error)
        raise CommandFailed(f"{argv[0]} could not be started: {words[:1].lower()}{words[1:]}") from None
    try:
        printed = _read(child, time.monotonic() + deadline)
    except TimeoutError:
        raise CommandFailed(f"{argv[0]} gave no answer in {deadline:g} seconds") from None
    finally:
        _end(child)
    if child.returncode:
        raise CommandFailed(f"{argv[0]} ended with exit code {child.returncode}")
    try:
        return printed.decode()
    except UnicodeDecodeError:
        raise CommandFailed(f"{argv[0]} printed something that is not UTF-8 text") from None


def _read(child: subprocess.Popen[bytes], until: float) -> bytes:
    if child.stdout is None:
        return b""
    pipe = child.stdout.fileno()
    data = b""
    while True:
        ready, _, _ = select.select([pipe], [], [], max(0.0, until - time.monotonic()))
        if not ready:
            raise TimeoutError
        more = os.read(pipe, 65536)
        if not more:
            break
        data += more
        if len(data) > LIMIT:
            raise CommandFailed(f"printed more than {LIMIT // 1024} KiB")
    try:
        child.wait(max(0.1, until - time.monotonic()))
    except subprocess.TimeoutExpired:
        raise TimeoutError from None
    return data


def _end(child: subprocess.Popen[bytes]) -> None:
    if child.stdout:
        child.stdout.close()
    if child.returncode is None:  # not poll(): once it is waited for, its children are out of reach
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
