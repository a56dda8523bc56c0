"""Requests to an Exchange server for one mailbox: signed in, one at a time, and not before it wants them.

What was handed over and not answered is uncertain here, and never asked for again by this file.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from transports import ews_answers, ews_soap
from transports.base import (
    CancelledAfterHandOver,
    Cause,
    Failure,
    Scope,
    TransportError,
    Verdict,
)
from transports.ews_answers import Reply
from transports.ews_requests import CreateItem, GetFolder, NotSayable, Request
from transports.ews_schemes import Password, Scheme, SignIn, choose, offered
from transports.http import HttpClient
from transports.routes import EwsRoute, Login
from transports.trace import OpenStep, Trace

if TYPE_CHECKING:
    from transports.ews_library import Library
    from transports.ews_line import Line

_CAUSES = {Cause.OAUTH_NOT_STANDARD: Cause.NOT_THE_SERVICE, Cause.OAUTH_SETTINGS: Cause.UNSAFE_TEXT}
"""The web client names what it sees in an authority's words; here a service is asked."""

_HEEDED = frozenset({"errorserverbusy", "errorexceededconnectioncount", "errortoomanyobjectsopened"})
_CUT = "the connection was closed on this side"
_LARGE = 2**20
"""Bytes of a mail before which a connection is signed in by NTLM with a small request: without that the mail
would travel three times, if the server has forgotten the connection."""


class EwsHttp(HttpClient):
    """The web client, which also knows the certificate of the server that it reached: NTLM binds to it."""

    certificate = b""
    """In DER; b"" before a connection."""

    async def connect(self, url: str, trace: Trace) -> None:
        """See HttpClient."""
        await super().connect(url, trace)
        for streams in self._backend._spare.values():
            for stream in streams:
                self.certificate = _peer(stream.get_extra_info("ssl_object")) or self.certificate


class EwsApi:
    """One server, and one mailbox of it. Every method raises TransportError."""

    def __init__(self, route: EwsRoute, http: EwsHttp, clock: Callable[[], float] = time.monotonic) -> None:
        self._route = route
        self._http = http
        self._clock = clock
        self._scheme: Scheme | None = None
        self._closed = False
        self._thread: ThreadPoolExecutor | None = None
        self._library: Library | None = None

    async def choose_scheme(self, step: OpenStep, harmless: Request) -> Scheme:
        """How the password will be used, by what the server offers to somebody who does not sign in.

        Nothing is tried: the request carries no sign-in.
        """
        reply, _ = await self._once(step, harmless, None)
        if reply.answer.status != 401 and not ews_answers.answered(reply):
            raise self.refused(step, reply)
        names = offered(reply.answer.headers.get("www-authenticate", ""))
        step.facts["mechanisms"] = ", ".join(names)
        self._scheme = choose(names, self._route.scheme)
        return self._scheme

    async def ask(self, step: OpenStep, request: Request, *, harmless: GetFolder | None = None) -> Reply:
        """One request, signed in; returns an answer that is a success.

        CreateItem is the request after which the mail may be taken: a connection that breaks behind it, or a
        gateway that gave up, makes the failure's verdict UNCERTAIN. `harmless` is asked before a large one,
        where the connection itself is signed in.
        """
        reply, sent = await self.heard(step, request, harmless=harmless)
        hands_over = isinstance(request, CreateItem)
        if ews_answers.accepted(reply) if hands_over else ews_answers.answered(reply):
            return reply
        raise self.refused(step, reply, handed_over=hands_over and sent)

    async def heard(
        self, step: OpenStep, request: Request, *, harmless: GetFolder | None = None
    ) -> tuple[Reply, bool]:
        """The same, whatever the answer is, and whether the request had gone out whole by then."""
        login = self._route.login
        if isinstance(login, Login):
            if self._scheme is None:
                await self.choose_scheme(step, harmless or request)
            large = isinstance(request, CreateItem) and len(request.mime) > _LARGE
            if self._scheme is Scheme.NTLM and harmless and large:
                await self.ask(step, harmless)
            password = Password(login, self._scheme or Scheme.BASIC, self._http.certificate)
            return await self._once(step, request, password)
        token = await login.token()
        reply, sent = await self._once(step, request, token)
        if reply.answer.status == 401:  # nothing was done: it may be asked again
            fresh = await login.renewed(token)
            if fresh is not None:
                reply, sent = await self._once(step, request, fresh)
        return reply, sent

    def refused(self, step: OpenStep, reply: Reply, *, handed_over: bool = False) -> TransportError:
        """What the answer stands for, to be raised; a wish for patience is remembered for the whole route."""
        tokens = not isinstance(self._route.login, Login)
        how = "bearer" if tokens else str(self._scheme or "")
        error = ews_answers.refusal(step.name, reply, handed_over=handed_over, mechanism=how)
        failure = error.failure
        busy = failure.code in {429, 503} or failure.facts.get("ews_code", "").lower() in _HEEDED
        if busy and failure.retry_after is not None:
            throttle = self._route.throttle
            throttle.until = max(throttle.until, self._clock() + failure.retry_after)
        return error

    def close(self) -> None:
        """Let the thread go; it has nothing to do."""
        self._closed = True
        if self._thread is not None:
            self._thread.shutdown(wait=False)

    async def _once(self, step: OpenStep, request: Request, sign_in: SignIn) -> tuple[Reply, bool]:
        self._wait_for_throttle(step)
        size = f" ({len(request.mime)} bytes)" if isinstance(request, CreateItem) else ""
        step.said("C", f"POST {urlsplit(self._route.url).path} {request.operation}{size}")
        line, asked = await self._in_thread(step, request, sign_in)
        hands_over = isinstance(request, CreateItem)
        if line.failed is not None:
            raise _own(step, line.failed, uncertain=hands_over and line.sent)
        if line.heard is None:  # the thread gave up, since the loop stood still: what it did nobody knows
            line.cut()
            means = (Scope.MESSAGE, Verdict.UNCERTAIN) if hands_over else (Scope.SERVER, Verdict.RETRY)
            raise _failed(step, *means, Cause.CONNECTION_LOST, _CUT)
        reply = Reply(line.heard, ews_soap.read(line.heard.body), asked)
        codes = [one.code for one in reply.soap.said] if reply.soap else []
        number = reply.answer.headers.get("request-id", "")
        step.said("S", " ".join(part for part in (str(reply.answer.status), *codes, number) if part))
        return reply, line.sent

    async def _in_thread(self, step: OpenStep, request: Request, sign_in: SignIn) -> tuple[Line, int]:
        """Ask in the thread; the line knows what came of it. Returns the bytes that were asked, too.

        Cancelled, it cuts the line, and waits until nothing can be sent any more.
        """
        loop = asyncio.get_running_loop()
        if self._closed:
            raise _failed(step, Scope.SERVER, Verdict.RETRY, Cause.CONNECTION_LOST, _CUT)
        self._thread = self._thread or ThreadPoolExecutor(1, "ews")
        if self._library is None:
            self._library = await loop.run_in_executor(self._thread, _made, self._route, self._http, loop)
        library = self._library
        library.line.begin()
        work = loop.run_in_executor(self._thread, library.post, request, sign_in)
        size: int | None = None
        try:
            size = await asyncio.shield(work)
        except NotSayable:
            pass
        except asyncio.CancelledError:
            library.line.cut()
            while not work.done():
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.wait([work])
            work.exception()  # asyncio would complain that nobody looked
            if isinstance(request, CreateItem) and library.line.sent:
                raise CancelledAfterHandOver from None
            raise
        if size is None:
            words = "a text holds characters that XML has no place for"
            raise _failed(step, Scope.MESSAGE, Verdict.REJECT, Cause.UNSAFE_TEXT, words)
        return library.line, size

    def _wait_for_throttle(self, step: OpenStep) -> None:
        """Refuse to ask before the server wants to be asked: the mail waits, not the connection."""
        left = self._route.throttle.until - self._clock()
        if left > 0:
            words = "Exchange asked not to be asked for now"
            facts = {"ews_code": "ErrorServerBusy", "retry_after": f"{left:.3f}"}
            raise _failed(step, Scope.SERVER, Verdict.RETRY, Cause.ANSWER, words, **facts)


def _made(route: EwsRoute, http: EwsHttp, loop: asyncio.AbstractEventLoop) -> Library:
    """In the thread, since the import takes half a second."""
    from transports.ews_library import Library
    from transports.ews_line import Line

    return Library(
        route.url, route.mailbox, impersonate=route.impersonate, line=Line(http, loop, route.timeouts.upload)
    )


def _own(step: OpenStep, error: TransportError, *, uncertain: bool) -> TransportError:
    found = error.failure
    cause = _CAUSES.get(found.cause, found.cause)
    if uncertain:
        return TransportError(
            replace(found, step=step.name, scope=Scope.MESSAGE, verdict=Verdict.UNCERTAIN, cause=cause)
        )
    return TransportError(replace(found, step=step.name, cause=cause))


def _failed(
    step: OpenStep, scope: Scope, verdict: Verdict, cause: Cause, words: str, **facts: str
) -> TransportError:
    return TransportError(
        Failure(step.name, scope, verdict, cause, words=words, facts=MappingProxyType(facts))
    )


def _peer(tls: object) -> bytes | None:
    return tls.getpeercert(binary_form=True) if isinstance(tls, ssl.SSLObject) else None
