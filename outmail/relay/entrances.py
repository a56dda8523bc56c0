"""The open listeners of the relay: all or none at the start, one by one when settings change.

One that cannot be opened is told, and never closes another.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from outmail.engine.errors import EngineError, Refusal
from outmail.relay.doors import door, listeners, may_send
from outmail.relay.intake import Intake
from outmail.relay.listener import Listener
from outmail.relay.users import Users
from store import relay_settings
from store.errors import StoreError
from store.relay_settings import Relay


@dataclass(frozen=True, slots=True)
class _Entrance:
    """A listener that is open, and what it was made of."""

    settings: relay_settings.Listener
    hostname: str
    largest: int | None  # bytes of a mail, where its profiles set a limit
    listener: Listener


class Entrances:
    """`listen` are addresses of the command line, `activated` what systemd opened.

    `intake` gives what takes the mail of a door with this profile ("" for none of its own), `largest` the
    bytes of a mail that its ways out can carry, where they set a limit; `unix_mode` gives mode and group of
    sockets.
    """

    def __init__(
        self,
        listen: Sequence[str],
        activated: Mapping[str, socket.socket],
        intake: Callable[[str], Intake],
        largest: Callable[[str], int | None],
        unix_mode: Callable[[], tuple[int, int]],
    ) -> None:
        self._listen = tuple(listen)
        self._activated = activated
        self._intake = intake
        self._largest = largest
        self._unix_mode = unix_mode
        self._open: list[_Entrance] = []

    @property
    def listeners(self) -> list[Listener]:
        """Those that are open."""
        return [entrance.listener for entrance in self._open]

    @property
    def addresses(self) -> list[str]:
        """Where they listen."""
        return [address for listener in self.listeners for address in listener.addresses]

    async def open(self, settings: Relay, hostname: str) -> None:
        """Open all of them. Raises EngineError; then none is open."""
        try:
            for one in listeners(settings, self._listen, self._activated):
                self._open.append(await self._opened(one, hostname))
        except BaseException:
            await self.close()
            raise

    async def renew(self, settings: Relay, hostname: str) -> list[EngineError | StoreError]:
        """Take new settings, and certificates that were renewed; returns what is wrong with some of them."""
        wrong: list[EngineError | StoreError] = []
        wanted = listeners(settings, self._listen, self._activated)
        left = {entrance.settings.listen: entrance for entrance in self._open}
        self._open = []
        for one in wanted:
            old = left.pop(one.listen, None)
            largest = self._largest(one.profile or "")
            same = old is not None and (old.settings, old.hostname, old.largest) == (one, hostname, largest)
            if old is not None and same and not one.certificate:
                old.listener.intake = self._intake(one.profile or "")
                self._open.append(old)
                continue
            try:
                self._check(one, hostname)
                if old is not None:
                    await old.listener.close()
                    old = None
                self._open.append(await self._opened(one, hostname))
            except (EngineError, StoreError) as error:
                wrong.append(error)
                if old is not None:  # what cannot be used takes nothing away
                    self._open.append(old)
        await asyncio.gather(*(entrance.listener.close() for entrance in left.values()))
        return wrong

    async def close(self) -> None:
        """Hang up, in all of them at once."""
        closing, self._open = self._open, []
        await asyncio.gather(*(entrance.listener.close() for entrance in closing))

    def _check(self, settings: relay_settings.Listener, hostname: str) -> None:
        """Whether it could be opened, as far as that is known before the old one is closed."""
        if settings.listen.startswith(relay_settings.UNIX):
            return  # making its door would take the socket's place
        door(settings, hostname, self._activated, self._unix_mode())

    async def _opened(self, settings: relay_settings.Listener, hostname: str) -> _Entrance:
        where, rules = door(settings, hostname, self._activated, self._unix_mode())
        if where.sock is not None:
            # Closing a listener closes its socket, and systemd gives it once.
            where = replace(where, sock=where.sock.dup())
        users, intake = Users(settings.users), self._intake(settings.profile or "")
        largest = self._largest(settings.profile or "")
        if largest is not None:
            rules = replace(rules, size_limit=min(rules.size_limit, largest))
        listener = Listener(where, rules, intake, users.check, may_send(settings))
        try:
            await listener.open()
        except OSError as error:
            raise _cannot_listen(settings.listen, error) from error
        return _Entrance(settings, hostname, largest, listener)


def _cannot_listen(where: str, error: OSError) -> EngineError:
    words = (error.strerror or str(error)).lower()
    port = where.rpartition(":")[2]
    remedy = f"see who has it: ss -ltnp 'sport = :{port}'; or choose another with --listen HOST:PORT"
    if isinstance(error, PermissionError):
        remedy = (
            "ports below 1024 are root's: start it as a service with socket activation, "
            "or choose another with --listen 127.0.0.1:2525"
        )
    return EngineError(Refusal.SETTINGS, f"the relay cannot listen on {where}", words, remedy)
