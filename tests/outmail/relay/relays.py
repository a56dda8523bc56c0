"""A whole relay in the test's own loop, on a home of its own, in front of a practice tenant."""

from __future__ import annotations

import asyncio
import contextlib
import smtplib
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from outmail.demo.tenant import PracticeTenant
from outmail.engine.control import ask
from outmail.engine.relay_status import RelayStatus, RouteStatus
from outmail.engine.steering import RunningRelay
from outmail.engine.workspace import Workspace
from outmail.relay.service import Options, Service
from store.keys import KeyOptions
from store.paths import Paths
from store.profiles import Settings
from store.relay_settings import Relay

SENDER = "app@web.example.org"
MAIL = b"From: app@web.example.org\r\nSubject: Alarm\r\n\r\n.It is hot.\r\n"
ANYWHERE = ("127.0.0.1:0",)
SECONDS = 60.0


@dataclass
class Running:
    """A relay that serves, and what tests ask of it."""

    service: Service
    paths: Paths

    @property
    def port(self) -> int:
        """Of its first listener."""
        return int(self.service.listeners[0].addresses[0].rpartition(":")[2])

    @property
    def steering(self) -> RunningRelay:
        """As a face steers it, by its socket; for `asyncio.to_thread`."""
        return RunningRelay(self.paths)

    async def hand_in(
        self, count: int = 1, *, sender: str = SENDER, content: bytes = MAIL, port: int = 0
    ) -> None:
        """As programs do: a connection each. Raises smtplib's errors."""

        def send() -> None:
            with smtplib.SMTP("127.0.0.1", port or self.port, timeout=30) as client:
                client.sendmail(sender, ["a@practice.test"], content)

        await asyncio.gather(*(asyncio.to_thread(send) for _ in range(count)))

    async def ask(self, do: str, **fields: object) -> Any:
        """By the control socket."""
        return await asyncio.to_thread(lambda: ask(self.paths.run, do, SECONDS, **fields))

    async def status(self) -> RelayStatus:
        """By the control socket."""
        return RelayStatus.from_json(await self.ask("status"))

    async def route(self, profile: str = "practice") -> RouteStatus:
        """How one profile stands."""
        found = (await self.status()).route(profile)
        assert found is not None
        return found

    async def happened(self) -> list[str]:
        """What the history has of people and of the relay itself, the newest first."""
        await self.service.ledger.write()
        entries = await asyncio.to_thread(self.service.workspace.history.entries, 100)
        return [f"{e.event.who}: {e.event.what}" for e in entries if e.event is not None]


def workspace(paths: Paths, settings: Settings | None = None) -> Workspace:
    """The home, with these settings saved."""
    found = Workspace(paths, KeyOptions(env={}))
    if settings is not None:
        found.save(settings, "a test")
    return found


def homes(folder: Path) -> Paths:
    """A home in this folder."""
    return Paths(folder / "vault", folder / "spool", folder / "run")


def with_relay(settings: Settings, relay: Mapping[str, object], **profiles: object) -> Settings:
    """The settings with these of the relay, and fields of profiles replaced."""
    return settings.model_copy(update={"relay": Relay.model_validate(relay), **profiles})


@contextlib.asynccontextmanager
async def relaying(
    paths: Paths, settings: Settings | None = None, listen: tuple[str, ...] = ANYWHERE
) -> AsyncIterator[Running]:
    """A relay for the block; the settings are saved before, where there are any."""
    home = await asyncio.to_thread(workspace, paths, settings)
    service = Service(home, Options(listen))
    ready = asyncio.Event()
    running = asyncio.create_task(service.run(ready.set))
    waiting = asyncio.create_task(ready.wait())
    await asyncio.wait({running, waiting}, timeout=SECONDS, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if running.done():
        await running
    try:
        yield Running(service, paths)
    finally:
        service.stop()
        await asyncio.wait_for(running, SECONDS)


async def until(true: Callable[[], object]) -> None:
    """Wait until something that no event tells of has come true; fails when it never does."""
    async with asyncio.timeout(SECONDS):
        while not true():  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0.01)


async def arrived(tenant: PracticeTenant, count: int) -> list[str]:
    """Wait until so many mails have arrived; at which servers, in order."""
    await until(lambda: len(tenant.mails) >= count)
    return [mail.server for mail in tenant.mails]
