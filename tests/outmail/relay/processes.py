"""The relay as a process of its own, to be ended and killed."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.servers.process import await_port, free_port

PROGRAM = (sys.executable, "-m", "outmail")

_PROFILE = """\
[profiles.support]
protocol = "smtp"
from_address = "helpdesk@example.test"
sender_policy = "allow"
[profiles.support.smtp]
host = "127.0.0.1"
port = {port}
security = "none"
{more}
"""


@dataclass
class RelayProcess:
    """A relay on a home; started anew on the same port as often as a test likes."""

    home: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        """All that it said."""
        return self.home / "relay.log"

    def outmail(self, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run a command on its home."""
        return subprocess.run(
            [*PROGRAM, "--home", str(self.home), *words],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def set_up(self, port: int, more: str = "") -> None:
        """One profile that sends to a server without TLS or sign-in on this port."""
        done = self.outmail("profile", "import", "-", stdin=_PROFILE.format(port=port, more=more))
        assert done.returncode == 0, done.stderr

    def start(self, *, settings: bool = False) -> None:
        """Until it listens: on its port alone, or, with `settings`, where those say, its port among them."""
        listen = () if settings else ("--listen", f"127.0.0.1:{self.port}")
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*PROGRAM, "--home", str(self.home), "relay", *listen],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        await_port(self.port, self.log)

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and wait for its end; returns the exit code."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(timeout=60)


@contextlib.contextmanager
def relay_process(home: Path) -> Iterator[RelayProcess]:
    """To be set up and started; ended with the block."""
    home.mkdir(parents=True, exist_ok=True)
    relay = RelayProcess(home)
    try:
        yield relay
    finally:
        if relay.process is not None and relay.process.poll() is None:
            relay.process.kill()
            relay.process.wait()
