"""Writes a mail that is too large for one request as Graph wants it: a draft in JSON, and its attachments.

Whoever is in the envelope is in the draft, and nobody else. No attachment ever lies in memory whole.
"""

from __future__ import annotations

import json
import mimetypes
import re
from base64 import b64encode
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, field

from transports.base import Buffer
from transports.graph_headers import importance
from transports.graph_plan import LARGEST_REQUEST, Attached, InParts, body_text
from transports.graph_shapes import AttachmentItem, DraftMessage, EmailAddress, FileAttachment, Recipient
from transports.mime_addresses import Mailbox, key, read
from transports.mime_decode import decoded_pieces, decoded_size
from transports.mime_envelope import by_key
from transports.mime_parameters import decoded, text_of
from transports.mime_structure import Part, Unfit, fields

LARGEST_PLAIN = 3 * 1024 * 1024 - 16 * 1024
"""Bytes of an attachment that goes with one POST: below 3 MB, and as base64 below the request's 4 MB.

Measured elsewhere: the service takes 3,145,611 bytes by POST at most, and by a session 2,097,152 at least
(msgraph-sdk-java, pull request 52; ErrorAttachmentSizeShouldNotBeLessThanMinimumSize).
"""

PIECE = 12 * 320 * 1024
"""Bytes of a piece of an upload session: a multiple of 320 KiB below 4 MB
(https://learn.microsoft.com/graph/outlook-large-attachments)."""

_LONGEST_NAME = 200  # letters
_MESSAGE_ID = re.compile(r"<[!-~]{3,990}>")
_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]*/[a-z0-9][a-z0-9!#$&^_.+-]*")
_NO_NAME = re.compile(r'[\x00-\x1f\x7f<>:"|?*]')


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file of the mail. `size` is in bytes, decoded; `content_id` is without <>, "" where there is none."""

    name: str
    content_type: str
    content_id: str
    inline: bool
    size: int
    content: Buffer = field(repr=False)
    part: Part = field(repr=False)

    @property
    def plain(self) -> bool:
        """Whether one POST carries it (`file`); else it needs an upload session (`item`, `pieces`)."""
        return self.size <= LARGEST_PLAIN

    def pieces(self, size: int = PIECE, start: int = 0) -> Iterator[bytes]:
        """The decoded bytes from byte `start` on, `size` at a time; the last piece may be shorter."""
        return decoded_pieces(self.content, self.part, size, start)

    def file(self) -> FileAttachment:
        """The whole attachment as JSON; only for one that is `plain`."""
        made: FileAttachment = {
            "@odata.type": "#microsoft.graph.fileAttachment",
            "name": self.name,
            "contentType": self.content_type,
            "isInline": self.inline,
            "contentBytes": b64encode(b"".join(self.pieces())).decode("ascii"),
        }
        if self.content_id:
            made["contentId"] = self.content_id
        return made

    def item(self) -> AttachmentItem:
        """What an upload session is opened with."""
        made: AttachmentItem = {
            "attachmentType": "file",
            "name": self.name,
            "size": self.size,
            "contentType": self.content_type,
            "isInline": self.inline,
        }
        if self.content_id:
            made["contentId"] = self.content_id
        return made


@dataclass(frozen=True, slots=True)
class Draft:
    """What is sent: the message without its attachments, then each of them. `lost` as in InParts."""

    message: DraftMessage
    attachments: tuple[Attachment, ...]
    lost: tuple[str, ...]


def draft(parts: InParts, recipients: Sequence[str], *, headers: bool = True) -> Draft:
    """The draft for the recipients of the envelope.

    Who stands in To or Cc and in the envelope is there in the draft; the rest of the envelope is Bcc. Who is
    in a header alone is nowhere: a draft cannot name anybody without mailing them. Fields that cannot be
    read name nobody. `headers`: whether this cloud's Graph has internetMessageHeaders (China's has none).
    Raises Unfit: 5.1.3 for a recipient that is no address, 5.3.4 where all that is larger than a request.
    """
    content = parts.content
    header = list(fields(content, parts.root))
    waiting = by_key(recipients)
    everyone = frozenset(waiting)
    to = _named(header, "to", waiting)
    cc = _named(header, "cc", waiting)
    message: DraftMessage = {
        "subject": _one_line(decoded(_first(header, "subject"))),
        "body": {
            "contentType": parts.kind,
            "content": body_text(content, parts.body) if parts.body else "",
        },
        "toRecipients": to,
        "ccRecipients": cc,
        "bccRecipients": [{"emailAddress": {"address": address}} for address in waiting.values()],
    }
    lost = list(parts.lost)
    if any(_leaves_out(raw, everyone) for name, raw in header if name.lower() in {"to", "cc"}):
        lost.append("the names of those in To and Cc who do not get it")
    _fill(message, header)
    if parts.x_headers and headers:
        message["internetMessageHeaders"] = [
            {"name": name, "value": value} for name, value in parts.x_headers
        ]
    elif parts.x_headers:
        lost += [name for name, _ in parts.x_headers]
    if len(json.dumps(message)) > LARGEST_REQUEST:
        raise Unfit("its text and its recipients are larger than Graph takes in one piece", "text", "5.3.4")
    attachments = tuple(_attachment(content, *each) for each in enumerate(parts.attached, start=1))
    return Draft(message, attachments, tuple(dict.fromkeys(lost)))


def _fill(message: DraftMessage, header: Sequence[tuple[str, bytes]]) -> None:
    """What is there only where the mail has it."""
    if authors := _people(header, "from"):
        message["from"] = _recipient(authors[0])
    if answers := _people(header, "reply-to"):
        message["replyTo"] = [_recipient(box) for box in answers]
    if urgency := importance(header):
        message["importance"] = urgency
    if _first(header, "disposition-notification-to"):
        message["isReadReceiptRequested"] = True
    if _first(header, "return-receipt-to"):
        message["isDeliveryReceiptRequested"] = True
    if _MESSAGE_ID.fullmatch(found := _first(header, "message-id")):
        message["internetMessageId"] = found


def _named(header: Sequence[tuple[str, bytes]], name: str, waiting: dict[str, str]) -> list[Recipient]:
    """Who of those that wait is in the fields of this name; they wait no longer."""
    found: list[Recipient] = []
    for box in _people(header, name):
        if waiting.pop(key(box.address), None) is not None:
            found.append(_recipient(box))
    return found


def _leaves_out(raw: bytes, everyone: Set[str]) -> bool:
    """Whether a field names somebody whom the draft cannot; also after `mime_envelope.fit`."""
    found = read(raw.removesuffix(b"\n").removesuffix(b"\r"))
    if found is None:
        return True
    return any(
        (not group.members and not (group.title or b"").lower().startswith(b"undisclosed"))
        or any(key(box.address) not in everyone for box in group.members)
        for group in found.groups
    )


def _people(header: Sequence[tuple[str, bytes]], wanted: str) -> list[Mailbox]:
    lists = [
        read(raw.removesuffix(b"\n").removesuffix(b"\r")) for name, raw in header if name.lower() == wanted
    ]
    return [box for each in lists if each is not None for box in each.mailboxes() if "@" in box.address]


def _recipient(box: Mailbox) -> Recipient:
    address: EmailAddress = {"address": box.address}
    if name := _one_line(box.name):
        address["name"] = name
    return {"emailAddress": address}


def _first(header: Sequence[tuple[str, bytes]], wanted: str) -> str:
    return next((text_of(raw) for name, raw in header if name.lower() == wanted), "")


def _one_line(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text).strip()


def _attachment(content: Buffer, number: int, attached: Attached) -> Attachment:
    part = attached.part
    mail = part.content_type in {"message/rfc822", "message/global"}
    # A mail is a file here, in base64, which RFC 2046 forbids for its own type; readers go by ".eml".
    kind = "application/octet-stream" if mail else part.content_type
    if not _TYPE.fullmatch(kind):
        kind = "application/octet-stream"
    return Attachment(
        name=_name(part, number, ".eml" if mail else ""),
        content_type=kind,
        content_id=_one_line(part.content_id) if part.content_id.isascii() else "",
        inline=attached.inline,
        size=decoded_size(content, part),
        content=content,
        part=part,
    )


def _name(part: Part, number: int, must_end: str) -> str:
    """A file's name without folders and what no disk takes in a name; one of ours where it has none."""
    name = _one_line(_NO_NAME.sub("_", re.split(r"[/\\]", part.filename)[-1])).strip(". ")
    ending = must_end or ("" if name else mimetypes.guess_extension(part.content_type) or "")
    name = name or f"attachment-{number}"
    if not name.lower().endswith(ending):
        name += ending
    if len(name) > _LONGEST_NAME:
        stem, dot, end = name.rpartition(".")
        end = dot + end if stem and len(end) < 20 else ""
        name = name[: _LONGEST_NAME - len(end)] + end
    return name
