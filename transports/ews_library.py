"""exchangelib on our own line: it words the requests and signs in; it connects, repeats and logs nothing.

This is the only file that imports it, and is itself imported in a worker thread alone: that takes half a
second and 60 MB. What the server says is not read here: the library's reading of it is not to be relied on.
"""

from __future__ import annotations

import contextlib
import logging
from threading import Lock
from typing import TYPE_CHECKING

import requests
from exchangelib import Account, Build, Configuration, FailFast, Message, Version
from exchangelib.account import Identity
from exchangelib.credentials import DELEGATE, IMPERSONATION
from exchangelib.items import ID_ONLY, SEND_AND_SAVE_COPY, SEND_ONLY, SEND_TO_NONE, SHALLOW
from exchangelib.properties import DistinguishedFolderId, EWSElement, ItemId, Mailbox
from exchangelib.protocol import CachingProtocol, Protocol
from exchangelib.services import CreateItem, EWSService, FindItem, GetFolder, GetItem, ResolveNames
from exchangelib.transport import NOAUTH
from exchangelib.util import TNS, create_element, post_ratelimited
from requests.auth import AuthBase, HTTPBasicAuth
from requests_ntlm import HttpNtlmAuth
from requests_ntlm.requests_ntlm import _get_certificate_hash

from transports import ews_requests
from transports.ews_line import Line
from transports.ews_requests import NotSayable
from transports.ews_schemes import Scheme, SignIn
from transports.http import USER_AGENT
from transports.secret import Secret
from transports.taken_before import MOST_FOUND

if TYPE_CHECKING:
    from lxml.etree import _Element

for _talkative in ("exchangelib", "requests_ntlm", "spnego"):  # they log headers, passwords and whole mails
    logging.getLogger(_talkative).setLevel(logging.CRITICAL + 1)
    logging.getLogger(_talkative).propagate = False

_VERSION = Version(build=Build(14, 2))
"""Exchange 2010 SP2, in whose words every later server understands what is asked here."""

_MIME = f"{{{TNS}}}MimeContent"
_RECIPIENTS = ("message:ToRecipients", "message:CcRecipients", "message:BccRecipients")


class Library:
    """What asks one server for one mailbox. It blocks: each method is for one worker thread."""

    def __init__(self, url: str, mailbox: str, *, impersonate: bool, line: Line) -> None:
        config = Configuration(
            service_endpoint=url,
            auth_type=NOAUTH,
            version=_VERSION,
            retry_policy=_AsItIs(),
            max_connections=1,
        )
        self.line = line
        self._protocol = _Protocol(config=config)
        self._protocol.line = line
        self._account = _Account(self._protocol, mailbox, impersonate=impersonate)
        self._headers = {"X-AnchorMailbox": mailbox} if impersonate else {}

    def post(self, request: ews_requests.Request, sign_in: SignIn) -> int:
        """Ask, once; what came of it is on the line. Returns the bytes of the request. Raises NotSayable."""
        made: bytes | None = None
        with contextlib.suppress(ValueError):  # its words would quote the text
            made = self._worded(request)
        if made is None:
            raise NotSayable("a text holds characters that XML has no place for")
        session = self._protocol.get_session()
        session.auth = _auth(sign_in)
        try:
            _, session = post_ratelimited(
                protocol=self._protocol,
                session=session,
                url=self._protocol.service_endpoint,
                headers=self._headers,
                data=made,
                timeout=1,  # the line has its own
            )
        except Exception:  # noqa: S110 - three libraries read a server's bytes, and raise whatever comes of it
            pass  # the session was given back; the line knows what was heard
        else:
            session.auth = None
            self._protocol.release_session(session)
        return len(made)

    def _worded(self, request: ews_requests.Request) -> bytes:
        match request:
            case ews_requests.GetFolder(folder):
                service: EWSService = GetFolder(account=self._account)
                payload = service.get_payload(
                    folders=[_folder(folder)], additional_fields=None, shape=ID_ONLY
                )
            case ews_requests.ResolveName(address):
                service = ResolveNames(protocol=self._protocol)
                payload = service.get_payload(
                    unresolved_entries=[address],
                    parent_folders=None,
                    return_full_contact_data=False,
                    search_scope="ActiveDirectory",
                    contact_data_shape=None,
                )
            case ews_requests.CreateItem(mime, copy):
                service = CreateItem(account=self._account)
                payload = service.get_payload(
                    items=[Message(account=self._account, mime_content=mime)],
                    folder=_folder(copy) if copy else None,
                    message_disposition=SEND_AND_SAVE_COPY if copy else SEND_ONLY,
                    send_meeting_invitations=SEND_TO_NONE,
                )
                _mime_alone(payload)
            case ews_requests.FindItem(message_id, folder):
                service = FindItem(account=self._account)
                payload = service.get_payload(
                    folders=[_folder(folder)],
                    additional_fields=None,
                    restriction=_HasMessageId(message_id),
                    order_fields=None,
                    query_string=None,
                    shape=ID_ONLY,
                    depth=SHALLOW,
                    calendar_view=None,
                    page_size=MOST_FOUND,
                )
            case ews_requests.GetItem(ids):
                service = GetItem(account=self._account)
                payload = service.get_payload(
                    items=[ItemId(id=one) for one in ids[:MOST_FOUND]], additional_fields=None, shape=ID_ONLY
                )
                _with_recipients(payload)
        made: bytes = service.wrap(payload, api_version=_VERSION.api_version)
        return made


class _AsItIs(FailFast):  # type: ignore[misc]
    """Repeats nothing, and leaves every answer to those who judge it."""

    def raise_response_errors(self, response: requests.Response) -> None:
        """Nothing is raised."""


class _OfItsOwn(CachingProtocol):  # type: ignore[misc]
    """Makes a protocol for each route: the library would keep one for all of the process, with sessions."""

    def __call__(cls, *args: object, **named: object) -> object:  # noqa: N805 - a metaclass
        return type.__call__(cls, *args, **named)


class _Protocol(Protocol, metaclass=_OfItsOwn):  # type: ignore[misc]
    """The library's own, with sessions that travel on `line` and take nothing from the environment."""

    line: Line

    def create_session(self) -> requests.Session:
        """A session; who signs in, and how, is said for each request."""
        session = requests.Session()
        session.trust_env = False
        session.headers.clear()
        session.headers.update({"User-Agent": USER_AGENT, "Content-Type": "text/xml; charset=utf-8"})
        for prefix in list(session.adapters):
            del session.adapters[prefix]
        session.mount("https://", self.line)
        session.session_id = 0  # type: ignore[attr-defined]
        session.usage_count = 0  # type: ignore[attr-defined]
        return session


class _Account(Account):  # type: ignore[misc]
    """A mailbox on our protocol: the library's own would make one that is kept for all of the process."""

    def __init__(self, protocol: _Protocol, address: str, *, impersonate: bool) -> None:
        self.protocol = protocol
        self.identity = Identity(primary_smtp_address=address)
        self.access_type = IMPERSONATION if impersonate else DELEGATE
        self.default_timezone = None
        self.affinity_cookie = None
        self._version = None
        self._version_lock = Lock()


class _FolderId(DistinguishedFolderId):  # type: ignore[misc]
    """A folder's name; without a mailbox it is that of whoever signed in, which the library does not know."""

    def clean(self, version: object = None) -> None:
        """As of every other element."""
        EWSElement.clean(self, version=version)


class _HasMessageId:
    """A restriction: https://learn.microsoft.com/exchange/client-developer/web-service-reference/restriction."""

    def __init__(self, message_id: str) -> None:
        self._message_id = message_id

    def to_xml(self, version: object) -> _Element:
        """As the library asks for it."""
        outer = create_element("m:Restriction")
        equal = create_element("t:IsEqualTo")
        equal.append(create_element("t:FieldURI", attrs={"FieldURI": "message:InternetMessageId"}))
        constant = create_element("t:FieldURIOrConstant")
        constant.append(create_element("t:Constant", attrs={"Value": self._message_id}))
        equal.append(constant)
        outer.append(equal)
        return outer


class _Token(AuthBase):
    """An access token (RFC 6750, section 2.1)."""

    def __init__(self, token: Secret) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token.reveal()}"
        return request


class _Ntlm(HttpNtlmAuth):
    """NTLM that says to which server it speaks (RFC 5929, section 4): Extended Protection asks for it."""

    def __init__(self, username: str, password: str, certificate: bytes) -> None:
        super().__init__(username, password)
        self._certificate = certificate

    def _get_server_cert(self, response: requests.Response) -> bytes | None:
        return _get_certificate_hash(self._certificate) if self._certificate else None


def _auth(sign_in: SignIn) -> AuthBase | None:
    if sign_in is None:
        return None
    if isinstance(sign_in, Secret):
        return _Token(sign_in)
    name, password = sign_in.login.username, sign_in.login.password.reveal()
    if sign_in.scheme is Scheme.BASIC:
        # As UTF-8 (RFC 7617, section 2.1), as browsers do; requests would take Latin-1, and fail elsewhere.
        return HTTPBasicAuth(name.encode(), password.encode())
    # Without a backslash a domain of this machine's would be put in front.
    return _Ntlm(name if "\\" in name else f"\\{name}", password, sign_in.certificate)


def _folder(folder: ews_requests.Folder) -> _FolderId:
    box = Mailbox(email_address=folder.mailbox) if folder.mailbox else None
    return _FolderId(id=folder.name, mailbox=box)


def _mime_alone(payload: _Element) -> None:
    """Take out what the library adds: no importance and no receipts, whatever the mail's own header says."""
    for mime in list(payload.iter(_MIME)):
        message = mime.getparent()
        for other in list(message) if message is not None else ():
            if other is not mime:
                message.remove(other)


def _with_recipients(payload: _Element) -> None:
    """Ask for the recipients, which no shape but the whole item's includes."""
    shape = payload[0]
    wanted = create_element("t:AdditionalProperties")
    for name in _RECIPIENTS:
        wanted.append(create_element("t:FieldURI", attrs={"FieldURI": name}))
    shape.append(wanted)
