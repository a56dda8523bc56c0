"""How long `outmail --version` takes, against a Python that does nothing."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from rounds import compare

PYTHON = sys.executable
OUTMAIL = str(Path(PYTHON).with_name("outmail"))
RUNS = 10


def seconds(*command: str) -> float:
    """Seconds for one run of a command, the mean of several."""
    began = time.perf_counter()
    for _ in range(RUNS):
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return (time.perf_counter() - began) / RUNS


if __name__ == "__main__":
    met = compare(
        "outmail --version / python -c pass",
        lambda: seconds(OUTMAIL, "--version"),
        lambda: seconds(PYTHON, "-c", "pass"),
        3.0,
    )
    sys.exit(not met)
