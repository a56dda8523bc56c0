"""What a mail costs in the relay's SMTP core alone, and how fast a large one passes, against aiosmtpd's core.

Both get the same bytes in the same pieces, as a client sends them that waits for each answer, and
neither has a socket. aiosmtpd's core cannot run without an event loop, so its turns of the loop count;
a listener of ours has turns of its own, which are not in these rows. Nobody waits for anything, so it
is processor time that is measured: what else the machine does is not in it.
"""

from __future__ import annotations

import asyncio
import logging
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session

from outmail.relay.dialogue import Dialogue
from outmail.relay.events import Body, Mail
from outmail.relay.replies import Answer
from outmail.relay.rules import Rules

sys.path.insert(0, str(Path(__file__).parent))
from rounds import compare

LINE = b"A line of a mail, of the length that most programs break their lines at.\r\n"
SMALL = LINE * 27 + b".\r\n"
LARGE = LINE * (1024 * 1024 // len(LINE)) + b".\r\n"
PIECE = 64 * 1024
SMALL_ONES, LARGE_ONES = 1000, 10

ENVELOPE = (b"MAIL FROM:<alice@example.test>\r\n", b"RCPT TO:<bob@example.org>\r\n", b"DATA\r\n")
RULES = Rules("relay.example.test")
KEPT = Answer(250, "2.0.0", "kept as 4711")


def pieces(content: bytes) -> list[bytes]:
    """As they come from a socket."""
    return [content[at : at + PIECE] for at in range(0, len(content), PIECE)]


def ours(content: bytes, mails: int) -> float:
    """Seconds of the processor for that many mails on one connection."""
    parts, size = pieces(content), 0
    began = time.process_time()
    dialogue = Dialogue(RULES, "127.0.0.1")
    dialogue.greeting()
    dialogue.receive(b"EHLO me.example.test\r\n")
    for _ in range(mails):
        for command in ENVELOPE:
            dialogue.receive(command)
        for part in parts:
            for event in dialogue.receive(part):
                if isinstance(event, Body):
                    size += len(event.data)
                elif isinstance(event, Mail):
                    size += len(event.content)
                    dialogue.stored(KEPT)
    took = time.process_time() - began
    assert size == mails * (len(content) - 3)
    return took


class Nowhere(asyncio.Transport):
    """Takes answers, and says when one came."""

    def __init__(self) -> None:
        super().__init__()
        self.answered = asyncio.Event()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if bytes(data[3:4]) != b"-":
            self.answered.set()

    def is_closing(self) -> bool:
        return False

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def close(self) -> None: ...


class Taker:
    """aiosmtpd's hooks: takes every mail."""

    size = 0

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        self.size += len(envelope.content or b"")
        return "250 2.0.0 kept as 4711"


def theirs(content: bytes, mails: int) -> float:
    """The same in aiosmtpd."""
    return asyncio.run(_theirs(pieces(content), mails, mails * (len(content) - 3)))


async def _theirs(parts: list[bytes], mails: int, size: int) -> float:
    taker, wire = Taker(), Nowhere()
    server = SMTP(taker, hostname="relay.example.test", enable_SMTPUTF8=True, loop=asyncio.get_running_loop())
    began = time.process_time()
    server.connection_made(wire)
    await wire.answered.wait()
    for commands in ((b"EHLO me.example.test\r\n",), *([(*ENVELOPE, parts)] * mails)):
        for command in commands:
            wire.answered.clear()
            for part in command if isinstance(command, list) else [command]:
                server.data_received(part)
            await wire.answered.wait()
    took = time.process_time() - began
    server.connection_lost(None)
    assert taker.size == size
    return took


def row(name: str, content: bytes, mails: int, goal: float, told: Callable[[float], str]) -> bool:
    """A row against aiosmtpd, and what one mail came to."""
    took: list[float] = []

    def mine() -> float:
        took.append(ours(content, mails))
        return took[-1]

    met = compare(name, mine, lambda: theirs(content, mails), goal)
    print(f"  {told(statistics.median(took) / mails)}")
    return met


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    small = row(
        f"{SMALL_ONES} mails of 2 KB through the SMTP core / aiosmtpd",
        SMALL,
        SMALL_ONES,
        0.1,
        lambda seconds: f"{seconds * 1_000_000:.1f} microseconds a mail",
    )
    large = row(
        f"{LARGE_ONES} mails of 1 MB through the SMTP core / aiosmtpd",
        LARGE,
        LARGE_ONES,
        0.05,
        lambda seconds: f"{len(LARGE) / seconds / 1_000_000:.0f} MB a second",
    )
    sys.exit(not (small and large))
