"""What a worker tells its screen: typed, and numbered by run, so that a cancelled run stays silent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual.message import Message

from outmail.engine.report import CheckReport, Progress, SendReport
from tui.engine import Planned
from tui.said import Trouble

if TYPE_CHECKING:
    from outmail.engine.signin import Event, SignedIn
    from transports.base import Failure


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


class SignInTold(RunMessage):
    """Something happened on the way: a code, an address, a trouble that ends nothing."""

    def __init__(self, run: int, event: Event) -> None:
        super().__init__(run)
        self.event = event


class SignInDone(RunMessage):
    """Signed in, and the token is kept."""

    def __init__(self, run: int, result: SignedIn) -> None:
        super().__init__(run)
        self.result = result


class SignInFailed(RunMessage):
    """The sign-in came to an end without a token."""

    def __init__(self, run: int, failure: Failure) -> None:
        super().__init__(run)
        self.failure = failure
