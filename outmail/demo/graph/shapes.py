"""The objects that the practice Graph takes and gives as JSON: messages, attachments, upload sessions.

Names and types are those of Microsoft's own description of the API; a property that is not there is refused.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from outmail.demo.graph.refusals import Refused, wrong_body
from transports.shown import harmless


def _small(value: object) -> object:
    """The service takes the members of an enumeration in any case."""
    return value.lower() if isinstance(value, str) else value


class Shape(BaseModel):
    """A JSON object; None is what is not there."""

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, populate_by_name=True, strict=True)

    odata_type: str | None = Field(None, alias="@odata.type")

    def shown(self) -> dict[str, object]:
        """As it is sent."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


class EmailAddress(Shape):
    """A name and an address."""

    name: str | None = None
    address: str | None = None


class Recipient(Shape):
    """Somebody who gets or sends a mail."""

    email_address: EmailAddress = Field(default_factory=EmailAddress)


class ItemBody(Shape):
    """A text, or HTML."""

    content_type: Annotated[Literal["text", "html"], BeforeValidator(_small)] = "text"
    content: str | None = None


class InternetMessageHeader(Shape):
    """A header of one's own."""

    name: str
    value: str | None = None


class ExtendedProperty(Shape):
    """A MAPI property, by its ID."""

    id: str
    value: str | None = None


class FileAttachment(Shape):
    """A file in a message, with its bytes."""

    odata_type: Literal["#microsoft.graph.fileAttachment"] = Field(alias="@odata.type")
    id: str | None = None
    name: str
    content_type: str | None = None
    size: int | None = None
    is_inline: bool | None = None
    content_id: str | None = None
    content_location: str | None = None
    last_modified_date_time: str | None = None
    content_bytes: str | None = None  # base64


class Message(Shape):
    """A mail, as far as a client sets it or the service tells it."""

    odata_etag: str | None = Field(None, alias="@odata.etag")
    odata_context: str | None = Field(None, alias="@odata.context")
    id: str | None = None
    created_date_time: str | None = None
    last_modified_date_time: str | None = None
    received_date_time: str | None = None
    sent_date_time: str | None = None
    change_key: str | None = None
    categories: list[str] | None = None
    parent_folder_id: str | None = None
    conversation_id: str | None = None
    internet_message_id: str | None = None
    internet_message_headers: list[InternetMessageHeader] | None = None
    subject: str | None = None
    body_preview: str | None = None
    body: ItemBody | None = None
    importance: Annotated[Literal["low", "normal", "high"], BeforeValidator(_small)] | None = None
    sender: Recipient | None = None
    from_: Recipient | None = Field(None, alias="from")
    to_recipients: list[Recipient] | None = None
    cc_recipients: list[Recipient] | None = None
    bcc_recipients: list[Recipient] | None = None
    reply_to: list[Recipient] | None = None
    is_draft: bool | None = None
    is_read: bool | None = None
    is_delivery_receipt_requested: bool | None = None
    is_read_receipt_requested: bool | None = None
    has_attachments: bool | None = None
    attachments: list[FileAttachment] | None = None
    single_value_extended_properties: list[ExtendedProperty] | None = None

    @property
    def recipients(self) -> list[Recipient]:
        """Everybody who gets it."""
        return [*(self.to_recipients or ()), *(self.cc_recipients or ()), *(self.bcc_recipients or ())]


SET_BY_THE_SERVICE = {
    *("odata_type", "odata_etag", "odata_context", "id", "created_date_time", "last_modified_date_time"),
    *("received_date_time", "sent_date_time", "change_key", "parent_folder_id", "conversation_id"),
    *("body_preview", "is_draft", "has_attachments"),
}
"""What a client may write into a message and nobody heeds."""


class SendMail(Shape):
    """What sendMail takes."""

    message: Message | None = None
    save_to_sent_items: bool | None = None


class AttachmentItem(Shape):
    """A file that is going to be uploaded; `size` is in bytes."""

    attachment_type: Annotated[Literal["file", "item", "reference"], BeforeValidator(_small)]
    name: str
    size: int
    content_type: str | None = None
    is_inline: bool | None = None
    content_id: str | None = None


class CreateUploadSession(Shape):
    """What createUploadSession takes."""

    attachment_item: AttachmentItem = Field(alias="AttachmentItem")


S = TypeVar("S", bound=Shape)


def read(shape: type[S], kind: str, body: bytes) -> S:
    """The object in a body of this media type. Raises Refused (400)."""
    if kind != "application/json":
        raise wrong_body(
            f"A supported MIME type could not be found that matches the content type '{harmless(kind, 100)}'."
        )
    try:
        return shape.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    if first["type"] == "json_invalid":
        raise Refused(
            400,
            "BadRequest",
            "Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of "
            "valid JSON format.",
        )
    place = ".".join(str(part) for part in first["loc"])
    raise wrong_body(f"The property '{harmless(place, 100)}' of '{shape.__name__}': {first['msg']}")
