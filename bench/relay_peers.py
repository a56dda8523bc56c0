"""A Postfix and an outmail relay that both send to the same sink, for measuring; ended with the block."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROGRAM = (sys.executable, "-m", "outmail")

_MAIN = """\
compatibility_level = 3.6
config_directory = {folder}/etc
queue_directory = {folder}/spool
data_directory = {folder}/lib
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
meta_directory = /etc/postfix
shlib_directory = /usr/lib/postfix
mail_owner = postfix
setgid_group = postdrop
maillog_file = {folder}/log
maillog_file_prefixes = {folder}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = smtp.example.test
mydestination =
mynetworks = 127.0.0.0/8
biff = no
alias_maps =
relayhost = [127.0.0.1]:{sink}
smtp_tls_security_level = none
smtpd_tls_security_level = none
disable_dns_lookups = yes
smtpd_client_connection_rate_limit = 0
smtpd_client_connection_count_limit = 0
{more}
"""
_MASTER = """\
127.0.0.1:{port} inet n - n - 100 smtpd
pickup    unix  n - n 60 1 pickup
cleanup   unix  n - n - 0 cleanup
qmgr      unix  n - n 300 1 qmgr
rewrite   unix  - - n - - trivial-rewrite
bounce    unix  - - n - 0 bounce
defer     unix  - - n - 0 bounce
trace     unix  - - n - 0 bounce
flush     unix  n - n 1000? 0 flush
proxymap  unix  - - n - - proxymap
smtp      unix  - - n - - smtp
relay     unix  - - n - - smtp
error     unix  - - n - - error
retry     unix  - - n - - error
anvil     unix  - - n - 1 anvil
scache    unix  - - n - 1 scache
postlog   unix-dgram n - n - 1 postlogd
"""
_PROFILE = """\
[profiles.bench]
protocol = "smtp"
from_address = "foo@example.test"
sender_policy = "allow"
[profiles.bench.smtp]
host = "127.0.0.1"
port = {sink}
security = "none"
{more}
"""


def free_port() -> int:
    """Nobody listens there just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def await_port(port: int) -> None:
    """Until somebody listens there."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.02)
    raise RuntimeError(f"nobody listens on port {port}")


class Sink:
    """Postfix's smtp-sink, and how many mails it has taken."""

    def __init__(self) -> None:
        self.port = free_port()
        self._process = subprocess.Popen(
            ["/usr/sbin/smtp-sink", "-u", "nobody", "-c", f"127.0.0.1:{self.port}", "1000"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self._taken = 0
        self._news = threading.Condition()
        threading.Thread(target=self._read, daemon=True).start()
        await_port(self.port)

    def _read(self) -> None:
        # "sess=12 quit=3 mesg=45\r", written anew with every message.
        assert self._process.stdout is not None
        left = b""
        while more := os.read(self._process.stdout.fileno(), 65536):
            *lines, left = (left + more).split(b"\r")
            if lines and b"mesg=" in lines[-1]:
                with self._news:
                    self._taken = int(lines[-1].rpartition(b"mesg=")[2].split()[0])
                    self._news.notify_all()

    @property
    def taken(self) -> int:
        """So far."""
        with self._news:
            return self._taken

    def wait(self, count: int, seconds: float = 120.0) -> None:
        """Until so many have been taken."""
        with self._news:
            if not self._news.wait_for(lambda: self._taken >= count, seconds):
                raise RuntimeError(f"{self._taken} of {count} mails arrived")

    def close(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait()


@dataclass
class Peer:
    """A relay: its port, and the process that all of its processes descend from."""

    port: int
    pid: int
    sink: Sink

    def processes(self) -> list[int]:
        """All of them."""
        found, parents = [self.pid], {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with contextlib.suppress(OSError):
                    parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
        for parent in found:
            found += [pid for pid, above in parents.items() if above == parent]
        return found

    def cpu(self) -> float:
        """Seconds of processor time of all its processes so far, those that ended too."""
        ticks = 0
        for pid in self.processes():
            with contextlib.suppress(OSError):
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                ticks += sum(int(fields[n]) for n in (11, 12, 13, 14))
        return ticks / os.sysconf("SC_CLK_TCK")

    def memory(self) -> float:
        """Proportional set size of all its processes, in MB."""
        kib = 0
        for pid in self.processes():
            with contextlib.suppress(OSError):
                for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                    if line.startswith("Pss:"):
                        kib += int(line.split()[1])
        return kib / 1024


@contextlib.contextmanager
def postfix(sink: Sink, more: str = "") -> Iterator[Peer]:
    """A Postfix that relays to the sink, as Debian sets it up but for its limits on one client."""
    folder = Path(tempfile.mkdtemp(prefix="outmail-bench-postfix-"))
    folder.chmod(0o755)
    port = free_port()
    for part in ("etc", "spool", "lib"):
        (folder / part).mkdir()
    shutil.chown(folder / "lib", "postfix")
    (folder / "etc/main.cf").write_text(_MAIN.format(folder=folder, sink=sink.port, more=more))
    (folder / "etc/master.cf").write_text(_MASTER.format(port=port))
    command = ["/usr/sbin/postfix", "-c", str(folder / "etc")]
    subprocess.run([*command, "start"], check=True, capture_output=True)
    try:
        await_port(port)
        pid = int((folder / "spool/pid/master.pid").read_text())
        yield Peer(port, pid, sink)
    finally:
        subprocess.run([*command, "stop"], check=False, capture_output=True)
        shutil.rmtree(folder, ignore_errors=True)


class Outmail(Peer):
    """An outmail relay; `start` it again after its end."""

    def __init__(self, home: Path, port: int, sink: Sink) -> None:
        super().__init__(port, 0, sink)
        self.home = home
        self.process: subprocess.Popen[bytes]

    def start(self) -> None:
        """Until it listens."""
        command = [*PROGRAM, "--home", str(self.home), "relay", "--listen", f"127.0.0.1:{self.port}"]
        with (self.home / "log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        self.pid = self.process.pid
        await_port(self.port)


@contextlib.contextmanager
def outmail(sink: Sink, more: str = "", folder: Path | None = None, primary: int = 0) -> Iterator[Outmail]:
    """An outmail relay that sends to the sink, or to a `primary`; "{listen}" in `more` is its address."""
    home = folder or Path(tempfile.mkdtemp(prefix="outmail-bench-"))
    home.mkdir(parents=True, exist_ok=True)
    peer = Outmail(home, free_port(), sink)
    settings = _PROFILE.format(
        sink=primary or sink.port, more=more.replace("{listen}", f"127.0.0.1:{peer.port}")
    )
    subprocess.run(
        [*PROGRAM, "--home", str(home), "profile", "import", "-"],
        input=settings,
        text=True,
        check=True,
        capture_output=True,
    )
    peer.start()
    try:
        yield peer
    finally:
        peer.process.send_signal(signal.SIGTERM)
        peer.process.wait()
        shutil.rmtree(home, ignore_errors=True)


def send(peer: Peer, messages: int, clients: int, size: int, *, kept: bool = False) -> float:
    """Seconds until the sink has all messages of so many clients at once."""
    before = peer.sink.taken
    began = time.perf_counter()
    subprocess.run(
        [
            "/usr/sbin/smtp-source",
            *(["-d"] if kept else []),
            *("-s", str(clients), "-m", str(messages), "-l", str(size)),
            *("-f", "foo@example.test", "-t", "bar@example.test"),
            f"127.0.0.1:{peer.port}",
        ],
        check=True,
    )
    peer.sink.wait(before + messages)
    return time.perf_counter() - began
