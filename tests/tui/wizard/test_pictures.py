"""Pictures of every page in every state, in a small and a large terminal; reviewed like code."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode
from textual.widgets import Input

from outmail.engine.draft_pages import Page
from store.vault import SettingsChanged, Snapshot
from tests.tui.fakes import FakeEngine, FakeWorkspace, two_profiles
from tests.tui.signing_in import SECRET
from tests.tui.wizard.keys import Admin, at_the_wizard
from transports.base import StepName
from tui.settings import with_default

SIZES = [(80, 24), (120, 40)]
WITH_FIELDS = [Page.SERVER, Page.SIGN_IN, Page.SENDER, Page.ROUTE]
pytestmark = pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")


class Svg(SingleFileSnapshotExtension):
    """A file a picture, which a browser shows."""

    _write_mode = WriteMode.TEXT
    file_extension = "svg"


async def picture(admin: Admin) -> str:
    """The screen, without what differs from run to run."""
    for entry in admin.app.screen.query(Input):
        entry.cursor_blink = False
    await admin.settle()
    svg = admin.app.export_screenshot(title="outmail")
    assert SECRET not in svg
    return re.sub(r"terminal-\d+", "terminal", svg)


@pytest.fixture
def svg(snapshot: SnapshotAssertion) -> SnapshotAssertion:
    """Compares pictures."""
    return snapshot.use_extension(Svg)


@pytest.mark.parametrize("page", [Page.PROTOCOL, Page.PROVIDER, *WITH_FIELDS])
async def test_empty(page: Page, size: tuple[int, int], svg: SnapshotAssertion) -> None:
    async with at_the_wizard(FakeWorkspace(), size=size) as admin:
        await admin.wizard.show_page(page)
        assert await picture(admin) == svg


@pytest.mark.parametrize("page", [p for p in Page if p not in {Page.CHECK, Page.EWS, Page.GRAPH}])
async def test_filled(page: Page, size: tuple[int, int], svg: SnapshotAssertion) -> None:
    async with at_the_wizard(FakeWorkspace(two_profiles()), "support", size) as admin:
        await admin.wizard.show_page(page)
        assert await picture(admin) == svg


@pytest.mark.parametrize("page", [Page.SERVER, Page.SIGN_IN, Page.SENDER, Page.REVIEW])
async def test_errors(page: Page, size: tuple[int, int], svg: SnapshotAssertion) -> None:
    async with at_the_wizard(FakeWorkspace(), size=size) as admin:
        await admin.wizard.show_page(page)
        await admin.press("ctrl+n")
        assert admin.page == page
        assert await picture(admin) == svg


@pytest.mark.parametrize("find", ["m365", "gmail"])
@pytest.mark.parametrize("page", ["provider", "sign-in"])
async def test_retirement(find: str, page: str, size: tuple[int, int], svg: SnapshotAssertion) -> None:
    async with at_the_wizard(FakeWorkspace(), size=size) as admin:
        await admin.press("enter")
        await admin.fill("find", "exchange online" if find == "m365" else find)
        await admin.until(page)
        assert await picture(admin) == svg


@pytest.mark.parametrize("state", ["running", "cancelled", "failed", "done"])
async def test_check(state: str, size: tuple[int, int], svg: SnapshotAssertion) -> None:
    engine = FakeEngine(
        pause_at=StepName.AUTHENTICATE if state in {"running", "cancelled"} else None,
        fail_at=StepName.STARTTLS if state == "failed" else None,
    )
    async with at_the_wizard(FakeWorkspace(two_profiles()), "support", size, engine) as admin:
        await admin.until("check")
        if state in {"failed", "done"}:
            await admin.idle()
        if state == "cancelled":
            await admin.press("escape")
        assert await picture(admin) == svg


@pytest.mark.parametrize("state", ["failed", "done"])
async def test_sample(state: str, size: tuple[int, int], svg: SnapshotAssertion) -> None:
    engine = FakeEngine(fail_at=StepName.STARTTLS if state == "failed" else None)
    async with at_the_wizard(FakeWorkspace(two_profiles()), "support", size, engine) as admin:
        await admin.wizard.show_page(Page.SAMPLE)
        await admin.press("enter")
        await admin.idle()
        assert await picture(admin) == svg


@pytest.mark.parametrize("state", ["saved", "conflict"])
async def test_save(state: str, size: tuple[int, int], svg: SnapshotAssertion) -> None:
    workspace = FakeWorkspace(two_profiles())
    async with at_the_wizard(workspace, "support", size) as admin:
        await admin.wizard.show_page(Page.SAVE)
        if state == "conflict":
            when = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
            theirs = with_default(two_profiles(), "backup")
            base = Snapshot(two_profiles(), 1, when, "ada")
            workspace.refuse = SettingsChanged(base, Snapshot(theirs, 2, when, "bob"))
        await admin.press("enter")
        assert await picture(admin) == svg


async def test_leaving(size: tuple[int, int], svg: SnapshotAssertion) -> None:
    async with at_the_wizard(FakeWorkspace(), size=size) as admin:
        await admin.press("enter", "a", "escape")
        assert await picture(admin) == svg
