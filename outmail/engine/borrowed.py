"""A mail that leaves by another profile than its own: from that profile's address, as its policy says."""

from __future__ import annotations

from dataclasses import replace

from outmail.engine import sender_policy
from outmail.engine.sender_policy import Unfit
from store.joined import Joined, Rest
from store.profiles import Profile
from transports.base import Buffer, Cause, Envelope, Failure, Scope, StepName, TransportError, Verdict

_END = b"\r\n\r\n"


def fitted(profile: Profile, envelope: Envelope) -> Envelope:
    """The mail as this profile lets it out. Raises TransportError where it does not."""
    end = envelope.content.find(_END)
    headers = envelope.content[: end + 2 if end >= 0 else len(envelope.content)]
    fit = sender_policy.fit(profile, envelope.sender, headers)
    if isinstance(fit, Unfit):
        failure = Failure(
            StepName.SENDER,
            Scope.SENDER,
            Verdict.REJECT,
            Cause.ANSWER,
            enhanced="5.7.1",
            words=fit.text,
        )
        raise TransportError(failure)
    content: Buffer
    if isinstance(envelope.content, bytes):
        content = fit.headers + envelope.content[len(headers) :]
    else:  # a large one, which is never copied
        content = Joined(fit.headers, Rest(envelope.content, len(headers)))
    return replace(envelope, sender=fit.sender, content=content)
