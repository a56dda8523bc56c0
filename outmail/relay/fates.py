"""What the queue notes of an attempt, and what the sender hears of it; pure functions of what happened.

An attempt that failed for the sign-in or the settings burns none of a mail's time. A mail that may have
been taken waits for that same server, and for no other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from outmail.diagnosis.finding import Finding
from outmail.engine import schedule
from outmail.engine.route import Attempt, Fate, Place
from outmail.engine.trouble import Action
from outmail.relay import bounces
from outmail.relay.bounces import Kind
from store.spool_shapes import Due, Job, LastError, Settled, State
from transports.base import Cause, Failure, Scope

Explain = Callable[[Failure, Place], Finding]
"""What a failure means at a place, for people."""

NO_SUCH_SERVER = "the server that may have taken it already is no longer in the settings"


@dataclass(frozen=True, slots=True)
class Noted:
    """One recipient's fate for the queue and, where the sender is to hear of it, as a bounce tells it."""

    settled: Settled
    tell: tuple[Kind, bounces.Fate] | None = None
    finding: Finding | None = None  # of a failure
    pauses: bool = False  # nothing more can be sent this way before a person mends it


def note(
    job: Job,
    due: Due,
    fate: Fate,
    attempt: Attempt,
    now: datetime,
    *,
    chance: float,
    explain: Explain,
    own: str = "",
) -> Noted:
    """What became of one recipient of a job; `chance` is a random number from 0 to 1.

    `own` is the profile's address: a server that refuses another sender refuses that mail, and no other.
    """
    if fate.action is None:
        return Noted(Settled(job.id, due.number, State.SENT))
    if attempt.place is None or fate.failure is None:
        return Noted(Settled(job.id, due.number, State.HELD, error=LastError(NO_SUCH_SERVER), attempt=False))
    finding = explain(fate.failure, attempt.place)
    error = _error(fate.failure, finding)
    strange = own and job.sender and job.sender.lower() != own.lower()
    if fate.failure.cause is Cause.CANNOT_ASK:
        # Released, it is sent anew: that is what an admin who has looked decides.
        return Noted(Settled(job.id, due.number, State.HELD, error=error, attempt=False), finding=finding)
    if fate.action is Action.PAUSE_ROUTE and fate.failure.scope is Scope.SENDER and strange:
        return _given_up(job, due, fate, attempt.place, now=now, finding=finding)
    if fate.action is Action.PAUSE_ROUTE:
        waits = State.UNCERTAIN if due.uncertain_at else State.WAITING
        settled = Settled(
            job.id, due.number, waits, now, error, due.uncertain_at if due.uncertain_at else "", attempt=False
        )
        return Noted(settled, finding=finding, pauses=True)
    if fate.action is Action.BOUNCE:
        return _given_up(job, due, fate, attempt.place, now=now, finding=finding)
    asked = _asked(fate.failure)
    if asked is not None and fate.action is Action.HOLD:
        asked = max(asked, schedule.FIRST)  # what was taken a moment ago may not be seen yet
    again = schedule.next_attempt(due.attempts + 1, job.accepted, now, chance=chance, asked=asked)
    if again is None:
        return _given_up(job, due, fate, attempt.place, now=now, finding=finding)
    late = schedule.delay_notice_due(job.accepted, now, told=due.delay_told)
    uncertain = fate.action is Action.HOLD or bool(due.uncertain_at)
    settled = Settled(
        job.id,
        due.number,
        State.UNCERTAIN if uncertain else State.WAITING,
        again,
        error,
        (due.uncertain_at or attempt.place.address) if uncertain else "",
        delay_told=late,
    )
    told = (Kind.DELAYED, _told(due, fate, attempt.place, now, finding)) if late else None
    return Noted(settled, told, finding)


def _given_up(job: Job, due: Due, fate: Fate, place: Place, now: datetime, *, finding: Finding) -> Noted:
    error = _error(fate.failure, finding) if fate.failure else None
    settled = Settled(job.id, due.number, State.DEAD, error=error)
    return Noted(settled, (Kind.FAILED, _told(due, fate, place, now, finding)), finding)


def _told(due: Due, fate: Fate, place: Place, now: datetime, finding: Finding) -> bounces.Fate:
    failure = fate.failure
    return bounces.Fate(
        due.address,
        finding.title,
        finding.remedy if finding.who == "you" else "",
        fate.answer,
        (failure.enhanced if failure else "") or "",
        place.address,
        now,
        frozenset(due.notify.split(",")) - {""},
        due.orcpt,
    )


def _error(failure: Failure, finding: Finding) -> LastError:
    return LastError(
        failure.words or finding.title,
        str(failure.code or ""),
        failure.enhanced or "",
        failure.scope.value,
        failure.verdict.value,
        finding.id,
    )


def _asked(failure: Failure) -> timedelta | None:
    """What the server asked for, where it did; a transport puts it into the facts."""
    asked = failure.retry_after
    return timedelta(seconds=asked) if asked is not None else None
