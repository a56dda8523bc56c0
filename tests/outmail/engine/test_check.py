"""The check: the whole ladder, the cause that was made, and nothing green behind it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from outmail.demo.tenant import PracticeTenant
from outmail.engine.check import check
from outmail.engine.errors import EngineError, Refusal
from outmail.engine.report import CheckReport, Progress, check_json
from store.profiles import Profile
from transports.base import Status


@pytest.fixture
async def tenant(tmp_path: Path) -> AsyncIterator[PracticeTenant]:
    async with PracticeTenant(tmp_path / "tenant", slow_seconds=0.05) as running:
        yield running


async def climb(tenant: PracticeTenant, which: str = "primary", name: str = "practice") -> CheckReport:
    """Check a profile of the practice tenant."""
    return await check(name, tenant.profiles().profiles[name], which=which, watch=lambda _p: None)


async def test_a_sound_server_is_green_to_the_top(tenant: PracticeTenant) -> None:
    report = await climb(tenant, "all")
    assert report.ok
    assert [s.server for s in report.servers] == ["primary", "alternate"]
    primary, alternate = ([str(p.step.name) for p in s.steps] for s in report.servers)
    assert primary == ["resolve", "connect", "greeting", "starttls", "authenticate", "sender", "permission"]
    assert alternate == ["resolve", "connect", "tls", "greeting", "authenticate", "sender", "permission"]
    assert tenant.mails == (), "a check sends nothing"


async def test_every_step_is_seen_to_begin_and_to_end(tenant: PracticeTenant) -> None:
    seen: list[Progress] = []
    profile = tenant.profiles().profiles["practice"]
    await check("practice", profile, which="primary", watch=seen.append)
    names = [(p.step.name, p.step.status) for p in seen]
    for begin, end in zip(names[::2], names[1::2], strict=True):
        assert begin == (end[0], Status.RUNNING)
        assert end[1] is Status.PASS


@pytest.mark.parametrize(
    ("fault", "step", "finding"),
    [
        ("down", "connect", "connection-refused"),
        ("busy", "greeting", "server-busy"),
        ("no-starttls", "starttls", "starttls-not-offered"),
        ("injected-starttls", "starttls", "starttls-injected"),
        ("expired", "starttls", "certificate-expired"),
        ("self-signed", "starttls", "certificate-self-signed"),
        ("wrong-name", "starttls", "certificate-wrong-name"),
        ("password-refused", "authenticate", "auth-refused"),
        ("auth-not-offered", "authenticate", "auth-not-offered"),
        ("relay-denied", "permission", "relaying-denied"),
        ("sender-refused", "sender", "exchange-send-as-denied"),
        ("mailbox-unknown", "permission", "recipient-unknown"),
    ],
)
async def test_the_first_failure_is_the_fault_that_was_made(
    tenant: PracticeTenant, fault: str, step: str, finding: str
) -> None:
    tenant.set_fault("primary", fault)
    report = await climb(tenant)
    assert not report.ok
    (server,) = report.servers
    failed = [p for p in server.steps if p.step.status is Status.FAIL]
    assert [(str(p.step.name), p.finding and p.finding.id) for p in failed] == [(step, finding)]
    behind = server.steps[server.steps.index(failed[0]) + 1 :]
    assert all(p.step.status is Status.SKIP for p in behind), "nothing behind a failure is green"
    assert str(server.steps[-1].step.name) == "permission", "the whole ladder is shown"


async def test_a_certificate_that_ends_soon_warns_and_the_check_goes_on(tenant: PracticeTenant) -> None:
    tenant.set_fault("primary", "ends-soon")
    report = await climb(tenant)
    assert report.ok
    (warned,) = [p for p in report.servers[0].steps if p.step.status is Status.WARN]
    assert warned.finding is not None
    assert warned.finding.id == "certificate-ends-soon"
    assert report.servers[0].steps[-1].step.status is Status.PASS


async def test_the_alternate_is_checked_although_the_primary_failed(tenant: PracticeTenant) -> None:
    tenant.set_fault("primary", "down")
    report = await climb(tenant, "all")
    assert [s.ok for s in report.servers] == [False, True]
    assert not report.ok


async def test_a_cancelled_check_ends_at_once_and_hangs_up(tenant: PracticeTenant) -> None:
    tenant.set_fault("primary", "silent")
    running = asyncio.create_task(climb(tenant))
    reached = asyncio.Event()
    profile = tenant.profiles().profiles["practice"]

    def watch(progress: Progress) -> None:
        if progress.step.name == "greeting":
            reached.set()

    running.cancel()
    running = asyncio.create_task(check("practice", profile, which="primary", watch=watch))
    await asyncio.wait_for(reached.wait(), 10)
    began = time.monotonic()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert time.monotonic() - began < 1


async def test_json_is_the_contract_s(tenant: PracticeTenant) -> None:
    tenant.set_fault("primary", "password-refused")
    found = check_json(await climb(tenant))
    assert found["profile"] == "practice"
    assert found["ok"] is False
    servers = found["servers"]
    assert isinstance(servers, list)
    assert {"server", "address", "ok", "steps"} <= servers[0].keys()
    failed = next(s for s in servers[0]["steps"] if s["status"] == "fail")
    assert {"step", "status", "ms", "detail", "diagnosis"} <= failed.keys()
    assert failed["detail"].startswith("535 5.7.8")
    assert {"id", "title", "remedy"} <= failed["diagnosis"].keys()


async def test_a_server_that_the_profile_does_not_have(tenant: PracticeTenant) -> None:
    with pytest.raises(EngineError, match="primary only") as caught:
        await climb(tenant, "alternate", name="practice-plain-relay")
    assert caught.value.kind is Refusal.SETTINGS
    assert caught.value.remedy


async def test_a_profile_without_its_part_is_told_plainly(tenant: PracticeTenant) -> None:
    profile: Profile = tenant.profiles().profiles["practice"].model_copy(update={"protocol": "ews"})
    with pytest.raises(EngineError, match="does not say where that is"):
        await check("practice", profile, watch=lambda _p: None)
