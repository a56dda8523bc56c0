"""Sockets that systemd passes: taken once, by name, and hidden from programs that we start."""

from __future__ import annotations

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


def started(count: int, names: str, first: int) -> subprocess.CompletedProcess[str]:
    """A process to which the descriptors from `first` on were passed as systemd does."""
    # The shell moves them to 3 and on, and its process is the one whose number is told.
    moves = "".join(f" {3 + n}<&{first + n}" for n in range(count))
    return subprocess.run(
        ["/bin/bash", "-c", f'LISTEN_PID=$$ exec "$0" -c "$1"{moves}', sys.executable, SHOW],
        pass_fds=range(first, first + count),
        env={**os.environ, "LISTEN_FDS": str(count), "LISTEN_FDNAMES": names},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_they_are_taken_by_name() -> None:
    socks = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    base = 50
    for number, sock in enumerate([*socks, udp]):
        os.dup2(sock.fileno(), base + number)
    try:
        done = started(4, "smtp:smtp:odd name/:udp", base)
    finally:
        for number in range(4):
            os.close(base + number)
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
