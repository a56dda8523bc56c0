"""From a name to its addresses, with a time limit; it connects to nothing."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from transports.base import StepName
from transports.net.failures import deadline, from_error


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One address of a server: IPv4 or IPv6, with its port."""

    family: socket.AddressFamily
    sockaddr: tuple[str, int] | tuple[str, int, int, int]

    def __str__(self) -> str:
        host, port = self.sockaddr[:2]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    @property
    def ip(self) -> str:
        """The address alone."""
        return self.sockaddr[0]


Resolver = Callable[[str, int], Awaitable[list[Endpoint]]]
"""Finds the addresses of a host, best first; raises socket.gaierror or another OSError."""


async def system_resolver(host: str, port: int) -> list[Endpoint]:
    """Ask the machine's own resolver (DNS, /etc/hosts, …), off the event loop."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    endpoints: list[Endpoint] = []
    for family, _type, _proto, _name, sockaddr in found:
        endpoint = _endpoint(family, sockaddr)
        if endpoint is not None and endpoint not in endpoints:
            endpoints.append(endpoint)
    return _alternating(endpoints)


def _endpoint(family: socket.AddressFamily, sockaddr: tuple[object, ...]) -> Endpoint | None:
    match sockaddr:
        case (str(host), int(port)) if family == socket.AF_INET:
            return Endpoint(family, (host, port))
        case (str(host), int(port), int(flow), int(scope)) if family == socket.AF_INET6:
            return Endpoint(family, (host, port, flow, scope))
    return None


def _alternating(endpoints: list[Endpoint]) -> list[Endpoint]:
    """The first family's addresses and the other's in turn (RFC 8305, section 4), so that a
    broken IPv6 costs one attempt and not all of them."""
    if not endpoints:
        return []
    first = [e for e in endpoints if e.family == endpoints[0].family]
    other = [e for e in endpoints if e.family != endpoints[0].family]
    mixed: list[Endpoint] = []
    for place in range(max(len(first), len(other))):
        mixed += first[place : place + 1] + other[place : place + 1]
    return mixed


def is_address(host: str) -> bool:
    """Is this an IP address rather than a name?"""
    try:
        ipaddress.ip_address(host.split("%", 1)[0])
    except ValueError:
        return False
    return True


async def resolve(host: str, port: int, resolver: Resolver, seconds: float) -> list[Endpoint]:
    """The addresses of `host`; raises TransportError of the step `resolve`."""
    facts = {"name": host}
    async with deadline(StepName.RESOLVE, seconds, f"looking up {host}"):
        try:
            found = await resolver(host, port)
        except (OSError, UnicodeError) as error:
            raise from_error(StepName.RESOLVE, error, facts) from error
    if not found:
        nothing = socket.gaierror(socket.EAI_NONAME, f"{host} has no address")
        raise from_error(StepName.RESOLVE, nothing, facts)
    return found
