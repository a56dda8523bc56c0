"""A practice web server: HTTPS/1.1 on a port of its own, for whatever answers requests of the tenant.

It reads no more than it was told to, and nothing that a client sends is shown as it came.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable, Iterable, Mapping
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

    def set_fault(self, fault: str) -> None:
        """See PracticePort. A connection that was kept open must not outlive what can no longer be opened."""
        before = self._fault
        super().set_fault(fault)
        if (before.greets, before.certificate) != (self._fault.greets, self._fault.certificate):
            self.hang_up()

    def converse(self, fault: F, tls: ssl.SSLContext) -> Conversation:
        """A conversation for a new connection."""
        return _WebConversation(self._count, lambda: self._fault)

    async def _count(self, request: Request, fault: F) -> Response:
        self.asked += 1
        return await self._answer(request, fault)


class _WebConversation(asyncio.StreamReaderProtocol, Conversation, Generic[F]):
    """One connection. A fault that was switched meanwhile counts from the next request on."""

    def __init__(self, answer: Answer[F], fault: Callable[[], F]) -> None:
        super().__init__(asyncio.StreamReader(limit=_LONGEST_HEAD), self._begin)
        self.ended = asyncio.get_running_loop().create_future()
        self._answer = answer
        self._fault = fault
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=_LONGEST_HEAD)
        self._head_only = False
        self._writer: asyncio.StreamWriter | None = None

    def transports(self) -> Iterable[asyncio.BaseTransport | None]:
        """See Conversation."""
        return () if self._writer is None else (self._writer.transport,)

    def connection_lost(self, error: Exception | None) -> None:
        """Note that the connection is gone."""
        self.note_end()
        super().connection_lost(error)

    def _begin(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self.serving = asyncio.get_running_loop().create_task(self._run(reader, writer))

    async def _run(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                async with asyncio.timeout(_IDLE_SECONDS):
                    request = await self._next_request(reader, writer)
                if request is None:
                    break
                self._send(writer, await self._answer(request, self._fault()))
                async with asyncio.timeout(_IDLE_SECONDS):
                    await writer.drain()
                if (self._http.our_state, self._http.their_state) != (h11.DONE, h11.DONE):
                    break
                self._http.start_next_cycle()
        except _Refused as refused:
            self._send_instead(writer, Response(refused.status, b"That was no proper request.\n"))
        except (OSError, TimeoutError):
            pass  # the client went away, or forgot us
        except Exception as error:
            log.warning("practice web server: %s", type(error).__name__)
            self._send_instead(writer, Response(500, b"The practice server stumbled.\n"))
        finally:
            writer.close()

    async def _next_request(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> Request | None:
        """The next request; None where the client has gone."""
        self._head_only = False
        head: h11.Request | None = None
        body = b""
        while True:
            try:
                event = self._http.next_event()
            except h11.RemoteProtocolError as error:
                raise _Refused(error.error_status_hint) from None
            if len(body) > LONGEST_BODY:
                raise _Refused(413)
            if event is h11.NEED_DATA:
                if self._http.they_are_waiting_for_100_continue:
                    writer.write(
                        self._http.send(h11.InformationalResponse(status_code=100, headers=[])) or b""
                    )
                self._http.receive_data(await reader.read(_CHUNK))
            elif isinstance(event, h11.Request):
                head = event
                self._head_only = event.method == b"HEAD"
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage) and head is not None:
                return _request(head, body)
            else:  # the connection was closed
                return None

    def _send(self, writer: asyncio.StreamWriter, response: Response) -> None:
        headers = {
            "Content-Type": response.kind,
            "Content-Length": str(len(response.body)),
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
            **response.headers,
        }
        head = h11.Response(status_code=response.status, headers=list(headers.items()), reason=b"")
        body = b"" if self._head_only else response.body
        for event in (head, h11.Data(data=body), h11.EndOfMessage()):
            writer.write(self._http.send(event) or b"")

    def _send_instead(self, writer: asyncio.StreamWriter, response: Response) -> None:
        """Send this, unless an answer has begun already."""
        if self._http.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            self._send(writer, response)


class _Refused(Exception):  # noqa: N818 - says what it is
    """A request that is not answered by anybody; the status says why."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def _request(head: h11.Request, body: bytes) -> Request:
    if head.method == b"CONNECT":
        raise _Refused(501)  # an answer of 200 would be the beginning of a tunnel
    kind = next((value for name, value in head.headers if name == b"content-type"), b"")
    form = body.decode("utf-8", "replace") if kind.split(b";")[0].strip().lower() == _FORM.encode() else ""
    try:
        parts = urlsplit(head.target.decode("ascii", "replace"))
        return Request(head.method.decode("ascii"), parts.path, fields_of(parts.query), fields_of(form))
    except ValueError:
        raise _Refused(400) from None


def fields_of(text: str) -> Mapping[str, str]:
    """The fields of a query or a form; none of those that came twice. Raises ValueError for too many."""
    pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    names = [name for name, _ in pairs]
    return MappingProxyType({name: value for name, value in pairs if names.count(name) == 1})
