"""One climb against a scripted server that must end in a failure; never used where success is wanted."""

from __future__ import annotations

import pytest

from tests.servers.scripted import PLAIN_CAPABILITIES, Act, Script, ScriptedServer
from tests.transports.watching import SWIFT, TINY, Watcher, envelope, route
from transports.base import Envelope, Failure, TransportError
from transports.smtp import SmtpTransport


async def failing(
    script: Script,
    do: str = "send",
    *,
    mail: Envelope | None = None,
    capabilities: tuple[str, ...] = PLAIN_CAPABILITIES,
) -> tuple[Failure, Watcher, ScriptedServer]:
    """Climb up to `do` against the script; it must end in a failure."""
    watcher = Watcher()
    async with ScriptedServer(script, capabilities=capabilities) as server:
        way = SmtpTransport(route(server.port, timeouts=TINY if Act.HANG in script.values() else SWIFT))

        async def climb() -> None:
            await way.open(watcher.trace)
            if do == "probe":
                await way.probe("a@example.test", "b@example.test", watcher.trace)
            else:
                await way.send(mail or envelope(), watcher.trace)

        with pytest.raises(TransportError) as caught:
            await climb()
        await way.close()
    return caught.value.failure, watcher, server
