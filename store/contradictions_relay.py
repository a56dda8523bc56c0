"""What the relay's settings say that cannot work together, or would open it to strangers; told by field.

It must never let an open relay be saved, nor a listener that takes passwords in the clear without a word.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from ipaddress import ip_network

from store.problems import Problem
from store.profiles import Settings
from store.relay_settings import UNIX, Listener, Relay

_PRIVATE = tuple(
    ip_network(text)
    for text in (
        "127.0.0.0/8",
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "169.254.0.0/16",
        "100.64.0.0/10",
        "::1/128",
        "fc00::/7",
        "fe80::/10",
    )
)
"""What no stranger on the internet sends from (RFC 1918, 3927, 4193, 4291, 6598)."""

_WIDEST = {4: 24, 6: 48}
"""The prefix that a network of one's own with public addresses has at least."""

_EVERYWHERE = ("0.0.0.0", "[::]")  # noqa: S104 - compared, not opened


def relay_contradictions(settings: Settings) -> list[Problem]:
    """Every problem of the relay's settings; [] where there are none."""
    relay = settings.relay
    if relay is None:
        return []
    found = []
    for number, listener in enumerate(relay.listeners, 1):
        at = f"relay.listeners.{number}"
        for rule in (_tls, _sign_in, _open_to):
            found += [Problem(f"{at}.{field}", message) for field, message in rule(listener)]
    found += _addresses(relay)
    found += _profiles(relay, settings)
    again = Counter(route.sender for route in relay.routes)
    for number, route in enumerate(relay.routes, 1):
        if again[route.sender] > 1:
            found.append(Problem(f"relay.routes.{number}.sender", f"{route.sender} has several routes"))
    return found


Found = Iterator[tuple[str, str]]


def _tls(listener: Listener) -> Found:
    if listener.security != "none" and listener.listen.startswith(UNIX):
        yield "security", "must be none: a Unix socket needs no TLS"
    elif listener.security != "none" and listener.certificate is None:
        yield "certificate", f"is missing: security is {listener.security}"
    if listener.security == "none" and listener.certificate is not None:
        yield "security", "is none, and there is a certificate: choose starttls or tls"
    if listener.key is not None and listener.certificate is None:
        yield "certificate", "is missing: there is a key"


def _sign_in(listener: Listener) -> Found:
    if listener.auth == "none":
        if listener.users:
            yield "auth", "is none, and there are users: choose optional or required"
        return
    if not listener.users:
        yield "users", f"is missing: auth is {listener.auth}"
    again = Counter(user.name for user in listener.users)
    for number, user in enumerate(listener.users, 1):
        if again[user.name] > 1:
            yield f"users.{number}.name", f"there are several users {user.name!r}"
    clear = listener.security == "none" and not listener.listen.startswith(UNIX)
    if clear and not listener.insecure_auth_without_tls:
        way = "choose starttls or tls with a certificate, or set insecure_auth_without_tls = true"
        yield "security", f"none would let passwords travel unencrypted: {way}"


def _open_to(listener: Listener) -> Found:
    """Without a sign-in whoever can connect can send to anybody: strangers must not be among them."""
    if listener.auth == "required":
        return
    for number, text in enumerate(listener.networks or (), 1):
        network = ip_network(text)
        private = any(
            network.version == one.version and network.subnet_of(one)  # type: ignore[arg-type]
            for one in _PRIVATE
        )
        widest = _WIDEST[network.version]
        if not private and network.prefixlen < widest:
            way = f'set auth = "required", or name your own networks (/{widest} at the widest)'
            yield f"networks.{number}", f"{text} would make this an open relay: {way}"


def _addresses(relay: Relay) -> Iterator[Problem]:
    """Two listeners on one address, also where one is on every address of the machine."""
    for number, listener in enumerate(relay.listeners, 1):
        for earlier, other in enumerate(relay.listeners[: number - 1], 1):
            if _clash(listener.listen, other.listen):
                at = f"relay.listeners.{number}.listen"
                yield Problem(at, f"{listener.listen} is taken: listener {earlier} is at {other.listen}")
                break


def _clash(one: str, other: str) -> bool:
    (host, _, port), (host2, _, port2) = (
        a.replace("localhost:", "127.0.0.1:").rpartition(":") for a in (one, other)
    )
    if port != port2 or port == "0":
        return False
    wide = host in _EVERYWHERE or host2 in _EVERYWHERE
    return host == host2 or (wide and host.startswith("[") == host2.startswith("["))


def _profiles(relay: Relay, settings: Settings) -> Iterator[Problem]:
    named = [(f"listeners.{n}", one.profile) for n, one in enumerate(relay.listeners, 1)]
    named += [(f"routes.{n}", one.profile) for n, one in enumerate(relay.routes, 1)]
    for at, profile in named:
        if profile is not None and profile not in settings.profiles:
            yield Problem(f"relay.{at}.profile", f"there is no profile {profile!r}")
