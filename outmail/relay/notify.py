"""Tells systemd how the service stands (sd_notify(3)); without systemd it does nothing."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Mapping


def notify(env: Mapping[str, str] = os.environ, **state: str) -> None:
    """Send assignments, as READY="1" or STATUS="…"; a manager that does not listen is no error."""
    address = env.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    lines = "\n".join(f"{name}={' '.join(value.split())}" for name, value in state.items())
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as wire:
        wire.settimeout(1.0)
        wire.sendto(lines.encode(), "\0" + address[1:] if address.startswith("@") else address)


def reloading(env: Mapping[str, str] = os.environ) -> None:
    """The settings are read anew; READY="1" ends it (Type=notify-reload)."""
    notify(env, RELOADING="1", MONOTONIC_USEC=str(time.monotonic_ns() // 1000))


def watchdog_seconds(env: Mapping[str, str] = os.environ) -> float | None:
    """How often to say WATCHDOG="1": at twice the pace that is asked for; None where nobody asks."""
    text = env.get("WATCHDOG_USEC", "")
    mine = env.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
    return int(text) / 2_000_000 if text.isascii() and text.isdigit() and int(text) and mine else None
