"""The relay over Exchange Web Services: the same rules as for every other way out."""

from __future__ import annotations

from pathlib import Path

import pytest

from outmail.demo.names import DESK
from outmail.demo.tenant import PracticeTenant
from store.profiles import Failover, Settings
from tests.outmail.relay.relays import arrived, homes, relaying, until
from tests.outmail.relay.test_service import tenant

__all__ = ["tenant"]

NAME = "practice-ews"
MAIL = b"From: a@practice.test\r\nTo: a@practice.test\r\nSubject: x\r\n\r\nhello\r\n"


def settings(tenant: PracticeTenant, failover: str = "", **ews: object) -> Settings:
    """Everything goes through Exchange."""
    found = tenant.profiles()
    own = found.profiles[NAME]
    assert own.ews is not None
    profile = own.model_copy(
        update={
            "failover": Failover(profile=failover) if failover else None,
            "ews": own.ews.model_copy(update=ews),
        }
    )
    return found.model_copy(update={"profiles": {**found.profiles, NAME: profile}, "default": NAME})


async def test_mail_goes_through_exchange(tenant: PracticeTenant, tmp_path: Path) -> None:
    async with relaying(homes(tmp_path), settings(tenant)) as relay:
        await relay.hand_in(2, content=MAIL)
        assert await arrived(tenant, 2) == ["ews", "ews"]
        route = await relay.route(NAME)
    assert route.address.endswith(f"/{DESK}")
    assert {mail.recipients for mail in tenant.mails} == {("a@practice.test",)}
    assert all(b"Reply-To: a@practice.test" in mail.content for mail in tenant.mails)


@pytest.mark.parametrize("keep_copy", [True, False])
async def test_a_lost_answer_is_looked_for_or_held(
    tenant: PracticeTenant, tmp_path: Path, keep_copy: bool
) -> None:
    async with relaying(homes(tmp_path), settings(tenant, keep_copy=keep_copy)) as relay:
        tenant.set_fault("ews", "times-out-after-accepting")
        await relay.hand_in(content=MAIL)
        await until(lambda: relay.service.spool.counts().uncertain == 1)
        tenant.set_fault("ews", "none")
        (shown,) = await relay.ask("page", which={}, limit=10)
        assert await relay.ask("retry", which={"ids": [shown["id"]]}) == 1
        counts = relay.service.spool.counts
        await until(lambda: counts().sent if keep_copy else counts().held)
    assert len(tenant.mails) == 1, "it never goes twice by itself"


async def test_a_throttled_exchange_gets_its_time(tenant: PracticeTenant, tmp_path: Path) -> None:
    async with relaying(homes(tmp_path), settings(tenant, "practice")) as relay:
        tenant.set_fault("ews", "throttled")
        await relay.hand_in(content=MAIL)
        assert await arrived(tenant, 1) == ["ews"], "it waits, and goes to no other"


async def test_an_exchange_that_is_down_is_left_for_the_failover_profile(
    tenant: PracticeTenant, tmp_path: Path
) -> None:
    async with relaying(homes(tmp_path), settings(tenant, "practice")) as relay:
        tenant.set_fault("ews", "down")
        await relay.hand_in(content=MAIL)
        assert await arrived(tenant, 1) == ["primary"]
        assert (await relay.route(NAME)).active == "practice: primary"
