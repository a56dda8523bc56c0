"""Through a proxy: HTTP CONNECT and SOCKS5. The proxy resolves the server's name, not this machine.

It must never read a byte beyond the proxy's own answer: what follows belongs to the mail server,
which speaks first.
"""

from __future__ import annotations

import asyncio
import base64
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType
from urllib.parse import urlsplit

from python_socks import ProxyConnectionError, ProxyError, ProxyType
from python_socks.async_.asyncio import Proxy

from transports.base import Cause, Failure, Scope, StepName, TransportError, Verdict
from transports.net.connect import connect
from transports.net.failures import deadline, from_error, words_of
from transports.net.resolve import Endpoint
from transports.routes import ProxyRoute, ServerAddress
from transports.shown import harmless, masked

_LONGEST_ANSWER = 16384
_SOCKS_LONGEST = 255  # RFC 1929, section 2: one byte says how long a user name or password is

_SOCKS_NOT_ALLOWED = 2  # RFC 1928, section 6


@dataclass(frozen=True, slots=True)
class ProxyAddress:
    """Where the proxy is, taken from its URL."""

    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, url: str) -> ProxyAddress:
        """Raises TransportError where the URL names no proxy we can use."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise _unusable("the proxy's address is not one") from error
        if parts.scheme not in {"http", "socks5"} or not parts.hostname or not port:
            raise _unusable("the proxy's address must be http://HOST:PORT or socks5://HOST:PORT")
        return cls(parts.scheme, parts.hostname, port)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


def _unusable(words: str) -> TransportError:
    return _refused(Cause.PROXY_UNREACHABLE, Verdict.FIX_SETTINGS, words)


def _refused(cause: Cause, verdict: Verdict, words: str, **facts: str) -> TransportError:
    return TransportError(
        Failure(
            StepName.PROXY, Scope.SERVER, verdict, cause, words=harmless(words), facts=MappingProxyType(facts)
        )
    )


async def through(
    proxy: ProxyAddress,
    endpoints: Sequence[Endpoint],
    route: ProxyRoute,
    server: ServerAddress,
    seconds: float,
) -> socket.socket:
    """A connection to `server` through the proxy at one of `endpoints`; the caller owns the socket.

    Raises TransportError of the step `proxy`: PROXY_UNREACHABLE, PROXY_SIGN_IN, PROXY_REFUSED or TIMED_OUT.
    """
    async with deadline(StepName.PROXY, seconds, f"asking the proxy for {server}"):
        if proxy.scheme == "socks5":
            return await _socks5(endpoints, route, server)
        return await _http_connect(endpoints, route, server, seconds)


async def _http_connect(
    endpoints: Sequence[Endpoint], route: ProxyRoute, server: ServerAddress, seconds: float
) -> socket.socket:
    # python-socks takes whatever one read brings as the answer: the mail server's greeting is lost
    # when it travels in the same packet, and an answer in two packets is cut. So this is done here.
    try:
        reached = await connect(endpoints, seconds, StepName.PROXY)
    except TransportError as error:
        raise _refused(
            Cause.PROXY_UNREACHABLE, Verdict.RETRY, error.failure.words, **dict(error.failure.facts)
        ) from error
    loop = asyncio.get_running_loop()
    granted = False
    try:
        await loop.sock_sendall(reached.sock, _request(route, server))
        status, words = _status(await _answer(reached.sock, _secrets(route)), _secrets(route))
        if not 200 <= status < 300:
            raise _http_refusal(status, words)
        granted = True
    except OSError as error:
        raise from_error(StepName.PROXY, error) from error
    finally:
        if not granted:
            reached.sock.close()
    return reached.sock


def _request(route: ProxyRoute, server: ServerAddress) -> bytes:
    """RFC 9110, section 9.3.6; the sign-in of RFC 7617 in UTF-8."""
    lines = [f"CONNECT {server} HTTP/1.1", f"Host: {server}"]
    if route.username:
        lines.append(f"Proxy-Authorization: Basic {_pair(route)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8")


def _pair(route: ProxyRoute) -> str:
    password = route.password.reveal() if route.password else ""
    return base64.b64encode(f"{route.username}:{password}".encode()).decode("ascii")


def _secrets(route: ProxyRoute) -> tuple[str, ...]:
    """What a proxy that repeats our request would show."""
    return (_pair(route), route.password.reveal()) if route.password else ()


async def _answer(sock: socket.socket, secrets: tuple[str, ...]) -> bytes:
    """The proxy's answer up to its empty line, read byte by byte so that nothing after it is taken."""
    loop = asyncio.get_running_loop()
    answer = bytearray()
    while not answer.endswith((b"\r\n\r\n", b"\n\n")):
        byte = await loop.sock_recv(sock, 1)
        if not byte:
            if answer.startswith(b"HTTP/"):
                break  # a refusal without an empty line at its end
            raise _refused(Cause.PROXY_REFUSED, Verdict.RETRY, "the proxy closed the connection")
        answer += byte
        if len(answer) > _LONGEST_ANSWER:
            raise _refused(Cause.PROXY_REFUSED, Verdict.FIX_SETTINGS, "the proxy's answer never ends")
        if len(answer) == 5 and answer != b"HTTP/":
            raise _refused(
                Cause.PROXY_REFUSED,
                Verdict.FIX_SETTINGS,
                f"not an HTTP proxy: it said {masked(answer.decode('latin-1'), secrets)!r}",
            )
    return bytes(answer)


def _status(answer: bytes, secrets: tuple[str, ...]) -> tuple[int, str]:
    words = masked(answer.splitlines()[0].decode("utf-8", "replace"), secrets)
    parts = words.split(None, 2)
    if len(parts) < 2 or not (parts[1].isascii() and parts[1].isdigit()):
        raise _refused(Cause.PROXY_REFUSED, Verdict.FIX_SETTINGS, f"the proxy answered {words!r}")
    return int(parts[1]), " ".join(parts[1:])


def _http_refusal(status: int, words: str) -> TransportError:
    if status in {401, 407}:  # tinyproxy says 401 where RFC 9110 wants 407
        return _refused(Cause.PROXY_SIGN_IN, Verdict.FIX_SETTINGS, words, proxy_status=str(status))
    later = status in {408, 429} or status >= 500
    verdict = Verdict.RETRY if later else Verdict.FIX_SETTINGS
    return _refused(Cause.PROXY_REFUSED, verdict, words, proxy_status=str(status))


async def _socks5(endpoints: Sequence[Endpoint], route: ProxyRoute, server: ServerAddress) -> socket.socket:
    password = route.password.reveal() if route.password else ""
    if max(len((route.username or "").encode()), len(password.encode())) > _SOCKS_LONGEST:
        raise _refused(
            Cause.PROXY_SIGN_IN,
            Verdict.FIX_SETTINGS,
            "the user name or password has over 255 bytes",
        )
    tried: list[str] = []
    for endpoint in endpoints:
        way = Proxy(
            ProxyType.SOCKS5,
            endpoint.ip,
            endpoint.sockaddr[1],
            username=route.username or None,
            password=password or None,
            rdns=True,
        )
        try:
            return await way.connect(server.host, server.port)
        except ProxyConnectionError as error:
            tried.append(f"{endpoint}: {words_of(error.__cause__ or error)}")
        except ProxyError as error:
            raise _socks_refusal(error) from error
        except (OSError, ValueError) as error:
            raise _refused(Cause.PROXY_REFUSED, Verdict.RETRY, words_of(error)) from error
    raise _refused(Cause.PROXY_UNREACHABLE, Verdict.RETRY, "; ".join(tried), tried="; ".join(tried))


def _socks_refusal(error: ProxyError) -> TransportError:
    words = str(error)
    code = error.error_code
    if code is not None:  # the proxy's reply to the CONNECT itself, RFC 1928, section 6
        verdict = Verdict.FIX_SETTINGS if code == _SOCKS_NOT_ALLOWED else Verdict.RETRY
        return _refused(Cause.PROXY_REFUSED, verdict, words, proxy_status=str(int(code)))
    # Without a code it is the conversation before it: the sign-in, or no SOCKS at all.
    if "authentication" in words.lower():
        return _refused(Cause.PROXY_SIGN_IN, Verdict.FIX_SETTINGS, words)
    # A proxy that hangs up is restarting or full as often as it is none.
    verdict = Verdict.RETRY if "closed" in words.lower() else Verdict.FIX_SETTINGS
    return _refused(Cause.PROXY_REFUSED, verdict, words)
