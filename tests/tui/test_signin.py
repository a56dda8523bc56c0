"""The sign-in screen by keys: what it shows in each state, what each key does, and how fast Escape is."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from syrupy.assertion import SnapshotAssertion

from outmail.engine import signin
from tests.tui.fakes import FakeEngine, FakeWorkspace, with_oauth
from tests.tui.practice import FakeDemo
from tests.tui.screen import LARGE, SMALL, Size, Terminal, opened
from tests.tui.signing_in import (
    SECRET,
    FakeSignIn,
    Play,
    Script,
    browser_wanted,
    code_shown,
    granted,
    sign_in_failure,
)
from tests.tui.test_looks import SvgExtension
from transports.base import Cause, TransportError
from transports.oauth.base import Granted

QR_TOP = "█▀▀▀▀▀█"  # the upper edge of a QR code's corner


@pytest.fixture
def svg(snapshot: SnapshotAssertion) -> SnapshotAssertion:
    """Pictures beside the others."""
    return snapshot.use_extension(SvgExtension)


async def waits(sign_in: FakeSignIn, way: signin.Way) -> Granted:
    """Shows a code or an address, and waits for the test."""
    sign_in.watch(code_shown() if way == "device" else browser_wanted())
    await sign_in.script.go.wait()
    return granted()


async def troubled(sign_in: FakeSignIn, way: signin.Way) -> Granted:
    if way == "device":
        sign_in.watch(code_shown())
        sign_in.watch(signin.Trouble("login.microsoftonline.com answered 503"))
    else:
        sign_in.watch(signin.Trouble("not listening on http://localhost:8765: Address already in use"))
        sign_in.watch(browser_wanted(listening=False))
    await sign_in.script.go.wait()
    return granted()


async def ends(sign_in: FakeSignIn, way: signin.Way) -> Granted:
    sign_in.watch(code_shown())
    raise TransportError(sign_in_failure(Cause.OAUTH_CODE_EXPIRED))


async def differs(sign_in: FakeSignIn, way: signin.Way) -> Granted:
    sign_in.watch(code_shown())
    return granted("admin@example.org")


async def fails(sign_in: FakeSignIn, way: signin.Way) -> Granted:
    raise TransportError(sign_in_failure(Cause.OAUTH_REFUSED, error="invalid_grant", aadsts="65001"))


async def succeeds(sign_in: FakeSignIn, way: signin.Way) -> Granted:
    return granted()


@asynccontextmanager
async def signing_in(
    play: Play, size: Size = SMALL, demo: FakeDemo | None = None, **oauth: object
) -> AsyncIterator[tuple[Terminal, FakeEngine, FakeWorkspace]]:
    workspace, engine = FakeWorkspace(with_oauth(**oauth)), FakeEngine(script=Script(play))
    async with opened(workspace, engine, size=size, demo_session=demo) as admin:
        await admin.see("* m365")
        await admin.press("i")
        await admin.until(lambda: bool(engine.script.begun))
        yield admin, engine, workspace


@pytest.mark.parametrize("size", [SMALL, LARGE], ids=["80x24", "120x40"])
@pytest.mark.parametrize(
    ("play", "keys", "seen"),
    [
        pytest.param(waits, (), "FJC3ABHLQ", id="code"),
        pytest.param(troubled, (), "503", id="code-trouble"),
        pytest.param(waits, ("b",), "browser on http://localhost:8765", id="browser"),
        pytest.param(troubled, ("b",), "already in use", id="browser-trouble"),
        pytest.param(ends, (), "the code has ended", id="ended"),
        pytest.param(differs, (), "another account", id="differs"),
        pytest.param(fails, (), "consent", id="failed"),
        pytest.param(succeeds, (), "signed in as", id="done"),
    ],
)
async def test_pictures(
    play: Play, keys: tuple[str, ...], seen: str, size: Size, svg: SnapshotAssertion
) -> None:
    async with signing_in(play, size) as (admin, _, _workspace):
        await admin.press(*keys)
        await admin.until(lambda: seen.replace(" ", "") in admin.text.replace(" ", ""), seen)
        picture = await admin.still()
        assert SECRET not in picture
        assert picture == svg


async def test_the_picture_comes_with_the_code_whatever_happens_in_between() -> None:
    told = asyncio.Event()

    async def tells(sign_in: FakeSignIn, way: signin.Way) -> Granted:
        await told.wait()
        return await waits(sign_in, way)

    async with signing_in(tells) as (admin, _, _workspace):
        told.set()
        async with asyncio.timeout(30):
            while "F J C 3 A B H L Q" not in admin.text:  # noqa: ASYNC110 - it is looked at in every step
                await asyncio.sleep(0)
        assert QR_TOP in admin.text


async def test_escape_stops_within_a_tenth_of_a_second() -> None:
    async with signing_in(waits) as (admin, engine, _):
        await admin.see("microsoft.com/devicelogin")
        began = time.monotonic()
        await admin.press("escape")
        await admin.until(lambda: engine.script.cancelled_at > 0)
        assert engine.script.cancelled_at - began < 0.1
        await admin.see("* m365")


async def test_the_other_ways_are_one_key_away_and_saved_with_the_profile() -> None:
    async with signing_in(waits, client_secret=SECRET, tenant="example.org") as (admin, engine, workspace):
        await admin.see("microsoft.com/devicelogin")
        await admin.press("b")
        await admin.until(lambda: ("m365", "browser") in engine.script.begun)
        engine.script.go.set()
        await admin.see("signed in as")
        await admin.press("enter")
        await admin.see("* m365")
        oauth = workspace.settings.profiles["m365"].auth.oauth
        assert oauth is not None
        assert oauth.grant == "authorization-code"


async def test_a_shared_mailbox_is_confirmed_by_a_key_and_remembered() -> None:
    async with signing_in(differs) as (admin, _, workspace):
        await admin.see("admin@example.org", "helpdesk@example.org")
        await admin.press("m")
        await admin.see("signed in as")
        await admin.press("enter")
        await admin.see("* m365")
        oauth = workspace.settings.profiles["m365"].auth.oauth
        assert oauth is not None
        assert oauth.account == "admin@example.org"


async def test_a_pasted_address_goes_to_the_sign_in_without_the_terminals_line_breaks() -> None:
    async with signing_in(waits, grant="authorization-code") as (admin, engine, _):
        await admin.see("ssh -L")
        await admin.press("p", *"http", "colon", *"x", "enter")
        await admin.until(lambda: bool(engine.script.pasted))
        assert engine.script.pasted == ["http:x"]
        await admin.see("signed in as")


async def test_a_wrong_address_is_told_whole_and_in_sight_even_where_the_screen_is_small() -> None:
    words = "This address belongs to another sign-in: open the one shown here, and paste where it ended"

    async def refuses(sign_in: FakeSignIn, way: signin.Way) -> Granted:
        sign_in.watch(browser_wanted())
        await sign_in.script.go.wait()
        sign_in.watch(signin.Trouble(words))
        await asyncio.Event().wait()
        return granted()

    async with signing_in(refuses, (60, 18), grant="authorization-code") as (admin, _, _workspace):
        await admin.press("p", "x", "enter")
        await admin.see("where it ended")
        assert words in " ".join(admin.text.split())


async def test_a_new_code_when_the_old_one_has_ended() -> None:
    async with signing_in(ends) as (admin, engine, _):
        await admin.see("the code has ended")
        engine.script.play = succeeds
        await admin.press("n")
        await admin.see("signed in as")
        assert [way for _, way in engine.script.begun] == ["device", "device"]


async def test_a_way_that_cannot_be_gone_is_shown_with_its_reason_and_its_key_does_nothing() -> None:
    async with signing_in(waits) as (admin, engine, _):
        await admin.see("needs a")
        await admin.press("a")
        await asyncio.sleep(0)
        assert [way for _, way in engine.script.begun] == ["device"]


async def test_o_signs_out_after_a_question() -> None:
    async with signing_in(succeeds) as (admin, _, workspace):
        await admin.see("signed in as")
        await admin.press("enter")
        await admin.see("o Sign out", "helpdesk@example.org, since", "sign-in, if unused, ends in 90 days")
        for answer in ("n", "y"):
            assert workspace.tokens.state(workspace.settings.profiles["m365"]).signed_in
            await admin.press("o")
            await admin.see("Sign m365 out?")
            await admin.press(answer)
            await admin.see("* m365")
        await admin.see("no: nobody is signed in")
        assert not workspace.tokens.state(workspace.settings.profiles["m365"]).signed_in
        await admin.gone("o Sign out")


@pytest.mark.parametrize("size", [SMALL, LARGE], ids=["80x24", "120x40"])
async def test_picture_of_the_person(size: Size, svg: SnapshotAssertion) -> None:
    async with signing_in(waits, size, FakeDemo()) as (admin, _, _workspace):
        await admin.see("microsoft.com/devicelogin")
        await admin.press("x")
        await admin.see("who is at the other device?")
        assert await admin.still() == svg


async def test_on_the_practice_tenant_the_admin_is_the_person_too() -> None:
    demo = FakeDemo()
    async with signing_in(waits, demo=demo) as (admin, _engine, _workspace):
        await admin.see("microsoft.com/devicelogin", "x Play")
        await admin.press("x", "down", "enter")
        await admin.until(lambda: bool(demo.person.did))
        assert demo.person.did == [("FJC3ABHLQ", "admin@example.org")]
        await admin.press("x", "end", "enter")
        await admin.until(lambda: len(demo.person.did) == 2)
        assert demo.person.did[1] == ("FJC3ABHLQ", ""), "somebody declines"
        demo.person.refuses = "AADSTS53003: blocked"
        await admin.press("x", "enter")
        await admin.see("the page says: AADSTS53003")


async def test_the_person_signs_in_by_browser_and_its_last_address_is_used() -> None:
    demo = FakeDemo()
    async with signing_in(waits, demo=demo, grant="authorization-code") as (admin, engine, _):
        await admin.see("ssh -L")
        await admin.press("x", "enter")
        await admin.until(lambda: bool(engine.script.pasted))
        assert engine.script.pasted == ["http://localhost:8765/?code=x"]


async def test_elsewhere_nobody_can_be_played() -> None:
    async with signing_in(waits) as (admin, _, _workspace):
        await admin.see("microsoft.com/devicelogin")
        assert "Play" not in admin.text
        await admin.press("x")
        await admin.gone("who is at the other device?")


async def test_a_profile_that_somebody_changed_meanwhile_is_told_and_left_alone() -> None:
    async with signing_in(differs) as (admin, _, workspace):
        await admin.see("another account signed in")
        theirs = with_oauth(tenant="other.example.org")
        workspace.on_disk = theirs
        await admin.press("m")
        await admin.see("was not kept", "meanwhile")
        assert workspace.settings == theirs
