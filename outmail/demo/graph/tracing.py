"""The tenant's message trace: what became of each recipient's copy, for who may read it.

The practice tenant delivers everything at once, so that nothing is ever pending or failed here.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

from outmail.demo.graph.items import SentItem
from outmail.demo.graph.refusals import Refused, as_json, denied
from outmail.demo.oauth.tokens import Bearer
from outmail.demo.web import Response

PATH = "/v1.0/admin/exchange/tracing/messagetraces"
RIGHT = "ExchangeMessageTrace.Read.All"

_TIME = r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)"
_FILTER = re.compile(
    rf"messageId eq '((?:[^']|'')+)' and receivedDateTime ge {_TIME} and receivedDateTime le {_TIME}"
)
_LONGEST = timedelta(days=10)


def traces(bearer: Bearer, query: Mapping[str, str], sent: Iterable[SentItem], now: datetime) -> Response:
    """The answer to a listing: https://learn.microsoft.com/graph/api/messagetracingroot-list-messagetraces."""
    if RIGHT not in bearer.rights:
        raise denied()
    found = _FILTER.fullmatch(query.get("$filter", ""))
    if found is None:
        raise Refused(400, "BadRequest", "The practice Graph wants a messageId and a time range here.")
    message_id = found[1].replace("''", "'")
    first, last = (datetime.fromisoformat(text).astimezone(UTC) for text in found.groups()[1:])
    if last - first > _LONGEST or last > now + timedelta(seconds=5):
        raise Refused(400, "BadRequest", "The time range is longer than ten days, or ends in the future.")
    rows = [
        _row(item, one.email_address.address or "")
        for item in sent
        if item.message.internet_message_id == message_id
        and first <= item.sent.replace(microsecond=0) <= last
        for one in item.message.recipients
    ]
    return as_json({"@odata.context": "https://graph.microsoft.com/v1.0/$metadata#traces", "value": rows})


def _row(item: SentItem, recipient: str) -> dict[str, object]:
    return {
        "id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{item.id}/{recipient}")),
        "senderAddress": item.owner,
        "recipientAddress": recipient,
        "messageId": item.message.internet_message_id,
        "receivedDateTime": item.sent.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "subject": item.message.subject,
        "size": item.size,
        "fromIP": None,
        "toIP": None,
        "status": "delivered",
    }
