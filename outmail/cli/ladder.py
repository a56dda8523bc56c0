"""Prints the steps of a connection as they happen: redrawn in place on a terminal, a line each elsewhere."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from typing import TextIO

from outmail.cli import say
from outmail.diagnosis.finding import Finding
from outmail.engine.report import Progress
from transports.base import Status, StepName
from transports.shown import harmless

_MARKS = {Status.PASS: "✓", Status.WARN: "!", Status.FAIL: "✗", Status.SKIP: "–", Status.RUNNING: "…"}
_PLAIN_MARKS = {Status.PASS: "+", Status.WARN: "!", Status.FAIL: "x", Status.SKIP: "-", Status.RUNNING: "."}
_COLOURS = {
    Status.PASS: "good",
    Status.WARN: "warn",
    Status.FAIL: "bad",
    Status.SKIP: "dim",
    Status.RUNNING: "dim",
}
_WORDS = {
    Status.PASS: "ok",
    Status.WARN: "warn",
    Status.FAIL: "FAIL",
    Status.SKIP: "skip",
    Status.RUNNING: "…",
}
_INDENT = 6


class Ladder:
    """Watches a check or a delivery (engine.report.Watch) and prints what it sees.

    `quiet` prints nothing and only remembers: for commands whose result is JSON. `verbose` shows
    what was learned and the dialogue as well.
    """

    def __init__(self, stream: TextIO | None = None, *, quiet: bool = False, verbose: bool = False) -> None:
        self._stream = stream or sys.stdout
        self._quiet = quiet
        self._verbose = verbose
        self._lively = say.lively(self._stream)
        self._marks = _MARKS if say.can_show("✓✗–…", self._stream) else _PLAIN_MARKS
        self._server = ""
        self.handing_over = False
        """Whether a message is being handed over: an interrupt now leaves its fate unknown."""

    def __call__(self, progress: Progress) -> None:
        """Show one step as it stands now."""
        self.handing_over = progress.step.name is StepName.SEND and progress.step.status is Status.RUNNING
        if self._quiet:
            return
        if progress.server != self._server:
            self._server = progress.server
            self._line(say.coloured(f"{progress.server}  {harmless(progress.address)}", "bold", self._stream))
        step = progress.step
        if step.status is Status.RUNNING:
            if self._lively:
                self._stream.write(f"\r\x1b[K{self._head(progress)}")
                self._stream.flush()
            return
        if self._lively:
            self._stream.write("\r\x1b[K")
        for line in self._finished(progress):
            self._line(line)
        self._stream.flush()

    def stop(self) -> None:
        """Leave no half line behind when the climb was interrupted."""
        if self._lively and not self._quiet:
            self._stream.write("\r\x1b[K")
            self._stream.flush()

    def _line(self, text: str) -> None:
        self._stream.write(text + "\n")

    def _head(self, progress: Progress) -> str:
        status = progress.step.status
        mark = say.coloured(f"{self._marks[status]} {_WORDS[status]:<4}", _COLOURS[status], self._stream)
        return f"  {mark}  {progress.step.name:<12}"

    def _finished(self, progress: Progress) -> Sequence[str]:
        step = progress.step
        took = "" if step.status is Status.SKIP else duration(step.seconds)
        detail = harmless(step.detail).replace("\n", " ")
        blank = " " * 22
        first, *rest = say.fold(detail, 22 + 11) or [""]
        lines = [f"{self._head(progress)}{took:>9}  {first}".rstrip(), *(f"{blank}{'':>11}{r}" for r in rest)]
        if self._verbose:
            for name, value in step.facts.items():
                lines += say.paragraph("", f"{name.replace('_', ' ')}: {value}", _INDENT)
            # Each as it was said, on a line of its own: it is to be compared and quoted.
            lines += [f"{'':{_INDENT + 7}}{harmless(line)}" for line in step.evidence]
        if progress.finding:
            lines += finding_lines(progress.finding, _INDENT)
        return lines


def _label(command: str) -> str:
    """Where a command is to be run: in a shell, in Exchange Online PowerShell, or here once all is mended."""
    if command.startswith("outmail check "):
        return "then"
    return "pwsh" if re.match(r"[A-Z][a-z]+-[A-Z]", command) else "run"


def duration(seconds: float) -> str:
    """As a person reads it: "0.4 ms", "88 ms", "12.3 s"."""
    ms = seconds * 1000
    if ms < 10:
        return f"{ms:.1f} ms"
    return f"{ms:.0f} ms" if ms < 10_000 else f"{seconds:.1f} s"


def remedy_line(finding: Finding | None) -> str:
    """What to do, on one line: the remedy, and the command of ours that does it, if there is one."""
    if finding is None:
        return ""
    ours = next((c for c in finding.commands if re.match(r"outmail (signin|profile) ", c)), "")
    return f"{finding.remedy} Run: {ours}" if ours and ours not in finding.remedy else finding.remedy


def finding_lines(finding: Finding, indent: int) -> list[str]:
    """What happened, why, what to do, and the commands to run, ready to be copied."""
    lines = say.paragraph("what", finding.title, indent)
    lines += say.paragraph("why", finding.cause, indent)
    lines += say.paragraph("do", finding.remedy, indent)
    if finding.where:
        lines += say.paragraph("where", finding.where, indent)
    if finding.who != "you":
        lines += say.paragraph("who", finding.who, indent)
    label = ""
    for command in finding.commands:
        # Whole on one line, however long: it is to be copied.
        before, label = label, _label(command)
        lines.append(f"{'':{indent}}{label if label != before else '':<7}{harmless(command)}")
    if finding.docs:
        lines.append(f"{'':{indent}}{'read':<7}{harmless(finding.docs)}")
    return lines
