"""Who signs in to a listener: passwords checked against their hashes, and never kept or shown.

A hash costs a fifth of a second on purpose. So that this holds up nobody else: one is computed at a time,
few wait for it, and who was right before is known again by a keyed fingerprint in microseconds.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from store.relay_password import Hashed, of_nobody
from store.relay_settings import RelayUser
from transports.secret import Secret

log = logging.getLogger(__name__)

IDLE_SECONDS = 3600.0
LONGEST_SECONDS = 24 * 3600.0
"""A sign-in that was right is known again until it was not used for so long, and at most for so long."""

WRONG_SECONDS = 1.0
"""How long the answer to a wrong password is kept back."""

FREE_GUESSES = 5
"""Wrong passwords for one user before the next are checked less and less often."""

SLOWEST_SECONDS = 30.0
FORGIVEN_SECONDS = 900.0
_MOST_WAITING = 32
_MOST_KNOWN = 10_000
_MOST_SUSPECTS = 1000
_LONGEST_PASSWORD = 1024


@dataclass(slots=True)
class _Suspicion:
    """Wrong passwords for one user name: how many, and when the last one was checked."""

    count: int = 0
    last: float = 0.0

    @property
    def pause(self) -> float:
        """Seconds to the next check."""
        over = self.count - FREE_GUESSES
        return min(2.0 ** min(over, 10), SLOWEST_SECONDS) if over >= 0 else 0.0


@dataclass(slots=True)
class _Known:
    """A pair that was right: when it was checked and when it was used, by the monotonic clock."""

    checked: float
    used: float


class Users:
    """The users of one listener. `check` is what the listener asks."""

    def __init__(
        self,
        users: Sequence[RelayUser],
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._hashes = {user.name: Hashed.parse(user.password_hash) for user in users}
        self._nobody = of_nobody()
        self._clock = clock
        self._sleep = sleep
        self._key = os.urandom(32)
        self._known: dict[bytes, _Known] = {}
        self._checking: dict[bytes, asyncio.Task[bool]] = {}
        self._suspects: dict[str, _Suspicion] = {}
        self._one = asyncio.Semaphore(1)

    async def check(self, username: str, password: Secret) -> bool | None:
        """Whether user name and password are right; None where that cannot be told now (454).

        A user that does not exist costs as much as one that does.
        """
        if not self._hashes:
            return False
        pair = self._fingerprint(username, password)
        if pair is None:
            return False
        now = self._clock()
        known = self._known.get(pair)
        if known is not None:
            if now - known.used < IDLE_SECONDS and now - known.checked < LONGEST_SECONDS:
                known.used = now
                return True
            del self._known[pair]
        task = self._checking.get(pair)
        if task is None:
            suspicion = self._suspicion(username, now)
            if len(self._checking) >= _MOST_WAITING or now - suspicion.last < suspicion.pause:
                return None
            suspicion.last = now  # of many that come together, one is checked
            task = asyncio.create_task(self._compare(username, password, pair, suspicion))
            self._checking[pair] = task
            task.add_done_callback(lambda _task: self._checking.pop(pair, None))
        # A client that goes away ends its own wait and not that of others with the same password.
        right = await asyncio.shield(task)
        if not right:
            await self._sleep(WRONG_SECONDS)
        return right

    async def _compare(self, username: str, password: Secret, pair: bytes, suspicion: _Suspicion) -> bool:
        hashed = self._hashes.get(username, self._nobody)
        async with self._one:
            fits = await asyncio.to_thread(hashed.fits, password.reveal())
        right = fits and username in self._hashes
        now = self._clock()
        if right:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known[pair] = _Known(now, now)
            self._suspects.pop(username, None)
        else:
            suspicion.count += 1
            suspicion.last = now
            if suspicion.count == FREE_GUESSES:
                log.warning(
                    "%d wrong passwords for the user %r of a listener: the next ones are checked slowly",
                    suspicion.count,
                    username,
                )
        return right

    def _suspicion(self, username: str, now: float) -> _Suspicion:
        """That of a user; of the many names that do not exist, those beyond a bound share one."""
        if username not in self._hashes and len(self._suspects) >= _MOST_SUSPECTS:
            recent = {n: s for n, s in self._suspects.items() if now - s.last <= FORGIVEN_SECONDS}
            self._suspects = recent
            if len(recent) >= _MOST_SUSPECTS:
                username = ""
        found = self._suspects.get(username)
        if found is None or now - found.last > FORGIVEN_SECONDS:
            found = self._suspects[username] = _Suspicion(last=-SLOWEST_SECONDS)
        return found

    def _fingerprint(self, username: str, password: Secret) -> bytes | None:
        """Of no use outside of this process; None where the password is none that anybody has."""
        try:
            name, text = username.encode(), password.reveal().encode()
        except UnicodeEncodeError:
            return None
        if len(text) > _LONGEST_PASSWORD:
            return None
        mark = hashlib.blake2b(len(name).to_bytes(4, "big"), key=self._key, digest_size=32)
        mark.update(name)
        mark.update(text)
        return mark.digest()
