"""What `sample` and `send` share: watching the mail go, noting it in the history, telling how it ended."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from outmail.cli import say
from outmail.cli.exits import Exit, of_send
from outmail.cli.ladder import Ladder, duration, remedy_line
from outmail.engine.report import SendReport, Watch, send_json

if TYPE_CHECKING:
    from outmail.engine.workspace import Workspace
    from store.profiles import Profile

Sender = Callable[[Watch], Awaitable[SendReport]]


def send_and_tell(
    workspace: Workspace, name: str, profile: Profile, send: Sender, *, as_json: bool, steps: bool
) -> Exit:
    """Send, keep it in the history, and print the answer; `steps` shows the ladder on stdout.

    Without it the steps are progress: shown on stderr, and only where a person watches.
    """
    stream = sys.stdout if steps and not as_json else sys.stderr
    ladder = Ladder(stream, quiet=stream is sys.stderr and not say.lively(sys.stderr))
    report = _sent(send, ladder)
    warning = workspace.record(name, profile.from_address, report)
    if as_json:
        say.result_json(send_json(report))
    else:
        _tell(report)
    say.warning(warning)
    _say_passed_over(report)
    if not report.ok:
        # The ladder has shown the remedy just above, but for recipients that were refused.
        _say_failure(report, shown=steps and not as_json and sys.stdout.isatty() and not _partly(report))
    return of_send(report)


def _sent(send: Sender, ladder: Ladder) -> SendReport:
    async def run() -> SendReport:
        return await send(ladder)

    try:
        return asyncio.run(run())
    except KeyboardInterrupt:
        ladder.stop()
        if ladder.handing_over:
            say.error(
                "stopped",
                "the mail was just being handed over, so it may have been sent",
                "look for it at the recipient before you send it again",
            )
        raise


def _tell(report: SendReport) -> None:
    if report.ok:
        say.result(f"sent through {report.server} {report.address} in {duration(report.seconds)}")
    if report.answer:
        say.result(f"answer      {report.answer}")
    say.result(f"message-id  {report.message_id}")
    if len(report.recipients) > 1:
        for recipient in report.recipients:
            word = "refused" if recipient.finding else "taken"
            say.result(f"{word:<10}  {recipient.recipient}  {recipient.answer}".rstrip())


def _say_passed_over(report: SendReport) -> None:
    """A server that was passed over must not go unnoticed: nobody would repair it."""
    for server in report.attempts[:-1]:
        why = server.finding.title if server.finding else "it could not take the mail"
        say.talk(f"outmail: {server.server} {server.address} was passed over: {why}")


def _say_failure(report: SendReport, *, shown: bool) -> None:
    found = report.finding
    what = "perhaps sent" if report.uncertain else "not sent to all" if _partly(report) else "not sent"
    say.error(what, f"{report.address}: {report.error}", "" if shown else remedy_line(found))


def _partly(report: SendReport) -> bool:
    return any(r.finding is None for r in report.recipients)
