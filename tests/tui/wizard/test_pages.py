"""Back and forth, errors beside their field, faults with a remedy, editing, two admins at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from outmail.demo.names import DESK, PASSWORD
from outmail.demo.tenant import PracticeTenant
from outmail.engine.workspace import Workspace
from store.keys import KeyOptions
from store.profiles import Settings
from tests.tui.wizard.keys import at_the_wizard


def workspace(home: Path) -> Workspace:
    """A home, opened by another process as it were."""
    return Workspace.open(str(home), False, KeyOptions(env={}))


@pytest.fixture
def home(tmp_path: Path, tenant: PracticeTenant) -> Path:
    """A home in which the practice profiles are saved."""
    workspace(tmp_path / "home").save(tenant.profiles())
    return tmp_path / "home"


async def test_back_and_forth_keeps_every_field(tmp_path: Path) -> None:
    typed = {
        "server": {"smtp.host": "mail.example.org", "smtp.port": "2587"},
        "sign-in": {"auth.username": "ops", "auth.password": "pass word"},
        "sender": {"sender_name": "Ops [bold]", "from_address": "a@example.org", "reply_to": "b@example.org"},
        "route": {"proxy.url": "socks5://127.0.0.1:1080", "proxy.username": "u", "proxy.password": "p w"},
    }
    async with at_the_wizard(tmp_path / "home") as admin:
        await admin.press("enter", "enter")
        for page, fields in typed.items():
            assert admin.page == page
            if page == "route":
                await admin.choose("proxy", "yes")
            for key, text in fields.items():
                await admin.fill(key, text)
            await admin.press("pagedown")
        assert admin.page == "review"
        for _ in range(6):
            await admin.press("pageup")
        assert admin.page == "protocol"
        await admin.press("ctrl+b")
        assert admin.page == "protocol"
        await admin.press("enter", "enter")
        for page, fields in typed.items():
            assert admin.page == page
            for key, text in fields.items():
                assert admin.field(key).value == text
            await admin.press("ctrl+n")
        assert "Ops [bold]" in admin.screen_text()


async def test_an_address_chooses_its_provider_and_a_list_can_be_filtered(tmp_path: Path) -> None:
    async with at_the_wizard(tmp_path / "home") as admin:
        await admin.press("enter")
        await admin.type("ops@icloud.com")
        await admin.press("enter")
        assert admin.field("smtp.host").value == "smtp.mail.me.com"
        await admin.press("pageup")
        await admin.fill("mailbox", "ops@company.example")
        await admin.fill("find", "sendgrid")
        await admin.press("enter")
        assert admin.field("smtp.host").value == "smtp.sendgrid.net"
        assert admin.field("smtp.port").value == "587"
        await admin.press("pageup")
        await admin.fill("find", "zzz")
        await admin.press("enter")
        assert admin.field("smtp.host").value == ""


@pytest.mark.parametrize(
    ("find", "dates"),
    [
        ("microsoft 365 exchange", ["end of December 2026", "second half of 2027"]),
        ("gmail", ["2022-05-30", "2025-05-01"]),
    ],
)
async def test_basic_authentication_shows_when_it_ends(tmp_path: Path, find: str, dates: list[str]) -> None:
    async with at_the_wizard(tmp_path / "home") as admin:
        await admin.press("enter")
        await admin.fill("find", find)
        for date in dates:
            assert date in admin.words()
        await admin.press("enter", "enter")
        assert admin.page == "sign-in"
        await admin.choose("auth.method", "basic")
        for date in dates:
            assert date in admin.words()
        await admin.choose("auth.method", "none")
        for date in dates:
            assert date not in admin.words()


async def test_next_says_what_is_missing_and_goes_there(tmp_path: Path) -> None:
    async with at_the_wizard(tmp_path / "home") as admin:
        await admin.press("enter", "enter", "enter")
        assert admin.page == "server"
        assert admin.focused_key == "smtp.host"
        assert "Server name / IP is missing" in admin.words()
        await admin.type("https://mail.example.org")
        assert "without a scheme or path" in admin.words()
        await admin.replace("mail.example.org")
        assert admin.field("smtp.host").error == ""


async def test_leaving_a_field_shows_its_error(tmp_path: Path) -> None:
    async with at_the_wizard(tmp_path / "home") as admin:
        await admin.press("enter", "enter")
        await admin.type("two words")
        assert admin.field("smtp.host").error == ""
        await admin.press("down")
        assert "is not a host name" in admin.field("smtp.host").error


async def test_the_port_follows_until_it_is_typed(tmp_path: Path) -> None:
    async with at_the_wizard(tmp_path / "home") as admin:
        await admin.press("enter", "enter")
        assert admin.field("smtp.port").value == "587"
        await admin.choose("smtp.security", "smtps")
        assert admin.field("smtp.port").value == "465"
        await admin.choose("smtp.security.tls", "no")
        assert admin.field("smtp.port").value == "25"
        assert "everyone on the way can read" in admin.words()
        await admin.fill("smtp.port", "2525")
        await admin.choose("smtp.security.tls", "yes")
        assert admin.field("smtp.port").value == "2525"


async def test_a_password_without_tls_needs_the_long_named_switch(tmp_path: Path) -> None:
    async with at_the_wizard(tmp_path / "home", size=(80, 40)) as admin:
        await admin.press("enter", "enter")
        await admin.fill("smtp.host", "127.0.0.1")
        await admin.press("enter")
        assert not admin.field("auth.insecure_allow_password_without_tls").display
        await admin.press("pageup")
        await admin.choose("smtp.security.tls", "no")
        await admin.press("enter")
        await admin.fill("auth.username", "ops")
        await admin.fill("auth.password", "pw")
        await admin.press("enter")
        assert admin.page == "sign-in"
        assert admin.focused_key == "auth.insecure_allow_password_without_tls"
        assert "switch it on knowingly" in admin.words()
        await admin.press("right")
        assert "will travel unencrypted" in admin.words()
        await admin.press("enter")
        assert admin.page == "sender"


async def test_alternates_are_added_moved_and_removed(tmp_path: Path) -> None:
    async with at_the_wizard(tmp_path / "home", size=(80, 40)) as admin:
        await admin.press("enter", "enter")
        await admin.type("one.example.org")
        for number, name in ((1, "two.example.org"), (2, "three.example.org")):
            await admin.press("shift+tab") if number > 1 else None
            admin.app.screen.query_one("#add-alternate").focus()
            await admin.press("enter")
            assert admin.focused_key == f"smtp.alternates.{number}.host"
            await admin.type(name)
        await admin.choose("smtp.alternates.2.security", "smtps")
        admin.app.screen.query_one("#up-2").focus()
        await admin.press("enter")
        assert admin.field("smtp.alternates.1.host").value == "three.example.org"
        assert admin.field("smtp.alternates.1.port").value == "465"
        assert admin.field("smtp.alternates.2.port").value == "587"
        admin.app.screen.query_one("#remove-2").focus()
        await admin.press("enter")
        assert admin.wizard.session.draft.alternates == 1
        assert admin.field("smtp.host").value == "one.example.org"


async def test_a_wrong_certificate_is_shown_with_its_remedy(home: Path, tenant: PracticeTenant) -> None:
    tenant.set_fault("primary", "wrong-name")
    async with at_the_wizard(home, "practice", size=(100, 50)) as admin:
        await admin.until("check")
        await admin.idle()
        assert "Do this" in admin.words()
        assert "The check failed" in admin.words()
        await admin.press("ctrl+g")
        assert admin.focused_key == "smtp.host"


async def test_escape_cancels_a_running_check_at_once(home: Path, tenant: PracticeTenant) -> None:
    tenant.set_fault("primary", "slow")
    async with at_the_wizard(home, "practice") as admin:
        await admin.until("check")
        assert admin.wizard.page.busy
        await admin.press("escape")
        assert not admin.wizard.page.busy
        assert admin.page == "check"
        assert "Cancelled: nothing was proven" in admin.words()
        tenant.set_fault("primary", "none")
        await admin.press("ctrl+r")
        await admin.idle()
        assert "Every server is ready" in admin.words()


async def test_a_refused_sample_shows_why(home: Path, tenant: PracticeTenant) -> None:
    async with at_the_wizard(home, "practice", size=(100, 50)) as admin:
        await admin.until("sample")
        await admin.replace("not an address")
        await admin.press("enter")
        await admin.idle()
        assert "is not a mail address" in admin.words()
        await admin.replace(DESK)
        tenant.set_fault("primary", "down")
        tenant.set_fault("alternate", "down")
        await admin.press("enter")
        await admin.idle()
        assert "Not sent" in admin.words()
        assert "Do this" in admin.words()


async def test_editing_keeps_a_stored_password(home: Path) -> None:
    async with at_the_wizard(home, "practice") as admin:
        assert "edit profile practice" in admin.screen_text()
        assert "*** (stored)" in admin.screen_text()
        while admin.page != "sign-in":
            await admin.press("pageup")
        assert admin.field("auth.password").value == ""
        await admin.to("auth.password")
        assert "stored – leave empty to keep" in admin.screen_text()
        await admin.press("enter")
        await admin.fill("sender_name", "Another Desk")
        await admin.until("review")
        await admin.press("ctrl+s")
        assert "1 setting changed" in admin.words()
    profile = workspace(home).settings.profiles["practice"]
    assert profile.sender_name == "Another Desk"
    assert profile.auth.password is not None
    assert profile.auth.password.get_secret_value() == PASSWORD


async def test_enter_on_a_line_of_the_review_goes_there_and_back(home: Path) -> None:
    async with at_the_wizard(home, "practice") as admin:
        await admin.press("down", "down", "down", "enter")
        assert admin.page == "sign-in"
        assert "Back to Review" in admin.screen_text()
        await admin.press("enter")
        assert admin.page == "review"


def other_admin(home: Path, field: str, value: str) -> Settings:
    """Somebody else saves the profile 'practice' with another value."""
    theirs = workspace(home)
    profile = theirs.settings.profiles["practice"].model_copy(update={field: value})
    profiles = theirs.settings.profiles | {"practice": profile}
    theirs.save(theirs.settings.model_copy(update={"profiles": profiles}), who="bob")
    return theirs.settings


async def test_conflict_look_again_takes_over_what_was_not_touched(home: Path) -> None:
    async with at_the_wizard(home, "practice") as admin:
        while admin.page != "sender":
            await admin.press("pageup")
        await admin.fill("sender_name", "Mine")
        await admin.until("review")
        other_admin(home, "reply_to", "bob@practice.test")
        await admin.press("ctrl+s")
        assert "Not saved: bob saved the settings" in admin.words()
        assert "bob@practice.test" in admin.words()
        await admin.press("enter")
        assert admin.page == "review"
        assert "bob@practice.test" in admin.screen_text()
        await admin.press("ctrl+s")
        assert "Saved, encrypted, in" in admin.words()
    profile = workspace(home).settings.profiles["practice"]
    assert (profile.sender_name, profile.reply_to) == ("Mine", "bob@practice.test")


async def test_conflict_save_over_is_a_choice(home: Path) -> None:
    async with at_the_wizard(home, "practice") as admin:
        while admin.page != "sender":
            await admin.press("pageup")
        await admin.fill("sender_name", "Mine")
        await admin.until("save")
        other_admin(home, "sender_name", "Bob's")
        await admin.press("enter")
        assert "Bob's" in admin.words()
        assert workspace(home).settings.profiles["practice"].sender_name == "Bob's"
        await admin.press("down", "enter")
        assert "Saved, encrypted, in" in admin.words()
    assert workspace(home).settings.profiles["practice"].sender_name == "Mine"


async def test_escape_asks_only_when_something_was_typed(tmp_path: Path) -> None:
    async with at_the_wizard(tmp_path / "home") as admin:
        await admin.press("escape")
        assert admin.closed_with is None
    async with at_the_wizard(tmp_path / "home") as admin:
        await admin.press("enter", "a", "escape")
        assert "Leave without saving?" in admin.words()
        await admin.press("n")
        assert admin.page == "provider"
        assert admin.closed_with is not None
        await admin.press("escape", "y")
        assert admin.closed_with is None


async def test_a_name_that_is_taken_is_refused(home: Path) -> None:
    async with at_the_wizard(home) as admin:
        await admin.press("enter", "enter")
        await admin.type("127.0.0.1")
        await admin.press("enter")
        await admin.choose("auth.method", "none")
        await admin.press("enter")
        await admin.fill("from_address", "ops@example.org")
        await admin.until("review")
        await admin.replace("practice")
        await admin.press("enter")
        assert admin.page == "review"
        assert "is taken" in admin.words()
