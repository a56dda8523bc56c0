"""A profile: one way out for mail, with every setting of the contract; each field checked by itself.

It must never hold a value that could leave its header or SMTP command (CR, LF, NUL), and its
secrets must never show in a repr or a plain dump.
"""

from __future__ import annotations

import re
from datetime import date
from enum import StrEnum
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

from store.clouds import exchange_online, graph_origin
from store.fields import (
    Address,
    EwsUrl,
    Flag,
    Host,
    OneLine,
    Part,
    Port,
    WebUrl,
    day,
    file_path,
    proxy_url,
    redirect,
    split_scopes,
)
from store.relay_settings import Relay

PROFILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""What a profile may be called: it is typed in commands and stands in addresses of the relay."""


class Security(StrEnum):
    """How the connection is protected: STARTTLS (RFC 3207), TLS from the start (RFC 8314), or not."""

    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "none"


DEFAULT_PORTS = {Security.STARTTLS: 587, Security.TLS: 465, Security.NONE: 25}


MOST_PROFILES = 500


class Server(Part):
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


class Ews(Part):
    """Exchange Web Services; a URL given as a host name or an origin is completed, and kept whole."""

    url: EwsUrl
    keep_copy: Flag = False  # whether each mail is put into Sent Items too
    scheme: Literal["auto", "basic", "ntlm"] = "auto"  # of a password; auto: NTLM where it is offered
    uncertain: Literal["hold", "send-again"] = "hold"  # mail that may have been taken, where nobody can look

    @property
    def host(self) -> str:
        """The host, and the port where it is not 443: "mail.example.org"."""
        return urlsplit(self.url).netloc

    @property
    def online(self) -> str:
        """The cloud whose Exchange Online it is, "" for a server of one's own."""
        return exchange_online(urlsplit(self.url).hostname or "")


class Graph(Part):
    """Microsoft Graph; the endpoint follows from the cloud unless given, and is kept as an origin."""

    cloud: Literal["global", "us-gov", "us-dod", "china", "custom"] = "global"
    endpoint: Annotated[WebUrl, AfterValidator(graph_origin)] | None = None
    uncertain: Literal["hold", "send-again"] = "hold"  # mail that may have been taken, where nobody can look


class OAuth(Part):
    """Sign-in by OAuth 2; the addresses and scopes are filled in for known providers."""

    provider: Literal["microsoft", "google", "custom"] = "microsoft"
    cloud: Literal["global", "us-gov", "us-dod", "china", "custom"] | None = None  # None: the service's
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


class Auth(Part):
    """How we sign in. A password without TLS travels only when the long-named switch is on."""

    method: Literal["none", "basic", "oauth"] = "none"
    username: OneLine | None = None
    password: SecretStr | None = None
    mechanism: Literal["auto", "plain", "login", "cram-md5"] = "auto"
    insecure_allow_password_without_tls: Flag = False
    oauth: OAuth | None = None


class Proxy(Part):
    """A proxy on the way out."""

    url: Annotated[str, AfterValidator(proxy_url)]
    username: OneLine | None = None
    password: SecretStr | None = None


class Tls(Part):
    """What we trust: the system's certificates, and this file's besides."""

    ca_file: Annotated[str, AfterValidator(file_path)] | None = None


class Failover(Part):
    """The profile to use when every server of this one is unavailable, and how we come back."""

    profile: OneLine | None = None
    failback: Literal["manual", "automatic"] = "manual"


class Pacing(Part):
    """How much a profile may send; what is not set follows from its provider."""

    connections: Annotated[int, Field(ge=1, le=100, strict=True)] | None = None  # mails at once
    per_minute: Annotated[int, Field(ge=1, le=100_000, strict=True)] | None = None  # mails


class Profile(Part):
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
    pacing: Pacing | None = None

    @property
    def cloud(self) -> str:
        """The profile's word for the Microsoft cloud in which it signs in: as said, else the service's."""
        said = self.auth.oauth.cloud if self.auth.oauth else None
        online = self.ews.online if self.protocol == "ews" and self.ews else ""
        return said or online or (self.graph.cloud if self.graph else "global")

    @property
    def servers(self) -> list[Server]:
        """The SMTP servers in order: the primary, then the alternates; [] for other protocols."""
        return [self.smtp, *self.smtp.alternates] if self.protocol == "smtp" and self.smtp else []


class Settings(Part):
    """Everything an admin configures."""

    default: OneLine | None = None
    profiles: dict[str, Profile] = Field(default_factory=dict)
    relay: Relay | None = None

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
