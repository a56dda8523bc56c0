"""Home, by keys: what is there, and what each key does."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from store.errors import ErrorKind, StoreError
from store.profiles import Settings
from store.vault import SettingsChanged, Snapshot
from tests.tui.fakes import FakeEngine, FakeWorkspace, entries, support, two_profiles
from tests.tui.practice import FakeDemo, FakeMail
from tests.tui.screen import LARGE, opened
from transports.base import StepName


async def test_the_profiles_are_there_with_what_is_set() -> None:
    async with opened(FakeWorkspace(two_profiles())) as terminal:
        await terminal.see("* support", "  backup", "smtp.example.org:587", "STARTTLS", "· not checked")
        await terminal.see("Example Help Desk <helpdesk@example.org>", "smtp2.example.org:465 (TLS)")
        await terminal.press("down")
        await terminal.see("root@localhost")


async def test_a_wide_terminal_shows_more_columns() -> None:
    async with opened(FakeWorkspace(two_profiles()), size=LARGE) as terminal:
        await terminal.see("Sign-in", "helpdesk@example.org", "password")


async def test_d_makes_the_selected_profile_the_default() -> None:
    workspace = FakeWorkspace(two_profiles())
    async with opened(workspace) as terminal:
        await terminal.see("* support")
        await terminal.press("down", "d")
        await terminal.see("* backup", "backup (default)")
    assert workspace.on_disk.default == "backup"
    assert list(workspace.on_disk.profiles) == ["support", "backup"]


@pytest.mark.parametrize("no", ["n", "escape", "enter"])
async def test_remove_asks_first(no: str) -> None:
    workspace = FakeWorkspace(two_profiles())
    async with opened(workspace) as terminal:
        await terminal.see("* support")
        await terminal.press("r")
        await terminal.see("Remove the profile support?", "outmail profile export support")
        await terminal.press(no)
        await terminal.gone("Remove the profile support?")
    assert list(workspace.on_disk.profiles) == ["support", "backup"]


async def test_y_removes() -> None:
    workspace = FakeWorkspace(two_profiles())
    async with opened(workspace) as terminal:
        await terminal.see("* support")
        await terminal.press("r", "y")
        await terminal.until(lambda: list(workspace.on_disk.profiles) == ["backup"])
        await terminal.gone("smtp.example.org:587")
    assert workspace.on_disk.default is None


async def test_a_history_that_was_not_written_is_told_beside_what_was_saved() -> None:
    workspace = FakeWorkspace(two_profiles())
    workspace.warning = "the history was not written: the disk is full"
    async with opened(workspace) as terminal:
        await terminal.see("* support")
        await terminal.press("down", "d")
        await terminal.see("* backup", "the history was not written")


async def test_an_error_of_the_store_shows_its_remedy_and_changes_nothing() -> None:
    workspace = FakeWorkspace(two_profiles())
    async with opened(workspace) as terminal:
        await terminal.see("* support")
        workspace.refuse = StoreError(
            ErrorKind.FULL, "settings.vault was not saved", "the disk is full", "make room: df -h /var"
        )
        await terminal.press("down", "d")
        await terminal.see("Settings.vault was not saved", "the disk is full", "make room: df -h /var")
        await terminal.press("enter")
        await terminal.gone("the disk is full")
        await terminal.see("* support")


async def test_when_somebody_else_saved_the_admin_sees_what_and_takes_theirs() -> None:
    workspace = FakeWorkspace(two_profiles())
    theirs = Settings(default="support", profiles={"support": support()})
    when = datetime(2026, 3, 4, 11, 59, tzinfo=UTC)
    async with opened(workspace) as terminal:
        await terminal.see("* support")
        workspace.on_disk = theirs
        workspace.refuse = SettingsChanged(
            Snapshot(workspace.settings, 1, None, "me"), Snapshot(theirs, 2, when, "ada")
        )
        await terminal.press("down", "d")
        await terminal.see("ada saved at 2026-03-04 11:59:00", "profiles.backup.protocol", "not set")
        await terminal.press("t")
        await terminal.gone("ada saved")
        await terminal.gone("127.0.0.1:25")
    assert workspace.on_disk is theirs


async def test_a_check_is_remembered_for_this_session() -> None:
    async with opened(FakeWorkspace(two_profiles()), FakeEngine(fail_at=StepName.STARTTLS)) as terminal:
        await terminal.see("* support")
        await terminal.press("enter")
        await terminal.see("r runs it again")
        await terminal.press("escape")
        await terminal.see("✗ fail 12:00", "The server's certificate has expired")


async def test_history_shows_mails_and_changes_without_secrets() -> None:
    async with opened(FakeWorkspace(two_profiles(), entries())) as terminal:
        await terminal.see("* support")
        await terminal.press("h")
        await terminal.see("✓ sent", "✗ not sent", "~ settings", "250 2.0.0 Ok: queued as 4XyZ")
        await terminal.press("down")
        await terminal.see("550 5.1.1 User unknown")
        await terminal.press("down")
        await terminal.see("ada", "profiles.support.auth.password: (secret) -> (secret)")
        await terminal.press("escape")
        await terminal.see("* support")


async def test_the_practice_tenant_says_so_and_its_servers_can_be_broken_and_mended() -> None:
    demo = FakeDemo()
    async with opened(FakeWorkspace(two_profiles()), demo_session=demo) as terminal:
        await terminal.see("practice tenant: no mail leaves this machine", "f Faults")
        await terminal.press("f")
        await terminal.see("127.0.0.1:40587", "✓ well", "No mail arrived yet.")
        await terminal.press("down", "enter", "down", "down", "enter")
        await terminal.see("✗ slow")
        assert demo.ports["alternate"].fault == "slow"
        await terminal.press("m")
        await terminal.gone("✗ slow")
        assert demo.ports["alternate"].fault == "none"
        demo.mails.append(FakeMail())
        await terminal.see("1 mail arrived:", "Sample mail from")


async def test_without_the_practice_tenant_there_are_no_faults() -> None:
    async with opened(FakeWorkspace(two_profiles())) as terminal:
        await terminal.see("* support")
        await terminal.press("f")
        assert "f Faults" not in terminal.text
        assert "practice" not in terminal.text


async def test_a_home_that_cannot_be_opened_ends_the_program_with_the_error() -> None:
    error = StoreError(ErrorKind.WRONG_KEY, "the settings were not read", "the key is another one", "…")

    def refuse() -> FakeWorkspace:
        raise error

    async with opened(refuse) as terminal:
        await terminal.until(lambda: not terminal.app.is_running)
    assert terminal.app.failed_to_open is error  # type: ignore[attr-defined]


async def test_q_leaves() -> None:
    async with opened(FakeWorkspace(two_profiles())) as terminal:
        await terminal.see("* support")
        await terminal.press("q")
        await terminal.until(lambda: not terminal.app.is_running)


async def test_an_empty_home_opens_with_the_wizard_and_n_opens_it_again() -> None:
    async with opened(FakeWorkspace()) as terminal:
        await terminal.see("How does mail leave this machine?")
        await terminal.press("escape")
        await terminal.see("No profile is set up yet.", "Press n to set one up")
        await terminal.press("n")
        await terminal.see("How does mail leave this machine?")


async def test_e_edits_the_selected_profile_as_it_is_on_disk() -> None:
    workspace = FakeWorkspace(two_profiles())
    async with opened(workspace) as terminal:
        await terminal.see("* support")
        await terminal.press("e")
        await terminal.see("edit profile support")
        await terminal.press("escape")
        await terminal.see("* support")


async def test_long_names_are_shown_whole_where_there_is_room() -> None:
    name = "a-rather-long-profile"
    async with opened(FakeWorkspace(Settings(default=name, profiles={name: support()}))) as terminal:
        await terminal.see(f"* {name} ", "smtp.example.org:587")
