"""Which field of the wizard an admin should look at first after a failure of the live check.

Plain tables and one pure function; it explains nothing: that is the diagnosis.
"""

from __future__ import annotations

from outmail.engine.draft_pages import (
    CA_FILE,
    CERTIFICATE,
    CLIENT_ID,
    CLIENT_SECRET,
    ENDPOINT,
    EWS_URL,
    FILES,
    FROM,
    HOST,
    MECHANISM,
    METHOD,
    PASSWORD,
    PORT,
    PROXY_PASSWORD,
    PROXY_URL,
    REDIRECT_URL,
    SCHEME,
    SCOPES,
    SECURITY,
    SIGN_IN_NOW,
    TENANT,
    TOKEN_URL,
    USERNAME,
    alternate,
)
from transports.base import Cause, Failure, Scope, StepName

_BY_CAUSE = {
    Cause.NAME_NOT_FOUND: HOST,
    Cause.NAME_LOOKUP_FAILED: HOST,
    Cause.CONNECTION_REFUSED: PORT,
    Cause.UNREACHABLE: HOST,
    Cause.TIMED_OUT: HOST,
    Cause.CONNECTION_LOST: PORT,
    Cause.PROXY_UNREACHABLE: PROXY_URL,
    Cause.PROXY_SIGN_IN: PROXY_PASSWORD,
    Cause.PROXY_REFUSED: PROXY_URL,
    Cause.CERTIFICATE_EXPIRED: HOST,
    Cause.CERTIFICATE_NOT_YET_VALID: HOST,
    Cause.CERTIFICATE_SELF_SIGNED: CA_FILE,
    Cause.CERTIFICATE_UNKNOWN_ISSUER: CA_FILE,
    Cause.CERTIFICATE_WRONG_NAME: HOST,
    Cause.CERTIFICATE_INVALID: CA_FILE,
    Cause.CA_FILE_UNUSABLE: CA_FILE,
    Cause.TLS_VERSION: SECURITY,
    Cause.TLS_FAILED: SECURITY,
    Cause.TLS_ON_PLAIN_PORT: SECURITY,
    Cause.PLAIN_ON_TLS_PORT: SECURITY,
    Cause.NOT_SMTP: PORT,
    Cause.STARTTLS_NOT_OFFERED: SECURITY,
    Cause.STARTTLS_REFUSED: SECURITY,
    Cause.STARTTLS_INJECTED: SECURITY,
    Cause.AUTH_NOT_OFFERED: METHOD,
    Cause.AUTH_NO_COMMON_MECHANISM: MECHANISM,
    Cause.AUTH_NEEDS_TLS: SECURITY,
    Cause.SMTPUTF8_NOT_OFFERED: FROM,
    Cause.SIGN_IN_NEEDED: SIGN_IN_NOW,
    Cause.OAUTH_DECLINED: SIGN_IN_NOW,
    Cause.OAUTH_CODE_EXPIRED: SIGN_IN_NOW,
    Cause.OAUTH_WRONG_STATE: SIGN_IN_NOW,
    Cause.TOKEN_NOT_KEPT: SIGN_IN_NOW,
    Cause.CREDENTIAL_ENDS_SOON: CLIENT_SECRET,
    Cause.OAUTH_NOT_STANDARD: TOKEN_URL,
    Cause.OAUTH_UNAVAILABLE: TOKEN_URL,
    Cause.OAUTH_WRONG_ISSUER: TENANT,
    Cause.OAUTH_SETTINGS: CLIENT_ID,
    Cause.SCOPE_MISSING: SCOPES,
    Cause.ACCOUNT_DIFFERS: USERNAME,
    Cause.TOKEN_AUDIENCE: SCOPES,
}
"""Where to look first, by what was seen on our side of the wire."""

_AADSTS = {
    "7000215": CLIENT_SECRET,  # the secret's ID instead of its value
    "7000222": CLIENT_SECRET,  # it has ended
    "7000216": CLIENT_SECRET,
    "700027": FILES[CERTIFICATE],
    "700016": CLIENT_ID,
    "700038": CLIENT_ID,
    "90002": TENANT,
    "50194": TENANT,
    "50020": TENANT,
    "900023": TENANT,
    "50011": REDIRECT_URL,
    "500113": REDIRECT_URL,
    "70011": SCOPES,
    "28002": SCOPES,
    "700022": SCOPES,
    "500011": SCOPES,
    "1002012": SCOPES,
}
"""Entra's own numbers (learn.microsoft.com: Microsoft Entra authentication and authorization error codes)."""

_OAUTH_ERRORS = {
    "invalid_client": CLIENT_SECRET,
    "unauthorized_client": CLIENT_ID,
    "invalid_scope": SCOPES,
    "redirect_uri_mismatch": REDIRECT_URL,
    "invalid_grant": SIGN_IN_NOW,
    "interaction_required": SIGN_IN_NOW,
}
"""RFC 6749, sections 4.1.2.1 and 5.2, and Google's own."""

_BY_STEP = {
    StepName.PROXY: PROXY_URL,
    StepName.AUTHENTICATE: PASSWORD,
    StepName.SENDER: FROM,
    StepName.PERMISSION: FROM,
    StepName.SEND: FROM,
}
"""Where to look first when the server itself said no, by the step at which it did."""

_BY_SCOPE = {Scope.SIGN_IN: PASSWORD, Scope.SENDER: FROM}

_SERVER_FIELDS = {HOST, PORT, SECURITY}
_NOT_OF_GRAPH = {
    HOST: ENDPOINT,
    PORT: ENDPOINT,
    SECURITY: ENDPOINT,
    METHOD: USERNAME,
    MECHANISM: USERNAME,
}
"""Where to look instead, where mail leaves through Graph: there is one address, and one way to sign in."""

_NOT_OF_EWS = {HOST: EWS_URL, PORT: EWS_URL, SECURITY: EWS_URL}
"""Where to look instead, where mail leaves through EWS: there is one URL."""


def concerned(
    failure: Failure, server: str = "primary", method: str = "basic", protocol: str = "smtp"
) -> str:
    """The field to look at first after this failure of that server (primary, alternate …).

    `method` is how the profile signs in: with OAuth there is no password to look at.
    """
    field = _of_oauth(failure) or _BY_CAUSE.get(failure.cause) or _BY_STEP.get(failure.step)
    field = field or _BY_SCOPE.get(failure.scope) or HOST
    if failure.step is StepName.TOKEN and field in _SERVER_FIELDS:
        field = TOKEN_URL  # it is the authority that was not reached, not the mail server
    if field == PASSWORD and method == "oauth":
        field = USERNAME
    if protocol == "graph":
        return _NOT_OF_GRAPH.get(field, field)
    if protocol == "ews":
        if field == MECHANISM:
            return SCHEME if method == "basic" else USERNAME
        return _NOT_OF_EWS.get(field, field)
    part = field.removeprefix("smtp.")
    if part == field or server == "primary":
        return field
    return alternate(int(server.removeprefix("alternate").lstrip("-") or 1), part)


def _of_oauth(failure: Failure) -> str:
    if failure.cause is not Cause.OAUTH_REFUSED:
        return ""
    facts = failure.facts
    return _AADSTS.get(facts.get("aadsts", "")) or _OAUTH_ERRORS.get(facts.get("error", ""), CLIENT_ID)
