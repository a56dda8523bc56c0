"""Sends what waits in the queue for one profile: several at once, within its pacing.

A mail is settled in the queue before anything else is said of it, and a bounce is in the queue before
the mail it is about is given up. Nothing that one mail does stops the others.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import re
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from outmail.diagnosis.finding import Finding
from outmail.engine import schedule, trouble
from outmail.engine.pacing import CAREFUL, Pacing
from outmail.engine.route import Attempt, Fate, Route
from outmail.engine.trouble import Action
from outmail.relay import bounces
from outmail.relay.bounces import Kind, Original, Reporter
from outmail.relay.fates import Explain, Noted, note
from store.errors import ErrorKind, StoreError
from store.spool import Spool
from store.spool_shapes import Addressee, Due, IllegalChange, Job, LastError, NewMail, Settled, State
from transports.base import Buffer, Dsn, Envelope

log = logging.getLogger(__name__)

TIDY_SECONDS = 10.0
_AGAIN_SECONDS = 1.0
_MINUTE = timedelta(minutes=1)
_MESSAGE_ID = re.compile(rb"^message-id:[ \t\r\n]*([^\r\n]*)", re.IGNORECASE | re.MULTILINE)
_LONGEST_ID = 998
UNTOLD = "it was refused, and its sender could not be told: the disk took no report"
DEFECT = "outmail stumbled over this mail: a defect of ours"


@dataclass(frozen=True, slots=True)
class Delivered:
    """One attempt at one mail is over: for the log, the history and whoever watches.

    `message_id` is as the mail has it, with its brackets; "" where it has none.
    """

    job: Job
    attempt: Attempt
    noted: tuple[Noted, ...]
    message_id: str = ""


class Runner:
    """One profile's mail. `explain` gives a failure its meaning; `watch` hears of each attempt.

    `paused` is called with what is wrong when the route pauses by itself.
    """

    def __init__(
        self,
        profile: str,
        spool: Spool,
        route: Route,
        *,
        reporter: Reporter,
        explain: Explain,
        now: Callable[[], datetime],
        pacing: Pacing = CAREFUL,
        watch: Callable[[Delivered], None] = lambda _delivered: None,
        paused: Callable[[Finding], None] = lambda _finding: None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.profile = profile
        self.route = route
        self.pause_reason = ""
        """Why nothing is sent, a sentence; "" while mail goes out."""
        self._spool = spool
        self._reporter = reporter
        self._explain = explain
        self._now = now
        self._pacing = pacing
        self._watch = watch
        self._paused = paused
        self._chance = chance
        self._under_way: set[asyncio.Task[None]] = set()
        self._begun: deque[datetime] = deque()  # when the mails of the last minute set out
        self._woken = asyncio.Event()
        self._stopping = False
        self._quiet_until: datetime | None = None  # the service wants no mail before
        self._rests = asyncio.Event()  # while nothing new is begun
        self._rests.set()

    def wake(self) -> None:
        """There is something to send."""
        self._woken.set()

    def pause(self, reason: str) -> None:
        """Send nothing more; what is under way ends by itself."""
        self.pause_reason = reason

    def resume(self) -> None:
        """Send again."""
        self.pause_reason = ""
        self.wake()

    def pace(self, pacing: Pacing) -> None:
        """Another server is in use, which takes so much."""
        self._pacing = pacing
        self.wake()

    async def run(self) -> None:
        """Send for as long as the relay runs. Ends when told to stop, or cancelled."""
        self._rests.clear()
        try:
            while not self._stopping:
                await self._turn()
        finally:
            self._rests.set()

    async def _turn(self) -> None:
        self._woken.clear()
        try:
            begun = await self._begin()
            again = 0.0 if begun else await self._until_due()
        except StoreError as error:
            log.warning("%s: %s", self.profile, error)
            begun, again = 0, _AGAIN_SECONDS
        except Exception:  # one round must not be the last: all mail of the profile would stand still
            log.exception("profile %s", self.profile)
            begun, again = 0, _AGAIN_SECONDS
        if not begun:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(again):
                    await self._woken.wait()
            await self.route.tidy()

    async def drain(self) -> None:
        """Send everything that is due now, and wait until that is done."""
        while await self._begin() or self._under_way:
            if self._under_way:
                await asyncio.wait(self._under_way, return_when=asyncio.FIRST_COMPLETED)

    async def stop(self, seconds: float | None) -> None:
        """Let what is under way end within the time (None: however long it takes); hangs up.

        The rest stays in the queue. What is cut off after it was handed over is uncertain there.
        """
        self._stopping = True
        self.wake()
        await self._rests.wait()
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=seconds)
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)
        await self.route.end()

    async def _begin(self) -> int:
        """Set out with as many mails as there is room for; how many."""
        room = 0 if self.pause_reason or self._stopping or self._quiet() else self._room()
        if not room:
            return 0
        now = self._now()
        jobs = await self._spool.take(self.profile, room, now)
        if self._stopping:  # meanwhile
            await self._spool.give_back([job.id for job in jobs], now)
            return 0
        for job in jobs:
            self._begun.append(now)
            task = asyncio.create_task(self._send(job))
            self._under_way.add(task)
            task.add_done_callback(self._ended)
        return len(jobs)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        self._woken.set()

    def _quiet(self) -> float:
        """Seconds for which the service wants no mail, as it said; 0 when it wants some."""
        if self._quiet_until is None:
            return 0.0
        left = (self._quiet_until - self._now()).total_seconds()
        if not 0 < left <= trouble.SHORT:  # over, or the clock was set back
            self._quiet_until = None
            return 0.0
        return left

    def _heed(self, attempt: Attempt) -> None:
        """All mail of the profile waits as long as the service asked for with one of them."""
        for fate in attempt.fates:
            asked = fate.failure.retry_after if fate.failure else None
            if asked is not None and asked <= trouble.SHORT and fate.action is Action.DEFER:
                until = self._now() + timedelta(seconds=asked)
                self._quiet_until = max(self._quiet_until or until, until)

    def _room(self) -> int:
        room = self._pacing.at_once - len(self._under_way)
        most = self._pacing.per_minute
        if most is None:
            self._begun.clear()
            return max(room, 0)
        now = self._now()
        # What set out in time to come did so before the clock was set back.
        while self._begun and not now - _MINUTE < self._begun[0] <= now:
            self._begun.popleft()
        return max(min(room, most - len(self._begun)), 0)

    async def _until_due(self) -> float:
        """Seconds until there may be something to do, at most until it is time to tidy."""
        if self.pause_reason or self._stopping:
            return TIDY_SECONDS
        quiet = self._quiet()
        if quiet:
            return min(quiet, TIDY_SECONDS)
        due = await self._spool.next_due(self.profile)
        waits = [(due - self._now()).total_seconds()] if due else []
        if self._pacing.per_minute is not None and len(self._begun) >= self._pacing.per_minute:
            waits = [(self._begun[0] + _MINUTE - self._now()).total_seconds()]
        elif waits and waits[0] <= 0 and self._under_way:
            return TIDY_SECONDS  # every place is taken: the next mail that ends wakes us
        return min(max([*waits, TIDY_SECONDS][0], 0.0), TIDY_SECONDS)

    async def _send(self, job: Job) -> None:
        try:
            content = await self._spool.opened(job)
        except StoreError as error:
            # It has left the queue, which the spool has told; or it cannot be read for a while.
            if error.kind is not ErrorKind.DAMAGED:
                log.warning("mail %s cannot be read now: %s", job.id, error)
                again = self._now() + _MINUTE
                await self._settle(
                    [
                        Settled(
                            job.id, due.number, _waits(due), again, server=due.uncertain_at, attempt=False
                        )
                        for due in job.recipients
                    ]
                )
            return
        for server in dict.fromkeys(due.uncertain_at for due in job.recipients):
            people = tuple(due for due in job.recipients if due.uncertain_at == server)
            try:
                attempt = await self.route.send(_envelope(job, people, content), only=server)
                self._heed(attempt)
                noted = self._noted(job, people, attempt)
            except Exception:
                log.exception("mail %s", job.id)
                attempt, noted = Attempt(None, ()), _held(job, people)
            try:
                await self._tell(job, content, noted)
            except (StoreError, OSError) as error:  # a large mail's own file is read for the report
                log.warning("%s: %s", self.profile, error)
                noted = tuple(_untold(one, self._now()) for one in noted)
            await self._settle([one.settled for one in noted])
            self._watch(Delivered(job, attempt, noted, _message_id(content)))
            self._pause_for(noted)

    def _noted(self, job: Job, people: Sequence[Due], attempt: Attempt) -> tuple[Noted, ...]:
        now = self._now()
        fates: dict[str, list[Fate]] = {}
        for fate in attempt.fates:
            fates.setdefault(fate.recipient, []).append(fate)
        found = []
        for due in people:
            same = fates[due.address]
            fate = same.pop(0) if len(same) > 1 else same[0]
            chance = self._chance()
            own = self._reporter.address
            found.append(note(job, due, fate, attempt, now, chance=chance, explain=self._explain, own=own))
        return tuple(found)

    async def _tell(self, job: Job, content: Buffer, noted: Sequence[Noted]) -> None:
        """Put the reports to the sender into the queue; they go the same way as his mail did."""
        for kind in Kind:
            fates = bounces.told(kind, job.sender, [n.tell[1] for n in noted if n.tell and n.tell[0] is kind])
            if not fates:
                continue
            now = self._now()
            # Of a mail that is too large to be returned whole the beginning is enough.
            told = content if isinstance(content, bytes) else content[: bounces.LARGEST_RETURNED + 1]
            original = Original(job.id, job.sender, job.accepted, told, job.smtputf8, job.ret, job.envid)
            boundary = f"={random.getrandbits(128):032x}"
            report = bounces.write(
                kind,
                original,
                fates,
                self._reporter,
                now,
                boundary=boundary.strip("="),
                until=job.accepted + schedule.GIVE_UP if kind is Kind.DELAYED else None,
            )
            mail = NewMail(
                self.profile,
                "",
                (Addressee(job.sender, "NEVER"),),
                now,
                report,
                origin=f"report on {job.id}",
                smtputf8=not job.sender.isascii(),
                eight_bit=not report.isascii(),
            )
            await self._spool.accept(mail)

    async def _settle(self, settled: Sequence[Settled]) -> None:
        """Until it is noted: a mail whose end is not noted would be sent again."""
        while True:
            try:
                await self._spool.settle(settled, self._now())
            except IllegalChange:
                log.exception("%s", self.profile)
                return
            except StoreError as error:
                log.warning("%s: %s", self.profile, error)
                await asyncio.sleep(_AGAIN_SECONDS)
            else:
                return

    def _pause_for(self, noted: Sequence[Noted]) -> None:
        found = next((one.finding for one in noted if one.pauses), None)
        if found is not None and not self.pause_reason:
            self.pause(found.title)
            self._paused(found)


def _waits(due: Due) -> State:
    return State.UNCERTAIN if due.uncertain_at else State.WAITING


def _message_id(content: Buffer) -> str:
    try:
        found = _MESSAGE_ID.search(content[: content.find(b"\r\n\r\n") + 2])
    except OSError:  # the disk gave its file, and gives it no more
        return ""
    return found[1].decode("utf-8", "replace").strip()[:_LONGEST_ID] if found else ""


def _envelope(job: Job, people: Sequence[Due], content: Buffer) -> Envelope:
    wishes = {due.notify for due in people}
    notify = tuple(wish for wish in next(iter(wishes)).split(",") if wish) if len(wishes) == 1 else ()
    dsn = Dsn(job.ret or None, job.envid or None, notify) if job.ret or job.envid or notify else None
    return Envelope(job.sender, tuple(due.address for due in people), content, dsn)


def _untold(one: Noted, now: datetime) -> Noted:
    """The sender could not be told, for the disk took no report: a mail is not given up before that."""
    if one.tell is None:
        return one
    if one.tell[0] is Kind.DELAYED:
        return replace(one, settled=replace(one.settled, delay_told=False), tell=None)
    waits = replace(
        one.settled, state=State.WAITING, due=now + schedule.FIRST, error=LastError(UNTOLD), attempt=False
    )
    return replace(one, settled=waits, tell=None)


def _held(job: Job, people: Sequence[Due]) -> tuple[Noted, ...]:
    return tuple(
        Noted(Settled(job.id, due.number, State.HELD, error=LastError(DEFECT), attempt=False))
        for due in people
    )
