"""The web client for a library that blocks: called in a worker thread, it works in the event loop.

It never waits for a loop that does not run any more, and keeps no thread after a cancel.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import Mapping
from dataclasses import dataclass, field

import httpx

from transports.http import Answer, HttpClient

_LOOP_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class BlockingAnswer:
    """An answer in the shape of the library requests, as msal reads it."""

    status_code: int
    text: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)

    def raise_for_status(self) -> None:
        """Raises ValueError for an error's status."""
        if self.status_code >= 400:
            raise ValueError(f"HTTP status {self.status_code}")


class BlockingHttp:
    """The client for a library that blocks: called in a worker thread, it works in the event loop.

    After `cancel` every call ends at once with concurrent.futures.CancelledError, so that the thread ends.
    `heard` is the last answer as it came.
    """

    def __init__(self, client: HttpClient, loop: asyncio.AbstractEventLoop, seconds: float) -> None:
        self._client = client
        self._loop = loop
        self._seconds = seconds
        self._running: concurrent.futures.Future[Answer] | None = None
        self._cancelled = False
        self.heard: Answer | None = None

    def get(
        self,
        url: str,
        params: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
        **_: object,
    ) -> BlockingAnswer:
        """As requests has it."""
        return self._ask("GET", url, params, headers, None)

    def post(
        self,
        url: str,
        params: Mapping[str, object] | None = None,
        data: Mapping[str, object] | str | bytes | None = None,
        headers: Mapping[str, str] | None = None,
        **_: object,
    ) -> BlockingAnswer:
        """As requests has it; msal gives some values as bytes, and None for what is to be left out."""
        return self._ask("POST", url, params, headers, data)

    def close(self) -> None:
        """Nothing: who opened the client closes it."""

    def cancel(self) -> None:
        """End the call under way, and every later one."""
        self._cancelled = True
        if self._running is not None:
            self._running.cancel()

    def _ask(
        self,
        method: str,
        url: str,
        params: Mapping[str, object] | None,
        headers: Mapping[str, str] | None,
        data: Mapping[str, object] | str | bytes | None,
    ) -> BlockingAnswer:
        if self._cancelled or self._loop.is_closed():
            raise concurrent.futures.CancelledError
        text = data.encode("utf-8", "replace") if isinstance(data, str) else data
        request = self._client.request(
            method,
            url,
            headers=headers,
            params=_fields(params),
            form=_fields(text) if isinstance(text, Mapping) else None,
            content=text if isinstance(text, bytes) else None,
            seconds=self._seconds,
        )
        self._running = asyncio.run_coroutine_threadsafe(request, self._loop)
        if self._cancelled:  # between the two lines above
            self._running.cancel()
        try:
            # The request has a deadline of its own; this one is for a loop that does not run any more.
            answer = self._running.result(self._seconds + _LOOP_SECONDS)
        except TimeoutError:
            self._running.cancel()
            raise concurrent.futures.CancelledError from None
        self.heard = answer
        return BlockingAnswer(answer.status, answer.text(), httpx.Headers(dict(answer.headers)))


def _fields(data: Mapping[str, object] | None) -> dict[str, str | bytes]:
    return {
        key: value if isinstance(value, bytes) else str(value)
        for key, value in (data or {}).items()
        if value is not None
    }
