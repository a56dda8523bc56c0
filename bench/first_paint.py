"""How long the first screen takes to appear in a terminal, against an empty Textual program's."""

from __future__ import annotations

import os
import pty
import select
import signal
import struct
import sys
import tempfile
import time
from fcntl import ioctl
from pathlib import Path
from termios import TIOCSWINSZ

sys.path.insert(0, str(Path(__file__).parent))
from rounds import compare

PYTHON = sys.executable
OUTMAIL = str(Path(PYTHON).with_name("outmail"))
EMPTY = """
from textual.app import App
from textual.widgets import Static
class Empty(App):
    def compose(self):
        yield Static("first paint is here")
Empty().run()
"""
PATIENCE = 20.0  # seconds


def first_paint(marker: bytes, command: list[str], environment: dict[str, str]) -> float:
    """Seconds from the start of the command until the marker is on the terminal."""
    began = time.perf_counter()
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(command[0], command, environment)
    ioctl(terminal, TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    seen = b""
    try:
        while marker not in seen:
            ready, _, _ = select.select([terminal], [], [], PATIENCE)
            if not ready:
                raise SystemExit(f"{command} did not show {marker!r} within {PATIENCE} s")
            seen += os.read(terminal, 65536)
        return time.perf_counter() - began
    finally:
        os.kill(pid, signal.SIGKILL)
        os.close(terminal)
        os.waitpid(pid, 0)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "TERM": "xterm-256color", "OUTMAIL_HOME": home}
        met = compare(
            "first paint: outmail in an empty home / an empty Textual program",
            lambda: first_paint(b"outmail", [OUTMAIL], environment),
            lambda: first_paint(b"first paint", [PYTHON, "-c", EMPTY], environment),
            1.5,
        )
    sys.exit(not met)
