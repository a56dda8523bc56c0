"""Sockets that systemd passes: taken once, by name, and hidden from programs that we start."""

from __future__ import annotations

import fcntl
import os
import socket
import subprocess
import sys

import pytest

from outmail.relay.activation import activated_sockets

SHOW = """
import os
from outmail.relay.activation import activated_sockets
found = activated_sockets(os.environ)
print({name: (sock.getsockname()[1], os.get_inheritable(sock.fileno())) for name, sock in found.items()})
print(sorted(name for name in os.environ if name.startswith("LISTEN_")))
"""


def started(descriptors: list[int], names: str) -> subprocess.CompletedProcess[str]:
    """A process to which the descriptors were passed as systemd does."""
    # The shell moves them to 3 and on, and its process is the one whose number is told.
    moves = "".join(f" {3 + number}<&{given}" for number, given in enumerate(descriptors))
    return subprocess.run(
        ["/bin/bash", "-c", f'LISTEN_PID=$$ exec "$0" -c "$1"{moves}', sys.executable, SHOW],
        pass_fds=descriptors,
        env={**os.environ, "LISTEN_FDS": str(len(descriptors)), "LISTEN_FDNAMES": names},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_they_are_taken_by_name() -> None:
    socks = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    given = [fcntl.fcntl(sock, fcntl.F_DUPFD_CLOEXEC, 200) for sock in [*socks, udp]]
    try:
        done = started(given, "smtp:smtp:odd name/:udp")
    finally:
        for descriptor in given:
            os.close(descriptor)
        for sock in [*socks, udp]:
            sock.close()
    assert done.returncode == 0, done.stderr
    found, variables = done.stdout.splitlines()
    assert variables == "[]", "the variables are gone"
    assert "'smtp': (" in found
    assert "'smtp-2': (" in found
    assert "'odd-name-': (" in found
    assert "True" not in found, "a program that we start does not get them"
    assert "udp" not in found
    assert "ListenStream=" in done.stderr


@pytest.mark.parametrize(
    "env",
    [
        {},
        {"LISTEN_PID": "1", "LISTEN_FDS": "1"},
        {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "x"},
        {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": ""},
    ],
)
def test_what_was_meant_for_another_process(env: dict[str, str]) -> None:
    assert activated_sockets(env) == {}
    assert env == {}
