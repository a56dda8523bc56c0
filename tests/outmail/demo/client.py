"""The independent client of these tests: the standard library's smtplib, in a thread of its own."""

from __future__ import annotations

import asyncio
import smtplib
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from outmail.demo.server import PracticeServer

T = TypeVar("T")

MAIL = (
    b"From: desk@practice.test\r\nTo: a@example.org\r\nSubject: Gr\xc3\xbc\xc3\x9fe\r\n\r\n.dot\r\nbody\r\n"
)


@contextmanager
def connected(server: PracticeServer, trust: ssl.SSLContext) -> Iterator[smtplib.SMTP]:
    """Connect and, where the server has it, start TLS; says goodbye at the end."""
    if server.security == "tls":
        client: smtplib.SMTP = smtplib.SMTP_SSL(server.host, server.port, context=trust, timeout=10)
    else:
        client = smtplib.SMTP(server.host, server.port, timeout=10)
    try:
        if server.security == "starttls":
            client.starttls(context=trust)
        yield client
    finally:
        client.close()


async def session(server: PracticeServer, trust: ssl.SSLContext, work: Callable[[smtplib.SMTP], T]) -> T:
    """Run `work` with a client that has signed in, where the server has a user."""

    def run() -> T:
        with connected(server, trust) as client:
            if server.username:
                client.login(server.username, server.password)
            return work(client)

    return await asyncio.to_thread(run)


async def send(server: PracticeServer, trust: ssl.SSLContext, content: bytes = MAIL) -> None:
    """Send one mail; raises what smtplib raises."""
    to = "a@practice.test"
    await session(server, trust, lambda client: client.sendmail("desk@practice.test", [to], content))


async def until(condition: Callable[[], bool]) -> None:
    """Let the loop turn until it is so; ten seconds at most."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - the server has no event for a test to wait for
            await asyncio.sleep(0)


def names_in(folder: Path) -> list[str]:
    """What lies in a folder."""
    return sorted(path.name for path in folder.iterdir())
