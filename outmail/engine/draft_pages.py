"""The wizard's pages, which field stands on which, and what each is called.

Plain tables: no screen, no network. A field has the dotted path it has in the
profile file, so that an error of the store finds its place by name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum


class Page(StrEnum):
    """The wizard's pages in their order."""

    PROTOCOL = "protocol"
    PROVIDER = "provider"
    SERVER = "server"
    EWS = "ews"
    GRAPH = "graph"
    SIGN_IN = "sign-in"
    SENDER = "sender"
    ROUTE = "route"
    REVIEW = "review"
    SIGNED_IN = "signed-in"
    CHECK = "check"
    SAMPLE = "sample"
    SAVE = "save"


TITLES = {
    Page.PROTOCOL: "Protocol",
    Page.PROVIDER: "Provider",
    Page.SERVER: "Servers",
    Page.EWS: "Exchange",
    Page.GRAPH: "Microsoft Graph",
    Page.SIGN_IN: "Authentication",
    Page.SENDER: "Sender",
    Page.ROUTE: "Proxy & trust",
    Page.REVIEW: "Review",
    Page.SIGNED_IN: "Sign in",
    Page.CHECK: "Live check",
    Page.SAMPLE: "Sample mail",
    Page.SAVE: "Save",
}

HOST, SECURITY, PORT = "smtp.host", "smtp.security", "smtp.port"
METHOD, USERNAME, PASSWORD = "auth.method", "auth.username", "auth.password"
MECHANISM, INSECURE = "auth.mechanism", "auth.insecure_allow_password_without_tls"
SENDER_NAME, FROM, REPLY_TO, POLICY = "sender_name", "from_address", "reply_to", "sender_policy"
PROXY, PROXY_URL, PROXY_USER, PROXY_PASSWORD = "proxy", "proxy.url", "proxy.username", "proxy.password"
CA_FILE, FAILOVER, FAILBACK = "tls.ca_file", "failover.profile", "failover.failback"
NAME, PROTOCOL, PROVIDER, MAILBOX = "name", "protocol", "provider", "mailbox"

EWS_URL, KEEP_COPY, SCHEME, EWS_UNCERTAIN = "ews.url", "ews.keep_copy", "ews.scheme", "ews.uncertain"
GRAPH_CLOUD, ENDPOINT, UNCERTAIN = "graph.cloud", "graph.endpoint", "graph.uncertain"

OAUTH = "auth.oauth."
AUTHORITY, CLOUD, GRANT, TENANT = OAUTH + "provider", OAUTH + "cloud", OAUTH + "grant", OAUTH + "tenant"
CLIENT_ID, CLIENT_SECRET = OAUTH + "client_id", OAUTH + "client_secret"
SECRET_EXPIRES, ACCOUNT = OAUTH + "secret_expires", OAUTH + "account"
CERTIFICATE, SERVICE_ACCOUNT = OAUTH + "certificate", OAUTH + "service_account"
SCOPES, AUTHORIZATION_URL, TOKEN_URL = OAUTH + "scopes", OAUTH + "authorization_url", OAUTH + "token_url"
DEVICE_URL, REDIRECT_URL = OAUTH + "device_authorization_url", OAUTH + "redirect_url"
SIGN_IN_NOW = "sign-in"
"""Not a setting: where somebody signs in before the live check."""

FOLDED = (ACCOUNT, SCOPES, AUTHORIZATION_URL, TOKEN_URL, DEVICE_URL, REDIRECT_URL)
"""What is filled in and seldom changed: shown when the admin asks for it, or an error is in it."""

FILES = {CERTIFICATE: CERTIFICATE + ".file", SERVICE_ACCOUNT: SERVICE_ACCOUNT + ".file"}
"""Settings of many lines, and the field in which the path of the file is typed that holds them."""

FIELDS: dict[Page, tuple[str, ...]] = {
    Page.PROTOCOL: (PROTOCOL,),
    Page.PROVIDER: (MAILBOX, PROVIDER),
    Page.SERVER: (HOST, SECURITY, PORT),
    Page.EWS: (EWS_URL, KEEP_COPY, EWS_UNCERTAIN),
    Page.GRAPH: (GRAPH_CLOUD, ENDPOINT, UNCERTAIN),
    Page.SIGN_IN: (
        *(METHOD, USERNAME, PASSWORD, INSECURE, MECHANISM, SCHEME),
        *(AUTHORITY, CLOUD, GRANT, TENANT, CLIENT_ID, CLIENT_SECRET, SECRET_EXPIRES),
        *(CERTIFICATE, SERVICE_ACCOUNT, *FILES.values(), *FOLDED),
    ),
    Page.SENDER: (SENDER_NAME, FROM, REPLY_TO, POLICY),
    Page.ROUTE: (PROXY, PROXY_URL, PROXY_USER, PROXY_PASSWORD, CA_FILE, FAILOVER, FAILBACK),
    Page.REVIEW: (NAME,),
    Page.SIGNED_IN: (SIGN_IN_NOW,),
}
"""The fields of each page; those of the alternates follow the primary server's on the same page."""

LABELS = {
    PROTOCOL: "Connection protocol",
    PROVIDER: "Provider",
    MAILBOX: "Mail address",
    HOST: "Server name / IP",
    SECURITY: "Protocol",
    PORT: "Port",
    EWS_URL: "Connect URL",
    KEEP_COPY: "Keep a copy",
    SCHEME: "Scheme",
    EWS_UNCERTAIN: "Answer lost",
    GRAPH_CLOUD: "Cloud",
    ENDPOINT: "Graph endpoint",
    UNCERTAIN: "Answer lost",
    METHOD: "Authentication",
    USERNAME: "Username",
    PASSWORD: "Password",
    INSECURE: "Password in the clear",
    MECHANISM: "Mechanism",
    SENDER_NAME: "Sender name",
    FROM: "From address",
    REPLY_TO: "Reply-To",
    POLICY: "Another From",
    PROXY: "Enable proxy",
    PROXY_URL: "Proxy address",
    PROXY_USER: "Proxy username",
    PROXY_PASSWORD: "Proxy password",
    CA_FILE: "Own CA file",
    FAILOVER: "Failover profile",
    FAILBACK: "Way back",
    NAME: "Profile name",
    AUTHORITY: "OAuth provider",
    CLOUD: "Cloud",
    GRANT: "Way to sign in",
    TENANT: "Tenant",
    CLIENT_ID: "Client ID",
    CLIENT_SECRET: "Client secret",
    SECRET_EXPIRES: "Secret ends on",
    CERTIFICATE: "Certificate",
    SERVICE_ACCOUNT: "Service account",
    FILES[CERTIFICATE]: "Certificate file",
    FILES[SERVICE_ACCOUNT]: "Key file (JSON)",
    ACCOUNT: "Who signs in",
    SCOPES: "Scope",
    AUTHORIZATION_URL: "Authorization URL",
    TOKEN_URL: "Token URL",
    DEVICE_URL: "Device URL",
    REDIRECT_URL: "Redirect URL",
    SIGN_IN_NOW: "Sign in",
}

SECRETS = frozenset({PASSWORD, PROXY_PASSWORD, CLIENT_SECRET, CERTIFICATE, SERVICE_ACCOUNT})
"""Fields whose text is never shown unless the admin who types it asks to see it."""

_ALTERNATE = re.compile(r"smtp\.alternates\.(\d+)\.(host|security|port)")


@dataclass(frozen=True, slots=True)
class Note:
    """Something the admin should know on a page, though nothing is wrong with what was typed."""

    page: Page
    text: str
    urgent: bool = False


def alternate(number: int, part: str) -> str:
    """The field of an alternate server, as smtp.alternates.1.host; alternates count from 1."""
    return f"smtp.alternates.{number}.{part}"


def server_field(number: int, part: str) -> str:
    """The field of a server, 0 being the primary."""
    return alternate(number, part) if number else f"smtp.{part}"


def page_of(field: str) -> Page:
    """The page a field stands on, else the review; `Draft.page_of` knows the protocol too."""
    if _ALTERNATE.match(field):
        return Page.SERVER
    return next((page for page, fields in FIELDS.items() if field in fields), Page.REVIEW)


def label(field: str) -> str:
    """What the field is called on the screen; a path that no page shows stays as it is."""
    found = _ALTERNATE.match(field)
    if found:
        return f"Alternate {found[1]}" + ("" if found[2] == "host" else f" {found[2]}")
    return LABELS.get(field, field)
