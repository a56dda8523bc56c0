"""The web client as a library that blocks uses it: in a worker thread, and freed when nobody waits."""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import Callable

import pytest

from tests.servers.pki import Pki
from tests.transports.web import WebServer, client, everything, page, says, silence
from transports.base import Cause, TransportError
from transports.http import HttpClient
from transports.http_blocking import BlockingAnswer, BlockingHttp
from transports.routes import HttpRoute

SECRET = "blocking-marked-secret"


def blocking(http: HttpClient, seconds: float = 5) -> BlockingHttp:
    """For threads beside this loop."""
    return BlockingHttp(http, asyncio.get_running_loop(), seconds)


async def ending(
    work: Callable[[], BlockingAnswer], cancel: Callable[[], object], begun: asyncio.Event
) -> object:
    """What becomes of the thread once it is under way and then `cancel` is called."""
    loop = asyncio.get_running_loop()
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        thread = pool.submit(work)
        await begun.wait()
        began = loop.time()
        result = cancel()
        if asyncio.iscoroutine(result):
            await result
        await asyncio.wait([asyncio.wrap_future(thread)], timeout=4)
        assert thread.done()
        assert loop.time() - began < 2
        return thread.exception()


async def test_a_form_as_msal_gives_it(pki: Pki) -> None:
    reply = says(page(b'{"a": "\xc3\xa9"}', "400 Bad Request", "Retry-After: 3"))
    async with WebServer(reply, tls=pki.good) as server, client(pki) as http:
        answer = await asyncio.to_thread(
            blocking(http).post,
            server.url("/t?x=y"),
            params={"p": "1", "none": None},
            data={"client_assertion": b"a.b-c", "scope": "a b", "claims": None, "n": 3},
            headers={"Accept": "application/json"},
            timeout=3,
            verify=False,
        )
    asked = server.asked[0]
    assert asked.line == "POST /t?x=y&p=1 HTTP/1.1"
    assert asked.body == b"client_assertion=a.b-c&scope=a+b&n=3"
    assert asked.header("content-type") == "application/x-www-form-urlencoded"
    assert asked.header("accept") == "application/json"
    assert answer.status_code == 400
    assert answer.text == '{"a": "é"}'
    assert answer.headers["Retry-After"] == answer.headers["retry-after"] == "3"
    with pytest.raises(ValueError, match="400"):
        answer.raise_for_status()


async def test_text_and_bytes_are_sent_as_they_are() -> None:
    async with WebServer() as server, client() as http:
        web = blocking(http)
        await asyncio.to_thread(web.post, server.url(), data="a=ü")
        await asyncio.to_thread(web.post, server.url(), data=b"\x00\xff")
        await asyncio.to_thread(web.post, server.url())
    assert [a.body for a in server.asked] == ["a=ü".encode(), b"\x00\xff", b""]


async def test_get_and_the_thread_may_ask_again() -> None:
    async with WebServer() as server, client() as http:
        web = blocking(http)

        def twice() -> list[BlockingAnswer]:
            return [web.get(server.url("/a"), params={"q": "1 2"}), web.get(server.url("/b"))]

        answers = await asyncio.to_thread(twice)
        web.close()
        await http.request("GET", server.url("/c"))
    assert [a.line for a in server.asked] == [f"GET {p} HTTP/1.1" for p in ("/a?q=1+2", "/b", "/c")]
    assert len(server.connections) == 1
    for answer in answers:
        answer.raise_for_status()


async def test_failures_come_through() -> None:
    async with WebServer(says(b"no\r\n\r\n", close=True)) as server, client() as http:
        for bad in ({"a": SECRET}, {"a": f"{SECRET}\ud800"}):
            with pytest.raises(TransportError) as caught:
                await asyncio.to_thread(blocking(http).post, server.url(), data=bad)
            assert SECRET not in everything(caught.value)


async def test_its_own_deadline() -> None:
    async with WebServer(silence) as server, client() as http:
        with pytest.raises(TransportError) as caught:
            await asyncio.to_thread(blocking(http, 0.2).get, server.url())
    assert caught.value.failure.cause is Cause.TIMED_OUT


async def test_cancel_frees_the_thread() -> None:
    async with WebServer(silence) as server, client() as http:
        web = blocking(http, 60)
        error = await ending(lambda: web.get(server.url()), web.cancel, server.heard)
        assert isinstance(error, concurrent.futures.CancelledError)
        with pytest.raises(asyncio.CancelledError):
            await asyncio.to_thread(web.get, server.url())
    assert len(server.asked) == 1


async def test_closing_the_client_frees_the_thread() -> None:
    async with WebServer(silence) as server, client() as http:
        web = blocking(http, 60)
        error = await ending(lambda: web.get(server.url()), http.close, server.heard)
    assert isinstance(error, TransportError)
    assert error.failure.cause is Cause.CONNECTION_LOST


def test_the_end_of_the_loop_frees_the_thread() -> None:
    with concurrent.futures.ThreadPoolExecutor(1) as pool:

        async def begin() -> tuple[BlockingHttp, str, concurrent.futures.Future[BlockingAnswer]]:
            async with WebServer(silence) as server:
                web = blocking(HttpClient(HttpRoute(), allow_http=True), 60)
                thread = pool.submit(web.get, server.url())
                await server.heard.wait()
                return web, server.url(), thread

        web, url, thread = asyncio.run(begin())
        assert thread.exception(timeout=3) is not None
        with pytest.raises(concurrent.futures.CancelledError):
            pool.submit(web.get, url).result(timeout=3)


async def test_nothing_is_shown() -> None:
    async with WebServer(says(page(SECRET.encode(), "200 OK", f"X-Y: {SECRET}"))) as server, client() as http:
        answer = await asyncio.to_thread(blocking(http).get, server.url(), params={"a": SECRET})
    assert answer.headers["x-y"] == answer.text == SECRET
    assert SECRET not in repr(answer)
