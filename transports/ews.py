"""The way out through Exchange Web Services: one request a mail, with the message as MIME, as it is.

Exchange has no envelope: the message it gets names the envelope's recipients and nobody else. A success means
that Exchange accepted the mail, and never that it was delivered.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from urllib.parse import urlsplit

from transports import ews_answers, mime_envelope
from transports.addresses import safe_address
from transports.base import (
    Buffer,
    Cause,
    Envelope,
    Failure,
    Outcome,
    Receipt,
    Scope,
    StepName,
    TransportError,
    Verdict,
)
from transports.ews_answers import Reply
from transports.ews_api import EwsApi, EwsHttp
from transports.ews_requests import CreateItem, Folder, GetFolder, ResolveName
from transports.ews_sent import found_in_sent_items
from transports.mime_structure import Unfit
from transports.net.resolve import Resolver, system_resolver
from transports.oauth.claims import read
from transports.routes import EwsRoute, HttpRoute, Login
from transports.trace import OpenStep, Trace

ACCEPTED = "200 NoError"

_LARGE = 2**20
_PRODUCTS = {
    "14": "Exchange Server 2010",
    "15.0": "Exchange Server 2013",
    "15.1": "Exchange Server 2016",
    "15.2": "Exchange Server 2019 or SE",
    "15.20": "Exchange Online",
}
"""https://learn.microsoft.com/exchange/new-features/build-numbers-and-release-dates."""

_PEOPLES_RIGHT = "ews."
"""How a person's right to EWS begins: EWS.AccessAsUser.All. An application's may stand in no token at all."""


class EwsTransport:
    """Implements transports.base.Transport for EWS' CreateItem.

    https://learn.microsoft.com/exchange/client-developer/web-service-reference/createitem-operation
    """

    def __init__(
        self,
        route: EwsRoute,
        *,
        resolver: Resolver = system_resolver,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._route = route
        http = HttpRoute(route.proxy, route.ca_file, route.timeouts)
        self._http = EwsHttp(http, StepName.SEND, Scope.SERVER, resolver=resolver)
        self._api = EwsApi(route, self._http, clock)
        # A delegate's copies go where the mailbox is; everybody else has but one mailbox.
        owner = "" if route.impersonate else route.mailbox
        self._copy = Folder("sentitems", owner) if route.keep_copy else None
        self._own = GetFolder(Folder("inbox"))

    @property
    def address(self) -> str:
        """Where it goes, as "mail.example.org:443"."""
        return address_of(self._route.url)

    async def open(self, trace: Trace) -> None:
        """Resolve, proxy, connect, TLS; raises TransportError."""
        await self._http.connect(self._route.url, trace)

    async def authenticate(self, trace: Trace) -> None:
        """Sign in with one harmless request, and look whether there is a mailbox; raises TransportError."""
        login = self._route.login
        async with trace.step(StepName.AUTHENTICATE) as step:
            self._usable(step)
            if isinstance(login, Login):
                scheme = await self._api.choose_scheme(step, self._own)
                step.facts["mechanism"] = str(scheme)
                step.detail = f"{login.username} by {'NTLM' if scheme == 'ntlm' else 'Basic'}"
            else:
                step.facts["mechanism"] = "bearer"
                step.detail = "by access token"
            reply, _ = await self._api.heard(step, self._own)
            if reply.answer.status in {401, 403} or reply.soap is None:
                raise self._api.refused(step, reply)
        async with trace.step(StepName.ACCOUNT) as step:
            if reply.version:
                step.facts["version"] = reply.version
            if not ews_answers.answered(reply):
                raise self._api.refused(step, reply)
            step.detail = f"{_product(reply.version)}; the mailbox {self._whose()} is reached"

    async def probe(self, sender: str, recipient: str, trace: Trace) -> None:
        """Prove (`permission`, `sender`) what can be proven; nothing is sent, and nothing is left behind."""
        safe_address(sender, StepName.SENDER, Scope.SENDER)
        safe_address(recipient, StepName.PERMISSION, Scope.RECIPIENT)
        async with trace.step(StepName.PERMISSION) as step:
            if not isinstance(self._route.login, Login):
                _refuse_without_right(step, read((await self._route.login.token()).reveal()))
            await self._api.ask(step, GetFolder(self._copy or Folder("drafts")))
            step.detail = "Sent Items, where a copy is kept, are reached" if self._copy else "no copy is kept"
        async with trace.step(StepName.SENDER) as step:
            known = await self._in_directory(step, sender)
            step.detail = (
                f"the directory knows {sender}" if known else f"the directory does not tell of {sender}"
            )
            if known and known.lower() != sender.lower():
                step.detail += f" as {known}"
                step.facts["name"] = known
            step.detail += "; whether it may send Exchange says when one is sent"

    async def send(self, envelope: Envelope, trace: Trace) -> Receipt:
        """Hand the message over; raises TransportError when it was taken for nobody."""
        async with trace.step(StepName.SEND) as step:
            if envelope.sender:
                safe_address(envelope.sender, step.name, Scope.SENDER)
            safe = (safe_address(one, step.name, Scope.RECIPIENT) for one in envelope.recipients)
            people = tuple(dict.fromkeys(safe))
            if envelope.content.find(b"\0") >= 0:
                raise _refused(Cause.UNSAFE_TEXT, "the message contains a NUL byte", "5.6.0", "nul")
            mime = await _made(envelope.content, people)
            if envelope.again:
                found = await found_in_sent_items(self._api, step, self._route, self._copy, envelope)
                if found:
                    return _receipt(envelope, found)
            reply = await self._api.ask(step, CreateItem(mime, self._copy), harmless=self._own)
            step.detail = f"{ACCEPTED}; whether it is delivered Exchange does not say"
            return _receipt(envelope, ACCEPTED, reply)

    async def close(self) -> None:
        """Hang up."""
        self._api.close()
        await self._http.close()

    def _usable(self, step: OpenStep) -> None:
        """Refuse what cannot be said, before anything is. Raises TransportError."""
        route = self._route
        safe_address(route.mailbox, step.name, Scope.SIGN_IN)
        if route.impersonate and not route.mailbox:
            raise _settings(step, "an application needs the address of the mailbox that it acts as")
        if not isinstance(route.login, Login):
            return
        texts = (route.login.username, route.login.password.reveal())
        if any("\0" in text or any("\ud800" <= c <= "\udfff" for c in text) for text in texts):
            raise _settings(step, "user name and password must be valid Unicode without NUL")
        if ":" in route.login.username:  # RFC 7617, section 2: it would end the name
            raise _settings(step, "a user name for Exchange contains no colon")

    async def _in_directory(self, step: OpenStep, sender: str) -> str:
        """What the directory calls an address; "" where it does not tell: not everybody may ask."""
        reply, _ = await self._api.heard(step, ResolveName(f"smtp:{sender}"))
        if reply.answer.status in {401, 403} or reply.soap is None:
            raise self._api.refused(step, reply)
        if reply.soap.names:
            return reply.soap.names[0]
        refusal = self._api.refused(step, reply)
        if refusal.failure.scope is Scope.SERVER:
            raise refusal
        return ""

    def _whose(self) -> str:
        if self._route.impersonate:
            return f"of {self._route.mailbox}"
        return "of whoever signed in"


def address_of(url: str) -> str:
    """Host and port of the service, as "mail.example.org:443"."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    return f"{f'[{host}]' if ':' in host else host}:{parts.port or 443}"


async def _made(content: Buffer, people: Sequence[str]) -> bytes:
    """The message as it goes. A large one is looked at in a thread: others are sent meanwhile."""
    try:
        if len(content) <= _LARGE:
            return _fitted(content, people)
        return await asyncio.to_thread(_fitted, content, people)
    except Unfit as unfit:
        raise _refused(Cause.CONTENT_UNFIT, unfit.reason, unfit.enhanced, unfit.what) from unfit


def _fitted(content: Buffer, people: Sequence[str]) -> bytes:
    # What lies in a file was made canonical before it was accepted.
    whole = mime_envelope.canonical(content) if isinstance(content, bytes) else content[:]
    return mime_envelope.fit(whole, people)


def _refuse_without_right(step: OpenStep, claims: Mapping[str, str]) -> None:
    granted = claims.get("scp", "")
    if granted and not any(one.startswith(_PEOPLES_RIGHT) for one in granted.lower().split()):
        raise TransportError(
            Failure(
                step.name,
                Scope.SIGN_IN,
                Verdict.FIX_SETTINGS,
                Cause.SCOPE_MISSING,
                words="the token does not hold the right to use Exchange Web Services",
                facts=MappingProxyType({"granted": granted}),
            )
        )


def _receipt(envelope: Envelope, said: str, reply: Reply | None = None) -> Receipt:
    number = reply.answer.headers.get("request-id") if reply is not None else None
    told = f"{said} ({number})" if number else said
    return Receipt(told, tuple(Outcome(one, told) for one in dict.fromkeys(envelope.recipients)), number)


def _product(version: str) -> str:
    parts = version.split(".")
    name = _PRODUCTS.get(".".join(parts[:2])) or _PRODUCTS.get(parts[0])
    return f"{name} ({version})" if name else f"Exchange {version}".strip()


def _settings(step: OpenStep, words: str) -> TransportError:
    return TransportError(
        Failure(step.name, Scope.SIGN_IN, Verdict.FIX_SETTINGS, Cause.UNSAFE_TEXT, words=words)
    )


def _refused(cause: Cause, words: str, enhanced: str, what: str) -> TransportError:
    facts = MappingProxyType({"what": what})
    return TransportError(
        Failure(StepName.SEND, Scope.MESSAGE, Verdict.REJECT, cause, None, enhanced, words, facts)
    )
