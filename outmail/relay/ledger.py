"""Writes into the history and the log what became of each mail, many at a time.

It must never hold mail up: where the history cannot be written, that is told once, and mail goes on.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta

from outmail.engine.relay_status import RATE_SECONDS
from outmail.relay.runner import Delivered
from store.errors import StoreError
from store.history import DeliveredTo, Delivery, Happening, History
from store.spool_shapes import State

log = logging.getLogger(__name__)

EVERY = 0.5
"""Seconds between two writes."""
MOST = 20_000
"""Entries that wait while the history cannot be written; the oldest go first."""
BUCKETS = 60


class Ledger:
    """What happened, on its way into the history; `run` writes it until it is cancelled."""

    def __init__(self, history: History, now: Callable[[], datetime]) -> None:
        self._history = history
        self._now = now
        self._waiting: deque[Delivery | Happening] = deque(maxlen=MOST)
        self._refused = False
        self._one = asyncio.Lock()
        self._rate: deque[int] = deque([0], maxlen=BUCKETS)
        self._bucket = now()

    @property
    def rate(self) -> tuple[int, ...]:
        """Mails sent in each stretch of RATE_SECONDS, the oldest first."""
        self._turn()
        return (0,) * (BUCKETS - len(self._rate)) + tuple(self._rate)

    def delivered(self, done: Delivered) -> None:
        """Note an attempt."""
        place, now = done.attempt.place, self._now()
        answers = {fate.recipient: fate.answer for fate in done.attempt.fates}
        addresses = {due.number: due.address for due in done.job.recipients}
        people = tuple(
            DeliveredTo(
                addresses[noted.settled.number],
                noted.settled.state is State.SENT,
                answers.get(addresses[noted.settled.number]) or _why(done, noted.settled.number),
            )
            for noted in done.noted
        )
        taken = sum(one.accepted for one in people)
        if taken:
            self._turn()
            self._rate[-1] += 1
        answer = people[0].answer if people else ""
        self._waiting.append(
            Delivery(
                when=now,
                profile=done.job.profile,
                message_id=done.message_id,
                sender=done.job.sender,
                server=_label(done),
                address=place.address if place else "",
                answer=answer,
                ok=taken == len(people),
                recipients=people,
                queue_id=done.job.id,
            )
        )
        log.log(
            logging.INFO if taken == len(people) else logging.WARNING,
            "%s %s from=<%s> to=<%s>%s via=%s %s: %s",
            done.job.id,
            ", ".join(dict.fromkeys(noted.settled.state.value for noted in done.noted)),
            done.job.sender,
            people[0].recipient if people else "",
            f" and {len(people) - 1} more" if len(people) > 1 else "",
            done.job.profile,
            place or "no server",
            answer,
        )

    def happened(self, who: str, what: str, profile: str = "") -> None:
        """Note what somebody did, or what the relay did by itself."""
        self._waiting.append(Happening(self._now(), who, what, profile))

    async def run(self) -> None:
        """Write what waits, now and then."""
        while True:
            await asyncio.sleep(EVERY)
            await self.write()

    async def write(self) -> None:
        """Write what waits; returns when all that was noted before is written."""
        async with self._one:
            if self._waiting:
                await self._write_now()

    async def _write_now(self) -> None:
        found = list(self._waiting)
        self._waiting.clear()
        try:
            await asyncio.to_thread(self._write, found)
            self._refused = False
        except StoreError as error:
            self._waiting.extendleft(reversed(found))
            if not self._refused:
                log.warning("%s; mail goes on without it (%s)", error, error.remedy)
            self._refused = True

    def _write(self, found: list[Delivery | Happening]) -> None:
        self._history.record_deliveries([one for one in found if isinstance(one, Delivery)])
        for one in found:
            if isinstance(one, Happening):
                self._history.record_event(one)

    def _turn(self) -> None:
        step = timedelta(seconds=RATE_SECONDS)
        passed = int((self._now() - self._bucket) / step)
        if passed > 0:
            self._rate.extend([0] * min(passed, BUCKETS))
            self._bucket += step * passed
        elif passed < 0:  # the clock was set back
            self._bucket = self._now()


def _label(done: Delivered) -> str:
    place = done.attempt.place
    if place is None:
        return ""
    return place.label if place.profile == done.job.profile else f"{place.profile}: {place.label}"


def _why(done: Delivered, number: int) -> str:
    """What is known where no server said anything."""
    for noted in done.noted:
        if noted.settled.number == number and noted.settled.error is not None:
            return noted.settled.error.text
    return ""
