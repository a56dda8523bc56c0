"""A practice web server: HTTPS/1.1 on a port of its own, for whatever answers requests of the tenant.

It reads no more than it was told to, and nothing that a client sends is shown as it came.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Generic
from urllib.parse import parse_qsl, urlsplit

import h11

from outmail.demo.pki import Certificate
from outmail.demo.port import Conversation, F, PracticePort

log = logging.getLogger(__name__)

LONGEST_BODY = 64 * 1024
"""Bytes of a request's body, unless a server takes more; what is longer is answered 413 and never kept."""
_LONGEST_HEAD = 32 * 1024
_MOST_FIELDS = 50
_IDLE_SECONDS = 120.0
_CHUNK = 16 * 1024
_BODY_CHUNK = 128 * 1024
_IGNORING_SECONDS = 5.0
_MOST_IGNORED = 64 * 1024 * 1024
"""Bytes of a body too long that are read and thrown away: who is still sending must hear the 413."""
_FORM = "application/x-www-form-urlencoded"

_NOTHING: Mapping[str, str] = MappingProxyType({})


class Connection:
    """One connection of a client: a key for whoever remembers something of it, no longer than it lasts."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a client asked for. Of a parameter that came twice there is none: RFC 6749, section 3.1."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    form: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    headers: Mapping[str, str] = field(default_factory=lambda: _NOTHING)  # by name in small letters
    body: bytes = b""
    target: str = ""  # path and query, as they came
    connection: Connection = field(default_factory=Connection, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Response:
    """What it gets; `kind` is the media type of `body`. One that `drops` is never sent: the line is cut.

    Each of the `challenges` is a header WWW-Authenticate of its own.
    """

    status: int = 200
    body: bytes = b""
    kind: str = "text/plain; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    drops: bool = False
    challenges: tuple[str, ...] = ()


Answer = Callable[[Request, F], Awaitable[Response]]


class WebServer(PracticePort[F]):
    """HTTPS from the first byte; `answer` is asked for each request, with the fault of its connection."""

    longest_body = LONGEST_BODY
    """Bytes of a request's body that it takes."""

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
        return _WebConversation(self._count, lambda: self._fault, self.longest_body, self.too_long)

    def too_long(self, request: Request) -> Response:
        """What a request gets whose body, which is not in it, is longer than `longest_body`."""
        return Response(413, _IMPROPER)

    async def _count(self, request: Request, fault: F) -> Response:
        self.asked += 1
        return await self._answer(request, fault)


_IMPROPER = b"That was no proper request.\n"


class _WebConversation(asyncio.StreamReaderProtocol, Conversation, Generic[F]):
    """One connection. A fault that was switched meanwhile counts from the next request on."""

    def __init__(
        self,
        answer: Answer[F],
        fault: Callable[[], F],
        longest_body: int,
        too_long: Callable[[Request], Response],
    ) -> None:
        super().__init__(asyncio.StreamReader(limit=_LONGEST_HEAD), self._begin)
        self.ended = asyncio.get_running_loop().create_future()
        self._answer = answer
        self._fault = fault
        self._longest_body = longest_body
        self._too_long = too_long
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=_LONGEST_HEAD)
        self._head_only = False
        self._connection = Connection()
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
                response = await self._answer(request, self._fault())
                if response.drops:
                    writer.transport.abort()
                    break
                self._send(writer, response)
                async with asyncio.timeout(_IDLE_SECONDS):
                    await writer.drain()
                if (self._http.our_state, self._http.their_state) != (h11.DONE, h11.DONE):
                    break
                self._http.start_next_cycle()
        except _Refused as refused:
            closes = {**refused.response.headers, "Connection": "close"}
            self._send_instead(writer, replace(refused.response, headers=closes))
            if refused.response.status == 413:
                await self._ignore_the_rest(reader)
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
        body = bytearray()
        while True:
            try:
                event = self._http.next_event()
            except h11.RemoteProtocolError as error:
                raise _Refused(Response(error.error_status_hint, _IMPROPER)) from None
            if head is not None and max(len(body), _announced(head)) > self._longest_body:
                raise _Refused(self._too_long(_request(head, b"", self._connection)))
            if event is h11.NEED_DATA:
                if self._http.they_are_waiting_for_100_continue:
                    writer.write(
                        self._http.send(h11.InformationalResponse(status_code=100, headers=[])) or b""
                    )
                self._http.receive_data(await reader.read(_CHUNK if head is None else _BODY_CHUNK))
            elif isinstance(event, h11.Request):
                head = event
                self._head_only = event.method == b"HEAD"
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage) and head is not None:
                return _request(head, bytes(body), self._connection)
            else:  # the connection was closed
                return None

    async def _ignore_the_rest(self, reader: asyncio.StreamReader) -> None:
        """A connection closed with bytes unread is reset, and a client that still sends loses the answer."""
        ignored = 0
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(_IGNORING_SECONDS):
                while ignored < _MOST_IGNORED and (found := await reader.read(_BODY_CHUNK)):
                    ignored += len(found)

    def _send(self, writer: asyncio.StreamWriter, response: Response) -> None:
        headers = {
            **({"Content-Type": response.kind} if response.kind else {}),
            **({} if response.status == 204 else {"Content-Length": str(len(response.body))}),
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
            **response.headers,
        }
        challenges = [("WWW-Authenticate", challenge) for challenge in response.challenges]
        fields = [*headers.items(), *challenges]
        head = h11.Response(status_code=response.status, headers=fields, reason=b"")
        body = b"" if self._head_only else response.body
        for event in (head, h11.Data(data=body), h11.EndOfMessage()):
            writer.write(self._http.send(event) or b"")

    def _send_instead(self, writer: asyncio.StreamWriter, response: Response) -> None:
        """Send this, unless an answer has begun already."""
        if self._http.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            self._send(writer, response)


class _Refused(Exception):  # noqa: N818 - says what it is
    """A request that is answered before anybody looks at it."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status)
        self.response = response


def _announced(head: h11.Request) -> int:
    """The length that the request says its body has; 0 where it says nothing. h11 has seen that it is one."""
    return int(next((value for name, value in head.headers if name == b"content-length"), b"0"))


def _request(head: h11.Request, body: bytes, connection: Connection) -> Request:
    if head.method == b"CONNECT":
        # An answer of 200 would be the beginning of a tunnel.
        raise _Refused(Response(501, _IMPROPER))
    headers = {name.decode("ascii"): value.decode("latin-1") for name, value in head.headers}
    is_form = headers.get("content-type", "").split(";")[0].strip().lower() == _FORM
    form = body.decode("utf-8", "replace") if is_form else ""
    try:
        target = head.target.decode("ascii", "replace")
        parts = urlsplit(target)
        return Request(
            head.method.decode("ascii"),
            parts.path,
            fields_of(parts.query),
            fields_of(form),
            MappingProxyType(headers),
            body,
            target,
            connection,
        )
    except ValueError:
        raise _Refused(Response(400, _IMPROPER)) from None


def fields_of(text: str) -> Mapping[str, str]:
    """The fields of a query or a form; none of those that came twice. Raises ValueError for too many."""
    pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    names = [name for name, _ in pairs]
    return MappingProxyType({name: value for name, value in pairs if names.count(name) == 1})
