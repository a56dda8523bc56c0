"""Asks Sent Items of an Exchange mailbox whether a mail that may have been taken was, by its Message-ID.

Never by the Message-ID alone: programs use one again for each recipient.
"""

from __future__ import annotations

from transports.base import Envelope, TransportError
from transports.ews_api import EwsApi
from transports.ews_requests import FindItem, Folder, GetItem
from transports.routes import EwsRoute
from transports.taken_before import MOST_FOUND, Found, judged, message_id, nobody_can_look
from transports.trace import OpenStep

_MAY_NOT_LOOK = frozenset({"ErrorAccessDenied", "ErrorFolderNotFound", "ErrorItemNotFound"})


async def found_in_sent_items(
    api: EwsApi, step: OpenStep, route: EwsRoute, copy: Folder | None, envelope: Envelope
) -> str:
    """What is said of a mail that had been taken; "" where it had not been, and is to be sent.

    `copy` is where copies go. Raises TransportError: UNCERTAIN and CANNOT_ASK where nobody can look and the
    mail is to be held.
    """
    if copy is None:
        return nobody_can_look(
            step, route.unasked, "no copy of sent mail is kept in which it could be looked for"
        )
    number = message_id(envelope.content)
    if not number or not number.isprintable():
        return nobody_can_look(step, route.unasked, "it has no Message-ID to look for")
    try:
        ids = await _ids(api, step, number, copy)
        people = await _people(api, step, ids) if ids else ()
    except TransportError as error:
        if error.failure.facts.get("ews_code", "") not in _MAY_NOT_LOOK:
            raise
        return nobody_can_look(step, route.unasked, "whoever signed in may not look into Sent Items")
    whole = len(ids) < MOST_FOUND and len(people) == len(ids) and all(people)
    return judged(step, route.unasked, envelope.recipients, Found(people, whole))


async def _ids(api: EwsApi, step: OpenStep, number: str, copy: Folder) -> tuple[str, ...]:
    found = (await api.ask(step, FindItem(number, copy))).soap
    return found.ids if found else ()


async def _people(api: EwsApi, step: OpenStep, ids: tuple[str, ...]) -> tuple[frozenset[str], ...]:
    """The recipients of each; FindItem itself never tells them."""
    found = (await api.ask(step, GetItem(ids))).soap
    return found.people if found else ()
