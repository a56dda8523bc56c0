"""A report as plain text, to paste into a ticket; nothing secret is in a report, so nothing is in here."""

from __future__ import annotations

from collections.abc import Iterable

from outmail.engine.report import CheckReport, Progress, SendReport, ServerReport
from transports.base import Scope, Status
from tui.theme import WORDS
from tui.widgets.finding import finding_rows
from tui.widgets.ladder import duration


def sign_in_failures(servers: Iterable[ServerReport]) -> list[Progress]:
    """The steps that failed because of who signs in, or whether anybody did."""
    failed = [p for server in servers for p in server.steps if p.step.failure]
    return [p for p in failed if p.step.failure and p.step.failure.scope is Scope.SIGN_IN]


def check_text(report: CheckReport) -> str:
    """The whole check."""
    head = f"outmail check of {report.profile}: {'pass' if report.ok else 'fail'}"
    return "\n".join([head, *(line for s in report.servers for line in _server(s)), ""])


def send_text(report: SendReport) -> str:
    """The whole sending."""
    head = [
        f"outmail sample mail: {'accepted' if report.ok else 'not accepted'}",
        f"server: {report.server} {report.address}",
        f"Message-ID: {report.message_id}",
        f"answer: {report.answer}" if report.answer else "",
        f"error: {report.error}" if report.error else "",
        *(f"recipient {r.recipient}: {r.answer}" for r in report.recipients),
    ]
    return "\n".join(
        [*(line for line in head if line), *(line for s in report.attempts for line in _server(s)), ""]
    )


def _server(server: ServerReport) -> Iterable[str]:
    yield ""
    yield f"{server.server} {server.address}"
    for progress in server.steps:
        yield from _step(progress)


def _step(progress: Progress) -> Iterable[str]:
    step = progress.step
    took = "" if step.status is Status.SKIP else f"  ({duration(step.seconds)})"
    yield f"  {WORDS[step.status]:<5}{step.name:<13}{step.detail}{took}"
    if progress.finding:
        yield f"       {progress.finding.title}"
        words = step.failure.words if step.failure else ""
        for label, text in finding_rows(progress.finding, words):
            yield f"       {label + ':':<9} {text}"
    for key, value in step.facts.items():
        yield f"       {key}: {value}"
    for line in step.evidence:
        yield f"       {line}"
