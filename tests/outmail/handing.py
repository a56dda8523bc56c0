"""A small relay in the test's own process, and sendmail as programs start it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path

import outmail
from outmail.relay.intake import Intake
from outmail.relay.submission import SUBMIT, Submission, collect_drops
from store.maildrop_collect import Collected
from store.profiles import Profile
from store.spool import Spool
from store.spool_shapes import Entry

ROOT = Path(outmail.__file__).parent.parent
HOST = "relay.example.org"
ADMIN = "admin@example.org"
NOBODY = 65534


def utc_now() -> datetime:
    return datetime.now(UTC)


def profile(sender_policy: str = "rewrite") -> Profile:
    return Profile.model_validate(
        {
            "protocol": "smtp",
            "from_address": "helpdesk@example.org",
            "sender_policy": sender_policy,
            "smtp": {"host": "smtp.example.org"},
        }
    )


class Relay:
    """A queue, and the socket to it while it is open."""

    def __init__(self, home: Path, spool: Spool, local_mail_to: str, policy: str) -> None:
        self.home = home
        self.spool = spool
        self.woken: list[str] = []
        self.profiles: dict[str, Profile] = {"support": profile(policy)}
        self.intake = Intake(spool, self._choose, HOST, utc_now, self.woken.append, local_mail_to)
        self.may_send: Callable[[int, int], bool] = lambda _uid, _gid: True
        self.submission: Submission | None = None

    def _choose(self, _sender: str, asked: str) -> tuple[str, Profile] | None:
        name = asked or "support"
        return (name, self.profiles[name]) if name in self.profiles else None

    def _may_send(self, uid: int, gid: int) -> bool:
        return self.may_send(uid, gid)

    async def open(self, mode: int = 0o600, **more: int) -> None:
        run = self.home / "run"
        run.mkdir(exist_ok=True)
        self.submission = Submission(run / SUBMIT, self.intake, self.spool, self._may_send, mode, **more)
        await self.submission.open()

    async def close(self) -> None:
        if self.submission is not None:
            await self.submission.close()
            self.submission = None

    async def collect(self) -> Collected:
        return await collect_drops(self.drops, self.spool, self.intake, utc_now())

    @property
    def drops(self) -> Path:
        return self.home / "spool" / "maildrop"

    def dropped(self) -> list[str]:
        return [path.name for path in self.drops.iterdir()] if self.drops.exists() else []

    async def mails(self) -> list[tuple[Entry, str]]:
        page = await self.spool.page(limit=1000)
        return [(entry, (await self.spool.content(entry.id)).decode()) for entry in page]

    async def mail(self) -> tuple[Entry, str]:
        (found,) = await self.mails()
        return found


@contextlib.asynccontextmanager
async def relay(
    home: Path, *, local_mail_to: str = ADMIN, policy: str = "rewrite", running: bool = True
) -> AsyncIterator[Relay]:
    spool = await Spool.open(home / "spool", "test", utc_now(), tell=lambda error: None)
    found = Relay(home, spool, local_mail_to, policy)
    try:
        if running:
            await found.open()
        yield found
    finally:
        await found.close()
        await spool.close(utc_now())


def environment(home: Path, **more: str) -> dict[str, str]:
    kept = {key: os.environ[key] for key in ("PATH", "HOME", "LANG") if key in os.environ}
    return {**kept, "OUTMAIL_HOME": str(home), **more}


def launcher(folder: Path) -> Path:
    """The program under its name, as an admin installs it."""
    path = folder / "sendmail"
    path.write_text(
        f"#!{sys.executable} -IS\nimport sys\nsys.path.insert(0, {str(ROOT)!r})\n"
        "from outmail.sendmail import main\nsys.exit(main())\n"
    )
    path.chmod(0o755)
    return path


async def run(
    command: list[str], stdin: bytes, env: dict[str, str], **more: object
) -> subprocess.CompletedProcess[str]:
    """A program to its end, while the relay goes on."""

    def wait() -> subprocess.CompletedProcess[str]:
        done = subprocess.run(  # type: ignore[call-overload]
            command, input=stdin, capture_output=True, env=env, timeout=60, check=False, **more
        )
        return subprocess.CompletedProcess(
            command, done.returncode, done.stdout.decode(), done.stderr.decode()
        )

    return await asyncio.to_thread(wait)


async def sendmail(
    home: Path, *flags: str, stdin: bytes = b"Subject: x\n\nhello\n", **env: str
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "outmail.sendmail", *flags]
    return await run(command, stdin, environment(home, **env), cwd=ROOT)
