"""The mailboxes of the practice Graph: drafts until they are sent, and Sent Items; in memory, and bounded."""

from __future__ import annotations

import re
import secrets
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice

from outmail.demo.graph.compose import File
from outmail.demo.graph.refusals import Refused, malformed_id, not_found
from outmail.demo.graph.shapes import Message

MOST_DRAFTS = 200
MOST_DRAFT_BYTES = 512 * 1024 * 1024
"""Of all drafts and unfinished uploads together; then the mailbox is full."""
MOST_SENT = 5000
MOST_HEAD_BYTES = 32 * 1024 * 1024

_ID = re.compile(r"AAMk[A-Za-z0-9_-]{108}=")


@dataclass(slots=True)
class Draft:
    """A mail that is not sent yet. `mime` is how it came, as long as nobody changed anything of it."""

    id: str
    owner: str
    message: Message
    files: list[File] = field(default_factory=list)
    mime: bytes | None = field(default=None, repr=False)
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    changes: int = 0

    @property
    def size(self) -> int:
        """Bytes, about."""
        return len(self.mime or b"") + sum(len(file.content) for file in self.files)

    def shown(self) -> Message:
        """As the service tells it."""
        return self.message.model_copy(
            update={
                **_common(self.id, self.created, self.changes),
                "is_draft": True,
                "has_attachments": bool(self.files) or bool(self.message.has_attachments),
                "parent_folder_id": "drafts",
                "attachments": None,
            }
        )


@dataclass(frozen=True, slots=True)
class SentItem:
    """A mail in somebody's Sent Items. `head` is its head as it was handed over, Bcc included.

    Its body is not kept: it arrived, and lies in the tenant's mailbox.
    """

    id: str
    owner: str
    sent: datetime
    message: Message
    head: bytes = field(repr=False)
    size: int

    def shown(self) -> Message:
        """As the service tells it."""
        stamp = _stamp(self.sent)
        return self.message.model_copy(
            update={
                **_common(self.id, self.sent, 0),
                "is_draft": False,
                "is_read": True,
                "sent_date_time": stamp,
                "received_date_time": stamp,
                "parent_folder_id": "sentitems",
            }
        )


class Items:
    """Everybody's items, by their IDs."""

    def __init__(self) -> None:
        self._drafts: dict[str, Draft] = {}
        self._sent: deque[SentItem] = deque()
        self._heads = 0

    @property
    def drafts(self) -> tuple[Draft, ...]:
        """The mails that are not sent, oldest first."""
        return tuple(self._drafts.values())

    @property
    def sent(self) -> tuple[SentItem, ...]:
        """The mails in anybody's Sent Items that are still kept, oldest first."""
        return tuple(self._sent)

    def add(self, draft: Draft) -> None:
        """Keep a draft. Raises Refused (507) where the mailbox is full."""
        self.room_for(draft.size)
        self._drafts[draft.id] = draft

    def room_for(self, size: int, besides: int = 0) -> None:
        """Whether so many bytes more have a place. Raises Refused (507)."""
        kept = sum(draft.size for draft in self._drafts.values()) + besides
        if len(self._drafts) >= MOST_DRAFTS or kept + size > MOST_DRAFT_BYTES:
            raise Refused(507, "ErrorQuotaExceeded", "The mailbox is full: its quota has been exceeded.")

    def draft(self, owner: str, item: str) -> Draft:
        """The draft of this ID. Raises Refused: 400 for what is no ID, 404 for what is not there."""
        found = self._drafts.get(_checked(item))
        if found is None or found.owner != owner:
            raise not_found()
        return found

    def remove(self, draft: Draft) -> None:
        """Forget a draft."""
        self._drafts.pop(draft.id, None)

    def put_back(self, draft: Draft) -> None:
        """A draft that could not be sent is there again."""
        self._drafts[draft.id] = draft

    def item(self, owner: str, item: str) -> Message:
        """The draft or the sent mail of this ID, as it is told. Raises Refused."""
        sent = self.sent_item(owner, item)
        return sent.shown() if sent else self.draft(owner, item).shown()

    def sent_item(self, owner: str, item: str) -> SentItem | None:
        """The sent mail of this ID. Raises Refused (400) for what is no ID."""
        _checked(item)
        return next((sent for sent in self._sent if sent.id == item and sent.owner == owner), None)

    def keep(self, sent: SentItem) -> None:
        """Put a mail into Sent Items; the oldest make room."""
        self._sent.append(sent)
        self._heads += len(sent.head)
        while len(self._sent) > MOST_SENT or (self._heads > MOST_HEAD_BYTES and len(self._sent) > 1):
            self._heads -= len(self._sent.popleft().head)

    def drop_sent(self, sent: SentItem) -> None:
        """Forget a sent mail."""
        self._sent.remove(sent)
        self._heads -= len(sent.head)

    def listing(self, owner: str, message_id: str | None, skip: int, top: int) -> list[SentItem]:
        """Somebody's Sent Items, the newest first, of this Message-ID where one is given."""
        found = (
            sent
            for sent in reversed(self._sent)
            if sent.owner == owner and message_id in {None, sent.message.internet_message_id}
        )
        return list(islice(found, skip, skip + top))


def new_id() -> str:
    """As the service's IDs look: long, in base64 for addresses, and nothing to read in them."""
    return f"AAMk{secrets.token_urlsafe(81)}="


def _checked(item: str) -> str:
    if not _ID.fullmatch(item):
        raise malformed_id()
    return item


def _common(item: str, created: datetime, changes: int) -> dict[str, object]:
    key = f"CQAAABYAAAA{item[4:36]}{changes}"
    return {
        "id": item,
        "change_key": key,
        "odata_etag": f'W/"{key}"',
        "created_date_time": _stamp(created),
        "last_modified_date_time": _stamp(created),
        "conversation_id": f"AAQk{item[4:60]}",
    }


def _stamp(when: datetime) -> str:
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")
