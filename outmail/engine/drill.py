"""The drill: one mail for which the primary counts as down, to prove that the next server really takes over.

It has a route of its own for this one mail: it must never move, pause or reconnect the relay's.
"""

from __future__ import annotations

import platform
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from outmail.diagnosis.match import diagnose
from outmail.engine import wiring
from outmail.engine.borrowed import fitted
from outmail.engine.climb import Climb
from outmail.engine.compose import Composed, Draft, compose
from outmail.engine.errors import EngineError, Refusal
from outmail.engine.report import Progress, RecipientReport, SendReport, ServerReport, Watch
from outmail.engine.route import Attempt, Fate, Place, Route
from outmail.engine.tokens import Tokens
from store.profiles import Profile
from transports.base import (
    Cause,
    Envelope,
    Failure,
    Receipt,
    Scope,
    Status,
    Step,
    StepName,
    Transport,
    TransportError,
    Verdict,
)
from transports.trace import Trace

_DOWN = Failure(
    StepName.CONNECT,
    Scope.SERVER,
    Verdict.RETRY,
    Cause.CONNECTION_REFUSED,
    words="treated as down: this is a drill",
)


@dataclass(frozen=True, slots=True)
class Drilled:
    """What a drill came to: which server counted as down, and what became of the mail."""

    down: str  # "smtp.example.org:587"
    report: SendReport
    passed_over: tuple[ServerReport, ...] = ()  # really unavailable, and before the one that was tried last

    @property
    def told(self) -> str:
        """For the history, a few words."""
        way = f"{self.report.server} {self.report.address}"
        if self.report.ok:
            return f"drill passed: with {self.down} down, {way} took the mail"
        return f"drill FAILED: with {self.down} down, at {way}: {self.report.error}"


async def drill(
    name: str,
    profiles: Mapping[str, Profile],
    to: str | None = None,
    *,
    watch: Watch,
    tokens: Tokens | None = None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Drilled:
    """Send one sample mail as if the profile's primary were down; to its own address by default.

    Raises EngineError where there is no server that could take over, before anything is sent.
    """
    servers = _servers(name, profiles)
    primary = next(iter(servers))
    profile = profiles[name]
    mail = compose(profile, _draft(name, profile, to or profile.from_address, primary, now()), now=now())
    stage = _Stage(name, profiles, servers, watch, tokens)
    route = Route(tuple(servers), stage.connect, now)
    began = time.monotonic()
    try:
        attempt = await route.send(mail.envelope)
    finally:
        await route.close()
    report = stage.report(mail, attempt, time.monotonic() - began)
    return Drilled(primary.address, report, tuple(climb.report() for climb in stage.climbs[:-1]))


def _servers(name: str, profiles: Mapping[str, Profile]) -> dict[Place, wiring.Candidate]:
    """The profile's servers, then those of its failover profile, as the relay has them."""
    found = {Place(name, c.label, c.address): c for c in wiring.candidates(name, profiles[name])}
    failover = profiles[name].failover
    other = failover.profile if failover else None
    if other and other in profiles:
        try:
            candidates = wiring.candidates(other, profiles[other])
        except EngineError:
            if len(found) == 1:
                raise
            candidates = []  # the alternates are proven all the same
        for one in candidates:
            shown = replace(one, label=f"{other}: {one.label}")
            found[Place(other, shown.label, one.address)] = shown
    if len(found) == 1:
        raise EngineError(
            Refusal.SETTINGS,
            f"profile {name} has nothing to fail over to",
            "it has no alternate server and no failover profile",
            _add_one(name, profiles[name]),
        )
    return found


def _add_one(name: str, profile: Profile) -> str:
    servers = f"[[profiles.{name}.smtp.alternates]] or " if profile.protocol == "smtp" else ""
    tables = f"{servers}[profiles.{name}.failover]"
    return f"add one: run outmail and edit {name}, or add {tables} to its file and import it"


@dataclass(slots=True)
class _Stage:
    """Opens the servers of the drill while somebody watches; the first one counts as down."""

    name: str
    profiles: Mapping[str, Profile]
    servers: Mapping[Place, wiring.Candidate]
    watch: Watch
    tokens: Tokens | None
    climbs: list[Climb] = field(default_factory=list)

    @asynccontextmanager
    async def connect(self, place: Place, _others: bool) -> AsyncIterator[Transport]:
        """See engine.route.Connect."""
        candidate = self.servers[place]
        if place == next(iter(self.servers)):
            step = Step(StepName.CONNECT, Status.SKIP, detail=_DOWN.words)
            self.watch(Progress(candidate.label, candidate.address, step))
            raise TransportError(_DOWN)
        profile = self.profiles[place.profile]
        climb = Climb(place.profile, profile, candidate, self.watch, self.tokens)
        self.climbs.append(climb)
        async with climb.connected() as way:
            yield _Watched(way, climb.trace, None if place.profile == self.name else profile)

    def report(self, mail: Composed, attempt: Attempt, seconds: float) -> SendReport:
        """What became of the mail at the last server that was tried."""
        climb = self.climbs[-1]
        failures = [fate.failure for fate in attempt.fates if fate.failure]
        found = climb.report()
        worst = failures[0] if failures else None
        finding = diagnose(worst, climb.context) if worst else None
        taken = [fate for fate in attempt.fates if fate.action is None]
        partly = f"the server took the mail for {len(taken)} of {len(attempt.fates)} recipients"
        return SendReport(
            ok=len(taken) == len(attempt.fates),
            message_id=mail.message_id,
            server=found.server,
            address=found.address,
            answer=attempt.fates[0].answer,
            seconds=seconds,
            recipients=tuple(_recipient(fate, climb) for fate in attempt.fates),
            attempts=(found,),
            error=(partly if taken else finding.title) if finding else "",
            finding=finding,
            temporary=worst is not None and worst.verdict is Verdict.RETRY and not taken,
            uncertain=worst is not None and worst.verdict is Verdict.UNCERTAIN,
            sign_in=worst is not None
            and (worst.scope is Scope.SIGN_IN or worst.verdict is Verdict.FIX_SETTINGS),
        )


@dataclass(slots=True)
class _Watched:
    """A way out whose sending is watched; with `profile` that of another one, which has its own sender."""

    way: Transport
    trace: Trace
    profile: Profile | None

    @property
    def address(self) -> str:
        """See Transport."""
        return self.way.address

    async def open(self, trace: Trace) -> None:
        """See Transport."""
        await self.way.open(trace)

    async def authenticate(self, trace: Trace) -> None:
        """See Transport."""
        await self.way.authenticate(trace)

    async def probe(self, sender: str, recipient: str, trace: Trace) -> None:
        """See Transport."""
        await self.way.probe(sender, recipient, trace)

    async def send(self, envelope: Envelope, trace: Trace) -> Receipt:
        """See Transport; the steps go to who watches the drill."""
        mail = fitted(self.profile, envelope) if self.profile else envelope
        return await self.way.send(mail, self.trace)

    async def close(self) -> None:
        """See Transport."""
        await self.way.close()


def _recipient(fate: Fate, climb: Climb) -> RecipientReport:
    finding = diagnose(fate.failure, climb.context) if fate.failure and fate.action is not None else None
    return RecipientReport(fate.recipient, fate.answer, finding)


def _draft(name: str, profile: Profile, to: str, down: Place, now: datetime) -> Draft:
    lines = [
        "This is a sample mail of a drill of outmail. Nothing is broken, and there is nothing to do.",
        "",
        f"For this one mail the primary server of profile {name} counted as down ({down.address}),",
        "to prove that the next one takes over. It arrived: failover works.",
        "",
        f"From:      {profile.from_address}",
        f"Sent from: {platform.node() or 'this machine'}",
        f"Sent at:   {now.astimezone().strftime('%Y-%m-%d %H:%M:%S %z')}",
        "",
    ]
    return Draft((to,), f"Failover drill of outmail ({name})", "\n".join(lines))
