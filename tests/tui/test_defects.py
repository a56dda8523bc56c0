"""A defect of ours in a screen: the program ends, the terminal is free, no traceback or secret is shown."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
from pathlib import Path

_PROGRAM = """
import sys
from tui.screens.home import HomeScreen
MARK = "planted-" + "secret"
def on_mount(self):
    password = MARK
    raise RuntimeError("nobody may read this: " + password)
HomeScreen.on_mount = on_mount
from outmail.__main__ import main
sys.argv = ["outmail"]
sys.exit(main())
"""


def test_a_defect_in_a_screen_ends_with_one_line_and_a_file_without_secrets(tmp_path: Path) -> None:
    master, slave = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "OUTMAIL_HOME": str(tmp_path / "home")}
    running = subprocess.Popen(
        [sys.executable, "-c", _PROGRAM], stdin=slave, stdout=slave, stderr=slave, env=environment
    )
    os.close(slave)
    shown = b""
    try:
        while select.select([master], [], [], 60)[0]:
            data = _read(master)
            if not data:
                break
            shown += data
        code = running.wait(60)
    finally:
        running.kill()
        running.wait()
        os.close(master)
    assert code == 70
    text = shown.decode("utf-8", "replace")
    assert "internal error: RuntimeError" in text
    assert "Traceback" not in text
    assert "planted-secret" not in text
    assert "\x1b[?1049l" in text, "the terminal is given back"
    kept = list((tmp_path / "home").rglob("internal-errors.log"))
    assert len(kept) == 1
    log = kept[0].read_text()
    assert "RuntimeError" in log
    assert "planted-secret" not in log


def _read(master: int) -> bytes:
    try:
        return os.read(master, 65536)
    except OSError:  # Linux says EIO when the last one has closed the terminal
        return b""
