"""The one web client: requests to authorities and services, along a profile's proxy and trust.

It never follows a redirect, keeps no cookie, takes nothing from the environment, sends no request
twice, and never puts an address's query or a body into an error.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import json
import ssl
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Self
from urllib.parse import urlencode, urlsplit

import httpcore
import httpx

from transports.base import Cause, Failure, Scope, StepName, TransportError, Verdict
from transports.http_backend import Backend
from transports.net.resolve import Resolver, system_resolver
from transports.routes import HttpRoute
from transports.trace import harmless

USER_AGENT = "outmail"
LIMIT = 1 << 20
"""Bytes of an answer's body at most; a token answer has some 8 KiB."""

_SECONDS = 30.0
_IDLE_SECONDS = 20.0


class NotJson(ValueError):  # noqa: N818 - says what the answer is
    """An answer that is no JSON object."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a web server answered; header names are in lower case. The body may hold secrets."""

    status: int
    headers: Mapping[str, str]
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

    `step` and `scope` are those of its failures.
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
        self._client = httpx.AsyncClient(
            transport=_OurTransport(Backend(route, step, resolver)),
            trust_env=False,
            follow_redirects=False,
            timeout=None,  # noqa: S113 - each request has a deadline of its own
            headers={"User-Agent": USER_AGENT, "Accept-Encoding": "identity"},
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close every connection."""
        await self._client.aclose()

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
        content: bytes | None = None,
        limit: int = LIMIT,
        seconds: float | None = None,
    ) -> Answer:
        """One request and its answer, whatever its status, within `seconds` (30) altogether.

        `form` is sent as application/x-www-form-urlencoded. Raises TransportError: the network's
        causes, TIMED_OUT, or OAUTH_NOT_STANDARD (fact `what`: huge, not-http).
        """
        host = self._host(url)
        all_headers = dict(headers or {})
        if form is not None:
            content = urlencode(form).encode()
            all_headers.setdefault("Content-Type", "application/x-www-form-urlencoded")
        patience = _SECONDS if seconds is None else seconds
        try:
            async with asyncio.timeout(patience):
                return await self._exchange(method, url, all_headers, content, limit)
        except TransportError as error:
            raise TransportError(self._own(error.failure, host)) from error
        except TimeoutError:
            raise self._failed(Cause.TIMED_OUT, f"no answer within {patience:g} s", host) from None
        except (httpx.RemoteProtocolError, httpcore.RemoteProtocolError) as error:
            hung_up = "disconnected" in str(error).lower()
            if hung_up:
                raise self._failed(Cause.CONNECTION_LOST, "the server closed the connection", host) from error
            raise self._failed(
                Cause.OAUTH_NOT_STANDARD, "the answer is not HTTP", host, what="not-http"
            ) from error
        except (httpx.HTTPError, httpx.InvalidURL, httpcore.NetworkError, httpcore.ProtocolError) as error:
            raise self._failed(Cause.CONNECTION_LOST, type(error).__name__, host) from error

    async def _exchange(
        self, method: str, url: str, headers: Mapping[str, str], content: bytes | None, limit: int
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

    def _host(self, url: str) -> str:
        """Host and port of an address we may ask. Raises TransportError."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise self._settings("an address is none") from None
        if parts.scheme != "https" and not (parts.scheme == "http" and self._allow_http):
            raise self._settings("an address does not begin with https://")
        if not parts.hostname or any(c.isspace() or not c.isprintable() for c in url):
            raise self._settings("an address is none")
        return f"{parts.hostname}:{port}" if port else parts.hostname

    def _settings(self, words: str) -> TransportError:
        failure = Failure(
            self._step,
            self._scope,
            Verdict.FIX_SETTINGS,
            Cause.OAUTH_SETTINGS,
            words=words,
            facts={"what": "url"},
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


class _OurTransport(httpx.AsyncBaseTransport):
    """httpx over httpcore's connection pool over our own connections; HTTP/1.1."""

    def __init__(self, backend: Backend) -> None:
        # A context of its own that trusts nobody: httpcore changes the one that it is given (ALPN).
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
            network_backend=backend,
            keepalive_expiry=_IDLE_SECONDS,
            retries=0,
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """One request."""
        url = httpcore.URL(
            scheme=request.url.raw_scheme,
            host=request.url.raw_host,
            port=request.url.port,
            target=request.url.raw_path,
        )
        answer = await self._pool.handle_async_request(
            httpcore.Request(request.method, url, headers=request.headers.raw, content=request.stream)
        )
        return httpx.Response(answer.status, headers=answer.headers, stream=_Body(answer))

    async def aclose(self) -> None:
        """Close every connection."""
        await self._pool.aclose()


class _Body(httpx.AsyncByteStream):
    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self._answer.aiter_stream():
            yield part

    async def aclose(self) -> None:
        await self._answer.aclose()


@dataclass(frozen=True, slots=True)
class BlockingAnswer:
    """An answer in the shape of the library requests, as msal reads it."""

    status_code: int
    text: str = field(repr=False)
    headers: Mapping[str, str]

    def raise_for_status(self) -> None:
        """Raises ValueError for an error's status."""
        if self.status_code >= 400:
            raise ValueError(f"HTTP status {self.status_code}")


class BlockingHttp:
    """The client for a library that blocks: called in a worker thread, it works in the event loop.

    After `cancel` every call ends at once with concurrent.futures.CancelledError, so that the thread ends.
    """

    def __init__(self, client: HttpClient, loop: asyncio.AbstractEventLoop, seconds: float) -> None:
        self._client = client
        self._loop = loop
        self._seconds = seconds
        self._running: concurrent.futures.Future[Answer] | None = None
        self._cancelled = False

    def get(
        self,
        url: str,
        params: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
        **_: object,
    ) -> BlockingAnswer:
        """As requests has it."""
        return self._ask("GET", _with(url, params), headers, None)

    def post(
        self,
        url: str,
        params: Mapping[str, object] | None = None,
        data: Mapping[str, object] | str | bytes | None = None,
        headers: Mapping[str, str] | None = None,
        **_: object,
    ) -> BlockingAnswer:
        """As requests has it; msal gives some values as bytes, and None for what is to be left out."""
        form = "application/x-www-form-urlencoded"
        if isinstance(data, bytes):
            return self._ask("POST", _with(url, params), headers, data)
        if isinstance(data, str):
            return self._ask("POST", _with(url, params), headers, data.encode())
        body = urlencode(_fields(data)).encode()
        return self._ask("POST", _with(url, params), {"Content-Type": form, **(headers or {})}, body)

    def close(self) -> None:
        """Nothing: who opened the client closes it."""

    def cancel(self) -> None:
        """End the call under way, and every later one."""
        self._cancelled = True
        if self._running is not None:
            self._running.cancel()

    def _ask(
        self, method: str, url: str, headers: Mapping[str, str] | None, body: bytes | None
    ) -> BlockingAnswer:
        if self._cancelled:
            raise concurrent.futures.CancelledError
        request = self._client.request(method, url, headers=headers, content=body, seconds=self._seconds)
        self._running = asyncio.run_coroutine_threadsafe(request, self._loop)
        if self._cancelled:  # between the two lines above
            self._running.cancel()
        answer = self._running.result(self._seconds + 5)
        return BlockingAnswer(answer.status, answer.text(), httpx.Headers(dict(answer.headers)))


def _with(url: str, params: Mapping[str, object] | None) -> str:
    if not params:
        return url
    return f"{url}{'&' if '?' in url else '?'}{urlencode(_fields(params))}"


def _fields(data: Mapping[str, object] | None) -> dict[str, str]:
    return {
        key: value.decode() if isinstance(value, bytes) else str(value)
        for key, value in (data or {}).items()
        if value is not None
    }
