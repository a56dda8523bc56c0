"""The connections of a web client: kept for the next request, and thrown away once they are idle.

It speaks HTTP/1.1 only, never sends a request a second time, and never goes around our own network code.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator

import httpcore
import httpx

from transports.http_backend import Backend, Stream

_IDLE_SECONDS = 20.0


class Pool(httpx.AsyncBaseTransport):
    """httpx over httpcore's connection pool over our own connections; HTTP/1.1."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
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
        stream = answer.extensions.get("network_stream")
        if isinstance(stream, Stream) and not stream.answered:
            # It lay behind the answer before: a server that says more than it was asked, or worse.
            await answer.aclose()
            raise httpcore.RemoteProtocolError("an answer that was there before its request")
        return httpx.Response(answer.status, headers=answer.headers, stream=_Body(answer))

    async def aclose(self) -> None:
        """Close every connection."""
        await self._backend.close()
        await self._pool.aclose()


class _Body(httpx.AsyncByteStream):
    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self._answer.aiter_stream():
            yield part

    async def aclose(self) -> None:
        await self._answer.aclose()
