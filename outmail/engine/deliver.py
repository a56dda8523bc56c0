"""One mail, sent now: through the primary server, or through the next one if that is unavailable."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from outmail.diagnosis.match import diagnose
from outmail.engine import wiring
from outmail.engine.climb import Climb
from outmail.engine.report import RecipientReport, SendReport, ServerReport, Watch
from outmail.engine.trouble import Action, decide
from store.profiles import Profile
from transports.base import Envelope, Outcome, Receipt, Scope, TransportError, Verdict

if TYPE_CHECKING:
    from outmail.engine.tokens import Tokens

EnvelopeFor = Callable[[wiring.Candidate], Envelope]


async def deliver(
    name: str,
    profile: Profile,
    envelope: Envelope | EnvelopeFor,
    message_id: str,
    *,
    which: str | None = None,
    watch: Watch,
    tokens: Tokens | None = None,
) -> SendReport:
    """Send the mail; the report tells what every server said and what became of each recipient.

    `which` forces one server ("primary", "alternate" …); None tries them in order for as long as
    `engine.trouble` says so. `envelope` may be a function, for a mail that names its server.
    `tokens` is where a profile with OAuth finds its sign-in (`Workspace.tokens`).
    Raises EngineError when the profile cannot be used; never after a server was reached.
    """
    tried = _Tried(message_id, time.monotonic())
    servers = wiring.candidates(name, profile, which)
    for place, candidate in enumerate(servers, 1):
        climb = Climb(name, profile, candidate, watch, tokens)
        mail = envelope(candidate) if callable(envelope) else envelope
        try:
            async with climb.connected() as way:
                receipt = await way.send(mail, climb.trace)
        except TransportError as error:
            tried.attempts.append(climb.report())
            if decide(error.failure, last_server=place == len(servers)) is Action.NEXT_SERVER:
                continue
            return _failed(error, mail, climb, tried)
        tried.attempts.append(climb.report())
        return _taken(receipt, climb, tried)
    raise AssertionError("the last server always ends the loop")


@dataclass(slots=True)
class _Tried:
    """What is known of the mail whichever way it ends."""

    message_id: str
    began: float
    attempts: list[ServerReport] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.began


def _taken(receipt: Receipt, climb: Climb, tried: _Tried) -> SendReport:
    recipients = _fates(receipt.outcomes, climb)
    refused = [o.failure for o in receipt.outcomes if o.failure]
    return SendReport(
        ok=not refused,
        message_id=tried.message_id,
        server=climb.candidate.label,
        address=climb.candidate.address,
        answer=receipt.answer,
        seconds=tried.seconds,
        recipients=recipients,
        attempts=tuple(tried.attempts),
        error=(
            f"the server took the mail for {len(recipients) - len(refused)} of {len(recipients)} recipients"
            if refused
            else ""
        ),
        finding=diagnose(refused[0], climb.context) if refused else None,
        # Not "try again later", whatever was said of the others: the same mail sent again would
        # reach those a second time for whom it was taken.
        temporary=False,
    )


def _failed(error: TransportError, mail: Envelope, climb: Climb, tried: _Tried) -> SendReport:
    failure = error.failure
    finding = diagnose(failure, climb.context)
    answer = failure.words if failure.code else ""
    fates = _fates(error.outcomes, climb)
    return SendReport(
        ok=False,
        message_id=tried.message_id,
        server=climb.candidate.label,
        address=climb.candidate.address,
        answer=answer,
        seconds=tried.seconds,
        recipients=fates or tuple(RecipientReport(r, answer, finding) for r in mail.recipients),
        attempts=tuple(tried.attempts),
        error=finding.title,
        finding=finding,
        temporary=failure.verdict is Verdict.RETRY,
        uncertain=failure.verdict is Verdict.UNCERTAIN,
        sign_in=failure.scope is Scope.SIGN_IN or failure.verdict is Verdict.FIX_SETTINGS,
    )


def _fates(outcomes: tuple[Outcome, ...], climb: Climb) -> tuple[RecipientReport, ...]:
    return tuple(
        RecipientReport(o.recipient, o.answer, diagnose(o.failure, climb.context) if o.failure else None)
        for o in outcomes
    )
