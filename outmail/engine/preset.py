"""The shape of a preset: what we know about one mail provider's SMTP service before anybody types it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from outmail.engine.retirement import Retirement
from store.profiles import Security

STARTTLS, TLS = Security.STARTTLS, Security.TLS


@dataclass(frozen=True, slots=True)
class Entrance:
    """Another port of the same host, and how the connection is protected there."""

    port: int
    security: Security


@dataclass(frozen=True, slots=True)
class Preset:
    """A provider. Everything in it is a suggestion: the wizard fills it in and the admin may change it.

    `host` is "" where only the admin knows it; `host_hint` then says where to find it. Patterns of
    `domains` and `known_hosts` are lower-case names in which `*` stands for one label at the front
    or in the middle, and for a country's ending (de, co.uk, com.br) at the end. A pattern that
    starts with `!` takes a name out again.
    """

    id: str  # stable, lower-case with hyphens: findings and scripts name it
    title: str
    host: str
    port: int
    security: Security
    methods: tuple[str, ...]  # of basic, oauth, none; the one to suggest first
    other_ports: tuple[Entrance, ...] = ()
    hosts: tuple[str, ...] = ()  # other hosts of the same service: regions, data centres
    host_hint: str = ""
    domains: tuple[str, ...] = ()  # the addresses it serves
    known_hosts: tuple[str, ...] = ()  # patterns of further host names that mean this provider
    host_of_domain: tuple[tuple[str, str], ...] = ()  # (pattern of a domain, the host for it)
    username_hint: str = "the full mail address"
    password_hint: str = ""
    note: str = ""  # limits and From rules, in lines of at most 72 characters
    retirement: Retirement | None = None
    docs: str = ""

    @property
    def all_hosts(self) -> tuple[str, ...]:
        """Every host that is offered, the suggested one first; () where the admin must name it."""
        return tuple(dict.fromkeys((*([self.host] if self.host else []), *self.hosts)))

    def host_for(self, mail_address: str = "") -> str:
        """The host to suggest to the owner of an address; "" where only the admin knows it."""
        domain = domain_of(mail_address)
        return next((host for pattern, host in self.host_of_domain if matches(domain, pattern)), self.host)

    def serves_domain(self, domain: str) -> bool:
        """Is this the provider of addresses at `domain`?"""
        return _any(domain, self.domains)

    def serves_host(self, name: str) -> bool:
        """Does the host belong to this provider? Loopback belongs to nobody."""
        offered = tuple(h for h in self.all_hosts if not h.startswith("127."))
        return _any(name, (*offered, *self.known_hosts))

    def retires(self, method: str) -> Retirement | None:
        """The note to show when an admin chooses this way of signing in."""
        return self.retirement if self.retirement and self.retirement.method == method else None


def domain_of(mail_address: str) -> str:
    """The domain of an address, lower-case and without a trailing dot; "" when there is none yet."""
    return tidy(mail_address.rpartition("@")[2]) if "@" in mail_address else ""


def tidy(name: str) -> str:
    """A host or domain name as it is compared: lower-case, without spaces around it or a dot behind."""
    return name.strip().rstrip(".").lower()


def matches(name: str, pattern: str) -> bool:
    """Does the tidied name fit the pattern? See Preset for what `*` stands for."""
    if "*" not in pattern:
        return name == pattern
    head, _, tail = pattern.partition("*")
    label = r"[^.]+" if tail else r"[a-z]{2,3}(?:\.[a-z]{2})?"
    return re.fullmatch(re.escape(head) + label + re.escape(tail), name) is not None


def _any(name: str, patterns: tuple[str, ...]) -> bool:
    out = (p[1:] for p in patterns if p.startswith("!"))
    if any(matches(name, p) for p in out):
        return False
    return any(matches(name, p) for p in patterns if not p.startswith("!"))
