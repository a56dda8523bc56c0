"""The one place that words what a person reads on the command line: results, talk, errors with their remedy.

Results go to stdout, everything else to stderr. What came from a server or a file is made harmless
first: an escape sequence in an answer must never reach the terminal.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
import textwrap
from collections.abc import Iterable, Sequence
from typing import TextIO

_COLOURS = {"good": "32", "warn": "33", "bad": "31", "dim": "2", "bold": "1"}
_WIDEST = 100


def harmless(text: str, longest: int = 2000) -> str:
    """See transports.shown.harmless, which is loaded only where text is printed: JSON needs none of it."""
    from transports import shown

    return shown.harmless(text, longest)


def prepare_streams() -> None:
    """Never fail on a letter that the terminal's encoding lacks, nor on a stream that is closed (`>&-`).

    A closed descriptor is filled first: else a socket or the settings' own file would get its
    number, and what is printed would land there.
    """
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    sys.stdout = sys.stdout or _nowhere()
    sys.stderr = sys.stderr or _nowhere()
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure:
            with contextlib.suppress(OSError):  # it flushes what --version could not print: told later
                reconfigure(errors="backslashreplace")


def _nowhere() -> TextIO:
    return open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123 - open until the program ends


def lively(stream: TextIO) -> bool:
    """Whether a person watches this stream on a terminal that knows colours and may be redrawn."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") not in {"dumb", ""}


def can_show(text: str, stream: TextIO) -> bool:
    """Whether the stream's encoding has these letters; in the locale C only ASCII is safe to draw with."""
    if not text.isascii() and _locale() in {"C", "POSIX"}:
        return False  # Python writes UTF-8 there (PEP 540), and the terminal may not know it
    return _encodes(text, stream)


def _encodes(text: str, stream: TextIO) -> bool:
    try:
        text.encode(stream.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _locale() -> str:
    """The locale of letters that was asked for; Python itself sets LC_CTYPE where LANG=C (PEP 538)."""
    asked = os.environ.get("LC_ALL")
    asked = asked or (os.environ.get("LANG") if os.environ.get("LC_CTYPE") == "C.UTF-8" else None)
    return asked or os.environ.get("LC_CTYPE") or os.environ.get("LANG") or ""


def coloured(text: str, colour: str, stream: TextIO) -> str:
    """The text in a colour where the stream can show it, and unchanged elsewhere."""
    return f"\x1b[{_COLOURS[colour]}m{text}\x1b[0m" if lively(stream) else text


def width() -> int:
    """Columns to fill: the terminal's, 100 at most, 80 where there is none."""
    return max(40, min(shutil.get_terminal_size((80, 24)).columns, _WIDEST))


def result(text: str = "") -> None:
    """A line of the result, to stdout."""
    print(harmless(text, 1_000_000))


def result_json(value: object) -> None:
    """The result for programs: one JSON value on one line, to stdout."""
    text = json.dumps(value, ensure_ascii=False)
    # A letter that the encoding lacks would become \\xfc, which is no JSON.
    print(text if _encodes(text, sys.stdout) else json.dumps(value))


def result_file(text: str) -> None:
    """A file as the result, to stdout: UTF-8 whatever the locale, since that is how it is read again."""
    if sys.stdout.isatty():
        result(text.rstrip("\n"))
        return
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure:
        reconfigure(encoding="utf-8")
    print(text, end="")


def talk(text: str) -> None:
    """A remark for the person at the keyboard, to stderr."""
    _to_stderr(harmless(text, 100_000))


def error(what: str, why: str, remedy: str = "") -> None:
    """The contract's error: `outmail: WHAT: WHY`, and the remedy on a second line."""
    head = coloured("outmail:", "bad", sys.stderr)
    _to_stderr(f"{head} {_one_line(what)}: {_one_line(why)}")
    if remedy:
        _to_stderr(f"  {_one_line(remedy)}")


def _to_stderr(line: str) -> None:
    """Where even that fails (a full disk), the exit code alone must tell."""
    try:
        print(line, file=sys.stderr, flush=True)
    except OSError:
        sys.stderr = _nowhere()


def warning(text: str) -> None:
    """Something beside the result that went wrong; "" where nothing did."""
    if text:
        talk(f"outmail: {text}")


def problems(what: str, found: Sequence[object], remedy: str = "") -> None:
    """Every problem of a settings file, a line each, named by its field."""
    count = "1 problem" if len(found) == 1 else f"{len(found)} problems"
    if len(found) == 1:
        error(what, str(found[0]), remedy)
        return
    error(what, f"{count}, nothing was changed")
    for problem in found:
        _to_stderr(f"  {_one_line(str(problem))}")
    if remedy:
        _to_stderr(f"  {_one_line(remedy)}")


def fold(text: str, used: int) -> list[str]:
    """The text in lines that fit beside `used` columns.

    Words are never broken: commands and addresses are copied from here.
    """
    room = max(20, width() - used)
    return textwrap.wrap(_one_line(text), room, break_long_words=False, break_on_hyphens=False)


def paragraph(label: str, text: str, indent: int) -> list[str]:
    """A labelled paragraph, folded to the width, its lines under one another."""
    lines = fold(text, indent + 7)
    return [f"{'':{indent}}{label if n == 0 else '':<7}{line}" for n, line in enumerate(lines)]


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Columns as wide as their widest value; the last one is never padded."""
    lines = [[_one_line(cell) for cell in row] for row in rows]
    widths = [max(len(row[n]) for row in [list(head), *lines]) for n in range(len(head))]
    return [
        "  ".join(f"{cell:<{w}}" for cell, w in zip(row, widths, strict=True)).rstrip()
        for row in [list(head), *lines]
    ]


def _one_line(text: str) -> str:
    return harmless(text).replace("\n", " ").strip()
