"""What goes wrong at a sign-in with any provider, on the way to it, and with Google."""

from __future__ import annotations

from outmail.diagnosis.finding import Context
from tests.outmail.diagnosis.rows import Row, context
from tests.outmail.diagnosis.rows_entra import ALONE, APP, BROWSER, DEVICE, SEND, SIGN_IN, WEB, entra
from transports.base import Cause, Failure, Scope, StepName, Verdict

MAIL = "https://mail.google.com/"


def other(provider: str, grant: str = "authorization-code", **changes: object) -> Context:
    """A mailbox that signs in with Google or a provider of one's own."""
    values: dict[str, object] = {
        "method": "oauth",
        "grant": grant,
        "oauth_provider": provider,
        "client_id": "client-7",
        "redirect_url": "http://localhost:8765",
        "scopes": (MAIL,) if provider == "google" else ("mail:send",),
    }
    if provider == "google":
        values |= {"provider": "gmail", "host": "smtp.gmail.com"}
    return context(**{**values, **changes})


HOUSE_IDP, GOOGLE = other("custom"), other("google")
GOOGLE_CODE, ROBOT = other("google", "device-code"), other("google", "service-account")


def seen(
    expected: str,
    cause: Cause,
    around: Context = DEVICE,
    shows: tuple[str, ...] = (),
    words: str = "so it was",
    step: StepName = StepName.TOKEN,
    **facts: str,
) -> Row:
    """What we saw ourselves, at the authority's host."""
    facts.setdefault("host", "login.example.net")
    failure = Failure(step, Scope.SIGN_IN, Verdict.FIX_SETTINGS, cause, words=words, facts=facts)
    return Row(expected, failure, around, shows)


def refused(
    expected: str, error: str, words: str, around: Context = HOUSE_IDP, shows: tuple[str, ...] = ()
) -> Row:
    """The error answer of RFC 6749, section 5.2."""
    return seen(expected, Cause.OAUTH_REFUSED, around, shows, words, error=error)


_THERE = "login.example.net:443"
_PROXY = entra(proxy="http://proxy.example.org:3128")

WAY_ROWS = (
    seen(
        "sign-in-proxy-refused",
        Cause.PROXY_REFUSED,
        _PROXY,
        (_THERE, "--proxy http://proxy.example.org:3128 https://login.example.net:443"),
    ),
    seen("sign-in-name-not-found", Cause.NAME_NOT_FOUND, shows=("getent hosts login.example.net",)),
    seen("sign-in-name-not-found", Cause.NAME_LOOKUP_FAILED),
    seen("sign-in-unreachable", Cause.TIMED_OUT, shows=(_THERE, "login.example.net 443")),
    seen("sign-in-unreachable", Cause.CONNECTION_REFUSED, shows=("[::1]:8443",), host="[::1]:8443"),
    seen("sign-in-unreachable", Cause.UNREACHABLE),
    seen("sign-in-certificate-untrusted", Cause.CERTIFICATE_UNKNOWN_ISSUER, shows=(f"-connect {_THERE}",)),
    seen("sign-in-certificate-untrusted", Cause.CERTIFICATE_SELF_SIGNED),
    seen("sign-in-certificate-date", Cause.CERTIFICATE_EXPIRED),
    seen("sign-in-certificate-date", Cause.CERTIFICATE_NOT_YET_VALID),
    seen("sign-in-certificate-wrong", Cause.CERTIFICATE_WRONG_NAME, shows=("for login.example.net",)),
    seen("sign-in-certificate-wrong", Cause.CERTIFICATE_INVALID),
    *(
        seen("sign-in-no-tls", cause)
        for cause in (
            *(Cause.CONNECTION_LOST, Cause.TLS_FAILED, Cause.TLS_VERSION),
            *(Cause.TLS_ON_PLAIN_PORT, Cause.PLAIN_ON_TLS_PORT),
        )
    ),
    seen("proxy-unreachable", Cause.PROXY_UNREACHABLE, _PROXY, ("http://proxy.example.org:3128",)),
    seen("proxy-sign-in", Cause.PROXY_SIGN_IN, _PROXY, ("http://proxy.example.org:3128",)),
    seen("ca-file-unusable", Cause.CA_FILE_UNUSABLE, words="no certificate in /etc/x.pem"),
)

_ODD = Cause.OAUTH_NOT_STANDARD

OWN_ROWS = (
    seen("sign-in-needed", Cause.SIGN_IN_NEEDED, DEVICE, ("support", "desk@example.org", SIGN_IN)),
    seen("sign-in-needed-app", Cause.SIGN_IN_NEEDED, ALONE, (APP, SIGN_IN)),
    seen("oauth-declined", Cause.OAUTH_DECLINED, DEVICE, (APP, SIGN_IN)),
    seen(
        "entra-consent-declined",
        Cause.OAUTH_DECLINED,
        WEB,
        (APP, SEND),
        "AADSTS65004: User declined to consent to access the app.",
        error="access_denied",
    ),
    refused("oauth-declined", "authorization_declined", "The user declined", DEVICE),
    seen("oauth-code-expired-entra", Cause.OAUTH_CODE_EXPIRED, DEVICE, (SIGN_IN, BROWSER, "53003")),
    seen("oauth-code-expired-device", Cause.OAUTH_CODE_EXPIRED, other("custom", "device-code"), (SIGN_IN,)),
    refused("oauth-code-expired-device", "expired_token", "The code expired", other("custom", "device-code")),
    seen("oauth-code-expired", Cause.OAUTH_CODE_EXPIRED, WEB, (SIGN_IN,)),
    seen("oauth-login-page", _ODD, shows=("login.example.net", "curl", f"https://{_THERE}"), what="html"),
    seen(
        "oauth-login-page",
        _ODD,
        _PROXY,
        ("curl -v --max-time 20 --proxy http://proxy.example.org:3128 https://login.example.net:443",),
        what="html",
    ),
    seen("oauth-answer-huge", _ODD, what="huge"),
    seen("oauth-answer-types", _ODD, what="types"),
    seen("oauth-id-token", _ODD, what="id_token"),
    seen("oauth-not-http", _ODD, what="not-http", shows=(_THERE,)),
    seen("oauth-not-standard", _ODD, what="something else", words="no code in it", shows=("no code in it",)),
    seen("oauth-not-standard", _ODD),
    seen("oauth-wrong-state", Cause.OAUTH_WRONG_STATE),
    seen(
        "oauth-wrong-issuer", Cause.OAUTH_WRONG_ISSUER, words="https://evil.example", shows=("evil.example",)
    ),
    seen(
        "oauth-settings",
        Cause.OAUTH_SETTINGS,
        words="no client secret",
        shows=("no client secret", "OAuth 2"),
    ),
    seen("oauth-unavailable", Cause.OAUTH_UNAVAILABLE, words="503", shows=("login.example.net", "503")),
    refused("oauth-unavailable", "server_error", "sorry"),
    refused("oauth-unavailable", "temporarily_unavailable", "later"),
    seen("scope-missing-google", Cause.SCOPE_MISSING, GOOGLE, ("desk@example.org", SIGN_IN)),
    seen("scope-missing-entra", Cause.SCOPE_MISSING, WEB, (SEND, f"{APP} > API permissions", "SMTP.Send")),
    seen("scope-missing", Cause.SCOPE_MISSING, HOUSE_IDP, ("mail:send", "client-7")),
    seen(
        "account-differs",
        Cause.ACCOUNT_DIFFERS,
        DEVICE,
        (
            "boss@example.org signed in",
            "desk@example.org",
            "outmail signin support --account boss@example.org",
        ),
        step=StepName.ACCOUNT,
        wanted="desk@example.org",
        got="boss@example.org",
    ),
    seen(
        "token-being-renewed",
        Cause.TOKEN_NOT_KEPT,
        words="by ann (process 7)",
        shows=("(process 7)",),
        store="locked",
    ),
    seen(
        "client-secret-ends-soon",
        Cause.CREDENTIAL_ENDS_SOON,
        shows=("2026-12-09", "days left: 11", "outmail check support"),
        what="client secret",
        until="2026-12-09",
        days="11",
    ),
    seen(
        "client-certificate-ends-soon",
        Cause.CREDENTIAL_ENDS_SOON,
        shows=("2026-12-09", "outmail profile certificate"),
        what="certificate",
        until="2026-12-09",
        days="11",
    ),
    seen("token-not-kept", Cause.TOKEN_NOT_KEPT, words="No space left on device", shows=("No space left",)),
)

ERROR_ROWS = (
    refused("oauth-interaction-needed", "interaction_required", "second factor"),
    refused("oauth-interaction-needed", "login_required", "who are you"),
    refused("oauth-interaction-needed", "consent_required", "may it"),
    refused(
        "oauth-redirect-mismatch", "redirect_uri_mismatch", "no", shows=("exactly http://localhost:8765",)
    ),
    refused("oauth-redirect-mismatch", "invalid_request", "redirect_uri did not match any registered"),
    refused("oauth-invalid-client", "invalid_client", "client authentication failed", shows=("client-7",)),
    refused(
        "oauth-invalid-grant-app", "invalid_grant", "bad assertion", other("custom", "client-credentials")
    ),
    refused("oauth-invalid-grant", "invalid_grant", "grant request is invalid", shows=("login.example.net",)),
    refused("oauth-invalid-scope", "invalid_scope", "requested scope is not allowed", shows=("mail:send",)),
    refused("oauth-invalid-scope", "invalid_target", "no such resource"),
    refused("oauth-unauthorized-client", "unauthorized_client", "grant not allowed", shows=("client-7",)),
    refused("oauth-unsupported-grant", "unsupported_grant_type", "no device code here", shows=(BROWSER,)),
    refused("oauth-unsupported-grant", "unsupported_response_type", "no code here"),
    refused(
        "oauth-access-denied", "access_denied", "End-User aborted interaction", shows=("desk@example.org",)
    ),
    refused(
        "oauth-invalid-request", "invalid_request", "missing parameter 'x'", shows=("missing parameter",)
    ),
    refused("oauth-refused", "odd_error", "never heard of", shows=("odd_error", "never heard of")),
    refused("oauth-refused", "", "nothing said", shows=("no known error",)),
)

GOOGLE_ROWS = (
    refused(
        "google-delegation-missing",
        "unauthorized_client",
        "Client is unauthorized to retrieve access tokens using this method, or client not authorized for "
        "any of the scopes requested.",
        ROBOT,
        ("client-7", MAIL, "Manage domain-wide delegation"),
    ),
    refused("google-delegation-missing", "access_denied", "Requested client not authorized.", ROBOT),
    refused(
        "google-service-account-clock",
        "invalid_grant",
        "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check "
        "your iat and exp values in the JWT claim.",
        ROBOT,
        ("date -u",),
    ),
    refused("google-service-account-key", "invalid_grant", "Invalid JWT Signature.", ROBOT),
    refused("google-service-account-key", "invalid_grant", "Invalid grant: account not found", ROBOT),
    refused("google-service-account-key", "invalid_client", "The OAuth client was not found.", ROBOT),
    refused(
        "google-service-account-mailbox",
        "invalid_grant",
        "Invalid email or User ID",
        ROBOT,
        ("desk@example.org",),
    ),
    refused("google-service-account-mailbox", "invalid_grant", "Not a user associated with it", ROBOT),
    refused(
        "google-device-scope",
        "invalid_scope",
        f"Invalid device flow scope: {MAIL}",
        GOOGLE_CODE,
        (BROWSER, MAIL),
    ),
    refused("google-scope-invalid", "invalid_scope", "Some requested scopes were invalid.", GOOGLE, (MAIL,)),
    refused(
        "google-app-not-trusted", "admin_policy_enforced", "admin_policy_enforced", GOOGLE, ("client-7",)
    ),
    refused("google-internal-app", "org_internal", "org_internal", GOOGLE, ("desk@example.org",)),
    refused(
        "google-client-deleted", "deleted_client", "The OAuth client was deleted.", GOOGLE, ("client-7",)
    ),
    refused(
        "google-client-type",
        "invalid_request",
        "Localhost URI is not allowed for 'NATIVE_DEVICE' client type.",
        GOOGLE,
        ("http://localhost:8765", "Desktop app"),
    ),
    refused(
        "google-redirect-mismatch", "redirect_uri_mismatch", "no", GOOGLE, ("exactly http://localhost:8765",)
    ),
    refused("google-client-secret", "invalid_request", "client_secret is missing.", GOOGLE, ("client-7",)),
    refused("google-client-secret", "invalid_client", "Unauthorized", GOOGLE),
    refused(
        "google-grant-ended",
        "invalid_grant",
        "Token has been expired or revoked.",
        GOOGLE,
        ("7 days", SIGN_IN),
    ),
    refused("google-access-denied", "access_denied", "The user did not consent", GOOGLE, ("test users",)),
    seen("google-access-denied", Cause.OAUTH_DECLINED, GOOGLE),
)

OAUTH_ROWS = (*WAY_ROWS, *OWN_ROWS, *ERROR_ROWS, *GOOGLE_ROWS)
