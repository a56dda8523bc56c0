"""What a check or a delivery found out, as values; and the same as the contract's JSON."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from outmail.diagnosis.finding import Finding
from transports.base import Status, Step

Json = dict[str, object]


def server_labels(count: int) -> list[str]:
    """What the servers of a profile are called, in order: primary, alternate, alternate-2 …"""
    return ["primary", "alternate", *(f"alternate-{n}" for n in range(2, count))][:count]


@dataclass(frozen=True, slots=True)
class Progress:
    """A step of one server, as it stands now; streamed to whoever watches."""

    server: str  # primary, alternate, alternate-2 …
    address: str
    step: Step
    finding: Finding | None = None  # of a step that failed or warns


Watch = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class ServerReport:
    """How far one server was climbed; steps that were not reached are there as skipped."""

    server: str
    address: str
    steps: tuple[Progress, ...]

    @property
    def ok(self) -> bool:
        """No step failed or was skipped for a failure before it; warnings are fine."""
        return all(p.step.status in {Status.PASS, Status.WARN} for p in self.steps)

    @property
    def finding(self) -> Finding | None:
        """The first failure's explanation."""
        return next((p.finding for p in self.steps if p.step.status is Status.FAIL), None)


@dataclass(frozen=True, slots=True)
class CheckReport:
    """The check of a profile."""

    profile: str
    servers: tuple[ServerReport, ...]

    @property
    def ok(self) -> bool:
        """Every server that was checked is able to take mail."""
        return all(s.ok for s in self.servers)


@dataclass(frozen=True, slots=True)
class RecipientReport:
    """One recipient's fate; `finding` is None exactly when the server took the mail for them."""

    recipient: str
    answer: str
    finding: Finding | None = None


@dataclass(frozen=True, slots=True)
class SendReport:
    """What became of one mail that was sent now."""

    ok: bool  # taken for every recipient
    message_id: str
    server: str  # the server that took it, or the last that was tried
    address: str
    answer: str  # the server's answer; "" where it never came to one
    seconds: float
    recipients: tuple[RecipientReport, ...]
    attempts: tuple[ServerReport, ...]  # every server that was tried, in order
    error: str = ""  # one sentence, "" when ok
    finding: Finding | None = None
    temporary: bool = False  # the same mail may go through later
    uncertain: bool = False  # the connection broke before the answer: it may have been taken
    sign_in: bool = False  # the failure is one of the sign-in or the settings


def progress_json(progress: Progress) -> Json:
    """One step as it stands in `check --json`."""
    step = progress.step
    found: Json = {
        "step": str(step.name),
        "status": str(step.status),
        "ms": round(step.seconds * 1000, 1),
        "detail": step.detail,
    }
    if step.facts:
        found["facts"] = dict(step.facts)
    if step.status in {Status.WARN, Status.FAIL} and step.evidence:
        found["dialogue"] = list(step.evidence)
    if progress.finding:
        found["diagnosis"] = finding_json(progress.finding)
    return found


def finding_json(finding: Finding) -> Json:
    """A finding as programs read it."""
    return {
        "id": finding.id,
        "title": finding.title,
        "cause": finding.cause,
        "remedy": finding.remedy,
        "commands": list(finding.commands),
        "where": finding.where,
        "docs": finding.docs,
        "who": finding.who,
    }


def check_json(report: CheckReport) -> Json:
    """The contract's `check --json`."""
    return {
        "profile": report.profile,
        "ok": report.ok,
        "servers": [
            {
                "server": s.server,
                "address": s.address,
                "ok": s.ok,
                "steps": [progress_json(p) for p in s.steps],
            }
            for s in report.servers
        ],
    }


def send_json(report: SendReport) -> Json:
    """The contract's `sample --json` and `send --json`."""
    found: Json = {
        "ok": report.ok,
        "message_id": report.message_id,
        "server": report.server,
        "address": report.address,
        "answer": report.answer,
        "ms": round(report.seconds * 1000, 1),
        "queued": False,
        "recipients": [
            {
                "recipient": r.recipient,
                "accepted": r.finding is None,
                "answer": r.answer,
                **({"diagnosis": finding_json(r.finding)} if r.finding else {}),
            }
            for r in report.recipients
        ],
    }
    if not report.ok:
        found["error"] = report.error
        found["uncertain"] = report.uncertain
        found["diagnosis"] = finding_json(report.finding) if report.finding else None
    return found
