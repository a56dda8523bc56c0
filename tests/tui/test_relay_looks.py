"""Pictures of the relay's screens in every state at 80x24 and 120x40; `--snapshot-update` draws them anew."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from syrupy.assertion import SnapshotAssertion

from outmail.engine.relay_status import Pause
from store.spool_shapes import Counts
from tests.tui.fakes import FakeEngine, FakeWorkspace, two_profiles
from tests.tui.relay import NOON, FakeRelay, away, route, running, some_mails
from tests.tui.screen import LARGE, SMALL, Size, opened
from tests.tui.test_looks import SvgExtension

_RATE = tuple((n * 7) % 13 if n > 20 else 0 for n in range(60))
_EDITED = Pause(NOON, "ada", "the settings are being edited")
_ITSELF = Pause(NOON, "", "535 5.7.8 Authentication failed")


def _idle() -> FakeRelay:
    return FakeRelay(mails=some_mails())


def _quiet() -> FakeRelay:
    return FakeRelay(running())


def _away() -> FakeRelay:
    return FakeRelay(running(away(), route("backup"), rate=_RATE, counts=Counts(sent=132)), some_mails())


def _paused() -> FakeRelay:
    return FakeRelay(running(away(), route("backup"), pause=_EDITED))


def _unusable() -> FakeRelay:
    return FakeRelay(running(route(unusable="nobody is signed in"), route("backup", pause=_ITSELF)))


def _busy() -> FakeRelay:
    return FakeRelay(running(), some_mails())


@dataclass(frozen=True)
class State:
    """The relay, how to come to a state by keys, and what is on the screen when it is reached."""

    relay: Callable[[], FakeRelay]
    seen: str
    keys: tuple[str, ...] = ()
    first: str = "2525"  # on the screen before the keys


STATES = {
    "home-no-relay": State(_idle, "start it: outmail relay", first="not running"),
    "home-quiet": State(_quiet, "no mail in the last 10 minutes"),
    "home-away": State(_away, "R Reconnect"),
    "home-paused": State(_paused, "Delivery is paused since 12:00 by ada"),
    "home-unusable": State(_unusable, "support cannot send"),
    "home-pause": State(_quiet, "Pause every profile", ("p",)),
    "check-away": State(_away, "At home,", ("enter",)),
    "edit-guard": State(_quiet, "Edit without pausing", ("e",)),
    "queue-empty": State(_quiet, "No mail waits.", ("u",)),
    "queue": State(_busy, "6 mails", ("u",)),
    "queue-no-relay": State(_idle, "6 mails", ("u",), first="not running"),
    "queue-by-cause": State(_busy, "a tries all of it again", ("u", "g")),
    "queue-mail": State(_busy, "Attempts", ("u", "enter")),
    "queue-delete": State(_busy, "Delete this mail?", ("u", "d")),
    "queue-filter": State(_busy, "only of backup", ("u", "f")),
    "queue-filtered": State(_busy, "only held", ("u", "f", "down", "down", "down", "down", "enter")),
    "queue-all": State(_busy, "What to do with every mail", ("u", "a")),
    "queue-search": State(_busy, "1 of 6 mails", ("u", "slash", *"boss")),
    "queue-help": State(_busy, "keys of this screen", ("u", "f1")),
}
_READY = {
    "u": ("mails", "No mail waits."),
    "enter": ("Attempts", "ready to send", "only held"),
    "f": ("filter",),
}


@pytest.fixture
def svg(snapshot: SnapshotAssertion) -> SnapshotAssertion:
    return snapshot.use_extension(SvgExtension)


@pytest.mark.parametrize("size", [SMALL, LARGE], ids=["80x24", "120x40"])
@pytest.mark.parametrize("name", STATES)
async def test_relay_looks(name: str, size: Size, svg: SnapshotAssertion) -> None:
    state = STATES[name]
    engine = FakeEngine(relay=state.relay())
    async with opened(FakeWorkspace(two_profiles()), engine, size=size) as terminal:
        await terminal.see(state.first)
        for key in state.keys:
            await terminal.press(key)
            if key in _READY:
                await terminal.until(lambda key=key: any(t in terminal.text for t in _READY[key]))  # type: ignore[misc]
        await terminal.see(state.seen)
        assert await terminal.still() == svg
