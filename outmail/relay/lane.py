"""One profile in the relay: its way out, what sends its mail, and why that stands still where it does.

New settings take effect between two mails: what is under way ends by the old ones.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime

from outmail.diagnosis.finding import Finding
from outmail.engine.errors import EngineError
from outmail.engine.failover import Standing
from outmail.engine.relay_status import Pause, RouteStatus
from outmail.engine.tokens import Tokens
from outmail.engine.ways import Ways
from outmail.relay.bounces import Reporter
from outmail.relay.runner import Delivered, Runner
from store.profiles import Profile, Settings
from store.spool import Spool
from store.spool_shapes import State, Which
from transports.base import TransportError

log = logging.getLogger(__name__)

PROBE_SECONDS = 60.0
"""Between two checks of the primary, where failback is automatic."""

_WAITS = (State.WAITING,)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every lane of a relay uses, and who hears of what happens in it."""

    spool: Spool
    tokens: Tokens
    hostname: Callable[[], str]
    now: Callable[[], datetime]
    delivered: Callable[[Delivered], None]
    moved: Callable[[Lane, Standing, Standing], None]
    stopped: Callable[[Lane, Finding], None]
    """A route has paused itself: nothing goes out before a person mends what the finding says."""
    probe_seconds: float = PROBE_SECONDS


class Lane:
    """One profile's mail. Begin with `renew`."""

    def __init__(self, name: str, around: Surroundings) -> None:
        self.name = name
        self.unusable = ""
        """Why this profile cannot send at all, a sentence."""
        self.warning = ""
        self._around = around
        self._settings: tuple[Profile, Profile | None] | None = None
        self._hostname = ""
        self._protocol = ""
        self._ways: Ways | None = None
        self._runner: Runner | None = None
        self._by_hand: Pause | None = None
        self._by_itself: Pause | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._prober: asyncio.Task[None] | None = None

    # Settings.

    def renew(self, settings: Settings, *, always: bool = False) -> bool:
        """Take these settings; whether they are others than before (or `always`): mail begins anew then."""
        given, hostname = _relevant(self.name, settings), self._around.hostname()
        if given == self._settings and hostname == self._hostname and not always:
            return False
        self._settings, self._protocol = None, given[0].protocol
        self._hostname = hostname
        self._retire()
        self._by_itself = None
        self.unusable = self.warning = ""
        try:
            self._ways = ways = Ways(self.name, settings, self._around.tokens)
        except EngineError as error:
            self._ways = None
            self.unusable = error.why
            self._settings = given
            return True
        self.warning = ways.warning
        reporter = Reporter(hostname, given[0].from_address)

        # What is under way by old settings says nothing of these.
        def moved(before: Standing, then: Standing) -> None:
            if self._runner is runner:
                self._moved(before, then)

        def stopped(finding: Finding) -> None:
            if self._runner is runner:
                self._stopped_itself(finding)

        self._runner = runner = Runner(
            self.name,
            self._around.spool,
            ways.route(self._around.now, moved),
            reporter=reporter,
            explain=ways.explain,
            now=self._around.now,
            pacing=ways.pacing(0),
            watch=self._around.delivered,
            paused=stopped,
        )
        self._settings = given
        self._apply()
        self._begin(self._runner.run())
        failover = given[0].failover
        if failover is not None and failover.failback == "automatic":
            self._prober = self._begin(self._probe(self._runner, ways))
        return True

    def _retire(self, seconds: float | None = None) -> None:
        """Nothing new is begun; what is under way ends by itself, or is cut off after the seconds."""
        if self._prober is not None:
            self._prober.cancel()
            self._prober = None
        if self._runner is not None:
            self._begin(self._runner.stop(seconds))
            self._runner = None

    def _begin(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._over)
        return task

    def _over(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("profile %s", self.name, exc_info=task.exception())

    def leave(self) -> None:
        """The profile is no more: what is under way ends by itself, and what waits, waits."""
        self._retire()

    @property
    def busy(self) -> bool:
        """Whether anything of it goes on."""
        return bool(self._tasks)

    async def stop(self, seconds: float) -> None:
        """Let what is under way end within the time; the rest stays in the queue."""
        self._retire(seconds)
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds + 5)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # Mail.

    def wake(self) -> None:
        """There is something to send."""
        if self._runner is not None:
            self._runner.wake()

    async def again(self) -> None:
        """What was put off is tried now: what it waited for may be mended."""
        await self._around.spool.retry(Which(profile=self.name, states=_WAITS), self._around.now())
        self.wake()

    # Standing still.

    @property
    def pause(self) -> Pause | None:
        """Why nothing goes out; None while mail does."""
        return self._by_hand or self._by_itself

    @property
    def stopped_itself(self) -> bool:
        """Whether somebody must mend something before mail goes out."""
        return self._by_itself is not None

    def halt(self, pause: Pause | None) -> None:
        """Stand still by hand, or (None) no more; a route that paused itself is not woken by this."""
        self._by_hand = pause
        self._apply()

    def go(self) -> None:
        """Send again, also where the route had paused itself."""
        self._by_itself = None
        self._apply()

    def _moved(self, before: Standing, then: Standing) -> None:
        """Another server is in use: its provider's pacing holds now."""
        if self._runner is not None and self._ways is not None:
            self._runner.pace(self._ways.pacing(then.place))
        self._around.moved(self, before, then)

    def _stopped_itself(self, finding: Finding) -> None:
        self._by_itself = Pause(self._around.now(), "", finding.title)
        self._apply()
        self._around.stopped(self, finding)

    def _apply(self) -> None:
        if self._runner is None:
            return
        if self.pause is not None:
            self._runner.pause(self.pause.why or "paused")
        elif self._runner.pause_reason:
            self._runner.resume()

    # Which way it goes.

    @property
    def standing(self) -> Standing | None:
        """Which server is in use; None for a profile that cannot send."""
        return self._runner.route.standing if self._runner is not None else None

    async def reconnect(self) -> bool:
        """Back to the primary; whether mail went another way."""
        if self._runner is None or not self._runner.route.standing.away:
            return False
        await self._runner.route.reset()
        self.wake()
        return True

    def named(self, place: int) -> tuple[str, str]:
        """What the server at this place is called, and its address."""
        if self._ways is None or place >= len(self._ways.places):
            return "", ""
        found = self._ways.places[place]
        return found.label if found.profile == self.name else f"{found.profile}: {found.label}", found.address

    def status(self) -> RouteStatus:
        """For people."""
        standing = self.standing or Standing()
        active, address = self.named(standing.place)
        return RouteStatus(
            self.name,
            self._protocol,
            active or "primary",
            address,
            standing.since,
            standing.reason,
            standing.mails,
            self.pause,
            self.unusable,
        )

    async def _probe(self, runner: Runner, ways: Ways) -> None:
        """While mail goes another way: is the primary back? Only where the settings want to know."""
        while True:
            await asyncio.sleep(self._around.probe_seconds)
            if not runner.route.standing.away:
                continue
            try:
                async with ways.connect(ways.places[0]):
                    ok = True
            except TransportError:
                ok = False
            except Exception:  # a check that breaks is no reason never to check again
                log.exception("profile %s: its primary was not checked", self.name)
                ok = False
            runner.route.checked(ok)
            runner.wake()


def _relevant(name: str, settings: Settings) -> tuple[Profile, Profile | None]:
    """The part of the settings on which a lane depends."""
    profile = settings.profiles[name]
    other = profile.failover.profile if profile.failover else None
    return profile, settings.profiles.get(other) if other else None
