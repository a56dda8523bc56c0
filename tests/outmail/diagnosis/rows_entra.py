"""What Microsoft Entra answers when it refuses, each with the entry that explains it."""

from __future__ import annotations

from outmail.diagnosis.finding import Context
from tests.outmail.diagnosis.rows import Row, context
from transports.base import Cause, Failure, Scope, StepName, Verdict

APP = "11111111-2222-3333-4444-555555555555"
TENANT = "99999999-8888-7777-6666-555555555555"
SEND = "https://outlook.office365.com/SMTP.Send"
SIGN_IN = "outmail signin support"
BROWSER = "outmail signin support --way browser"
_TRACE = "Trace ID: 0b5e6f7a-0000-0000-0000-000000000000 Correlation ID: 5d1c Timestamp: 2026-11-22 10:00:00Z"


def entra(grant: str = "device-code", **changes: object) -> Context:
    """A mailbox at Exchange Online that signs in with OAuth."""
    values: dict[str, object] = {
        "provider": "m365",
        "host": "smtp.office365.com",
        "method": "oauth",
        "grant": grant,
        "oauth_provider": "microsoft",
        "client_id": APP,
        "tenant": TENANT,
        "redirect_url": "http://localhost:8765",
        "scopes": (SEND, "offline_access"),
    }
    if grant == "client-credentials":
        values["scopes"] = ("https://outlook.office365.com/.default",)
    return context(**{**values, **changes})


DEVICE, WEB, ALONE = entra(), entra("authorization-code"), entra("client-credentials")


def refused(
    expected: str,
    number: str,
    text: str,
    around: Context = DEVICE,
    shows: tuple[str, ...] = (),
    error: str = "invalid_grant",
) -> Row:
    """Entra's refusal, as the transport records it."""
    return Row(
        expected,
        Failure(
            StepName.TOKEN,
            Scope.SIGN_IN,
            Verdict.FIX_SETTINGS,
            Cause.OAUTH_REFUSED,
            words=f"AADSTS{number}: {text} {_TRACE}",
            facts={"error": error, "aadsts": number, "host": "login.microsoftonline.com"},
        ),
        around,
        (*shows, *([f"https://login.microsoftonline.com/error?code={number}"] if shows else [])),
    )


_CLIENT = "invalid_client"
_REQUEST = "invalid_request"
_UNAUTHORIZED = "unauthorized_client"
_GUEST = (
    "User account '{EUII Hidden}' from identity provider 'live.com' does not exist in tenant 'Example' and "
    "cannot access the application in that tenant. The account needs to be added as an external user first."
)
_NO_SECRET = "The request body must contain the following parameter: 'client_assertion' or 'client_secret'."
_CONDITIONAL = (
    "Access has been blocked by Conditional Access policies. The access policy does not allow token issuance."
)
_CONSENT = (
    f"The user or administrator has not consented to use the application with ID '{APP}' named 'outmail'."
)

PEOPLE_ROWS = (
    refused(
        "entra-personal-account", "50020", _GUEST, shows=(TENANT, "desk@example.org", "consumers", SIGN_IN)
    ),
    refused(
        "entra-wrong-account",
        "50020",
        "User account '{EUII Hidden}' from identity provider 'https://sts.windows.net/77/' does not exist",
        shows=(TENANT, "desk@example.org", SIGN_IN),
    ),
    refused("entra-wrong-account", "50034", "The user account does not exist in the directory.", WEB),
    refused("entra-wrong-account", "16000", "Either multiple user identities are available", WEB),
    refused("entra-wrong-account", "51004", "The user account does not exist in the directory.", WEB),
    refused("entra-account-locked", "50053", "The account is locked.", shows=("desk@example.org",)),
    refused("entra-password-expired", "50055", "The password is expired.", shows=("desk@example.org",)),
    refused("entra-password-expired", "50144", "The user's Active Directory password has expired."),
    refused("entra-user-disabled", "50057", "The user account is disabled.", shows=("--account", SIGN_IN)),
    *(
        refused("entra-second-factor", number, "you must use multi-factor authentication", shows=(SIGN_IN,))
        for number in ("50072", "50074", "50076", "50078", "50079")
    ),
    refused(
        "entra-external-challenge",
        "50158",
        "External security challenge was not satisfied.",
        shows=(BROWSER,),
    ),
    refused(
        "entra-not-assigned",
        "50105",
        "The signed in user is not assigned to a role for the application",
        WEB,
        (APP, f"Enterprise apps > {APP} > Users and groups", "desk@example.org"),
    ),
    refused("entra-password-refused", "50126", "Error validating credentials due to invalid username", WEB),
    *(
        refused(
            "entra-session-revoked", number, "The session is not valid: password changed.", shows=(SIGN_IN,)
        )
        for number in ("50132", "50133", "50173")
    ),
    refused("entra-other-data-center", "50134", "Wrong data center has been specified.", shows=(BROWSER,)),
    refused("entra-device-not-trusted", "53000", "Device is not in required device state: compliant."),
    refused("entra-device-not-trusted", "53001", "Device is not in required device state: domain_joined."),
    refused(
        "entra-device-not-trusted", "53002", "Application used is not an approved application.", shows=(APP,)
    ),
    refused("entra-device-code-blocked", "53003", _CONDITIONAL, DEVICE, (BROWSER, "Sign-in logs")),
    refused("entra-device-code-blocked", "530032", "Blocked by security policy.", DEVICE),
    refused("entra-conditional-access", "53003", _CONDITIONAL, WEB, (APP, "desk@example.org")),
    refused("entra-app-blocked-by-policy", "53003", _CONDITIONAL, ALONE, (APP, "Service principal sign-ins")),
    refused(
        "entra-security-defaults", "530035", "Access has been blocked by security defaults.", shows=(TENANT,)
    ),
    refused("entra-code-used-before", "54005", "OAuth2 Authorization code was already redeemed", WEB),
    refused("entra-sign-in-too-old", "70008", "The provided refresh token has expired due to inactivity."),
    refused(
        "entra-sign-in-too-old",
        "700082",
        "The refresh token has expired due to inactivity.",
        shows=(SIGN_IN,),
    ),
    refused("entra-sign-in-frequency", "70043", "The refresh token has expired by sign-in frequency checks."),
    refused("entra-device-code-wrong", "70018", "Invalid verification code", error="bad_verification_code"),
)

_REDIRECT = (
    "The redirect URI 'http://localhost:8765' specified in the request does not match the redirect URIs "
    f"configured for the application '{APP}'."
)
_NAMED_BY_NUMBER = entra("authorization-code", redirect_url="http://127.0.0.1:8765/back")

APP_ROWS = (
    refused(
        "entra-redirect-not-registered",
        "50011",
        _REDIRECT,
        WEB,
        ("http://localhost:8765", f"App registrations > {APP} > Authentication", "Mobile and desktop"),
        _REQUEST,
    ),
    refused("entra-redirect-not-registered", "70004", "invalid redirect URI", WEB),
    refused("entra-redirect-not-registered", "900971", "No reply address provided.", WEB),
    refused(
        "entra-redirect-needs-localhost",
        "50011",
        "The redirect URI does not match",
        _NAMED_BY_NUMBER,
        ("http://127.0.0.1:8765/back",),
    ),
    refused(
        "entra-redirect-needs-localhost",
        "50011",
        "x",
        entra("authorization-code", redirect_url="http://[::1]:1"),
    ),
    refused(
        "entra-app-disabled", "7000112", f"Application '{APP}'(outmail) is disabled.", shows=(APP, TENANT)
    ),
    refused("entra-app-disabled", "70001", "The application is disabled."),
    refused(
        "entra-app-not-found",
        "700016",
        f"Application with identifier '{APP}' was not found in the directory 'Example'.",
        DEVICE,
        (APP, TENANT, "Application (client) ID"),
        _UNAUTHORIZED,
    ),
    refused("entra-app-not-found", "70001", f"Application with identifier '{APP}' was not found"),
    refused("entra-app-not-found", "700011", f"Application with identifier '{APP}' was not found"),
    refused(
        "entra-secret-wrong",
        "7000215",
        "Invalid client secret provided. Ensure the secret being sent in the request is the client secret "
        f"value, not the client secret ID, for a secret added to app '{APP}'.",
        ALONE,
        (APP, "Secret ID", "Value", f"{APP} > Certificates & secrets"),
        _CLIENT,
    ),
    refused("entra-secret-wrong", "70002", "Error validating credentials.", ALONE, error=_CLIENT),
    refused(
        "entra-secret-expired",
        "7000222",
        f"The provided client secret keys for app '{APP}' are expired.",
        ALONE,
        (APP, "secret_expires"),
        _CLIENT,
    ),
    refused(
        "entra-public-flows-off",
        "7000218",
        _NO_SECRET,
        DEVICE,
        ("Allow public client flows", f"App registrations > {APP} > Authentication", SIGN_IN),
        _CLIENT,
    ),
    refused(
        "entra-web-registration",
        "7000218",
        _NO_SECRET,
        WEB,
        ("Mobile and desktop", "http://localhost:8765", "secret"),
        _CLIENT,
    ),
    refused(
        "entra-no-secret-sent",
        "7000218",
        _NO_SECRET,
        ALONE,
        ("outmail profile certificate support", "Certificates & secrets"),
        _CLIENT,
    ),
    refused(
        "entra-secret-not-wanted", "700025", "Client is public so neither is allowed.", WEB, (APP,), _CLIENT
    ),
    refused("entra-clock-wrong", "500133", "Assertion is not within its valid time range.", ALONE),
    refused("entra-clock-wrong", "700024", "Client assertion is not within its valid time range.", ALONE),
    refused(
        "entra-certificate-refused",
        "700027",
        "The certificate with identifier used to sign the client assertion is not registered on application.",
        ALONE,
        (APP, "outmail profile certificate support", "Upload certificate"),
        _CLIENT,
    ),
    refused("entra-certificate-refused", "50012", "Authentication failed during assertion", ALONE),
    refused("entra-certificate-refused", "700030", "Invalid certificate", ALONE),
    refused("entra-consent-declined", "65004", "User declined to consent to access the app.", WEB, (SEND,)),
    refused(
        "entra-admin-consent-needed",
        "90094",
        "Admin consent is required for the permissions requested",
        WEB,
        (SEND,),
    ),
    refused("entra-admin-consent-needed", "90095", "Admin consent request required", WEB, (APP, TENANT)),
    refused("entra-consent-missing", "65001", _CONSENT, WEB, (SEND, "SMTP.Send", "Delegated permissions")),
    refused(
        "entra-consent-missing-app",
        "65001",
        _CONSENT,
        ALONE,
        ("SMTP.SendAsApp", "Office 365 Exchange Online > Application permissions"),
    ),
    refused(
        "entra-permission-not-listed",
        "650057",
        "Invalid resource. The client has requested access to a resource which is not listed",
        WEB,
        (SEND, f"{APP} > API permissions"),
    ),
    refused("entra-permission-not-listed", "650056", "Misconfigured application.", WEB),
    refused("entra-service-not-in-tenant", "650052", "The app needs access to a service", WEB, (TENANT,)),
    refused(
        "entra-service-not-found",
        "500011",
        "The resource principal named https://graph.microsoft.com/SMTP.Send was not found in the tenant",
        entra(scopes=("https://graph.microsoft.com/SMTP.Send/x",)),
        ("https://graph.microsoft.com/SMTP.Send/x", TENANT),
    ),
    refused(
        "entra-several-services", "700022", "InvalidMultipleResourcesScope", DEVICE, (SEND,), "invalid_scope"
    ),
    refused("entra-scope-invalid", "70011", "The provided value for scope is not valid.", DEVICE, (SEND,)),
    refused("entra-scope-invalid", "28002", "Provided value for the input parameter scope isn't valid"),
    refused("entra-scope-invalid", "700023", "InvalidResourcelessScope"),
    refused(
        "entra-grant-not-supported", "70003", "The app requested an unsupported grant type", shows=(APP,)
    ),
    refused("entra-single-page-redirect", "700084", "The refresh token was issued to a single page app", WEB),
    refused("entra-grant-malformed", "70000", "The provided value for the code is not valid.", WEB),
    refused("entra-grant-malformed", "9002313", "Invalid request. Request is malformed or invalid.", WEB),
)

TENANT_ROWS = (
    refused(
        "entra-wrong-cloud",
        "900382",
        "Confidential Client is not supported in Cross Cloud request.",
        DEVICE,
        (TENANT, "us-gov", "login.microsoftonline.com knows"),
    ),
    refused("entra-wrong-cloud", "90038", "The tenant is in another National Cloud"),
    refused("entra-wrong-cloud", "900432", "Confidential Client is not supported in Cross Cloud request."),
    refused(
        "entra-tenant-unknown",
        "90002",
        "Tenant 'example.invalid' not found. Check to make sure you have the correct tenant ID and cloud.",
        entra(tenant="example.invalid"),
        ("example.invalid", "login.microsoftonline.com"),
    ),
    refused("entra-tenant-unknown", "50059", "No tenant-identifying information found"),
    refused("entra-tenant-unknown", "50128", "Invalid domain name - No tenant-identifying information found"),
    refused(
        "entra-tenant-needed",
        "50194",
        f"Application '{APP}'(outmail) is not configured as a multi-tenant application.",
        entra(tenant="organizations"),
        ("organizations", APP, "Tenant ID"),
    ),
    *(refused("entra-tenant-needed", n, "not over /common", ALONE) for n in ("90130", "9001023", "90124")),
    refused(
        "entra-work-accounts-only", "9002332", "is configured for use by Azure AD users only", shows=(APP,)
    ),
    refused("entra-asked-too-often", "50196", "The server terminated an operation: loop"),
    refused("entra-asked-too-often", "90055", "Tenant throttled"),
    *(
        refused("entra-trouble", n, "A transient error has occurred. Please try again.")
        for n in ("90033", "90006", "90012", "90024", "50033", "50087", "90090")
    ),
    refused("entra-other-number", "1234567", "Nobody has ever seen this", shows=("AADSTS1234567",)),
)

ENTRA_ROWS = (*PEOPLE_ROWS, *APP_ROWS, *TENANT_ROWS)
