"""A sign-in that failed, as a value: made in one place, so that every part of it says so alike.

Its words must never hold a token, a code or a secret: who makes a failure has masked them.
"""

from __future__ import annotations

from types import MappingProxyType

from transports.base import Cause, Failure, Scope, StepName, TransportError, Verdict
from transports.shown import harmless


def failed(cause: Cause, words: str, verdict: Verdict = Verdict.FIX_SETTINGS, **facts: str) -> TransportError:
    """A failure of the step `token`; facts without a value are left out."""
    return TransportError(
        Failure(
            StepName.TOKEN,
            Scope.SIGN_IN,
            verdict,
            cause,
            words=harmless(words),
            facts=MappingProxyType({name: value for name, value in facts.items() if value}),
        )
    )


def refused_settings(what: str, words: str) -> TransportError:
    """What the profile says cannot work: nobody is asked for it. The fact `what` names the setting."""
    return failed(Cause.OAUTH_SETTINGS, words, what=what)
