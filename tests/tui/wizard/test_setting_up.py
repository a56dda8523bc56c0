"""From an empty home to a saved profile and back again, by keys alone, against real servers on loopback."""

from __future__ import annotations

from pathlib import Path

from outmail.demo.names import DESK, PASSWORD
from outmail.demo.tenant import PracticeTenant
from outmail.engine.workspace import Workspace
from store.keys import KeyOptions
from store.profiles import Security, Settings
from tests.tui.wizard.keys import Admin, at_the_wizard


def saved_in(home: Path) -> Settings:
    """What is on disk."""
    return Workspace.open(str(home), False, KeyOptions(env={})).settings


async def set_up(admin: Admin, tenant: PracticeTenant, password: str = PASSWORD) -> None:
    """Answer everything up to the review."""
    server = tenant.servers["primary"]
    await admin.press("enter")
    await admin.fill("mailbox", DESK)
    await admin.press("enter")
    await admin.fill("smtp.host", server.host)
    await admin.fill("smtp.port", str(server.port))
    await admin.press("enter")
    await admin.fill("auth.password", password)
    await admin.press("enter")
    await admin.fill("sender_name", "Practice Desk")
    await admin.press("enter")
    await admin.fill("tls.ca_file", str(tenant.ca_file))
    await admin.press("enter")
    assert admin.page == "review"
    await admin.fill("name", "support")


async def test_empty_home_to_saved_profile(tmp_path: Path, tenant: PracticeTenant) -> None:
    home = tmp_path / "home"
    async with at_the_wizard(home) as admin:
        await set_up(admin, tenant)
        assert "***" in admin.screen_text()
        await admin.press("enter")
        await admin.idle()
        assert "Every server is ready" in admin.words()
        await admin.press("enter")
        assert admin.field("to").value == DESK
        await admin.press("enter")
        await admin.idle()
        assert "Sent through primary" in admin.words()
        assert len(tenant.mails) == 1
        assert saved_in(home).profiles == {}
        await admin.press("enter")
        assert admin.page == "save"
        assert "encrypted" in admin.words()
        await admin.press("enter")
        assert "Saved, encrypted, in" in admin.words()
        await admin.press("enter")
        assert admin.closed_with == "support"
    saved = saved_in(home)
    assert saved.default == "support"
    profile = saved.profiles["support"]
    assert profile.from_address == profile.auth.username == DESK
    assert profile.smtp is not None
    assert profile.smtp.security is Security.STARTTLS
    assert profile.auth.password is not None
    assert profile.auth.password.get_secret_value() == PASSWORD


async def test_ctrl_s_saves_from_the_review_and_no_secret_is_readable(tmp_path: Path) -> None:
    home, marked = tmp_path / "home", "Marked-Secret-7319"
    async with at_the_wizard(home) as admin:
        await admin.press("enter", "enter")
        await admin.fill("smtp.host", "127.0.0.1")
        await admin.press("enter")
        await admin.fill("auth.username", "ops")
        await admin.fill("auth.password", marked)
        assert marked not in admin.screen_text()
        await admin.press("ctrl+t")
        assert marked in admin.screen_text()
        await admin.press("enter")
        await admin.fill("from_address", "ops@example.org")
        await admin.press("ctrl+s")
        assert admin.page == "sender"
        await admin.until("review")
        assert not (home / "vault").exists() or saved_in(home).profiles == {}
        await admin.press("ctrl+s")
        assert "Saved, encrypted, in" in admin.words()
        assert marked not in admin.screen_text()
        assert marked not in admin.app.export_screenshot()
    profile = saved_in(home).profiles["example"]
    assert profile.auth.password is not None
    assert profile.auth.password.get_secret_value() == marked
    files = [path for path in home.rglob("*") if path.is_file()]
    assert files
    for path in files:
        assert marked.encode() not in path.read_bytes(), path


async def test_wrong_password_is_explained_and_put_right(tmp_path: Path, tenant: PracticeTenant) -> None:
    async with at_the_wizard(tmp_path / "home", size=(100, 50)) as admin:
        await set_up(admin, tenant, "wrong-one")
        await admin.press("enter")
        await admin.idle()
        assert "The check failed" in admin.words()
        assert "Do this" in admin.words()
        assert "wrong-one" not in admin.screen_text()
        await admin.press("ctrl+g")
        assert admin.page == "sign-in"
        assert admin.focused_key == "auth.password"
        await admin.replace(PASSWORD)
        await admin.press("enter")
        assert admin.page == "check"
        await admin.idle()
        assert "Every server is ready" in admin.words()
