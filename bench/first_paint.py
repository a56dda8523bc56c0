"""How long a terminal waits for our first frame and first page, against an empty Textual program's frame."""

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


FRAME = "›".encode()  # in the title bar
PAGE = b"Connection protocol"  # the wizard's first question


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8", "OUTMAIL_HOME": home}

        def ours(marker: bytes) -> float:
            return first_paint(marker, [OUTMAIL], environment)

        def empty() -> float:
            return first_paint(b"first paint", [PYTHON, "-c", EMPTY], environment)

        met = compare("first paint / an empty Textual program's", lambda: ours(FRAME), empty, 1.5)
        compare("first page, the wizard's / the same", lambda: ours(PAGE), empty, None)
    sys.exit(not met)
