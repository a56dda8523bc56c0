"""The status line of `check --nagios`, as Nagios, Icinga and Checkmk read it."""

from __future__ import annotations

from datetime import UTC, date, datetime

from outmail.cli.exits import nagios_of
from outmail.engine.report import CheckReport, ServerReport
from transports.base import Status
from transports.shown import harmless

_WARN_DAYS = 21
"""Days before a certificate ends from which the check warns."""


def status_line(report: CheckReport, today: date | None = None) -> str:
    """`OUTMAIL OK - support: … | time=0.53s certificate=80;21:;0:` (days that the certificate has left)."""
    level = nagios_of(report)
    seconds = sum(p.step.seconds for s in report.servers for p in s.steps)
    data = [f"time={seconds:.3f}s"]
    for server in report.servers:
        tag = "" if len(report.servers) == 1 else f"{server.server}_"
        data.append(f"{tag}steps_failed={_count(server, Status.FAIL)};;0")
        days = _days(server, today or datetime.now(UTC).date())
        if days is not None:
            data.append(f"{tag}certificate_days={days};{_WARN_DAYS}:;0:")
    return f"OUTMAIL {level.name} - {_clean(_summary(report))} | {' '.join(data)}"


def unknown_line(error: Exception) -> str:
    """For a check that could not begin: no profile, wrong key, settings that cannot be read."""
    return f"OUTMAIL UNKNOWN - {_clean(str(error))} | time=0s"


def _summary(report: CheckReport) -> str:
    parts = []
    for server in report.servers:
        steps = [p for p in server.steps if p.step.status in {Status.FAIL, Status.WARN}]
        said = [f"{p.step.name}: {p.finding.title if p.finding else p.step.detail}" for p in steps]
        parts.append(f"{server.server} {server.address} " + ("; ".join(said) or "takes mail"))
    return f"{report.profile}: " + ", ".join(parts)


def _count(server: ServerReport, status: Status) -> int:
    return sum(p.step.status is status for p in server.steps)


def _days(server: ServerReport, today: date) -> int | None:
    for progress in server.steps:
        until = progress.step.facts.get("certificate_until")
        if until:
            try:
                return (date.fromisoformat(until) - today).days
            except ValueError:
                return None
    return None


def _clean(text: str) -> str:
    """On one line, without the bar that begins the performance data."""
    return harmless(text).replace("\n", " ").replace("|", "/")
