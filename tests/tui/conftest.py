"""A terminal that is the same on every machine: 16 million colours, UTF-8, UTC; and no second passes."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tui.widgets.ladder import Ladder


@pytest.fixture(autouse=True)
def _same_terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("NO_COLOR", "LC_ALL", "LC_CTYPE", "TMUX"):
        monkeypatch.delenv(name, raising=False)
    for name, value in (
        ("TERM", "xterm-256color"),
        ("COLORTERM", "truecolor"),
        ("LANG", "C.UTF-8"),
        ("TZ", "UTC"),
    ):
        monkeypatch.setenv(name, value)
    time.tzset()
    monkeypatch.setattr(Ladder, "clock", lambda: 0.0)
    yield
    monkeypatch.undo()
    time.tzset()
