"""What comes over the line to an SMTP server, remembered, also what nobody has asked for.

It decides nothing; `smtp_wire` reads it.
"""

from __future__ import annotations

import asyncio

from aiosmtplib.protocol import SMTPProtocol

REMEMBERED = 65536
"""Bytes since the last command that are kept at most."""


class Protocol(SMTPProtocol):
    """aiosmtplib's protocol, which throws away what nobody asked for; this one remembers it."""

    def __init__(self) -> None:
        super().__init__(asyncio.get_running_loop())
        self.seen = bytearray()  # since the last command
        self.lost: Exception | None = None
        self.room = asyncio.Event()  # the send buffer is empty enough to write more
        self.room.set()
        self.news: asyncio.Event | None = None  # while the answers to several commands are awaited

    def data_received(self, data: bytes) -> None:
        if len(self.seen) < REMEMBERED:
            self.seen += data
        if self.news is not None:  # aiosmtplib would take the first of them and throw the others away
            self.news.set()
        else:
            super().data_received(data)

    def eof_received(self) -> bool:
        if self.news is not None:
            self.news.set()
        return super().eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = exc
        self.room.set()
        if self.news is not None:
            self.news.set()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        self.room.clear()
        super().pause_writing()

    def resume_writing(self) -> None:
        self.room.set()
        super().resume_writing()

    def behind_the_reply(self) -> bytes:
        """What came after the end of the first reply; b"" from a server that waits its turn."""
        end = self.end_of_reply()
        return bytes(self.seen[end:]) if end else b""

    def end_of_reply(self) -> int:
        """Where the first reply ends in what was seen; 0 where it has not come to its end."""
        start = 0
        while (end := self.seen.find(b"\n", start)) != -1:
            if self.seen[start + 3 : start + 4] != b"-":
                return end + 1
            start = end + 1
        return 0
