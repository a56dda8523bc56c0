"""What an admin has paused, so that a restart of the relay or of the machine does not start it again.

It must never lose a pause because a file was being written when the power went.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from store import atomic
from store.errors import ErrorKind, StoreError, cannot_write
from store.paths import private_folder

FILE = "paused.json"
ALL = ""
"""The key of a pause of all delivery; the others are names of profiles."""

_VERSION = 1
_LARGEST = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Stopped:
    """Delivery stands still: since when (UTC), by whom ("" where outmail paused it itself), and why."""

    since: datetime
    who: str
    why: str


def load(spool: Path, tell: Callable[[StoreError], None] = lambda _error: None) -> dict[str, Stopped]:
    """What is paused, by profile, and by ALL for everything; nothing where there is no file.

    A damaged file is moved to `corrupt/`, which `tell` hears of: then nothing is paused, for a relay that
    sends nothing because of a file that says nothing would be the greater harm. Raises StoreError where
    the file cannot be read or moved.
    """
    path = spool / FILE
    data = atomic.read(path, _LARGEST)
    if data is None:
        return {}
    try:
        return _read(data)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        tell(_set_aside(spool, path))
        return {}


def save(spool: Path, stopped: Mapping[str, Stopped]) -> None:
    """Keep what is paused; it is on the disk when this returns. Raises StoreError."""
    private_folder(spool)
    told = {
        name: {"since": one.since.astimezone(UTC).isoformat(), "who": one.who, "why": one.why}
        for name, one in stopped.items()
    }
    text = json.dumps({"version": _VERSION, "paused": told}, indent=1)  # ASCII: half characters pass, too
    atomic.write(spool / FILE, text.encode() + b"\n")


def _read(data: bytes) -> dict[str, Stopped]:
    found = json.loads(data)
    if found["version"] != _VERSION:
        raise ValueError("is of another version")
    return {str(name): _stopped(one) for name, one in found["paused"].items()}


def _stopped(one: Mapping[str, object]) -> Stopped:
    since, who, why = one["since"], one["who"], one["why"]
    if not (isinstance(since, str) and isinstance(who, str) and isinstance(why, str)):
        raise TypeError("is no pause")
    return Stopped(datetime.fromisoformat(since).astimezone(UTC), who, why)


def _set_aside(spool: Path, path: Path) -> StoreError:
    """Move the file to those that cannot be read; returns what an admin is told. Raises StoreError."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")  # only a name
    to = private_folder(spool / "corrupt") / f"{FILE}-{stamp}"
    try:
        os.replace(path, to)  # noqa: PTH105
        atomic.sync_folder(spool)
    except OSError as error:
        raise cannot_write(path, error) from error
    return StoreError(
        ErrorKind.DAMAGED,
        "what was paused is not known any more, so nothing is",
        f"{path} was damaged, and lies in {to}",
        "pause again what is to stand still: outmail pause NAME (or outmail pause, for all)",
    )
