"""What the relay listens to, whom it serves, which way mail takes, and who hears of an outage.

The defaults serve this machine alone; every setting that weakens that says so in its name.
"""

from __future__ import annotations

import re
from ipaddress import ip_network
from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, Field

from store.fields import Address, Flag, Host, OneLine, Part, address, file_path, host, redirect, setting
from store.relay_password import Hashed

DEFAULT_LISTEN = "127.0.0.1:2525"
MOST_LISTENERS = 32
UNIX = "unix:"
ACTIVATED = "systemd:"
"""What an address of a listener begins with that is a Unix socket, or was opened by systemd."""


def listen(text: str) -> str:
    """Where a listener listens: "127.0.0.1:2525", "[::1]:25", "unix:/run/outmail/smtp" or "systemd:NAME"."""
    text = setting(text).strip()
    if text.startswith(UNIX):
        return UNIX + file_path(text.removeprefix(UNIX))
    if text.startswith(ACTIVATED):
        if not re.fullmatch(r"[A-Za-z0-9._-]{1,64}", text.removeprefix(ACTIVATED)):
            raise ValueError("is no name of a socket unit: systemd:NAME, as FileDescriptorName= gives it")
        return text
    name, colon, port = text.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise ValueError("must be HOST:PORT, as 127.0.0.1:2525 or [::1]:25, or unix:/PATH")
    found = host(name)
    return f"[{found}]:{int(port)}" if ":" in found else f"{found}:{int(port)}"


def network(text: str) -> str:
    """A network, as "192.0.2.0/24" or "2001:db8::/32"; an address alone is one too."""
    try:
        return str(ip_network(setting(text).strip()))
    except ValueError as error:
        raise ValueError(f"is not a network as 192.0.2.0/24: {error}") from error


def sender(text: str) -> str:
    """An address, or "@example.org" for every address of a domain; lower-case."""
    text = setting(text).strip()
    return f"@{host(text[1:])}" if text.startswith("@") else address(text).lower()


def password_hash(text: str) -> str:
    """A hash as `outmail relay hash` prints it; never a password."""
    Hashed.parse(setting(text))
    return text


Networks = Annotated[list[Annotated[str, AfterValidator(network)]], Field(max_length=256)]
SenderPattern = Annotated[str, AfterValidator(sender)]
WebHook = Annotated[str, AfterValidator(redirect)]
FilePath = Annotated[str, AfterValidator(file_path)]
PasswordHash = Annotated[str, AfterValidator(password_hash), Field(repr=False)]


class RelayUser(Part):
    """Somebody who signs in to a listener, with the hash of a password."""

    HIDDEN = frozenset({"password_hash"})

    name: OneLine
    password_hash: PasswordHash


class Listener(Part):
    """One door of the relay, with rules of its own."""

    listen: Annotated[str, AfterValidator(listen)]
    security: Literal["none", "starttls", "tls"] = "none"
    certificate: FilePath | None = None  # PEM, with its chain; and the key unless `key` has it
    key: FilePath | None = None
    insecure_legacy_tls: Flag = False  # TLS 1.0 and 1.1, for old printers
    auth: Literal["none", "optional", "required"] = "none"
    insecure_auth_without_tls: Flag = False
    users: list[RelayUser] = Field(default_factory=list, max_length=1000)
    networks: Networks | None = None  # loopback alone
    senders: Annotated[list[SenderPattern], Field(min_length=1, max_length=1000)] | None = None  # any
    profile: OneLine | None = None  # the way of all its mail, whoever sends it
    size_limit: Annotated[int, Field(ge=1024, le=1024**3, strict=True)] = 50 * 1024 * 1024  # bytes
    connections: Annotated[int, Field(ge=1, le=10_000, strict=True)] = 200
    connections_per_client: Annotated[int, Field(ge=1, le=10_000, strict=True)] = 100


class SenderRoute(Part):
    """Which profile sends for an address or a domain, where the listener has none of its own."""

    sender: SenderPattern
    profile: OneLine


_Named = TypeVar("_Named", Listener, SenderRoute)


class Alerts(Part):
    """Who hears of outages, switches and pauses; never by mail, which may be what is broken."""

    HIDDEN = frozenset({"webhook"})  # Slack's and Teams' let everybody post who knows them

    command: list[OneLine] = Field(default_factory=list, max_length=64)  # gets JSON on its stdin
    webhook: Annotated[WebHook | None, Field(repr=False)] = None  # gets the same JSON by POST


class Access(Part):
    """Who may do what on this machine, besides root and the service's own user."""

    admin_group: OneLine | None = None  # may configure, steer and read the queue
    sender_group: OneLine | None = None  # may hand in mail with sendmail
    everyone_sends: Flag = False  # every user of the machine may hand in mail


class Relay(Part):
    """The relay as a whole."""

    hostname: Host | None = None  # what it calls itself; the machine's own name by default
    local_mail_to: Address | None = None  # who gets mail to root and to other users without a domain
    stop_seconds: Annotated[int, Field(ge=1, le=600, strict=True)] = 30  # for mail in flight, at the end
    listeners: list[Listener] = Field(default_factory=list, max_length=MOST_LISTENERS)  # none: DEFAULT_LISTEN
    routes: list[SenderRoute] = Field(default_factory=list, max_length=1000)
    alerts: Alerts | None = None
    access: Access | None = None

    def renamed(self, old: str, new: str) -> Relay:
        """These settings, with what names the profile `old` naming `new`."""
        listeners = [_renamed(one, old, new) for one in self.listeners]
        routes = [_renamed(one, old, new) for one in self.routes]
        return self.model_copy(update={"listeners": listeners, "routes": routes})


def _renamed(one: _Named, old: str, new: str) -> _Named:
    return one.model_copy(update={"profile": new}) if one.profile == old else one
