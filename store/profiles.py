"""A profile: one way out for mail, with every setting of the contract; each field checked by itself.

It must never hold a value that could leave its header or SMTP command (CR, LF, NUL), and its
secrets must never show in a repr or a plain dump.
"""

from __future__ import annotations

import ipaddress
import os
import re
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Literal
from urllib.parse import urlsplit

import email_validator
import idna
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

PROFILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""What a profile may be called: it is typed in commands and stands in addresses of the relay."""


class Security(StrEnum):
    """How the connection is protected: STARTTLS (RFC 3207), TLS from the start (RFC 8314), or not."""

    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "none"


DEFAULT_PORTS = {Security.STARTTLS: 587, Security.TLS: 465, Security.NONE: 25}


LONGEST = 1000
"""Characters of one setting at most: a name or an address has some fifty."""

MOST_PROFILES = 500


def one_line(text: str) -> str:
    """Refuse control characters: they could end a header or an SMTP command and begin another."""
    if any(ord(c) < 32 or 127 <= ord(c) < 160 or c in "\u2028\u2029" for c in text):
        raise ValueError("must not contain line breaks or control characters")
    return text


def address(text: str) -> str:
    """An address of RFC 5321 or 6531, as "ops@example.org"; local names such as root@localhost pass.

    A domain in letters beyond ASCII becomes its ASCII form, which every server understands.
    """
    one_line(text)
    # The library refuses names kept for tests and single machines (localhost, .test, .local);
    # on a server they are everyday addresses. Emptying its list is the way it documents.
    email_validator.SPECIAL_USE_DOMAIN_NAMES.clear()
    try:
        found = email_validator.validate_email(
            text.strip(),
            check_deliverability=False,
            allow_smtputf8=True,
            globally_deliverable=False,
            test_environment=True,
        )
    except email_validator.EmailNotValidError as error:
        raise ValueError(f"is not a mail address: {str(error).rstrip('.')}") from error
    return found.ascii_email or found.normalized


def host(text: str) -> str:
    """A host name or an IPv4 or IPv6 address; international names become their ASCII form."""
    name = one_line(text).strip().rstrip(".")
    bare = name[1:-1] if name.startswith("[") and name.endswith("]") else name
    try:
        found = str(ipaddress.ip_address(bare))
    except ValueError:
        found = ""
    if found:
        # The library takes anything as the name of an interface, spaces and commands too.
        if not re.fullmatch(r"[^%]+(%[A-Za-z0-9._-]{1,15})?", found):
            raise ValueError("is not an IP address: after % stands the name of a network interface")
        return found
    if not name:
        raise ValueError("must not be empty")
    if re.fullmatch(r"[\d.]+", name):
        raise ValueError("is not an IP address: four numbers from 0 to 255 are needed")
    try:
        ascii_name = name if name.isascii() else idna.encode(name, uts46=True).decode("ascii")
    except idna.IDNAError as error:
        raise ValueError(f"is not a host name: {error}") from error
    labels = ascii_name.split(".")
    if len(ascii_name) > 253 or not all(
        re.fullmatch(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?", label) for label in labels
    ):
        wrong = "give the name alone, without " + (
            "a scheme or path" if "/" in name else "a port" if ":" in name else "spaces or symbols"
        )
        raise ValueError(f"is not a host name: {wrong}")
    return ascii_name.lower()


def _url(text: str, schemes: tuple[str, ...]) -> str:
    one_line(text)
    shown = " or ".join(f"{s}://" for s in schemes)
    try:
        parts = urlsplit(text.strip())
        port = parts.port
    except ValueError as error:
        raise ValueError(f"is not an address that starts with {shown}: {error}") from error
    if parts.scheme not in schemes or not parts.hostname or " " in text.strip():
        raise ValueError(f"must be an address that starts with {shown}")
    if parts.username or parts.password:
        raise ValueError("must not contain a user name or password: they have fields of their own")
    host(parts.hostname)
    if port == 0:
        raise ValueError("has port 0, where nothing can listen")
    return text.strip()


def web_url(text: str) -> str:
    """An https address (http is for a redirect on this machine only, and has its own check)."""
    return _url(text, ("https",))


def redirect(text: str) -> str:
    """A redirect URL as registered with the provider: https, or http on localhost (RFC 8252)."""
    url = _url(text, ("http", "https"))
    parts = urlsplit(url)
    if parts.scheme == "http" and parts.hostname not in {"localhost", "127.0.0.1", "::1"}:
        raise ValueError("may use http:// only for localhost; elsewhere it must be https://")
    return url


def proxy_url(text: str) -> str:
    """An HTTP CONNECT or SOCKS5 proxy, as "http://proxy.example.org:3128"."""
    url = _url(text, ("http", "socks5"))
    parts = urlsplit(url)
    if parts.path not in {"", "/"} or parts.query:
        raise ValueError("must end after the port")
    if parts.port is None:
        raise ValueError("needs a port, as in http://proxy.example.org:3128")
    return url.rstrip("/")


def setting(text: str) -> str:
    """A line of a length that a person types."""
    if len(text) > LONGEST:
        raise ValueError(f"is longer than {LONGEST} characters")
    return one_line(text)


def file_path(text: str) -> str:
    """Where a file is, from the root: a service does not run in the folder where its settings were typed."""
    path = setting(text).strip()
    if path.startswith("~/"):
        path = os.path.expanduser(path)  # noqa: PTH111 - a Path would tidy the text
    if not path.startswith("/"):
        raise ValueError("must be the whole path, as /etc/ssl/private-ca.pem")
    return path


def split_scopes(given: object) -> object:
    """Scopes as people copy them: one text with commas or spaces, or a list of such texts."""
    if isinstance(given, str):
        given = [given]
    if isinstance(given, list) and all(isinstance(part, str) for part in given):
        return [scope for part in given for scope in re.split(r"[,\s]+", part) if scope]
    return given


def day(given: object) -> object:
    """A date as 2027-01-31; a bare number, which could mean seconds, is none."""
    if isinstance(given, str):
        given = given.strip()
        if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", given):
            raise ValueError("must be a date as 2027-01-31")
    elif isinstance(given, datetime) or not isinstance(given, date):
        raise ValueError("must be a date as 2027-01-31")
    return given


OneLine = Annotated[str, AfterValidator(setting)]
Address = Annotated[str, AfterValidator(address)]
Host = Annotated[str, AfterValidator(host)]
WebUrl = Annotated[str, AfterValidator(web_url)]
Port = Annotated[int, Field(ge=1, le=65535, strict=True)]
Flag = Annotated[bool, Field(strict=True)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", validate_default=False, hide_input_in_errors=True)


class Server(_Part):
    """One server: where it is and how the connection is protected; no port means the usual one."""

    host: Host
    security: Security = Security.STARTTLS
    port: Port | None = None

    @property
    def effective_port(self) -> int:
        """The port that is connected to."""
        return self.port if self.port is not None else DEFAULT_PORTS[self.security]

    @property
    def address(self) -> str:
        """As a person writes it: "smtp.example.org:587", "[::1]:25"."""
        shown = f"[{self.host}]" if ":" in self.host else self.host
        return f"{shown}:{self.effective_port}"


class Smtp(Server):
    """SMTP submission: the primary server, and the alternates in the order they are tried."""

    alternates: list[Server] = Field(default_factory=list, max_length=8)
    ehlo_name: Host | None = None  # what we call ourselves; the machine's own name by default


class Ews(_Part):
    """Exchange Web Services."""

    url: WebUrl


class Graph(_Part):
    """Microsoft Graph; the endpoint follows from the cloud unless given."""

    cloud: Literal["global", "us-gov", "us-dod", "china", "custom"] = "global"
    endpoint: WebUrl | None = None


class OAuth(_Part):
    """Sign-in by OAuth 2; the addresses and scopes are filled in for known providers."""

    provider: Literal["microsoft", "google", "custom"] = "microsoft"
    cloud: Literal["global", "us-gov", "us-dod", "china", "custom"] | None = None  # None: as graph.cloud
    grant: Literal[
        "device-code", "authorization-code", "client-credentials", "service-account", "managed-identity"
    ] = "device-code"
    tenant: OneLine | None = None
    client_id: OneLine | None = None
    client_secret: SecretStr | None = None
    certificate: SecretStr | None = None  # PEM text: private key and certificate
    service_account: SecretStr | None = None  # the JSON key file of a Google service account
    account: OneLine | None = None  # who signs in, where that is another than the mailbox (auth.username)
    authorization_url: WebUrl | None = None
    token_url: WebUrl | None = None
    device_authorization_url: WebUrl | None = None
    scopes: Annotated[list[OneLine], BeforeValidator(split_scopes)] | None = None
    redirect_url: Annotated[str, AfterValidator(redirect)] | None = None
    secret_expires: Annotated[date, BeforeValidator(day)] | None = None  # the client secret's end


class Auth(_Part):
    """How we sign in. A password without TLS travels only when the long-named switch is on."""

    method: Literal["none", "basic", "oauth"] = "none"
    username: OneLine | None = None
    password: SecretStr | None = None
    mechanism: Literal["auto", "plain", "login", "cram-md5"] = "auto"
    insecure_allow_password_without_tls: Flag = False
    oauth: OAuth | None = None


class Proxy(_Part):
    """A proxy on the way out."""

    url: Annotated[str, AfterValidator(proxy_url)]
    username: OneLine | None = None
    password: SecretStr | None = None


class Tls(_Part):
    """What we trust: the system's certificates, and this file's besides."""

    ca_file: Annotated[str, AfterValidator(file_path)] | None = None


class Failover(_Part):
    """The profile to use when every server of this one is unavailable, and how we come back."""

    profile: OneLine | None = None
    failback: Literal["manual", "automatic"] = "manual"


class Profile(_Part):
    """One way out for mail."""

    protocol: Literal["smtp", "ews", "graph"]
    sender_name: OneLine | None = None
    from_address: Address
    reply_to: Address | None = None
    sender_policy: Literal["rewrite", "enforce", "allow"] = "rewrite"
    smtp: Smtp | None = None
    ews: Ews | None = None
    graph: Graph | None = None
    auth: Auth = Field(default_factory=Auth)
    proxy: Proxy | None = None
    tls: Tls | None = None
    failover: Failover | None = None

    @property
    def servers(self) -> list[Server]:
        """The SMTP servers in order: the primary, then the alternates; [] for other protocols."""
        return [self.smtp, *self.smtp.alternates] if self.protocol == "smtp" and self.smtp else []


class Settings(_Part):
    """Everything an admin configures."""

    default: OneLine | None = None
    profiles: dict[str, Profile] = Field(default_factory=dict)

    def named(self, name: str | None) -> tuple[str, Profile]:
        """The profile of that name; without a name the default one, or the only one.

        Raises KeyError with a sentence for the user when there is none.
        """
        wanted = name or self.default
        if wanted is None and len(self.profiles) == 1:
            wanted = next(iter(self.profiles))
        if wanted is None:
            raise KeyError(
                "no profile is set up yet" if not self.profiles else "no default profile is chosen"
            )
        if wanted not in self.profiles:
            raise KeyError(f"there is no profile {wanted!r}")
        return wanted, self.profiles[wanted]


SECRET_FIELDS = (
    ("auth", "password"),
    ("auth", "oauth", "client_secret"),
    ("auth", "oauth", "certificate"),
    ("auth", "oauth", "service_account"),
    ("proxy", "password"),
)
"""Where a profile keeps secrets; the vault seals them apart, export masks them."""
