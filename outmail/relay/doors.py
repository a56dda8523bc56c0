"""From the settings of a listener to the door that is opened and the rules that hold behind it.

A listener serves this machine and the networks that its settings name, on whatever address it listens.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Mapping, Sequence
from ipaddress import ip_network
from pathlib import Path

from outmail.engine.errors import EngineError, Refusal
from outmail.relay.activation import activated_sockets
from outmail.relay.certificates import server_context
from outmail.relay.events import Sender
from outmail.relay.listener import LOOPBACK, Door
from outmail.relay.replies import Answer
from outmail.relay.rules import Rules
from outmail.relay.sockets import unix_socket
from store import relay_settings
from store.fields import host
from store.relay_settings import ACTIVATED, DEFAULT_LISTEN, UNIX, Listener, Relay

__all__ = ["activated_sockets", "door", "listeners", "may_send"]

log = logging.getLogger(__name__)

_TOLD = 3
"""Of the senders that a listener takes, how many its refusal names."""


def listeners(
    settings: Relay, listen: Sequence[str], activated: Mapping[str, socket.socket]
) -> list[Listener]:
    """Which listeners to open: the command line's, else the settings', else systemd's, else the default.

    An address of the command line that the settings have too keeps their rules. Raises EngineError.
    """
    known = {one.listen: one for one in settings.listeners}
    chosen: list[Listener] = list(settings.listeners)
    if listen:
        addresses = dict.fromkeys(_address(text) for text in listen)
        chosen = [known.get(address) or Listener(listen=address) for address in addresses]
    elif not chosen:
        chosen = [Listener(listen=ACTIVATED + name) for name in activated]
    chosen = chosen or [Listener(listen=DEFAULT_LISTEN)]
    own = {one.listen for one in chosen}
    chosen = [one for given in chosen for one in _each(given, activated, own)]
    used = {one.listen for one in chosen}
    for name in activated:
        if ACTIVATED + name not in used:
            log.warning(
                "no listener serves the socket %s that systemd opened: "
                'set one up with listen = "systemd:%s", or stop its unit',
                name,
                name,
            )
    return chosen


def door(
    settings: Listener,
    hostname: str,
    activated: Mapping[str, socket.socket],
    unix: tuple[int, int] = (0o600, -1),
) -> tuple[Door, Rules]:
    """Where this listener is and what it allows; `unix` is the mode and the group of a Unix socket.

    Raises EngineError and StoreError, with the remedy.
    """
    where, port, path, sock = _place(settings.listen, activated)
    tls = None
    if settings.security != "none":
        if settings.certificate is None:
            raise EngineError(
                Refusal.SETTINGS,
                f"the listener at {settings.listen} has no TLS",
                f"its security is {settings.security}, and it has no certificate",
                "name the certificate's file in `certificate`, or choose security = none",
            )
        tls = server_context(
            settings.listen, settings.certificate, settings.key, legacy=settings.insecure_legacy_tls
        )
    local = path is not None or (sock is not None and sock.family is socket.AF_UNIX)
    if path is not None:
        sock = unix_socket(path, *unix)
    made = Door(
        where,
        port,
        path=path,
        sock=sock,
        networks=(*LOOPBACK, *(ip_network(network) for network in settings.networks or ())),
        tls=tls,
        tls_at_once=settings.security == "tls",
        most=settings.connections,
        most_each=settings.connections_per_client,
    )
    try:
        rules = Rules(
            hostname,
            size_limit=settings.size_limit,
            starttls_offered=settings.security == "starttls",
            auth_offered=settings.auth != "none",
            auth_required=settings.auth == "required",
            # What goes through a Unix socket is in nobody's sight.
            insecure_auth_without_tls=settings.insecure_auth_without_tls or local,
        )
    except ValueError as error:
        raise EngineError(
            Refusal.SETTINGS,
            f"the listener at {settings.listen} cannot be opened",
            str(error),
            "correct the relay's settings (outmail relay settings), hostname first of all",
        ) from error
    return made, rules


def may_send(settings: Listener) -> Callable[[Sender], Answer | None]:
    """Which senders the listener takes mail from; the null sender of a bounce always is one.

    A domain means itself and not what is below it; upper and lower case are the same.
    """
    if settings.senders is None:
        return lambda _sender: None
    patterns = frozenset(pattern.lower() for pattern in settings.senders)
    named = ", ".join(sorted(patterns)[:_TOLD]) + (" and others" if len(patterns) > _TOLD else "")
    refusal = Answer(550, "5.7.1", f"This sender may not send here; allowed: {named}")

    def check(sender: Sender) -> Answer | None:
        if not sender.address:
            return None
        local, _, domain = sender.address.lower().rpartition("@")
        domain = _ascii(domain)
        return None if f"@{domain}" in patterns or f"{local}@{domain}" in patterns else refusal

    return check


def _address(text: str) -> str:
    try:
        return relay_settings.listen(text)
    except ValueError as error:
        raise EngineError(
            Refusal.INPUT, f"cannot listen on {text!r}", f"it {error}", "give it as 127.0.0.1:2525"
        ) from error


def _each(given: Listener, activated: Mapping[str, socket.socket], own: set[str]) -> list[Listener]:
    """A unit of systemd may have several sockets of one name: each is a door with the same rules.

    Except one that has a listener of its `own`.
    """
    if not given.listen.startswith(ACTIVATED):
        return [given]
    first = given.listen.removeprefix(ACTIVATED)
    more = [
        name
        for name in activated
        if name.rpartition("-")[0] == first
        and name[len(first) + 1 :].isdecimal()
        and ACTIVATED + name not in own
    ]
    return [given, *(given.model_copy(update={"listen": ACTIVATED + name}) for name in more)]


def _place(
    listen: str, activated: Mapping[str, socket.socket]
) -> tuple[str, int, Path | None, socket.socket | None]:
    """Host, port, path and socket of a listener."""
    if listen.startswith(UNIX):
        return "", 0, Path(listen.removeprefix(UNIX)), None
    if listen.startswith(ACTIVATED):
        name = listen.removeprefix(ACTIVATED)
        if name not in activated:
            there = ", ".join(activated) or "none"
            raise EngineError(
                Refusal.SETTINGS,
                f"cannot listen on {listen}",
                f"systemd passed no socket of that name (passed: {there})",
                f"start the relay by its socket unit, with FileDescriptorName={name} in it",
            )
        # A second handle: when this listener is closed for new settings, systemd's socket goes on.
        return "", 0, None, activated[name].dup()
    where, _, port = listen.rpartition(":")
    return where.removeprefix("[").removesuffix("]"), int(port), None, None


def _ascii(domain: str) -> str:
    if domain.isascii():
        return domain
    try:
        return host(domain)
    except ValueError:
        return domain
