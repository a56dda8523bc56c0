"""Sockets that systemd opened before we began, port 25 for one, which only root may open (sd_listen_fds(3)).

What is no socket for clients that connect is closed and told, never served.
"""

from __future__ import annotations

import logging
import os
import re
import socket
from collections.abc import MutableMapping

log = logging.getLogger(__name__)

FIRST = 3
"""The first descriptor that systemd passes (SD_LISTEN_FDS_START)."""

_MOST = 64
_VARIABLES = ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")
_NOT_IN_NAME = re.compile(r"[^A-Za-z0-9._-]")


def activated_sockets(env: MutableMapping[str, str] = os.environ) -> dict[str, socket.socket]:
    """The sockets by the names of their units (FileDescriptorName=); {} where systemd opened none.

    Several of one name are NAME, NAME-2, NAME-3 … The variables are taken out of `env`, so that no
    program that we start takes the sockets for its own.
    """
    found = {name: env.pop(name, "") for name in _VARIABLES}
    if found["LISTEN_PID"] != str(os.getpid()) or not found["LISTEN_FDS"].isdecimal():
        return {}
    names = found["LISTEN_FDNAMES"].split(":")
    taken: dict[str, socket.socket] = {}
    for number in range(min(int(found["LISTEN_FDS"]), _MOST)):
        given = _NOT_IN_NAME.sub("-", names[number] if number < len(names) else "")[:60] or "unknown"
        sock = _listening(FIRST + number, given)
        if sock is not None:
            again = sum(name == given or name.startswith(f"{given}-") for name in taken)
            taken[given if given not in taken else f"{given}-{again + 1}"] = sock
    return taken


def _listening(descriptor: int, name: str) -> socket.socket | None:
    try:
        os.set_inheritable(descriptor, False)
        sock = socket.socket(fileno=descriptor)
    except OSError as error:
        log.warning("systemd passed the descriptor %d (%s), and it is no socket: %s", descriptor, name, error)
        return None
    if sock.type != socket.SOCK_STREAM or not sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        log.warning("the socket %s of systemd listens for no connections: ListenStream= and Accept=no", name)
        sock.close()
        return None
    sock.setblocking(False)
    return sock
