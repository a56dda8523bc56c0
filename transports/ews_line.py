"""The line on which exchangelib's requests travel: from its thread, and through our own web client.

It takes no proxy, certificate, cookie or time limit from the library, and sends nothing once it was cut.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import requests
from requests.adapters import BaseAdapter

from transports.base import TransportError
from transports.http import Answer, Body, HttpClient

_LOOP_SECONDS = 5.0
_OURS = frozenset({"content-length", "connection", "accept-encoding"})
"""Header fields that the web client has its own of."""


@dataclass(frozen=True, slots=True, eq=False)
class _Call:
    """A request on its way from the thread to the loop."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: Body
    seconds: float
    done: concurrent.futures.Future[Answer]


class Line(BaseAdapter):
    """One line to one server, for one request at a time.

    `seconds` says how long a request of so many bytes may take. What became of the last one is here, word for
    word, whatever the library made of it: `heard` is the answer, `failed` why there is none, and `sent` says
    whether the request had gone out whole.
    """

    def __init__(
        self, client: HttpClient, loop: asyncio.AbstractEventLoop, seconds: Callable[[int], float]
    ) -> None:
        super().__init__()
        self._client = client
        self._loop = loop
        self._seconds = seconds
        self._cut = False
        self._task: asyncio.Task[None] | None = None
        self._body: Body | None = None
        self.heard: Answer | None = None
        self.failed: TransportError | None = None

    @property
    def sent(self) -> bool:
        """Whether the last request had gone out whole."""
        return self._body is not None and self._body.sent

    def begin(self) -> None:
        """In the loop, before each of the thread's works: forget what was before."""
        self.heard, self.failed, self._body = None, None, None
        self._cut = False

    def cut(self) -> None:
        """In the loop: end the request under way, and refuse every later one. Its thread ends by that."""
        self._cut = True
        if self._task is not None:
            self._task.cancel()

    def send(  # noqa: PLR0917 - requests has it so
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: object = None,
        verify: object = True,
        cert: object = None,
        proxies: object = None,
    ) -> requests.Response:
        """In the thread, as requests has it. Raises requests.ConnectionError, and says why in `failed`."""
        content = request.body or b""
        body = Body(content if isinstance(content, bytes) else str(content).encode())
        headers = {_text(name): _text(value) for name, value in request.headers.items()}
        ours = {name: value for name, value in headers.items() if name.lower() not in _OURS}
        call = _Call(
            request.method or "POST",
            request.url or "",
            ours,
            body,
            self._seconds(len(body)),
            concurrent.futures.Future(),
        )
        self.heard, self.failed, self._body = None, None, body
        try:
            self._loop.call_soon_threadsafe(self._start, call)
            # The request has a deadline of its own; this one is for a loop that does not run any more.
            self.heard = call.done.result(call.seconds + _LOOP_SECONDS)
        except TransportError as error:
            self.failed = error
        except (concurrent.futures.CancelledError, TimeoutError, RuntimeError):
            self._cut = True
        if self.heard is None:
            raise requests.ConnectionError
        return self._answer(request, self.heard)

    def close(self) -> None:
        """Nothing: who opened the client closes it."""

    def _start(self, call: _Call) -> None:
        if self._cut:
            call.done.cancel()
        else:
            self._task = self._loop.create_task(self._ask(call))

    async def _ask(self, call: _Call) -> None:
        """The thread hears of it only when the request has ended, so that `sent` cannot change afterwards."""
        try:
            found = await self._client.request(
                call.method, call.url, headers=call.headers, content=call.body, seconds=call.seconds
            )
        except TransportError as error:
            call.done.set_exception(error)
        else:
            call.done.set_result(found)
        finally:
            if not call.done.done():
                call.done.cancel()

    def _answer(self, request: requests.PreparedRequest, answer: Answer) -> requests.Response:
        made = requests.Response()
        made.status_code = answer.status
        # One Set-Cookie of several, glued together, would go back as it came; NTLM needs none of them.
        made.headers.update({name: value for name, value in answer.headers.items() if name != "set-cookie"})
        made.raw = _Raw(answer.body)
        made.url = request.url or ""
        made.request = request
        made.connection = self  # type: ignore[assignment]
        return made


class _Raw(io.BytesIO):
    """An answer's body as requests wants it."""

    def release_conn(self) -> None:
        """Nothing: the web client has its connection back."""


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("latin-1")
