"""The page that hears the browser come back: for one sign-in, from this machine, whoever else calls."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator

import pytest

from tests.servers.process import free_port
from transports.oauth import listener
from transports.oauth.listener import Listener, listen

MINE = "/back?code=c-1&state=mine"


def fits(address: str) -> bool:
    return "state=mine" in address


@pytest.fixture
def port() -> int:
    return free_port()


@contextlib.asynccontextmanager
async def listening(port: int, host: str = "localhost") -> AsyncIterator[Listener]:
    async with listen(f"http://{host}:{port}/back", accept=fits) as found:
        yield found


async def ask(port: int, head: str, host: str = "127.0.0.1") -> str:
    """What is answered to these lines."""
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(head.replace("\n", "\r\n").encode("latin-1") + b"\r\n\r\n")
    answer = await asyncio.wait_for(reader.read(), 5)
    writer.close()
    return answer.decode()


@contextlib.contextmanager
def taken(family: socket.AddressFamily, host: str, port: int) -> Iterator[None]:
    with socket.socket(family, socket.SOCK_STREAM) as other:
        other.bind((host, port))
        other.listen()
        yield


needs_ipv6 = pytest.mark.skipif(not socket.has_ipv6, reason="this Python has no IPv6")


@pytest.mark.parametrize("host", ["127.0.0.1", pytest.param("::1", marks=needs_ipv6)])
async def test_the_browser_is_heard_by_either_address_of_localhost(port: int, host: str) -> None:
    async with listening(port) as heard:
        answer = await ask(port, f"GET {MINE} HTTP/1.1\nHost: localhost:{port}", host)
        assert await asyncio.wait_for(heard.answer, 5) == f"http://localhost:{port}{MINE}"
    assert answer.startswith("HTTP/1.1 200 OK\r\n")
    assert "Referrer-Policy: no-referrer" in answer
    assert "Cache-Control: no-store" in answer
    assert "c-1" not in answer
    assert "mine" not in answer


@pytest.mark.parametrize(
    ("head", "status"),
    [
        ("GET /favicon.ico HTTP/1.1", 404),
        ("GET / HTTP/1.1", 404),
        ("GET /back?code=c-1&state=other HTTP/1.1", 400),
        ("GET /back HTTP/1.1", 400),
        ("POST /back?code=c-1&state=mine HTTP/1.1\nContent-Length: 0", 405),
        ("OPTIONS /back?code=c-1&state=mine HTTP/1.1", 405),
        ("GET http://evil.example/back?code=c-1&state=mine HTTP/1.1", 400),
        ("GET /back?code=c-1&state=mine", 400),
        ("GET /back?code=c-1&state=mine SMTP/1.1", 400),
        ("nonsense", 400),
        (f"GET /back?code={'x' * 20000}&state=mine HTTP/1.1", 400),
        (f"HEAD {MINE} HTTP/1.1", 200),
        (f"GET {MINE} HTTP/1.1\nSec-Purpose: prefetch;prerender", 503),
        (f"GET {MINE} HTTP/1.1\nPurpose: prefetch", 503),
        (f"GET {MINE} HTTP/1.1\nX-Moz: prefetch", 503),
    ],
)
async def test_what_is_not_the_browser_coming_back_ends_nothing(port: int, head: str, status: int) -> None:
    async with listening(port) as heard:
        answer = await ask(port, head)
        assert answer.startswith(f"HTTP/1.1 {status} ")
        assert not heard.answer.done()
        assert (answer.partition("\r\n\r\n")[2] == "") is head.startswith("HEAD")
        await ask(port, f"GET {MINE} HTTP/1.1")
        assert heard.answer.done(), "the right one still counts"


@pytest.mark.parametrize("rubbish", [b"\xff\xfe\r\n\r\n", b"\x16\x03\x01\x02\x00\x01", b"x" * 70000, b""])
async def test_rubbish_is_hung_up_on(port: int, rubbish: bytes) -> None:
    async with listening(port) as heard:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(rubbish)
        writer.write_eof()
        with contextlib.suppress(ConnectionError):
            assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()
        assert not heard.answer.done()
        await ask(port, f"GET {MINE} HTTP/1.1")
        assert heard.answer.done()


async def test_who_holds_connections_open_does_not_keep_the_browser_out(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener, "_MOST_CONNECTIONS", 4)
    async with listening(port) as heard, contextlib.AsyncExitStack() as stack:
        first, _ = await held(port, stack)
        for _ in range(5):
            await held(port, stack)
        assert await asyncio.wait_for(first.read(), 5) == b"", "the oldest gives way"
        answer = await ask(port, f"GET {MINE} HTTP/1.1")
        assert answer.startswith("HTTP/1.1 200 ")
        assert heard.answer.done()


async def held(
    port: int, stack: contextlib.AsyncExitStack
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    stack.callback(writer.close)
    writer.write(b"GET /ba")
    return reader, writer


async def test_everybody_is_hung_up_on_when_it_ends(port: int) -> None:
    async with contextlib.AsyncExitStack() as stack:
        async with listening(port):
            reader, _ = await held(port, stack)
            await ask(port, "GET / HTTP/1.1")  # by now the one before it was taken too
        with contextlib.suppress(ConnectionError):
            assert await asyncio.wait_for(reader.read(), 5) == b""
        with pytest.raises(ConnectionError):
            await asyncio.open_connection("127.0.0.1", port)


@pytest.mark.parametrize(
    ("family", "host"),
    [(socket.AF_INET, "127.0.0.1"), pytest.param(socket.AF_INET6, "::1", marks=needs_ipv6)],
)
async def test_a_port_that_another_program_has_by_either_address_is_not_listened_on(
    port: int, family: socket.AddressFamily, host: str
) -> None:
    with taken(family, host, port), pytest.raises(OSError, match="in use"):
        async with listening(port):
            pass
    async with listening(port):
        pass  # and nothing of the failed attempt holds it


async def test_a_machine_without_ipv6_listens_all_the_same(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def bound(family: socket.AddressFamily, host: str, port: int) -> socket.socket:
        if family is socket.AF_INET6:
            raise OSError(97, "Address family not supported by protocol")
        return real(family, host, port)

    real = listener._bound
    monkeypatch.setattr(listener, "_bound", bound)
    async with listening(port) as heard:
        await ask(port, f"GET {MINE} HTTP/1.1")
        assert heard.answer.done()
    with pytest.raises(OSError, match="not supported"):
        async with listening(port, "[::1]"):
            pass


@needs_ipv6
async def test_an_address_in_figures_is_listened_on_alone(port: int) -> None:
    async with listening(port, "[::1]") as heard:
        with pytest.raises(ConnectionError):
            await asyncio.open_connection("127.0.0.1", port)
        await ask(port, f"GET {MINE} HTTP/1.1", "::1")
        assert heard.answer.result() == f"http://[::1]:{port}{MINE}"
    async with listening(port, "127.0.0.1"):
        with pytest.raises(ConnectionError):
            await asyncio.open_connection("::1", port)


@pytest.mark.parametrize(
    "address",
    [
        "http://example.org:8765",
        "http://0.0.0.0:8765",
        "https://localhost:8765",
        "http://localhost:99999",
        "http://localhost:port",
        "http://[::1",
        "urn:ietf:wg:oauth:2.0:oob",
        "",
    ],
)
async def test_only_this_machines_own_addresses_are_listened_on(address: str) -> None:
    with pytest.raises(OSError, match="not an address of this machine"):
        async with listen(address, accept=fits):
            pass


async def test_an_address_without_a_path_comes_back_with_a_slash(port: int) -> None:
    async with listen(f"http://localhost:{port}", accept=fits) as heard:
        await ask(port, "GET /?code=c-1&state=mine HTTP/1.1")
        assert heard.answer.result() == f"http://localhost:{port}/?code=c-1&state=mine"
