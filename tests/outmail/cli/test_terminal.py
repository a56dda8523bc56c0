"""Manners on a terminal: live steps, colours only where they are wanted, questions unseen, Ctrl-C at once."""

from __future__ import annotations

import os
import pty
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Self

import pytest

from tests.outmail.cli.running import CLEAN, Ended, Practice, run

_DEADLINE = 60.0


class OnTerminal:
    """A command on a terminal of its own; what it shows is read with `until` and `end`."""

    def __init__(self, home: Path, *argv: str, env: Mapping[str, str] | None = None) -> None:
        if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
            # Tests in the background of a script ignore Ctrl-C, and so would the program.
            signal.signal(signal.SIGINT, signal.default_int_handler)
        master, slave = pty.openpty()
        self._master = master
        self.shown = ""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "outmail", *argv],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**CLEAN, "TERM": "xterm-256color", "OUTMAIL_HOME": str(home), **(env or {})},
            start_new_session=True,
        )
        os.close(slave)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self._master)

    def _more(self, until: float) -> bool:
        ready, _, _ = select.select([self._master], [], [], max(0.0, until - time.monotonic()))
        assert ready, f"nothing more came after: {self.shown!r}"
        try:
            data = os.read(self._master, 4096)
        except OSError:  # Linux says EIO when the last one has closed the terminal
            return False
        self.shown += data.decode("utf-8", "replace")
        return bool(data)

    def until(self, text: str) -> None:
        """Read until this is shown."""
        until = time.monotonic() + _DEADLINE
        while text not in self.shown:
            assert self._more(until), self.shown

    def type(self, text: str) -> None:
        """Type, as a person does."""
        os.write(self._master, text.encode())

    def end(self) -> int:
        """Read to the end; the exit code."""
        until = time.monotonic() + _DEADLINE
        while self._more(until):
            pass
        return self.process.wait(_DEADLINE)


def test_a_check_is_drawn_live_in_colours(ready: Callable[..., Ended], home: Path, tenant: Practice) -> None:
    assert ready("profile", "list").code == 0
    with OnTerminal(home, "check") as terminal:
        assert terminal.end() == 0
    assert "\r\x1b[K" in terminal.shown
    assert "\x1b[32m✓ ok" in terminal.shown
    assert "support can send" in terminal.shown


@pytest.mark.parametrize("env", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_no_escape_codes_where_none_are_wanted(
    ready: Callable[..., Ended], home: Path, tenant: Practice, env: dict[str, str]
) -> None:
    tenant.fault("primary", "password-refused")
    assert ready("profile", "list").code == 0
    with OnTerminal(home, "check", env=env) as terminal:
        assert terminal.end() == 77
    assert "\x1b" not in terminal.shown
    assert "✗ FAIL  authenticate" in terminal.shown
    assert terminal.shown.count("  do ") == 1  # the remedy stands in the ladder, and is not said twice
    assert max(len(line) for line in terminal.shown.splitlines() if "run " not in line) <= 120


def test_ascii_where_the_encoding_has_no_marks(
    ready: Callable[..., Ended], home: Path, tenant: Practice
) -> None:
    ended = ready("check", env={"PYTHONIOENCODING": "ascii:strict"})
    assert ended.code == 0
    assert "  + ok    resolve" in ended.out


def test_ctrl_c_ends_a_check_at_once_with_130(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        text = (
            '[profiles.x]\nprotocol = "smtp"\nfrom_address = "a@practice.test"\n'
            f'[profiles.x.smtp]\nhost = "127.0.0.1"\nport = {silent.getsockname()[1]}\n'
        )
        assert run(home, "profile", "import", "-", stdin=text).code == 0
        with OnTerminal(home, "check") as terminal:
            terminal.until("greeting")
            began = time.monotonic()
            terminal.process.send_signal(signal.SIGINT)
            assert terminal.end() == 130
    assert time.monotonic() - began < 5
    assert "Traceback" not in terminal.shown


def test_a_passphrase_is_asked_for_twice_and_never_shown(ready: Callable[..., Ended], home: Path) -> None:
    with OnTerminal(home, "key", "passphrase") as terminal:
        terminal.until("New passphrase: ")
        terminal.type("correct horse battery\n")
        terminal.until("The same again: ")
        terminal.type("correct horse batterY\n")
        assert terminal.end() == 65
    assert "not the same" in terminal.shown
    assert ready("profile", "list").code == 0  # nothing was changed
    with OnTerminal(home, "key", "passphrase") as terminal:
        terminal.until("New passphrase: ")
        terminal.type("correct horse battery\n")
        terminal.until("The same again: ")
        terminal.type("correct horse battery\n")
        assert terminal.end() == 0
    assert "horse" not in terminal.shown
    assert ready("profile", "list").code == 77  # no terminal, no question
    with OnTerminal(home, "profile", "list") as terminal:
        terminal.until("Passphrase of the settings: ")
        terminal.type("correct horse battery\n")
        assert terminal.end() == 0
    assert "support" in terminal.shown


def test_removing_asks_on_a_terminal_only(ready: Callable[..., Ended], home: Path) -> None:
    with OnTerminal(home, "profile", "remove", "support") as terminal:
        terminal.until("[y/N]")
        terminal.type("n\n")
        assert terminal.end() == 130
    assert "support" in ready("profile", "list").out
    assert ready("profile", "remove", "support").code == 0
    assert ready("profile", "list").out == ""


@pytest.mark.parametrize("term", ["", "dumb"])
def test_a_terminal_that_cannot_draw_gets_a_sentence_and_no_escape_codes(tmp_path: Path, term: str) -> None:
    with OnTerminal(tmp_path, env={"TERM": term}) as opened:
        assert opened.end() == 64
        assert "cannot draw screens" in opened.shown
        assert "\x1b" not in opened.shown
