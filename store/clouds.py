"""Microsoft's clouds: where one signs in, and what mail services are called in each; facts, nothing else.

It must never decide anything for a cloud that is not listed: there the admin's own addresses hold.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

_SOVEREIGN = {
    "outlook.sovcloud.fr": "https://graph.svc.sovcloud.fr",
    "outlook.sovcloud.de": "https://graph.svc.sovcloud.de",
}
"""The Exchange Online of clouds that no profile can name, Bleu and Delos, and the Graph beside each."""

_ALIASES = {"outlook.office.com": "global"}

PERSONAL = frozenset({"outlook.com", "hotmail.com", "live.com", "msn.com"})
"""Domains of personal Microsoft accounts, which have a tenant of their own, in the worldwide cloud alone."""


@dataclass(frozen=True, slots=True)
class Cloud:
    """One of Microsoft's clouds: who signs in where, and what its services are called in a scope."""

    title: str
    authority: str  # the host that signs in
    exchange: str  # the resource of SMTP and EWS tokens
    graph: str
    portal: str
    uploads: bool = True  # whether its Graph describes upload sessions for attachments


CLOUDS = {
    "global": Cloud(
        "Worldwide (and GCC)",
        "login.microsoftonline.com",
        "https://outlook.office365.com",
        "https://graph.microsoft.com",
        "entra.microsoft.com",
    ),
    "us-gov": Cloud(
        "US government (GCC High)",
        "login.microsoftonline.us",
        "https://outlook.office365.us",
        "https://graph.microsoft.us",
        "entra.microsoft.us",
        uploads=False,  # msgraph-metadata, schemas/v1.0-Fairfax.csdl (August 2026)
    ),
    "us-dod": Cloud(
        "US DoD",
        "login.microsoftonline.us",
        "https://outlook-dod.office365.us",
        "https://dod-graph.microsoft.us",
        "entra.microsoft.us",
        uploads=False,  # described as the other US government cloud
    ),
    "china": Cloud(
        "China (21Vianet)",
        "login.partner.microsoftonline.cn",
        "https://partner.outlook.cn",
        "https://microsoftgraph.chinacloudapi.cn",
        "portal.azure.cn",
    ),
}
"""By the profile's word for it; "custom" has no defaults."""


def is_personal(address: str) -> bool:
    """Whether an address is of a personal Microsoft account, as far as its domain tells."""
    return address.strip().rpartition("@")[2].lower() in PERSONAL


def exchange_online(host: str) -> str:
    """The profile's word for the cloud whose Exchange Online a host is, "" for every other server.

    "custom" is one of Microsoft's that has no word here. "outlook.office365.com" is "global".
    """
    name = host.strip().rstrip(".").lower()
    if name in _SOVEREIGN:
        return "custom"
    known = {urlsplit(cloud.exchange).hostname: word for word, cloud in CLOUDS.items()}
    return (known | _ALIASES).get(name, "")


def graph_beside(host: str) -> str:
    """The origin of the Graph that belongs to an Exchange Online, "" for every other server."""
    known = CLOUDS.get(exchange_online(host))
    return known.graph if known else _SOVEREIGN.get(host.strip().rstrip(".").lower(), "")


def graph_origin(endpoint: str) -> str:
    """Where a Graph is, "https://graph.microsoft.com", from an https address as people copy it.

    A "/" and the version "/v1.0" behind it are dropped, since this program asks for that version itself.
    Raises ValueError with the rest of a sentence for anything else behind the host.
    """
    parts = urlsplit(endpoint)
    version = parts.path.strip("/").lower()
    if version == "beta":
        raise ValueError("must not name beta: mail goes by version 1.0 of Graph")
    if version not in {"", "v1.0"} or parts.query or parts.fragment:
        raise ValueError("must end after the host, as https://graph.microsoft.com")
    return f"https://{parts.netloc.lower()}"
