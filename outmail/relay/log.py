"""How the relay's log looks: a line each on stderr, plain, for the journal, or as JSON.

What came from outside is made harmless first: no escape sequence of a client or server reaches a terminal.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from datetime import UTC, datetime
from functools import lru_cache

from transports.shown import harmless

LONGEST = 8192
_PRIORITIES = ((logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))


class _Plain(logging.Formatter):
    def __init__(self, *, journal: bool) -> None:
        super().__init__()
        self._journal = journal

    def format(self, record: logging.LogRecord) -> str:
        """One record."""
        text = _text(record)
        if self._journal:  # sd-daemon(3): the journal adds the time, and takes the priority from here
            return "\n".join(f"<{_priority(record)}>{line}" for line in text.splitlines())
        return f"{_second(int(record.created))} {record.levelname.lower()}: {text}"


@lru_cache(maxsize=4)
def _second(since: int) -> str:
    return f"{datetime.fromtimestamp(since).astimezone():%Y-%m-%d %H:%M:%S}"


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        """One record."""
        when = datetime.fromtimestamp(record.created, UTC)
        return json.dumps(
            {
                "when": when.isoformat(),
                "level": record.levelname.lower(),
                "priority": _priority(record),
                "part": record.name,
                "message": _text(record),
            },
            ensure_ascii=False,
        )


def prepare(*, json_log: bool) -> None:
    """Send the log of this process to stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json() if json_log else _Plain(journal="JOURNAL_STREAM" in os.environ))
    # A mail is a line: what no line shows is not looked up (logging's own way to say so).
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    for chatty in ("asyncio", "httpx", "httpcore"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def _text(record: logging.LogRecord) -> str:
    text = record.getMessage()
    if record.exc_info and record.exc_info[1] is not None:
        # Where, and what sort; the values of a traceback's lines may be secrets.
        error, frames = record.exc_info[1], []
        trace = error.__traceback__
        while trace is not None:
            code = trace.tb_frame.f_code
            frames.append(f"{code.co_filename.rpartition('/')[2]}:{trace.tb_lineno} {code.co_name}")
            trace = trace.tb_next
        text += f": {type(error).__name__} at {' < '.join(reversed(frames[-8:]))}"
    return harmless(text, LONGEST).replace("\n", " ")  # a record is a line, whatever a server said


def _priority(record: logging.LogRecord) -> int:
    return next((priority for level, priority in _PRIORITIES if record.levelno >= level), 7)
