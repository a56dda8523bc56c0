"""What a worker tells its screen: typed, and numbered by run, so that a cancelled run stays silent."""

from __future__ import annotations

from collections.abc import Sequence

from textual.message import Message

from outmail.engine.report import CheckReport, Progress, SendReport
from tui.engine import Planned
from tui.said import Trouble


class RunMessage(Message):
    """Comes from one run of a job."""

    def __init__(self, run: int) -> None:
        super().__init__()
        self.run = run


class LadderPlanned(RunMessage):
    """The servers of the profile are known, and the steps that lie ahead."""

    def __init__(self, run: int, planned: Sequence[Planned]) -> None:
        super().__init__(run)
        self.planned = planned


class StepSeen(RunMessage):
    """A step began or ended."""

    def __init__(self, run: int, progress: Progress) -> None:
        super().__init__(run)
        self.progress = progress


class CheckEnded(RunMessage):
    """The check came to its end."""

    def __init__(self, run: int, report: CheckReport) -> None:
        super().__init__(run)
        self.report = report


class SampleEnded(RunMessage):
    """The sample mail was taken or refused; `note` says why the history was not written, where it was not."""

    def __init__(self, run: int, report: SendReport, note: str) -> None:
        super().__init__(run)
        self.report = report
        self.note = note


class JobRefused(RunMessage):
    """The job could not begin."""

    def __init__(self, run: int, trouble: Trouble) -> None:
        super().__init__(run)
        self.trouble = trouble
