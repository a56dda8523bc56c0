"""Our own sign-in at the practice authority: every grant, and every fault told as what it is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from outmail.demo.names import CHIEF, DESK, SUPPORT
from outmail.demo.oauth.refusals import Refused
from outmail.demo.tenant import PracticeTenant
from outmail.diagnosis.match import diagnose
from outmail.engine.check import check
from outmail.engine.signin import BrowserWanted, CodeShown, Event, SignedIn, SignIn, Trouble, Way
from outmail.engine.tokens import Tokens
from outmail.engine.wiring import context
from store.profiles import Profile
from store.tokens import MemoryShelf, identity_of
from tests.servers.process import free_port
from transports.base import TransportError


@pytest.fixture
async def tenant(tmp_path: Path) -> AsyncIterator[PracticeTenant]:
    async with PracticeTenant(tmp_path / "practice", slow_seconds=0.05, poll_seconds=0.05) as running:
        yield running


class Admin:
    """Signs a ready profile in, and is the person at the other device."""

    def __init__(self, tenant: PracticeTenant, name: str = "practice-oauth", account: str = DESK) -> None:
        self.tenant = tenant
        self.name = name
        self.account = account
        self.events: list[Event] = []
        self.in_between = ""  # a fault from when the code is shown until it is noticed
        self.shown = ""
        self.tokens = Tokens(MemoryShelf())
        profile = tenant.profiles().profiles[name]
        assert profile.auth.oauth is not None
        oauth = profile.auth.oauth.model_copy(update={"redirect_url": f"http://localhost:{free_port()}"})
        auth = profile.auth.model_copy(update={"oauth": oauth})
        self.sign_in = SignIn(name, profile.model_copy(update={"auth": auth}), self.tokens, self._watch)

    @property
    def profile(self) -> Profile:
        return self.sign_in.profile

    def _watch(self, event: Event) -> None:
        self.events.append(event)
        match event:
            case CodeShown() if self.in_between:
                self.tenant.set_fault("authority", self.in_between)
                self.shown = event.code.user_code
            case Trouble():
                self.tenant.set_fault("authority", "none")
                self.tenant.authority.decide(self.shown, self.account)
            case CodeShown():
                self.tenant.authority.decide(event.code.user_code, self.account)
            case BrowserWanted():
                self.sign_in.paste(self.tenant.authority.browse(event.url, self.account))

    async def run(self, way: Way | None = None) -> SignedIn:
        async with asyncio.timeout(30):
            return await self.sign_in.run(way)

    async def fails(self, way: Way | None = None) -> str:
        """The id of the explanation of how it failed."""
        with pytest.raises(TransportError) as caught:
            await self.run(way)
        return diagnose(caught.value.failure, context(self.name, self.profile)).id

    async def green(self) -> bool:
        """Whether a check passes with the token."""
        report = await check(self.name, self.profile, watch=lambda _progress: None, tokens=self.tokens)
        return report.ok


@pytest.mark.parametrize("way", ["device", "browser"])
async def test_a_person_signs_in_and_the_check_is_green(tenant: PracticeTenant, way: Way) -> None:
    admin = Admin(tenant)
    assert (await admin.run(way)).account == DESK
    assert await admin.green()


@pytest.mark.parametrize("name", ["practice-oauth-app", "practice-oauth-cert"])
async def test_an_application_signs_in_and_the_check_is_green(tenant: PracticeTenant, name: str) -> None:
    admin = Admin(tenant, name)
    await admin.run()
    asked = tenant.authority.asked
    assert await admin.green()
    assert tenant.authority.asked == asked, "a good token costs no request"


async def test_the_standard_way_works_there_too(tenant: PracticeTenant) -> None:
    admin = Admin(tenant)
    oauth = admin.profile.auth.oauth
    assert oauth is not None
    changed = {"provider": "custom", "scopes": ["https://outlook.office365.com/SMTP.Send", "offline_access"]}
    auth = admin.profile.auth.model_copy(update={"oauth": oauth.model_copy(update=changed)})
    admin.sign_in.profile = admin.profile.model_copy(update={"auth": auth})
    await admin.run()
    assert await admin.green()


async def test_a_delegate_signs_in_for_a_shared_mailbox_once_it_is_confirmed(tenant: PracticeTenant) -> None:
    admin = Admin(tenant, "practice-oauth-shared")
    assert await admin.fails() == "account-differs"
    await admin.sign_in.confirm_account()
    assert admin.profile.auth.username == SUPPORT
    assert await admin.green()


async def test_a_stranger_is_confirmed_and_the_server_still_says_no(tenant: PracticeTenant) -> None:
    admin = Admin(tenant, account=CHIEF)
    assert await admin.fails() == "account-differs"
    await admin.sign_in.confirm_account()
    assert not await admin.green()


async def test_the_secrets_id_is_not_its_value(tenant: PracticeTenant) -> None:
    assert await Admin(tenant, "practice-wrong-secret").fails() == "entra-secret-wrong"


@pytest.mark.parametrize(
    ("fault", "name", "way", "told"),
    [
        ("expired", "practice-oauth", "device", "sign-in-certificate-date"),
        ("down", "practice-oauth", "device", "sign-in-unreachable"),
        ("unavailable", "practice-oauth", "device", "oauth-unavailable"),
        ("gateway", "practice-oauth-app", "app", "oauth-unavailable"),
        ("portal", "practice-oauth", "device", "oauth-login-page"),
        ("code-expired", "practice-oauth", "device", "oauth-code-expired-entra"),
        ("declined", "practice-oauth", "device", "entra-consent-declined"),
        ("declined", "practice-oauth", "browser", "entra-consent-declined"),
        ("no-access", "practice-oauth", "device", "entra-device-code-blocked"),
        ("no-access", "practice-oauth", "browser", "entra-conditional-access"),
        ("not-public", "practice-oauth", "device", "entra-public-flows-off"),
        ("consent-missing", "practice-oauth", "device", "entra-consent-missing"),
        ("secret-expired", "practice-oauth-app", "app", "entra-secret-expired"),
    ],
)
async def test_a_fault_is_told_as_what_it_is(
    tenant: PracticeTenant, fault: str, name: str, way: Way, told: str
) -> None:
    tenant.set_fault("authority", fault)
    assert await Admin(tenant, name).fails(way) == told


async def test_a_secret_that_has_ended_is_none_of_a_certificates_business(tenant: PracticeTenant) -> None:
    tenant.set_fault("authority", "secret-expired")
    admin = Admin(tenant, "practice-oauth-cert")
    await admin.run()
    assert await admin.green()


@pytest.mark.parametrize("fault", ["gateway", "unavailable", "portal", "down"])
async def test_what_happens_in_between_ends_nothing(tenant: PracticeTenant, fault: str) -> None:
    admin = Admin(tenant)
    admin.in_between = fault
    assert (await admin.run()).account == DESK
    assert any(isinstance(event, Trouble) for event in admin.events)


@pytest.mark.long
async def test_it_slows_down_as_it_is_told(tenant: PracticeTenant) -> None:
    tenant.set_fault("authority", "slow-down")
    began = asyncio.get_running_loop().time()
    assert (await Admin(tenant).run()).account == DESK
    assert asyncio.get_running_loop().time() - began > 6, "an interval of one second, then of six"


async def test_the_browser_alone_is_told_that_codes_are_blocked(tenant: PracticeTenant) -> None:
    tenant.set_fault("authority", "device-blocked")
    shown: asyncio.Queue[Event] = asyncio.Queue()
    admin = Admin(tenant)
    sign_in = SignIn(admin.name, admin.profile, admin.tokens, shown.put_nowait)
    running = asyncio.create_task(sign_in.run())
    async with asyncio.timeout(20):
        code = await shown.get()
    assert isinstance(code, CodeShown)
    with pytest.raises(Refused) as caught:
        tenant.authority.decide(code.code.user_code, DESK)
    assert caught.value.number == 53003
    assert not running.done()
    running.cancel()
    assert (await admin.run("browser")).account == DESK, "the other way works"


async def test_a_revoked_sign_in_is_noted_and_explained(tenant: PracticeTenant) -> None:
    admin = Admin(tenant)
    await admin.run()
    supply = admin.tokens.supply(admin.name, admin.profile)
    token = await supply.token()
    tenant.set_fault("authority", "refresh-revoked")
    with pytest.raises(TransportError) as caught:
        await supply.renewed(token)
    assert diagnose(caught.value.failure, context(admin.name, admin.profile)).id == "entra-session-revoked"
    assert "AADSTS50173" in admin.tokens.state(admin.profile).problem


async def test_a_policy_that_comes_later_ends_sign_ins_that_began_with_a_code(
    tenant: PracticeTenant,
) -> None:
    for way, ends in (("device", True), ("browser", False)):
        tenant.set_fault("authority", "none")
        admin = Admin(tenant)
        await admin.run(way)  # type: ignore[arg-type]
        supply = admin.tokens.supply(admin.name, admin.profile)
        token = await supply.token()
        tenant.set_fault("authority", "device-blocked")
        if ends:
            with pytest.raises(TransportError):
                await supply.renewed(token)
        else:
            assert await supply.renewed(token) not in {None, token}


async def test_a_token_that_the_server_refuses_is_renewed_once_and_told(tenant: PracticeTenant) -> None:
    admin = Admin(tenant)
    await admin.run()
    tenant.set_fault("oauth", "token-refused")
    first = admin.tokens.kept(identity_of(admin.profile))
    assert not await admin.green()
    second = admin.tokens.kept(identity_of(admin.profile))
    assert first is not None
    assert second is not None
    assert first.access_token != second.access_token


async def test_short_lives(tenant: PracticeTenant) -> None:
    tenant.set_fault("authority", "short-lived")
    done = await Admin(tenant).run()
    assert timedelta(seconds=50) < done.until - datetime.now(UTC) <= timedelta(seconds=60)


@pytest.mark.parametrize("way", ["device", "app"])
async def test_a_silent_authority_holds_nobody(tenant: PracticeTenant, way: Way) -> None:
    """The cancelled sign-in ends within a tenth of a second, in msal's thread too."""
    name = "practice-oauth" if way == "device" else "practice-oauth-app"
    await Admin(tenant, "practice-oauth-app").run()  # msal is imported by then
    tenant.set_fault("authority", "silent")
    running = asyncio.create_task(Admin(tenant, name).run(way))
    async with asyncio.timeout(20):
        while not tenant.authority.connections:  # noqa: ASYNC110 - the server has no event for it
            await asyncio.sleep(0.01)
    loop = asyncio.get_running_loop()
    began = loop.time()
    running.cancel()
    await asyncio.wait({running})
    assert running.cancelled()
    assert loop.time() - began < 0.1
