"""Home with a relay, by keys: what it shows, pause, resume, reconnect, and the question before an edit."""

from __future__ import annotations

import pytest

from outmail.engine.relay_status import Pause
from store.errors import ErrorKind, StoreError
from tests.tui.fakes import FakeEngine, FakeWorkspace, two_profiles
from tests.tui.relay import NOON, FakeRelay, away, line, mail, route, running, some_mails
from tests.tui.screen import SMALL, Terminal, opened

_LINES = "listening on 127.0.0.1:2525"
_ITSELF = Pause(NOON, "", "535 5.7.8 Authentication failed")


def _engine(relay: FakeRelay) -> FakeEngine:
    return FakeEngine(relay=relay)


async def test_without_a_relay_home_says_how_to_start_one_and_opens_the_queue_seldom() -> None:
    relay = FakeRelay()
    async with opened(FakeWorkspace(two_profiles()), _engine(relay)) as terminal:
        await terminal.see("relay not running: start it: outmail relay, or: systemctl start outmail")
        await terminal.see("queue: nothing waits")
        looked = relay.looked
        await terminal.pilot.pause(2.2)
        assert relay.looked == looked, "not each second: opening the queue takes its lock"


async def test_a_relay_that_starts_and_stops_is_seen_within_a_look() -> None:
    relay = FakeRelay()
    async with opened(FakeWorkspace(two_profiles()), _engine(relay)) as terminal:
        await terminal.see("relay not running")
        relay.stands = running()
        await terminal.see(_LINES, "no mail in the last 10 minutes")
        relay.stands = FakeRelay().stands
        await terminal.see("relay not running")


async def test_nothing_is_drawn_while_nothing_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    relay = FakeRelay(running(away(), rate=(1, 2, 3)), some_mails())
    async with opened(FakeWorkspace(two_profiles()), _engine(relay)) as terminal:
        await terminal.see(_LINES, "R Reconnect")
        await terminal.still()
        drawn: list[str] = []
        monkeypatch.setattr(type(terminal.app), "_display", lambda *_: drawn.append("to the terminal"))
        looked = relay.looked
        await terminal.until(lambda: relay.looked >= looked + 3)
        assert drawn == []
        relay.stands = running(away(), rate=(1, 2, 4))
        await terminal.until(lambda: bool(drawn), "what differs")


async def test_a_user_who_may_not_ask_reads_why() -> None:
    relay = FakeRelay(running())
    async with opened(FakeWorkspace(two_profiles()), _engine(relay)) as terminal:
        await terminal.see(_LINES)
        relay.refuse = StoreError(
            ErrorKind.FORBIDDEN, "the relay was not asked", "permission denied", "use sudo"
        )
        await terminal.see("! relay: The relay was not asked: permission denied. use sudo")
        await terminal.see(_LINES)


async def test_the_banner_is_on_every_screen_and_goes_when_it_is_over() -> None:
    relay = FakeRelay(running(away(), route("backup")))
    async with opened(FakeWorkspace(two_profiles()), _engine(relay)) as terminal:
        await terminal.see("! support: mail goes through alternate smtp2.example.org:465 since 11:02")
        for key in ("h", "s", "enter", "u"):
            await terminal.press(key)
            await terminal.gone("outmail › home")
            await terminal.see("At home, R reconnects")
            await terminal.press("escape")
            await terminal.see("outmail › home")
        relay.stands = running()
        await terminal.gone("mail goes through")


async def test_capital_r_reconnects_and_says_so() -> None:
    relay = FakeRelay(running(away(), route("backup")))
    async with opened(FakeWorkspace(two_profiles()), _engine(relay), notices=True) as terminal:
        await terminal.see("R Reconnect")
        await terminal.press("R")
        await terminal.see("support: mail goes to the primary")
        await terminal.gone("R Reconnect")
    assert relay.did == [("reconnect", "support")]


async def test_with_several_away_capital_r_asks_which() -> None:
    relay = FakeRelay(running(away(), away("backup")))
    async with opened(FakeWorkspace(two_profiles()), _engine(relay)) as terminal:
        await terminal.see("R Reconnect")
        await terminal.press("R")
        await terminal.see("Reconnect support", "Reconnect backup", "Reconnect all of them")
        await terminal.press("end", "enter")
        await terminal.gone("R Reconnect")
    assert relay.did == [("reconnect", None)]


async def test_p_asks_what_to_pause_and_resumes_at_once() -> None:
    relay = FakeRelay(running())
    async with opened(FakeWorkspace(two_profiles()), _engine(relay)) as terminal:
        await terminal.see(_LINES)
        await terminal.press("p")
        await terminal.see("Pause support", "Pause every profile", "Its mail is accepted and waits")
        await terminal.press("escape")
        await terminal.gone("Pause support")
        assert relay.did == []
        await terminal.press("p")
        await terminal.see("Pause support")
        await terminal.press("enter")
        await terminal.see("support: delivery is paused since 12:00 by ada", "! paused")
        await terminal.press("p")
        await terminal.gone("delivery is paused")
        await terminal.press("p")
        await terminal.see("Pause support")
        await terminal.press("end", "enter")
        await terminal.see("Delivery is paused since 12:00 by ada")
        await terminal.press("p")
        await terminal.gone("Delivery is paused")
    asked = [("pause", "support", ""), ("resume", "support"), ("pause", None, ""), ("resume", None)]
    assert relay.did == asked


async def test_p_offers_first_to_resume_another_profile_that_stands_still() -> None:
    relay = FakeRelay(running(route(), route("backup", pause=_ITSELF)))
    async with opened(FakeWorkspace(two_profiles()), _engine(relay)) as terminal:
        await terminal.see("backup: delivery stopped since 12:00 (535 5.7.8 Authentication failed)")
        await terminal.press("p")
        await terminal.see("Resume backup")
        await terminal.press("enter")
        await terminal.gone("delivery stopped")
    assert relay.did == [("resume", "backup")]


async def test_an_error_of_the_relay_is_shown_with_its_remedy() -> None:
    relay = FakeRelay()
    async with opened(FakeWorkspace(two_profiles()), _engine(relay)) as terminal:
        await terminal.see("relay not running")
        await terminal.press("p")
        await terminal.see("Pause support")
        relay.refuse = StoreError(
            ErrorKind.LOCKED, "the queue was not opened", "another command has it", "try again"
        )
        await terminal.press("enter")
        await terminal.see("The queue was not opened", "another command has it", "try again")


# --- the edit guard


async def _asked(terminal: Terminal, key: str) -> None:
    await terminal.see(_LINES)
    await terminal.press(key)
    await terminal.see("Mail is being delivered. Pause delivery while you edit?")


@pytest.mark.parametrize(("key", "profile"), [("e", "support"), ("n", None)])
async def test_before_an_edit_delivery_is_paused_and_stays_so(key: str, profile: str | None) -> None:
    relay = FakeRelay(running())
    async with opened(FakeWorkspace(two_profiles()), _engine(relay)) as terminal:
        await _asked(terminal, key)
        await terminal.press("enter")
        await terminal.see("delivery is paused" if profile else "Delivery is paused", "nothing is saved yet")
        await terminal.press("escape")
        await terminal.see("Nothing was saved. Resume delivery?")
        await terminal.press("n")
        await terminal.see("by ada (the settings are being")
    assert relay.did == [("pause", profile, "the settings are being edited")]


async def test_after_an_edit_that_saved_nothing_delivery_can_go_on() -> None:
    relay = FakeRelay(running())
    async with opened(FakeWorkspace(two_profiles()), _engine(relay)) as terminal:
        await _asked(terminal, "e")
        await terminal.press("enter")
        await terminal.see("nothing is saved yet")
        await terminal.press("escape")
        await terminal.see("Nothing was saved. Resume delivery?")
        await terminal.press("y")
        await terminal.gone("is paused")
    assert relay.did[-1] == ("resume", "support")


async def test_saving_tells_the_relay_and_leaves_delivery_paused() -> None:
    relay = FakeRelay(running())
    async with opened(FakeWorkspace(two_profiles()), _engine(relay), notices=True) as terminal:
        await _asked(terminal, "e")
        await terminal.press("enter")
        await terminal.see("nothing is saved yet")
        await terminal.press("ctrl+s")
        await terminal.see("The relay uses the new settings now.")
        await terminal.press("enter")
        await terminal.see("outmail › home", "support: delivery is paused")
    assert [what for what, *_ in relay.did] == ["pause", "reload"]


async def test_editing_without_pausing_and_cancelling() -> None:
    relay = FakeRelay(running())
    async with opened(FakeWorkspace(two_profiles()), _engine(relay)) as terminal:
        await _asked(terminal, "e")
        await terminal.press("end", "enter")
        await terminal.gone("Mail is being delivered")
        await terminal.see("outmail › home")
        await _asked(terminal, "e")
        await terminal.press("down", "enter")
        await terminal.see("edit profile support")
        await terminal.press("escape")
        await terminal.see("outmail › home")
    assert relay.did == []


@pytest.mark.parametrize(
    "relay",
    [
        FakeRelay(),
        FakeRelay(running(pause=Pause(NOON, "ada", ""))),
        FakeRelay(running(route(pause=_ITSELF))),
    ],
    ids=["no relay", "all paused", "this one stopped"],
)
async def test_where_nothing_is_being_delivered_nothing_is_asked(relay: FakeRelay) -> None:
    async with opened(FakeWorkspace(two_profiles()), _engine(relay)) as terminal:
        await terminal.see("relay")
        await terminal.press("e")
        await terminal.see("edit profile support")
    assert relay.did == []


async def test_other_saves_tell_the_relay_too_and_nobody_where_none_runs() -> None:
    relay = FakeRelay(running())
    async with opened(FakeWorkspace(two_profiles()), _engine(relay), notices=True) as terminal:
        await terminal.see(_LINES)
        await terminal.press("down", "d")
        await terminal.see("The relay uses the new settings now.")
        relay.stands = FakeRelay().stands
        await terminal.see("relay not running")
        await terminal.press("up", "d")
        await terminal.see("* support")
    assert relay.did == [("reload",)]


@pytest.mark.parametrize("size", [(60, 18), SMALL, (120, 40)])
@pytest.mark.parametrize("keys", [(), ("u",), ("u", "g"), ("u", "enter"), ("p",)])
async def test_nothing_overflows(size: tuple[int, int], keys: tuple[str, ...]) -> None:
    long = mail(7, line(address="a" * 60 + "@" + "b" * 60 + ".example.org"), sender="c" * 200)
    relay = FakeRelay(running(away(), route("backup"), rate=(1,) * 60), [*some_mails(), long])
    async with opened(FakeWorkspace(two_profiles()), _engine(relay), size=size) as terminal:
        await terminal.see("2525")
        for key in keys:
            await terminal.press(key)
            await terminal.still()
        for widget in terminal.app.screen.query("*"):
            assert widget.region.right <= size[0], widget
            assert not widget.show_horizontal_scrollbar, widget
        assert max(map(len, terminal.lines())) <= size[0]
        assert "Esc" in terminal.text or "Quit" in terminal.text


async def test_a_linux_console_gets_a_graph_of_plain_letters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "linux")
    monkeypatch.delenv("COLORTERM")
    relay = FakeRelay(running(rate=(0, 1, 2, 4)), some_mails())
    async with opened(FakeWorkspace(two_profiles()), _engine(relay)) as terminal:
        await terminal.see(_LINES, ".-# 7 in 10 min")
        assert terminal.text.isascii(), terminal.text
        await terminal.press("u", "g")
        await terminal.see("tries all of it again")
        assert terminal.text.isascii(), terminal.text
