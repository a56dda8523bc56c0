"""The mail requests of the practice Graph: what is asked of one mailbox by somebody who may.

What is sent arrives in the tenant's mailbox, once, byte for byte but for Bcc, and lies in Sent Items.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from datetime import UTC, datetime

from outmail.demo.graph import compose, letter, queries
from outmail.demo.graph.access import Access, User
from outmail.demo.graph.compose import File
from outmail.demo.graph.faults import GraphFault
from outmail.demo.graph.items import Draft, Items, SentItem, new_id
from outmail.demo.graph.refusals import Refused, as_json, done, malformed_id, too_large, wrong_body
from outmail.demo.graph.shapes import (
    SET_BY_THE_SERVICE,
    CreateUploadSession,
    FileAttachment,
    Message,
    SendMail,
    read,
)
from outmail.demo.graph.uploads import Uploads
from outmail.demo.mailbox import Mailbox
from outmail.demo.oauth.tokens import Bearer
from outmail.demo.web import Request, Response

LONGEST_FILE = 3 * 1024 * 1024
"""Bytes that a file which is posted whole stays under."""

LONGEST_MESSAGE = 150 * 1024 * 1024 * 78 // 57 + 4 * 1024 * 1024
"""Bytes of MIME: the files may have 150 MB, and base64 makes a line of 78 bytes of each 57."""

_CONTEXT = "https://graph.microsoft.com/v1.0/$metadata#"


class Mailing:
    """Does what was asked; whether somebody may is seen to before. All methods raise Refused."""

    def __init__(self, server: str, mailbox: Mailbox, access: Access, items: Items, uploads: Uploads) -> None:
        self._server = server
        self._mailbox = mailbox
        self._access = access
        self._items = items
        self._uploads = uploads

    async def send_mail(self, bearer: Bearer, owner: User, request: Request, fault: GraphFault) -> None:
        """POST sendMail: MIME in base64, or a message as JSON."""
        if media_type(request) == "text/plain":
            await self._hand_over(bearer, owner, letter.decoded(request.body), fault)
            return
        given = read(SendMail, media_type(request), request.body)
        if given.message is None:
            raise Refused(400, "ErrorInvalidParameter", "The value of the parameter 'Message' is empty.")
        message, files = _own(given.message)
        compose.check(message)
        content = await asyncio.to_thread(compose.mime, message, tuple(files), owner.address)
        keeps = given.save_to_sent_items is not False
        await self._hand_over(bearer, owner, content, fault, keeps=keeps)

    def create(self, owner: User, request: Request) -> Response:
        """POST messages: a draft, of MIME in base64 or of JSON."""
        if media_type(request) == "text/plain":
            content = letter.decoded(request.body)
            message, files = compose.taken_apart(content, letter.read(content))
            message.has_attachments = bool(files)
            draft = Draft(new_id(), owner.address, message, mime=content)
        else:
            given = read(Message, media_type(request), request.body)
            compose.check(given)
            message, files = _own(given)
            message.internet_message_id = message.internet_message_id or compose.new_message_id()
            draft = Draft(new_id(), owner.address, message, files)
        self._items.add(draft)
        return self._shown(owner, request, draft.shown(), 201)

    def get(self, owner: User, request: Request, item: str) -> Response:
        """GET a message."""
        queries.only_select(request.query)
        return self._shown(owner, request, self._items.item(owner.address, item))

    def change(self, owner: User, request: Request, item: str) -> Response:
        """PATCH a draft."""
        if self._items.sent_item(owner.address, item):
            raise Refused(
                400, "ErrorInvalidPropertyUpdateSentMessage", "A message that was sent cannot be changed."
            )
        draft = self._items.draft(owner.address, item)
        given = read(Message, media_type(request), request.body)
        if "attachments" in given.model_fields_set:
            raise wrong_body("Attachments are not changed with their message.")
        compose.check(given)
        self._take_apart(draft)
        names = given.model_fields_set - SET_BY_THE_SERVICE
        draft.message = draft.message.model_copy(update={name: getattr(given, name) for name in names})
        draft.changes += 1
        return self._shown(owner, request, draft.shown())

    def delete(self, owner: User, item: str) -> Response:
        """DELETE a message."""
        sent = self._items.sent_item(owner.address, item)
        if sent:
            self._items.drop_sent(sent)
        else:
            draft = self._items.draft(owner.address, item)
            self._items.remove(draft)
            self._uploads.close(draft)
        return done(204)

    async def send(self, bearer: Bearer, owner: User, request: Request, item: str, fault: GraphFault) -> None:
        """POST send: the draft goes, and is a draft no more."""
        if request.body:
            raise wrong_body("This request has no body.")
        draft = self._items.draft(owner.address, item)
        self._items.remove(draft)  # now, lest two requests at once send it twice
        try:
            content = draft.mime
            if content is None:
                files = tuple(draft.files)
                content = await asyncio.to_thread(compose.mime, draft.message, files, owner.address)
            await self._hand_over(bearer, owner, content, fault)
        except BaseException:
            self._items.put_back(draft)
            raise
        self._uploads.close(draft)

    def attach(self, owner: User, request: Request, item: str) -> Response:
        """POST attachments: a file, whole."""
        draft = self._items.draft(owner.address, item)
        given = read(FileAttachment, media_type(request), request.body)
        file = _file(given)
        if len(file.content) >= LONGEST_FILE:
            raise too_large()
        self._items.room_for(len(file.content))
        self._take_apart(draft)
        draft.files.append(file)
        draft.changes += 1
        stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        shown = FileAttachment(
            odata_type="#microsoft.graph.fileAttachment",
            id=file.id,
            name=file.name,
            content_type=file.kind,
            size=len(file.content),
            is_inline=file.inline,
            content_id=file.content_id or None,
            last_modified_date_time=stamp,
            content_bytes=given.content_bytes,
        )
        return as_json({"@odata.context": f"{_CONTEXT}attachments/$entity", **shown.shown()}, 201)

    def begin_upload(self, owner: User, request: Request, item: str, origin: str) -> Response:
        """POST createUploadSession."""
        draft = self._items.draft(owner.address, item)
        given = read(CreateUploadSession, media_type(request), request.body)
        self._take_apart(draft)
        return self._uploads.open(origin, owner, draft, given.attachment_item)

    def sent_items(self, owner: User, request: Request, folder: str, origin: str) -> Response:
        """GET the messages of a folder; Sent Items is the only one."""
        if folder.lower() != "sentitems":
            raise malformed_id()
        wanted = queries.listing(request.query)
        found = self._items.listing(owner.address, wanted.message_id, wanted.skip, wanted.top + 1)
        shown = [queries.of_message(request.query, item.shown().shown()) for item in found[: wanted.top]]
        body: dict[str, object] = {
            "@odata.context": f"{_CONTEXT}users('{owner.id}')/mailFolders('sentitems')/messages",
            "value": shown,
        }
        if len(found) > wanted.top:
            rest = f"$skip={wanted.skip + wanted.top}&$top={wanted.top}"
            body["@odata.nextLink"] = f"{origin}{request.path}?{rest}"
        return as_json(body)

    def _shown(self, owner: User, request: Request, message: Message, status: int = 200) -> Response:
        context = f"{_CONTEXT}users('{owner.id}')/messages/$entity"
        shown = {"@odata.context": context, **message.shown()}
        return as_json(queries.of_message(request.query, shown), status)

    def _take_apart(self, draft: Draft) -> None:
        """What is changed of a draft that came as MIME makes it the service's own, to be built anew."""
        if draft.mime is not None:
            draft.message, draft.files = compose.taken_apart(draft.mime, letter.read(draft.mime))
            draft.mime = None

    async def _hand_over(
        self, bearer: Bearer, owner: User, content: bytes, fault: GraphFault, *, keeps: bool = True
    ) -> None:
        found = letter.read(content)
        if not found.recipients:
            raise Refused(400, "ErrorInvalidRecipients", "At least one recipient is not valid.")
        if len(content) > (fault.longest_message or LONGEST_MESSAGE):
            words = "The message exceeds the maximum supported size."
            raise Refused(413, "ErrorMessageSizeExceeded", words)
        sender = found.sender[1] or owner.address
        self._access.may_send_as(bearer, owner, sender)
        if fault.sending:
            raise Refused(fault.sending.status, fault.sending.code, fault.sending.words)
        user = bearer.account or bearer.client_id
        arrives = letter.without_bcc(content)
        await self._mailbox.keep(self._server, user, sender, found.recipients, arrives)
        if keeps:
            message = compose.of_letter(found)
            message.has_attachments = found.has_attachments
            self._items.keep(
                SentItem(new_id(), owner.address, datetime.now(UTC), message, found.head, len(content))
            )


def media_type(request: Request) -> str:
    """Of the request's body, without its parameters."""
    return request.headers.get("content-type", "").split(";")[0].strip().lower()


def _own(given: Message) -> tuple[Message, list[File]]:
    """The message without what only the service sets, and its files."""
    files = [_file(attachment) for attachment in given.attachments or ()]
    nothing = dict.fromkeys({*SET_BY_THE_SERVICE, "attachments"})
    return given.model_copy(update=nothing), files


def _file(given: FileAttachment) -> File:
    try:
        content = base64.b64decode(given.content_bytes or "", validate=True)
    except (binascii.Error, ValueError):
        raise wrong_body("Cannot convert the value of 'contentBytes' to the type 'Edm.Binary'.") from None
    kind = given.content_type or "application/octet-stream"
    return File(new_id(), given.name, kind, content, bool(given.is_inline), given.content_id or "")
