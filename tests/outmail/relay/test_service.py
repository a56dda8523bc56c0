"""The relay as a whole: mail goes through it, people steer it, and it ends in good order."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from outmail.demo.names import SUPPORT
from outmail.demo.tenant import PracticeTenant
from outmail.engine.errors import EngineError
from store.errors import ErrorKind, StoreError
from store.maildrop import drop
from store.profiles import Failover, Settings
from store.spool import Spool
from tests.outmail.relay.relays import MAIL, arrived, homes, relaying, until, with_relay, workspace


@pytest.fixture
async def tenant(tmp_path: Path) -> AsyncIterator[PracticeTenant]:
    async with PracticeTenant(tmp_path / "practice", slow_seconds=0.05, poll_seconds=0.05) as running:
        yield running


def changed(settings: Settings, name: str, **fields: object) -> Settings:
    """The settings with fields of one profile replaced."""
    profile = settings.profiles[name].model_copy(update=fields)
    return settings.model_copy(update={"profiles": {**settings.profiles, name: profile}})


async def test_mail_goes_through_and_is_counted(tenant: PracticeTenant, tmp_path: Path) -> None:
    async with relaying(homes(tmp_path), tenant.profiles()) as relay:
        await relay.hand_in(5)
        await arrived(tenant, 5)
        await until(lambda: relay.service.spool.counts().sent == 5)
        await relay.service.ledger.write()
        status = await relay.status()
        found = await relay.ask("status")
        entries = relay.service.workspace.history.entries(10)
        assert found["relay"]["listening"] == [f"127.0.0.1:{relay.port}"]
        assert found["relay"]["listening"] == [f"127.0.0.1:{relay.port}"]
    assert status.running
    assert status.process == os.getpid()
    assert sum(status.rate) == 5
    assert (status.counts.sent, status.counts.waiting) == (5, 0)
    practice = next(p for p in found["profiles"] if p["profile"] == "practice")
    assert (practice["active"], practice["signed_in"], practice["paused"]) == ("primary", True, False)
    mails = [e.delivery for e in entries if e.delivery]
    assert len(mails) == 5
    assert all(m.ok and m.server == "primary" and m.message_id.startswith("<") and m.queue_id for m in mails)


async def test_an_outage_is_told_and_ended_by_reconnect(tenant: PracticeTenant, tmp_path: Path) -> None:
    async with relaying(homes(tmp_path), tenant.profiles()) as relay:
        tenant.set_fault("primary", "down")
        await relay.hand_in(3)
        await arrived(tenant, 3)
        away = await relay.route()
        assert (away.active, away.address) == ("alternate", tenant.servers["alternate"].address)
        assert away.since is not None
        assert "refused" in away.reason
        tenant.set_fault("primary", "none")
        await relay.hand_in()
        assert await arrived(tenant, 4) == ["alternate"] * 4, "it is sticky"
        await until(lambda: relay.service.lanes.status()[0].mails == 4)
        assert await asyncio.to_thread(relay.steering.reconnect, None) == ["practice"]
        assert await asyncio.to_thread(relay.steering.reconnect, None) == []
        await relay.hand_in()
        assert (await arrived(tenant, 5))[-1] == "primary"
        happened = await relay.happened()
    assert happened[-1].startswith("outmail: mail goes through alternate")
    assert any(line.endswith("reconnected to the primary server") for line in happened)


async def test_a_restart_goes_back_to_the_primary(tenant: PracticeTenant, tmp_path: Path) -> None:
    paths = homes(tmp_path)
    tenant.set_fault("primary", "down")
    async with relaying(paths, tenant.profiles()) as relay:
        await relay.hand_in()
        await arrived(tenant, 1)
    tenant.set_fault("primary", "none")
    async with relaying(paths) as relay:
        await relay.hand_in()
        assert await arrived(tenant, 2) == ["alternate", "primary"]


async def test_saved_settings_go_back_to_the_primary(tenant: PracticeTenant, tmp_path: Path) -> None:
    """An admin who only opens the settings and saves them wants that, and so does one who changes them."""
    paths = homes(tmp_path)
    async with relaying(paths, tenant.profiles()) as relay:
        admin = await asyncio.to_thread(workspace, paths)
        for count, settings in enumerate(
            (admin.settings, changed(admin.settings, "practice", sender_name="Other")), 1
        ):
            tenant.set_fault("primary", "down")
            await relay.hand_in()
            await arrived(tenant, 2 * count - 1)
            tenant.set_fault("primary", "none")
            assert (await relay.route()).away
            admin.save(settings, "an admin")
            await relay.ask("reload")
            assert not (await relay.route()).away
            await relay.hand_in()
            assert (await arrived(tenant, 2 * count))[-1] == "primary"


async def test_mail_waits_for_a_wrong_password_and_goes_when_it_is_mended(
    tenant: PracticeTenant, tmp_path: Path
) -> None:
    paths, settings = homes(tmp_path), tenant.profiles()
    wrong = settings.model_copy(update={"default": "practice-wrong-password"})
    async with relaying(paths, wrong) as relay:
        await relay.hand_in(3)
        await until(lambda: relay.service.lanes.status()[1].pause)
        route = await relay.route("practice-wrong-password")
        assert route.pause is not None
        assert not route.pause.who, "nobody paused it by hand"
        status = await relay.status()
        assert (status.counts.waiting, tenant.mails) == (3, ())
        entries = await asyncio.to_thread(relay.steering.page)
        assert all(line.attempts == 0 for entry in entries for line in entry.recipients)
        admin = await asyncio.to_thread(workspace, paths)
        right = settings.profiles["practice"].auth
        admin.save(changed(admin.settings, "practice-wrong-password", auth=right), "an admin")
        await relay.ask("reload")
        await arrived(tenant, 3)


async def test_a_pause_outlives_the_relay(tenant: PracticeTenant, tmp_path: Path) -> None:
    paths = homes(tmp_path)
    async with relaying(paths, tenant.profiles()) as relay:
        assert await asyncio.to_thread(relay.steering.pause, "practice", "moving the server") == ["practice"]
        await relay.hand_in(2)
        route = await relay.route()
        assert route.pause is not None
        assert route.pause.why == "moving the server"
    async with relaying(paths) as relay:
        assert (await relay.route()).pause == route.pause
        assert (await relay.status()).counts.waiting == 2
        assert not tenant.mails
        assert await asyncio.to_thread(relay.steering.resume, None) == ["practice"]
        await arrived(tenant, 2)
        happened = await relay.happened()
    assert "resumed delivery" in happened[0]
    assert "paused delivery: moving the server" in happened[1]


async def test_all_delivery_pauses_and_one_profile_cannot_resume_alone(
    tenant: PracticeTenant, tmp_path: Path
) -> None:
    async with relaying(homes(tmp_path), tenant.profiles()) as relay:
        await asyncio.to_thread(relay.steering.pause, None)
        assert (await relay.status()).pause is not None
        with pytest.raises(StoreError, match="all delivery is paused"):
            await asyncio.to_thread(relay.steering.resume, "practice")
        with pytest.raises(StoreError, match="no profile 'nobody'"):
            await asyncio.to_thread(relay.steering.pause, "nobody")
        await relay.hand_in()
        await asyncio.to_thread(relay.steering.resume, None)
        await arrived(tenant, 1)
        assert (await relay.status()).pause is None


async def test_the_queue_is_steered(tenant: PracticeTenant, tmp_path: Path) -> None:
    from store.spool_shapes import State, Which

    async with relaying(homes(tmp_path), tenant.profiles()) as relay:
        steering = relay.steering
        await asyncio.to_thread(steering.pause, None)
        await relay.hand_in(3)
        first, second, third = await asyncio.to_thread(steering.page)
        entry, headers = await asyncio.to_thread(steering.show, first.id)
        assert entry == first
        assert "Subject: Alarm" in headers
        assert await asyncio.to_thread(steering.hold, Which(ids=(first.id,))) == 1
        assert await asyncio.to_thread(steering.delete, [second.id]) == 1
        with pytest.raises(StoreError):
            await asyncio.to_thread(steering.show, second.id)
        await asyncio.to_thread(steering.resume, None)
        await arrived(tenant, 1)
        held = await asyncio.to_thread(steering.page, Which(states=(State.HELD,)))
        assert [one.id for one in held] == [first.id]
        assert third.id not in {one.id for one in held}
        assert await asyncio.to_thread(steering.release, Which(ids=(first.id,))) == 1
        await arrived(tenant, 2)
        assert await asyncio.to_thread(steering.causes) == []


async def test_mail_takes_the_way_of_its_sender_or_of_its_door(
    tenant: PracticeTenant, tmp_path: Path
) -> None:
    relay_settings = {
        "listeners": [
            {"listen": "127.0.0.1:0"},
            {"listen": "127.0.0.1:0", "profile": "practice-plain-relay"},
        ],
        "routes": [
            {"sender": "cron@web.example.org", "profile": "practice-oauth-app"},
            {"sender": "@print.example.org", "profile": "practice-plain-relay"},
        ],
    }
    settings = with_relay(tenant.profiles(), relay_settings)
    async with relaying(homes(tmp_path), settings, ()) as relay:
        second = int(relay.service.listeners[1].addresses[0].rpartition(":")[2])
        await relay.hand_in()
        await relay.hand_in(sender="CRON@web.example.org")
        await relay.hand_in(sender="laser@print.example.org")
        await relay.hand_in(port=second)
        servers = await arrived(tenant, 4)
    assert sorted(servers) == ["oauth", "primary", "relay", "relay"]


async def test_another_profile_takes_over_with_its_own_address(
    tenant: PracticeTenant, tmp_path: Path
) -> None:
    settings = changed(tenant.profiles(), "practice", failover=Failover(profile="practice-oauth-app"))
    for server in ("primary", "alternate"):
        tenant.set_fault(server, "down")
    async with relaying(homes(tmp_path), settings) as relay:
        await relay.hand_in()
        assert await arrived(tenant, 1) == ["oauth"]
        route = await relay.route()
    assert route.active == "practice-oauth-app: primary"
    mail = tenant.mails[0]
    content = mail.file.read_bytes()
    assert mail.sender == SUPPORT
    assert f"<{SUPPORT}>".encode() in content[content.index(b"\nFrom:") :].split(b"\nSubject")[0]
    assert content.endswith(b"\r\n\r\n.It is hot.\r\n")


async def test_what_was_dropped_is_collected(tenant: PracticeTenant, tmp_path: Path) -> None:
    paths = homes(tmp_path)
    settings = tenant.profiles()

    def let_fall() -> None:
        drop(
            paths.spool / "maildrop",
            "root",
            "root@web.example.org",
            [("a@practice.test", "", "")],
            [MAIL],
            int(time.time() * 1e6),
        )

    let_fall()
    async with relaying(paths, settings):
        await arrived(tenant, 1)
        let_fall()
        await arrived(tenant, 2)
        assert not list((paths.spool / "maildrop").iterdir())


async def test_a_second_relay_is_refused(tenant: PracticeTenant, tmp_path: Path) -> None:
    paths = homes(tmp_path)
    async with relaying(paths, tenant.profiles()):
        with pytest.raises(StoreError, match="outmail relay") as caught:
            async with relaying(paths):
                pytest.fail("two of them")
        assert caught.value.kind is ErrorKind.LOCKED
    async with relaying(paths) as relay:
        await relay.hand_in()
        await arrived(tenant, 1)


async def test_an_address_that_is_taken_is_told(tenant: PracticeTenant, tmp_path: Path) -> None:
    paths = homes(tmp_path)
    async with relaying(paths, tenant.profiles()) as relay:
        taken = f"127.0.0.1:{relay.port}"
        with pytest.raises(EngineError, match=taken) as caught:
            async with relaying(homes(tmp_path / "other"), tenant.profiles(), (taken,)):
                pytest.fail("two on one port")
    assert "ss -ltnp" in caught.value.remedy
    queue = await Spool.open(tmp_path / "other/spool", "test", relay.service.clock(), tell=print)
    await queue.close(relay.service.clock())
