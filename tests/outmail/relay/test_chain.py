"""From a client to a mail server through everything between: door, queue, runner, route, sign-in."""

from __future__ import annotations

import asyncio
import contextlib
import smtplib
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from outmail.demo.names import DESK, SUPPORT
from outmail.demo.tenant import PracticeTenant
from outmail.diagnosis.finding import Finding
from outmail.diagnosis.match import diagnose
from outmail.engine import wiring
from outmail.engine.climb import Climb
from outmail.engine.route import Place, Route
from outmail.engine.tokens import Tokens
from outmail.relay.bounces import Reporter
from outmail.relay.intake import Intake
from outmail.relay.listener import Door, Listener
from outmail.relay.rules import Rules
from outmail.relay.runner import Runner
from store.profiles import Profile
from store.spool import Spool
from store.tokens import MemoryShelf
from transports.base import Failure, Transport

HOST = "relay.example.org"
MAIL = b"From: app@web.example.org\r\nSubject: Alarm\r\n\r\n.It is hot.\r\n"


def now() -> datetime:
    return datetime.now(UTC)


class Relay:
    """One profile's relay, as the service will put it together."""

    def __init__(self, name: str, profile: Profile, spool: Spool) -> None:
        self._name, self._profile, self._tokens = name, profile, Tokens(MemoryShelf())
        self._servers = {
            Place(name, candidate.label, candidate.address): candidate
            for candidate in wiring.candidates(name, profile)
        }
        self.route = Route(tuple(self._servers), self._connect, now)
        self.runner = Runner(
            name,
            spool,
            self.route,
            reporter=Reporter(HOST, profile.from_address),
            explain=self._explain,
            now=now,
        )
        intake = Intake(spool, lambda _sender, _asked: (name, profile), HOST, now, self._wake)
        self.listener = Listener(Door(port=0), Rules(HOST), intake)

    def _wake(self, _name: str) -> None:
        self.runner.wake()

    def _connect(self, place: Place, _others: bool) -> AbstractAsyncContextManager[Transport]:
        climb = Climb(self._name, self._profile, self._servers[place], lambda _step: None, self._tokens)
        return climb.connected()

    def _explain(self, failure: Failure, place: Place) -> Finding:
        return diagnose(failure, wiring.context(self._name, self._profile, self._servers[place]))

    async def hand_in(self, count: int = 1) -> None:
        """As a program does: a connection each."""
        port = int(self.listener.addresses[0].rpartition(":")[2])

        def send() -> None:
            with smtplib.SMTP("localhost", port, timeout=30) as client:
                client.sendmail("app@web.example.org", ["a@practice.test"], MAIL)

        await asyncio.gather(*(asyncio.to_thread(send) for _ in range(count)))


@pytest.fixture
async def tenant(tmp_path: Path) -> AsyncIterator[PracticeTenant]:
    async with PracticeTenant(tmp_path / "practice", slow_seconds=0.05, poll_seconds=0.05) as running:
        yield running


@contextlib.asynccontextmanager
async def relaying(tenant: PracticeTenant, name: str, folder: Path) -> AsyncIterator[Relay]:
    spool = await Spool.open(folder, "test", now(), tell=lambda error: None)
    relay = Relay(name, tenant.profiles().profiles[name], spool)
    await relay.listener.open()
    running = asyncio.create_task(relay.runner.run())
    try:
        yield relay
    finally:
        await relay.listener.close()
        await relay.runner.stop(10)
        await running
        await spool.close(now())


async def arrived(tenant: PracticeTenant, count: int) -> None:
    async with asyncio.timeout(60):
        while len(tenant.mails) < count:  # noqa: ASYNC110 - the tenant has no event for a test to wait for
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("name", ["practice", "practice-oauth-app"])
async def test_a_mail_goes_all_the_way(tenant: PracticeTenant, tmp_path: Path, name: str) -> None:
    async with relaying(tenant, name, tmp_path / "spool") as relay:
        await relay.hand_in(20)
        await arrived(tenant, 20)
    sender, answers = (SUPPORT, "app@web.example.org") if "oauth" in name else (DESK, SUPPORT)
    for mail in tenant.mails:
        content = mail.file.read_bytes()
        assert mail.sender == sender
        assert content.endswith(b"\r\n\r\n.It is hot.\r\n")
        assert b"by relay.example.org with ESMTP id" in content
        assert f"Reply-To: {answers}".encode() in content
    assert tenant.authority.asked <= 2, "one token for all of them"


async def test_an_outage_of_the_primary(tenant: PracticeTenant, tmp_path: Path) -> None:
    async with relaying(tenant, "practice", tmp_path / "spool") as relay:
        await relay.hand_in()
        await arrived(tenant, 1)
        tenant.set_fault("primary", "down")
        await relay.hand_in(5)
        await arrived(tenant, 6)
        assert relay.route.standing.place == 1
        tenant.set_fault("primary", "none")
        await relay.hand_in()
        await arrived(tenant, 7)
        await relay.route.reset()
        await relay.hand_in()
        await arrived(tenant, 8)
    assert [mail.server for mail in tenant.mails] == ["primary", *["alternate"] * 6, "primary"]


async def test_what_was_accepted_is_sent_by_the_next_relay(tenant: PracticeTenant, tmp_path: Path) -> None:
    for server in ("primary", "alternate"):
        tenant.set_fault(server, "down")
    async with relaying(tenant, "practice", tmp_path / "spool") as relay:
        relay.runner.pause("nothing goes out now")
        await relay.hand_in(3)
    for server in ("primary", "alternate"):
        tenant.set_fault(server, "none")
    async with relaying(tenant, "practice", tmp_path / "spool"):
        await arrived(tenant, 3)
