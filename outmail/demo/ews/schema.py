"""What a request to the practice Exchange may be made of: the elements, their order, and their values.

It is the part of Microsoft's schemas that mail is sent with, [MS-OXWSCDATA] and those it includes; what is
in an element that the part leaves out is not looked into. The tests hold it against the schemas themselves.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from outmail.demo.ews.parsing import Element
from outmail.demo.ews.soap import SoapFault, tag, text
from transports.shown import harmless

_BOOLEAN = "true|false|1|0"
_INT = r"[+-]?[0-9]{1,10}"
_TIME = r"-?[0-9]{4,}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})?"
_SHAPES = "IdOnly|Default|AllProperties"
_FORMATS = "EwsLegacyId|EwsId|EntryId|HexEntryId|StoreId|OwaId"
_ANY = "(?s).*"
_SOME = "(?s).+"

_PATH = "t:FieldURI|t:IndexedFieldURI|t:ExtendedFieldURI"
_COMPARED = (
    "t:IsEqualTo|t:IsNotEqualTo|t:IsGreaterThan|t:IsGreaterThanOrEqualTo|t:IsLessThan|t:IsLessThanOrEqualTo|"
    "t:And|t:Or|t:Not|t:Contains|t:Exists|t:Excludes"
)
_ITEMS = (
    "t:Item|t:Message|t:SharingMessage|t:CalendarItem|t:Contact|t:DistributionList|t:MeetingMessage|"
    "t:MeetingRequest|t:MeetingResponse|t:MeetingCancellation|t:Task|t:PostItem|t:ReplyToItem|t:ForwardItem|"
    "t:ReplyAllToItem|t:AcceptItem|t:TentativelyAcceptItem|t:DeclineItem|t:CancelCalendarItem|t:RemoveItem"
)
_OF_AN_ITEM = (
    "MimeContent ItemId ParentFolderId ItemClass Subject Sensitivity Body Attachments DateTimeReceived "
    "Size Categories Importance InReplyTo IsSubmitted IsDraft IsFromMe IsResend IsUnmodified "
    "InternetMessageHeaders DateTimeSent DateTimeCreated ResponseObjects ReminderDueBy ReminderIsSet "
    "ReminderNextTime ReminderMinutesBeforeStart DisplayCc DisplayTo HasAttachments ExtendedProperty* "
    "Culture EffectiveRights LastModifiedName LastModifiedTime IsAssociated "
    "WebClientReadFormQueryString WebClientEditFormQueryString ConversationId UniqueBody Flag "
    "StoreEntryId InstanceKey NormalizedBody EntityExtractionResult PolicyTag ArchiveTag RetentionDate "
    "Preview RightsManagementLicenseData PredictedActionReasons IsClutter NextPredictedAction "
    "GroupingAction BlockStatus HasBlockedImages TextBody IconIndex MimeContentUTF8 SearchKey SortKey "
    "Hashtags Mentions MentionedMe PendingSocialActivityTagIds"
)
_OF_A_MESSAGE = (
    "Sender ToRecipients CcRecipients BccRecipients IsReadReceiptRequested IsDeliveryReceiptRequested "
    "ConversationIndex ConversationTopic From InternetMessageId IsRead IsResponseRequested References "
    "ReplyTo ReceivedBy ReceivedRepresenting ApprovalRequestData VotingInformation ReminderMessageData"
)
_FLAGS = (
    "IsSubmitted IsDraft IsFromMe IsResend IsUnmodified ReminderIsSet HasAttachments IsAssociated IsClutter "
    "BlockStatus HasBlockedImages MentionedMe IsReadReceiptRequested IsDeliveryReceiptRequested IsRead "
    "IsResponseRequested"
)


@dataclass(frozen=True, slots=True)
class Particle:
    """One place in an element: which names fit there, and how many of them; `most` 0 is any number."""

    names: tuple[str, ...]
    least: int
    most: int


@dataclass(frozen=True, slots=True)
class Kind:
    """What may be in an element. `text` is None where only elements are; patterns match the whole value."""

    places: tuple[Particle, ...] = ()
    text: str | None = None
    attributes: tuple[tuple[str, str], ...] = ()
    required: frozenset[str] = frozenset()


def _kind(*places: str, text: str | None = None, **attributes: str) -> Kind:
    """Names end as in a DTD: "?" none or one, "*" any number, "+" one or more. With "!" it must be there."""
    return Kind(
        tuple(map(_particle, places)),
        text,
        tuple((name, pattern.removeprefix("!")) for name, pattern in attributes.items()),
        frozenset(name for name, pattern in attributes.items() if pattern.startswith("!")),
    )


def _particle(written: str) -> Particle:
    least, most = {"?": (0, 1), "*": (0, 0), "+": (1, 0)}.get(written[-1], (1, 1))
    return Particle(tuple(written.rstrip("?*+").split("|")), least, most)


def _fields(names: str) -> list[str]:
    return [f"t:{name}" if name.endswith("*") else f"t:{name}?" for name in names.split()]


_IDS = _kind("t:FolderId|t:DistinguishedFolderId+")
_ONE_MAILBOX = _kind("t:Mailbox")
_MAILBOXES = _kind("t:Mailbox*")
_COMPARISON = _kind(_PATH, "t:FieldURIOrConstant")
_STRING = _kind(text=_ANY)

KINDS: dict[str, Kind] = {
    "t:RequestServerVersion": _kind(Version=f"!{_SOME}"),
    "t:ExchangeImpersonation": _kind("t:ConnectingSID"),
    "t:ConnectingSID": _kind("t:PrincipalName|t:SID|t:PrimarySmtpAddress|t:SmtpAddress"),
    **{f"t:{name}": _kind(text=_SOME) for name in ("PrincipalName", "SID")},
    **{f"t:{name}": _kind(text=_SOME) for name in ("PrimarySmtpAddress", "SmtpAddress")},
    "m:CreateItem": _kind(
        "m:SavedItemFolderId?",
        "m:Items",
        MessageDisposition="SaveOnly|SendOnly|SendAndSaveCopy",
        SendMeetingInvitations="SendToNone|SendOnlyToAll|SendToAllAndSaveCopy",
    ),
    "m:SavedItemFolderId": _kind("t:FolderId|t:DistinguishedFolderId|t:AddressListId|t:ConsumerCalendarId"),
    "m:Items": _kind(f"{_ITEMS}+"),
    "t:Message": _kind(*_fields(_OF_AN_ITEM), *_fields(_OF_A_MESSAGE)),
    "t:MimeContent": _kind(text=_ANY, CharacterSet=_ANY),
    "t:Sensitivity": _kind(text="Normal|Personal|Private|Confidential"),
    "t:Importance": _kind(text="Low|Normal|High"),
    "t:Body": _kind(text=_ANY, BodyType="!HTML|Text", IsTruncated=_BOOLEAN),
    **{f"t:{name}": _kind(text=_BOOLEAN) for name in _FLAGS.split()},
    **{f"t:{name}": _kind(text=_INT) for name in ("Size", "ReminderMinutesBeforeStart")},
    **{f"t:{name}": _kind(text=_TIME) for name in ("DateTimeReceived", "DateTimeSent", "DateTimeCreated")},
    **{
        f"t:{name}": _STRING
        for name in ("Subject", "ItemClass", "InReplyTo", "InternetMessageId", "References")
    },
    **{f"t:{name}": _ONE_MAILBOX for name in ("Sender", "From", "ReceivedBy", "ReceivedRepresenting")},
    **{f"t:{name}": _MAILBOXES for name in ("ToRecipients", "CcRecipients", "BccRecipients", "ReplyTo")},
    "t:Mailbox": _kind(
        *("t:Name?", "t:EmailAddress?", "t:RoutingType?", "t:MailboxType?", "t:ItemId?"),
        "t:OriginalDisplayName?",
    ),
    "t:Name": _STRING,
    **{f"t:{name}": _kind(text=_SOME) for name in ("EmailAddress", "RoutingType")},
    "m:GetFolder": _kind("m:FolderShape", "m:FolderIds"),
    "m:FolderShape": _kind("t:BaseShape", "t:AdditionalProperties?"),
    "m:FolderIds": _IDS,
    "m:ParentFolderIds": _IDS,
    "t:FolderId": _kind(Id=f"!{_ANY}", ChangeKey=_ANY),
    "t:DistinguishedFolderId": _kind("t:Mailbox?", Id="![a-z]+", ChangeKey=_ANY),
    "t:BaseShape": _kind(text=_SHAPES),
    "t:AdditionalProperties": _kind(f"{_PATH}+"),
    "t:FieldURI": _kind(FieldURI="![a-z]+:[A-Za-z:]+"),
    "m:GetItem": _kind("m:ItemShape", "m:ItemIds"),
    "m:ItemIds": _kind("t:ItemId|t:OccurrenceItemId|t:RecurringMasterItemId|t:RecurringMasterItemIdRanges+"),
    "t:ItemId": _kind(Id=f"!{_ANY}", ChangeKey=_ANY),
    "m:FindItem": _kind(
        "m:ItemShape",
        "m:IndexedPageItemView|m:FractionalPageItemView|m:SeekToConditionPageItemView|m:CalendarView|"
        "m:ContactsView?",
        "m:GroupBy|m:DistinguishedGroupBy?",
        *("m:Restriction?", "m:SortOrder?", "m:ParentFolderIds", "m:QueryString?"),
        Traversal="!Shallow|SoftDeleted|Associated",
    ),
    "m:ItemShape": _kind(
        "t:BaseShape",
        *("t:IncludeMimeContent?", "t:BodyType?", "t:UniqueBodyType?", "t:NormalizedBodyType?"),
        *("t:FilterHtmlContent?", "t:ConvertHtmlCodePageToUTF8?", "t:InlineImageUrlTemplate?"),
        *("t:BlockExternalImages?", "t:AddBlankTargetToLinks?", "t:MaximumBodySize?"),
        "t:AdditionalProperties?",
    ),
    "m:IndexedPageItemView": _kind(MaxEntriesReturned=_INT, Offset=f"!{_INT}", BasePoint="!Beginning|End"),
    "m:Restriction": _kind(_COMPARED),
    "t:IsEqualTo": _COMPARISON,
    "t:FieldURIOrConstant": _kind(f"{_PATH}|t:Constant"),
    "t:Constant": _kind(Value=f"!{_ANY}"),
    "m:SortOrder": _kind("t:FieldOrder+"),
    "t:FieldOrder": _kind(_PATH, Order="!Ascending|Descending"),
    "m:ResolveNames": _kind(
        "m:ParentFolderIds?",
        "m:UnresolvedEntry",
        ReturnFullContactData=f"!{_BOOLEAN}",
        SearchScope="ActiveDirectory|ActiveDirectoryContacts|Contacts|ContactsActiveDirectory",
        ContactDataShape=_SHAPES,
    ),
    "m:UnresolvedEntry": _kind(text=_SOME),
    "m:ConvertId": _kind("m:SourceIds", DestinationFormat=f"!{_FORMATS}"),
    "m:SourceIds": _kind("t:AlternateId|t:AlternatePublicFolderId|t:AlternatePublicFolderItemId+"),
    "t:AlternateId": _kind(Format=f"!{_FORMATS}", Id=f"!{_ANY}", Mailbox=f"!{_SOME}", IsArchive=_BOOLEAN),
}
"""By the element's name. In this part of the schemas no name means two things."""


def check(element: Element) -> None:
    """Whether the element and all that is in it fit. Raises SoapFault (ErrorSchemaValidation)."""
    kind = KINDS.get(element.name)
    if kind is None:
        return
    _attributes(element, kind)
    if kind.text is None and element.text.strip():
        raise _wrong(element, f"The element '{element.local}' cannot contain text.")
    if kind.text is not None and not _whole(kind.text).fullmatch(element.text):
        raise _wrong(element, f"The '{element.local}' element is invalid - The value is invalid.")
    _places(element, kind)
    for child in element.children:
        check(child)


def _attributes(element: Element, kind: Kind) -> None:
    known = dict(kind.attributes)
    for name, value in element.attributes.items():
        if name not in known:
            raise _wrong(element, f"The '{harmless(name, 60)}' attribute is not declared.")
        if not _whole(known[name]).fullmatch(value):
            raise _wrong(element, f"The '{name}' attribute is invalid - The value is invalid.")
    for name in sorted(kind.required - element.attributes.keys()):
        raise _wrong(element, f"The required attribute '{name}' is missing.")


def _places(element: Element, kind: Kind) -> None:
    place = taken = 0
    for child in element.children:
        while place < len(kind.places) and not _fits(child, kind.places[place], taken):
            if taken < kind.places[place].least:
                raise _misplaced(element, child)
            place, taken = place + 1, 0
        if place == len(kind.places):
            raise _misplaced(element, child)
        taken += 1
    for particle in kind.places[place:]:
        if taken < particle.least:
            words = f"The element '{element.local}' has incomplete content: '{particle.names[0]}' is missing."
            raise _wrong(element, words)
        taken = 0


def _fits(child: Element, particle: Particle, taken: int) -> bool:
    return child.name in particle.names and not (particle.most and taken >= particle.most)


def _misplaced(element: Element, child: Element) -> SoapFault:
    return _wrong(
        child,
        f"The element '{element.local}' in namespace '{element.namespace}' has invalid child element "
        f"'{harmless(child.local, 60)}' in namespace '{harmless(child.namespace, 100)}'.",
    )


def _wrong(element: Element, words: str) -> SoapFault:
    about = (
        tag("t:LineNumber", str(element.line)),
        tag("t:LinePosition", str(element.column)),
        tag("t:Violation", text(words)),
    )
    return SoapFault(
        "ErrorSchemaValidation", f"The request failed schema validation: {words}", about="".join(about)
    )


@cache
def _whole(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)
