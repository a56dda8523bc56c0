"""The wizard's pages, which field stands on which, what each is called, and which field a failure concerns.

Plain tables and one pure function: no screen, no network. A field has the dotted path it has in the
profile file, so that an error of the store finds its place by name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from transports.base import Cause, Failure, Scope, StepName


class Page(StrEnum):
    """The wizard's pages in their order."""

    PROTOCOL = "protocol"
    PROVIDER = "provider"
    SERVER = "server"
    SIGN_IN = "sign-in"
    SENDER = "sender"
    ROUTE = "route"
    REVIEW = "review"
    CHECK = "check"
    SAMPLE = "sample"
    SAVE = "save"


TITLES = {
    Page.PROTOCOL: "Protocol",
    Page.PROVIDER: "Provider",
    Page.SERVER: "Servers",
    Page.SIGN_IN: "Authentication",
    Page.SENDER: "Sender",
    Page.ROUTE: "Proxy & trust",
    Page.REVIEW: "Review",
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

FIELDS: dict[Page, tuple[str, ...]] = {
    Page.PROTOCOL: (PROTOCOL,),
    Page.PROVIDER: (MAILBOX, PROVIDER),
    Page.SERVER: (HOST, SECURITY, PORT),
    Page.SIGN_IN: (METHOD, USERNAME, PASSWORD, INSECURE, MECHANISM),
    Page.SENDER: (SENDER_NAME, FROM, REPLY_TO, POLICY),
    Page.ROUTE: (PROXY, PROXY_URL, PROXY_USER, PROXY_PASSWORD, CA_FILE, FAILOVER, FAILBACK),
    Page.REVIEW: (NAME,),
}
"""The fields of each page; those of the alternates follow the primary server's on the same page."""

LABELS = {
    PROTOCOL: "Connection protocol",
    PROVIDER: "Provider",
    MAILBOX: "Mail address",
    HOST: "Server name / IP",
    SECURITY: "Protocol",
    PORT: "Port",
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
}

SECRETS = frozenset({PASSWORD, PROXY_PASSWORD})
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
    """The page a field stands on; a field that no page shows is reviewed."""
    if _ALTERNATE.match(field):
        return Page.SERVER
    return next((page for page, fields in FIELDS.items() if field in fields), Page.REVIEW)


def label(field: str) -> str:
    """What the field is called on the screen; a path that no page shows stays as it is."""
    found = _ALTERNATE.match(field)
    if found:
        return f"Alternate {found[1]}" + ("" if found[2] == "host" else f" {found[2]}")
    return LABELS.get(field, field)


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
}
"""Where to look first, by what was seen on our side of the wire."""

_BY_STEP = {
    StepName.PROXY: PROXY_URL,
    StepName.AUTHENTICATE: PASSWORD,
    StepName.SENDER: FROM,
    StepName.PERMISSION: FROM,
    StepName.SEND: FROM,
}
"""Where to look first when the server itself said no, by the step at which it did."""

_BY_SCOPE = {Scope.SIGN_IN: PASSWORD, Scope.SENDER: FROM}


def concerned(failure: Failure, server: str = "primary") -> str:
    """The field an admin should look at first after this failure of that server (primary, alternate …)."""
    field = _BY_CAUSE.get(failure.cause) or _BY_STEP.get(failure.step)
    field = field or _BY_SCOPE.get(failure.scope) or HOST
    part = field.removeprefix("smtp.")
    if part == field or server == "primary":
        return field
    return alternate(int(server.removeprefix("alternate").lstrip("-") or 1), part)
