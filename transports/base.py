"""The shapes every way out shares: step, failure, envelope, receipt, Transport; no network code here."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from transports.trace import Trace

NOTHING: Mapping[str, str] = MappingProxyType({})

_ENDLESS = 10 * 86_400.0


class StepName(StrEnum):
    """The rungs of the check ladder, in the order in which a connection climbs them."""

    RESOLVE = "resolve"
    PROXY = "proxy"
    CONNECT = "connect"
    TLS = "tls"
    GREETING = "greeting"
    STARTTLS = "starttls"
    TOKEN = "token"  # noqa: S105 - the name of a step
    AUTHENTICATE = "authenticate"
    ACCOUNT = "account"
    SENDER = "sender"
    PERMISSION = "permission"
    SEND = "send"


class Status(StrEnum):
    """What became of a step; `running` is only ever seen live."""

    RUNNING = "running"
    PASS = "pass"  # noqa: S105 - a status
    WARN = "warn"
    FAIL = "fail"
    SKIP = "skip"


class Scope(StrEnum):
    """Whom a failure concerns: a whole server, the sign-in, one sender, one message or one recipient."""

    SERVER = "server"
    SIGN_IN = "sign-in"
    SENDER = "sender"
    MESSAGE = "message"
    RECIPIENT = "recipient"


class Verdict(StrEnum):
    """What the transport makes of a failure; `engine.trouble` alone decides what follows from it."""

    RETRY = "retry"
    REJECT = "reject"
    FIX_SETTINGS = "fix-settings"
    UNCERTAIN = "uncertain"


class Cause(StrEnum):
    """What was seen on this side of the wire, where no server code says it. The diagnosis starts from it."""

    ANSWER = "answer"  # the server said no: code, enhanced code and words tell why
    NAME_NOT_FOUND = "name-not-found"
    NAME_LOOKUP_FAILED = "name-lookup-failed"
    CONNECTION_REFUSED = "connection-refused"
    UNREACHABLE = "unreachable"
    TIMED_OUT = "timed-out"
    CONNECTION_LOST = "connection-lost"
    PROXY_UNREACHABLE = "proxy-unreachable"
    PROXY_SIGN_IN = "proxy-sign-in"
    PROXY_REFUSED = "proxy-refused"
    CERTIFICATE_EXPIRED = "certificate-expired"
    CERTIFICATE_NOT_YET_VALID = "certificate-not-yet-valid"
    CERTIFICATE_SELF_SIGNED = "certificate-self-signed"
    CERTIFICATE_UNKNOWN_ISSUER = "certificate-unknown-issuer"
    CERTIFICATE_WRONG_NAME = "certificate-wrong-name"
    CERTIFICATE_INVALID = "certificate-invalid"
    CERTIFICATE_ENDS_SOON = "certificate-ends-soon"
    CA_FILE_UNUSABLE = "ca-file-unusable"
    TLS_VERSION = "tls-version"
    TLS_FAILED = "tls-failed"
    TLS_ON_PLAIN_PORT = "tls-on-plain-port"  # TLS was spoken to a server that starts in plain text
    PLAIN_ON_TLS_PORT = "plain-on-tls-port"  # plain text was spoken to a server that starts with TLS
    NOT_SMTP = "not-smtp"
    STARTTLS_NOT_OFFERED = "starttls-not-offered"
    STARTTLS_REFUSED = "starttls-refused"
    STARTTLS_INJECTED = "starttls-injected"  # plain text lay in the buffer behind the answer
    AUTH_NOT_OFFERED = "auth-not-offered"
    AUTH_NO_COMMON_MECHANISM = "auth-no-common-mechanism"
    AUTH_NEEDS_TLS = "auth-needs-tls"  # we refuse to send credentials in the clear
    MESSAGE_TOO_LARGE = "message-too-large"  # known from SIZE before the upload
    SMTPUTF8_NOT_OFFERED = "smtputf8-not-offered"
    EIGHT_BIT_NOT_OFFERED = "8bit-not-offered"
    UNSAFE_TEXT = "unsafe-text"  # CR, LF or NUL in what goes into a command
    SIGN_IN_NEEDED = "sign-in-needed"  # no token is kept for this profile, or its settings changed since
    OAUTH_REFUSED = "oauth-refused"  # the authority's error: facts error, aadsts, suberror; words tell why
    OAUTH_DECLINED = "oauth-declined"  # the person said no in the browser
    OAUTH_CODE_EXPIRED = "oauth-code-expired"  # the device code or the browser's code came too late
    OAUTH_NOT_STANDARD = "oauth-not-standard"  # HTML, huge, wrong types: fact `what` says which
    OAUTH_WRONG_STATE = "oauth-wrong-state"  # the redirect does not belong to this sign-in
    OAUTH_WRONG_ISSUER = "oauth-wrong-issuer"  # another authority's answer: RFC 9207, or the id_token's iss
    OAUTH_SETTINGS = "oauth-settings"  # what the profile says cannot work: no secret, a key that is none
    OAUTH_UNAVAILABLE = "oauth-unavailable"  # 5xx, 429, or a proxy's page from the authority: try later
    SCOPE_MISSING = "scope-missing"  # signed in, but the right to send was not granted
    ACCOUNT_DIFFERS = "account-differs"  # signed in as another than the profile's; facts wanted, got
    CREDENTIAL_ENDS_SOON = "credential-ends-soon"  # facts what (client secret, certificate), until, days
    TOKEN_AUDIENCE = "token-audience"  # noqa: S105 - the token is for another service; facts wanted, got
    NOT_THE_SERVICE = "not-the-service"  # a page or a text from what should be Graph or EWS; fact `what`
    CANNOT_ASK = "cannot-ask"  # it may have been taken, and nobody here may look whether it was
    CONTENT_UNFIT = "content-unfit"  # this way out would damage the message; fact `what` says how
    TOKEN_NOT_KEPT = "token-not-kept"  # noqa: S105 - the disk refused it; words tell why


@dataclass(frozen=True, slots=True)
class Failure:
    """One thing that went wrong (or, in a step that warns, that will).

    `words` are the server's or the library's own, made harmless (no control characters) by the
    one who records them. `enhanced` is RFC 3463's status code, as "5.7.139".
    """

    step: StepName
    scope: Scope
    verdict: Verdict
    cause: Cause
    code: int | None = None
    enhanced: str | None = None
    words: str = ""
    facts: Mapping[str, str] = field(default_factory=lambda: NOTHING)

    @property
    def retry_after(self) -> float | None:
        """Seconds for which the service wants no mail (RFC 9110, section 10.2.3); None if it did not say."""
        text = self.facts.get("retry_after", "")
        try:
            found = float(text) if text else None
        except ValueError:
            return None
        return found if found is not None and 0 <= found < _ENDLESS else None


class CancelledAfterHandOver(asyncio.CancelledError):
    """Cancelled between the end of the message and its answer: nobody knows what became of it."""


class TransportError(Exception):
    """Carries a Failure out of a transport; raised `from` the library's exception where there is one.

    `outcomes` is filled where every recipient of a message was refused, each for a reason of its own.
    """

    def __init__(self, failure: Failure, outcomes: tuple[Outcome, ...] = ()) -> None:
        super().__init__(f"{failure.step}: {failure.cause}: {failure.words}")
        self.failure = failure
        self.outcomes = outcomes


@dataclass(frozen=True, slots=True)
class Step:
    """One rung, as it stands now. The TUI, --json and the log draw this same value."""

    name: StepName
    status: Status
    detail: str = ""
    seconds: float = 0.0
    evidence: tuple[str, ...] = ()  # the dialogue, a line each, "C: …" and "S: …", secrets as ***
    facts: Mapping[str, str] = field(default_factory=lambda: NOTHING)  # what was learned, by name
    failure: Failure | None = None  # of a step that failed or warns


class Buffer(Protocol):
    """What a message may lie in: bytes, or something that reads them from where they are."""

    def __len__(self) -> int:
        """How many bytes there are."""
        ...

    def __getitem__(self, key: slice, /) -> bytes:
        """A copy of some of them."""
        ...

    def find(self, sub: bytes, start: int = ..., end: int = ..., /) -> int:
        """Where they begin, or -1."""
        ...


@dataclass(frozen=True, slots=True)
class Dsn:
    """What the sender asked of delivery status notifications (RFC 3461)."""

    ret: str | None = None  # "FULL" or "HDRS"
    envid: str | None = None
    notify: tuple[str, ...] = ()  # of NEVER, SUCCESS, FAILURE, DELAY; for every recipient


@dataclass(frozen=True, slots=True)
class Envelope:
    """A message on its way: who it is from, who gets it (and nobody else), and its bytes.

    `sender` is the reverse-path, "" for a bounce. `content` has CRLF line ends and is never changed by a
    transport, apart from dot-stuffing on the wire, and from what a way out without an envelope needs
    (`transports.mime_envelope`); a large one may lie in a file, and `whole` copies it. `again`: this same
    server may have taken the message before, and is asked first where it can be.
    """

    sender: str
    recipients: tuple[str, ...]
    content: Buffer
    dsn: Dsn | None = None
    again: bool = False

    @property
    def whole(self) -> bytes:
        """The content in memory."""
        return self.content if isinstance(self.content, bytes) else self.content[:]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one recipient's fate is; `failure` is None exactly when the server took the mail for them."""

    recipient: str
    answer: str
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """The server took the message for at least one recipient: its answer, and an outcome for each."""

    answer: str
    outcomes: tuple[Outcome, ...]
    provider_id: str | None = None


class Transport(Protocol):
    """One way out. Every method emits its steps to the trace and raises TransportError on failure.

    `close` never raises. A transport is for one connection at a time and not reused after close.
    """

    @property
    def address(self) -> str:
        """Where it goes, as "smtp.example.org:587"."""
        ...

    async def open(self, trace: Trace) -> None:
        """Resolve, proxy, connect, TLS, greet."""
        ...

    async def authenticate(self, trace: Trace) -> None:
        """Sign in, or do nothing where the profile needs no authentication."""
        ...

    async def probe(self, sender: str, recipient: str, trace: Trace) -> None:
        """Prove (`sender`, `permission`) that this sender may send to this recipient; nothing is sent."""
        ...

    async def send(self, envelope: Envelope, trace: Trace) -> Receipt:
        """Hand the message over.

        Raises TransportError when it was taken for nobody; its verdict is UNCERTAIN when the
        connection broke between the end of the message and the answer.
        """
        ...

    async def close(self) -> None:
        """Say goodbye and hang up."""
        ...
