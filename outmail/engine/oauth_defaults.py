"""What is filled in for an OAuth sign-in: addresses and scopes by provider, cloud, protocol and grant.

Everything here is a default that a profile may replace; nothing here talks to anybody. The facts
are from Microsoft's and Google's documentation, the scopes' text from the settings that admins of
other help desks know.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from store.clouds import CLOUDS, PERSONAL, Cloud, is_personal
from store.profiles import OAuth, Profile
from store.tokens import APP_ONLY

__all__ = [
    "CLOUDS",
    "GRANT_NAMES",
    "PERSONAL",
    "REDIRECT",
    "Cloud",
    "Filled",
    "cloud_of",
    "defaults",
    "filled",
    "refused_grant",
    "wanted_scopes",
]

REDIRECT = "http://localhost:8765"
"""Where the browser comes back to: this machine (RFC 8252, section 7.3); Entra ignores the port."""

_GOOGLE_AUTHORIZATION = "https://accounts.google.com/o/oauth2/v2/auth"
_GOOGLE_TOKEN = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address
_GOOGLE_DEVICE = "https://oauth2.googleapis.com/device/code"
_GOOGLE_SCOPE = "https://mail.google.com/"

GRANT_NAMES = {
    "device-code": "Code on another device",
    "authorization-code": "Browser",
    "client-credentials": "App-only (secret or certificate)",
    "service-account": "Service account (Google)",
    "managed-identity": "Managed identity (Azure)",
}
"""What each grant is called where people choose one."""


@dataclass(frozen=True, slots=True)
class Filled:
    """The settings of a sign-in with every gap filled in; "" where the provider has no such thing."""

    authorization_url: str
    token_url: str
    device_authorization_url: str
    scopes: tuple[str, ...]
    redirect_url: str
    tenant: str
    issuer: str  # what `iss` of this provider's answers says, "" where that is not known
    portal: str  # where the app is registered


def filled(profile: Profile) -> Filled:
    """The profile's own settings, and the provider's defaults for what it leaves open."""
    oauth = profile.auth.oauth or OAuth()
    default = defaults(profile)
    token_url = oauth.token_url or default.token_url
    ours = token_url == default.token_url
    return Filled(
        authorization_url=oauth.authorization_url or default.authorization_url,
        token_url=token_url,
        device_authorization_url=oauth.device_authorization_url or default.device_authorization_url,
        scopes=wanted_scopes(profile, oauth.scopes) if oauth.scopes else default.scopes,
        redirect_url=oauth.redirect_url or default.redirect_url,
        tenant=oauth.tenant or default.tenant,
        issuer=default.issuer if ours else _issuer_of(oauth, token_url),
        portal=default.portal,
    )


def defaults(profile: Profile) -> Filled:
    """What is filled in when the profile says nothing but provider, cloud, tenant, protocol and grant."""
    oauth = profile.auth.oauth or OAuth()
    if oauth.provider == "google":
        return Filled(
            _GOOGLE_AUTHORIZATION,
            _GOOGLE_TOKEN,
            _GOOGLE_DEVICE,
            (_GOOGLE_SCOPE,),
            REDIRECT,
            "",
            "https://accounts.google.com",
            "console.cloud.google.com",
        )
    cloud = cloud_of(profile)
    if oauth.provider == "custom" or cloud is None:
        return Filled("", "", "", (), REDIRECT, oauth.tenant or "", "", "")
    tenant = oauth.tenant or _tenant_for(profile, oauth)
    base = f"https://{cloud.authority}/{tenant}/oauth2/v2.0"
    return Filled(
        f"{base}/authorize",
        f"{base}/token",
        f"{base}/devicecode",
        _microsoft_scopes(profile, oauth, cloud),
        REDIRECT,
        tenant,
        f"https://{cloud.authority}/{tenant}/v2.0",
        cloud.portal,
    )


def cloud_of(profile: Profile) -> Cloud | None:
    """Microsoft's cloud that the profile lives in; None for one of the admin's own."""
    return CLOUDS.get(profile.cloud)


def _tenant_for(profile: Profile, oauth: OAuth) -> str:
    return "consumers" if is_personal(oauth.account or profile.auth.username or "") else "organizations"


def of_another(profile: Profile) -> bool:
    """Whether the mailbox is not that of the account which signs in: a shared one, or a colleague's."""
    mailbox = profile.auth.username or ""
    account = (profile.auth.oauth.account if profile.auth.oauth else None) or ""
    return bool(account and mailbox) and account.lower() != mailbox.lower()


def _microsoft_scopes(profile: Profile, oauth: OAuth, cloud: Cloud) -> tuple[str, ...]:
    resource = _resource(profile, cloud)
    if oauth.grant in APP_ONLY:
        return (f"{resource}/.default",)
    if profile.protocol == "graph":
        drafts = "Mail.ReadWrite.Shared" if of_another(profile) else "Mail.ReadWrite"
        return (f"{resource}/{drafts}", f"{resource}/{_graph_right(profile, oauth)}", "offline_access")
    right = "EWS.AccessAsUser.All" if profile.protocol == "ews" else "SMTP.Send"
    return (f"{resource}/{right}", "offline_access")


def _resource(profile: Profile, cloud: Cloud) -> str:
    """What a token is for. A server of one's own is one under its own URL, once hybrid modern authentication
    is set up: "https://mail.example.org" is then a service principal name of Exchange in Entra.
    """
    if profile.protocol == "graph":
        return cloud.graph
    own = profile.protocol == "ews" and profile.ews is not None and not profile.ews.online
    return f"https://{profile.ews.host}" if own and profile.ews else cloud.exchange


def _graph_right(profile: Profile, oauth: OAuth) -> str:
    """The right to send: of one's own mailbox and those one may send for, "as the signed-in user, including
    sending on-behalf of others"; personal accounts do not have that right, and need the plain one.

    Mail.ReadWrite beside it is for large mail (by a draft) and for looking into Sent Items; a profile that
    names Mail.Send alone does without both (Microsoft Graph permissions reference, Mail permissions).
    """
    tenant = (oauth.tenant or _tenant_for(profile, oauth)).lower()
    return "Mail.Send" if tenant == "consumers" else "Mail.Send.Shared"


def wanted_scopes(profile: Profile, given: list[str]) -> tuple[str, ...]:
    """Scopes as the provider wants them: Graph's short names in full, Gmail's with its slash."""
    oauth = profile.auth.oauth or OAuth()
    cloud = cloud_of(profile)
    found = []
    for scope in given:
        if oauth.provider == "google" and scope == _GOOGLE_SCOPE.rstrip("/"):
            scope = _GOOGLE_SCOPE  # noqa: PLW2901 - Google knows it with the slash only
        if oauth.provider == "google" and scope == "offline_access":
            continue  # Google refuses it: access_type=offline says the same
        if oauth.provider == "microsoft" and cloud and scope.startswith("Mail."):
            scope = f"{cloud.graph}/{scope}"  # noqa: PLW2901 - bare names mean Graph
        if oauth.provider == "microsoft" and cloud and profile.protocol == "ews" and scope.startswith("EWS."):
            scope = f"{_resource(profile, cloud)}/{scope}"  # noqa: PLW2901 - Graph has no such right
        if scope not in found:
            found.append(scope)
    return tuple(found)


def _issuer_of(oauth: OAuth, token_url: str) -> str:
    """The issuer of an authority of Entra's shape at another address; "" for one that we do not know."""
    parts = urlsplit(token_url)
    tenant, _, rest = parts.path.lstrip("/").partition("/")
    if oauth.provider == "microsoft" and rest == "oauth2/v2.0/token":
        return f"https://{parts.netloc}/{tenant}/v2.0"
    return ""


def refused_grant(provider: str, grant: str, protocol: str = "smtp") -> str:
    """Why a provider does not allow a grant, a sentence; "" where it does."""
    if grant == "device-code" and provider == "google":
        return "Google does not give the right to send mail to devices: use the browser or a service account."
    if grant == "client-credentials" and provider == "google":
        return "Google has service accounts instead."
    if grant == "service-account" and provider != "google":
        return "Only Google has service accounts: use app-only instead."
    if grant == "managed-identity" and provider != "microsoft":
        return "Only Azure has managed identities."
    if protocol in {"ews", "graph"} and provider == "google":
        return "Google has neither Exchange Web Services nor Microsoft Graph."
    return ""
