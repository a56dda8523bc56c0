"""SMTP keeps the transports' contract: with aiosmtpd, Postfix and Dovecot at the other end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.servers.dovecot import Dovecot
from tests.servers.postfix import Postfix
from tests.servers.sink import Sink
from tests.transports.contract import Arrived, TransportContract
from tests.transports.watching import Watcher, login, route
from transports.base import Transport
from transports.routes import SmtpRoute
from transports.smtp import SmtpTransport


async def opened(way: SmtpRoute) -> SmtpTransport:
    transport = SmtpTransport(way)
    trace = Watcher().trace
    await transport.open(trace)
    await transport.authenticate(trace)
    return transport


class _ToTheSink(TransportContract):
    """Whatever the server, the mail ends in the sink."""

    @pytest.fixture(autouse=True)
    def _find_the_sink(self, sink: Sink) -> None:
        self._sink = sink

    async def arrived(self, token: str) -> Arrived:
        mark = f"<{token}@example.test>".encode()
        found = await asyncio.to_thread(self._sink.first, lambda t: mark in t.content)
        return Arrived(found.sender, found.recipients, found.content)

    def arrived_so_far(self, recipient: str) -> int:
        return len(self._sink.all(lambda t: recipient in t.recipients))


class TestAiosmtpd(_ToTheSink):
    headers_are_added = False

    @pytest.fixture
    async def way(self, sink: Sink) -> AsyncIterator[Transport]:
        transport = await opened(route(sink.port))
        yield transport
        await transport.close()


@pytest.mark.real
class TestPostfixStarttls(_ToTheSink):
    @pytest.fixture
    async def way(self, postfix: Postfix) -> AsyncIterator[Transport]:
        transport = await opened(
            route(
                postfix.starttls,
                "starttls",
                host=postfix.host,
                login=login(postfix.username, postfix.password),
                ca_file=postfix.ca_file,
            )
        )
        yield transport
        await transport.close()


@pytest.mark.real
class TestDovecotTls(_ToTheSink):
    @pytest.fixture
    async def way(self, dovecot: Dovecot) -> AsyncIterator[Transport]:
        transport = await opened(
            route(
                dovecot.tls,
                "tls",
                host=dovecot.host,
                login=login(dovecot.username, dovecot.password),
                ca_file=dovecot.ca_file,
            )
        )
        yield transport
        await transport.close()
