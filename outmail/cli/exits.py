"""The exit codes that scripts rely on, and the one table that says which trouble ends with which.

The numbers are those of sysexits.h, as the field's programs use them; nothing here prints. The
failures' own shapes are loaded only where there is a failure: every command loads this file.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from outmail.engine.errors import Refusal
    from outmail.engine.report import CheckReport, SendReport, ServerReport
    from store.errors import ErrorKind
    from transports.base import Failure


class Exit(IntEnum):
    """How a command ended."""

    OK = 0
    USAGE = 64  # an option or argument that the command does not take
    DATA = 65  # what was given is wrong: an address, a header, a file's content
    NO_INPUT = 66  # a file is not there or cannot be read
    REFUSED = 69  # the server refused for good
    INTERNAL = 70  # a defect of ours
    CANNOT_WRITE = 73
    TRY_LATER = 75
    NOT_ALLOWED = 77  # wrong key, sign-in needed, authentication refused
    SETTINGS = 78  # wrong or missing
    INTERRUPTED = 130  # Ctrl-C: 128 + SIGINT, as shells say it
    PIPE_CLOSED = 141  # nobody reads our output any more: 128 + SIGPIPE


class Nagios(IntEnum):
    """How `check --nagios` ended (Monitoring Plugins' guidelines)."""

    OK = 0
    WARNING = 1
    CRITICAL = 2
    UNKNOWN = 3


_OF_STORE = {
    "damaged": Exit.SETTINGS,
    "wrong-key": Exit.NOT_ALLOWED,
    "key-missing": Exit.NOT_ALLOWED,
    "not-writable": Exit.CANNOT_WRITE,
    "full": Exit.CANNOT_WRITE,
    "changed": Exit.TRY_LATER,
    "locked": Exit.TRY_LATER,
    "not-found": Exit.NO_INPUT,
    "unreadable": Exit.NO_INPUT,
    "bad-input": Exit.DATA,
    "forbidden": Exit.NOT_ALLOWED,
    "no-profile": Exit.SETTINGS,
}

_OF_ENGINE = {"settings": Exit.SETTINGS, "input": Exit.DATA, "file": Exit.NO_INPUT}


def of_store(kind: ErrorKind) -> Exit:
    """The code for an error of the store."""
    return _OF_STORE[kind.value]


def of_engine(kind: Refusal) -> Exit:
    """The code for what the engine refused to begin."""
    return _OF_ENGINE[kind.value]


def of_failure(failure: Failure) -> Exit:
    """The code for a failure on the way to the server or at it.

    An uncertain end (the connection broke before the answer) is "try again later" as well: no
    answer said that the mail was refused. The text beside it warns of a second copy.
    """
    from transports.base import Cause, Scope, Verdict

    if failure.verdict in {Verdict.RETRY, Verdict.UNCERTAIN}:
        return Exit.TRY_LATER
    if failure.scope is Scope.SIGN_IN or failure.cause is Cause.PROXY_SIGN_IN:
        return Exit.NOT_ALLOWED
    if failure.cause is Cause.UNSAFE_TEXT:
        return Exit.DATA
    if failure.verdict is Verdict.FIX_SETTINGS and failure.cause is not Cause.ANSWER:
        return Exit.SETTINGS
    return Exit.REFUSED


def of_check(report: CheckReport) -> Exit:
    """The code for a check: that of the first server that failed."""
    for server in report.servers:
        if not server.ok:
            failure = _failure(server)
            return of_failure(failure) if failure else Exit.TRY_LATER
    return Exit.OK


def nagios_of(report: CheckReport) -> Nagios:
    """CRITICAL when a server that was checked cannot take mail, WARNING when a step warns."""
    if not report.ok:
        return Nagios.CRITICAL
    from transports.base import Status

    warned = any(p.step.status is Status.WARN for s in report.servers for p in s.steps)
    return Nagios.WARNING if warned else Nagios.OK


def of_send(report: SendReport) -> Exit:
    """The code for a mail that was sent now; taken for some recipients only is not done."""
    if report.ok:
        return Exit.OK
    if report.temporary:
        return Exit.TRY_LATER
    failure = _failure(report.attempts[-1]) if report.attempts else None
    if failure:
        return of_failure(failure)
    return Exit.NOT_ALLOWED if report.sign_in else Exit.REFUSED


def _failure(server: ServerReport) -> Failure | None:
    from transports.base import Status

    return next((p.step.failure for p in server.steps if p.step.status is Status.FAIL), None)
