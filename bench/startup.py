"""How long `outmail --version`, and `status --json` with a relay running, take against an idle Python."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from rounds import compare

PYTHON = sys.executable
OUTMAIL = str(Path(PYTHON).with_name("outmail"))
RUNS = 10
PROFILE = """
[profiles.bench]
protocol = "smtp"
from_address = "bench@example.org"
[profiles.bench.smtp]
host = "127.0.0.1"
"""


def seconds(*command: str) -> float:
    """Seconds for one run of a command, the mean of several."""
    began = time.perf_counter()
    for _ in range(RUNS):
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return (time.perf_counter() - began) / RUNS


@contextmanager
def relay() -> Iterator[None]:
    """A relay on a throw-away home, which the commands find by OUTMAIL_HOME."""
    with tempfile.TemporaryDirectory() as home:
        os.environ["OUTMAIL_HOME"] = home
        subprocess.run(
            [OUTMAIL, "profile", "import", "-"],
            input=PROFILE.encode(),
            check=True,
            stdout=subprocess.DEVNULL,
        )
        serving = subprocess.Popen([OUTMAIL, "relay", "--listen", "127.0.0.1:0"], stderr=subprocess.DEVNULL)
        try:
            while not (Path(home) / "run" / "control").exists():
                if serving.poll() is not None:
                    sys.exit("the relay did not start")
                time.sleep(0.05)
            yield
        finally:
            serving.terminate()
            serving.wait(60)


def idle() -> float:
    """The peer of both rows."""
    return seconds(PYTHON, "-c", "pass")


if __name__ == "__main__":
    met = compare("outmail --version / python -c pass", lambda: seconds(OUTMAIL, "--version"), idle, 3.0)
    with relay():
        status = compare(
            "outmail status --json, a relay running / python -c pass",
            lambda: seconds(OUTMAIL, "status", "--json"),
            idle,
            8.0,
        )
    sys.exit(not (met and status))
