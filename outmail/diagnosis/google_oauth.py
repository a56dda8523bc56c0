"""Known refusals of Google's sign-in: clients, testing apps, service accounts, rules of a Workspace."""

from __future__ import annotations

from outmail.diagnosis.case import Case
from outmail.diagnosis.entry import TENANT_ADMIN, Entry
from transports.base import Cause

_SIGN_IN = "outmail signin {profile}"
_BROWSER = "outmail signin {profile} --way browser"
_CLIENTS = "console.cloud.google.com > Google Auth Platform > Clients"
_AUDIENCE = "console.cloud.google.com > Google Auth Platform > Audience"
_KEYS = "console.cloud.google.com > IAM & Admin > Service Accounts > the account > Keys"
_API_CONTROLS = "admin.google.com > Security > Access and data control > API controls"
_DELEGATION = f"{_API_CONTROLS} > Manage domain-wide delegation > Add new"
_APP_ACCESS = f"{_API_CONTROLS} > Manage third-party app access"


def _error(case: Case, *errors: str) -> bool:
    return case.google_accounts and case.is_error(*errors)


def _says(case: Case, *words: str) -> bool:
    return case.google_accounts and case.refused_by_authority and case.says(*words)


def _service_account(case: Case) -> bool:
    return case.google_accounts and case.by("service-account")


def _denied(case: Case) -> bool:
    return case.google_accounts and (case.cause is Cause.OAUTH_DECLINED or case.is_error("access_denied"))


GOOGLE_SIGN_IN = (
    Entry(
        id="google-delegation-missing",
        title="The Workspace has not allowed the service account to send for its mailboxes",
        cause="Domain-wide delegation is missing for {app}, or for the scope {scopes}: {words}",
        remedy=(
            "In the Admin console add {app} (the client_id number in the key file) with exactly the scope "
            "https://mail.google.com/. It takes some minutes to work, a day at most."
        ),
        when=lambda c: _service_account(c) and c.is_error("unauthorized_client", "access_denied"),
        commands=("outmail check {profile}",),
        where=_DELEGATION,
        who=TENANT_ADMIN,
    ),
    Entry(
        id="google-service-account-clock",
        title="The clock of this machine is wrong for Google",
        cause="What the service account signed seems to be from another time: {words}",
        remedy="Set the clock and let it be kept by NTP, then check again.",
        when=lambda c: (
            _service_account(c)
            and c.is_error("invalid_grant")
            and c.says("short-lived", "iat and exp", "timeframe")
        ),
        commands=("date -u", "timedatectl", "outmail check {profile}"),
    ),
    Entry(
        id="google-service-account-key",
        title="Google does not know the service account's key any more",
        cause="The key of the profile was deleted or belongs to another account: {words}",
        remedy="Make a new key (JSON) and enter its file as auth.oauth.service_account.",
        when=lambda c: (
            (_service_account(c) and c.is_error("invalid_client"))
            or (
                _service_account(c)
                and c.is_error("invalid_grant")
                and c.says("signature", "account not found", "service account")
            )
        ),
        commands=("outmail check {profile}",),
        where=_KEYS,
    ),
    Entry(
        id="google-service-account-mailbox",
        title="The Workspace has no such mailbox for the service account",
        cause="Google does not let the service account act for {signer}: {words}",
        remedy=(
            "Set auth.username to the mailbox's own address, not to an alias or a group. The mailbox must "
            "be in the Workspace, and gmail.com addresses have no service accounts."
        ),
        when=lambda c: _service_account(c) and c.is_error("invalid_grant"),
        commands=("outmail check {profile}",),
        where="admin.google.com > Directory > Users",
    ),
    Entry(
        id="google-device-scope",
        title="Google does not give the right to send mail to devices",
        cause="The scope https://mail.google.com/ is refused when signing in with a code: {words}",
        remedy="Sign in by browser; the profile keeps that way. In a Workspace a service account works too.",
        when=lambda c: _error(c, "invalid_scope") and (c.by("device-code") or c.says("device flow")),
        commands=(_BROWSER,),
    ),
    Entry(
        id="google-scope-invalid",
        title="Google does not know the scopes of the profile",
        cause="It refused {scopes}. For mail there is only https://mail.google.com/, with the slash.",
        remedy='Set auth.oauth.scopes = ["https://mail.google.com/"] or remove it, then sign in again.',
        when=lambda c: _error(c, "invalid_scope"),
        commands=(_SIGN_IN,),
    ),
    Entry(
        id="google-app-not-trusted",
        title="The Workspace's admin does not allow this application",
        cause="A rule of the Workspace keeps {app} from mail (admin_policy_enforced).",
        remedy="Have an admin mark {app} as trusted under third-party app access, then sign in again.",
        when=lambda c: _error(c, "admin_policy_enforced") or _says(c, "admin_policy_enforced"),
        commands=(_SIGN_IN,),
        where=_APP_ACCESS,
        who=TENANT_ADMIN,
    ),
    Entry(
        id="google-internal-app",
        title="The application is for another organisation's accounts",
        cause="{app} is internal to its organisation, and {signer} is not in it (org_internal).",
        remedy="Sign in with an account of that organisation, or set the user type to External.",
        when=lambda c: _error(c, "org_internal") or _says(c, "org_internal"),
        commands=(_SIGN_IN,),
        where=_AUDIENCE,
    ),
    Entry(
        id="google-client-deleted",
        title="The application was deleted at Google",
        cause="Google knows {app} no more (deleted_client).",
        remedy="Make a new client of the type 'Desktop app', and enter its ID and secret in the profile.",
        when=lambda c: _error(c, "deleted_client") or _says(c, "deleted_client", "client was deleted"),
        commands=(_SIGN_IN,),
        where=_CLIENTS,
    ),
    Entry(
        id="google-client-type",
        title="The client is not of the type that signs in with a browser",
        cause="{app} was made for TVs and devices, which cannot come back to {redirect_url}: {words}",
        remedy="Make a client of the type 'Desktop app', and enter its ID and secret in the profile.",
        when=lambda c: _says(c, "native_device"),
        commands=(_BROWSER,),
        where=_CLIENTS,
    ),
    Entry(
        id="google-redirect-mismatch",
        title="Google does not know the redirect URL of the profile",
        cause="{app} is a web client, and {redirect_url} is not among its redirect URIs.",
        remedy=(
            "Add exactly {redirect_url} to its authorised redirect URIs; or make a client of the type "
            "'Desktop app', which needs none."
        ),
        when=lambda c: _error(c, "redirect_uri_mismatch") or _says(c, "redirect_uri_mismatch"),
        commands=(_SIGN_IN,),
        where=f"{_CLIENTS} > {{client_id}}",
    ),
    Entry(
        id="google-client-secret",
        title="Google does not accept the application's ID or secret",
        cause="{app} is unknown to Google, or its secret is wrong or missing: {words}",
        remedy=(
            "Enter client ID and client secret as Google shows them. Desktop apps have a secret too, which "
            "must be sent."
        ),
        when=lambda c: (
            _error(c, "invalid_client", "unauthorized_client")
            or (_error(c, "invalid_request") and c.says("client_secret"))
        ),
        commands=(_SIGN_IN,),
        where=_CLIENTS,
    ),
    Entry(
        id="google-grant-ended",
        title="Google has ended the sign-in",
        cause=(
            "Most likely first: the application is in testing, where sign-ins last 7 days; the password of "
            "{signer} was changed; nothing was sent for 6 months; it was revoked. It said: {words}"
        ),
        remedy=(
            "Sign in again as {signer}. If it happens every week, set the application's publishing status "
            "to 'In production' (or its user type to Internal)."
        ),
        when=lambda c: _error(c, "invalid_grant"),
        commands=(_SIGN_IN,),
        where=f"{_AUDIENCE} > Publishing status",
    ),
    Entry(
        id="google-access-denied",
        title="Google gave no access",
        cause=(
            "Somebody declined in the browser; or the application is in testing and {signer} is not one of "
            "its test users."
        ),
        remedy="Sign in again and accept; if Google blocks it, add {signer} to the test users first.",
        when=_denied,
        commands=(_SIGN_IN,),
        where=f"{_AUDIENCE} > Test users",
    ),
)
