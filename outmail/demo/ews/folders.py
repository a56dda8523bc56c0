"""GetFolder, FindItem and GetItem at the practice Exchange: well-known folders, and a look into Sent Items.

What it does not understand of a question it refuses, so that a program cannot believe it was heeded.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Set
from dataclasses import dataclass
from datetime import datetime

from outmail.demo.ews.access import Access, Caller
from outmail.demo.ews.faults import EwsFault
from outmail.demo.ews.items import Items, SentItem, readable_id
from outmail.demo.ews.parsing import Element
from outmail.demo.ews.soap import Failed, SoapFault, done, tag, text, yes_no
from outmail.demo.graph.letter import Address

MOST_ITEMS = 1000
"""Items of one answer."""


@dataclass(frozen=True, slots=True)
class _Folder:
    shown: str
    parent: str
    kind: str = "IPF.Note"


_FOLDERS = {
    "root": _Folder("", "root", ""),
    "msgfolderroot": _Folder("Top of Information Store", "root"),
    "inbox": _Folder("Inbox", "msgfolderroot"),
    "drafts": _Folder("Drafts", "msgfolderroot"),
    "outbox": _Folder("Outbox", "msgfolderroot"),
    "sentitems": _Folder("Sent Items", "msgfolderroot"),
    "deleteditems": _Folder("Deleted Items", "msgfolderroot"),
}

_OF_A_MESSAGE: dict[str, Callable[[SentItem], str]] = {
    "item:ItemId": lambda item: tag("t:ItemId", Id=item.id, ChangeKey=item.change_key),
    "item:ParentFolderId": lambda item: _id("t:ParentFolderId", item.owner, "sentitems"),
    "item:ItemClass": lambda _item: tag("t:ItemClass", "IPM.Note"),
    "item:Subject": lambda item: tag("t:Subject", text(item.subject)),
    "item:DateTimeReceived": lambda item: tag("t:DateTimeReceived", _stamp(item.sent)),
    "item:Size": lambda item: tag("t:Size", str(item.size)),
    "item:IsDraft": lambda _item: tag("t:IsDraft", "false"),
    "item:DateTimeSent": lambda item: tag("t:DateTimeSent", _stamp(item.sent)),
    "item:DateTimeCreated": lambda item: tag("t:DateTimeCreated", _stamp(item.sent)),
    "item:HasAttachments": lambda item: tag("t:HasAttachments", yes_no(item.has_attachments)),
    "message:ToRecipients": lambda item: _mailboxes("t:ToRecipients", item.to),
    "message:CcRecipients": lambda item: _mailboxes("t:CcRecipients", item.cc),
    "message:BccRecipients": lambda item: _mailboxes("t:BccRecipients", item.bcc),
    "message:From": lambda item: tag("t:From", _mailbox(*item.sender)),
    "message:InternetMessageId": lambda item: tag("t:InternetMessageId", text(item.message_id)),
    "message:IsRead": lambda _item: tag("t:IsRead", "true"),
}
"""In the order of the schema."""

_ONLY_BY_ID = {"message:ToRecipients", "message:CcRecipients", "message:BccRecipients"}
"""What GetItem tells, and no search does."""

_RIGHTS = (
    "CreateAssociated",
    "CreateContents",
    "CreateHierarchy",
    "Delete",
    "Modify",
    "Read",
    "ViewPrivateItems",
)


class Folders:
    """Everybody's folders. All methods raise SoapFault."""

    def __init__(self, access: Access, items: Items) -> None:
        self._access = access
        self._items = items

    def get(self, caller: Caller, asked: Element, fault: EwsFault) -> list[str]:
        """The response messages of GetFolder."""
        wanted = _properties(asked.child("m:FolderShape"))

        def one(owner: str, name: str) -> str:
            return done("GetFolder", tag("m:Folders", tag("t:Folder", *self._shown(owner, name, wanted))))

        return self._for_each("GetFolder", caller, asked.child("m:FolderIds"), fault, one)

    def find(self, caller: Caller, asked: Element, fault: EwsFault) -> list[str]:
        """The response messages of FindItem: Sent Items, the newest first, or those of one Message-ID."""
        _only(asked, {"m:ItemShape", "m:IndexedPageItemView", "m:Restriction", "m:ParentFolderIds"})
        wanted = _properties(asked.child("m:ItemShape"))
        if wanted and wanted & _ONLY_BY_ID:
            words = "The property can not be used with this type of request."
            raise SoapFault("ErrorInvalidPropertyRequest", words)
        message_id = _message_id(asked.child("m:Restriction"))
        skips, most = _page(asked.child("m:IndexedPageItemView"))
        shallow = asked.attributes["Traversal"] == "Shallow"

        def one(owner: str, name: str) -> str:
            there = self._items.of(owner, message_id) if name == "sentitems" and shallow else []
            shown = there[skips : skips + most]
            last = skips + len(shown) >= len(there)
            inside = tag("t:Items", *(_message(item, wanted, _ONLY_BY_ID) for item in shown))
            return done(
                "FindItem",
                tag(
                    "m:RootFolder",
                    inside,
                    IndexedPagingOffset=str(skips + len(shown)),
                    TotalItemsInView=str(len(there)),
                    IncludesLastItemInRange=yes_no(last),
                ),
            )

        return self._for_each("FindItem", caller, asked.child("m:ParentFolderIds"), fault, one)

    def items(self, caller: Caller, asked: Element, fault: EwsFault) -> list[str]:
        """The response messages of GetItem: mails of Sent Items, without their content."""
        wanted = _properties(asked.child("m:ItemShape"))
        ids = asked.child("m:ItemIds")
        messages = []
        for given in ids.children if ids else ():
            try:
                _not_if(fault)
                item = self._items.item(given.attributes.get("Id", ""))
                self._access.mailbox(caller, item.owner)
                messages.append(done("GetItem", tag("m:Items", _message(item, wanted))))
            except Failed as failed:
                messages.append(failed.message("GetItem"))
        return messages

    def named(self, caller: Caller, given: Element) -> tuple[str, str]:
        """Whose folder an ID means, and which one it is. Raises Failed."""
        if given.name == "t:DistinguishedFolderId":
            name = given.attributes["Id"]
            owner = given.words("t:Mailbox", "t:EmailAddress")
        else:
            owner, name = _taken_apart(given.attributes.get("Id", ""))
        owner = self._access.mailbox(caller, owner)
        if name not in _FOLDERS:
            raise Failed("ErrorFolderNotFound", "The specified folder could not be found in the store.")
        return owner, name

    def _for_each(
        self,
        operation: str,
        caller: Caller,
        ids: Element | None,
        fault: EwsFault,
        one: Callable[[str, str], str],
    ) -> list[str]:
        messages = []
        for given in ids.children if ids else ():
            try:
                _not_if(fault)
                messages.append(one(*self.named(caller, given)))
            except Failed as failed:
                messages.append(failed.message(operation))
        return messages

    def _shown(self, owner: str, name: str, wanted: set[str] | None) -> list[str]:
        folder = _FOLDERS[name]
        total = len(self._items.of(owner)) if name == "sentitems" else 0
        children = sum(other.parent == name for key, other in _FOLDERS.items() if key != name)
        known = {
            "folder:FolderId": _id("t:FolderId", owner, name),
            "folder:ParentFolderId": _id("t:ParentFolderId", owner, folder.parent),
            "folder:FolderClass": tag("t:FolderClass", folder.kind) if folder.kind else "",
            "folder:DisplayName": tag("t:DisplayName", folder.shown),
            "folder:TotalCount": tag("t:TotalCount", str(total)),
            "folder:ChildFolderCount": tag("t:ChildFolderCount", str(children)),
            "folder:EffectiveRights": tag(
                "t:EffectiveRights", *(tag(f"t:{right}", "true") for right in _RIGHTS)
            ),
            "folder:DistinguishedFolderId": tag("t:DistinguishedFolderId", name),
            "folder:UnreadCount": tag("t:UnreadCount", "0"),
        }
        return [
            xml for field, xml in known.items() if wanted is None or field in wanted | {"folder:FolderId"}
        ]


def _not_if(fault: EwsFault) -> None:
    if fault.mailbox:
        raise Failed(fault.mailbox.code, fault.mailbox.words, fault.mailbox.values)


def _message(item: SentItem, wanted: set[str] | None, besides: Set[str] = frozenset()) -> str:
    asked = (_OF_A_MESSAGE.keys() if wanted is None else wanted | {"item:ItemId"}) - besides
    return tag("t:Message", *(shown(item) for field, shown in _OF_A_MESSAGE.items() if field in asked))


def _properties(shape: Element | None) -> set[str] | None:
    """Which properties are asked for beside the ID; None is all of them."""
    if shape is None or shape.words("t:BaseShape") != "IdOnly":
        return None
    more = shape.child("t:AdditionalProperties")
    return {path.attributes.get("FieldURI", "") for path in (more.children if more else ())}


def _message_id(restriction: Element | None) -> str | None:
    if restriction is None:
        return None
    path = restriction.within("t:IsEqualTo", "t:FieldURI")
    value = restriction.within("t:IsEqualTo", "t:FieldURIOrConstant", "t:Constant")
    if path is None or value is None or path.attributes["FieldURI"] != "message:InternetMessageId":
        raise _not_here("Mails are found by message:InternetMessageId, with IsEqualTo.")
    return value.attributes["Value"]


def _page(view: Element | None) -> tuple[int, int]:
    """How many items to skip, and how many to tell."""
    if view is None:
        return 0, MOST_ITEMS
    skips = int(view.attributes["Offset"])
    most = int(view.attributes.get("MaxEntriesReturned", MOST_ITEMS))
    if view.attributes["BasePoint"] != "Beginning" or skips < 0:
        raise _not_here("Items are counted from the beginning.")
    if most < 1:
        words = "The value of MaxEntriesReturned must be at least 1."
        raise SoapFault("ErrorInvalidPagingMaxRows", words)
    return skips, min(most, MOST_ITEMS)


def _only(asked: Element, known: set[str]) -> None:
    unknown = next((child.local for child in asked.children if child.name not in known), "")
    if unknown:
        raise _not_here(f"There is no {unknown} in it.")


def _not_here(words: str) -> SoapFault:
    return SoapFault("ErrorInvalidRequest", f"The practice Exchange does not do that. {words}")


def _id(name: str, owner: str, folder: str) -> str:
    return tag(name, Id=readable_id(f"{owner}|{folder}"), ChangeKey="AQAAAA==")


def _taken_apart(given: str) -> tuple[str, str]:
    """The mailbox and the name in a folder's ID. Raises Failed."""
    try:
        owner, _, name = base64.b64decode(given, validate=True)[3:].decode().partition("|")
    except (binascii.Error, ValueError):
        owner = name = ""
    if not owner or not name:
        raise Failed("ErrorInvalidIdMalformed", "Id is malformed.")
    return owner, name


def _mailbox(name: str, address: str) -> str:
    return tag(
        "t:Mailbox",
        tag("t:Name", text(name or address)),
        tag("t:EmailAddress", text(address)),
        tag("t:RoutingType", "SMTP"),
    )


def _mailboxes(name: str, people: tuple[Address, ...]) -> str:
    """A list of them; left out where nobody is in it."""
    return tag(name, *(_mailbox(*person) for person in people)) if people else ""


def _stamp(when: datetime) -> str:
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")
