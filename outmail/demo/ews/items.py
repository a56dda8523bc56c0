"""The Sent Items of the practice Exchange, and what was handed over to it; in memory, and bounded."""

from __future__ import annotations

import base64
import re
import secrets
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from outmail.demo.ews.soap import Failed
from outmail.demo.graph.letter import Address

MOST_SENT = 5000
MOST_HEAD_BYTES = 32 * 1024 * 1024
MOST_SUBMISSIONS = 1000

_ID = re.compile("AAMk[A-Za-z0-9+/]{116}")


@dataclass(frozen=True, slots=True)
class SentItem:
    """A mail in somebody's Sent Items. `head` is its head as it was handed over, Bcc included."""

    id: str
    owner: str
    sent: datetime
    sender: Address
    to: tuple[Address, ...]
    cc: tuple[Address, ...]
    bcc: tuple[Address, ...]
    subject: str
    message_id: str
    size: int
    has_attachments: bool
    head: bytes = field(repr=False)

    @property
    def change_key(self) -> str:
        """Its version; there is no second one."""
        return f"CQAAABYAAAA{self.id[8:40]}"


@dataclass(frozen=True, slots=True)
class Submission:
    """A mail that was handed over, as the request said it.

    `properties` are those beside the MIME, by their names; of one that has parts, "" is kept.
    """

    mailbox: str
    user: str
    anchor: str
    impersonates: bool
    disposition: str
    properties: Mapping[str, str]
    number: int
    """The mail's number in the tenant's mailbox."""


class Items:
    """Everybody's Sent Items."""

    def __init__(self) -> None:
        self._sent: deque[SentItem] = deque()
        self._heads = 0
        self.submissions: deque[Submission] = deque(maxlen=MOST_SUBMISSIONS)

    @property
    def sent(self) -> tuple[SentItem, ...]:
        """The mails that are still kept, oldest first."""
        return tuple(self._sent)

    def keep(self, item: SentItem) -> None:
        """Put a mail into Sent Items; the oldest make room."""
        self._sent.append(item)
        self._heads += len(item.head)
        while len(self._sent) > MOST_SENT or (self._heads > MOST_HEAD_BYTES and len(self._sent) > 1):
            self._heads -= len(self._sent.popleft().head)

    def item(self, wanted: str) -> SentItem:
        """The mail of this ID, whosever it is. Raises Failed."""
        if not _ID.fullmatch(wanted):
            raise Failed("ErrorInvalidIdMalformed", "Id is malformed.")
        for item in self._sent:
            if item.id == wanted:
                return item
        raise Failed("ErrorItemNotFound", "The specified object was not found in the store.")

    def of(self, owner: str, message_id: str | None = None) -> list[SentItem]:
        """Somebody's Sent Items, the newest first, of this Message-ID where one is given."""
        return [
            item
            for item in reversed(self._sent)
            if item.owner == owner and message_id in {None, item.message_id}
        ]


def new_id() -> str:
    """As the service's IDs look: long, in base64, and nothing to read in them."""
    return base64.b64encode(b"\x00\x03\x24" + secrets.token_bytes(87)).decode()


def readable_id(what: str) -> str:
    """The same, for what has one ID as long as the tenant lives."""
    return base64.b64encode(b"\x00\x03\x24" + what.encode()).decode()
