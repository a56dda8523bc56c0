"""What Microsoft Graph answers when it refuses, as it comes, each with the entry that explains it."""

from __future__ import annotations

from dataclasses import replace

from outmail.diagnosis.finding import Context
from tests.outmail.diagnosis.rows import Row
from tests.outmail.diagnosis.rows_entra import APP, SIGN_IN, entra
from tests.transports.graph_bodies import CHALLENGE, JSON, NOW, PAGE, graph_error
from transports.base import Cause, Failure, Scope, StepName, Verdict
from transports.graph_answers import refusal
from transports.http import Answer

GRAPH_HOST = "graph.microsoft.com"
MAILBOX = "desk@example.org"


def through_graph(grant: str = "device-code", **changes: object) -> Context:
    """A mailbox at Exchange Online whose mail goes out through Graph."""
    values: dict[str, object] = {
        "protocol": "graph",
        "provider": "",
        "host": GRAPH_HOST,
        "port": 443,
        "security": "tls",
        "scopes": (f"https://{GRAPH_HOST}/Mail.Send.Shared", "offline_access"),
    }
    return entra(grant, **{**values, **changes})


PERSON, ROBOT = through_graph(), through_graph("client-credentials")
OWN = {"aud": f"https://{GRAPH_HOST}", "scp": "Mail.Send Mail.ReadWrite", "upn": MAILBOX}
BOSS = {**OWN, "upn": "Boss@example.org"}


def holding(around: Context, **claims: str) -> Context:
    """The same profile, with a token that says this of itself."""
    return replace(around, token=claims)


def failed(
    status: int,
    body: bytes = b"",
    headers: dict[str, str] | None = None,
    *,
    handed_over: bool = True,
    step: StepName = StepName.SEND,
    upload: bool = False,
) -> Failure:
    """An answer to a request with a whole message, as the transport records it."""
    got = Answer(status, JSON if headers is None else headers, body, f"https://{GRAPH_HOST}/v1.0/me/sendMail")
    return refusal(step, got, handed_over=handed_over, upload=upload, now=NOW).failure


def said(
    expected: str,
    status: int,
    code: str,
    around: Context = PERSON,
    shows: tuple[str, ...] = (),
    *,
    message: str = "Nobody knows why.",
    headers: dict[str, str] | None = None,
    handed_over: bool = True,
    upload: bool = False,
) -> Row:
    """An error of Graph."""
    body = graph_error(code, message)
    return Row(expected, failed(status, body, headers, handed_over=handed_over, upload=upload), around, shows)


def strange(
    expected: str, status: int, body: bytes, around: Context = PERSON, shows: tuple[str, ...] = ()
) -> Row:
    """An answer that is not Graph's."""
    return Row(expected, failed(status, body, {}), around, shows)


def seen(
    expected: str,
    cause: Cause,
    step: StepName,
    around: Context = PERSON,
    shows: tuple[str, ...] = (),
    *,
    scope: Scope = Scope.SERVER,
    verdict: Verdict = Verdict.RETRY,
    words: str = "so it was",
    **facts: str,
) -> Row:
    """What was seen on this side."""
    return Row(expected, Failure(step, scope, verdict, cause, words=words, facts=facts), around, shows)


_ODATA = "Operation: Create; Exception: [Status Code: Forbidden; Reason: Access to OData is disabled.]"
_LIFETIME = "Lifetime validation failed, the token is expired."
_ME = "/me request is only valid with delegated authentication flow."
_PLAN = "The mailbox is either inactive, soft-deleted, or is hosted on-premise."
_GRANT = "Add-RecipientPermission -Identity"

SIGN_IN_ROWS = (
    said("graph-app-challenged", 401, "InvalidAuthenticationToken", ROBOT, (APP,), headers=CHALLENGE),
    said(
        "graph-sign-in-again",
        401,
        "InvalidAuthenticationToken",
        PERSON,
        (SIGN_IN, "53003"),
        headers=CHALLENGE,
    ),
    said("graph-sign-in-again", 403, "Forbidden", headers=CHALLENGE),
    seen(
        "graph-token-other-cloud",
        Cause.TOKEN_AUDIENCE,
        StepName.TOKEN,
        PERSON,
        ("https://graph.microsoft.us", f"https://{GRAPH_HOST}"),
        scope=Scope.SIGN_IN,
        verdict=Verdict.FIX_SETTINGS,
        got="https://graph.microsoft.us",
        wanted=f"https://{GRAPH_HOST}",
    ),
    seen(
        "graph-token-wrong-service",
        Cause.TOKEN_AUDIENCE,
        StepName.TOKEN,
        PERSON,
        ("https://outlook.office.com", SIGN_IN),
        scope=Scope.SIGN_IN,
        verdict=Verdict.FIX_SETTINGS,
        got="https://outlook.office.com",
        wanted=f"https://{GRAPH_HOST}",
    ),
    said(
        "graph-token-wrong-service",
        401,
        "InvalidAuthenticationToken",
        holding(PERSON, aud="https://outlook.office365.com"),
        ("https://outlook.office365.com", GRAPH_HOST),
        message="Access token validation failure. Invalid audience.",
    ),
    said("graph-token-refused", 401, "InvalidAuthenticationToken", shows=(SIGN_IN,), message=_LIFETIME),
    said("graph-token-refused", 401, "CompactToken", ROBOT),
    said(
        "graph-odata-disabled",
        403,
        "ExtensionError",
        ROBOT,
        (f"Test-ApplicationAccessPolicy -AppId '{APP}' -Identity '{MAILBOX}'",),
        message=_ODATA,
    ),
    said("graph-odata-disabled", 403, "ErrorAccessDenied", message="Access to OData is disabled."),
    said(
        "graph-app-outside-scope",
        403,
        "ErrorAccessDenied",
        holding(ROBOT, roles="Mail.Send"),
        (MAILBOX, APP),
    ),
    said(
        "graph-app-not-allowed",
        403,
        "ErrorAccessDenied",
        holding(ROBOT, aud=OWN["aud"]),
        (
            f"Test-ServicePrincipalAuthorization -Identity '{APP}' -Resource '{MAILBOX}'",
            f"New-ManagementRoleAssignment -App '{APP}' -Role 'Application Mail.Send'",
            f"-RecipientRestrictionFilter 'PrimarySmtpAddress -eq ''{MAILBOX}'''",
            "Microsoft Graph > Application permissions > Mail.Send",
        ),
    ),
    said(
        "graph-token-without-right",
        403,
        "ErrorAccessDenied",
        holding(PERSON, **{**OWN, "scp": "User.Read"}),
        ("User.Read", "Microsoft Graph > Delegated permissions > Mail.Send"),
    ),
    said(
        "graph-shared-without-right",
        403,
        "ErrorAccessDenied",
        holding(PERSON, **BOSS),
        ("boss@example.org", MAILBOX, "Mail.Send.Shared"),
    ),
    said(
        "graph-shared-not-allowed",
        403,
        "ErrorAccessDenied",
        holding(through_graph(account="boss@example.org"), **{**BOSS, "scp": "Mail.Send Mail.Send.Shared"}),
        (
            "Add-MailboxPermission -Identity 'desk@example.org' -User 'boss@example.org'",
            f"{_GRANT} 'desk@example.org' -Trustee 'boss@example.org'",
        ),
    ),
    said("graph-consent-missing", 403, "Authorization_RequestDenied", shows=(APP, "Mail.Send")),
    said(
        "graph-send-as-denied",
        403,
        "ErrorSendAsDenied",
        PERSON,
        (f"{_GRANT} 'helpdesk@example.org' -Trustee '{MAILBOX}' -AccessRights SendAs",),
    ),
    said(
        "graph-mailbox-unusable",
        404,
        "MailboxNotEnabledForRESTAPI",
        shows=(f"Get-Mailbox -Identity '{MAILBOX}'",),
        message=_PLAN,
    ),
    said("graph-account-unusable", 403, "ErrorAccountDisabled"),
    said("graph-account-unusable", 403, "ErrorInvalidLicense"),
    said("graph-app-needs-mailbox", 400, "BadRequest", ROBOT, ("auth.username",), message=_ME),
    said("graph-mailbox-full", 403, "ErrorQuotaExceeded", shows=(MAILBOX,)),
    said("graph-mailbox-full", 507, "InsufficientStorage"),
    said("graph-mailbox-not-found", 404, "ErrorInvalidUser", shows=(MAILBOX, "UserPrincipalName")),
    said("graph-mailbox-not-found", 404, "ResourceNotFound"),
    said("graph-mailbox-not-found", 404, "Request_ResourceNotFound"),
    said("graph-mailbox-not-found", 404, "Surprise"),
    said("graph-access-denied", 403, "ErrorAccessDenied", shows=(MAILBOX, SIGN_IN, "Mail.Send")),
    said("graph-access-denied", 403, "ErrorAccessDenied", holding(PERSON, **OWN)),
    said("graph-access-denied", 403, "Forbidden"),
)

HANDED_OVER_ROWS = (
    seen(
        "graph-uncertain-held",
        Cause.CANNOT_ASK,
        StepName.SEND,
        PERSON,
        (MAILBOX, "Mail.ReadWrite", "support"),
        scope=Scope.MESSAGE,
        verdict=Verdict.UNCERTAIN,
        words="it may have been accepted before, and the app may not look into Sent Items",
    ),
    seen(
        "graph-uncertain",
        Cause.CONNECTION_LOST,
        StepName.SEND,
        PERSON,
        ("graph.uncertain", "Sent Items"),
        scope=Scope.MESSAGE,
        verdict=Verdict.UNCERTAIN,
    ),
    said("graph-uncertain", 504, "UnknownError"),
    said("graph-uncertain", 502, "BadGateway"),
    said("graph-uncertain", 500, "UnknownError"),
    said("graph-uncertain", 500, "ErrorTimeoutExpired"),
    said("graph-uncertain", 404, "ErrorItemNotFound"),
    strange("graph-uncertain", 504, PAGE),
    strange("graph-uncertain", 200, b""),
)

LIMIT_ROWS = (
    said("graph-daily-limit", 429, "ErrorExceededMessageLimit", shows=("1 hour",)),
    said(
        "graph-daily-limit",
        403,
        "ErrorSubmissionQuotaExceeded",
        headers={**JSON, "retry-after": "7300"},
        shows=("3 hours",),
    ),
    said(
        "graph-sender-blocked",
        403,
        "ErrorMessageSubmissionBlocked",
        shows=("'helpdesk@example.org'", "1 hour"),
    ),
    said(
        "graph-throttled",
        429,
        "ApplicationThrottled",
        headers={**JSON, "retry-after": "90"},
        shows=("2 minutes", APP, MAILBOX, "client ID of its own"),
        message="Application is over its MailboxConcurrency limit.",
    ),
    said("graph-throttled", 429, "TooManyRequests", shows=("10 seconds",)),
    said(
        "graph-throttled",
        503,
        "ApplicationThrottled",
        headers={**JSON, "retry-after": "1"},
        shows=("1 second",),
    ),
    strange("graph-throttled", 429, PAGE),
    said("graph-no-recipient", 400, "ErrorInvalidRecipients"),
    said("graph-message-malformed", 400, "ErrorMimeContentInvalid"),
    said("graph-message-malformed", 400, "ErrorMimeContentInvalidBase64String"),
    said(
        "graph-message-cut",
        400,
        "ErrorInvalidParameter",
        message="The value of the parameter 'Message' is empty.",
    ),
    said("graph-header-refused", 400, "InvalidInternetMessageHeader"),
    said("graph-header-refused", 400, "InvalidInternetMessageHeaderCollection"),
    said(
        "graph-mailbox-size-limit",
        413,
        "ErrorMessageSizeExceeded",
        shows=(f"Get-Mailbox -Identity '{MAILBOX}'",),
    ),
    said(
        "graph-large-without-right",
        413,
        "RequestEntityTooLarge",
        holding(PERSON, **{**OWN, "scp": "Mail.Send"}),
        ("Mail.ReadWrite", SIGN_IN),
        message="The maximum request length supported is 4MB.",
    ),
    said("graph-large-without-right", 413, "RequestEntityTooLarge", holding(ROBOT, roles="Mail.Send")),
    said("graph-message-too-large", 413, "RequestEntityTooLarge", holding(PERSON, **OWN)),
    said("graph-message-too-large", 413, "RequestEntityTooLarge", ROBOT),
    seen(
        "graph-message-too-large",
        Cause.MESSAGE_TOO_LARGE,
        StepName.SEND,
        PERSON,
        ("over 150 MB",),
        scope=Scope.MESSAGE,
        verdict=Verdict.REJECT,
        words="over 150 MB",
    ),
    strange("graph-message-too-large", 413, PAGE),
    seen(
        "content-unfit",
        Cause.CONTENT_UNFIT,
        StepName.SEND,
        PERSON,
        ("S/MIME", "failover"),
        scope=Scope.MESSAGE,
        verdict=Verdict.REJECT,
        words="an upload would break the S/MIME signature",
        what="smime",
    ),
    said("graph-draft-gone", 404, "ErrorItemNotFound", handed_over=False, shows=(MAILBOX,)),
    said("graph-draft-gone", 410, "Gone", handed_over=False, upload=True),
    said("graph-draft-gone", 404, "itemNotFound", handed_over=False, upload=True),
    said("graph-busy", 500, "ErrorInternalServerError", shows=("req-1", "2026-11-22T10:00:00")),
    said("graph-busy", 503, "serviceNotAvailable"),
    said("graph-busy", 503, "UnknownError"),
    said("graph-busy", 504, "UnknownError", handed_over=False),
    said("graph-busy", 408, "RequestTimeout"),
    said("graph-refused", 400, "NobodyKnows", shows=("NobodyKnows", "req-1")),
    said("graph-refused", 501, "NotImplemented"),
)

_PROXY = through_graph(proxy="http://proxy.example.org:3128")

WAY_ROWS = (
    strange("graph-gateway", 503, PAGE, PERSON, ("https://graph.microsoft.com:443",)),
    strange("graph-login-page", 200, PAGE, _PROXY, ("proxy.example.org:3128", GRAPH_HOST)),
    strange("graph-login-page", 302, b""),
    strange("graph-login-page", 403, PAGE),
    strange("graph-not-the-service", 404, b'{"message":"no Route"}', PERSON, ("graph.endpoint",)),
    strange("graph-not-the-service", 404, b""),
    strange("graph-not-the-service", 400, b"no"),
    seen("graph-not-the-service", Cause.NOT_THE_SERVICE, StepName.SEND, what="huge"),
    seen("graph-not-the-service", Cause.NOT_THE_SERVICE, StepName.SEND, what="not-http"),
    seen("graph-endpoint-unusable", Cause.OAUTH_SETTINGS, StepName.CONNECT, what="url"),
    seen(
        "graph-name-not-found", Cause.NAME_NOT_FOUND, StepName.RESOLVE, shows=(f"getent hosts {GRAPH_HOST}",)
    ),
    seen("graph-name-not-found", Cause.NAME_LOOKUP_FAILED, StepName.RESOLVE),
    seen("graph-name-not-found", Cause.TIMED_OUT, StepName.RESOLVE),
    seen("graph-unreachable", Cause.CONNECTION_REFUSED, StepName.CONNECT, shows=(f"{GRAPH_HOST} 443",)),
    seen("graph-unreachable", Cause.TIMED_OUT, StepName.CONNECT),
    seen("graph-unreachable", Cause.UNREACHABLE, StepName.CONNECT),
    seen(
        "graph-certificate-untrusted",
        Cause.CERTIFICATE_UNKNOWN_ISSUER,
        StepName.TLS,
        shows=(f"-connect {GRAPH_HOST}:443",),
    ),
    seen("graph-certificate-untrusted", Cause.CERTIFICATE_SELF_SIGNED, StepName.TLS),
    seen("graph-certificate-wrong-name", Cause.CERTIFICATE_WRONG_NAME, StepName.TLS),
    seen("graph-no-tls", Cause.TLS_ON_PLAIN_PORT, StepName.TLS),
    seen("graph-no-tls", Cause.TLS_FAILED, StepName.TLS),
    seen("graph-no-tls", Cause.CONNECTION_LOST, StepName.TLS),
    seen("certificate-expired", Cause.CERTIFICATE_EXPIRED, StepName.TLS),
    seen("proxy-unreachable", Cause.PROXY_UNREACHABLE, StepName.PROXY, _PROXY),
    seen("proxy-refused", Cause.PROXY_REFUSED, StepName.PROXY, _PROXY),
    seen("connection-lost", Cause.CONNECTION_LOST, StepName.SENDER),
    seen("answer-timed-out", Cause.TIMED_OUT, StepName.SENDER),
    seen(
        "scope-missing-entra",
        Cause.SCOPE_MISSING,
        StepName.PERMISSION,
        scope=Scope.SIGN_IN,
        verdict=Verdict.FIX_SETTINGS,
    ),
)

GRAPH_ROWS: tuple[Row, ...] = (*SIGN_IN_ROWS, *HANDED_OVER_ROWS, *LIMIT_ROWS, *WAY_ROWS)
