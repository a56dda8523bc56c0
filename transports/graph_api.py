"""Requests to Microsoft Graph for one mailbox: with a fresh token, and not before Graph wants them.

What was handed over and not answered is uncertain here, and never asked for again by this file.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from urllib.parse import quote, urlsplit

from transports import graph_answers
from transports.base import (
    CancelledAfterHandOver,
    Cause,
    Failure,
    Scope,
    TransportError,
    Verdict,
)
from transports.http import Answer, Body, HttpClient, NotJson
from transports.routes import GraphRoute
from transports.secret import Secret
from transports.trace import OpenStep

_CAUSES = {Cause.OAUTH_NOT_STANDARD: Cause.NOT_THE_SERVICE, Cause.OAUTH_SETTINGS: Cause.UNSAFE_TEXT}
"""The web client names what it sees in an authority's words; here a service is asked."""

JSON = "application/json"
MIME = "text/plain"
"""Of a whole message in base64: https://learn.microsoft.com/graph/api/user-sendmail."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request, apart from its token."""

    method: str
    path: str
    kind: str
    body: bytes | None
    hands_over: bool


class GraphApi:
    """One Graph, and one mailbox of it. Every method raises TransportError."""

    def __init__(
        self,
        route: GraphRoute,
        http: HttpClient,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._route = route
        self._http = http
        self._clock = clock
        self.pause = pause
        """Waits so many seconds."""
        who = f"users/{quote(route.mailbox, safe='@')}" if route.mailbox else "me"
        self._root = f"{route.endpoint.rstrip('/')}/v1.0"
        self._base = f"{self._root}/{who}"

    async def ask(
        self,
        step: OpenStep,
        method: str,
        path: str,
        *,
        kind: str = JSON,
        body: bytes | None = None,
        query: Mapping[str, str] | None = None,
        hands_over: bool = False,
    ) -> Answer:
        """One request about the mailbox, or about the tenant ("/admin/…"); returns an answer of 2xx.

        With `hands_over` the request is the one after which the mail may be taken: a connection that breaks
        behind it, or a gateway that gave up, makes the failure's verdict UNCERTAIN.
        """
        asked = _Asked(method, path + _query(query), kind, body, hands_over)
        token = await self._route.tokens.token()
        answer, sent = await self._once(step, asked, token)
        if answer.status == 401:  # nothing was done: it may be asked again
            fresh = await self._route.tokens.renewed(token)
            if fresh is not None:
                answer, sent = await self._once(step, asked, fresh)
        right = graph_answers.accepted(answer) if hands_over else 200 <= answer.status < 300
        if not right:
            error = graph_answers.refusal(step.name, answer, handed_over=hands_over and sent)
            self._heed(error.failure)
            raise error
        return answer

    async def put(self, step: OpenStep, url: str, piece: bytes, first: int, total: int) -> Answer:
        """A piece of an attachment to its upload session; `url` carries its own right, and takes no token.

        https://learn.microsoft.com/graph/outlook-large-attachments. Returns whatever was answered.
        """
        place = f"bytes {first}-{first + len(piece) - 1}/{total}"
        headers = {"Content-Type": "application/octet-stream", "Content-Range": place}
        try:
            return await self._request("PUT", url, headers, Body(piece))
        except TransportError as error:
            raise self._own(step, error, uncertain=False) from error

    async def upload_stands_at(self, step: OpenStep, url: str) -> int | None:
        """The byte that an upload session expects next; None where it does not say."""
        try:
            answer = await self._request("GET", url, {}, None)
        except TransportError as error:
            raise self._own(step, error, uncertain=False) from error
        try:
            ranges = answer.json_object().get("nextExpectedRanges") if answer.status == 200 else None
        except NotJson:
            return None
        first = str(ranges[0]).partition("-")[0] if isinstance(ranges, list) and ranges else ""
        return int(first) if first.isascii() and first.isdigit() else None

    async def _once(self, step: OpenStep, asked: _Asked, token: Secret) -> tuple[Answer, bool]:
        """The answer, and whether the request had gone out whole by then."""
        self._wait_for_throttle(step)
        url = (self._root if asked.path.startswith("/admin/") else self._base) + asked.path
        body = asked.body
        headers = {
            "Authorization": f"Bearer {token.reveal()}",
            "client-request-id": str(uuid.uuid4()),
            **({"Content-Type": asked.kind} if body is not None else {}),
        }
        content = Body(body) if body is not None else None
        step.said("C", f"{asked.method} {urlsplit(url).path}" + (f" ({len(body)} bytes)" if body else ""))
        try:
            answer = await self._request(asked.method, url, headers, content)
        except TransportError as error:
            raise self._own(step, error, uncertain=asked.hands_over and _sent(content)) from error
        except asyncio.CancelledError:
            if asked.hands_over and _sent(content):
                raise CancelledAfterHandOver from None
            raise
        step.said("S", f"{answer.status} {answer.headers.get('request-id', '')}".rstrip())
        return answer, _sent(content)

    async def _request(
        self, method: str, url: str, headers: Mapping[str, str], content: Body | None
    ) -> Answer:
        seconds = self._route.timeouts.upload(len(content) if content is not None else 0)
        return await self._http.request(method, url, headers=headers, content=content, seconds=seconds)

    def _own(self, step: OpenStep, error: TransportError, *, uncertain: bool) -> TransportError:
        found = error.failure
        cause = _CAUSES.get(found.cause, found.cause)
        if uncertain:
            return TransportError(
                replace(found, step=step.name, scope=Scope.MESSAGE, verdict=Verdict.UNCERTAIN, cause=cause)
            )
        return TransportError(replace(found, step=step.name, cause=cause))

    @property
    def throttled(self) -> float:
        """Seconds for which nothing may be asked; 0 where something may."""
        return max(self._route.throttle.until - self._clock(), 0.0)

    def _wait_for_throttle(self, step: OpenStep) -> None:
        """Refuse to ask before Graph wants to be asked: the mail waits, not the connection."""
        left = self.throttled
        if left > 0:
            raise TransportError(
                Failure(
                    step.name,
                    Scope.SERVER,
                    Verdict.RETRY,
                    Cause.ANSWER,
                    429,
                    words="Graph asked not to be asked for now",
                    facts=MappingProxyType({"retry_after": f"{left:.3f}"}),
                )
            )

    def _heed(self, failure: Failure) -> None:
        if failure.code in {429, 503} and failure.retry_after is not None:
            throttle = self._route.throttle
            throttle.until = max(throttle.until, self._clock() + failure.retry_after)


def _query(fields: Mapping[str, str] | None) -> str:
    """OData's options, their names as they are; a space is %20, for "+" means itself in some places."""
    if not fields:
        return ""
    return "?" + "&".join(f"{name}={quote(value, safe='')}" for name, value in fields.items())


def _sent(content: Body | None) -> bool:
    return content is None or content.sent
