"""What mail servers answer to a token, each with the entry that explains it; the token's claims decide."""

from __future__ import annotations

from dataclasses import replace

from outmail.diagnosis.finding import Context
from tests.outmail.diagnosis.rows import Row, context, said
from tests.outmail.diagnosis.rows_entra import ALONE, APP, SIGN_IN, WEB, entra
from tests.outmail.diagnosis.rows_oauth import GOOGLE, HOUSE_IDP, MAIL, ROBOT, other
from transports.base import Cause, Failure, Scope, StepName, Verdict

_AUTH = StepName.AUTHENTICATE
_EXO = "[AM0PR01CA0099.eurprd01.prod.outlook.com 2026-11-22T10:00:00.000Z 08DE29C0]"
_573 = f"535 5.7.3 Authentication unsuccessful {_EXO}"
_139 = "535 5.7.139 Authentication unsuccessful,"
_GMAIL = "535 5.7.8 Username and Password not accepted. For more information, go to a1-2 - gsmtp"
EXCHANGE = "https://outlook.office.com"
DELEGATED = {"aud": EXCHANGE, "scp": "SMTP.Send", "upn": "desk@example.org", "tid": "t", "appid": APP}


def with_token(around: Context, **claims: str) -> Context:
    """The same profile, with a token that says this of itself."""
    return replace(around, token=claims)


def answered(expected: str, answer: str, around: Context, shows: tuple[str, ...] = (), **facts: str) -> Row:
    """A server's answer to the token, with what its JSON behind 334 said."""
    row = said(expected, _AUTH, answer, around)
    return replace(row, failure=replace(row.failure, facts=facts), shows=shows)


def _saw(expected: str, cause: Cause, around: Context, **facts: str) -> Row:
    failure = Failure(_AUTH, Scope.SIGN_IN, Verdict.FIX_SETTINGS, cause, words=str(cause), facts=facts)
    return Row(expected, failure, around)


_REGISTERED = (
    "Connect-ExchangeOnline",
    f"$sp = Get-MgServicePrincipal -Filter 'AppId eq ''{APP}'''",
    f"New-ServicePrincipal -AppId '{APP}' -ObjectId $sp.Id",
    "Add-MailboxPermission -Identity 'desk@example.org' -User $sp.Id -AccessRights FullAccess",
)
_BOSS = {**DELEGATED, "upn": "Boss@example.org"}

EXCHANGE_ROWS = (
    answered(
        "exchange-token-wrong-service",
        _573,
        with_token(WEB, **{**DELEGATED, "aud": "https://graph.microsoft.com", "scp": "SMTP.Send Mail.Send"}),
        ("https://graph.microsoft.com", SIGN_IN),
    ),
    answered(
        "exchange-token-wrong-service",
        _573,
        with_token(ALONE, aud="00000003-0000-0000-c000-000000000000", roles="Mail.Send"),
    ),
    answered(
        "exchange-app-without-mailbox",
        _573,
        with_token(ALONE, aud=EXCHANGE, roles="SMTP.SendAsApp", appid=APP),
        _REGISTERED,
    ),
    answered(
        "exchange-app-not-allowed",
        _573,
        with_token(ALONE, aud="https://outlook.office365.com", appid=APP),
        (
            *_REGISTERED,
            f"Test-ServicePrincipalAuthorization -Identity '{APP}' -Resource 'desk@example.org'",
            "SMTP.SendAsApp",
        ),
    ),
    answered("exchange-app-not-allowed", _573, with_token(entra("managed-identity"), idtyp="app")),
    answered(
        "exchange-token-without-right",
        _573,
        with_token(WEB, **{**DELEGATED, "scp": "IMAP.AccessAsUser.All User.Read"}),
        ("IMAP.AccessAsUser.All", f"{APP} > API permissions", "SMTP.Send"),
    ),
    answered(
        "exchange-token-shared-mailbox",
        _573,
        with_token(entra("device-code", account="boss@example.org"), **_BOSS),
        (
            "boss@example.org",
            "Add-MailboxPermission -Identity 'desk@example.org' -User 'boss@example.org'",
            "Add-RecipientPermission -Identity 'desk@example.org' -Trustee 'boss@example.org'",
        ),
    ),
    answered(
        "exchange-token-other-account",
        _573,
        with_token(WEB, **_BOSS),
        ("boss@example.org", "outmail signin support --account boss@example.org"),
    ),
    answered("exchange-token-refused", _573, with_token(WEB, **DELEGATED), ("desk@example.org", SIGN_IN)),
    answered("exchange-token-refused", _573, WEB),
    answered("exchange-token-refused", _573, context(method="oauth")),
    answered(
        "exchange-token-refused",
        _573,
        with_token(WEB, **{**DELEGATED, "aud": "00000002-0000-0ff1-ce00-000000000000"}),
    ),
    answered(
        "exchange-token-refused",
        _573,
        with_token(WEB, **{**DELEGATED, "aud": "https://outlook.office365.us/"}),
    ),
    answered(
        "m365-smtp-auth-disabled",
        f"{_139} SmtpClientAuthentication is disabled for the Tenant. {_EXO}",
        with_token(WEB, **DELEGATED),
        ("Set-CASMailbox -Identity 'desk@example.org'",),
    ),
    answered(
        "m365-smtp-auth-disabled-mailbox",
        f"{_139} SmtpClientAuthentication is disabled for the Mailbox. {_EXO}",
        with_token(ALONE, roles="SMTP.SendAsApp"),
    ),
    answered(
        "m365-token-security-defaults",
        f"{_139} user is locked by your organization's security defaults policy. {_EXO}",
        WEB,
        ("Set-CASMailbox -Identity 'desk@example.org'",),
    ),
    answered("m365-token-blocked", f"{_139} the request did not meet the criteria {_EXO}", WEB),
    answered("m365-token-blocked", f"{_139} basic authentication is disabled. {_EXO}", WEB),
    answered("m365-token-blocked", f"{_139} the user credentials were incorrect. {_EXO}", ALONE),
    answered("m365-token-blocked", f"{_139} nobody knows {_EXO}", WEB),
)

GOOGLE_ROWS = (
    answered("google-token-wrong-scope", _GMAIL, other("google", scopes=("email",)), ("email", MAIL)),
    answered(
        "google-token-service-account", _GMAIL, ROBOT, ("desk@example.org", "status 400"), oauth_status="400"
    ),
    answered(
        "google-token-refused",
        _GMAIL,
        GOOGLE,
        ("desk@example.org", "status 401", SIGN_IN),
        oauth_status="401",
        oauth_scope=MAIL,
    ),
    answered("google-token-refused", _GMAIL, context(method="oauth")),
)

OTHER_ROWS = (
    _saw("token-needs-tls", Cause.AUTH_NEEDS_TLS, other("custom", security="none")),
    _saw("token-not-understood", Cause.AUTH_NO_COMMON_MECHANISM, HOUSE_IDP, mechanisms="PLAIN LOGIN"),
    answered(
        "token-refused-scope",
        "535 5.7.8 Authentication failed",
        HOUSE_IDP,
        ("mail:submit", "mail:send", SIGN_IN),
        oauth_status="401",
        oauth_scope="mail:submit",
    ),
    answered(
        "token-refused",
        "535 5.7.8 Authentication failed",
        HOUSE_IDP,
        ("desk@example.org", "status 401", "5.7.8 Authentication failed"),
        oauth_status="401",
        oauth_scope="mail:send",
    ),
    answered(
        "token-refused",
        "535 5.7.8 Authentication failed.",
        HOUSE_IDP,
        ("desk@example.org", SIGN_IN),
        oauth_status="401",
        oauth_scope="mail",
    ),
    answered(
        "token-other-account",
        "535 5.7.8 Authentication failed.",
        with_token(HOUSE_IDP, upn="boss@example.org"),
        ("boss@example.org", "desk@example.org", SIGN_IN),
        oauth_status="401",
        oauth_scope="mail:submit",
    ),
    answered("token-refused", "535 5.7.8 no", context(method="oauth", provider="yahoo")),
    answered("token-not-taken", "500 5.5.2 Line too long", HOUSE_IDP),
    answered("account-locked", "535 5.7.8 Your account has been locked", HOUSE_IDP),
    answered("auth-temporary", "454 4.7.0 Temporary authentication failure", HOUSE_IDP),
)

TOKEN_ROWS = (*EXCHANGE_ROWS, *GOOGLE_ROWS, *OTHER_ROWS)
