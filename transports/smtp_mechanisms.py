"""What every sign-in to an SMTP server has in common: the line's length, base64, and how it cannot be.

No network code here, and no secret.
"""

from __future__ import annotations

import base64

from transports.base import Cause, Failure, Scope, StepName, TransportError, Verdict
from transports.smtp_capabilities import Capabilities

LONGEST_LINE = 512
"""RFC 5321, section 4.5.3.1.4, with CRLF; servers cut or refuse a longer AUTH line, RFC 4954 or not."""

HIDDEN = "***"
"""What the transcript has in place of a secret."""


def b64(text: str) -> str:
    """As it travels (RFC 4954, section 4)."""
    return base64.b64encode(text.encode()).decode("ascii")


def cannot(cause: Cause, words: str, **facts: str) -> TransportError:
    """A sign-in that was not even tried."""
    return TransportError(
        Failure(StepName.AUTHENTICATE, Scope.SIGN_IN, Verdict.FIX_SETTINGS, cause, words=words, facts=facts)
    )


def named(offered: Capabilities, *, encrypted: bool) -> str:
    """The server's mechanisms, for people. Raises TransportError where it has none."""
    if not offered.mechanisms:
        hint = "" if encrypted else "; many servers offer it after STARTTLS only"
        raise cannot(Cause.AUTH_NOT_OFFERED, f"the server offers no sign-in (AUTH){hint}")
    return ", ".join(offered.mechanisms)
