"""What an error of the network or of TLS means: the one table from system errors to causes.

It must never guess a server's opinion: what a server answered in words is read elsewhere.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import ssl
from collections.abc import Mapping
from types import TracebackType

from transports.base import NOTHING, Cause, Failure, Scope, StepName, TransportError, Verdict
from transports.shown import harmless

_VERIFY: Mapping[int, Cause] = {
    # OpenSSL's X509_V_ERR_* numbers (x509_vfy.h); they have been stable since OpenSSL 1.0.
    2: Cause.CERTIFICATE_UNKNOWN_ISSUER,  # unable to get issuer certificate
    9: Cause.CERTIFICATE_NOT_YET_VALID,
    10: Cause.CERTIFICATE_EXPIRED,
    18: Cause.CERTIFICATE_SELF_SIGNED,  # the server's own certificate signs itself
    19: Cause.CERTIFICATE_UNKNOWN_ISSUER,  # a private authority's root came along in the chain
    20: Cause.CERTIFICATE_UNKNOWN_ISSUER,  # unable to get local issuer certificate
    21: Cause.CERTIFICATE_UNKNOWN_ISSUER,  # unable to verify the first certificate
    27: Cause.CERTIFICATE_UNKNOWN_ISSUER,  # certificate not trusted
    62: Cause.CERTIFICATE_WRONG_NAME,  # host name mismatch
    64: Cause.CERTIFICATE_WRONG_NAME,  # IP address mismatch
}

_TLS_REASONS: tuple[tuple[str, Cause], ...] = (
    # OpenSSL's reason, by its distinguishing part. The peer did not speak TLS at all:
    ("WRONG_VERSION_NUMBER", Cause.TLS_ON_PLAIN_PORT),
    ("RECORD_LAYER_FAILURE", Cause.TLS_ON_PLAIN_PORT),
    ("PACKET_LENGTH_TOO_LONG", Cause.TLS_ON_PLAIN_PORT),
    ("HTTP_REQUEST", Cause.TLS_ON_PLAIN_PORT),
    # It did, in a version one of us refuses:
    ("PROTOCOL_VERSION", Cause.TLS_VERSION),
    ("UNSUPPORTED_PROTOCOL", Cause.TLS_VERSION),
    ("WRONG_SSL_VERSION", Cause.TLS_VERSION),
    ("INAPPROPRIATE_FALLBACK", Cause.TLS_VERSION),
    # It hung up:
    ("UNEXPECTED_EOF", Cause.CONNECTION_LOST),
)

_OS_ERRORS: Mapping[int, Cause] = {
    errno.ECONNREFUSED: Cause.CONNECTION_REFUSED,
    errno.ENETUNREACH: Cause.UNREACHABLE,
    errno.EHOSTUNREACH: Cause.UNREACHABLE,
    errno.ENETDOWN: Cause.UNREACHABLE,
    errno.EHOSTDOWN: Cause.UNREACHABLE,
    errno.EADDRNOTAVAIL: Cause.UNREACHABLE,  # no address of that family on this machine
    errno.EAFNOSUPPORT: Cause.UNREACHABLE,
    errno.EACCES: Cause.UNREACHABLE,  # a local firewall rule
    errno.EPERM: Cause.UNREACHABLE,
    errno.ETIMEDOUT: Cause.TIMED_OUT,
}

_NAME_ABSENT = frozenset(
    getattr(socket, name) for name in ("EAI_NONAME", "EAI_NODATA", "EAI_ADDRFAMILY") if hasattr(socket, name)
)

_TEMPORARY = frozenset(
    {
        Cause.NAME_NOT_FOUND,
        Cause.NAME_LOOKUP_FAILED,
        Cause.CONNECTION_REFUSED,
        Cause.UNREACHABLE,
        Cause.TIMED_OUT,
        Cause.CONNECTION_LOST,
        Cause.PROXY_UNREACHABLE,
        Cause.NOT_SMTP,
    }
)


def cause_of(error: BaseException) -> Cause:
    """What a system's or OpenSSL's error says was seen."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return _VERIFY.get(error.verify_code, Cause.CERTIFICATE_INVALID)
    if isinstance(error, ssl.SSLError):
        # Not every SSLError has a reason; its text names it still.
        reason = f"{getattr(error, 'reason', None) or ''} {error}".upper().replace(" ", "_")
        return next((cause for part, cause in _TLS_REASONS if part in reason), Cause.TLS_FAILED)
    if isinstance(error, socket.gaierror):
        return Cause.NAME_NOT_FOUND if error.errno in _NAME_ABSENT else Cause.NAME_LOOKUP_FAILED
    if isinstance(error, TimeoutError):
        return Cause.TIMED_OUT
    if isinstance(error, UnicodeError):
        return Cause.NAME_NOT_FOUND  # the resolver's IDNA codec: an empty or over-long label
    if isinstance(error, OSError):
        return _OS_ERRORS.get(error.errno or 0, Cause.CONNECTION_LOST)
    return Cause.CONNECTION_LOST


def words_of(error: BaseException) -> str:
    """The error in its own words, without numbers, source lines and control characters."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return harmless(error.verify_message)
    reason = getattr(error, "reason", None)
    if isinstance(error, ssl.SSLError) and isinstance(reason, str):
        return harmless(reason.replace("_", " ").lower())
    if isinstance(error, OSError) and error.strerror:
        if error.errno and error.strerror.startswith("Connect call failed"):
            return harmless(os.strerror(error.errno).lower())  # asyncio's words hide the system's
        return harmless(error.strerror)
    # asyncio gives some of its errors no words at all.
    return harmless(str(error)) or f"the connection broke off ({type(error).__name__})"


def unreachable(
    step: StepName, cause: Cause, words: str, facts: Mapping[str, str] = NOTHING
) -> TransportError:
    """The server is not to be had: later or elsewhere for the network's causes, else for the admin."""
    verdict = Verdict.RETRY if cause in _TEMPORARY else Verdict.FIX_SETTINGS
    return TransportError(Failure(step, Scope.SERVER, verdict, cause, words=harmless(words), facts=facts))


def from_error(step: StepName, error: BaseException, facts: Mapping[str, str] = NOTHING) -> TransportError:
    """A network error as a failure of the server; raise it `from` the error."""
    return unreachable(step, cause_of(error), words_of(error), facts)


class deadline:  # noqa: N801 - read as `async with deadline(...)`
    """Bound a block: TIMED_OUT after `seconds`; `doing` ends the sentence "no answer … while"."""

    __slots__ = ("_doing", "_seconds", "_step", "_timeout")

    def __init__(self, step: StepName, seconds: float, doing: str) -> None:
        self._step = step
        self._seconds = seconds
        self._doing = doing
        self._timeout = asyncio.timeout(seconds)

    async def __aenter__(self) -> None:
        await self._timeout.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        late = error if isinstance(error, TimeoutError) else None  # the system's own (ETIMEDOUT) is one too
        try:
            await self._timeout.__aexit__(kind, error, trace)
        except TimeoutError as mine:
            late = mine
        if late is not None:
            words = f"no answer within {self._seconds:g} s while {self._doing}"
            raise unreachable(self._step, Cause.TIMED_OUT, words) from late
