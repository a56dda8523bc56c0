"""The one web client: requests to authorities and services, along a profile's proxy and trust.

It never follows a redirect, keeps no cookie, takes nothing from the environment, sends no request
twice, and never puts an address's query or a body into an error.
"""

from __future__ import annotations

import asyncio
import http.cookiejar
import json
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Self
from urllib.parse import urlencode, urlsplit

import httpcore
import httpx

from transports.base import Cause, Failure, Scope, StepName, TransportError, Verdict
from transports.http_backend import Backend
from transports.http_pool import Pool
from transports.net.resolve import Resolver, system_resolver
from transports.routes import HttpRoute
from transports.shown import harmless
from transports.trace import Trace

USER_AGENT = "outmail"
LIMIT = 1 << 20
"""Bytes of an answer's body at most; a token answer has some 8 KiB."""

_SECONDS = 30.0
_HTTPS = 443
_FORM = "application/x-www-form-urlencoded"

Fields = Mapping[str, str | bytes]
"""Names and values of a form or a query; bytes as they are, text as UTF-8."""

for _talkative in ("httpx", "httpcore"):  # they log whole addresses, and every header of an answer
    logging.getLogger(_talkative).setLevel(logging.CRITICAL + 1)


_CLOSED = "the connection was closed on this side"

_LIBRARY_ERRORS = (httpx.HTTPError, httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException)


class NotJson(ValueError):  # noqa: N818 - says what the answer is
    """An answer that is no JSON object."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a web server answered; header names are in lower case. Body and headers may hold secrets."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    url: str = field(repr=False)

    def text(self) -> str:
        """The body as text, whatever it is."""
        return self.body.decode("utf-8", "replace")

    def json_object(self) -> dict[str, object]:
        """The body as a JSON object (RFC 8259). Raises NotJson."""
        try:
            found = json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise NotJson("the answer is no JSON") from error
        if not isinstance(found, dict):
            raise NotJson("the answer is JSON, but no object")
        return found


class HttpClient:
    """Requests of one profile in one event loop; connections are kept for the next request.

    `step` and `scope` are those of its failures; what `connect` raises has the step at which it failed.
    """

    def __init__(
        self,
        route: HttpRoute,
        step: StepName = StepName.TOKEN,
        scope: Scope = Scope.SIGN_IN,
        *,
        allow_http: bool = False,
        resolver: Resolver = system_resolver,
    ) -> None:
        self._step = step
        self._scope = scope
        self._allow_http = allow_http
        self._closed = False
        self._under_way: set[asyncio.Timeout] = set()
        nobody = http.cookiejar.DefaultCookiePolicy(allowed_domains=())
        self._backend = Backend(route, step, resolver)
        self._client = httpx.AsyncClient(
            transport=Pool(self._backend),
            trust_env=False,
            follow_redirects=False,
            timeout=None,  # noqa: S113 - each request has a deadline of its own
            headers={"User-Agent": USER_AGENT, "Accept-Encoding": "identity"},
            cookies=http.cookiejar.CookieJar(nobody),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close every connection; requests under way end as CONNECTION_LOST, and so does every later one."""
        self._closed = True
        for deadline in self._under_way:
            if not deadline.expired():
                deadline.reschedule(asyncio.get_running_loop().time())
        await self._client.aclose()

    async def connect(self, url: str, trace: Trace) -> None:
        """Reach the host of an https address and begin TLS, each step told; the next request uses it.

        Raises TransportError.
        """
        self._host(url)
        parts = urlsplit(url)
        await self._backend.prepare(parts.hostname or "", parts.port or _HTTPS, trace)

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Fields | None = None,
        form: Fields | None = None,
        content: bytes | Body | None = None,
        limit: int = LIMIT,
        seconds: float | None = None,
    ) -> Answer:
        """One request and its answer, whatever its status, within `seconds` (30) altogether.

        `params` go to the end of the address's query; `form` is sent as
        application/x-www-form-urlencoded. Raises TransportError: the network's causes, TIMED_OUT,
        OAUTH_NOT_STANDARD (fact `what`: huge, not-http) or OAUTH_SETTINGS (url, header, form).
        """
        host = self._host(url)
        all_headers = self._sendable(headers or {})
        if params:
            url += ("&" if urlsplit(url).query else "?") + self._encoded(params)
        if form is not None:
            content = self._encoded(form).encode("ascii")
            if "content-type" not in all_headers:
                all_headers["content-type"] = _FORM
        if isinstance(content, Body):
            all_headers["content-length"] = str(len(content))
        if self._closed:
            raise self._failed(Cause.CONNECTION_LOST, _CLOSED, host)
        patience = _SECONDS if seconds is None else seconds
        deadline = asyncio.timeout(patience)
        self._under_way.add(deadline)
        try:
            async with deadline:
                return await self._exchange(method, url, all_headers, content, limit)
        except TransportError as error:
            raise TransportError(self._own(error.failure, host)) from error
        except TimeoutError:
            if self._closed:
                failed = self._failed(Cause.CONNECTION_LOST, _CLOSED, host)
            else:
                failed = self._failed(Cause.TIMED_OUT, f"no answer within {patience:g} s", host)
        except httpx.InvalidURL:
            failed = self._settings("an address is none", "url")
        except _LIBRARY_ERRORS as error:
            failed = self._seen(error, host)
        finally:
            self._under_way.discard(deadline)
            if isinstance(content, Body):
                content.forget()
        # Not `from` the library's error, and outside of its handler: that one quotes headers we send
        # and lines the server sends, and a traceback would show them.
        raise failed

    async def _exchange(
        self, method: str, url: str, headers: Mapping[str, str], content: bytes | Body | None, limit: int
    ) -> Answer:
        async with self._client.stream(method, url, headers=headers, content=content) as answer:
            body = bytearray()
            # Raw: what is compressed though nobody asked for it is never blown up here.
            async for part in answer.aiter_raw():
                body += part
                if len(body) > limit:
                    raise self._failed(
                        Cause.OAUTH_NOT_STANDARD,
                        f"the answer has over {limit} bytes",
                        self._host(url),
                        what="huge",
                    )
            found = {name.lower(): value for name, value in answer.headers.items()}
            return Answer(answer.status_code, MappingProxyType(found), bytes(body), url)

    def _seen(self, error: Exception, host: str) -> TransportError:
        """What a library's error means; nothing of its text is kept."""
        if not isinstance(error, httpx.RemoteProtocolError | httpcore.RemoteProtocolError):
            # Its kind helps whoever mends it; its text may quote what was sent.
            words = f"the connection broke off ({type(error).__name__})"
            return self._failed(Cause.CONNECTION_LOST, words, host)
        # httpcore's words for an answer that never began, and h11's for a body cut short.
        if "server disconnected" in str(error).lower() or "peer closed connection" in str(error).lower():
            return self._failed(Cause.CONNECTION_LOST, "the server closed the connection", host)
        return self._failed(Cause.OAUTH_NOT_STANDARD, "the answer is not HTTP", host, what="not-http")

    def _host(self, url: str) -> str:
        """Host and port of an address we may ask. Raises TransportError."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port
        except ValueError:
            host, port = "", None
        if not host or any(c.isspace() or not c.isprintable() for c in url):
            raise self._settings("an address is none", "url")
        if parts.scheme != "https" and not (parts.scheme == "http" and self._allow_http):
            raise self._settings("an address does not begin with https://", "url")
        if "@" in parts.netloc:  # it would be sent as a sign-in of its own
            raise self._settings("an address holds a user name", "url")
        name = f"[{host}]" if ":" in host else host
        return f"{name}:{port}" if port else name

    def _sendable(self, headers: Mapping[str, str]) -> dict[str, str]:
        """The headers by their names in lower case; a line end in one would begin another."""
        for name, value in headers.items():
            if not (f"{name}{value}".isascii() and f"{name}{value}".isprintable()):
                raise self._settings("a header holds characters that it must not", "header")
        return {name.lower(): value for name, value in headers.items()}

    def _encoded(self, fields: Fields) -> str:
        text = ""
        broken = False
        try:
            text = urlencode(fields)
        except UnicodeError:  # half a character pair; this error holds the whole text, and must not get out
            broken = True
        if broken:
            raise self._settings("a value is no text", "form")
        return text

    def _settings(self, words: str, what: str) -> TransportError:
        failure = Failure(
            self._step,
            self._scope,
            Verdict.FIX_SETTINGS,
            Cause.OAUTH_SETTINGS,
            words=words,
            facts=MappingProxyType({"what": what}),
        )
        return TransportError(failure)

    def _failed(self, cause: Cause, words: str, host: str, **facts: str) -> TransportError:
        return TransportError(
            Failure(
                self._step,
                self._scope,
                Verdict.RETRY,
                cause,
                words=harmless(words),
                facts=MappingProxyType({"host": host, **facts}),
            )
        )

    def _own(self, failure: Failure, host: str) -> Failure:
        """A failure of the network beneath, as one of this client's step."""
        facts = MappingProxyType({"host": host, **failure.facts})
        return replace(failure, step=self._step, scope=self._scope, facts=facts)


class Body:
    """A request's body that goes in pieces. `sent` says whether all of it was handed to the connection.

    Once it was, a connection that breaks tells nothing of what became of the request. It serves one request.
    """

    PIECE = 256 * 1024

    def __init__(self, content: bytes) -> None:
        self._content = content
        self.sent = False

    def __len__(self) -> int:
        return len(self._content)

    def forget(self) -> None:
        """Let go of the bytes: httpx ties requests and answers into a knot that lives on for a while."""
        self._content = b""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        self.sent = False
        view = memoryview(self._content)
        for start in range(0, len(view), self.PIECE):
            yield bytes(view[start : start + self.PIECE])
        self.sent = True


OpenHttp = Callable[[HttpRoute], HttpClient]
"""How the web client of a route is made; a test may make another."""
