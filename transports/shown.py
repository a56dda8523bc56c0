"""Words of servers and files, made fit to be shown: nothing steers a terminal, no secret is in them.

It imports nothing, for `status` and sendmail start with it.
"""

from __future__ import annotations

from collections.abc import Iterable


def harmless(text: str, longest: int = 2000) -> str:
    """Text from a server or a file, safe to print: control characters (escape sequences too) as "?"."""
    shown = text[:longest] + ("…" if len(text) > longest else "")
    if shown.isprintable():
        return shown
    return "".join(c if c.isprintable() else ("\n" if c == "\n" else "?") for c in shown)


def masked(text: str, secrets: Iterable[str]) -> str:
    """The text with each secret as ***, the longest first; very short ones would mask half a language."""
    for secret in sorted({s for s in secrets if len(s) > 3}, key=len, reverse=True):
        text = text.replace(secret, "***")
    return text
