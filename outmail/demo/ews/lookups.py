"""ResolveNames and ConvertId at the practice Exchange: harmless questions that programs try a sign-in with.

They answer from the tenant's own people, and look nothing up anywhere else.
"""

from __future__ import annotations

import base64
import binascii
from urllib.parse import quote, unquote

from outmail.demo.ews.access import NO_MAILBOX, Access
from outmail.demo.ews.parsing import Element
from outmail.demo.ews.soap import Failed, SoapFault, done, tag, text

MOST_IDS = 100
_BEGINS = b"\x00\x03\x24"


def resolve_names(access: Access, asked: Element) -> list[str]:
    """The response message of ResolveNames: mailboxes of which address or name begin so."""
    wanted = asked.words("m:UnresolvedEntry").lower().removeprefix("smtp:")
    found = [address for address in access.mailboxes if wanted and address.startswith(wanted)]
    if not found:
        none = Failed("ErrorNameResolutionNoResults", "No results were found.")
        return [none.message("ResolveNames")]
    inside = tag(
        "m:ResolutionSet",
        *(tag("t:Resolution", _mailbox(address)) for address in found),
        TotalItemsInView=str(len(found)),
        IncludesLastItemInRange="true",
    )
    if len(found) == 1:
        return [done("ResolveNames", inside)]
    return [
        tag(
            "m:ResolveNamesResponseMessage",
            tag("m:MessageText", "Multiple results were found."),
            tag("m:ResponseCode", "ErrorNameResolutionMultipleResults"),
            tag("m:DescriptiveLinkKey", "0"),
            inside,
            ResponseClass="Warning",
        )
    ]


def convert_id(access: Access, asked: Element) -> list[str]:
    """The response messages of ConvertId, one for each ID. Raises SoapFault."""
    given = asked.child("m:SourceIds")
    ids = given.children if given else []
    if len(ids) > MOST_IDS:
        raise SoapFault("ErrorInvalidRequest", "The practice Exchange converts a hundred IDs at a time.")
    messages = []
    for source in ids:
        try:
            messages.append(_converted(access, source, asked.attributes["DestinationFormat"]))
        except Failed as failed:
            messages.append(failed.message("ConvertId"))
    return messages


def _converted(access: Access, source: Element, wanted: str) -> str:
    if source.name != "t:AlternateId":
        raise Failed("ErrorInvalidOperation", "The practice Exchange has no public folders.")
    raw = _raw(source.attributes["Id"], source.attributes["Format"])
    mailbox = source.attributes["Mailbox"]
    if mailbox.lower() not in access.mailboxes:
        raise Failed("ErrorNonExistentMailbox", NO_MAILBOX)
    alternate = tag(
        "m:AlternateId",
        **{"xmlns:i": "http://www.w3.org/2001/XMLSchema-instance", "i:type": "t:AlternateIdType"},
        Format=wanted,
        Id=_written(raw, wanted),
        Mailbox=mailbox,
    )
    return done("ConvertId", alternate)


def _raw(given: str, form: str) -> bytes:
    """What stands behind an ID in one of its forms. Raises Failed."""
    try:
        if form == "HexEntryId":
            raw = bytes.fromhex(given)
        else:
            plain = unquote(given) if form == "OwaId" else given
            raw = base64.b64decode(plain, validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if not raw.startswith(_BEGINS):
        raise Failed("ErrorInvalidIdMalformed", "Id is malformed.")
    return raw


def _written(raw: bytes, form: str) -> str:
    if form == "HexEntryId":
        return raw.hex().upper()
    plain = base64.b64encode(raw).decode()
    return quote(plain, safe="") if form == "OwaId" else plain


def _mailbox(address: str) -> str:
    return tag(
        "t:Mailbox",
        tag("t:Name", text(address.partition("@")[0].title())),
        tag("t:EmailAddress", text(address)),
        tag("t:RoutingType", "SMTP"),
        tag("t:MailboxType", "Mailbox"),
    )
