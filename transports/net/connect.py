"""From addresses to an open connection: each address is tried in turn, and what it said is kept."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from dataclasses import dataclass

from transports.base import Cause, StepName
from transports.net.failures import cause_of, unreachable, words_of
from transports.net.resolve import Endpoint

HEAD_START = 0.3
"""Seconds an address has before the next one is tried beside it (RFC 8305, section 5)."""


@dataclass(frozen=True, slots=True)
class Connected:
    """An open connection, the address it goes to, and why earlier addresses were given up."""

    sock: socket.socket
    endpoint: Endpoint
    tried: tuple[str, ...] = ()


async def open_socket(endpoint: Endpoint) -> socket.socket:
    """A TCP connection; the caller owns the socket. Raises OSError."""
    sock = socket.socket(endpoint.family, socket.SOCK_STREAM)
    connected = False
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.get_running_loop().sock_connect(sock, endpoint.sockaddr)
        connected = True
    finally:
        if not connected:
            sock.close()
    return sock


async def connect(endpoints: Sequence[Endpoint], seconds: float, step: StepName) -> Connected:
    """The first of the addresses that takes the connection within `seconds` altogether.

    Raises TransportError when none does; its facts name every address and what became of it.
    """
    race = _Race(list(endpoints))
    won: Connected | None = None
    try:
        async with asyncio.timeout(seconds):
            won = await race.run()
    except TimeoutError:
        pass
    finally:
        await race.stop(keep=won)
    if won is not None:
        return won
    for endpoint in race.waiting:
        race.failed.append((endpoint, Cause.TIMED_OUT, f"no answer within {seconds:g} s"))
    if not race.failed:
        raise unreachable(step, Cause.NAME_NOT_FOUND, "no address to connect to")
    causes = {cause for _, cause, _ in race.failed}
    # A refusal says most about the server: something is there, at least one address of it.
    cause = Cause.CONNECTION_REFUSED if Cause.CONNECTION_REFUSED in causes else race.failed[0][1]
    words = next(words for _, c, words in race.failed if c is cause)
    tried = race.tried()
    raise unreachable(
        step,
        cause,
        "; ".join(tried) if len(tried) > 1 else f"{race.failed[0][0]}: {words}",
        {"addresses": ", ".join(e.ip for e in endpoints), "tried": "; ".join(tried)},
    )


class _Race:
    """The attempts under way: the next begins when one fails or has had its head start."""

    def __init__(self, endpoints: list[Endpoint]) -> None:
        self._left = endpoints
        self._tasks: dict[asyncio.Task[socket.socket], Endpoint] = {}
        self.failed: list[tuple[Endpoint, Cause, str]] = []

    @property
    def waiting(self) -> list[Endpoint]:
        """Those that have neither answered nor failed."""
        return [*self._tasks.values(), *self._left]

    def tried(self) -> tuple[str, ...]:
        """Each address that failed, in words."""
        return tuple(f"{endpoint}: {words}" for endpoint, _, words in self.failed)

    async def run(self) -> Connected | None:
        """The winner, or None when every address failed."""
        while self._left or self._tasks:
            if self._left:
                endpoint = self._left.pop(0)
                self._tasks[asyncio.create_task(open_socket(endpoint))] = endpoint
            done, _ = await asyncio.wait(
                self._tasks,
                timeout=HEAD_START if self._left else None,
                return_when=asyncio.FIRST_COMPLETED,
            )
            won = self._look(done)
            if won is not None:
                return won
        return None

    def _look(self, done: set[asyncio.Task[socket.socket]]) -> Connected | None:
        for task in done:
            error = task.exception()
            if error is None:
                return Connected(task.result(), self._tasks[task], self.tried())
            self.failed.append((self._tasks.pop(task), cause_of(error), words_of(error)))
        return None

    async def stop(self, keep: Connected | None) -> None:
        """End the other attempts; none may leave a socket behind."""
        for task in self._tasks:
            if task.done() and not task.cancelled() and task.exception() is None:
                if keep is None or task.result() is not keep.sock:
                    task.result().close()
            else:
                task.cancel()
        losers = [t for t in self._tasks if not t.done()]
        if losers:
            for result in await asyncio.gather(*losers, return_exceptions=True):
                if isinstance(result, socket.socket):
                    result.close()
