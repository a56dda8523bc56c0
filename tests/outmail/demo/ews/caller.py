"""The independent client of these tests: httpx, with XML written by hand."""

from __future__ import annotations

import base64
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

import httpx

from outmail.demo.ews.parsing import MESSAGES, SOAP, TYPES
from outmail.demo.ews.soap import ERRORS
from outmail.demo.names import DESK, PASSWORD
from outmail.demo.oauth.directory import EXCHANGE
from outmail.demo.tenant import PracticeTenant
from tests.outmail.demo.graph.caller import MIME, app_token, token

NAMESPACES = {"s": SOAP, "m": MESSAGES, "t": TYPES, "e": ERRORS}
SENT_ITEMS = '<t:DistinguishedFolderId Id="sentitems"/>'
RIGHT = "EWS.AccessAsUser.All"


def basic(name: str = DESK, password: str = PASSWORD) -> str:
    """The value of Authorization for a password."""
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


async def persons(tenant: PracticeTenant, account: str = DESK) -> str:
    """The value of Authorization for a person's token."""
    return "Bearer " + await token(tenant, RIGHT, account=account, resource=EXCHANGE)


async def applications(tenant: PracticeTenant) -> str:
    """The value of Authorization for an application's token."""
    return "Bearer " + await app_token(tenant, EXCHANGE)


def impersonating(mailbox: str, by: str = "PrimarySmtpAddress") -> str:
    """The header by which an application says in whose name it acts."""
    sid = f"<t:ConnectingSID><t:{by}>{mailbox}</t:{by}></t:ConnectingSID>"
    return f"<t:ExchangeImpersonation>{sid}</t:ExchangeImpersonation>"


def envelope(operation: str, header: str = "", version: str = "Exchange2013_SP1") -> bytes:
    """A request as SOAP."""
    asked = f'<t:RequestServerVersion Version="{version}"/>' if version else ""
    return (
        f'<?xml version="1.0" encoding="utf-8"?><s:Envelope xmlns:s="{SOAP}" xmlns:m="{MESSAGES}" '
        f'xmlns:t="{TYPES}"><s:Header>{asked}{header}</s:Header><s:Body>{operation}</s:Body></s:Envelope>'
    ).encode()


def message(mime: bytes = MIME, more: str = "") -> str:
    """A mail as an item."""
    return f"<t:Message><t:MimeContent>{base64.b64encode(mime).decode()}</t:MimeContent>{more}</t:Message>"


def create_item(*items: str, copy: bool = False, folder: str = "") -> str:
    """CreateItem: SendOnly, or with a copy in Sent Items or in the folder that is named."""
    disposition = "SendAndSaveCopy" if copy else "SendOnly"
    saved = f"<m:SavedItemFolderId>{folder}</m:SavedItemFolderId>" if folder else ""
    inside = "".join(items or (message(),))
    return (
        f'<m:CreateItem MessageDisposition="{disposition}">{saved}<m:Items>{inside}</m:Items></m:CreateItem>'
    )


def get_folder(*folders: str, shape: str = "<t:BaseShape>AllProperties</t:BaseShape>") -> str:
    """GetFolder."""
    ids = "".join(folders or (SENT_ITEMS,))
    return (
        f"<m:GetFolder><m:FolderShape>{shape}</m:FolderShape><m:FolderIds>{ids}</m:FolderIds></m:GetFolder>"
    )


def find_item(
    message_id: str | None = None,
    folder: str = SENT_ITEMS,
    shape: str = "<t:BaseShape>AllProperties</t:BaseShape>",
    view: str = "",
) -> str:
    """FindItem in a folder: everything, or what has this Message-ID."""
    restriction = ""
    if message_id is not None:
        restriction = (
            '<m:Restriction><t:IsEqualTo><t:FieldURI FieldURI="message:InternetMessageId"/>'
            f'<t:FieldURIOrConstant><t:Constant Value="{escape(message_id)}"/></t:FieldURIOrConstant>'
            "</t:IsEqualTo></m:Restriction>"
        )
    return (
        f'<m:FindItem Traversal="Shallow"><m:ItemShape>{shape}</m:ItemShape>{view}{restriction}'
        f"<m:ParentFolderIds>{folder}</m:ParentFolderIds></m:FindItem>"
    )


def get_item(*ids: str, shape: str = "<t:BaseShape>AllProperties</t:BaseShape>") -> str:
    """GetItem."""
    inside = "".join(f'<t:ItemId Id="{one}"/>' for one in ids)
    return f"<m:GetItem><m:ItemShape>{shape}</m:ItemShape><m:ItemIds>{inside}</m:ItemIds></m:GetItem>"


def resolve_names(entry: str) -> str:
    """ResolveNames."""
    return (
        '<m:ResolveNames ReturnFullContactData="false">'
        f"<m:UnresolvedEntry>{entry}</m:UnresolvedEntry></m:ResolveNames>"
    )


def convert_id(item: str, source: str = "EwsId", to: str = "HexEntryId", mailbox: str = DESK) -> str:
    """ConvertId."""
    alternate = f'<t:AlternateId Format="{source}" Id="{item}" Mailbox="{mailbox}"/>'
    return f'<m:ConvertId DestinationFormat="{to}"><m:SourceIds>{alternate}</m:SourceIds></m:ConvertId>'


@dataclass
class Caller:
    """A program that signs in with each request."""

    http: httpx.AsyncClient
    tenant: PracticeTenant
    header: str = ""
    """What its requests carry in their SOAP header."""

    async def post(self, body: bytes, headers: Mapping[str, str] | None = None) -> httpx.Response:
        """A request with this body."""
        kind = {"Content-Type": "text/xml; charset=utf-8", **(headers or {})}
        return await self.http.post(self.tenant.ews.url, content=body, headers=kind)

    async def ask(self, operation: str, headers: Mapping[str, str] | None = None) -> httpx.Response:
        """A request for this operation."""
        return await self.post(envelope(operation, self.header), headers)

    async def codes(self, operation: str) -> list[str]:
        """The response codes of its answer: one for each thing that was asked for, or that of a fault."""
        return codes(await self.ask(operation))

    async def sends(self, mime: bytes = MIME, *, copy: bool = False) -> list[str]:
        """Send a mail: the codes."""
        return await self.codes(create_item(message(mime), copy=copy))


@asynccontextmanager
async def calling(
    tenant: PracticeTenant, authorization: str | None = None, header: str = ""
) -> AsyncIterator[Caller]:
    """A program that signs in so, by itself as the desk with its password; with "" not at all."""
    trust = ssl.create_default_context(cafile=str(tenant.ca_file))
    given = basic() if authorization is None else authorization
    headers = {"Authorization": given} if given else {}
    async with httpx.AsyncClient(verify=trust, trust_env=False, timeout=20, headers=headers) as http:
        yield Caller(http, tenant, header)


def root(answer: httpx.Response) -> ET.Element:
    """The answer as XML."""
    assert answer.headers["Content-Type"] == "text/xml; charset=utf-8", answer.text
    return ET.fromstring(answer.content)


def codes(answer: httpx.Response) -> list[str]:
    """The response codes of an answer, or that of a fault."""
    found = root(answer)
    if answer.status_code == 500:
        return [found.findtext(".//e:ResponseCode", "", NAMESPACES)]
    assert answer.status_code == 200, answer.text
    return [str(code.text) for code in found.iterfind(".//m:ResponseCode", NAMESPACES)]


def values(answer: httpx.Response, name: str) -> list[str]:
    """The texts of all elements of this name."""
    return [str(element.text or "") for element in root(answer).iterfind(f".//t:{name}", NAMESPACES)]
