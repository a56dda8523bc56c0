"""The relay as a process: how it starts, what a dead primary costs, and how it ends."""

from __future__ import annotations

import json
import os
import signal
import smtplib
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.outmail.relay.processes import PROGRAM, RelayProcess, relay_process
from tests.servers.process import free_port
from tests.servers.sink import Sink

pytestmark = pytest.mark.long

MAIL = b"From: a@example.test\r\nSubject: %d\r\n\r\nhello\r\n"


@pytest.fixture
def sink() -> Iterator[Sink]:
    found = Sink()
    found.start()
    yield found
    found.stop()


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[RelayProcess]:
    with relay_process(tmp_path / "home") as found:
        yield found


def hand_in(relay: RelayProcess, number: int = 0) -> None:
    with smtplib.SMTP("127.0.0.1", relay.port, timeout=30) as client:
        client.sendmail("a@example.test", ["b@example.test"], MAIL % number)


def alternate(port: int) -> str:
    return f'[[profiles.support.smtp.alternates]]\nhost = "127.0.0.1"\nport = {port}\nsecurity = "none"\n'


def status(relay: RelayProcess) -> dict[str, object]:
    found = json.loads(relay.outmail("status", "--json").stdout)
    assert isinstance(found, dict)
    return found


class BadServer:
    """A primary that is there and of no use: it says `greeting` and nothing else, or hangs up."""

    def __init__(self, greeting: bytes, *, hang_up: bool) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._socket.getsockname()[1])
        self.connections = 0
        self._greeting = greeting
        self._hang_up = hang_up
        self._kept: list[socket.socket] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            client.sendall(self._greeting)
            if self._hang_up:
                client.close()
            else:
                self._kept.append(client)

    def close(self) -> None:
        self._socket.close()
        for client in self._kept:
            client.close()


@pytest.mark.parametrize(
    ("greeting", "hang_up", "within"),
    [(b"", True, 3.0), (b"421 4.3.2 busy\r\n", True, 3.0), (b"", False, 14.0)],
    ids=["drops", "421", "silent"],
)
def test_a_bad_primary_costs_its_wait_once(
    relay: RelayProcess, sink: Sink, greeting: bytes, hang_up: bool, within: float
) -> None:
    server = BadServer(greeting, hang_up=hang_up)
    relay.set_up(server.port, alternate(sink.port))
    relay.start()
    began = time.monotonic()
    hand_in(relay, 1)
    sink.first(lambda mail: b"Subject: 1\r\n" in mail.content)
    first = time.monotonic() - began
    before = server.connections
    began = time.monotonic()
    for number in range(2, 12):
        hand_in(relay, number)
        sink.first(lambda mail, n=number: b"Subject: %d\r\n" % n in mail.content)  # type: ignore[misc]
    later = time.monotonic() - began
    server.close()
    assert first < within
    assert later < 5.0, "ten mails, none of which waits for the primary"
    assert server.connections == before, "nobody asked it again"
    profiles = status(relay)["profiles"]
    assert isinstance(profiles, list)
    assert profiles[0]["active"] == "alternate"
    assert profiles[0]["reason"]


def test_a_black_hole_costs_one_time_out_in_all(relay: RelayProcess, sink: Sink) -> None:
    """Nobody ever answers at an address whose backlog is full."""
    hole = socket.socket()
    hole.bind(("127.0.0.1", 0))
    hole.listen(0)
    port = hole.getsockname()[1]
    fill = [socket.socket() for _ in range(4)]
    for one in fill:
        one.setblocking(False)
        one.connect_ex(("127.0.0.1", port))
    relay.set_up(port, alternate(sink.port))
    relay.start()
    began = time.monotonic()
    with ThreadPoolExecutor(10) as clients:
        list(clients.map(lambda number: hand_in(relay, number), range(10)))
    for number in range(10):
        sink.first(lambda mail, n=number: b"Subject: %d\r\n" % n in mail.content)  # type: ignore[misc]
    together = time.monotonic() - began
    began = time.monotonic()
    hand_in(relay, 99)
    sink.first(lambda mail: b"Subject: 99\r\n" in mail.content)
    later = time.monotonic() - began
    for one in (*fill, hole):
        one.close()
    assert together < 5.0, "one time-out of less than two seconds, for all of them"
    assert later < 1.5


def test_sigterm_lets_what_is_under_way_end(relay: RelayProcess, sink: Sink) -> None:
    relay.set_up(sink.port)
    relay.start()
    for number in range(50):
        hand_in(relay, number)
    assert relay.end(signal.SIGTERM) == 0
    assert not (relay.home / "run" / "control").exists()
    sent = len(sink.all(lambda _mail: True))
    relay.start()
    for number in range(50):
        sink.first(lambda mail, n=number: b"Subject: %d\r\n" % n in mail.content)  # type: ignore[misc]
    assert len(sink.all(lambda _mail: True)) == 50, f"{sent} before, and none twice"


def test_a_second_relay_and_a_port_that_is_taken(relay: RelayProcess, sink: Sink, tmp_path: Path) -> None:
    relay.set_up(sink.port)
    relay.start()
    second = relay.outmail("relay", "--listen", f"127.0.0.1:{free_port()}")
    assert second.returncode == 75
    assert "outmail relay (process" in second.stderr
    with relay_process(tmp_path / "other") as other:
        other.set_up(sink.port)
        refused = other.outmail("relay", "--listen", f"127.0.0.1:{relay.port}")
    assert refused.returncode == 78
    assert "ss -ltnp" in refused.stderr
    assert "Traceback" not in second.stderr + refused.stderr


def test_sighup_reads_the_settings_anew(relay: RelayProcess, sink: Sink) -> None:
    relay.set_up(free_port())  # nobody is there
    relay.start()
    hand_in(relay, 7)
    done = relay.outmail("profile", "import", "-", stdin=_elsewhere(sink.port))
    assert done.returncode == 0, done.stderr
    assert relay.process is not None
    relay.process.send_signal(signal.SIGHUP)
    assert sink.first(lambda mail: b"Subject: 7\r\n" in mail.content)


def _elsewhere(port: int) -> str:
    return (
        '[profiles.support]\nprotocol = "smtp"\nfrom_address = "helpdesk@example.test"\n'
        'sender_policy = "allow"\n[profiles.support.smtp]\nhost = "127.0.0.1"\n'
        f'port = {port}\nsecurity = "none"\n'
    )


def test_systemd_is_told_and_its_socket_is_used(relay: RelayProcess, sink: Sink, tmp_path: Path) -> None:
    """As systemd starts it: a socket by LISTEN_FDS, and sd_notify's socket."""
    relay.set_up(sink.port)
    told = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    told.bind(str(tmp_path / "notify"))
    told.settimeout(30)
    door = socket.create_server(("127.0.0.1", 0))
    relay.port = door.getsockname()[1]
    start = (
        "import os, sys; os.dup2(int(sys.argv[1]), 3); os.environ['LISTEN_PID'] = str(os.getpid()); "
        "os.execv(sys.executable, [sys.executable, '-m', 'outmail', *sys.argv[2:]])"
    )
    environment = {
        **os.environ,
        "LISTEN_FDS": "1",
        "LISTEN_FDNAMES": "smtp",
        "NOTIFY_SOCKET": str(tmp_path / "notify"),
    }
    with relay.log.open("ab") as log:
        relay.process = subprocess.Popen(
            [PROGRAM[0], "-c", start, str(door.fileno()), "--home", str(relay.home), "relay"],
            pass_fds=[door.fileno()],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    assert b"READY=1" in told.recv(4096)
    hand_in(relay, 3)
    sink.first(lambda mail: b"Subject: 3\r\n" in mail.content)
    assert relay.end() == 0
    assert b"STOPPING=1" in told.recv(4096)
    told.close()
    door.close()


def test_the_log_has_a_line_for_each_mail(relay: RelayProcess, sink: Sink) -> None:
    relay.set_up(sink.port)
    relay.start()
    hand_in(relay, 1)
    sink.first(lambda mail: b"Subject: 1\r\n" in mail.content)
    relay.end()
    lines = [line for line in relay.log.read_text().splitlines() if "from=<a@example.test>" in line]
    assert len(lines) == 1
    assert "to=<b@example.test>" in lines[0]
    assert "250 2.0.0 kept" in lines[0]
