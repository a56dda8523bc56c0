"""Where a connection goes and how: server, sign-in, proxy, trust and time limits, as plain values.

Nothing here touches the network, and no secret ever shows in a repr.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, Protocol

from transports.secret import Secret

Protection = Literal["starttls", "tls", "none"]
"""STARTTLS (RFC 3207), TLS from the first byte (RFC 8314), or neither."""

Mechanism = Literal["auto", "plain", "login", "cram-md5"]


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """A server: a host name or an IP address without brackets, and a port."""

    host: str
    port: int
    security: Protection

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Login:
    """Who signs in; the password travels without TLS only when `insecure_without_tls` says so."""

    username: str
    password: Secret
    mechanism: Mechanism = "auto"
    insecure_without_tls: bool = False


class TokenSupply(Protocol):
    """Where a transport gets its access token from; the engine keeps it fresh."""

    async def token(self) -> Secret:
        """The access token to use now. Raises TransportError of the step `token`."""
        ...

    async def renewed(self, refused: Secret) -> Secret | None:
        """Another token in place of one that the server refused though it should be good.

        One forced refresh per connection at most: None where that was done already, or where the
        token is as new as it can be. Raises TransportError of the step `token`.
        """
        ...


@dataclass(frozen=True, slots=True)
class Bearer:
    """Sign-in by an OAuth access token (RFC 6750), for the mailbox `username`.

    `mechanism` is chosen by what the server offers: OAUTHBEARER (RFC 7628) or XOAUTH2. A token never
    travels without TLS, whatever a profile says.
    """

    username: str
    tokens: TokenSupply


@dataclass(frozen=True, slots=True)
class ProxyRoute:
    """A proxy on the way: "http://host:port" (CONNECT) or "socks5://host:port"."""

    url: str
    username: str | None = None
    password: Secret | None = None


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long each step may take, in seconds.

    RFC 5321, section 4.5.3.2 allows five minutes for most commands; a person who watches a check
    does not, and a relay has other mail to carry.
    """

    resolve: float = 10
    connect: float = 10
    proxy: float = 20
    tls: float = 10
    greeting: float = 30
    command: float = 30
    data: float = 120
    data_per_mib: float = 20  # on top of `data`, for each MiB of the message
    quit: float = 2

    def upload(self, size: int) -> float:
        """The limit for handing over `size` bytes and hearing the answer."""
        return self.data + self.data_per_mib * size / 2**20


HURRIED = Timeouts(resolve=5, connect=1.8, proxy=10, tls=5, greeting=10)
"""For a server after which there is another to try: a lost packet is borne (TCP asks again after a
second, RFC 6298), and a black hole costs the first mail less than two seconds."""


@dataclass(frozen=True, slots=True)
class HttpRoute:
    """How web requests of a profile travel: its proxy, its trust, and no more time than `timeouts` allow."""

    proxy: ProxyRoute | None = None
    ca_file: str | None = None
    timeouts: Timeouts = field(default_factory=Timeouts)


@dataclass(slots=True)
class Throttle:
    """Until when a service wants no request of a route, for all of the route's connections together.

    `until` is a reading of time.monotonic(): transports set it from Retry-After, and look before a request.
    """

    until: float = 0.0


@dataclass(frozen=True, slots=True)
class GraphRoute:
    """Everything that sending through Microsoft Graph needs to know.

    `endpoint` is an origin, as "https://graph.microsoft.com". `mailbox` is the user or shared mailbox whose
    mail it is (/users/{mailbox}); "" is that of whoever signed in (/me). `uploads` and `headers`: whether
    this cloud's Graph has upload sessions, and header fields in drafts. `unasked` is what becomes of a mail
    that may have been taken where the app may not look into Sent Items: "hold" it for the admin, or
    "send-again".
    """

    endpoint: str
    tokens: TokenSupply
    mailbox: str = ""
    uploads: bool = True
    headers: bool = True
    unasked: Literal["hold", "send-again"] = "hold"
    proxy: ProxyRoute | None = None
    ca_file: str | None = None
    throttle: Throttle = field(default_factory=Throttle, compare=False)
    timeouts: Timeouts = field(default_factory=Timeouts)


@dataclass(frozen=True, slots=True)
class EwsRoute:
    """Everything that sending through Exchange Web Services needs to know.

    `url` is that of the service, as "https://mail.example.org/EWS/Exchange.asmx". `login` is a user name, as
    user@domain or DOMAIN\\user, with its password, or a supply of tokens; `scheme` says how a password is
    used: "basic" (RFC 7617), "ntlm", or the better one of those that the server offers. `mailbox` is the
    address whose mail it is; with `impersonate` an application acts as that mailbox, without it whoever
    signed in acts for itself. `keep_copy`: a copy goes into the mailbox's Sent Items. `unasked` is what
    becomes of a mail that may have been taken where nobody can look whether it was: "hold" it for the admin,
    or "send-again".
    """

    url: str
    login: Login | TokenSupply
    mailbox: str = ""
    scheme: Literal["auto", "basic", "ntlm"] = "auto"
    impersonate: bool = False
    keep_copy: bool = False
    unasked: Literal["hold", "send-again"] = "hold"
    proxy: ProxyRoute | None = None
    ca_file: str | None = None
    throttle: Throttle = field(default_factory=Throttle, compare=False)
    timeouts: Timeouts = field(default_factory=Timeouts)


@dataclass(frozen=True, slots=True)
class SmtpRoute:
    """Everything an SMTP connection needs to know.

    `ca_file` names a PEM file that is trusted beside the system's certificates; `ehlo_name` is
    what we call ourselves, the machine's own name by default.
    """

    server: ServerAddress
    login: Login | Bearer | None = None
    proxy: ProxyRoute | None = None
    ca_file: str | None = None
    ehlo_name: str | None = None
    timeouts: Timeouts = field(default_factory=Timeouts)
