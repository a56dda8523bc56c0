"""Every profile's lane, and which of them a mail takes: its door's, its sender's, or the default one."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from outmail.diagnosis.finding import Finding
from outmail.engine import carrying
from outmail.engine.failover import Standing
from outmail.engine.relay_status import Pause, RouteStatus
from outmail.engine.workspace import Workspace
from outmail.relay.alerts import Alert, Alerts
from outmail.relay.intake import Intake
from outmail.relay.lane import Lane, Surroundings
from outmail.relay.ledger import Ledger
from outmail.relay.replies import Answer
from store import relay_state
from store.errors import ErrorKind, StoreError
from store.joined import Joined
from store.profiles import Profile
from store.relay_settings import Relay
from store.relay_state import Stopped
from store.spool import Spool
from store.spool_bodies import Draft
from store.spool_shapes import NewMail

if TYPE_CHECKING:
    from transports.mime_structure import Unfit

log = logging.getLogger(__name__)

ALL = ""
"""The pause of all delivery, among those of profiles."""


def _damaged(error: StoreError) -> None:
    log.warning("%s: %s; %s", error.what, error.why, error.remedy)


class Relaying(Protocol):
    """What lanes need of the service around them."""

    workspace: Workspace
    spool: Spool
    ledger: Ledger
    alerts: Alerts
    hostname: str

    @property
    def settings(self) -> Relay:
        """The relay's settings."""
        ...

    @property
    def clock(self) -> Callable[[], datetime]:
        """UTC."""
        ...


class Lanes:
    """The lanes of a relay. Every change that a person makes is noted in the history by the caller."""

    def __init__(self, service: Relaying) -> None:
        self._service = service
        self._around = Surroundings(
            service.spool,
            service.workspace.tokens,
            lambda: service.hostname,
            service.clock,
            service.ledger.delivered,
            self._moved,
            self._stopped,
        )
        self._lanes: dict[str, Lane] = {}
        self._by_sender: dict[str, str] = {}
        self._left: list[Lane] = []  # of profiles that are no more; their mail may be under way
        folder = service.workspace.paths.spool
        self._pauses = {
            name: Pause(stopped.since, stopped.who, stopped.why)
            for name, stopped in relay_state.load(folder, tell=_damaged).items()
        }
        self._arrange()

    # Mail that comes in.

    def intake(self, profile: str) -> Intake:
        """What takes mail of one door; `profile` is the door's own, or ""."""
        service = self._service
        return Intake(
            service.spool,
            lambda sender, asked: self.choose(sender, asked or profile),
            service.hostname,
            service.clock,
            self.wake,
            service.settings.local_mail_to or "",
            self.carries,
        )

    def choose(self, sender: str, asked: str) -> tuple[str, Profile] | None:
        """The profile that sends a mail: the one asked for, the sender's, its domain's, or the default."""
        settings = self._service.workspace.settings
        name: str | None = asked
        if not name:
            sender = sender.lower()
            name = self._by_sender.get(sender) or self._by_sender.get(f"@{sender.rpartition('@')[2]}")
        with contextlib.suppress(KeyError):
            return settings.named(name or None)
        return None

    def largest(self, profile: str) -> int | None:
        """Bytes of the largest mail that a door's ways out can carry; None where only a server knows."""
        settings = self._service.workspace.settings
        names = [profile] if profile else [*self._by_sender.values()]
        if not profile:
            with contextlib.suppress(KeyError):
                names.append(settings.named(None)[0])
        return carrying.largest(settings, names)

    async def carries(self, mail: NewMail) -> Answer | None:
        """The refusal of a mail that can go out neither by its profile nor by the failover profile."""
        settings = self._service.workspace.settings
        body = mail.body
        size = len(mail.head) + (body.size if isinstance(body, Draft) else len(body))
        if not carrying.may_be_unfit(settings, mail.profile, size):
            return None

        def look() -> Unfit | None:
            content = Joined(mail.head, body.view() if isinstance(body, Draft) else body)
            return carrying.unfit(settings, mail.profile, content, size)

        found = await asyncio.to_thread(look)
        if found is None:
            return None
        return Answer(552 if found.enhanced == "5.3.4" else 554, found.enhanced, found.reason)

    def wake(self, profile: str) -> None:
        """Mail came for a profile."""
        lane = self._lanes.get(profile)
        if lane is not None:
            lane.wake()

    # Settings.

    async def reload(self, *, saved: bool) -> None:
        """New settings: what changed begins anew at the primary, and what waited for it is tried now.

        Where somebody saved and nothing of any profile is other than before, all go back to the primary:
        that is what an admin saves for.
        """
        self._left = [lane for lane in self._left if lane.busy]
        begun = self._arrange()
        if saved and not begun:
            for lane in self._lanes.values():
                await lane.reconnect()
        for lane in self._lanes.values():
            if lane.name in begun or lane.stopped_itself:
                lane.go()
                await lane.again()

    def _arrange(self) -> set[str]:
        """A lane for each profile; returns which have begun anew."""
        settings = self._service.workspace.settings
        self._by_sender = {route.sender: route.profile for route in self._service.settings.routes}
        for name in set(self._lanes) - set(settings.profiles):
            lane = self._lanes.pop(name)
            lane.leave()
            self._left.append(lane)
        begun = set()
        for name in settings.profiles:
            lane = self._lanes.get(name) or Lane(name, self._around)
            if lane.renew(settings):
                begun.add(name)
            self._lanes[name] = lane
            lane.halt(self._pauses.get(ALL) or self._pauses.get(name))
            for trouble in filter(None, (lane.unusable, lane.warning)):
                log.warning("profile %s: %s", name, trouble)
        return begun

    async def stop(self, seconds: float) -> None:
        """End them all within the time."""
        await asyncio.gather(*(lane.stop(seconds) for lane in [*self._lanes.values(), *self._left]))

    # Steering.

    @property
    def pause(self) -> Pause | None:
        """That of all delivery."""
        return self._pauses.get(ALL)

    def halt(self, profile: str | None, who: str, why: str) -> list[str]:
        """Stand still until resumed, after a restart too; which profiles. Raises StoreError."""
        pause = Pause(self._service.clock(), who, why)
        self._keep({**self._pauses, self._known(profile): pause})
        return [profile] if profile else list(self._lanes)

    def go(self, profile: str | None) -> list[str]:
        """Send again, one profile or (None) all; which had stood still. Raises StoreError."""
        name = self._known(profile)
        still = [lane for lane in self._lanes.values() if lane.pause and name in {ALL, lane.name}]
        if name != ALL and ALL in self._pauses:
            raise StoreError(
                ErrorKind.BAD_INPUT,
                f"{name} was not resumed",
                "all delivery is paused, not this profile alone",
                "resume all of it: outmail resume",
            )
        self._keep({n: p for n, p in self._pauses.items() if name not in {ALL, n}})
        for lane in still:
            lane.go()
        return [lane.name for lane in still]

    async def reconnect(self, profile: str | None) -> list[str]:
        """Back to the primary; the profiles whose mail went another way. Raises StoreError."""
        name = self._known(profile)
        return [
            lane.name
            for lane in list(self._lanes.values())
            if name in {ALL, lane.name} and await lane.reconnect()
        ]

    def status(self) -> tuple[RouteStatus, ...]:
        """For people."""
        return tuple(lane.status() for lane in self._lanes.values())

    def _known(self, profile: str | None) -> str:
        if profile and profile not in self._lanes:
            raise StoreError(
                ErrorKind.NO_PROFILE,
                "unknown profile",
                f"the relay has no profile {profile!r}",
                f"there are: {', '.join(sorted(self._lanes)) or 'none'}",
            )
        return profile or ALL

    def _keep(self, pauses: dict[str, Pause]) -> None:
        stopped = {name: Stopped(pause.since, pause.who, pause.why) for name, pause in pauses.items()}
        relay_state.save(self._service.workspace.paths.spool, stopped)
        self._pauses = pauses
        for name, lane in self._lanes.items():
            lane.halt(pauses.get(ALL) or pauses.get(name))

    # What routes tell.

    def _moved(self, lane: Lane, before: Standing, then: Standing) -> None:
        label, address = lane.named(then.place)
        was = " ".join(lane.named(before.place))
        if then.away:
            what = f"mail goes through {label} {address} in place of {was}: {then.reason}"
            kind, remedy = "failover", f"mend it, then: outmail reconnect {lane.name}"
        else:
            what, kind, remedy = f"mail goes through the {label} {address} again", "failback", ""
        self._service.ledger.happened("outmail", what, lane.name)
        self._alert(kind, lane.name, what, "", remedy)

    def _stopped(self, lane: Lane, finding: Finding) -> None:
        what = f"delivery has stopped: {finding.title}"
        self._service.ledger.happened("outmail", what, lane.name)
        self._alert("paused", lane.name, what, finding.cause, finding.remedy)

    def _alert(self, kind: str, profile: str, title: str, text: str, remedy: str) -> None:
        self._service.alerts.raise_(Alert(kind, profile, title, text, remedy, self._service.clock()))
