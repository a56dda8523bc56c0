"""What arrived at the practice tenant: the last mails, in memory and as .eml files; the oldest go first."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime
from email.errors import MessageError
from email.header import decode_header, make_header
from email.parser import BytesHeaderParser
from pathlib import Path

from transports.shown import harmless

MOST_MAILS = 100
MOST_BYTES = 32 * 1024 * 1024
_HEADERS_ARE_WITHIN = 64 * 1024


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail that a practice server took. `sender` is "" for a bounce, `user` is "" without sign-in."""

    number: int
    arrived: datetime
    server: str
    user: str
    sender: str
    recipients: tuple[str, ...]
    subject: str
    content: bytes
    file: Path

    def listing(self) -> dict[str, object]:
        """The mail as a line of a list: when, where, from, to, subject, size in bytes and file."""
        return {
            "number": self.number,
            "time": self.arrived.isoformat(timespec="seconds"),
            "server": self.server,
            "user": self.user,
            "from": self.sender,
            "to": list(self.recipients),
            "subject": self.subject,
            "size": len(self.content),
            "file": str(self.file),
        }


class Mailbox:
    """Keeps at most MOST_MAILS mails of MOST_BYTES together, in memory and in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._mails: deque[Mail] = deque()
        self._bytes = 0
        self.count = 0  # ever taken, those dropped since included

    @property
    def mails(self) -> tuple[Mail, ...]:
        """The mails that are kept, oldest first."""
        return tuple(self._mails)

    async def keep(
        self, server: str, user: str, sender: str, recipients: tuple[str, ...], content: bytes
    ) -> Mail:
        """Keep a mail; raises OSError, and keeps nothing, when its file cannot be written."""
        self.count += 1
        mail = Mail(
            number=self.count,
            arrived=datetime.now(UTC),
            server=server,
            user=harmless(user),
            sender=harmless(sender),
            recipients=tuple(harmless(r) for r in recipients),
            subject=subject_of(content),
            content=content,
            file=self._folder / f"{self.count:06d}-{server}.eml",
        )
        await asyncio.to_thread(_write, mail.file, content)
        self._mails.append(mail)
        self._bytes += len(content)
        dropped: list[Path] = []
        while len(self._mails) > MOST_MAILS or (self._bytes > MOST_BYTES and len(self._mails) > 1):
            oldest = self._mails.popleft()
            self._bytes -= len(oldest.content)
            dropped.append(oldest.file)
        for file in dropped:
            file.unlink(missing_ok=True)
        return mail


def subject_of(content: bytes) -> str:
    """The subject in plain words, harmless to print; "" where there is none."""
    raw = BytesHeaderParser().parsebytes(content[:_HEADERS_ARE_WITHIN]).get("Subject")
    if raw is None:
        return ""
    try:
        shown = str(make_header(decode_header(raw)))
    except (ValueError, LookupError, MessageError):
        # A header that breaks RFC 2047 is shown as it came.
        shown = str(raw)
    return harmless(" ".join(shown.split()), 300)


def _write(file: Path, content: bytes) -> None:
    try:
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
            out.write(content)
    except OSError:
        file.unlink(missing_ok=True)
        raise
