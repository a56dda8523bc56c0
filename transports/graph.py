"""The way out through Microsoft Graph: the message as MIME where it fits, else as a draft with an upload.

Graph knows no envelope: the message it gets names the envelope's recipients and nobody else. 202 means that
it was accepted, and never that it was delivered.
"""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from types import MappingProxyType
from urllib.parse import urlsplit

from transports import graph_answers, graph_plan, mime_envelope
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
from transports.graph_api import MIME, GraphApi
from transports.graph_draft import Draft, draft
from transports.graph_parts import send_draft
from transports.graph_rights import Right, right_to_send, right_to_write
from transports.graph_sent import found_in_sent_items
from transports.graph_whereabouts import Whereabouts, look_for
from transports.http import Answer, HttpClient
from transports.mime_structure import Unfit
from transports.net.resolve import Resolver, system_resolver
from transports.oauth.claims import read
from transports.routes import GraphRoute, HttpRoute
from transports.trace import Trace, silent

_TO_NOBODY = b"Subject: outmail asks whether it may send\r\n\r\n"
"""It has no recipient: without the right Graph says so, and else that there is nobody to send it to."""

ACCEPTED = "202 Accepted"


class GraphTransport:
    """Implements transports.base.Transport for https://learn.microsoft.com/graph/api/user-sendmail."""

    def __init__(
        self,
        route: GraphRoute,
        *,
        resolver: Resolver = system_resolver,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._route = route
        http = HttpRoute(route.proxy, route.ca_file, route.timeouts)
        self._http = HttpClient(http, StepName.SEND, Scope.SERVER, resolver=resolver)
        self._api = GraphApi(route, self._http, clock)

    @property
    def address(self) -> str:
        """Where it goes, as "graph.microsoft.com:443"."""
        return address_of(self._route.endpoint)

    async def open(self, trace: Trace) -> None:
        """Resolve, proxy, connect, TLS; raises TransportError."""
        await self._http.connect(self._route.endpoint, trace)

    async def authenticate(self, trace: Trace) -> None:
        """Nothing of its own: each request carries the token, which is got before the connection."""

    async def probe(self, sender: str, recipient: str, trace: Trace) -> None:
        """Prove the right to send from the mailbox; nothing is sent, since it is addressed to nobody."""
        safe_address(sender, StepName.SENDER, Scope.SENDER)
        safe_address(recipient, StepName.PERMISSION, Scope.RECIPIENT)
        async with trace.step(StepName.PERMISSION) as step:
            claims = read((await self._route.tokens.token()).reveal())
            right = right_to_send(claims, shared=bool(self._route.mailbox))
            if right is Right.MISSING:
                raise TransportError(
                    Failure(
                        step.name,
                        Scope.SIGN_IN,
                        Verdict.FIX_SETTINGS,
                        Cause.SCOPE_MISSING,
                        words="the token does not hold the right to send mail",
                        facts=MappingProxyType({"granted": claims.get("scp", "")}),
                    )
                )
            step.detail = {
                Right.GRANTED: "the token holds the right to send",
                Right.UNKNOWN: "the token does not say; Graph is asked",
            }[right]
        async with trace.step(StepName.SENDER) as step:
            try:
                answer = await self._api.ask(
                    step, "POST", "/sendMail", kind=MIME, body=base64.b64encode(_TO_NOBODY)
                )
            except TransportError as error:
                if not _takes_from_here(error.failure):
                    raise
            else:
                if not graph_answers.accepted(answer):  # a proxy's page is no yes
                    raise graph_answers.refusal(step.name, answer, handed_over=False)
            own = self._route.mailbox
            step.detail = f"Graph takes mail from {own or 'the mailbox of whoever signed in'}"
            if own.lower() != sender.lower():
                step.detail += f"; whether as {sender} it says when one is sent"

    async def send(self, envelope: Envelope, trace: Trace) -> Receipt:
        """Hand the message over; raises TransportError when it was taken for nobody."""
        async with trace.step(StepName.SEND) as step:
            if envelope.sender:
                safe_address(envelope.sender, step.name, Scope.SENDER)
            safe = (safe_address(one, step.name, Scope.RECIPIENT) for one in envelope.recipients)
            people = tuple(dict.fromkeys(safe))
            if envelope.content.find(b"\0") >= 0:
                raise _refused(Cause.UNSAFE_TEXT, "the message contains a NUL byte", "5.6.0", "nul")
            made = await self._made(envelope.content, people)
            if envelope.again:
                found = await found_in_sent_items(self._api, step, self._route.unasked, envelope)
                if found:
                    return _receipt(envelope, found)
            if isinstance(made, bytes):
                answer = await self._api.ask(
                    step, "POST", "/sendMail", kind=MIME, body=base64.b64encode(made), hands_over=True
                )
                step.detail = f"{ACCEPTED}; whether it is delivered Graph does not say"
                return _receipt(envelope, ACCEPTED, answer)
            answer = await send_draft(self._api, step, made)
            without = f", without {', '.join(made.lost)}" if made.lost else ""
            step.detail = f"{ACCEPTED} in parts{without}; whether it is delivered Graph does not say"
            return _receipt(envelope, f"{ACCEPTED} in parts{without}", answer)

    async def _made(self, content: Buffer, people: Sequence[str]) -> bytes | Draft:
        """The message as it goes: as it is, for these people; or, where it is too large, as a draft."""
        uploads = await self._uploads(len(content))
        try:
            if len(content) <= graph_plan.LARGEST_MIME:
                return self._planned(content, people, uploads)
            # A large one is looked at in a thread: it takes seconds, and others are sent meanwhile.
            return await asyncio.to_thread(self._planned, content, people, uploads)
        except Unfit as unfit:
            raise _unfit(unfit) from unfit

    def _planned(self, content: Buffer, people: Sequence[str], uploads: bool) -> bytes | Draft:
        if isinstance(content, bytes):  # what lies in a file was made canonical before it was accepted
            content = mime_envelope.canonical(content)
        plan = graph_plan.plan(content, uploads=uploads)
        if isinstance(plan, graph_plan.AsIs):
            whole = mime_envelope.fit(content[:], people)
            plan = graph_plan.plan(whole, uploads=uploads)  # everybody whom the header does not name came in
            if isinstance(plan, graph_plan.AsIs):
                return whole
        return draft(plan, people, headers=self._route.headers)

    async def _uploads(self, size: int) -> bool:
        """Whether a mail of this size may go as a draft, if it must; few must, and only they ask for it."""
        if not self._route.uploads or size <= graph_plan.LARGEST_MIME:
            return self._route.uploads
        claims = read((await self._route.tokens.token()).reveal())
        return right_to_write(claims, shared=bool(self._route.mailbox)) is not Right.MISSING

    async def whereabouts(self, message_id: str, sent: datetime, now: datetime) -> Whereabouts:
        """Where a mail that was sent is now. Raises TransportError where Graph cannot be asked."""
        async with silent().step(StepName.SEND) as step:
            return await look_for(self._api, step, message_id, sent, now)

    async def close(self) -> None:
        """Hang up."""
        await self._http.close()


def address_of(endpoint: str) -> str:
    """Host and port of an endpoint, as "graph.microsoft.com:443"."""
    parts = urlsplit(endpoint)
    host = parts.hostname or ""
    return f"{f'[{host}]' if ':' in host else host}:{parts.port or 443}"


def _receipt(envelope: Envelope, said: str, answer: Answer | None = None) -> Receipt:
    number = answer.headers.get("request-id") if answer is not None else None
    told = f"{said} ({number})" if number else said
    return Receipt(told, tuple(Outcome(one, told) for one in dict.fromkeys(envelope.recipients)), number)


def _takes_from_here(failure: Failure) -> bool:
    """Whether Graph refused the mail to nobody for that reason alone."""
    return failure.code == 400 and failure.scope in {Scope.MESSAGE, Scope.RECIPIENT}


def _unfit(unfit: Unfit) -> TransportError:
    too_large = unfit.enhanced == "5.3.4"
    cause = Cause.MESSAGE_TOO_LARGE if too_large else Cause.CONTENT_UNFIT
    return _refused(cause, unfit.reason, unfit.enhanced, unfit.what)


def _refused(cause: Cause, words: str, enhanced: str, what: str) -> TransportError:
    facts = MappingProxyType({"what": what})
    return TransportError(
        Failure(StepName.SEND, Scope.MESSAGE, Verdict.REJECT, cause, None, enhanced, words, facts)
    )
