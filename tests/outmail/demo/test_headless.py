"""`outmail demo --headless` as a program of its own: its one line of JSON, its commands, and its end."""

from __future__ import annotations

import json
import os
import signal
import smtplib
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

PROGRAM = "import sys; from outmail.demo.headless import main; sys.exit(main({home}))"


class Running:
    """The program, started and announced."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.said = self.line()

    @property
    def out(self) -> IO[bytes]:
        assert self.process.stdout is not None
        return self.process.stdout

    def line(self) -> dict[str, object]:
        """The next line of its stdout."""
        found = json.loads(self.out.readline())
        assert isinstance(found, dict)
        return found

    def tell(self, command: bytes) -> dict[str, object]:
        """Give a command on stdin."""
        assert self.process.stdin is not None
        self.process.stdin.write(command + b"\n")
        self.process.stdin.flush()
        return self.line()

    def text(self, name: str) -> str:
        """A field of the announcement."""
        return str(self.said[name])

    def port(self, server: str) -> int:
        servers = self.said["servers"]
        assert isinstance(servers, dict)
        return int(servers[server]["port"])


@contextmanager
def running(home: Path | None = None, stdin: int | IO[bytes] = subprocess.PIPE) -> Iterator[Running]:
    """Start it; whatever happens, it is ended and its folder gone."""
    shown = "None" if home is None else f"__import__('pathlib').Path({str(home)!r})"
    env = {name: value for name, value in os.environ.items() if not name.startswith("OUTMAIL_")}
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(home=shown)],
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=env,
        cwd=Path(__file__).parents[3],
    )
    try:
        yield Running(process)
    finally:
        try:
            process.terminate()  # not kill: it has a folder to remove
            process.communicate(timeout=20)
        finally:
            process.kill()


def refused(port: int) -> bool:
    """Nobody listens there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_it_and_removes_its_home(end: signal.Signals) -> None:
    with running() as demo:
        home = Path(demo.text("home"))
        assert home.is_dir()
        assert demo.said["profiles"]
        port = demo.port("primary")
        assert not refused(port)
        demo.process.send_signal(end)
        out, err = demo.process.communicate(timeout=20)
        assert (demo.process.returncode, out, err) == (0, b"", b"")
        assert not home.exists()
        assert refused(port)


def test_commands_on_stdin_and_on_the_socket() -> None:
    with running() as demo:
        assert demo.tell(b"fault primary down")["ok"] is True
        assert refused(demo.port("primary"))
        assert demo.tell(b"\xff nonsense")["ok"] is False
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(20)
            client.connect(demo.text("control"))
            client.sendall(b"fault primary none\n")
            with client.makefile("rb") as answers:
                assert json.loads(answers.readline())["fault"] == "none"
        assert not refused(demo.port("primary"))
        assert demo.tell(b"quit") == {"ok": True, "quitting": True}
        _, err = demo.process.communicate(timeout=20)
        assert (demo.process.returncode, err) == (0, b"")
        assert not Path(demo.text("home")).exists()


def test_what_is_announced_is_enough_to_send_a_mail() -> None:
    with running() as demo:
        trust = ssl.create_default_context(cafile=demo.text("ca_file"))
        with smtplib.SMTP_SSL("127.0.0.1", demo.port("alternate"), context=trust, timeout=10) as client:
            client.login(demo.text("username"), demo.text("password"))
            client.sendmail(demo.text("username"), ["a@b.test"], b"Subject: hello\r\n\r\n")
        mails = demo.tell(b"mails")["mails"]
        assert isinstance(mails, list)
        assert [mail["subject"] for mail in mails] == ["hello"]


def test_the_end_of_stdin_is_not_the_end(tmp_path: Path) -> None:
    commands = tmp_path / "commands"
    commands.write_bytes(b"fault relay busy\nfault relay")
    with commands.open("rb") as plain_file, running(stdin=plain_file) as demo:
        assert [demo.line()["fault"] for _ in range(2)] == ["busy", "busy"]
        assert demo.process.poll() is None
    with running(stdin=subprocess.DEVNULL) as demo:
        assert not refused(demo.port("relay"))
        assert demo.process.poll() is None
    with running() as demo:
        assert demo.process.stdin is not None
        demo.process.stdin.write(b"fault relay")
        demo.process.stdin.close()
        demo.process.stdin = None
        assert demo.line()["fault"] == "none"
        assert not refused(demo.port("relay"))


def test_a_reader_that_sleeps_does_not_stop_the_servers() -> None:
    with running() as demo:
        assert demo.process.stdin is not None
        demo.process.stdin.write(b"faults\n" * 100)  # far more answers than a pipe holds
        demo.process.stdin.flush()
        with smtplib.SMTP("127.0.0.1", demo.port("relay"), timeout=20) as client:
            assert client.noop()[0] == 250
        demo.process.send_signal(signal.SIGTERM)
        assert demo.process.wait(timeout=20) == 0
        assert not Path(demo.text("home")).exists()


def test_a_given_home_stays(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with running(home) as demo:
        assert demo.text("home") == str(home)
        demo.process.terminate()
        assert demo.process.wait(timeout=20) == 0
    assert sorted(path.name for path in home.iterdir()) == ["run", "vault"]
