"""All that a check and a send do on a real connection, and the finding of what failed first."""

from __future__ import annotations

import socket

from outmail.diagnosis.finding import Context, Finding
from outmail.diagnosis.match import diagnose
from tests.transports.watching import Watcher
from transports.base import Envelope, Failure, TransportError
from transports.net.resolve import Endpoint, Resolver, system_resolver
from transports.routes import SmtpRoute
from transports.smtp import SmtpTransport

MAIL = Envelope("a@example.test", ("b@example.test",), b"Subject: x\r\n\r\nhello\r\n")


def failing_resolver(number: int, words: str) -> Resolver:
    """A resolver whose DNS says no; the tests ask no real one."""

    async def resolver(_host: str, _port: int) -> list[Endpoint]:
        raise socket.gaierror(number, words)

    return resolver


async def climbed(
    way: SmtpRoute, resolver: Resolver = system_resolver, mail: Envelope = MAIL
) -> Failure | None:
    """Everything a check and a send do, until the first failure."""
    transport = SmtpTransport(way, resolver=resolver)
    watcher = Watcher()
    try:
        await transport.open(watcher.trace)
        await transport.authenticate(watcher.trace)
        await transport.probe(mail.sender, mail.recipients[0], watcher.trace)
        await transport.send(mail, watcher.trace)
    except TransportError as error:
        return error.failure
    finally:
        await transport.close()
    return next((s.failure for s in watcher.steps if s.failure), None)


async def found(way: SmtpRoute, resolver: Resolver = system_resolver, mail: Envelope = MAIL) -> Finding:
    """The finding of the first failure, told as much as the engine tells."""
    failure = await climbed(way, resolver, mail)
    assert failure, "nothing failed"
    around = Context(
        profile="support",
        host=way.server.host,
        port=way.server.port,
        security=way.server.security,
        method="basic" if way.login else "none",
        username=way.login.username if way.login else "",
        from_address=mail.sender,
        proxy=way.proxy.url if way.proxy else "",
        ca_file=way.ca_file or "",
    )
    return diagnose(failure, around)
