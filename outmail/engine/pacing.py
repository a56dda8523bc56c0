"""How fast mail may leave by a profile: at once, and in a minute; by its provider, unless the profile says.

It slows mail down and does nothing else: no mail is refused here, and none is lost.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from ipaddress import ip_address

from outmail.engine.presets import by_host
from store.profiles import Profile

_OWN_ENDINGS = (".localhost", ".local", ".internal", ".lan", ".home.arpa")
"""Names that mean a machine of one's own (RFC 6761, RFC 6762, RFC 8375, and custom)."""


@dataclass(frozen=True, slots=True)
class Pacing:
    """How much a route may send: mails at once (a connection each), and mails in a minute (None: any)."""

    at_once: int = 4
    per_minute: int | None = None


ANYWHERE = Pacing(10)
OWN = Pacing(20)
"""A server on this machine or in a private network: its owner is the admin, who can say otherwise."""

GRAPH = Pacing(4)
"""Of one app on one mailbox: https://learn.microsoft.com/graph/throttling-limits (Outlook service)."""

EWS = Pacing(10)
"""EwsMaxConcurrency is 27 for all that a mailbox's programs do: ews-throttling-in-exchange.md."""

_EXCHANGE_ONLINE = Pacing(3, 30)
"""Over 3: 432 4.3.2; over 30 in a minute mail is delayed. Microsoft: "SMTP submission improvements"."""

CAREFUL = Pacing(4)
"""Mailboxes made for people; none of these providers names a number, and each slows down who hurries."""

_OF_PRESET = {
    "m365": _EXCHANGE_ONLINE,
    "m365-gcch": _EXCHANGE_ONLINE,
    "m365-dod": _EXCHANGE_ONLINE,
    "m365-cn": _EXCHANGE_ONLINE,
    "outlook": _EXCHANGE_ONLINE,
    "gmail": CAREFUL,
    "yahoo": CAREFUL,
    "aol": CAREFUL,
    "icloud": CAREFUL,
    "zoho": CAREFUL,
    "fastmail": CAREFUL,
    "gmx": CAREFUL,
    "proton-smtp": CAREFUL,
}
"""By the preset's id; those that are not here take mail from programs for a living: ANYWHERE."""


def pacing_of(profile: Profile, place: int = 0) -> Pacing:
    """The pacing of the profile's server at this place (0 is the primary), with what the profile says."""
    found = _usual(profile, place)
    if profile.pacing is None:
        return found
    return replace(
        found,
        at_once=profile.pacing.connections or found.at_once,
        per_minute=profile.pacing.per_minute or found.per_minute,
    )


def _usual(profile: Profile, place: int) -> Pacing:
    if profile.protocol == "graph":
        return GRAPH
    if profile.protocol == "ews":
        return EWS
    servers = profile.servers
    host = servers[place if place < len(servers) else 0].host if servers else ""
    if _own(host):
        return OWN
    preset = by_host(host)
    return _OF_PRESET.get(preset.id, ANYWHERE) if preset is not None else ANYWHERE


def _own(host: str) -> bool:
    """Whether the name itself says that it is this machine or one in a private network."""
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return bool(host) and ("." not in host or host.endswith(_OWN_ENDINGS))
    return address.is_private or address.is_loopback or address.is_link_local
