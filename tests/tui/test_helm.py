"""The helm: one request a look, the queue on the disk seldom, a relay that ends or hangs harms nobody."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from outmail.engine.control import NotRunning
from outmail.engine.relay_status import RelayStatus
from store.errors import ErrorKind, StoreError
from store.paths import Paths
from tests.tui.relay import FakeRelay, running
from tui.helm import OPEN_EACH, Helm, aside

_PATHS = Paths(Path("/nowhere/vault"), Path("/nowhere/spool"), Path("/nowhere/run"))


def _helm(relay: FakeRelay) -> Helm:
    return Helm(relay, _PATHS, dict)


class Ending(FakeRelay):
    """A relay that has ended, while its status is asked for."""

    def status(self) -> RelayStatus:
        """Once it is gone it is found to be gone."""
        if self.stands.running:
            self.stands = FakeRelay().stands
            raise NotRunning
        return super().status()


async def test_without_a_relay_only_some_looks_open_the_queue() -> None:
    relay = FakeRelay()
    helm = _helm(relay)
    for _ in range(OPEN_EACH * 2):
        news = await helm.look(closely=False)
    assert relay.looked == 2
    assert news.status is not None
    await helm.look()
    assert relay.looked == 3


async def test_a_running_relay_is_asked_for_its_status_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    relay = FakeRelay(running())
    helm = _helm(relay)
    await helm.look(closely=False)
    monkeypatch.setattr(relay, "relay_runs", lambda _paths: pytest.fail("a second request"))
    news = await helm.look(closely=False)
    assert relay.looked == 2
    assert news.status is not None
    assert news.status.running


async def test_a_relay_that_ends_is_no_error_and_the_next_look_finds_the_queue() -> None:
    helm = _helm(Ending(running()))
    await helm.look(closely=False)
    news = await helm.look(closely=False)
    assert news.trouble is None
    assert news.status is not None
    assert not news.status.running


async def test_what_is_done_goes_on_with_the_queue_when_the_relay_ends_meanwhile() -> None:
    helm = _helm(Ending(running()))
    assert not (await helm.do(lambda s: s.status())).running


async def test_who_may_not_ask_hears_why_and_it_is_asked_again() -> None:
    relay = FakeRelay(running())
    helm = _helm(relay)
    relay.refuse = StoreError(ErrorKind.FORBIDDEN, "it was not asked", "permission denied", "use sudo")
    news = await helm.look()
    assert news.trouble is not None
    assert news.trouble.remedy == "use sudo"
    assert (await helm.look()).status is not None


async def test_errors_come_out_where_it_was_asked_for() -> None:
    relay = FakeRelay(running())
    relay.refuse = StoreError(ErrorKind.LOCKED, "it is locked", "by another", "wait")
    with pytest.raises(StoreError, match="it is locked"):
        await _helm(relay).do(lambda s: s.causes())


async def test_the_settings_are_read_anew_by_a_running_relay_only() -> None:
    relay = FakeRelay(running())
    assert await _helm(relay).read_settings_anew()
    relay.stands = FakeRelay().stands
    assert not await _helm(relay).read_settings_anew()
    assert relay.did == [("reload",)]


async def test_one_thing_at_a_time() -> None:
    helm = _helm(FakeRelay(running()))
    within: list[int] = []
    most: list[int] = []

    def work(_steering: object) -> None:
        within.append(1)
        most.append(len(within))
        within.pop()

    await asyncio.gather(*(helm.do(work) for _ in range(20)))
    assert max(most) == 1


async def test_a_cancelled_wait_leaves_the_thread_to_itself() -> None:
    go, seen = threading.Event(), threading.Event()

    def work() -> None:
        seen.set()
        go.wait(30)

    waiting = asyncio.create_task(aside(work))
    await asyncio.to_thread(seen.wait, 30)
    thread = next(t for t in threading.enumerate() if t.name == "helm")
    assert thread.daemon, "the program can end while a relay hangs"
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    go.set()
    thread.join(30)
    assert not thread.is_alive()
