"""The wizard with Exchange Web Services: by keys to the saved profile, over to Graph, and its pictures."""

from __future__ import annotations

import pytest
from syrupy.assertion import SnapshotAssertion

from outmail.engine.draft_pages import Page
from store.profiles import Ews, Profile, Settings
from tests.tui.fakes import FakeEngine, FakeWorkspace, backup
from tests.tui.screen import LARGE, SMALL, Size, opened
from tests.tui.signing_in import SECRET
from tests.tui.wizard.keys import Admin, at_the_wizard
from tests.tui.wizard.test_pictures import Svg, picture

CLIENT = "5f0c8b1e-7d4a-4c3b-9e2f-1a2b3c4d5e6f"
URL, COPY, LOST, SCHEME = "ews.url", "ews.keep_copy", "ews.uncertain", "ews.scheme"
METHOD, USERNAME, GRANT, FOLD = "auth.method", "auth.username", "auth.oauth.grant", "oauth-folded"
WHOLE = "https://mail.example.org/EWS/Exchange.asmx"
sizes = pytest.mark.parametrize("size", [SMALL, LARGE], ids=["80x24", "120x40"])


def own() -> Profile:
    """An Exchange Server on premises, by NTLM."""
    return Profile.model_validate(
        {
            "protocol": "ews",
            "sender_name": "Example Help Desk",
            "from_address": "helpdesk@example.org",
            "ews": {"url": "mail.example.org", "keep_copy": True, "scheme": "ntlm"},
            "auth": {"method": "basic", "username": "EXAMPLE\\helpdesk", "password": SECRET},
            "tls": {"ca_file": "/etc/ssl/private-ca.pem"},
        }
    )


def online() -> Profile:
    """Exchange Online, where somebody signs in."""
    return Profile.model_validate(
        {
            "protocol": "ews",
            "sender_name": "Example Help Desk",
            "from_address": "helpdesk@example.org",
            "ews": {"url": "outlook.office365.com", "uncertain": "send-again"},
            "auth": {
                "method": "oauth",
                "username": "helpdesk@example.org",
                "oauth": {"client_id": CLIENT, "tenant": "example.org"},
            },
            "failover": {"profile": "backup"},
        }
    )


def settings() -> Settings:
    """cloud is the default; own and backup are the others."""
    return Settings(default="cloud", profiles={"cloud": online(), "own": own(), "backup": backup()})


async def at_ews(admin: Admin, url: str = "") -> None:
    """From the first page to the one of EWS."""
    await admin.choose("protocol", "ews")
    await admin.press("enter")
    assert admin.page == "ews"
    if url:
        await admin.fill(URL, url)


# --- pictures


@sizes
@pytest.mark.parametrize("page", ["ews", "sign-in"])
async def test_empty(page: str, size: Size, snapshot: SnapshotAssertion) -> None:
    async with at_the_wizard(FakeWorkspace(), size=size) as admin:
        await at_ews(admin)
        if page == "sign-in":
            await admin.wizard.show_page(Page.SIGN_IN)
        assert await picture(admin) == snapshot.use_extension(Svg)


@sizes
@pytest.mark.parametrize("page", [Page.PROTOCOL, Page.EWS, Page.SIGN_IN, Page.REVIEW])
@pytest.mark.parametrize("name", ["own", "cloud"])
async def test_filled(name: str, page: Page, size: Size, snapshot: SnapshotAssertion) -> None:
    async with at_the_wizard(FakeWorkspace(settings()), name, size) as admin:
        await admin.wizard.show_page(page)
        assert await picture(admin) == snapshot.use_extension(Svg)


@sizes
async def test_errors(size: Size, snapshot: SnapshotAssertion) -> None:
    async with at_the_wizard(FakeWorkspace(), size=size) as admin:
        await at_ews(admin, "https://mail.example.org/owa")
        await admin.press("enter")
        assert admin.page == "ews"
        assert await picture(admin) == snapshot.use_extension(Svg)


@sizes
async def test_oauth_at_an_own_server_unfolded(size: Size, snapshot: SnapshotAssertion) -> None:
    async with at_the_wizard(FakeWorkspace(settings()), "own", size) as admin:
        await admin.wizard.show_page(Page.SIGN_IN)
        await admin.choose(METHOD, "oauth")
        await admin.choose(FOLD, "no")
        assert admin.field("auth.oauth.scopes").value == (
            "https://mail.example.org/EWS.AccessAsUser.All, offline_access"
        )
        assert await picture(admin) == snapshot.use_extension(Svg)


@sizes
async def test_taken_over_to_graph(size: Size, snapshot: SnapshotAssertion) -> None:
    async with at_the_wizard(FakeWorkspace(settings()), "cloud", size) as admin:
        await admin.press("ctrl+o")
        assert admin.page == "graph"
        assert await picture(admin) == snapshot.use_extension(Svg)


@sizes
@pytest.mark.parametrize("name", ["cloud", "own"])
async def test_home(name: str, size: Size, snapshot: SnapshotAssertion) -> None:
    async with opened(FakeWorkspace(settings()), size=size) as home:
        await home.see("outlook.office365.com", "nobody is signed in")
        if name == "own":
            await home.press("down")
            await home.see("EXAMPLE\\helpdesk")
        assert await home.still() == snapshot.use_extension(Svg)


# --- by keys


async def test_from_the_protocol_to_the_saved_profile() -> None:
    workspace = FakeWorkspace()
    async with at_the_wizard(workspace, engine=FakeEngine()) as admin:
        await at_ews(admin, "mail.example.org")
        await admin.press("tab")
        assert admin.field(URL).value == WHOLE
        await admin.fill(USERNAME, "helpdesk@example.org")
        await admin.choose(COPY, "yes")
        await admin.press("ctrl+n")
        assert admin.page == "sign-in"
        assert not admin.field(USERNAME).display
        assert not admin.field("auth.mechanism").display
        await admin.fill("auth.password", "secret")
        await admin.choose(SCHEME, "basic")
        await admin.press("ctrl+n")
        assert admin.page == "sender"
        assert admin.field("from_address").value == "helpdesk@example.org"
        await admin.until("review")
        await admin.press("ctrl+s")
        assert "Saved, encrypted, in" in admin.words()
    profile = workspace.settings.profiles["example"]
    assert profile.ews == Ews(url=WHOLE, keep_copy=True, scheme="basic")
    assert (profile.protocol, profile.smtp, profile.graph) == ("ews", None, None)
    assert (profile.auth.method, profile.auth.oauth) == ("basic", None)


async def test_a_host_name_is_completed_by_enter_too() -> None:
    async with at_the_wizard(FakeWorkspace()) as admin:
        await at_ews(admin, "mail.example.org")
        await admin.press("enter")
        assert admin.focused_key == USERNAME  # what is missing
        assert admin.field(URL).value == WHOLE


async def test_none_is_greyed_and_a_password_too_where_exchange_online_is() -> None:
    async with at_the_wizard(FakeWorkspace(settings()), "own") as admin:
        await admin.wizard.show_page(Page.SIGN_IN)
        await admin.settle()
        assert "EWS needs a mailbox to sign in to." in admin.words()
        assert "takes no password" not in admin.words()
        await admin.press("right")
        assert admin.field(METHOD).value == "oauth"
        await admin.to("auth.oauth.provider")
        assert "Google has no Exchange Web Services." in admin.words()
        await admin.press("right")
        assert admin.field("auth.oauth.provider").value == "custom"
    async with at_the_wizard(FakeWorkspace(settings()), "cloud") as admin:
        await admin.wizard.show_page(Page.SIGN_IN)
        await admin.settle()
        assert "Exchange Online takes no password over EWS" in admin.words()
        await admin.press("right")
        assert admin.field(METHOD).value == "oauth"


async def test_the_end_of_exchange_online_stands_there_as_soon_as_it_is_typed() -> None:
    async with at_the_wizard(FakeWorkspace(), size=LARGE) as admin:
        await at_ews(admin, "mail.example.org")
        await admin.press("tab")
        assert "2027-04-01" not in admin.words()
        assert "Graph instead" not in admin.screen_text()
        await admin.press("ctrl+o")
        assert admin.page == "ews"
        await admin.press("shift+tab")
        await admin.replace("outlook.office365.com")
        assert "since 2026-10-01: blocked by default" in admin.words()
        assert "ctrl+o Graph instead" in admin.screen_text()
        await admin.press("ctrl+o")
        assert admin.page == "graph"
        assert admin.field("graph.endpoint").value == "https://graph.microsoft.com"
        assert "Taken over: mailbox" in admin.words()


async def test_one_key_of_the_review_takes_graph_and_nothing_is_saved_before() -> None:
    workspace = FakeWorkspace(settings())
    async with at_the_wizard(workspace, "cloud", LARGE) as admin:
        assert "Microsoft is ending EWS in Exchange Online" in admin.words()
        await admin.press("ctrl+o")
        assert (admin.page, admin.field(USERNAME).value) == ("graph", "helpdesk@example.org")
        assert workspace.settings == settings()
        await admin.press("pageup")
        await admin.choose("protocol", "ews")
        await admin.press("ctrl+n")
        assert admin.field(URL).value == "https://outlook.office365.com/EWS/Exchange.asmx"
        await admin.press("ctrl+o")
        await admin.until("review")
        await admin.press("ctrl+s")
    profile = workspace.settings.profiles["cloud"]
    assert profile.protocol == "graph"
    assert profile.graph
    assert profile.graph.uncertain == "send-again"
    assert profile.auth == online().auth
    assert profile.failover == online().failover


async def test_the_home_screen_says_when_it_ends_and_one_key_takes_graph() -> None:
    workspace = FakeWorkspace(settings())
    async with opened(workspace, size=LARGE) as home:
        await home.see("EWS", "outlook.office365.com", "mail.example.org", "g Graph instead", "2027-04-01")
        await home.press("g")
        await home.see("edit profile cloud", "Taken over: mailbox", "https://graph.microsoft.com")
        await home.press("escape")
        await home.see("Leave without saving?")
    assert workspace.settings == settings()


async def test_an_own_server_is_not_offered_graph_at_home() -> None:
    async with opened(FakeWorkspace(Settings(profiles={"own": own()})), size=LARGE) as home:
        await home.see("mail.example.org", "NTLM", "of each mail in Sent Items")
        await home.press("g")
        text = await home.still()
        assert "Graph" not in home.text
        assert "2027" not in text
