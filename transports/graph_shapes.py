"""The JSON of a mail as Graph takes it: message, recipient, file attachment, upload session. Shapes alone.

Property names are Microsoft's (https://learn.microsoft.com/graph/api/resources/message).
"""

from __future__ import annotations

from typing import Literal, TypedDict


class EmailAddress(TypedDict, total=False):
    """An address, and the name that is shown with it."""

    address: str
    name: str


class Recipient(TypedDict):
    """Somebody who gets the mail, or whom it is from."""

    emailAddress: EmailAddress


class ItemBody(TypedDict):
    """The one body that a message of Graph has."""

    contentType: Literal["text", "html"]
    content: str


class InternetMessageHeader(TypedDict):
    """A header field whose name begins with x-."""

    name: str
    value: str


class Message(TypedDict, total=False):
    """A draft as POST /messages takes it (https://learn.microsoft.com/graph/api/resources/message)."""

    subject: str
    body: ItemBody
    toRecipients: list[Recipient]
    ccRecipients: list[Recipient]
    bccRecipients: list[Recipient]
    replyTo: list[Recipient]
    importance: str
    isReadReceiptRequested: bool
    isDeliveryReceiptRequested: bool
    internetMessageId: str
    internetMessageHeaders: list[InternetMessageHeader]


FromField = TypedDict("FromField", {"from": Recipient}, total=False)


class DraftMessage(Message, FromField, total=False):
    """A Message with `from`, which is no name that Python lets a class have."""


class AttachmentItem(TypedDict, total=False):
    """What createUploadSession is told of a file
    (https://learn.microsoft.com/graph/api/attachment-createuploadsession)."""

    attachmentType: Literal["file"]
    name: str
    size: int
    contentType: str
    isInline: bool
    contentId: str


FileAttachment = TypedDict(
    "FileAttachment",
    {
        "@odata.type": Literal["#microsoft.graph.fileAttachment"],
        "name": str,
        "contentType": str,
        "isInline": bool,
        "contentId": str,
        "contentBytes": str,
    },
    total=False,
)
