"""A saved profile becomes a route for a stream of mails: its servers, then those of its failover profile.

A mail that goes out by another profile than its own leaves under that profile's sender policy.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime

from outmail.diagnosis.finding import Finding
from outmail.diagnosis.match import diagnose
from outmail.engine import wiring
from outmail.engine.borrowed import fitted
from outmail.engine.climb import Climb
from outmail.engine.errors import EngineError
from outmail.engine.failover import Standing
from outmail.engine.pacing import Pacing, pacing_of
from outmail.engine.route import Place, Route
from outmail.engine.tokens import Tokens
from store.profiles import Profile, Settings
from transports.base import (
    Envelope,
    Failure,
    Receipt,
    Transport,
)
from transports.routes import HURRIED, Throttle
from transports.trace import Trace


class Ways:
    """The servers of one profile and of its failover profile, ready to be connected to.

    Raises EngineError where the profile cannot be used. A failover profile that cannot be used
    is left out, and `warning` says so.
    """

    def __init__(self, name: str, settings: Settings, tokens: Tokens) -> None:
        self.name = name
        self.warning = ""
        self._profiles = settings.profiles
        self._tokens = tokens
        self._candidates = {
            Place(name, candidate.label, candidate.address): candidate
            for candidate in wiring.candidates(name, settings.profiles[name])
        }
        self._throttles: dict[str, Throttle] = defaultdict(Throttle)
        failover = settings.profiles[name].failover
        other = failover.profile if failover else None
        if other and other in settings.profiles:
            try:
                found = wiring.candidates(other, settings.profiles[other])
            except EngineError as error:
                self.warning = f"its failover profile is of no use: {error.why}"
            else:
                self._candidates |= {Place(other, c.label, c.address): c for c in found}

    @property
    def profile(self) -> Profile:
        """The profile itself."""
        return self._profiles[self.name]

    @property
    def places(self) -> tuple[Place, ...]:
        """In order, the primary first."""
        return tuple(self._candidates)

    def pacing(self, place: int) -> Pacing:
        """How much the server at this place may be sent."""
        found = self.places[place]
        own = [p for p in self.places if p.profile == found.profile]
        return pacing_of(self._profiles[found.profile], own.index(found))

    def route(self, now: Callable[[], datetime], moved: Callable[[Standing, Standing], None]) -> Route:
        """A route over them; nothing is connected yet."""
        failover = self.profile.failover
        automatic = failover is not None and failover.failback == "automatic"
        return Route(self.places, self.connect, now, automatic=automatic, moved=moved)

    @asynccontextmanager
    async def connect(self, place: Place, others: bool = False) -> AsyncIterator[Transport]:
        """Open a server and sign in; sooner given up where there are others to try. Raises TransportError."""
        profile = self._profiles[place.profile]
        climb = Climb(
            place.profile,
            profile,
            self._candidates[place],
            lambda _step: None,
            self._tokens,
            timeouts=HURRIED if others else None,
            throttle=self._throttles[place.profile],
        )
        async with climb.connected() as way:
            own = place.profile == self.name
            yield way if own and profile.sender_policy == "allow" else InName(way, profile, own=own)

    def explain(self, failure: Failure, place: Place) -> Finding:
        """What a failure at one of the servers means."""
        candidate = self._candidates[place]
        return diagnose(failure, wiring.context(place.profile, self._profiles[place.profile], candidate))


class InName:
    """A way out on which mail leaves as its profile's sender policy says.

    Mail that waited was accepted under the settings of its time, and may belong to another profile; where
    the profile's address was corrected since, it goes out from the new one.
    """

    def __init__(self, way: Transport, profile: Profile, *, own: bool) -> None:
        self._way = way
        self._profile = profile
        self._own = own

    @property
    def address(self) -> str:
        """See Transport."""
        return self._way.address

    async def open(self, trace: Trace) -> None:
        """See Transport."""
        await self._way.open(trace)

    async def authenticate(self, trace: Trace) -> None:
        """See Transport."""
        await self._way.authenticate(trace)

    async def probe(self, sender: str, recipient: str, trace: Trace) -> None:
        """See Transport."""
        await self._way.probe(sender, recipient, trace)

    async def send(self, envelope: Envelope, trace: Trace) -> Receipt:
        """See Transport."""
        if self._own and envelope.sender == self._profile.from_address:
            return await self._way.send(envelope, trace)  # as it was accepted
        return await self._way.send(fitted(self._profile, envelope), trace)

    async def close(self) -> None:
        """See Transport."""
        await self._way.close()
