"""Where mail ends in tests: an aiosmtpd server in a thread, which keeps every message as it came."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass

from aiosmtpd.smtp import SMTP, Envelope, Session

_PATIENCE = 20.0


@dataclass(frozen=True, slots=True)
class Taken:
    """A message as it arrived."""

    sender: str
    recipients: tuple[str, ...]
    content: bytes


class Sink:
    """Serves from `start` to `stop` on a free port of 127.0.0.1."""

    def __init__(self) -> None:
        self.port = 0
        self._taken: list[Taken] = []
        self._news = threading.Condition()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        """aiosmtpd's hook."""
        content = envelope.content if isinstance(envelope.content, bytes) else b""
        with self._news:
            sender = (envelope.mail_from or "").strip("<>")
            self._taken.append(Taken(sender, tuple(envelope.rcpt_tos), content))
            self._news.notify_all()
        return "250 2.0.0 kept"

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()
        self.port = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)

    async def _listen(self) -> int:
        self._server = await self._loop.create_server(
            lambda: SMTP(self, enable_SMTPUTF8=True, data_size_limit=0, loop=self._loop), "127.0.0.1", 0
        )
        return int(self._server.sockets[0].getsockname()[1])

    def stop(self) -> None:
        """Listen no more."""
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    async def _end(self) -> None:
        self._server.close()
        clients = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in clients:
            task.cancel()
        await asyncio.gather(*clients, return_exceptions=True)

    def all(self, wanted: Callable[[Taken], bool]) -> list[Taken]:
        """Every message so far that fits."""
        with self._news:
            return [t for t in self._taken if wanted(t)]

    def first(self, wanted: Callable[[Taken], bool]) -> Taken:
        """The first message that fits; waits for it. Raises AssertionError when none comes."""
        return self.several(1, wanted)[0]

    def several(self, count: int, wanted: Callable[[Taken], bool]) -> list[Taken]:
        """All messages that fit, once there are so many. Raises AssertionError when they do not come."""
        with self._news:
            came = self._news.wait_for(lambda: sum(map(wanted, self._taken)) >= count, _PATIENCE)
            found = [t for t in self._taken if wanted(t)]
            assert came, f"{len(found)} of {count} messages arrived; there are {len(self._taken)} in all"
            return found
