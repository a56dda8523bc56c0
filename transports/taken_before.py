"""What a mail is looked for by that may have been taken, and what becomes of one that nobody can look for.

Graph and EWS share it; how each is asked stands beside it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from transports.base import Buffer, Cause, Failure, Scope, TransportError, Verdict
from transports.mime_addresses import key
from transports.trace import OpenStep

Unasked = Literal["hold", "send-again"]

FOUND = "found in Sent Items: it had been accepted before"

MOST_FOUND = 100
"""Mails of one Message-ID that are looked at."""


@dataclass(frozen=True, slots=True)
class Found:
    """The recipients of each mail of the Message-ID; `whole` is whether these are all, and all of theirs."""

    mails: Sequence[Set[str]]
    whole: bool


_MESSAGE_ID = re.compile(rb"^message-id[ \t]*:\s*(<[^>\r\n]{1,900}>)", re.IGNORECASE | re.MULTILINE)


def message_id(content: Buffer) -> str:
    """The Message-ID with its angle brackets; "" where there is none."""
    end = content.find(b"\r\n\r\n")
    found = _MESSAGE_ID.search(content[: end + 2 if end >= 0 else len(content)])
    return found[1].decode("utf-8", "replace") if found else ""


def judged(step: OpenStep, unasked: Unasked, people: Iterable[str], found: Found) -> str:
    """FOUND where a mail of the Message-ID went to all of these people, "" where none went to any of them.

    Programs use one Message-ID again for each recipient: such other mails say nothing of this one. What is
    neither a yes nor a no nobody can know: see `nobody_can_look`.
    """
    wanted = {key(one) for one in people}
    mails = [{key(one) for one in mail} for mail in found.mails]
    if any(wanted <= mail for mail in mails):
        return FOUND
    if not found.whole:
        return nobody_can_look(step, unasked, "Sent Items do not tell who got all mail of its Message-ID")
    if any(wanted & mail for mail in mails):
        return nobody_can_look(step, unasked, "a mail of its Message-ID went to some of its recipients")
    return ""


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
