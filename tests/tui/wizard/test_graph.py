"""The wizard with Microsoft Graph: by keys alone from the protocol to the saved profile, and its pictures."""

from __future__ import annotations

import pytest
from syrupy.assertion import SnapshotAssertion

from outmail.engine.draft_pages import Page
from store.profiles import Profile, Settings
from tests.tui.fakes import FakeEngine, FakeWorkspace, backup
from tests.tui.screen import LARGE, SMALL, Size, opened
from tests.tui.wizard.keys import Admin, at_the_wizard
from tests.tui.wizard.test_pictures import Svg, picture

CLIENT = "5f0c8b1e-7d4a-4c3b-9e2f-1a2b3c4d5e6f"
CLOUD, ENDPOINT, LOST = "graph.cloud", "graph.endpoint", "graph.uncertain"
USERNAME, GRANT, FOLD = "auth.username", "auth.oauth.grant", "oauth-folded"
sizes = pytest.mark.parametrize("size", [SMALL, LARGE], ids=["80x24", "120x40"])


def desk(**graph: str) -> Profile:
    """A shared mailbox in a government cloud, for which somebody else signs in."""
    return Profile.model_validate(
        {
            "protocol": "graph",
            "sender_name": "Example Help Desk",
            "from_address": "helpdesk@example.org",
            "graph": {"cloud": "us-gov", "uncertain": "send-again", **graph},
            "auth": {
                "method": "oauth",
                "username": "helpdesk@example.org",
                "oauth": {"client_id": CLIENT, "tenant": "example.org", "account": "ada@example.org"},
            },
            "failover": {"profile": "backup"},
        }
    )


def settings() -> Settings:
    """desk through Graph is the default, backup by SMTP the other."""
    return Settings(default="desk", profiles={"desk": desk(), "backup": backup()})


async def at_graph(admin: Admin) -> None:
    """From the first page to Graph's own."""
    await admin.choose("protocol", "graph")
    await admin.press("enter")
    assert admin.page == "graph"


# --- pictures


@sizes
@pytest.mark.parametrize("page", ["graph", "sign-in"])
async def test_empty(page: str, size: Size, snapshot: SnapshotAssertion) -> None:
    async with at_the_wizard(FakeWorkspace(), size=size) as admin:
        await at_graph(admin)
        await admin.until(page)
        assert await picture(admin) == snapshot.use_extension(Svg)


@sizes
@pytest.mark.parametrize("page", [Page.PROTOCOL, Page.GRAPH, Page.SIGN_IN, Page.REVIEW, Page.SIGNED_IN])
async def test_filled(page: Page, size: Size, snapshot: SnapshotAssertion) -> None:
    async with at_the_wizard(FakeWorkspace(settings()), "desk", size) as admin:
        await admin.wizard.show_page(page)
        assert await picture(admin) == snapshot.use_extension(Svg)


@sizes
async def test_errors(size: Size, snapshot: SnapshotAssertion) -> None:
    async with at_the_wizard(FakeWorkspace(), size=size) as admin:
        await at_graph(admin)
        await admin.choose(CLOUD, "custom")
        await admin.press("enter")
        assert admin.page == "graph"
        assert await picture(admin) == snapshot.use_extension(Svg)


@sizes
async def test_shared_client_id(size: Size, snapshot: SnapshotAssertion) -> None:
    async with at_the_wizard(FakeWorkspace(settings()), size=size) as admin:
        await at_graph(admin)
        await admin.fill(USERNAME, "helpdesk@example.org")
        await admin.press("enter")
        await admin.fill("auth.oauth.client_id", CLIENT)
        assert await picture(admin) == snapshot.use_extension(Svg)
        assert "Profile desk has the same client ID and mailbox" in admin.words()


@sizes
async def test_app_only_and_unfolded(size: Size, snapshot: SnapshotAssertion) -> None:
    async with at_the_wizard(FakeWorkspace(), size=size) as admin:
        await at_graph(admin)
        await admin.press("enter")
        await admin.choose(GRANT, "client-credentials")
        await admin.choose(FOLD, "no")
        assert await picture(admin) == snapshot.use_extension(Svg)


# --- by keys


async def test_from_the_protocol_to_the_saved_profile() -> None:
    workspace = FakeWorkspace()
    async with at_the_wizard(workspace, engine=FakeEngine()) as admin:
        await at_graph(admin)
        assert admin.field(ENDPOINT).value == "https://graph.microsoft.com"
        await admin.fill(USERNAME, "helpdesk@example.org")
        await admin.press("enter")
        assert admin.page == "sign-in"
        await admin.fill("auth.oauth.client_id", CLIENT)
        await admin.press("enter")
        assert admin.page == "sender"
        assert admin.field("from_address").value == "helpdesk@example.org"
        assert "Send As" not in admin.words()
        await admin.until("review")
        assert "Profile name" in admin.words()
        await admin.press("ctrl+s")
        assert "Saved, encrypted, in" in admin.words()
    profile = workspace.settings.profiles["example"]
    assert profile.graph is not None
    assert profile.graph.model_dump() == {"cloud": "global", "endpoint": None, "uncertain": "hold"}
    assert (profile.protocol, profile.smtp, profile.auth.method) == ("graph", None, "oauth")
    assert profile.auth.oauth is not None
    assert (profile.auth.oauth.provider, profile.auth.oauth.cloud) == ("microsoft", None)


async def test_each_cloud_fills_in_its_endpoint_its_authority_and_its_scopes() -> None:
    async with at_the_wizard(FakeWorkspace(), size=LARGE) as admin:
        await at_graph(admin)
        for cloud, graph, authority in (
            ("us-gov", "https://graph.microsoft.us", "login.microsoftonline.us"),
            ("us-dod", "https://dod-graph.microsoft.us", "login.microsoftonline.us"),
            ("china", "https://microsoftgraph.chinacloudapi.cn", "login.partner.microsoftonline.cn"),
        ):
            await admin.choose(CLOUD, cloud)
            assert admin.field(ENDPOINT).value == graph
            await admin.press("enter")
            await admin.choose(FOLD, "no")
            assert admin.field("auth.oauth.scopes").value == (
                f"{graph}/Mail.ReadWrite, {graph}/Mail.Send.Shared, offline_access"
            )
            assert admin.field("auth.oauth.token_url").value.startswith(f"https://{authority}/")
            assert not admin.field("auth.oauth.cloud").display
            await admin.press("pageup")


async def test_only_oauth_and_only_microsoft_can_be_chosen_and_the_reason_stands_there() -> None:
    async with at_the_wizard(FakeWorkspace()) as admin:
        await at_graph(admin)
        await admin.press("enter")
        assert "access tokens only, never a password" in admin.words()
        await admin.to("auth.method")
        await admin.press("right", "left", "left")
        assert admin.field("auth.method").value == "oauth"
        await admin.to("auth.oauth.provider")
        assert "Google's sign-in gives no tokens" in admin.words()
        await admin.press("right")
        assert admin.field("auth.oauth.provider").value == "custom"
        await admin.press("right")
        assert admin.field("auth.oauth.provider").value == "microsoft"
        assert not admin.field(USERNAME).display


async def test_an_endpoint_with_a_path_is_refused_beside_its_field() -> None:
    async with at_the_wizard(FakeWorkspace()) as admin:
        await at_graph(admin)
        await admin.fill(ENDPOINT, "https://graph.example.org/mail")
        await admin.press("enter")
        assert admin.page == "graph"
        assert "must end after the host" in admin.field(ENDPOINT).error
        await admin.replace("https://graph.example.org/v1.0")
        await admin.press("enter")
        assert admin.page == "sign-in"


async def test_the_other_protocol_again_and_nothing_is_lost() -> None:
    async with at_the_wizard(FakeWorkspace()) as admin:
        await at_graph(admin)
        await admin.fill(USERNAME, "helpdesk@example.org")
        await admin.press("pageup")
        await admin.choose("protocol", "smtp")
        await admin.press("enter")
        assert admin.page == "provider"
        await admin.press("pageup")
        await at_graph(admin)
        assert admin.field(USERNAME).value == "helpdesk@example.org"


async def test_a_line_of_the_review_leads_to_graphs_page_and_back() -> None:
    workspace = FakeWorkspace(settings())
    async with at_the_wizard(workspace, "desk", LARGE) as admin:
        assert admin.page == "review"
        assert "US government (GCC High)" in admin.words()
        assert "send it again" in admin.words()
        await admin.press("down", "down", "down", "enter")
        assert (admin.page, admin.focused_key) == ("graph", USERNAME)
        assert "about 3 MB" in admin.words()
        await admin.choose(LOST, "hold")
        await admin.press("enter")
        assert admin.page == "review"
        await admin.press("ctrl+s")
        assert "1 setting changed" in admin.words()
    assert workspace.settings.profiles["desk"] == desk(uncertain="hold")


async def test_the_home_screen_shows_where_it_goes() -> None:
    async with opened(FakeWorkspace(settings()), size=LARGE) as home:
        await home.see("desk", "Graph", "graph.microsoft.us", "OAuth", "US government (GCC High)")
        await home.see("send it again")
