"""The queue and delivery while no relay runs: each command opens the queue itself, does its work, and closes.

It must never work on a queue that somebody else has open, and what it changes stands in the history.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TypeVar

from outmail.engine.idle_status import idle_status
from outmail.engine.relay_status import RelayStatus
from outmail.engine.steering import MOST, RunningRelay, Steering, runs
from outmail.engine.workspace import whoami
from store import relay_state
from store.errors import ErrorKind, StoreError
from store.history import Happening, History
from store.paths import Paths
from store.problems import SettingsInvalid
from store.profiles import Profile
from store.relay_state import ALL, Stopped
from store.spool import EVERYTHING, Spool
from store.spool_ids import MailId
from store.spool_peek import peek
from store.spool_shapes import Cause, Counts, Entry, Which
from transports.shown import harmless

T = TypeVar("T")
Profiles = Callable[[], Mapping[str, Profile]]
"""Gives the profiles of the home; raises StoreError where it has no key to them."""

WAIT = 3.0
"""Seconds for another command that has the queue open; each needs a fraction of one."""

_LONGEST_HEADERS = 64 * 1024
_LONGEST_LIST = 1000


def _nobody_knows() -> Mapping[str, Profile]:
    raise StoreError(ErrorKind.KEY_MISSING, "the profiles are not known", "nobody gave them")


def steer(
    paths: Paths, *, profiles: Profiles = _nobody_knows, tell: Callable[[StoreError], None] | None = None
) -> Steering:
    """The running relay where there is one, else the queue itself.

    `tell` takes what went wrong beside a command (a damaged mail was moved aside, the history was not
    written). Raises StoreError where a relay runs that this user may not ask.
    """
    return RunningRelay(paths) if runs(paths) else IdleQueue(paths, profiles=profiles, tell=tell)


class IdleQueue:
    """See Steering. All methods raise StoreError, `locked` with the holder's name."""

    def __init__(
        self,
        paths: Paths,
        *,
        profiles: Profiles = _nobody_knows,
        tell: Callable[[StoreError], None] | None = None,
        who: Callable[[], str] = whoami,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        wait: float = WAIT,
    ) -> None:
        self._paths = paths
        self._profiles = profiles
        self._tell = tell or (lambda _error: None)
        self._who = who
        self._now = now
        self._wait = wait
        self._history = History(paths.spool)

    def status(self) -> RelayStatus:
        """See Steering. A queue that was closed properly is looked at without being opened."""
        counts = peek(self._paths.spool)
        if counts is None:
            counts = self._with(_counts)
        return idle_status(counts, self._load(), self._known())

    def page(self, which: Which = EVERYTHING, limit: int = 100, after: MailId | None = None) -> list[Entry]:
        """See Steering."""
        return self._with(lambda spool: spool.page(which, min(limit, MOST), after))

    def show(self, mail: MailId) -> tuple[Entry, str]:
        """See Steering."""

        async def show(spool: Spool) -> tuple[Entry, str]:
            entry = await spool.show(mail)
            return entry, header_text(await spool.content(entry.id))

        return self._with(show)

    def causes(self) -> list[Cause]:
        """See Steering."""
        return self._with(lambda spool: spool.causes())

    def hold(self, which: Which) -> int:
        """See Steering."""
        found = self._with(lambda spool: spool.hold(which, f"by {self._who()}", self._now()))
        return self._noted("held", which, found)

    def release(self, which: Which) -> int:
        """See Steering."""
        found = self._with(lambda spool: spool.release(which, self._now()))
        return self._noted("released", which, found)

    def retry(self, which: Which) -> int:
        """See Steering."""
        found = self._with(lambda spool: spool.retry(which, self._now()))
        return self._noted("tried again", which, found)

    def delete(self, mails: Sequence[MailId]) -> int:
        """See Steering."""
        found = self._with(lambda spool: spool.delete(mails))
        self._note(f"removed from the queue: {', '.join(mails)[:_LONGEST_LIST]}")
        return found

    def pause(self, profile: str | None, why: str = "") -> list[str]:
        """See Steering. The next relay finds it paused."""
        name = profile or ALL

        async def pause(_spool: Spool) -> None:
            stopped = {**self._load(), name: Stopped(self._now(), self._who(), why)}
            relay_state.save(self._paths.spool, stopped)

        self._refuse_unknown(profile)
        self._with(pause)
        self._note("paused delivery" + (f": {why}" if why else ""), name)
        return [name] if name else self._names()

    def resume(self, profile: str | None) -> list[str]:
        """See Steering."""
        name = profile or ALL

        async def resume(_spool: Spool) -> list[str]:
            stopped = self._load()
            if name and ALL in stopped:
                raise StoreError(
                    ErrorKind.BAD_INPUT,
                    f"{name} was not resumed",
                    "all delivery is paused, not this profile alone",
                    "resume all of it: outmail resume",
                )
            relay_state.save(self._paths.spool, {n: one for n, one in stopped.items() if name and n != name})
            if name:
                return [name] if name in stopped else []
            return self._names() if ALL in stopped else list(stopped)

        self._refuse_unknown(profile)
        found = self._with(resume)
        if found:
            self._note("resumed delivery", name)
        return found

    def reconnect(self, profile: str | None) -> list[str]:
        """See Steering. Nothing is sticky without a relay: it begins with the primary."""
        self._refuse_unknown(profile)
        return []

    def reload(self) -> None:
        """See Steering. The next relay reads the settings anyway."""

    def _with(self, work: Callable[[Spool], Awaitable[T]]) -> T:
        async def run() -> T:
            spool = await Spool.open(
                self._paths.spool,
                f"{self._who()}, for a command",
                self._now(),
                tell=self._told,
                wait=self._wait,
            )
            try:
                found = await work(spool)
                await asyncio.sleep(0)  # so that what `tell` is to hear is heard before the loop ends
                return found
            finally:
                await spool.close(self._now())

        return asyncio.run(run())

    def _told(self, error: StoreError) -> None:
        self._tell(error)
        self._note(str(error), who="")

    def _load(self) -> dict[str, Stopped]:
        return relay_state.load(self._paths.spool, self._told)

    def _known(self) -> Mapping[str, Profile] | None:
        try:
            return self._profiles()
        except (StoreError, SettingsInvalid):
            return None  # no key at hand, and none is needed for the queue

    def _names(self) -> list[str]:
        """Of the profiles, or those that the queue has mail of."""
        profiles = self._known()
        return list(profiles) if profiles is not None else [r.profile for r in self.status().routes]

    def _refuse_unknown(self, profile: str | None) -> None:
        profiles = self._known() if profile else None
        if profiles is not None and profile not in profiles:
            raise StoreError(
                ErrorKind.NO_PROFILE,
                "unknown profile",
                f"there is no profile {profile!r}",
                f"there are: {', '.join(sorted(profiles)) or 'none'}",
            )

    def _noted(self, what: str, which: Which, count: int) -> int:
        about = [
            *(which.ids or ()),
            *([f"cause {which.cause}"] if which.cause else []),
            *(s.value for s in which.states or ()),
        ]
        if count:
            many = "" if count == 1 else "s"
            said = f"{what}: {count} recipient{many} ({', '.join(about)[:_LONGEST_LIST] or 'all'})"
            self._note(said, which.profile or "")
        return count

    def _note(self, what: str, profile: str = "", who: str | None = None) -> None:
        """A history that cannot be written is told of, and stops nothing."""
        by = self._who() if who is None else who
        try:
            self._history.record_event(Happening(self._now(), by, what, profile))
        except StoreError as error:
            self._tell(error)


async def _counts(spool: Spool) -> Counts:
    return spool.counts()


def header_text(content: bytes) -> str:
    """The header fields of a message as text that may be shown on a terminal."""
    head = content.partition(b"\r\n\r\n")[0][:_LONGEST_HEADERS]
    return (
        harmless(head.decode("utf-8", "replace").replace("\r\n", "\n").replace("\t", " "), _LONGEST_HEADERS)
        + "\n"
    )
