"""The sample mail, by keys."""

from __future__ import annotations

from outmail.engine.errors import EngineError, Refusal
from tests.tui.fakes import FakeEngine, FakeWorkspace, two_profiles
from tests.tui.screen import Terminal, opened
from transports.base import StepName


async def _sample(terminal: Terminal) -> None:
    await terminal.see("* support")
    await terminal.press("s")
    await terminal.see("sample mail › support", "nothing was sent yet")


async def _clear(terminal: Terminal) -> None:
    await terminal.press("end", "ctrl+u")


async def test_enter_sends_and_the_answer_is_shown_and_noted() -> None:
    workspace, engine = FakeWorkspace(two_profiles()), FakeEngine()
    async with opened(workspace, engine) as terminal:
        await _sample(terminal)
        await _clear(terminal)
        await terminal.press(*"you@example.org", "enter")
        await terminal.see(
            "✓ the primary server took the mail in 310 ms",
            "250 2.0.0 Ok: queued as 4XyZ",
            "<20260304.1@example.org>",
            "✓ pass send",
        )
    assert engine.asked == [("you@example.org", None)]
    assert [report.ok for report in workspace.recorded] == [True]


async def test_another_server_can_be_chosen() -> None:
    engine = FakeEngine()
    async with opened(FakeWorkspace(two_profiles()), engine) as terminal:
        await _sample(terminal)
        await terminal.press("tab", "right", "right")
        await terminal.see("(•) alternate smtp2.example.org:465")
        await terminal.press("enter")
        await terminal.see("the alternate server took the mail")
    assert engine.asked == [("helpdesk@example.org", "alternate")]


async def test_a_refusal_shows_cause_remedy_and_command() -> None:
    workspace = FakeWorkspace(two_profiles())
    async with opened(workspace, FakeEngine(fail_at=StepName.STARTTLS)) as terminal:
        await _sample(terminal)
        await terminal.press("enter")
        await terminal.see(
            "✗ The server's certificate has expired",
            "ended on 2026-01-01",
            "Ask the mail server's admin to renew",
            "openssl s_client -connect smtp.example.org:587",
        )
    assert [report.ok for report in workspace.recorded] == [False]


async def test_no_address_no_mail() -> None:
    engine = FakeEngine()
    async with opened(FakeWorkspace(two_profiles()), engine) as terminal:
        await _sample(terminal)
        await _clear(terminal)
        await terminal.press("enter")
        await terminal.see("who shall get the sample mail?")
    assert engine.asked == []


async def test_an_address_that_is_none_is_told_with_its_remedy() -> None:
    engine = FakeEngine(
        refuse=EngineError(Refusal.INPUT, "to: x", "is not a mail address", "as you@example.org")
    )
    async with opened(FakeWorkspace(two_profiles()), engine) as terminal:
        await _sample(terminal)
        await terminal.press("enter")
        await terminal.see("✗ To: x", "is not a mail address", "as you@example.org", "nothing was sent")


async def test_escape_stops_first_and_goes_back_then() -> None:
    workspace, engine = FakeWorkspace(two_profiles()), FakeEngine(pause_at=StepName.SEND)
    async with opened(workspace, engine) as terminal:
        await _sample(terminal)
        await terminal.press("enter")
        await terminal.see("▸ now  send")
        await terminal.press("escape")
        await terminal.see("stopped before the answer", "· stop send")
        await terminal.until(lambda: engine.cancelled)
        await terminal.press("escape")
        await terminal.see("* support")
    assert workspace.recorded == []
