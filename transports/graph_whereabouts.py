"""Where a mail is, as far as Microsoft Graph can tell: in Sent Items, and in the tenant's message trace.

What it may not look at it says, and never takes for an answer.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from transports.base import TransportError
from transports.graph_api import GraphApi
from transports.graph_sent import ask_sent_items, items_of
from transports.http import Answer
from transports.shown import harmless
from transports.trace import OpenStep

_MOST = "1000"
_BEFORE, _AFTER = timedelta(hours=1), timedelta(days=9)
"""Around the time of sending; one request may span ten days, and reach back ninety."""

_NOT_THERE = frozenset({400, 403, 404})
"""Not allowed, not set up for this tenant, or not in this cloud."""

MAY_NOT_READ = "the app may not look into Sent Items (Mail.Read)"
MAY_NOT_TRACE = (
    "the app may not read the message trace (ExchangeMessageTrace.Read.All), or there is none here"
)


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """What was found: None where nobody could look, and `unknown` says why, a sentence each.

    `trace` has (recipient, status); Graph's statuses are delivered, pending, failed, expanded, quarantined,
    filteredAsSpam, gettingStatus.
    """

    in_sent_items: bool | None
    trace: tuple[tuple[str, str], ...] | None
    unknown: tuple[str, ...] = ()


async def look_for(
    api: GraphApi, step: OpenStep, message_id: str, sent: datetime, now: datetime
) -> Whereabouts:
    """Ask both, by a Message-ID with its angle brackets. Raises TransportError where Graph is not there."""
    unknown: list[str] = []
    try:
        found: bool | None = any(True for _ in items_of(await ask_sent_items(api, step, message_id)))
    except TransportError as error:
        if error.failure.code not in _NOT_THERE:
            raise
        found = None
        unknown.append(MAY_NOT_READ)
    trace: tuple[tuple[str, str], ...] | None
    try:
        trace = tuple(_traced(await _ask_trace(api, step, message_id, sent, now)))
    except TransportError as error:
        if error.failure.code not in _NOT_THERE:
            raise
        trace = None
        unknown.append(MAY_NOT_TRACE)
    return Whereabouts(found, trace, tuple(unknown))


async def _ask_trace(api: GraphApi, step: OpenStep, message_id: str, sent: datetime, now: datetime) -> Answer:
    """https://learn.microsoft.com/graph/api/messagetracingroot-list-messagetraces."""
    quoted = message_id.replace("'", "''")
    first, last = _zulu(sent - _BEFORE), _zulu(min(sent + _AFTER, now))
    wanted = f"messageId eq '{quoted}' and receivedDateTime ge {first} and receivedDateTime le {last}"
    query = {"$filter": wanted, "$top": _MOST}
    return await api.ask(step, "GET", "/admin/exchange/tracing/messageTraces", query=query)


def _traced(answer: Answer) -> Iterable[tuple[str, str]]:
    for item in items_of(answer):
        recipient, status = item.get("recipientAddress"), item.get("status")
        if isinstance(recipient, str) and isinstance(status, str):
            yield harmless(recipient, 320), harmless(status, 40)


def _zulu(when: datetime) -> str:
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
