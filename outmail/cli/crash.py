"""Keeps the details of a defect of ours in a file, so that an admin can report it.

It must never write a secret: no local variables, and no exception's text apart from the few kinds
whose text is made of names in the program. Where it cannot write, it says so by returning None.
"""

from __future__ import annotations

import os
import platform
import traceback
from datetime import UTC, datetime
from pathlib import Path

from outmail.version import VERSION

FILE_NAME = "internal-errors.log"
_LARGEST = 256 * 1024
_SPEAKS_OF_NAMES = (AttributeError, ImportError, NameError, NotImplementedError, RecursionError)


def keep(error: BaseException, folder: Path) -> Path | None:
    """Append the error's frames to the log in the folder (0600); its path, or None when that fails."""
    path = folder / FILE_NAME
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = path.exists() and path.stat().st_size > _LARGEST
        flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | (os.O_TRUNC if fresh else os.O_APPEND)
        with os.fdopen(os.open(path, flags, 0o600), "w", encoding="utf-8") as log:
            log.write(report(error))
    except OSError:
        return None
    return path


def report(error: BaseException) -> str:
    """When, which versions, and the frames of the error and of those that led to it."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    lines = [f"{now} outmail {VERSION}, Python {platform.python_version()}"]
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        lines.append(f"{type(link).__module__}.{type(link).__qualname__}{_words(link)}")
        for frame in traceback.extract_tb(link.__traceback__):
            lines.append(f"  {frame.filename}:{frame.lineno} in {frame.name}")
        link = link.__cause__ or link.__context__
    return "\n".join(lines) + "\n\n"


def _words(error: BaseException) -> str:
    if isinstance(error, OSError):
        return f": {error.strerror}" if error.strerror else ""
    return f": {error}" if isinstance(error, _SPEAKS_OF_NAMES) else ""
