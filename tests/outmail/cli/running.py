"""Runs outmail as users do, in a process of its own, and keeps everything it said."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

CLEAN = {
    "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
    "LANG": "C.UTF-8",
    "PYTHONDONTWRITEBYTECODE": "1",
}
"""What a process needs of the environment; nothing of the developer's own settings."""


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it printed for programs."""
        return json.loads(self.out)


def run(
    home: Path | None,
    *argv: str,
    stdin: str | bytes = "",
    env: Mapping[str, str] | None = None,
    fds: Sequence[int] = (),
    cwd: Path | None = None,
) -> Ended:
    """`outmail ARGV` on this home, without a terminal."""
    environment = {**CLEAN, **({"OUTMAIL_HOME": str(home)} if home else {}), **(env or {})}
    done = subprocess.run(
        [sys.executable, "-m", "outmail", *argv],
        input=stdin.encode() if isinstance(stdin, str) else stdin,
        capture_output=True,
        env=environment,
        pass_fds=fds,
        cwd=cwd,
        timeout=60,
        check=False,
    )
    return Ended(
        done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")
    )


@dataclass
class Practice:
    """A practice tenant that runs as `outmail demo --headless`."""

    process: subprocess.Popen[bytes]
    says: dict[str, Any]
    asked: list[str] = field(default_factory=list)

    @property
    def home(self) -> Path:
        """Its own home, with ready profiles."""
        return Path(self.says["home"])

    def ask(self, line: str) -> dict[str, Any]:
        """Give a command and read its answer."""
        self.asked.append(line)
        _stream(self.process.stdin).write(line.encode() + b"\n")
        _stream(self.process.stdin).flush()
        answer: dict[str, Any] = json.loads(_stream(self.process.stdout).readline())
        return answer

    def fault(self, server: str, fault: str) -> None:
        """Break a server, or mend it with "none"."""
        assert self.ask(f"fault {server} {fault}")["ok"]

    def mend(self) -> None:
        """Make every server well again."""
        for server in (*self.says["servers"], "authority", "graph", "ews"):
            self.fault(server, "none")

    def mails(self) -> list[bytes]:
        """Every mail that arrived, as it was received, oldest first."""
        folder = next(self.home.glob("practice-*/mail"))
        return [path.read_bytes() for path in sorted(folder.glob("*.eml"))]

    def profile(self, name: str = "support", password: str | None = None, **more: str) -> str:
        """A profile file for this tenant; the password stands in it as plain text."""
        primary, alternate = self.says["servers"]["primary"], self.says["servers"]["alternate"]
        extra = "".join(f"{key} = {value}\n" for key, value in more.items())
        return f"""
[profiles.{name}]
protocol = "smtp"
sender_name = "Hilfe & Größe"
from_address = "{self.says["username"]}"
reply_to = "support@practice.test"
{extra}
[profiles.{name}.smtp]
host = "{primary["host"]}"
port = {primary["port"]}
security = "{primary["security"]}"
[[profiles.{name}.smtp.alternates]]
host = "{alternate["host"]}"
port = {alternate["port"]}
security = "{alternate["security"]}"
[profiles.{name}.auth]
method = "basic"
username = "{self.says["username"]}"
password = "{password or self.says["password"]}"
[profiles.{name}.tls]
ca_file = "{self.says["ca_file"]}"
"""


def practice(folder: Path) -> Practice:
    """Start one; end it with its process's terminate()."""
    process = subprocess.Popen(
        [sys.executable, "-m", "outmail", "demo", "--headless", "--home", str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=CLEAN,
    )
    return Practice(process, json.loads(_stream(process.stdout).readline()))


def _stream(stream: IO[bytes] | None) -> IO[bytes]:
    assert stream is not None
    return stream
