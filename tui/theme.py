"""How the program looks: calm colours, the terminal's own where it has few, plain letters where symbols fail.

Status is never told by colour alone: every mark here comes with a word.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter
from textual.theme import Theme

from transports.base import Status

CALM = Theme(
    name="outmail",
    primary="#7fb2e5",
    secondary="#8fa3b8",
    accent="#7fc8c2",
    success="#8fc98a",
    warning="#e5bc5f",
    error="#ec8a80",
    foreground="#d7dee6",
    background="#14191f",
    surface="#1a2129",
    panel="#222b35",
    dark=True,
    variables={
        "muted": "#93a1af",
        "border": "#4a5a6b",
        "border-blurred": "#33404d",
        "block-cursor-foreground": "#f2f6fa",
        "block-cursor-background": "#2f4a66",
        "block-cursor-text-style": "none",
        "block-cursor-blurred-foreground": "#d7dee6",
        "block-cursor-blurred-background": "#222b35",
        "input-cursor-text-style": "reverse",
        "scrollbar": "#3a4856",
        "scrollbar-background": "#1a2129",
        "scrollbar-corner-color": "#1a2129",
    },
)
"""For terminals with 256 colours or more."""

FEW = Theme(
    name="outmail-16",
    ansi=True,
    primary="ansi_cyan",
    secondary="ansi_cyan",
    accent="ansi_cyan",
    success="ansi_green",
    warning="ansi_yellow",
    error="ansi_red",
    foreground="ansi_default",
    background="ansi_default",
    surface="ansi_default",
    panel="ansi_default",
    boost="ansi_default",
    dark=True,
    variables={
        # Reverse shows in 16 colours, in 8, and with NO_COLOR: the cursor is never told by colour.
        "block-cursor-foreground": "ansi_default",
        "block-cursor-background": "ansi_default",
        "block-cursor-text-style": "reverse",
        "block-cursor-blurred-text-style": "bold",
        "muted": "ansi_default",
        "ansi-background": "ansi_default",
        "ansi-foreground": "ansi_default",
        "border": "ansi_default",
        "border-blurred": "ansi_default",
        "footer-key-foreground": "ansi_cyan",
        "text-muted": "ansi_default",
        "text-disabled": "ansi_default",
        "foreground-muted": "ansi_default",
    },
)
"""For the Linux console, plain `screen`, and NO_COLOR: the terminal's own colours, or none."""

MARKS: Mapping[Status | None, str] = {
    None: "·",
    Status.RUNNING: "▸",
    Status.PASS: "✓",
    Status.WARN: "!",
    Status.FAIL: "✗",
    Status.SKIP: "·",
}
"""A mark for each status; None is a step that has not begun."""

WORDS: Mapping[Status | None, str] = {
    None: "wait",
    Status.RUNNING: "now",
    Status.PASS: "pass",
    Status.WARN: "warn",
    Status.FAIL: "fail",
    Status.SKIP: "skip",
}
"""The word beside the mark, as the contract's JSON has it where the step is over."""

COLOURS: Mapping[Status | None, str] = {
    None: "$muted",
    Status.RUNNING: "$text-primary",
    Status.PASS: "$text-success",
    Status.WARN: "$text-warning",
    Status.FAIL: "$text-error",
    Status.SKIP: "$muted",
}


def few_colours(colour_system: str | None, no_color: bool) -> bool:
    """Whether the terminal's own 16 colours (or none) must do; `colour_system` is Rich's name of it."""
    return no_color or colour_system not in {"256", "truecolor"}


def needs_ascii(environ: Mapping[str, str]) -> bool:
    """Whether symbols and line drawing would come out as rubbish, by TERM and the locale.

    Python rewrites LC_CTYPE to C.UTF-8 where the locale is C or missing (PEP 538), so that value
    says nothing about the terminal; LANG is asked then.
    """
    if environ.get("TERM", "") in {"linux", "dumb", "vt100", "vt220"}:
        return True
    ctype = environ.get("LC_CTYPE", "")
    said = environ.get("LC_ALL") or (environ.get("LANG") if ctype in {"", "C.UTF-8"} else "") or ctype
    return bool(said) and "utf" not in said.lower()


_ASCII = str.maketrans(
    {
        **dict.fromkeys("─━═╌┄", "-"),
        **dict.fromkeys("│┃║▎▏▕▌▐▊▋▉▍", "|"),
        **dict.fromkeys("╭╮╰╯┌┐└┘├┤┬┴┼", "+"),
        **dict.fromkeys("✓✔", "+"),
        **dict.fromkeys("✗✘", "x"),
        **dict.fromkeys("·•●", "."),
        **dict.fromkeys("▸▶›❯→", ">"),
        **dict.fromkeys("◂◀‹←", "<"),
        **dict.fromkeys("▾▼↓", "v"),
        **dict.fromkeys("▴▲↑", "^"),
        **dict.fromkeys("…", "~"),
        **dict.fromkeys("–—", "-"),
        **dict.fromkeys("‘’", "'"),
        **dict.fromkeys("“”", '"'),
        **dict.fromkeys("▁▂▃▄▅▆▇▔▀", " "),
        **dict.fromkeys("█■", "#"),
        "⏎": "^",
    }
)


class PlainLetters(LineFilter):
    """Replaces each symbol by an ASCII character of the same width, wherever it came from."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The same segments with plain letters; names and server text keep their letters."""
        return [Segment(_plain(text), style, control) for text, style, control in segments]


@lru_cache(2048)
def _plain(text: str) -> str:
    return text if text.isascii() else text.translate(_ASCII)
