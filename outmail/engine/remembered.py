"""Explains an error that the queue remembers: the catalogue's words for it, filled in for the profile.

The failure itself is gone by then; what the queue kept of it (answer, codes, the id of its explanation)
is enough to say again what it means. It asks no server.
"""

from __future__ import annotations

from outmail.diagnosis.case import Case
from outmail.diagnosis.finding import Context, Finding
from outmail.diagnosis.match import all_entries
from outmail.engine.wiring import Candidate, context
from store.profiles import Profile
from store.spool_shapes import LastError
from transports.base import Cause, Failure, Scope, StepName, Verdict


def explain(name: str, profile: Profile | None, error: LastError) -> Finding | None:
    """What the error means, and what to do; None where nothing in the catalogue tells of it.

    `profile` is None where there is no such profile any more.
    """
    entry = next((entry for entry in all_entries() if entry.id == error.diagnosis), None)
    failure = _failure(error)
    if entry is None or failure is None:
        return None
    return entry.finding(Case(failure, _context(name, profile, error)))


def _context(name: str, profile: Profile | None, error: LastError) -> Context:
    """The route; with the server that the error is about, where its text begins with one of the profile's."""
    if profile is None:
        return Context(name)
    about = next((s for s in profile.servers if error.text.startswith(f"{s.address}:")), None)
    return context(name, profile, Candidate("", about.address, about) if about else None)


def _failure(error: LastError) -> Failure | None:
    """As much of it as was kept; None where that was not written by us."""
    try:
        scope, verdict = Scope(error.scope), Verdict(error.verdict)
    except ValueError:
        return None
    code = int(error.code) if error.code.isascii() and error.code.isdigit() else None
    step = StepName.AUTHENTICATE if scope is Scope.SIGN_IN else StepName.SEND
    return Failure(step, scope, verdict, Cause.ANSWER, code, error.enhanced or None, error.text)
