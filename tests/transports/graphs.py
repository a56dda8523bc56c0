"""A practice Graph for the transport's tests, and tokens that the practice authority gave out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from outmail.demo.names import DESK
from outmail.demo.tenant import PracticeTenant
from tests.outmail.demo.graph.caller import EVERYTHING, app_token, token
from tests.transports.watching import SWIFT, Watcher
from transports.graph import GraphTransport
from transports.routes import GraphRoute
from transports.secret import Secret

FIXED = b"Date: Mon, 02 Mar 2026 10:00:00 +0000\r\nMessage-ID: <%b@practice.test>\r\n\r\n"


@dataclass
class Supply:
    """Gives the tokens of a list, the next one when the last was refused."""

    tokens: list[str] = field(repr=False)
    asked: int = 0
    refused: list[str] = field(default_factory=list)

    async def token(self) -> Secret:
        self.asked += 1
        return Secret(self.tokens[0])

    async def renewed(self, refused: Secret) -> Secret | None:
        self.refused.append(refused.reveal())
        if len(self.tokens) < 2:
            return None
        self.tokens.pop(0)
        return Secret(self.tokens[0])


async def route(tenant: PracticeTenant, *rights: str, account: str = DESK, **more: object) -> GraphRoute:
    """The route of a person who granted these rights (all of them)."""
    supply = Supply([await token(tenant, *(rights or EVERYTHING), account=account)])
    return replace(
        GraphRoute(tenant.graph.origin, supply, ca_file=str(tenant.ca_file), timeouts=SWIFT),
        **more,  # type: ignore[arg-type]
    )


async def app_route(tenant: PracticeTenant, mailbox: str, **more: object) -> GraphRoute:
    """The route of an application that sends from a mailbox."""
    return replace(
        GraphRoute(
            tenant.graph.origin,
            Supply([await app_token(tenant)]),
            mailbox,
            ca_file=str(tenant.ca_file),
            timeouts=SWIFT,
        ),
        **more,  # type: ignore[arg-type]
    )


@asynccontextmanager
async def opened(way: GraphRoute, watcher: Watcher | None = None) -> AsyncIterator[GraphTransport]:
    """A transport that is open and signed in."""
    transport = GraphTransport(way)
    trace = (watcher or Watcher()).trace
    try:
        await transport.open(trace)
        await transport.authenticate(trace)
        yield transport
    finally:
        await transport.close()


def mail(number: str, to: bytes = b"a@example.org", body: bytes = b"text\r\n", more: bytes = b"") -> bytes:
    """A message with this number in its Message-ID."""
    return (
        b"From: Practice Desk <desk@practice.test>\r\nTo: "
        + to
        + b"\r\nSubject: x\r\n"
        + more
        + FIXED % number.encode()
        + body
    )
