"""What a server says it can do, from its answer to EHLO (RFC 5321, section 4.1.1.1)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from transports.smtp_replies import Reply

_KEYWORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*")
_MOST = 100


@dataclass(frozen=True, slots=True)
class Capabilities:
    """Keywords in upper case with their parameters; empty where the server knows only HELO."""

    keywords: Mapping[str, str] = field(default_factory=dict)
    mechanisms: tuple[str, ...] = ()  # of AUTH, in upper case, in the server's order

    def __contains__(self, keyword: str) -> bool:
        return keyword in self.keywords

    @property
    def size_limit(self) -> int | None:
        """The longest message in bytes (RFC 1870); None where the server names none."""
        text = self.keywords.get("SIZE", "").strip()
        limit = int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0
        return limit or None


def parse(reply: Reply) -> Capabilities:
    """Read the answer to EHLO; lines that are no keywords are passed over.

    Tolerates lower case and the pre-standard "AUTH=LOGIN PLAIN" that old servers still print.
    """
    keywords: dict[str, str] = {}
    mechanisms: list[str] = []
    for line in reply.lines[1 : _MOST + 1]:
        word, _, rest = line.strip().replace("=", " ", 1).partition(" ")
        if not _KEYWORD.fullmatch(word):
            continue
        keyword = word.upper()
        if keyword == "AUTH":
            mechanisms += [m.upper() for m in rest.split() if m.upper() not in mechanisms]
            rest = " ".join(mechanisms)
        keywords[keyword] = rest.strip()
    return Capabilities(keywords, tuple(dict.fromkeys(mechanisms)))


def facts(capabilities: Capabilities) -> dict[str, str]:
    """For the step: every capability, the size limit in bytes, the mechanisms."""
    found = {"capabilities": ", ".join(f"{k} {v}".strip() for k, v in capabilities.keywords.items())}
    if capabilities.size_limit:
        found["size_limit"] = str(capabilities.size_limit)
    if capabilities.mechanisms:
        found["mechanisms"] = ", ".join(capabilities.mechanisms)
    return found
