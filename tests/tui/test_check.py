"""The check screen, by keys: live steps, one server or all, cancelling at once, the report."""

from __future__ import annotations

import asyncio

import pytest

from outmail.engine.errors import EngineError, Refusal
from store.profiles import Profile, Security, Settings, Smtp
from tests.tui.fakes import MARKUP, FakeEngine, FakeWorkspace, two_profiles
from tests.tui.screen import Terminal, opened
from tests.tui.signing_in import SECRET
from transports.base import StepName
from tui.engine import RealEngine


async def _check(terminal: Terminal) -> None:
    await terminal.see("* support")
    await terminal.press("enter")
    await terminal.see("check › support")


async def test_steps_show_as_they_happen_and_the_next_key_is_named() -> None:
    engine = FakeEngine(pause_at=StepName.GREETING)
    async with opened(FakeWorkspace(two_profiles()), engine) as terminal:
        await _check(terminal)
        await terminal.see("✓ pass connect", "▸ now  greeting", "· wait starttls", "Esc stops it")
        engine.go.set()
        await terminal.see("✓ ready to send", "s sends a sample mail", "✓ pass permission")
    assert engine.asked == [("check", "primary")]


async def test_the_failed_step_is_unfolded_with_cause_remedy_and_command() -> None:
    async with opened(FakeWorkspace(two_profiles()), FakeEngine(fail_at=StepName.STARTTLS)) as terminal:
        await _check(terminal)
        await terminal.see(
            "✗ primary: The server's certificate has expired",
            "▾ ✗ fail starttls",
            "Ask the mail server's admin to renew the certificate",
            "openssl s_client -connect",
            "the mail server's admin must mend this",
            "S: 250 STARTTLS",
        )
        await terminal.press("enter")
        await terminal.gone("openssl s_client")
        await terminal.see("· skip authenticate")


async def test_a_warning_is_no_failure() -> None:
    async with opened(FakeWorkspace(two_profiles()), FakeEngine(warn_at=StepName.STARTTLS)) as terminal:
        await _check(terminal)
        await terminal.see("! ready to send, with a warning", "! warn starttls", "renew the certificate")


async def test_the_selection_moves_and_unfolds_facts_and_dialogue() -> None:
    async with opened(FakeWorkspace(two_profiles())) as terminal:
        await _check(terminal)
        await terminal.see("ready to send")
        await terminal.press("up", "up", "space")
        await terminal.see("CN=smtp.example.org", "C: EHLO desk.example.org")


async def test_a_checks_every_server_and_a_digit_one() -> None:
    engine = FakeEngine()
    async with opened(FakeWorkspace(two_profiles()), engine) as terminal:
        await _check(terminal)
        await terminal.see("ready to send")
        await terminal.press("a")
        await terminal.see("alternate  smtp2.example.org:465", "ready to send")
        await terminal.press("2")
        await terminal.gone("primary  smtp.example.org:587")
        await terminal.see("alternate  smtp2.example.org:465", "ready to send")
        await terminal.press("r")
        await terminal.see("ready to send")
    assert engine.asked == [("check", which) for which in ("primary", "all", "alternate", "alternate")]


async def test_with_one_server_there_is_no_key_for_all() -> None:
    async with opened(FakeWorkspace(two_profiles())) as terminal:
        await terminal.see("* support")
        await terminal.press("down", "enter")
        await terminal.see("check › backup", "ready to send")
        assert "All servers" not in terminal.text


async def test_escape_stops_first_and_goes_back_then() -> None:
    engine = FakeEngine(pause_at=StepName.CONNECT)
    async with opened(FakeWorkspace(two_profiles()), engine) as terminal:
        await _check(terminal)
        await terminal.see("▸ now  connect")
        await terminal.press("escape")
        await terminal.see("stopped before the end", "· stop connect", "· skip greeting")
        await terminal.until(lambda: engine.cancelled)
        await terminal.press("escape")
        await terminal.see("· not checked")


async def test_escape_closes_the_socket_of_a_silent_server_at_once() -> None:
    hung_up = asyncio.Event()
    connected = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connected.set()
        await reader.read()
        hung_up.set()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    profile = Profile(
        protocol="smtp",
        from_address="root@localhost",
        smtp=Smtp(host="127.0.0.1", port=port, security=Security.NONE),
    )
    workspace = FakeWorkspace(Settings(default="quiet", profiles={"quiet": profile}))
    async with server, opened(workspace, RealEngine()) as terminal:
        await terminal.see("* quiet")
        await terminal.press("enter")
        await asyncio.wait_for(connected.wait(), 30)
        await terminal.see("now  greeting")
        await terminal.press("escape")
        await asyncio.wait_for(hung_up.wait(), 3)
        await terminal.see("stopped before the end")


async def test_a_refusal_of_the_engine_shows_its_remedy() -> None:
    engine = FakeEngine(
        refuse=EngineError(Refusal.SETTINGS, "profile support cannot be used yet", "it is OAuth", "use basic")
    )
    async with opened(FakeWorkspace(two_profiles()), engine) as terminal:
        await _check(terminal)
        await terminal.see("✗ Profile support cannot be used yet", "it is OAuth", "use basic")


async def test_the_report_goes_to_the_clipboard_without_secrets() -> None:
    async with opened(FakeWorkspace(two_profiles()), FakeEngine(fail_at=StepName.STARTTLS)) as terminal:
        await _check(terminal)
        await terminal.see("r runs it again")
        await terminal.press("y")
        await terminal.until(lambda: bool(terminal.app.clipboard))
        report = terminal.app.clipboard
    assert report.splitlines()[0] == "outmail check of support: fail"
    assert "fail starttls     certificate expired on 2026-01-01" in report
    assert "Do this:  Ask the mail server's admin" in report
    assert SECRET not in report


async def test_s_goes_on_to_the_sample_mail() -> None:
    async with opened(FakeWorkspace(two_profiles())) as terminal:
        await _check(terminal)
        await terminal.see("ready to send")
        await terminal.press("s")
        await terminal.see("sample mail › support", "Enter sends the sample mail")
        await terminal.press("escape")
        await terminal.see("home")


@pytest.mark.parametrize("step", [StepName.RESOLVE, StepName.GREETING])
async def test_text_of_servers_is_never_markup(step: StepName) -> None:
    async with opened(
        FakeWorkspace(two_profiles()), FakeEngine(warn_at=step, detail=MARKUP), size=(120, 40)
    ) as terminal:
        await _check(terminal)
        await terminal.see(MARKUP, "ready to send")
