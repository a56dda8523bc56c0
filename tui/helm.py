"""Steers the relay, or the queue on the disk where none runs, and keeps an eye on how it stands.

Every call blocks and goes into a thread of its own; one at a time, since the queue on the disk has one
user at a time. It must never be called from the event loop's own thread, and imports nothing heavy.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol, TypeVar, runtime_checkable

from textual.message import Message

if TYPE_CHECKING:
    from outmail.engine.relay_status import RelayStatus
    from outmail.engine.steering import Steering
    from store.paths import Paths
    from store.profiles import Profile
    from tui.said import Trouble

    Profiles = Callable[[], Mapping[str, Profile]]
    """Gives the profiles as they are saved."""

T = TypeVar("T")

LOOK_EACH = 1.0
"""Seconds from one look at a running relay to the next: one small request."""

OPEN_EACH = 10
"""So many looks pass before the queue on the disk is opened again while no relay runs."""


@dataclass(frozen=True, slots=True)
class RelayNews:
    """How the relay stands: `status` is None while nobody knows, and `trouble` says why nobody can."""

    status: RelayStatus | None = None
    trouble: Trouble | None = None


class RelayTold(Message, bubble=False):
    """The relay stands otherwise than before; every screen hears of it."""

    def __init__(self, news: RelayNews) -> None:
        super().__init__()
        self.news = news


class SettingsSaved(Message):
    """A screen saved the settings, or somebody signed in or out: the relay is to read them anew."""


@runtime_checkable
class Watching(Protocol):
    """The program, as its screens ask it about the relay."""

    @property
    def relay_news(self) -> RelayNews:
        """How the relay stood when it was last seen."""
        ...

    def clock(self) -> datetime:
        """The local time."""
        ...

    def look_at_relay(self) -> None:
        """See at once how it stands."""
        ...


class Steers(Protocol):
    """The part of the engine that finds the relay; both block."""

    def relay_runs(self, paths: Paths) -> bool:
        """Whether one runs. Raises StoreError where this user may not ask it."""
        ...

    def steer(self, paths: Paths, profiles: Profiles) -> Steering:
        """The running relay, else the queue on the disk. Raises StoreError."""
        ...


class Helm:
    """The queue and the relay of one home."""

    def __init__(self, engine: Steers, paths: Paths, profiles: Profiles) -> None:
        self._engine = engine
        self._paths = paths
        self._profiles = profiles
        self._one_at_a_time = threading.Lock()
        self._running: Steering | None = None  # kept, so that a look is one request
        self._looks = 0
        self._last = RelayNews()

    async def do(self, work: Callable[[Steering], T]) -> T:
        """Have something done. Raises StoreError; a relay that ends meanwhile is no error."""

        def now() -> T:
            from outmail.engine.control import NotRunning

            with self._one_at_a_time:
                try:
                    return work(self._engine.steer(self._paths, self._profiles))
                except NotRunning:  # it ended between two words: the queue is on the disk now
                    return work(self._engine.steer(self._paths, self._profiles))

        return await aside(now)

    async def look(self, *, closely: bool = True) -> RelayNews:
        """How it stands now; unless `closely`, the queue on the disk is opened once in OPEN_EACH looks.

        Opening it takes its lock, and a relay that is just being started would be refused.
        """
        return await aside(lambda: self._look(closely))

    def _look(self, closely: bool) -> RelayNews:
        from outmail.engine.control import NotRunning
        from store.errors import StoreError

        with self._one_at_a_time:
            due = closely or self._looks % OPEN_EACH == 0
            self._looks += 1
            try:
                if self._running is None:
                    runs = self._engine.relay_runs(self._paths)
                    if not runs and not due:
                        return self._last
                    steering = self._engine.steer(self._paths, self._profiles)
                    self._running = steering if runs else None
                else:
                    steering = self._running
                self._last = RelayNews(steering.status())
            except NotRunning:
                self._running, self._looks = None, 0  # the next look finds the queue on the disk
            except StoreError as error:
                from tui.said import trouble

                self._running, self._last = None, RelayNews(trouble=trouble(error))
            return self._last

    async def read_settings_anew(self) -> bool:
        """Let the relay take what was saved; False where none runs. Raises StoreError."""
        return await aside(self._read_anew)

    def _read_anew(self) -> bool:
        from outmail.engine.control import NotRunning

        with self._one_at_a_time:
            try:
                if not self._engine.relay_runs(self._paths):
                    return False
                self._engine.steer(self._paths, self._profiles).reload()
            except NotRunning:
                return False
        return True


async def aside(work: Callable[[], T]) -> T:
    """In a thread that dies with the program: a relay that does not answer must not keep an admin here."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def tell(result: T | None, error: BaseException | None) -> None:
        if done.cancelled():
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(result)  # type: ignore[arg-type]  # None only where T allows it

    def run() -> None:
        try:
            result, error = work(), None
        except BaseException as caught:
            result, error = None, caught
        with contextlib.suppress(RuntimeError):  # the program has ended meanwhile
            loop.call_soon_threadsafe(tell, result, error)

    threading.Thread(target=run, name="helm", daemon=True).start()
    return await done
