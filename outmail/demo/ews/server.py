"""The practice Exchange: the requests of Exchange Web Services that send mail, over HTTPS on loopback.

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

from outmail.demo.ews import lookups
from outmail.demo.ews.access import Access, Caller
from outmail.demo.ews.envelope import Envelope, TurnedAway, opened
from outmail.demo.ews.faults import LOGIN_PAGE, EwsFault, possible
from outmail.demo.ews.folders import Folders
from outmail.demo.ews.items import Items, SentItem, Submission
from outmail.demo.ews.mailing import Mailing
from outmail.demo.ews.signin import SignIn
from outmail.demo.ews.soap import SoapFault, answer
from outmail.demo.graph.faults import Afterwards
from outmail.demo.graph.record import Exchange, bounded, exchange
from outmail.demo.mailbox import Mail, Mailbox
from outmail.demo.oauth.directory import Directory
from outmail.demo.pki import Certificate
from outmail.demo.web import Request, Response, WebServer

PATH = "/EWS/Exchange.asmx"

MOST_AT_ONCE = 27
"""Requests for one mailbox at the same time: EwsMaxConcurrency, as it is unless an admin changes it."""

_ALL_AT_ONCE = 256 * 1024
"""Bytes of a request that are read without a thread of their own."""

_BUSY = "The server cannot service this request right now. Try again later."
_DISABLED = "EWS is disabled for this user or tenant."


class PracticeEws(WebServer[EwsFault]):
    """Takes mail for the tenant's mailbox from the directory's people, once `sign_in` has let them in."""

    longest_body = 64 * 1024 * 1024

    def __init__(
        self,
        sign_in: SignIn,
        directory: Directory,
        mailbox: Mailbox,
        tls: Mapping[Certificate, ssl.SSLContext],
        slow_seconds: float = 2.0,
    ) -> None:
        super().__init__("ews", possible(sign_in.schemes), tls, self.respond)
        self._sign_in = sign_in
        self._access = Access(directory)
        self._mailbox = mailbox
        self._items = Items()
        self._folders = Folders(self._access, self._items)
        self._mailing = Mailing(self.name, mailbox, self._access, self._items, self._folders)
        self._slow_seconds = slow_seconds
        self._throttles = self._busies = 0
        self._busy: Counter[str] = Counter()
        self.most_at_once = 0
        """How many requests for one mailbox there were at the same time, at most; refused ones count."""
        self.record: list[Exchange] | None = None
        """With a list, every request and its answer is put there, without passwords and tokens; bounded."""

    @property
    def url(self) -> str:
        """The address that clients are given."""
        return f"{self.origin}{PATH}"

    @property
    def attempts(self) -> int:
        """How often somebody tried to sign in; a whole handshake of NTLM is one."""
        return self._sign_in.attempts

    @property
    def refused_attempts(self) -> int:
        """How many of these failed."""
        return self._sign_in.refused

    @property
    def sent(self) -> tuple[SentItem, ...]:
        """What lies in Sent Items, oldest first."""
        return self._items.sent

    @property
    def submissions(self) -> tuple[Submission, ...]:
        """What was handed over, as the requests said it, oldest first."""
        return tuple(self._items.submissions)

    @property
    def messages(self) -> tuple[Mail, ...]:
        """The mails that Exchange took and that are still kept, oldest first."""
        return tuple(mail for mail in self._mailbox.mails if mail.server == self.name)

    def set_fault(self, fault: str) -> None:
        """See PracticePort; what happens a number of times begins anew, and NTLM signs in anew."""
        super().set_fault(fault)
        self._throttles, self._busies = self._fault.throttles, self._fault.busies
        self._sign_in.forget()

    def be(self, fault: EwsFault) -> None:
        """Have a fault that is in no table, from now on."""
        self.faults = {**self.faults, fault.id: fault}
        self.set_fault(fault.id)

    def too_long(self, request: Request) -> Response:
        """See WebServer."""
        return self._noted(request, Response(413, kind=""), time.monotonic())

    async def respond(self, request: Request, fault: EwsFault) -> Response:
        """The answer to a request."""
        began = time.monotonic()
        try:
            response = await self._answered(request, fault)
        except TurnedAway as turned_away:
            response = turned_away.response
        except SoapFault as soap_fault:
            response = soap_fault.response()
        return self._noted(request, _traced(request, response), began)

    async def _answered(self, request: Request, fault: EwsFault) -> Response:
        path = request.path.lower()
        if path.startswith("/owa/"):
            return LOGIN_PAGE
        if path != PATH.lower():
            return Response(404, kind="")
        if fault.page is not None:
            return fault.page
        if fault.slow:
            await asyncio.sleep(self._slow_seconds)
        if self._throttles:
            self._throttles -= 1
            return Response(429, kind="", headers={"Retry-After": f"{math.ceil(fault.retry_after)}"})
        identity = self._sign_in.identity(request, fault)
        if fault.forbidden:
            return Response(403, kind="", headers={"X-EWS-Policy-Reason": _DISABLED})
        if request.method != "POST":
            return Response(405, kind="", headers={"Allow": "POST"})
        if self._busies:
            self._busies -= 1
            raise SoapFault("ErrorServerBusy", _BUSY, {"BackOffMilliseconds": str(fault.back_off)})
        if fault.account:
            raise SoapFault(fault.account.code, fault.account.words, fault.account.values)
        if len(request.body) > _ALL_AT_ONCE:
            envelope = await asyncio.to_thread(opened, request)
        else:
            envelope = opened(request)
        anchor = request.headers.get("x-anchormailbox", "")
        caller = self._access.caller(identity, envelope.impersonated, anchor)
        with self._one_of_few(caller):
            return await self._of_mailbox(caller, envelope, fault)

    async def _of_mailbox(self, caller: Caller, envelope: Envelope, fault: EwsFault) -> Response:
        asked = envelope.operation
        match asked.name:
            case "m:CreateItem":
                messages, taken = await self._mailing.create(caller, asked, fault)
                if taken and fault.afterwards is not Afterwards.ANSWERS:
                    return _lost(fault)
            case "m:GetFolder":
                messages = self._folders.get(caller, asked, fault)
            case "m:FindItem":
                messages = self._folders.find(caller, asked, fault)
            case "m:GetItem":
                messages = self._folders.items(caller, asked, fault)
            case "m:ResolveNames":
                messages = lookups.resolve_names(self._access, asked)
            case "m:ConvertId":
                messages = lookups.convert_id(self._access, asked)
            case _:
                raise SoapFault("ErrorInvalidRequest", "The request is invalid.")
        return answer(asked.local, messages)

    @contextlib.contextmanager
    def _one_of_few(self, caller: Caller) -> Iterator[None]:
        """Raises SoapFault for one request too many at the same time."""
        self._busy[caller.mailbox] += 1
        self.most_at_once = max(self.most_at_once, self._busy[caller.mailbox])
        try:
            if self._busy[caller.mailbox] > MOST_AT_ONCE:
                raise SoapFault(
                    "ErrorExceededConnectionCount",
                    "You have exceeded the available concurrent connections for your account. Try again once "
                    "your other requests have completed.",
                    {"Policy": "MaxConcurrency", "MaxConcurrencyLimit": str(MOST_AT_ONCE)},
                )
            yield
        finally:
            self._busy[caller.mailbox] -= 1

    def _noted(self, request: Request, response: Response, began: float) -> Response:
        if self.record is not None:
            room = bounded(self.record)
            self.record.append(exchange(request, response, began, time.monotonic(), keep_body=room))
        return response


def _lost(fault: EwsFault) -> Response:
    """What is answered once a mail was taken and the answer shall not arrive."""
    if fault.afterwards is Afterwards.DROPS:
        return Response(drops=True)
    page = b"<html><head><title>504 Gateway Time-out</title></head><body>504 Gateway Time-out</body></html>\n"
    return Response(504, page, "text/html")


def _traced(request: Request, response: Response) -> Response:
    """With the IDs by which a request is found in the service's log; the client chooses the second."""
    ids = {"request-id": str(uuid.uuid4())}
    chosen = request.headers.get("client-request-id", "")[:100]
    if chosen:
        ids["client-request-id"] = chosen
    return replace(response, headers={**response.headers, **ids})
