"""The relay as a whole: opens the queue, the doors and the sockets, sends what waits, and ends in good order.

One at a time on a queue. Whatever a client was told was taken is in the queue when it ends, however it ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from outmail.engine.control import SOCKET
from outmail.engine.errors import EngineError
from outmail.engine.relay_status import RelayStatus
from outmail.engine.workspace import Workspace
from outmail.relay import notify
from outmail.relay.access import MAILDROP, SUBMIT, Access
from outmail.relay.alerts import Alert, Alerts
from outmail.relay.control import Control
from outmail.relay.doors import activated_sockets
from outmail.relay.entrances import Entrances
from outmail.relay.intake import Intake
from outmail.relay.lanes import Lanes
from outmail.relay.ledger import Ledger
from outmail.relay.listener import Listener
from outmail.relay.steer import Steer
from outmail.relay.submission import Submission, collect_drops
from outmail.version import VERSION
from store.errors import ErrorKind, StoreError
from store.problems import SettingsInvalid
from store.relay_settings import Relay
from store.spool import Spool

log = logging.getLogger(__name__)

COMMAND_SECONDS = 5.0
"""How long a command that has the queue open just now is waited for."""
DROP_SECONDS = 1.0
"""Between two looks into the maildrop; sendmail drops there only while the relay does not answer."""
TIDY = timedelta(hours=1)
KEEP_DEAD = timedelta(days=14)
KEEP_HISTORY = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says: addresses that take the place of the listeners of the settings."""

    listen: tuple[str, ...] = ()


def utc_now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


class Service:
    """One relay on one home. `run` serves until `stop` is called."""

    def __init__(self, workspace: Workspace, options: Options, now: Callable[[], datetime] = utc_now) -> None:
        self.workspace = workspace
        self._options = options
        self._now = now
        self._began = now()
        self._stop = asyncio.Event()
        self._reloading = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._ready = self._ending = False
        self._activated: dict[str, socket.socket] = {}

    @property
    def settings(self) -> Relay:
        """The relay's settings."""
        return self.workspace.settings.relay or Relay()

    @property
    def listeners(self) -> list[Listener]:
        """Those that are open."""
        return self.entrances.listeners

    def _own_name(self) -> str:
        return self.settings.hostname or socket.gethostname() or "localhost"

    @property
    def clock(self) -> Callable[[], datetime]:
        """UTC."""
        return self._now

    def reload_soon(self) -> None:
        """Read the settings anew (SIGHUP); what goes wrong is in the log."""
        if self._ready:
            self._begin(self._reload_logged())

    async def _reload_logged(self) -> None:
        try:
            await self.reload()
        except (StoreError, SettingsInvalid, EngineError) as error:
            log.error("the settings were not taken anew: %s", error)

    def stop(self) -> None:
        """End: what is under way gets its time, the rest stays in the queue."""
        self._stop.set()

    async def run(self, ready: Callable[[], None] = lambda: None) -> None:
        """Serve. Raises StoreError and EngineError where it cannot begin."""
        paths = self.workspace.paths
        self.hostname = self._own_name()
        async with contextlib.AsyncExitStack() as closing:
            spool = await Spool.open(
                paths.spool, "outmail relay", self._now(), tell=self._told, wait=COMMAND_SECONDS
            )
            self.spool = spool
            closing.push_async_callback(lambda: spool.close(self._now()))
            self.ledger = Ledger(self.workspace.history, self._now)
            closing.push_async_callback(self.ledger.write)
            self._begin(self.ledger.run())
            closing.push_async_callback(self._end_tasks)
            self._alerts_of = self.settings.alerts
            self.alerts = Alerts(self._alerts_of)
            closing.push_async_callback(self._close_alerts)
            self.lanes = Lanes(self)
            closing.push_async_callback(self._stop_lanes)
            await self._open(closing)
            self._begin(self._watch_drops())
            self._begin(self._tidy())
            self._begin(self._watchdog())
            for address in self.entrances.addresses:
                log.info("listening on %s", address)
            notify.notify(READY="1", STATUS=f"listening on {', '.join(self.entrances.addresses)}")
            closing.push_async_callback(self._end_reloads)
            self._ready = True
            ready()
            await self._stop.wait()
            log.info("ending: what is under way gets %s s", self.settings.stop_seconds)
            notify.notify(STOPPING="1")

    async def _open(self, closing: contextlib.AsyncExitStack) -> None:
        """The doors and sockets: mail comes in from here on."""
        paths = self.workspace.paths
        self._access = access = Access(self.settings.access, os.geteuid())
        access.prepare(paths)
        self._activated = activated_sockets(os.environ)
        intake = self.lanes.intake("")
        control = Control(paths.run / SOCKET, access, Steer(self).commands, *access.control_mode)
        await control.open()
        closing.push_async_callback(control.close)
        await self._collect(intake)
        self._submission = submission = Submission(
            paths.run / SUBMIT, intake, self.spool, access.may_send, *access.submission_mode
        )
        await submission.open()
        closing.push_async_callback(submission.close)
        self.entrances = Entrances(
            self._options.listen,
            self._activated,
            self.lanes.intake,
            self.lanes.largest,
            lambda: access.listener_mode,
        )
        await self.entrances.open(self.settings, self.hostname)
        closing.push_async_callback(self.entrances.close)

    async def _close_alerts(self) -> None:
        await self.alerts.close()

    async def _stop_lanes(self) -> None:
        await self.lanes.stop(float(self.settings.stop_seconds))

    def _begin(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._over)

    def _over(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("a part of the relay has ended", exc_info=task.exception())

    async def _end_tasks(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _end_reloads(self) -> None:
        """One that is under way ends first; none is begun any more."""
        async with self._reloading:
            self._ending = True

    # What goes on beside the mail.

    @property
    def _maildrop(self) -> Path:
        return self.workspace.paths.spool / MAILDROP

    async def _collect(self, intake: Intake) -> bool:
        """What was dropped; False where the queue took nothing, and it must be tried again."""
        try:
            found = await collect_drops(self._maildrop, self.spool, intake, self._now())
        except StoreError as error:
            log.warning("the maildrop was not collected: %s", error)
            return False
        for refused in found.refused:
            self._told(refused)
        return True

    async def _watch_drops(self) -> None:
        folder, seen = self._maildrop, -1
        while True:
            await asyncio.sleep(DROP_SECONDS)
            try:
                changed = folder.stat().st_mtime_ns
            except OSError:
                continue  # there is none as long as nothing was dropped
            if changed != seen and await self._collect(self._submission.intake):
                seen = changed

    async def _tidy(self) -> None:
        while True:
            now = self._now()
            try:
                await self.spool.forget_dead(now - KEEP_DEAD)
                await asyncio.to_thread(self.workspace.history.forget, now - KEEP_HISTORY)
            except StoreError as error:
                log.warning("old entries were not removed: %s", error)
            await asyncio.sleep(TIDY.total_seconds())

    async def _watchdog(self) -> None:
        seconds = notify.watchdog_seconds()
        while seconds is not None:
            notify.notify(WATCHDOG="1")
            await asyncio.sleep(seconds)

    def _told(self, error: StoreError) -> None:
        """What went wrong in the queue that is nobody's answer."""
        kind = "disk-full" if error.kind is ErrorKind.FULL else "queue-damaged"
        self.alerts.raise_(Alert(kind, "", error.what, error.why, error.remedy, self._now()))

    # Steering.

    async def reload(self) -> Sequence[EngineError | StoreError]:
        """Read the settings anew; mail takes them at once. Raises StoreError where they cannot be read.

        Listeners that are no more are closed, new ones opened, renewed certificates read. Returns what was
        wrong with some of them, after telling it: the others serve.
        """
        async with self._reloading:
            if self._ending:
                return []
            notify.reloading()
            before = self.workspace.snapshot.revision
            try:
                await asyncio.to_thread(self.workspace.reload)
                saved = self.workspace.snapshot.revision != before
                self.hostname = self._own_name()
                # The lanes first: a door takes mail for a new profile only when somebody sends it.
                await self.lanes.reload(saved=saved)
                wrong = await self._renew()
                await self._collect(self._submission.intake)  # what no profile was there for
            finally:
                notify.notify(READY="1", STATUS=f"listening on {', '.join(self.entrances.addresses)}")
            log.info("the settings were read anew")
            return wrong

    async def _renew(self) -> Sequence[EngineError | StoreError]:
        """The relay's own settings, and certificates that were renewed."""
        if self.settings.alerts != self._alerts_of:
            await self.alerts.close()
            self._alerts_of = self.settings.alerts
            self.alerts = Alerts(self._alerts_of)
        self._submission.intake = self.lanes.intake("")
        wrong: list[EngineError | StoreError] = []
        try:
            self._access.renew(self.settings.access)
            self._access.prepare(self.workspace.paths)
        except (EngineError, StoreError) as error:
            wrong.append(error)
        wrong += await self.entrances.renew(self.settings, self.hostname)
        for one in wrong:
            log.error("%s: %s; %s", one.what, one.why, one.remedy)
            self.alerts.raise_(Alert("cannot-listen", "", one.what, one.why, one.remedy, self._now()))
        return wrong

    def status(self) -> RelayStatus:
        """For people."""
        return RelayStatus(
            running=True,
            listening=tuple(self.entrances.addresses),
            since=self._began,
            process=os.getpid(),
            version=VERSION,
            pause=self.lanes.pause,
            routes=self.lanes.status(),
            counts=self.spool.counts(),
            rate=self.ledger.rate,
        )
