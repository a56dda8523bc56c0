"""Hears the browser come back: a page on the redirect address of this machine, for one sign-in.

It listens on loopback only, serves nothing but a word of thanks, and takes no answer that does not
belong to the sign-in: anybody on the machine can call it.
"""

from __future__ import annotations

import asyncio
import errno
import re
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

_LONGEST_LINE = 16 * 1024
_SECONDS = 10.0
_MOST_CONNECTIONS = 32
_IPV4, _IPV6 = (socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")
_LOOPBACK = {"localhost": (_IPV4, _IPV6), "127.0.0.1": (_IPV4,), "::1": (_IPV6,)}
_NO_SUCH_FAMILY = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT})
_EARLY = re.compile(rb"\r\n(sec-purpose|purpose|x-moz):[^\r]*prefetch", re.IGNORECASE)
"""A browser that fetches a page before anybody wants it says so."""

_HEADERS = (
    "Content-Type: text/html; charset=utf-8\r\nCache-Control: no-store\r\nReferrer-Policy: no-referrer\r\n"
    "Content-Security-Policy: default-src 'none'\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n"
)
_PAGE = (
    "<!doctype html><html lang=en><title>outmail</title><body><h1>{title}</h1><p>{words}</p></body></html>\n"
)


@dataclass(frozen=True, slots=True)
class Listener:
    """`answer` is done with the whole address once the browser came back to it."""

    address: str
    answer: asyncio.Future[str]


@asynccontextmanager
async def listen(redirect_url: str, *, accept: Callable[[str], bool]) -> AsyncIterator[Listener]:
    """Listen on the redirect address for the block (RFC 8252, section 7.3).

    `accept` says whether an address belongs to this sign-in. Raises OSError where nobody can listen
    there: the port is taken, or the address is not this machine's.
    """
    host, port, path = _here(redirect_url)
    page = _Page(redirect_url, path, accept)
    async with AsyncExitStack() as stack:
        stack.callback(page.stop)
        for sock in _sockets(host, port, stack):
            server = await asyncio.start_server(page.serve, sock=sock)
            stack.callback(server.close)
        yield Listener(redirect_url, page.answer)


def _here(redirect_url: str) -> tuple[str, int, str]:
    """Host, port and path of an address of this machine. Raises OSError for any other."""
    try:
        parts = urlsplit(redirect_url)
        host, port = parts.hostname or "", parts.port or 80
    except ValueError:
        host = ""
    if host not in _LOOPBACK or parts.scheme != "http":
        raise OSError(f"{redirect_url} is not an address of this machine alone")
    return host, port, parts.path or "/"


def _sockets(host: str, port: int, stack: AsyncExitStack) -> list[socket.socket]:
    """Each closes with the stack.

    Browsers try ::1 first for localhost, and go on to 127.0.0.1 where this machine has no such address.
    Another program's ::1 is none to go past: the browser would take the code there.
    """
    found: list[socket.socket] = []
    trouble: OSError | None = None
    for family, address in _LOOPBACK[host]:
        try:
            sock = _bound(family, address, port)
        except OSError as error:
            if error.errno not in _NO_SUCH_FAMILY:
                raise
            trouble = error
        else:
            stack.callback(sock.close)
            found.append(sock)
    if trouble is not None and not found:
        raise trouble
    return found


def _bound(family: socket.AddressFamily, host: str, port: int) -> socket.socket:
    found = socket.socket(family, socket.SOCK_STREAM)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind((host, port))
        found.listen(_MOST_CONNECTIONS)
        found.setblocking(False)
    except OSError:
        found.close()
        raise
    return found


class _Page:
    def __init__(self, redirect_url: str, path: str, accept: Callable[[str], bool]) -> None:
        parts = urlsplit(redirect_url)
        self._origin = f"{parts.scheme}://{parts.netloc}"
        self._path = path
        self._accept = accept
        self._open: dict[asyncio.Task[None], None] = {}  # the oldest first
        self.answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def stop(self) -> None:
        """Hang up on everybody."""
        for task in self._open:
            task.cancel()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request, one answer."""
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("no task serves this connection")
        while len(self._open) >= _MOST_CONNECTIONS:
            # Somebody holds them open; refusing the newest would keep the browser out.
            oldest = next(iter(self._open))
            del self._open[oldest]
            oldest.cancel()
        self._open[task] = None
        try:
            async with asyncio.timeout(_SECONDS):
                await self._exchange(reader, writer)
        except (OSError, TimeoutError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # a port scanner, or a browser that opened a connection for later
        finally:
            self._open.pop(task, None)
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        method, _, rest = head.split(b"\r\n", 1)[0].decode("ascii").partition(" ")
        target, _, version = rest.partition(" ")
        address = ""
        if len(head) > _LONGEST_LINE or not version.startswith("HTTP/1.") or not target.startswith("/"):
            answer = _page(400, "Bad request", "That was no request of a browser.")
        elif method not in {"GET", "HEAD"}:
            answer = _page(405, "Not allowed", "Only a browser's GET is heard here.")
        elif target.partition("?")[0] != self._path:
            answer = _page(404, "Not here", "The sign-in ends on another page.")
        elif not self._accept(self._origin + target):
            answer = _page(
                400,
                "Not this sign-in",
                "Open the address that the terminal shows now, and sign in there.",
            )
        elif _EARLY.search(head):
            answer = _page(503, "Not yet", "This page is heard when it is opened.")
        else:
            # HEAD is some checker of links; the browser itself comes after it.
            address = self._origin + target if method == "GET" else ""
            answer = _page(
                200, "Heard", "You can close this window and go back to the terminal: it says how it went."
            )
        writer.write(answer if method != "HEAD" else answer.partition(b"\r\n\r\n")[0] + b"\r\n\r\n")
        await writer.drain()
        if address and not self.answer.done():
            self.answer.set_result(address)


_REASONS = {
    200: "OK",
    400: "Bad Request",
    404: "Not Found",
    405: "Method Not Allowed",
    503: "Service Unavailable",
}


def _page(status: int, title: str, words: str) -> bytes:
    body = _PAGE.format(title=title, words=words).encode()
    head = f"HTTP/1.1 {status} {_REASONS[status]}\r\n{_HEADERS}Content-Length: {len(body)}\r\n\r\n"
    return head.encode() + body
