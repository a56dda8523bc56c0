"""What happens to a mail on its way to an Exchange server, and in its hands, each with its explanation."""

from __future__ import annotations

from tests.outmail.diagnosis.rows import Row
from tests.outmail.diagnosis.rows_ews import (
    END,
    EWS_SIGN_IN_ROWS,
    HOUSE_HOST,
    MAILBOX,
    OF_EXCHANGE,
    ONLINE_HOST,
    OWN,
    PERSON,
    coded,
    failed,
    house,
    seen,
    settings,
    status,
)
from tests.transports.ewses import fault
from tests.transports.graph_bodies import PAGE
from transports.base import Cause, Scope, StepName, Verdict
from transports.ews_answers import LARGE

_HELD = "it may have been accepted before, and no copy of sent mail is kept in which it could be looked for"

HANDED_OVER_ROWS = (
    seen(
        "ews-uncertain-held",
        Cause.CANNOT_ASK,
        StepName.SEND,
        OWN,
        (
            "ews.keep_copy",
            "ews.uncertain",
            "support",
            "Get-MessageTrackingLog -Sender 'helpdesk@example.org'",
        ),
        scope=Scope.MESSAGE,
        verdict=Verdict.UNCERTAIN,
        words=_HELD,
    ),
    seen(
        "ews-uncertain-held-online",
        Cause.CANNOT_ASK,
        StepName.SEND,
        PERSON,
        ("ews.keep_copy", "Get-MessageTraceV2 -SenderAddress 'helpdesk@example.org'"),
        scope=Scope.MESSAGE,
        verdict=Verdict.UNCERTAIN,
        words=_HELD,
    ),
    seen(
        "ews-uncertain",
        Cause.CONNECTION_LOST,
        StepName.SEND,
        OWN,
        ("ews.keep_copy", "ews.uncertain", "Sent Items"),
        scope=Scope.MESSAGE,
        verdict=Verdict.UNCERTAIN,
    ),
    coded("ews-uncertain", "ErrorTimeoutExpired"),
    coded("ews-uncertain", "ErrorProxyRequestProcessingFailed"),
    Row("ews-uncertain", failed(504, PAGE), OWN),
    Row("ews-uncertain", failed(502), PERSON),
    Row("ews-uncertain", failed(200), OWN),
)

_BUSY = fault(
    "ErrorServerBusy",
    '<t:MessageXml xmlns:t="x"><t:Value Name="BackOffMilliseconds">90000</t:Value></t:MessageXml>',
)

LIMIT_ROWS = (
    coded("ews-daily-limit", "ErrorSubmissionQuotaExceeded", OWN, ("1 hour",)),
    coded("ews-daily-limit", "ErrorExceededMessageLimit", PERSON, headers={"retry-after": "7300"}),
    coded("ews-daily-limit", "ErrorMessageSubmissionBlocked"),
    coded("ews-sender-blocked", "ErrorMessageSubmissionBlocked", PERSON, ("'helpdesk@example.org'",)),
    coded(
        "ews-too-many-connections",
        "ErrorExceededConnectionCount",
        OWN,
        ("27", "10 seconds", "pacing.connections"),
    ),
    coded("ews-too-many-connections", "ErrorTooManyObjectsOpened"),
    Row("ews-throttled", failed(500, _BUSY), OWN, ("2 minutes", "waits by itself")),
    coded("ews-throttled", "ErrorServerBusy", PERSON, ("10 seconds",)),
    status("ews-throttled", 429, PERSON, ("42 seconds",), headers={"retry-after": "42"}),
    status("ews-throttled", 429, OWN, body=PAGE),
    coded("ews-mailbox-full", "ErrorQuotaExceeded", OWN, ("helpdesk@example.org", "ews.keep_copy")),
    coded("ews-no-recipient", "ErrorInvalidRecipients"),
    coded("ews-no-recipient", "ErrorMissingRecipients"),
    coded("ews-no-recipient", "ErrorInvalidSmtpAddress"),
    coded("ews-message-malformed", "ErrorMimeContentInvalid"),
    coded("ews-message-malformed", "ErrorMimeContentInvalidBase64String"),
    coded("ews-message-malformed", "ErrorCorruptData"),
    coded(
        "ews-mailbox-size-limit", "ErrorMessageSizeExceeded", PERSON, (f"Get-Mailbox -Identity '{MAILBOX}'",)
    ),
    coded("ews-message-too-large", "ErrorAttachmentSizeLimitExceeded"),
    status("ews-message-too-large", 413, OWN, ("maxAllowedContentLength",), step=StepName.SEND),
    status("ews-message-too-large", 404, OWN, body=PAGE, step=StepName.SEND, size=LARGE + 1),
    seen(
        "ews-message-too-large",
        Cause.MESSAGE_TOO_LARGE,
        StepName.SEND,
        scope=Scope.MESSAGE,
        verdict=Verdict.REJECT,
    ),
    seen(
        "ews-content-unfit",
        Cause.CONTENT_UNFIT,
        StepName.SEND,
        OWN,
        ("a signature would break",),
        scope=Scope.MESSAGE,
        verdict=Verdict.REJECT,
        words="a signature would break",
    ),
    coded("ews-mailbox-away", "ErrorMailboxStoreUnavailable"),
    coded(
        "ews-mailbox-away", "ErrorMailboxMoveInProgress", PERSON, (f"Get-MoveRequest -Identity '{MAILBOX}'",)
    ),
    coded("ews-mailbox-away", "ErrorMailboxFailover"),
    status("ews-busy-online", 503, PERSON, ("req-1", "22 Nov 2026"), headers=OF_EXCHANGE),
    coded("ews-busy-online", "ErrorInternalServerTransientError", PERSON),
    status("ews-busy", 503, OWN, ("Test-ServiceHealth",), step=StepName.SEND),
    coded("ews-busy", "ErrorInternalServerTransientError"),
    coded("ews-busy", "ErrorTimeoutExpired", step=StepName.ACCOUNT),
    coded("ews-too-old", "ErrorInvalidServerVersion", step=StepName.ACCOUNT),
    Row("ews-request-cut", failed(500, fault("ErrorSchemaValidation")), OWN),
    coded("ews-request-cut", "ErrorInvalidRequest"),
    coded("ews-refused", "ErrorNobodyKnows", OWN, ("ErrorNobodyKnows",)),
    coded("ews-refused", "ErrorNobodyKnows", PERSON, (END,)),
)

_PROXY = house(proxy="http://proxy.example.org:3128")
_OWA = {"location": "https://mail.example.org/owa/auth/logon.aspx?url=secret"}

WAY_ROWS = (
    status("ews-gateway", 502, body=PAGE),
    status("ews-gateway", 302, headers={"location": "/ews/genericerrorpage.htm?aspxerrorpath=x"}),
    status("ews-gone-online", 404, PERSON, (END, "Microsoft Graph", ONLINE_HOST)),
    status("ews-gone-online", 410, PERSON, body=PAGE),
    status("ews-wrong-address", 404, OWN, ("/EWS/Exchange.asmx", "ExternalUrl"), body=PAGE),
    status("ews-owa-sign-in", 302, OWN, ("mail.example.org/owa/auth/logon.aspx",), headers=_OWA),
    status(
        "ews-redirected",
        301,
        OWN,
        ("https://new.example.org/EWS",),
        headers={"location": "https://new.example.org/EWS"},
    ),
    status("ews-login-page", 200, _PROXY, ("proxy.example.org:3128", "Outlook on the web"), body=PAGE),
    status("ews-login-page", 403, body=PAGE),
    status("ews-not-the-service", 200, body=b"no"),
    status("ews-not-the-service", 400, PERSON, (END,)),
    seen("ews-not-the-service", Cause.NOT_THE_SERVICE, StepName.SEND, what="huge"),
    seen("ews-not-the-service", Cause.NOT_THE_SERVICE, StepName.SEND, what="soap"),
    seen("ews-address-unusable", Cause.OAUTH_SETTINGS, StepName.CONNECT, what="url"),
    seen("ews-name-not-found", Cause.NAME_NOT_FOUND, StepName.RESOLVE, shows=(f"getent hosts {HOUSE_HOST}",)),
    seen("ews-name-not-found", Cause.NAME_LOOKUP_FAILED, StepName.RESOLVE),
    seen("ews-name-not-found", Cause.TIMED_OUT, StepName.RESOLVE),
    seen("ews-unreachable", Cause.CONNECTION_REFUSED, StepName.CONNECT, shows=(f"{HOUSE_HOST} 443",)),
    seen("ews-unreachable", Cause.TIMED_OUT, StepName.CONNECT),
    seen("ews-unreachable", Cause.UNREACHABLE, StepName.CONNECT),
    seen("ews-certificate-intercepted", Cause.CERTIFICATE_UNKNOWN_ISSUER, StepName.TLS, PERSON),
    seen("ews-certificate-own", Cause.CERTIFICATE_SELF_SIGNED, StepName.TLS, OWN, ("-fingerprint -sha1",)),
    seen("certificate-unknown-issuer", Cause.CERTIFICATE_UNKNOWN_ISSUER, StepName.TLS),
    seen("ews-certificate-wrong-name", Cause.CERTIFICATE_WRONG_NAME, StepName.TLS),
    seen("ews-no-tls", Cause.TLS_ON_PLAIN_PORT, StepName.TLS),
    seen("ews-no-tls", Cause.TLS_VERSION, StepName.TLS),
    seen("ews-no-tls", Cause.CONNECTION_LOST, StepName.TLS),
    seen("certificate-expired", Cause.CERTIFICATE_EXPIRED, StepName.TLS),
    seen("proxy-unreachable", Cause.PROXY_UNREACHABLE, StepName.PROXY, _PROXY),
    seen("connection-lost", Cause.CONNECTION_LOST, StepName.SENDER),
    seen("answer-timed-out", Cause.TIMED_OUT, StepName.SENDER),
    settings("scope-missing-entra", Cause.SCOPE_MISSING, PERSON, ("EWS.AccessAsUser.All",)),
)

EWS_ROWS: tuple[Row, ...] = (*EWS_SIGN_IN_ROWS, *HANDED_OVER_ROWS, *LIMIT_ROWS, *WAY_ROWS)
