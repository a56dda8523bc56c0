"""Pictures of every screen in every state at 80x24 and 120x40; `pytest --snapshot-update` draws them anew."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode

from store.errors import ErrorKind, StoreError
from store.profiles import Settings
from store.vault import SettingsChanged, Snapshot
from tests.tui.fakes import FakeEngine, FakeWorkspace, entries, support, two_profiles
from tests.tui.practice import FakeDemo, FakeMail
from tests.tui.screen import LARGE, SMALL, Size, opened
from tests.tui.signing_in import SECRET
from transports.base import StepName


class SvgExtension(SingleFileSnapshotExtension):
    """One .svg a picture, so that a browser shows it."""

    _write_mode = WriteMode.TEXT
    file_extension = "svg"


@dataclass(frozen=True)
class State:
    """How to come to a state by keys, and what is on the screen when it is reached."""

    keys: tuple[str, ...]
    seen: str
    engine: Callable[[], FakeEngine] = FakeEngine
    settings: Callable[[], Settings] = two_profiles
    demo: bool = False
    mails: int = 0
    refuse: Callable[[], StoreError] | None = None
    first: str = "* support"  # on the screen before the keys


def _failing() -> FakeEngine:
    return FakeEngine(fail_at=StepName.STARTTLS)


def _warning() -> FakeEngine:
    return FakeEngine(warn_at=StepName.STARTTLS)


def _paused() -> FakeEngine:
    return FakeEngine(pause_at=StepName.GREETING)


def _full() -> StoreError:
    return StoreError(ErrorKind.FULL, "it was not saved", "the disk is full", "make room: df -h /var")


def _changed() -> StoreError:
    theirs = Settings(default="support", profiles={"support": support()})
    when = datetime(2026, 3, 4, 11, 59, tzinfo=UTC)
    return SettingsChanged(Snapshot(two_profiles(), 1, None, "me"), Snapshot(theirs, 2, when, "ada"))


STATES = {
    "home-empty": State(
        ("escape",), "Press n to set one up", settings=Settings, first="How does mail leave this machine?"
    ),
    "home": State((), "* support"),
    "home-practice": State((), "f Faults", demo=True),
    "home-after-failed-check": State(("enter", "escape"), "✗ fail 12:00", _failing),
    "home-remove": State(("r",), "Remove the profile support?"),
    "home-error": State(("down", "d"), "the disk is full", refuse=_full),
    "home-conflict": State(("down", "d"), "ada saved", refuse=_changed),
    "home-help": State(("f1",), "keys of this screen"),
    "check-running": State(("enter",), "now  greeting", _paused),
    "check-stopped": State(("enter", "escape"), "stopped before the end", _paused),
    "check-passed": State(("enter",), "ready to send"),
    "check-warned": State(("enter",), "with a warning", _warning),
    "check-failed": State(("enter",), "r runs it again", _failing),
    "check-help": State(("enter", "f1"), "keys of this screen"),
    "sample-empty": State(("s",), "nothing was sent yet"),
    "sample-running": State(("s", "enter"), "now  greeting", _paused),
    "sample-done": State(("s", "enter"), "took the mail"),
    "sample-failed": State(("s", "enter"), "Enter sends it again", _failing),
    "history": State(("h",), "✓ sent"),
    "faults-empty": State(("f",), "No mail arrived yet", demo=True),
    "faults-mails": State(("f",), "2 mails arrived", demo=True, mails=2),
    "faults-choose": State(("f", "enter"), "what shall be wrong", demo=True),
}
_UNDER_WAY = ("ready to send", "runs it again", "now  greeting")


@pytest.fixture
def svg(snapshot: SnapshotAssertion) -> SnapshotAssertion:
    return snapshot.use_extension(SvgExtension)


@pytest.mark.parametrize("size", [SMALL, LARGE], ids=["80x24", "120x40"])
@pytest.mark.parametrize("name", STATES)
async def test_looks(name: str, size: Size, svg: SnapshotAssertion) -> None:
    state = STATES[name]
    workspace, demo = FakeWorkspace(state.settings(), entries()), FakeDemo()
    demo.mails.extend(FakeMail() for _ in range(state.mails))
    async with opened(
        workspace, state.engine(), size=size, demo_session=demo if state.demo else None
    ) as terminal:
        await terminal.see(state.first)
        workspace.refuse = state.refuse() if state.refuse else None
        for key in state.keys:
            await terminal.press(key)
            if state.keys[0] == key == "enter":
                await terminal.until(lambda: any(t in terminal.text for t in _UNDER_WAY))
        await terminal.see(state.seen)
        picture = await terminal.still()
    assert SECRET not in picture
    assert picture == svg
