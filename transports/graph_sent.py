"""Asks Graph's Sent Items whether a mail that may have been taken was: by Message-ID and recipients.

Never by the Message-ID alone: programs use one again for each recipient.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Literal

from transports.base import Buffer, Cause, Envelope, Failure, Scope, TransportError, Verdict
from transports.graph_api import GraphApi
from transports.http import Answer, NotJson
from transports.trace import OpenStep

_MESSAGE_ID = re.compile(rb"^message-id[ \t]*:\s*(<[^>\r\n]{1,900}>)", re.IGNORECASE | re.MULTILINE)
_WHO = ("toRecipients", "ccRecipients", "bccRecipients")
_MOST = "25"

FOUND = "found in Sent Items: it had been accepted before"


async def found_in_sent_items(
    api: GraphApi, step: OpenStep, unasked: Literal["hold", "send-again"], envelope: Envelope
) -> str:
    """What is said of a mail that had been taken; "" where it had not been, and is to be sent.

    Raises TransportError: UNCERTAIN and CANNOT_ASK where nobody may look and the mail is to be held.
    """
    number = message_id(envelope.content)
    if not number:
        return _unasked(step, unasked, "it has no Message-ID to look for")
    try:
        answer = await ask_sent_items(api, step, number)
    except TransportError as error:
        if error.failure.code != 403:
            raise
        return _unasked(step, unasked, "the app may not look into Sent Items")
    wanted = {one.lower() for one in envelope.recipients}
    return FOUND if any(wanted <= people for people in _people(answer)) else ""


async def ask_sent_items(api: GraphApi, step: OpenStep, number: str) -> Answer:
    """The mails of this Message-ID in Sent Items: https://learn.microsoft.com/graph/api/user-list-messages."""
    quoted = number.replace("'", "''")
    return await api.ask(
        step,
        "GET",
        "/mailFolders/sentitems/messages",
        query={
            "$filter": f"internetMessageId eq '{quoted}'",
            "$select": "id,internetMessageId,sentDateTime," + ",".join(_WHO),
            "$top": _MOST,
        },
    )


def items_of(answer: Answer) -> Iterable[Mapping[str, object]]:
    """What a list of Graph holds, whatever it is."""
    try:
        found = answer.json_object().get("value")
    except NotJson:
        found = None
    for item in found if isinstance(found, list) else ():
        if isinstance(item, dict):
            yield item


def message_id(content: Buffer) -> str:
    """The Message-ID with its angle brackets; "" where there is none."""
    end = content.find(b"\r\n\r\n")
    found = _MESSAGE_ID.search(content[: end + 2 if end >= 0 else len(content)])
    return found[1].decode("utf-8", "replace") if found else ""


def _people(answer: Answer) -> Iterable[set[str]]:
    """The recipients of each mail that was found, in lower case."""
    for item in items_of(answer):
        yield {address for field in _WHO for address in _addresses(item.get(field))}


def _addresses(field: object) -> Iterable[str]:
    for one in field if isinstance(field, list) else ():
        inner = one.get("emailAddress") if isinstance(one, dict) else None
        address = inner.get("address") if isinstance(inner, dict) else None
        if isinstance(address, str):
            yield address.lower()


def _unasked(step: OpenStep, unasked: Literal["hold", "send-again"], why: str) -> str:
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
