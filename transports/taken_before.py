"""What a mail is looked for by that may have been taken, and what becomes of one that nobody can look for.

Graph and EWS share it; how each is asked stands beside it.
"""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import Literal

from transports.base import Buffer, Cause, Failure, Scope, TransportError, Verdict
from transports.trace import OpenStep

Unasked = Literal["hold", "send-again"]

FOUND = "found in Sent Items: it had been accepted before"

_MESSAGE_ID = re.compile(rb"^message-id[ \t]*:\s*(<[^>\r\n]{1,900}>)", re.IGNORECASE | re.MULTILINE)


def message_id(content: Buffer) -> str:
    """The Message-ID with its angle brackets; "" where there is none."""
    end = content.find(b"\r\n\r\n")
    found = _MESSAGE_ID.search(content[: end + 2 if end >= 0 else len(content)])
    return found[1].decode("utf-8", "replace") if found else ""


def nobody_can_look(step: OpenStep, unasked: Unasked, why: str) -> str:
    """ "" where it is to be sent again; raises TransportError (UNCERTAIN, CANNOT_ASK) where it is held."""
    if unasked == "send-again":
        return ""
    raise TransportError(
        Failure(
            step.name,
            Scope.MESSAGE,
            Verdict.UNCERTAIN,
            Cause.CANNOT_ASK,
            words=f"it may have been accepted before, and {why}",
            facts=MappingProxyType({"why": why}),
        )
    )
