"""The practice web server beneath the authority: what no request can do to it, and how a connection ends."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import ssl
from collections.abc import AsyncIterator

import pytest

from outmail.demo.oauth.faults import AUTHORITY_FAULTS, AuthorityFault
from outmail.demo.pki import Certificate
from outmail.demo.tenant import PracticeTenant
from outmail.demo.web import LONGEST_BODY, Request, Response, WebServer
from tests.outmail.demo.client import until
from tests.outmail.demo.oauth.visitor import browser

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@contextlib.asynccontextmanager
async def opened(tenant: PracticeTenant, trust: ssl.SSLContext, port: int = 0) -> AsyncIterator[Streams]:
    """A connection, by hand."""
    port = port or tenant.authority.port
    reader, writer = await asyncio.open_connection("localhost", port, ssl=trust)
    async with asyncio.timeout(20):
        try:
            yield reader, writer
        finally:
            writer.transport.abort()


@pytest.mark.parametrize(
    ("line", "status"),
    [
        (b"GET /device", 200),
        (b"HEAD /device", 200),
        (b"GET //[", 400),
        (b"HEAD //[", 400),
        (b"GET /device?" + b"a=1&" * 60, 400),
        (b"HEAD /device?" + b"a=1&" * 60, 400),
        (b"CONNECT /device", 501),
        (b"GET \xff", 400),
        (b"GET /" + b"x" * 60_000, 431),
    ],
)
async def test_a_request_line_of_any_kind(
    tenant: PracticeTenant, trust: ssl.SSLContext, line: bytes, status: int
) -> None:
    async with opened(tenant, trust) as (reader, writer):
        writer.write(line + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    assert head.split()[1] == str(status).encode()
    assert bool(body) is not line.startswith(b"HEAD")
    await until(lambda: tenant.authority.connections == 0)
    gc.collect()  # what a task failed with is complained of when the task goes


async def test_who_asks_first_whether_a_body_is_welcome_is_told(
    tenant: PracticeTenant, trust: ssl.SSLContext
) -> None:
    async with opened(tenant, trust) as (reader, writer):
        writer.write(b"POST /device HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n")
        assert b" 100 " in await reader.readuntil(b"\r\n\r\n")
        writer.write(b"x")
        assert b" 400 " in await reader.readuntil(b"\r\n\r\n")


async def test_no_more_of_a_body_is_read_than_there_may_be(
    tenant: PracticeTenant, trust: ssl.SSLContext
) -> None:
    async with opened(tenant, trust) as (reader, writer):
        writer.write(b"POST /device HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(LONGEST_BODY // 4096 + 1):
            writer.write(b"1000\r\n" + b"x" * 4096 + b"\r\n")
        assert b" 413 " in await reader.readuntil(b"\r\n")


@pytest.mark.parametrize("fault", ["silent", "expired", "down"])
async def test_a_connection_that_was_kept_is_no_way_around_a_fault(
    tenant: PracticeTenant, trust: ssl.SSLContext, fault: str
) -> None:
    async with opened(tenant, trust) as (reader, writer):
        writer.write(b"HEAD /device HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b" 200 " in await reader.readuntil(b"\r\n\r\n")
        tenant.set_fault("authority", fault)
        with contextlib.suppress(OSError):
            assert await reader.read() == b""


async def test_a_connection_is_kept_through_faults_of_the_answers(tenant: PracticeTenant) -> None:
    async with browser(tenant) as window:
        for fault in ("unavailable", "no-access", "none"):
            tenant.set_fault("authority", fault)
            page = await window.get(f"{tenant.authority.base}/discovery/v2.0/keys")
            assert (page.status_code == 503) is (fault == "unavailable")
            assert tenant.authority.connections == 1


async def test_an_answer_that_nobody_waits_for_is_ended_before_the_connection_counts_as_gone(
    tenant: PracticeTenant, trust: ssl.SSLContext
) -> None:
    asked, ended = asyncio.Event(), asyncio.Event()

    async def answer(_request: Request, _fault: AuthorityFault) -> Response:
        asked.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return Response()

    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls = dict.fromkeys(Certificate, served)
    server = WebServer("slow", AUTHORITY_FAULTS, tls, answer)
    served.load_cert_chain(tenant.folder / "tls" / "good.pem")
    server.start()
    async with opened(tenant, trust, server.port) as (_reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await asked.wait()
    await until(lambda: server.connections == 0)
    assert ended.is_set()
    await server.close()


async def test_closing_at_once_leaves_no_connection_behind(tenant: PracticeTenant) -> None:
    """A client that was taken a moment ago, whom nobody has begun to serve."""
    reader, writer = await asyncio.open_connection("127.0.0.1", tenant.authority.port)
    await until(lambda: tenant.authority.connections == 1)
    tenant.set_fault("authority", "down")
    with contextlib.suppress(OSError):
        async with asyncio.timeout(10):
            assert await reader.read() == b""
    writer.close()
