"""What an Exchange server answers to a sign-in or a mailbox that it refuses, each with its explanation."""

from __future__ import annotations

from dataclasses import replace

from outmail.diagnosis.finding import Context
from tests.outmail.diagnosis.rows import Row, context
from tests.outmail.diagnosis.rows_entra import APP, SIGN_IN, entra
from tests.transports.ewses import said
from tests.transports.graph_bodies import NOW, PAGE
from transports.base import Cause, Failure, Scope, StepName, Verdict
from transports.ews_answers import Reply, refusal
from transports.ews_soap import read
from transports.http import Answer

ONLINE_HOST, HOUSE_HOST = "outlook.office365.com", "mail.example.org"
MAILBOX, ACCOUNT = "desk@example.org", "EXAMPLE\\desk"
RIGHT = f"https://{ONLINE_HOST}/EWS.AccessAsUser.All"
_WEB: dict[str, object] = {"protocol": "ews", "provider": "", "port": 443, "security": "tls"}


def house(**changes: object) -> Context:
    """An Exchange server of one's own, and a password."""
    return context(**{**_WEB, "host": HOUSE_HOST, "username": ACCOUNT, **changes})


def exchange_online(grant: str = "device-code", **changes: object) -> Context:
    """A mailbox at Exchange Online whose mail goes out through EWS, with OAuth."""
    return entra(grant, **{**_WEB, "host": ONLINE_HOST, "scopes": (RIGHT, "offline_access"), **changes})


OWN, PERSON, ROBOT = house(), exchange_online(), exchange_online("client-credentials")
OWN_TOKEN = exchange_online(host=HOUSE_HOST, scopes=(f"https://{HOUSE_HOST}/EWS.AccessAsUser.All",))
CLAIMS = {"aud": f"https://{ONLINE_HOST}", "scp": "EWS.AccessAsUser.All", "upn": MAILBOX}
NTLM = {"www-authenticate": "Negotiate, NTLM"}
BASIC = {"www-authenticate": 'Basic realm="mail.example.org"'}
BEARER = {"www-authenticate": 'Bearer client_id="00000002-0000-0ff1-ce00-000000000000"'}
DISABLED = {"x-ews-policy-reason": "EWS is disabled for this user or tenant"}
BLOCKED = {"x-ews-policy-reason": "EWS is blocked by policy for this user or tenant"}
OF_EXCHANGE = {"x-feserver": "EX1", "request-id": "req-1", "date": "Sun, 22 Nov 2026 10:00:00 GMT"}


def failed(
    status: int,
    body: bytes = b"",
    headers: dict[str, str] | None = None,
    *,
    handed_over: bool = True,
    step: StepName = StepName.SEND,
    size: int = 0,
) -> Failure:
    """An answer to a request with a whole message, as the transport records it."""
    url = f"https://{HOUSE_HOST}/EWS/Exchange.asmx"
    reply = Reply(Answer(status, headers or {}, body, url), read(body), size)
    return refusal(step, reply, handed_over=handed_over, now=NOW).failure


def coded(
    expected: str,
    code: str,
    around: Context = OWN,
    shows: tuple[str, ...] = (),
    *,
    headers: dict[str, str] | None = None,
    step: StepName = StepName.SEND,
) -> Row:
    """An error of Exchange in the answer to a request, at the message unless a step is named."""
    mail = step is StepName.SEND
    return Row(
        expected, failed(200, said("CreateItem", code), headers, step=step, handed_over=mail), around, shows
    )


def status(
    expected: str,
    number: int,
    around: Context = OWN,
    shows: tuple[str, ...] = (),
    *,
    headers: dict[str, str] | None = None,
    body: bytes = b"",
    step: StepName = StepName.AUTHENTICATE,
    size: int = 0,
) -> Row:
    """An answer without a word of Exchange's, at the sign-in unless a step is named."""
    return Row(
        expected, failed(number, body, headers, step=step, handed_over=False, size=size), around, shows
    )


def seen(
    expected: str,
    cause: Cause,
    step: StepName,
    around: Context = OWN,
    shows: tuple[str, ...] = (),
    *,
    scope: Scope = Scope.SERVER,
    verdict: Verdict = Verdict.RETRY,
    words: str = "so it was",
    **facts: str,
) -> Row:
    """What was seen on this side."""
    return Row(expected, Failure(step, scope, verdict, cause, words=words, facts=facts), around, shows)


def settings(
    expected: str, cause: Cause, around: Context = OWN, shows: tuple[str, ...] = (), **facts: str
) -> Row:
    """What was seen at the sign-in, and is one of the settings."""
    return seen(
        expected,
        cause,
        StepName.AUTHENTICATE,
        around,
        shows,
        scope=Scope.SIGN_IN,
        verdict=Verdict.FIX_SETTINGS,
        **facts,
    )


def holding(around: Context, **claims: str) -> Context:
    """The same profile, with a token that says this of itself."""
    return replace(around, token=claims)


def diagnosed(text: str, **headers: str) -> dict[str, str]:
    """The header in which Exchange says why it refuses a token."""
    return {"x-ms-diagnostics": text, **headers}


_AUDIENCE = '2000003;reason="The audience claim value is invalid \'aud\'.";error_category="invalid_resource"'
_SCOPE = (
    '2000008;reason="The token contains not enough scope to make this call.";error_category="invalid_grant"'
)
_EXPIRED = '2000001;reason="The token has expired.";error_category="token_expired"'
END = "2027-04-01"

PASSWORD_ROWS = (
    status("ews-basic-gone", 401, exchange_online(method="basic"), (END, "Microsoft Graph"), headers=BASIC),
    settings("ews-basic-gone", Cause.AUTH_NOT_OFFERED, exchange_online(method="basic")),
    settings(
        "ews-basic-gone",
        Cause.AUTH_NO_COMMON_MECHANISM,
        exchange_online(method="basic", host="outlook.office365.us"),
        mechanisms="Bearer",
    ),
    settings("ews-only-tokens", Cause.AUTH_NO_COMMON_MECHANISM, OWN, ("Bearer",), mechanisms="Bearer"),
    settings(
        "ews-only-ntlm",
        Cause.AUTH_NO_COMMON_MECHANISM,
        OWN,
        ("Negotiate, NTLM", 'ews.scheme = "auto"', "support"),
        mechanisms="Negotiate, NTLM",
    ),
    settings("ews-only-ntlm", Cause.AUTH_NO_COMMON_MECHANISM, mechanisms="Negotiate"),
    settings(
        "ews-only-basic", Cause.AUTH_NO_COMMON_MECHANISM, OWN, ('ews.scheme = "auto"',), mechanisms="Basic"
    ),
    settings("ews-no-common-scheme", Cause.AUTH_NO_COMMON_MECHANISM, OWN, ("Digest",), mechanisms="Digest"),
    settings("ews-no-common-scheme", Cause.AUTH_NO_COMMON_MECHANISM),
    settings("ews-no-scheme-offered", Cause.AUTH_NOT_OFFERED, OWN, ("WWW-Authenticate", "EWS/Exchange.asmx")),
    settings("ews-needs-https", Cause.AUTH_NEEDS_TLS, OWN, ("https://",)),
    settings("ews-sign-in-unusable", Cause.UNSAFE_TEXT, words="a user name for Exchange contains no colon"),
    status(
        "ews-password-refused-ntlm",
        401,
        OWN,
        ("Extended Protection", "0xC000035B", "0xC000006A", "-fingerprint -sha1", "LogName='Security'"),
        headers=NTLM,
    ),
    status("ews-password-refused-ntlm", 401, headers={"www-authenticate": "Negotiate"}),
    status("ews-password-refused", 401, OWN, ("DOMAIN\\name",), headers=BASIC),
    status("ews-password-refused", 401),
    coded("ews-password-expired", "ErrorPasswordExpired", OWN, (ACCOUNT,)),
    coded("ews-password-expired", "ErrorPasswordChangeRequired", step=StepName.ACCOUNT),
    coded("ews-account-disabled", "ErrorAccountDisabled", OWN, (ACCOUNT,)),
)

TOKEN_ROWS = (
    seen(
        "ews-token-other-cloud",
        Cause.TOKEN_AUDIENCE,
        StepName.TOKEN,
        PERSON,
        ("https://outlook.office365.us", f"https://{ONLINE_HOST}"),
        scope=Scope.SIGN_IN,
        verdict=Verdict.FIX_SETTINGS,
        got="https://outlook.office365.us",
        wanted=f"https://{ONLINE_HOST}",
    ),
    status("ews-token-other-cloud", 401, holding(PERSON, aud="https://partner.outlook.cn"), headers=BEARER),
    seen(
        "ews-token-wrong-service",
        Cause.TOKEN_AUDIENCE,
        StepName.TOKEN,
        PERSON,
        ("https://graph.microsoft.com", SIGN_IN),
        scope=Scope.SIGN_IN,
        verdict=Verdict.FIX_SETTINGS,
        got="https://graph.microsoft.com",
        wanted=f"https://{ONLINE_HOST}",
    ),
    status(
        "ews-token-wrong-service", 401, holding(PERSON, aud="https://graph.microsoft.com"), headers=BEARER
    ),
    status("ews-token-wrong-service", 401, PERSON, headers=diagnosed(_AUDIENCE)),
    status("ews-token-wrong-service", 401, holding(OWN_TOKEN, aud=f"https://{ONLINE_HOST}"), headers=BEARER),
    status(
        "ews-token-without-right",
        401,
        PERSON,
        ("Office 365 Exchange Online", "EWS.AccessAsUser.All"),
        headers=diagnosed(_SCOPE),
    ),
    coded(
        "ews-token-without-right",
        "ErrorAccessDenied",
        holding(PERSON, **{**CLAIMS, "scp": "SMTP.Send User.Read"}),
        ("SMTP.Send User.Read", SIGN_IN),
    ),
    status("ews-token-expired", 401, PERSON, ("date -u", "expired"), headers=diagnosed(_EXPIRED)),
    status("ews-token-expired", 401, OWN_TOKEN, headers=diagnosed(_EXPIRED)),
    status("ews-oauth-not-enabled", 401, OWN_TOKEN, ("Negotiate, NTLM",), headers=NTLM),
    status("ews-token-refused-own", 401, OWN_TOKEN, headers=BEARER),
    status("ews-token-refused", 401, PERSON, (END, SIGN_IN, MAILBOX), headers=BEARER),
    status("ews-token-refused", 401, holding(ROBOT, aud=CLAIMS["aud"]), (APP, "full_access_as_app")),
    status("ews-token-refused", 401, holding(PERSON, aud="00000002-0000-0ff1-ce00-000000000000")),
    status("ews-token-refused", 401, holding(PERSON, aud="https://outlook.office.com")),
)

_KEPT = (
    "$ids = (Get-OrganizationConfig -RetrieveEwsOperationAccessPolicy).EwsAllowedAppIDs -join ','",
    f"Set-OrganizationConfig -EwsAllowedAppIDs (($ids, '{APP}' | Where-Object {{ $_ }}) -join ',')",
)
_HOURS = ("24 hours", "Microsoft Graph", END)

SWITCH_ROWS = (
    status(
        "ews-disabled-online",
        403,
        PERSON,
        (*_HOURS, *_KEPT, DISABLED["x-ews-policy-reason"], "Set-OrganizationConfig -EwsEnabled $true"),
        headers=DISABLED,
    ),
    status("ews-app-not-on-list", 403, PERSON, (*_HOURS, *_KEPT, APP, "EwsAllowList"), headers=BLOCKED),
    status(
        "ews-not-allowed-online",
        403,
        PERSON,
        (*_HOURS, *_KEPT, "2026-10-01", "2026-06-30", "F1, F3", f"Get-CASMailbox -Identity '{MAILBOX}'"),
    ),
    status("ews-not-allowed-online", 403, exchange_online(host="outlook-dod.office365.us"), _HOURS),
    status("ews-not-allowed-online", 403, exchange_online(host="outlook.sovcloud.de")),
    status("ews-not-allowed-online", 403, ROBOT, headers=OF_EXCHANGE, body=PAGE),
    status(
        "ews-not-allowed", 403, OWN, ("Get-CASMailbox -Identity 'helpdesk@example.org'", "EwsEnabled", "IIS")
    ),
    status("ews-not-allowed", 403, OWN_TOKEN, headers=OF_EXCHANGE, body=PAGE),
)

_ROLE = f"New-ManagementRoleAssignment -App '{APP}' -Role 'Application EWS.AccessAsApp'"

RIGHT_ROWS = (
    coded(
        "ews-app-needs-mailbox", "ErrorInvalidExchangeImpersonationHeaderData", ROBOT, (APP, "auth.username")
    ),
    coded(
        "ews-app-not-allowed",
        "ErrorAccessDenied",
        holding(ROBOT, roles=""),
        (
            _ROLE,
            f"Test-ServicePrincipalAuthorization -Identity '{APP}' -Resource '{MAILBOX}'",
            f"-RecipientRestrictionFilter 'PrimarySmtpAddress -eq ''{MAILBOX}'''",
            "full_access_as_app",
            "Application permissions",
        ),
    ),
    coded("ews-app-not-allowed", "ErrorImpersonateUserDenied", ROBOT, (_ROLE,)),
    coded("ews-app-not-allowed", "ErrorImpersonationDenied", ROBOT, step=StepName.ACCOUNT),
    coded("ews-impersonation-gone", "ErrorImpersonateUserDenied", PERSON, ("February 2025",)),
    coded(
        "ews-impersonation-denied",
        "ErrorImpersonateUserDenied",
        OWN,
        (f"New-ManagementRoleAssignment -Role ApplicationImpersonation -User '{ACCOUNT}'",),
    ),
    coded("ews-impersonation-denied", "ErrorImpersonationDenied"),
    coded("ews-impersonation-denied", "ErrorImpersonationFailed"),
    coded(
        "ews-send-as-denied-online",
        "ErrorSendAsDenied",
        PERSON,
        (f"Add-RecipientPermission -Identity 'helpdesk@example.org' -Trustee '{MAILBOX}'",),
    ),
    coded(
        "ews-send-as-denied-online",
        "ErrorSendAsDenied",
        exchange_online(account="boss@example.org"),
        ("-Identity 'helpdesk@example.org' -Trustee 'boss@example.org'",),
    ),
    coded(
        "ews-send-as-denied",
        "ErrorSendAsDenied",
        OWN,
        (f"Get-Recipient -Identity 'helpdesk@example.org' | Add-ADPermission -User '{ACCOUNT}'",),
    ),
    coded("ews-no-licence", "ErrorInvalidLicense", PERSON, (MAILBOX,)),
    coded("ews-mailbox-alias", "ErrorNonPrimarySmtpAddress", PERSON, ("PrimarySmtpAddress",)),
    coded(
        "ews-mailbox-not-found-online", "ErrorNonExistentMailbox", PERSON, ("MailUser", "server of your own")
    ),
    coded("ews-mailbox-not-found", "ErrorNonExistentMailbox", OWN, ("RemoteUserMailbox", "Exchange Online")),
    coded("ews-mailbox-not-found", "ErrorMissingEmailAddress", step=StepName.ACCOUNT),
    coded("ews-mailbox-not-found", "ErrorInvalidSmtpAddress", step=StepName.ACCOUNT),
    coded("ews-mailbox-not-found", "ErrorInvalidUserPrincipalName"),
    coded("ews-mailbox-not-found", "ErrorMailboxConfiguration"),
    coded("ews-folder-not-found", "ErrorFolderNotFound", OWN, ("ews.keep_copy", "FullAccess")),
    coded(
        "ews-shared-not-allowed",
        "ErrorAccessDenied",
        holding(exchange_online(account="boss@example.org"), **{**CLAIMS, "upn": "Boss@example.org"}),
        (f"Add-MailboxPermission -Identity '{MAILBOX}' -User 'boss@example.org'",),
    ),
    coded("ews-access-denied", "ErrorAccessDenied", OWN, (ACCOUNT,)),
    coded("ews-access-denied", "ErrorAccessDenied", holding(PERSON, **CLAIMS), (END,)),
)

EWS_SIGN_IN_ROWS: tuple[Row, ...] = (*PASSWORD_ROWS, *TOKEN_ROWS, *SWITCH_ROWS, *RIGHT_ROWS)
