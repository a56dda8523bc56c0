"""The wizard's authentication page with OAuth: by keys, and its pictures for each way to sign in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from syrupy.assertion import SnapshotAssertion

from outmail.engine.draft_pages import Page
from tests.tui.fakes import FakeEngine, FakeWorkspace, with_oauth
from tests.tui.practice import FakeDemo
from tests.tui.screen import LARGE, SMALL, Size
from tests.tui.signing_in import Script
from tests.tui.test_signin import waits
from tests.tui.wizard.keys import Admin, at_the_wizard
from tests.tui.wizard.test_pictures import Svg, picture

PROVIDER, CLOUD, GRANT = "auth.oauth.provider", "auth.oauth.cloud", "auth.oauth.grant"
FOLD = "oauth-folded"


async def at_oauth(admin: Admin) -> None:
    """To the page, and to OAuth on it."""
    await admin.wizard.show_page(Page.SIGN_IN)
    await admin.choose("auth.method", "oauth")


@pytest.mark.parametrize("size", [SMALL, LARGE], ids=["80x24", "120x40"])
@pytest.mark.parametrize(
    "choices",
    [
        pytest.param({}, id="microsoft-code"),
        pytest.param({FOLD: "no"}, id="microsoft-unfolded"),
        pytest.param({GRANT: "client-credentials"}, id="microsoft-app"),
        pytest.param({GRANT: "managed-identity"}, id="microsoft-identity"),
        pytest.param({PROVIDER: "google"}, id="google-browser"),
        pytest.param({PROVIDER: "google", GRANT: "service-account"}, id="google-service"),
        pytest.param({PROVIDER: "custom"}, id="custom-code"),
    ],
)
async def test_pictures(choices: dict[str, str], size: Size, snapshot: SnapshotAssertion) -> None:
    async with at_the_wizard(FakeWorkspace(), size=size) as admin:
        await at_oauth(admin)
        for field, value in choices.items():
            await admin.choose(field, value)
        assert await picture(admin) == snapshot.use_extension(Svg)


async def test_a_provider_that_is_passed_by_does_not_change_the_way_to_sign_in() -> None:
    async with at_the_wizard(FakeWorkspace()) as admin:
        await at_oauth(admin)
        for provider, grant in (
            ("google", "authorization-code"),
            ("custom", "device-code"),
            ("microsoft", "device-code"),
        ):
            await admin.choose(PROVIDER, provider)
            assert admin.field(GRANT).value == grant
        await admin.choose(GRANT, "authorization-code")
        await admin.choose(PROVIDER, "custom")
        assert admin.field(GRANT).value == "authorization-code"


async def test_a_choice_that_the_page_has_not_heard_of_yet_is_not_taken_back() -> None:
    async with at_the_wizard(FakeWorkspace()) as admin:
        await at_oauth(admin)
        await admin.to(FOLD)
        choice = admin.field(FOLD).content_control
        choice.action_move(1)  # type: ignore[union-attr]
        admin.wizard.page.follow()  # as the focus makes it, with the key's own message still on its way
        await admin.settle()
        assert admin.field(FOLD).value == "no"
        assert "Authorization URL" in admin.words()


async def test_on_the_practice_tenant_the_person_can_be_played_from_here_too() -> None:
    demo, engine = FakeDemo(), FakeEngine(script=Script(waits))
    async with at_the_wizard(FakeWorkspace(with_oauth()), "m365", engine=engine, demo=demo) as admin:
        await admin.wizard.show_page(Page.SIGNED_IN)
        await admin.settle()
        await admin.press("enter")
        await seen(admin, lambda: "Play the person" in admin.screen_text())
        await admin.press("x")
        await seen(admin, lambda: "who is at the other device?" in admin.screen_text())
        await admin.press("enter")
        await seen(admin, lambda: bool(demo.person.did))
        assert demo.person.did == [("FJC3ABHLQ", "helpdesk@example.org")]


async def seen(admin: Admin, condition: Callable[[], bool]) -> None:
    """Let the program run until it is so."""
    async with asyncio.timeout(30):
        while not condition():
            await admin.pilot.pause()
