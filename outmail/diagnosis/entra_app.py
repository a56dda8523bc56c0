"""Known refusals of Microsoft Entra that concern the application: its registration, secret and permissions.

One number has several causes: 7000218 means another thing for a code, a browser and an application
alone, so the way of signing in decides.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from outmail.diagnosis.case import Case
from outmail.diagnosis.entry import TENANT_ADMIN, Entry

_SIGN_IN = "outmail signin {profile}"
_CERTIFICATE = "outmail profile certificate {profile}"
_LOOK_UP = "https://login.microsoftonline.com/error?code={aadsts}"
_APP = "{portal} > Entra ID > App registrations > {client_id}"
_AUTHENTICATION = f"{_APP} > Authentication"
_SECRETS = f"{_APP} > Certificates & secrets"
_PERMISSIONS = f"{_APP} > API permissions"
_ADD_PERMISSION = f"{_PERMISSIONS} > Add a permission > {{api}} > {{right}}"
_REDIRECT_CODES = ("50011", "70004", "900971")


def _not_localhost(case: Case) -> bool:
    """Entra's portal takes http for the name localhost only, and never [::1]."""
    try:
        host = urlsplit(case.context.redirect_url).hostname or ""
    except ValueError:
        return False
    return host in {"127.0.0.1", "::1"}


ENTRA_APP = (
    Entry(
        id="entra-redirect-needs-localhost",
        title="Entra's portal does not take the redirect URL of the profile",
        cause="{redirect_url} is not registered, and the portal takes http only with the name localhost.",
        remedy=(
            "Write localhost in place of the IP address in auth.oauth.redirect_url, and register the same "
            "URL under 'Mobile and desktop applications'."
        ),
        when=lambda c: c.is_aadsts(*_REDIRECT_CODES) and _not_localhost(c),
        commands=("outmail profile export {profile}",),
        where=f"{_AUTHENTICATION} > Add a platform > Mobile and desktop applications",
        docs=_LOOK_UP,
    ),
    Entry(
        id="entra-redirect-not-registered",
        title="The redirect URL is not registered for the application",
        cause="{app} has no redirect URL {redirect_url}.",
        remedy=(
            "Register exactly {redirect_url} under 'Mobile and desktop applications' (for localhost Entra "
            "ignores the port, and the path must match), then sign in again."
        ),
        when=lambda c: c.is_aadsts(*_REDIRECT_CODES),
        commands=(_SIGN_IN,),
        where=f"{_AUTHENTICATION} > Add a platform > Mobile and desktop applications",
        docs=_LOOK_UP,
    ),
    Entry(
        id="entra-app-disabled",
        title="The application is disabled",
        cause="{app} was switched off in {tenant}: {words}",
        remedy="Set 'Enabled for users to sign-in?' to Yes under Properties, then sign in again.",
        when=lambda c: c.is_aadsts("7000112") or (c.is_aadsts("70001") and c.says("disabled")),
        commands=(_SIGN_IN,),
        where="{portal} > Entra ID > Enterprise apps > {client_id} > Properties",
        docs=_LOOK_UP,
        who=TENANT_ADMIN,
    ),
    Entry(
        id="entra-app-not-found",
        title="Entra does not find the application in the tenant",
        cause="{app} is not in {tenant}: {words}",
        remedy=(
            "Compare auth.oauth.client_id with 'Application (client) ID' on the application's page, the "
            "tenant and the cloud. An application made just now takes some minutes to be known everywhere."
        ),
        when=lambda c: c.is_aadsts("700016", "70001", "700011"),
        commands=(_SIGN_IN,),
        where=f"{_APP} > Overview",
        docs=_LOOK_UP,
    ),
    Entry(
        id="entra-secret-wrong",
        title="The client secret is not right",
        cause=(
            "Entra refused the secret of {app}. Most often the Secret ID was copied from the portal "
            "instead of the Value, which it shows only once."
        ),
        remedy=(
            "Make a new client secret, copy its Value and enter it under outmail > edit the profile > "
            "Authentication."
        ),
        when=lambda c: c.is_aadsts("7000215", "70002"),
        commands=(_SIGN_IN,),
        where=f"{_SECRETS} > New client secret",
        docs=_LOOK_UP,
    ),
    Entry(
        id="entra-secret-expired",
        title="The client secret has expired",
        cause="The secret of {app} is past its end: {words}",
        remedy=(
            "Make a new client secret and enter its Value under outmail > edit the profile > Authentication; "
            "its end too (auth.oauth.secret_expires), so that you are told before."
        ),
        when=lambda c: c.is_aadsts("7000222"),
        commands=(_SIGN_IN,),
        where=f"{_SECRETS} > New client secret",
        docs=_LOOK_UP,
    ),
    Entry(
        id="entra-public-flows-off",
        title="The application does not allow signing in with a code",
        cause="{app} is not open to public clients, so Entra asks for a secret that a code does not have.",
        remedy="Set 'Allow public client flows' to Yes and save, then sign in again.",
        when=lambda c: c.is_aadsts("7000218") and c.by("device-code"),
        commands=(_SIGN_IN,),
        where=f"{_AUTHENTICATION} > Advanced settings > Allow public client flows",
        docs=_LOOK_UP,
    ),
    Entry(
        id="entra-web-registration",
        title="The redirect URL is registered as Web, which needs a secret",
        cause="{app} has {redirect_url} under the platform Web, and the profile sends no secret.",
        remedy=(
            "Remove the URL from Web and add it under 'Mobile and desktop applications'. Or keep it, make a "
            "client secret and enter its Value in the profile."
        ),
        when=lambda c: c.is_aadsts("7000218") and c.by("authorization-code"),
        commands=(_SIGN_IN,),
        where=f"{_AUTHENTICATION} > Platform configurations",
        docs=_LOOK_UP,
    ),
    Entry(
        id="entra-no-secret-sent",
        title="The profile has neither a secret nor a certificate for the application",
        cause="{app} must prove itself, and nothing was sent that does so.",
        remedy=(
            "Make a client secret and enter its Value in the profile, or make a certificate with the command "
            "and upload it."
        ),
        when=lambda c: c.is_aadsts("7000218"),
        commands=(_CERTIFICATE,),
        where=_SECRETS,
        docs=_LOOK_UP,
    ),
    Entry(
        id="entra-secret-not-wanted",
        title="The application is a public one and takes no secret",
        cause="{app} is registered as a public client, and the profile sends a client secret.",
        remedy=(
            "Remove auth.oauth.client_secret from the profile; or register {redirect_url} under the "
            "platform Web, which goes with a secret."
        ),
        when=lambda c: c.is_aadsts("700025"),
        commands=(_SIGN_IN,),
        where=f"{_AUTHENTICATION} > Platform configurations",
        docs=_LOOK_UP,
    ),
    Entry(
        id="entra-clock-wrong",
        title="The clock of this machine is wrong for Entra",
        cause="What the certificate signed seems to be from another time: {words}",
        remedy="Set the clock, and let it be kept by NTP; then sign in again.",
        when=lambda c: c.is_aadsts("500133", "700024"),
        commands=("date -u", "timedatectl", _SIGN_IN),
        docs=_LOOK_UP,
    ),
    Entry(
        id="entra-certificate-refused",
        title="Entra does not accept the certificate",
        cause="{app} has another certificate in the portal than the profile, or none, or an expired one.",
        remedy=(
            "Upload the public certificate that belongs to the profile's key. The command makes a new pair "
            "and prints the part to upload. If it is the right one, check this machine's clock."
        ),
        when=lambda c: c.is_aadsts("700027", "50012", "700030"),
        commands=(_CERTIFICATE, "date -u"),
        where=f"{_SECRETS} > Certificates > Upload certificate",
        docs=_LOOK_UP,
    ),
    Entry(
        id="entra-consent-declined",
        title="The permission was declined in the browser",
        cause="{signer} did not accept what {app} asks for: {scopes}.",
        remedy="Sign in again and accept, or have an admin grant the permission for everybody.",
        when=lambda c: c.is_aadsts("65004"),
        commands=(_SIGN_IN,),
        where=f"{_PERMISSIONS} > Grant admin consent",
        docs=_LOOK_UP,
    ),
    Entry(
        id="entra-admin-consent-needed",
        title="An admin of the tenant must allow the application",
        cause="In {tenant} people may not grant this by themselves: {scopes}, asked for by {app}.",
        remedy="Have an admin press 'Grant admin consent' for {app}, then sign in again.",
        when=lambda c: c.is_aadsts("90094", "90095"),
        commands=(_SIGN_IN,),
        where=f"{_PERMISSIONS} > Grant admin consent",
        docs=_LOOK_UP,
        who=TENANT_ADMIN,
    ),
    Entry(
        id="entra-consent-missing-app",
        title="No admin has allowed the application its permission",
        cause="{app} has no admin consent in {tenant} for {right}.",
        remedy="Add the application permission {right} and press 'Grant admin consent', then check again.",
        when=lambda c: c.is_aadsts("65001") and c.app_only,
        commands=("outmail check {profile}",),
        where=_ADD_PERMISSION,
        docs=_LOOK_UP,
        who=TENANT_ADMIN,
    ),
    Entry(
        id="entra-consent-missing",
        title="Nobody has allowed the application what it asks for",
        cause="{signer} has not consented, and no admin has, to {scopes} for {app}.",
        remedy=(
            "Sign in again and accept in the browser. If it does not ask, an admin must add the delegated "
            "permission {right} and press 'Grant admin consent'."
        ),
        when=lambda c: c.is_aadsts("65001"),
        commands=(_SIGN_IN,),
        where=_ADD_PERMISSION,
        docs=_LOOK_UP,
    ),
    Entry(
        id="entra-permission-not-listed",
        title="The application's registration does not list the permission",
        cause="{app} asks for {scopes}, which is not among its API permissions.",
        remedy="Add the permission {right}, or correct auth.oauth.scopes; then sign in again and accept.",
        when=lambda c: c.is_aadsts("650056", "650057"),
        commands=(_SIGN_IN,),
        where=_ADD_PERMISSION,
        docs=_LOOK_UP,
    ),
    Entry(
        id="entra-service-not-in-tenant",
        title="The tenant does not have the service that was asked for",
        cause="{tenant} has no subscription or service for {scopes}: {words}",
        remedy=(
            "Check that the tenant is the one with the mailboxes and has licences with Exchange Online; then "
            "check auth.oauth.scopes."
        ),
        when=lambda c: c.is_aadsts("650052"),
        commands=(_SIGN_IN,),
        docs=_LOOK_UP,
        who=TENANT_ADMIN,
    ),
    Entry(
        id="entra-service-not-found",
        title="The scopes name a service that Entra does not know",
        cause="No service in {tenant} goes by the name in {scopes}. Most often it is mistyped.",
        remedy=(
            "Correct auth.oauth.scopes, or remove them so that the usual ones are filled in "
            "(https://outlook.office365.com/SMTP.Send for SMTP); check tenant and cloud too."
        ),
        when=lambda c: c.is_aadsts("500011"),
        commands=(_SIGN_IN,),
        docs=_LOOK_UP,
    ),
    Entry(
        id="entra-several-services",
        title="The scopes are of several services, and a token is for one",
        cause="The profile asks for {scopes} at once.",
        remedy="Leave the scopes of one service in auth.oauth.scopes: for SMTP, outlook.office365.com.",
        when=lambda c: c.is_aadsts("700022"),
        commands=(_SIGN_IN,),
        docs=_LOOK_UP,
    ),
    Entry(
        id="entra-scope-invalid",
        title="Entra does not know the scopes of the profile",
        cause="It refused {scopes}: {words}",
        remedy=(
            "Write each scope in full, as https://outlook.office365.com/SMTP.Send (for app-only .default in "
            "place of SMTP.Send), or remove auth.oauth.scopes so that the usual ones are filled in."
        ),
        when=lambda c: c.is_aadsts("70011", "28002", "700023"),
        commands=(_SIGN_IN,),
        docs=_LOOK_UP,
    ),
    Entry(
        id="entra-grant-not-supported",
        title="The application may not sign in this way",
        cause="{app} is not set up for this way of signing in: {words}",
        remedy=(
            "With a code: set 'Allow public client flows' to Yes. With a browser: register {redirect_url} "
            "under 'Mobile and desktop applications'."
        ),
        when=lambda c: c.is_aadsts("70003"),
        commands=(_SIGN_IN,),
        where=_AUTHENTICATION,
        docs=_LOOK_UP,
    ),
    Entry(
        id="entra-single-page-redirect",
        title="The sign-in lasted only a day, since the redirect URL is that of a web page",
        cause="{redirect_url} is registered as a single-page application, whose sign-ins end after 24 hours.",
        remedy="Move the URL to 'Mobile and desktop applications', then sign in again.",
        when=lambda c: c.is_aadsts("700084"),
        commands=(_SIGN_IN,),
        where=f"{_AUTHENTICATION} > Platform configurations > Single-page application",
        docs=_LOOK_UP,
    ),
    Entry(
        id="entra-grant-malformed",
        title="Entra did not accept what the sign-in had granted",
        cause="Most often addresses of different tenants or clouds were mixed, or it was revoked: {words}",
        remedy=(
            "Remove auth.oauth.token_url and its kin from the profile unless you need them, so that all "
            "are of one tenant; then sign in again."
        ),
        when=lambda c: c.is_aadsts("70000", "9002313"),
        commands=(_SIGN_IN,),
        docs=_LOOK_UP,
    ),
)
