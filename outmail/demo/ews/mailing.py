"""CreateItem at the practice Exchange: takes a mail as MIME, and puts a copy into Sent Items where asked to.

What is sent arrives in the tenant's mailbox, once, byte for byte but for Bcc.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from datetime import UTC, datetime

from outmail.demo.ews.access import Access, Caller
from outmail.demo.ews.faults import EwsFault
from outmail.demo.ews.folders import Folders
from outmail.demo.ews.items import Items, SentItem, Submission, new_id
from outmail.demo.ews.parsing import Element
from outmail.demo.ews.soap import Failed, SoapFault, done
from outmail.demo.graph import letter
from outmail.demo.graph.letter import Address, Letter
from outmail.demo.graph.refusals import Refused
from outmail.demo.mailbox import Mailbox

LONGEST_MESSAGE = 35 * 1024 * 1024
"""Bytes of MIME, as Exchange Online has it unless an admin says otherwise."""

MOST_AT_A_TIME = 50


class Mailing:
    """Does what was asked; who asks is known."""

    def __init__(self, server: str, mailbox: Mailbox, access: Access, items: Items, folders: Folders) -> None:
        self._server = server
        self._mailbox = mailbox
        self._access = access
        self._items = items
        self._folders = folders

    async def create(self, caller: Caller, asked: Element, fault: EwsFault) -> tuple[list[str], int]:
        """The response messages of CreateItem, and how many mails were taken. Raises SoapFault."""
        disposition = asked.attributes.get("MessageDisposition", "")
        items = asked.child("m:Items")
        if not disposition:
            words = "Message disposition must be specified for message items."
            raise SoapFault("ErrorMessageDispositionRequired", words)
        if items is None or disposition == "SaveOnly" or len(items.children) > MOST_AT_A_TIME:
            raise SoapFault("ErrorInvalidRequest", "The practice Exchange sends mails, a few at a time.")
        messages, taken = [], 0
        for item in items.children:
            try:
                messages.append(await self._send(caller, asked, item, disposition, fault))
                taken += 1
            except Failed as failed:
                messages.append(failed.message("CreateItem"))
        return messages, taken

    async def _send(
        self, caller: Caller, asked: Element, item: Element, disposition: str, fault: EwsFault
    ) -> str:
        if fault.mailbox:
            raise Failed(fault.mailbox.code, fault.mailbox.words, fault.mailbox.values)
        copies = disposition == "SendAndSaveCopy"
        owner = self._owner_of_the_copy(caller, asked) if copies else caller.mailbox
        content = _mime(item)
        found = _read(content)
        to, cc, bcc = _people(found, item)
        recipients = _once(to + cc + bcc)
        if not recipients:
            raise Failed("ErrorInvalidRecipients", "At least one recipient isn't valid.")
        if len(content) > (fault.longest_message or LONGEST_MESSAGE):
            words = "The message exceeds the maximum supported size."
            raise Failed("ErrorMessageSizeExceeded", words)
        named = item.words("t:From", "t:Mailbox", "t:EmailAddress")
        sender = named or found.sender[1] or caller.mailbox
        self._access.may_send_as(caller, sender)
        if fault.sending:
            raise Failed(fault.sending.code, fault.sending.words, fault.sending.values)
        mail = await self._mailbox.keep(
            self._server, caller.user, sender, recipients, letter.without_bcc(content)
        )
        self._items.submissions.append(
            Submission(
                mailbox=caller.mailbox,
                user=caller.user,
                anchor=caller.anchor,
                impersonates=caller.impersonates,
                disposition=disposition,
                properties={child.local: child.text.strip() for child in item.children[1:]},
                number=mail.number,
            )
        )
        if copies:
            self._items.keep(
                SentItem(
                    id=new_id(),
                    owner=owner,
                    sent=datetime.now(UTC),
                    sender=(found.sender[0], sender),
                    to=to,
                    cc=cc,
                    bcc=bcc,
                    subject=found.subject,
                    message_id=found.message_id,
                    size=len(content),
                    has_attachments=found.has_attachments,
                    head=found.head,
                )
            )
        return done("CreateItem", "<m:Items/>")

    def _owner_of_the_copy(self, caller: Caller, asked: Element) -> str:
        saved = asked.child("m:SavedItemFolderId")
        if saved is None:
            return caller.mailbox
        owner, folder = self._folders.named(caller, saved.children[0])
        if folder != "sentitems":
            raise Failed("ErrorSavedItemFolderNotFound", "Copies of sent mail are kept in Sent Items alone.")
        return owner


def _mime(item: Element) -> bytes:
    if item.name != "t:Message":
        words = "The practice Exchange takes mails, and nothing else."
        raise Failed("ErrorInvalidItemForOperationCreateItem", words)
    given = item.child("t:MimeContent")
    if given is None:
        # The real service builds a mail from its parts; nothing here would ever ask for that.
        words = "The practice Exchange takes a mail as MimeContent, whole."
        raise Failed("ErrorMimeContentInvalid", words)
    try:
        content = base64.b64decode("".join(given.text.split()), validate=True)
    except (binascii.Error, ValueError):
        content = b""
    if not content:
        raise Failed("ErrorMimeContentInvalidBase64String", "Invalid base64 string for MIME content.")
    return content


def _read(content: bytes) -> Letter:
    try:
        return letter.read(content)
    except Refused as refused:
        raise Failed(refused.code, refused.words) from None


def _people(found: Letter, item: Element) -> list[tuple[Address, ...]]:
    """Who is in To, in Cc and in Bcc: of the head, and of the item beside it."""
    people = []
    for name, written in (("To", found.to), ("Cc", found.cc), ("Bcc", found.bcc)):
        named = item.child(f"t:{name}Recipients")
        mailboxes = named.children if named else []
        beside = [(mailbox.words("t:Name"), mailbox.words("t:EmailAddress")) for mailbox in mailboxes]
        people.append((*written, *(each for each in beside if each[1])))
    return people


def _once(people: Iterable[Address]) -> tuple[str, ...]:
    """Everybody's address once."""
    once: dict[str, str] = {}
    for _, address in people:
        once.setdefault(address.lower(), address)
    return tuple(once.values())
