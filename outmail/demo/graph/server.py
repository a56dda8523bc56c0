"""The practice Graph: Microsoft Graph's requests for sending mail, over HTTPS on loopback.

It is strict where the real service is, and bent by its fault; it never sends a mail anywhere.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import ssl
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import formatdate
from urllib.parse import unquote

from outmail.demo.graph import queries, tracing
from outmail.demo.graph.access import Access, Need, User
from outmail.demo.graph.faults import GRAPH_FAULTS, Afterwards, GraphFault
from outmail.demo.graph.items import Items, SentItem
from outmail.demo.graph.mailing import Mailing
from outmail.demo.graph.record import Exchange, bounded, exchange
from outmail.demo.graph.refusals import Refused, Traced, as_json, done, no_such_segment, too_large
from outmail.demo.graph.uploads import PREFIX, Uploads
from outmail.demo.mailbox import Mail, Mailbox
from outmail.demo.oauth.tokens import Bearer
from outmail.demo.pki import Certificate
from outmail.demo.web import Request, Response, WebServer

MOST_AT_ONCE = 4
"""Requests for one mailbox at the same time."""

_VERSION = "v1.0"


class PracticeGraph(WebServer[GraphFault]):
    """Takes mail for the tenant's mailbox from whom `access` lets in."""

    longest_body = 4 * 1024 * 1024

    def __init__(
        self,
        access: Access,
        mailbox: Mailbox,
        tls: Mapping[Certificate, ssl.SSLContext],
        slow_seconds: float = 2.0,
    ) -> None:
        super().__init__("graph", GRAPH_FAULTS, tls, self.respond)
        self._access = access
        self._mailbox = mailbox
        self._items = Items()
        self._uploads = Uploads(self._items)
        self._mailing = Mailing(self.name, mailbox, self._access, self._items, self._uploads)
        self._slow_seconds = slow_seconds
        self._throttles = 0
        self._busy: Counter[str] = Counter()
        self.most_at_once = 0
        """How many requests for one mailbox there were at the same time, at most; refused ones count."""
        self.record: list[Exchange] | None = None
        """With a list, every request and its answer is put there; within bounds, see `record.py`."""

    @property
    def sent(self) -> tuple[SentItem, ...]:
        """What lies in Sent Items, oldest first."""
        return self._items.sent

    @property
    def drafts(self) -> int:
        """How many drafts there are."""
        return len(self._items.drafts)

    @property
    def messages(self) -> tuple[Mail, ...]:
        """The mails that Graph took and that are still kept, oldest first."""
        return tuple(mail for mail in self._mailbox.mails if mail.server == self.name)

    def set_fault(self, fault: str) -> None:
        """See PracticePort; what happens a number of times begins anew."""
        super().set_fault(fault)
        self._throttles = self._fault.throttles
        self._uploads.lost_sessions = self._fault.lost_sessions

    def be(self, fault: GraphFault) -> None:
        """Have a fault that is in no table, from now on."""
        self.faults = {**self.faults, fault.id: fault}
        self.set_fault(fault.id)

    def too_long(self, request: Request) -> Response:
        """See WebServer."""
        traced = _traced(request)
        began = time.monotonic()
        return self._noted(request, _with(too_large().response(traced), traced), began)

    async def respond(self, request: Request, fault: GraphFault) -> Response:
        """The answer to a request."""
        began = time.monotonic()
        traced = _traced(request)
        try:
            response = await self._answered(request, fault)
        except Refused as refused:
            response = refused.response(traced)
        return self._noted(request, _with(response, traced), began)

    async def _answered(self, request: Request, fault: GraphFault) -> Response:
        if fault.page is not None:
            return fault.page
        if fault.slow:
            await asyncio.sleep(self._slow_seconds)
        if self._throttles:
            self._throttles -= 1
            raise _throttled(fault)
        if fault.every_request:
            every = fault.every_request
            raise Refused(every.status, every.code, every.words)
        if request.path.startswith(PREFIX):
            return self._uploads.answer(request)
        bearer = self._access.bearer(request.headers, refuses=fault.refuses_tokens)
        if request.method == "GET" and request.path.lower() == tracing.PATH:
            return tracing.traces(bearer, request.query, self._items.sent, datetime.now(UTC))
        user, rest = _route(request.path)
        owner = self._access.owner(bearer, user)
        if not rest:
            return self._who(bearer, owner, request)
        if fault.mail:
            raise Refused(fault.mail.status, fault.mail.code, fault.mail.words)
        with self._one_of_few(owner):
            return await self._of_mailbox(bearer, owner, request, rest, fault)

    async def _of_mailbox(
        self, bearer: Bearer, owner: User, request: Request, rest: list[str], fault: GraphFault
    ) -> Response:
        """The request for a mailbox, once it is known that the token's rights reach so far."""
        mailing, may = self._mailing, self._access.may
        names = [part.lower() for part in rest]
        names[1:2] = rest[1:2]  # an ID is what it is
        match request.method, *names:
            case "POST", "sendmail":
                may(bearer, owner, Need.SEND)
                await mailing.send_mail(bearer, owner, request, fault)
                return _taken(fault)
            case "POST", "messages", item, "send":
                may(bearer, owner, Need.SEND)
                await mailing.send(bearer, owner, request, item, fault)
                return _taken(fault)
            case "POST", "messages":
                may(bearer, owner, Need.CHANGE)
                return mailing.create(owner, request)
            case "GET", "messages", item:
                may(bearer, owner, Need.READ)
                return mailing.get(owner, request, item)
            case "PATCH", "messages", item:
                may(bearer, owner, Need.CHANGE)
                return mailing.change(owner, request, item)
            case "DELETE", "messages", item:
                may(bearer, owner, Need.CHANGE)
                return mailing.delete(owner, item)
            case "POST", "messages", item, "attachments":
                may(bearer, owner, Need.CHANGE)
                return mailing.attach(owner, request, item)
            case "POST", "messages", item, "attachments", "createuploadsession":
                may(bearer, owner, Need.CHANGE)
                return mailing.begin_upload(owner, request, item, self.origin)
            case "GET", "mailfolders", folder, "messages":
                may(bearer, owner, Need.READ)
                return mailing.sent_items(owner, request, folder, self.origin)
        raise no_such_segment(rest[-1][:60])

    def _who(self, bearer: Bearer, owner: User, request: Request) -> Response:
        if request.method != "GET":
            raise Refused(
                405, "Request_BadRequest", "Specified HTTP method is not allowed for the request target."
            )
        self._access.may_look_up(bearer, owner)
        shown: dict[str, object] = {
            "@odata.context": "https://graph.microsoft.com/v1.0/$metadata#users/$entity",
            "id": owner.id,
            "displayName": owner.name,
            "mail": owner.address,
            "userPrincipalName": owner.address,
        }
        return as_json(queries.of_user(request.query, shown))

    @contextlib.contextmanager
    def _one_of_few(self, owner: User) -> Iterator[None]:
        """Raises Refused (429) for one request too many at the same time."""
        self._busy[owner.id] += 1
        self.most_at_once = max(self.most_at_once, self._busy[owner.id])
        try:
            if self._busy[owner.id] > MOST_AT_ONCE:
                raise Refused(
                    429,
                    "ApplicationThrottled",
                    "Application is over its MailboxConcurrency limit.",
                    {"Retry-After": "1"},
                )
            yield
        finally:
            self._busy[owner.id] -= 1

    def _noted(self, request: Request, response: Response, began: float) -> Response:
        if self.record is not None:
            room = bounded(self.record) and request.method != "PUT"
            self.record.append(exchange(request, response, began, time.monotonic(), keep_body=room))
        return response


def _route(path: str) -> tuple[str | None, list[str]]:
    """Whose mailbox, None for that of whoever signed in; and what of it. Raises Refused (400)."""
    version, *parts = [unquote(part) for part in path.strip("/").split("/")]
    if version.lower() != _VERSION:
        raise Refused(400, "BadRequest", "Invalid version: v1.0 is served here.")
    match parts:
        case [me, *rest] if me.lower() == "me":
            return None, rest
        case [users, user, *rest] if users.lower() == "users" and user:
            return user, rest
    raise no_such_segment(parts[0][:60] if parts else "")


def _taken(fault: GraphFault) -> Response:
    """What is answered once a mail was taken."""
    match fault.afterwards:
        case Afterwards.TIMES_OUT:
            raise Refused(504, "UnknownError", "The gateway did not receive a response in time.")
        case Afterwards.DROPS:
            return Response(drops=True)
    return done(202)


def _throttled(fault: GraphFault) -> Refused:
    if fault.retry_after_date:
        # Whole seconds, rounded up: a client that comes at that second is in time.
        when = formatdate(math.ceil(time.time() + fault.retry_after), usegmt=True)
        headers = {"rEtRy-aFtEr": when}
    else:
        headers = {"Retry-After": f"{math.ceil(fault.retry_after)}"}
    return Refused(429, "TooManyRequests", "Too many requests: try again later.", headers)


def _traced(request: Request) -> Traced:
    mine = str(uuid.uuid4())
    return Traced(mine, request.headers.get("client-request-id", "")[:100] or mine)


def _with(response: Response, traced: Traced) -> Response:
    return replace(response, headers={**response.headers, **traced.headers})
