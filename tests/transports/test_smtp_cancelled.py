"""Escape at any moment: a cancelled connection leaves no socket, no task and no trace on the next one."""

from __future__ import annotations

import asyncio

import pytest

from tests.servers.pki import Pki
from tests.servers.scripted import ScriptedServer
from tests.transports.watching import Watcher, login, route
from transports.base import Envelope
from transports.routes import Protection
from transports.smtp import SmtpTransport

MAIL = Envelope("a@example.test", ("b@example.test",), b"Subject: x\r\n\r\n" + b"y" * 70 + b"\r\n")
WHO = login("u", "secret", in_the_clear=True)
CAPABILITIES = ("AUTH PLAIN", "SIZE 10000000", "STARTTLS")


async def _whole(way: SmtpTransport) -> None:
    trace = Watcher().trace
    try:
        await way.open(trace)
        await way.authenticate(trace)
        await way.probe("a@example.test", "b@example.test", trace)
        await way.send(MAIL, trace)
    finally:
        await way.close()


@pytest.mark.parametrize("security", ["none", "starttls", "tls"])
async def test_cancelled_after_any_number_of_turns(pki: Pki, security: Protection) -> None:
    troubles: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: troubles.append(context))
    tls = pki.good.context()
    async with ScriptedServer(capabilities=CAPABILITIES, tls=tls, tls_first=security == "tls") as server:
        for turns in range(500):
            way = SmtpTransport(
                route(
                    server.port, security, ca_file=pki.ca_file, login=login("u", "secret", in_the_clear=True)
                )
            )
            ours = asyncio.create_task(_whole(way))
            for _ in range(turns):
                await asyncio.sleep(0)
            finished = ours.done()
            ours.cancel()
            async with asyncio.timeout(5):
                # Any other error than the cancelling would be an earlier connection's doing.
                result = (await asyncio.gather(ours, return_exceptions=True))[0]
            assert result is None if finished else isinstance(result, asyncio.CancelledError), result
            await asyncio.sleep(0)
            mine = [t for t in asyncio.all_tasks() if "transports" in repr(t.get_coro())]
            assert mine == []
            if finished:
                break
        else:
            pytest.fail("it never came to its end")
    assert troubles == []
