"""Asks Graph's Sent Items whether a mail that may have been taken was: by Message-ID and recipients.

Never by the Message-ID alone: programs use one again for each recipient.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from transports.base import Envelope, TransportError
from transports.graph_api import GraphApi
from transports.http import Answer, NotJson
from transports.taken_before import MOST_FOUND, Found, Unasked, judged, message_id, nobody_can_look
from transports.trace import OpenStep

_WHO = ("toRecipients", "ccRecipients", "bccRecipients")


async def found_in_sent_items(api: GraphApi, step: OpenStep, unasked: Unasked, envelope: Envelope) -> str:
    """What is said of a mail that had been taken; "" where it had not been, and is to be sent.

    Raises TransportError: UNCERTAIN and CANNOT_ASK where nobody may look and the mail is to be held.
    """
    number = message_id(envelope.content)
    if not number:
        return nobody_can_look(step, unasked, "it has no Message-ID to look for")
    try:
        answer = await ask_sent_items(api, step, number)
    except TransportError as error:
        if error.failure.code != 403:
            raise
        return nobody_can_look(step, unasked, "the app may not look into Sent Items")
    mails = list(_people(answer))
    return judged(step, unasked, envelope.recipients, Found(mails, len(mails) < MOST_FOUND))


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
            "$top": str(MOST_FOUND),
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


def _people(answer: Answer) -> Iterable[set[str]]:
    """The recipients of each mail that was found."""
    for item in items_of(answer):
        yield {address for field in _WHO for address in _addresses(item.get(field))}


def _addresses(field: object) -> Iterable[str]:
    for one in field if isinstance(field, list) else ():
        inner = one.get("emailAddress") if isinstance(one, dict) else None
        address = inner.get("address") if isinstance(inner, dict) else None
        if isinstance(address, str):
            yield address
