"""What the screens share while the program runs: settings, engine, and what this session found out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from tui.engine import DemoSession, Engine, WorkspaceLike
from tui.helm import Helm

if TYPE_CHECKING:
    from outmail.engine.report import CheckReport


def wall_clock() -> datetime:
    """The local time."""
    return datetime.now().astimezone()


@dataclass(frozen=True, slots=True)
class Checked:
    """The last check of a profile in this session."""

    report: CheckReport
    at: datetime


@dataclass(slots=True)
class Desk:
    """One a program; handed to each screen."""

    workspace: WorkspaceLike
    engine: Engine
    helm: Helm
    demo: DemoSession | None = None
    now: Callable[[], datetime] = wall_clock
    checks: dict[str, Checked] = field(default_factory=dict)
    last_recipient: str = ""  # of a sample mail, so that the next one needs one key
