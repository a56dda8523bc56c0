"""Asks the running relay over its control socket: one line of JSON there, one line back.

It imports little, for `status` and the screens ask often. Nothing here needs the key of the settings.
"""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

from store.errors import ErrorKind, StoreError, reason

SOCKET = "control"
"""The name of the socket in the folder for sockets."""

LONGEST_QUESTION = 64 * 1024
LONGEST_ANSWER = 64 * 1024 * 1024
SECONDS = 60.0
"""How long an answer may take."""

_NOT_RUNNING = (FileNotFoundError, ConnectionRefusedError, NotADirectoryError)


class NotRunning(Exception):  # noqa: N818 - it is a state, and read as one
    """No relay runs on this home."""


def ask(run: Path, do: str, seconds: float = SECONDS, **fields: object) -> Any:
    """Have the relay whose sockets are in the folder `run` do something; returns what it answers.

    Raises NotRunning, and StoreError for what the relay refuses or where it does not answer.
    """
    try:
        with socket.socket(socket.AF_UNIX) as wire:
            wire.settimeout(seconds)
            wire.connect(str(run / SOCKET))
            wire.sendall(json.dumps({"do": do, **fields}).encode() + b"\n")
            answer = _line(wire)
    except _NOT_RUNNING:
        raise NotRunning from None
    except PermissionError as error:
        raise StoreError(
            ErrorKind.FORBIDDEN,
            "the relay was not asked",
            reason(error),
            "use sudo, or join the relay's admin group ([relay.access] admin_group)",
        ) from error
    except OSError as error:
        raise _no_answer(reason(error)) from error
    try:
        found = json.loads(answer)
        if found["ok"]:
            return found["answer"]
        told = found["error"]
        raise StoreError(ErrorKind(told["kind"]), told["what"], told["why"], told["remedy"])
    except (ValueError, KeyError, TypeError) as error:
        raise _no_answer("its answer is none of ours: is it of another version?") from error


def _line(wire: socket.socket) -> bytes:
    got = bytearray()
    while not got.endswith(b"\n"):
        more = wire.recv(256 * 1024)
        got += more
        if not more or len(got) > LONGEST_ANSWER:
            break
    return bytes(got)


def _no_answer(why: str) -> StoreError:
    return StoreError(
        ErrorKind.LOCKED, "the relay does not answer", why, "see its log; then restart it if need be"
    )
