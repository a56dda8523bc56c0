"""A practice web server: HTTPS/1.1 on a port of its own, for whatever answers requests of the tenant.

It reads no more than it was told to, and nothing that a client sends is shown as it came.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Generic
from urllib.parse import parse_qsl, urlsplit

import h11

from outmail.demo.pki import Certificate
from outmail.demo.port import Conversation, F, PracticePort

log = logging.getLogger(__name__)

LONGEST_BODY = 64 * 1024
"""Bytes of a request's body; what is longer is answered 413 and not read to its end."""
_LONGEST_HEAD = 32 * 1024
_MOST_FIELDS = 50
_IDLE_SECONDS = 120.0
_CHUNK = 16 * 1024
_FORM = "application/x-www-form-urlencoded"

_NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Request:
    """What a client asked for. Of a parameter that came twice there is none: RFC 6749, section 3.1."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    form: Mapping[str, str] = field(default_factory=lambda: _NOTHING)


@dataclass(frozen=True, slots=True)
class Response:
    """What it gets; `kind` is the media type of `body`."""

    status: int = 200
    body: bytes = b""
    kind: str = "text/plain; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=lambda: _NOTHING)


Answer = Callable[[Request, F], Awaitable[Response]]


class WebServer(PracticePort[F]):
    """HTTPS from the first byte; `answer` is asked for each request, with the fault of its connection."""

    def __init__(
        self,
        name: str,
        faults: Mapping[str, F],
        tls: Mapping[Certificate, ssl.SSLContext],
        answer: Answer[F],
    ) -> None:
        super().__init__(name, "tls", faults, tls)
        self._answer = answer
        self.asked = 0
        """How many requests came, as long as it runs."""

    @property
    def origin(self) -> str:
        """Where it is, by the name in its certificate: https://localhost:PORT."""
        return f"https://localhost:{self.port}"

    def converse(self, fault: F, tls: ssl.SSLContext) -> Conversation:
        """A conversation for a new connection."""
        return _WebConversation(self._count, lambda: self._fault)

    async def _count(self, request: Request, fault: F) -> Response:
        self.asked += 1
        return await self._answer(request, fault)


class _WebConversation(asyncio.StreamReaderProtocol, Conversation, Generic[F]):
    """One connection. A fault that was switched meanwhile counts from the next request on."""

    def __init__(self, answer: Answer[F], fault: Callable[[], F]) -> None:
        reader = asyncio.StreamReader(limit=_LONGEST_HEAD)
        super().__init__(reader, self._begin)
        self.ended = asyncio.get_running_loop().create_future()
        self._answer = answer
        self._fault = fault
        self._task: asyncio.Task[None] | None = None
        self._writer: asyncio.StreamWriter | None = None

    def abort(self) -> None:
        """See Conversation."""
        if self._writer is not None:
            self._writer.transport.abort()
        if self._task is not None:
            self._task.cancel()

    async def wait(self) -> None:
        """See Conversation."""
        if self._task is not None:
            await asyncio.wait({self._task})

    def connection_lost(self, error: Exception | None) -> None:
        """Note that the connection is gone."""
        if not self.ended.done():
            self.ended.set_result(None)
        super().connection_lost(error)

    def _begin(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self._task = asyncio.get_running_loop().create_task(self._run(reader, writer))

    async def _run(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = h11.Connection(h11.SERVER, max_incomplete_event_size=_LONGEST_HEAD)
        try:
            while True:
                async with asyncio.timeout(_IDLE_SECONDS):
                    request = await _next_request(connection, reader)
                if request is None:
                    break
                head_only = request.method == "HEAD"
                _send(connection, writer, await self._answer(request, self._fault()), head_only)
                async with asyncio.timeout(_IDLE_SECONDS):
                    await writer.drain()
                if (connection.our_state, connection.their_state) != (h11.DONE, h11.DONE):
                    break
                connection.start_next_cycle()
        except _Refused as refused:
            if connection.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
                _send(connection, writer, Response(refused.status, b"That was no proper request.\n"))
        except (OSError, TimeoutError):
            pass  # the client went away, or forgot us
        except Exception as error:
            log.warning("practice web server: %s", type(error).__name__)
            if connection.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
                _send(connection, writer, Response(500, b"The practice server stumbled.\n"))
        finally:
            writer.close()


class _Refused(Exception):  # noqa: N818 - says what it is
    """A request that is not answered by anybody; the status says why."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


async def _next_request(connection: h11.Connection, reader: asyncio.StreamReader) -> Request | None:
    """The next request; None where the client has gone."""
    head: h11.Request | None = None
    body = b""
    while True:
        try:
            event = connection.next_event()
        except h11.RemoteProtocolError as error:
            raise _Refused(error.error_status_hint) from None
        if event is h11.NEED_DATA:
            if len(body) > LONGEST_BODY:
                raise _Refused(413)
            connection.receive_data(await reader.read(_CHUNK))
        elif isinstance(event, h11.Request):
            head = event
        elif isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage) and head is not None:
            if len(body) > LONGEST_BODY:
                raise _Refused(413)
            return _request(head, body)
        else:  # the connection was closed
            return None


def _request(head: h11.Request, body: bytes) -> Request:
    parts = urlsplit(head.target.decode("ascii", "replace"))
    kind = next((value for name, value in head.headers if name == b"content-type"), b"")
    form = body.decode("utf-8", "replace") if kind.split(b";")[0].strip().lower() == _FORM.encode() else ""
    return Request(head.method.decode("ascii"), parts.path, _fields(parts.query), _fields(form))


def _fields(text: str) -> Mapping[str, str]:
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise _Refused(400) from None
    names = [name for name, _ in pairs]
    return MappingProxyType({name: value for name, value in pairs if names.count(name) == 1})


def _send(
    connection: h11.Connection, writer: asyncio.StreamWriter, response: Response, head_only: bool = False
) -> None:
    headers = {
        "Content-Type": response.kind,
        "Content-Length": str(len(response.body)),
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        **response.headers,
    }
    head = h11.Response(status_code=response.status, headers=list(headers.items()), reason=b"")
    body = b"" if head_only else response.body
    for event in (head, h11.Data(data=body), h11.EndOfMessage()):
        writer.write(connection.send(event) or b"")
