"""How the relay stands: where it listens, which way each profile's mail goes, what waits; values and JSON.

The JSON is the contract's `status --json`, with more beside it; it travels over the control socket.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from store.spool_shapes import COUNTED, Counts

RATE_SECONDS = 10
"""What one number of `RelayStatus.rate` covers."""

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Pause:
    """Delivery stands still: since when, by whom ("" where the relay paused a route itself), and why."""

    since: datetime
    who: str
    why: str

    def to_json(self) -> Json:
        """For other programs."""
        return {"since": self.since.isoformat(), "who": self.who, "why": self.why}

    @staticmethod
    def from_json(found: Mapping[str, Any] | None) -> Pause | None:
        """What `to_json` told of one."""
        return Pause(datetime.fromisoformat(found["since"]), found["who"], found["why"]) if found else None


@dataclass(frozen=True, slots=True)
class RouteStatus:
    """One profile's way out. `since`, `reason` and `mails` are of its being away from the primary."""

    profile: str
    protocol: str
    active: str = "primary"  # primary, alternate … or "PROFILE: primary" of a failover profile
    address: str = ""
    since: datetime | None = None
    reason: str = ""
    mails: int = 0  # how many went another way than the primary since then
    pause: Pause | None = None
    unusable: str = ""  # why this profile cannot send at all, a sentence

    @property
    def away(self) -> bool:
        """Whether mail goes another way than the primary."""
        return self.since is not None

    def to_json(self) -> Json:
        """The contract's fields of a profile, and more."""
        return {
            "profile": self.profile,
            "protocol": self.protocol,
            "active": self.active,
            "address": self.address,
            "since": self.since.isoformat() if self.since else None,
            "reason": self.reason or None,
            "mails": self.mails,
            "paused": self.pause is not None,
            "pause": self.pause.to_json() if self.pause else None,
            "unusable": self.unusable or None,
        }

    @staticmethod
    def from_json(found: Mapping[str, Any]) -> RouteStatus:
        """What `to_json` told of one; fields that somebody added are passed over."""
        return RouteStatus(
            found["profile"],
            found["protocol"],
            found["active"],
            found["address"] or "",
            datetime.fromisoformat(found["since"]) if found["since"] else None,
            found["reason"] or "",
            found["mails"],
            Pause.from_json(found["pause"]),
            found["unusable"] or "",
        )


@dataclass(frozen=True, slots=True)
class RelayStatus:
    """The relay as a whole. Where none runs, `running` is False and the queue is as it lies on the disk.

    `pause` is of all delivery. `rate` has the mails sent in each of the last stretches of RATE_SECONDS,
    the oldest first.
    """

    running: bool
    listening: tuple[str, ...] = ()
    since: datetime | None = None
    process: int = 0
    version: str = ""
    pause: Pause | None = None
    routes: tuple[RouteStatus, ...] = ()
    counts: Counts = field(default_factory=Counts)
    rate: tuple[int, ...] = ()

    def route(self, profile: str) -> RouteStatus | None:
        """That of one profile."""
        return next((route for route in self.routes if route.profile == profile), None)

    def to_json(self) -> Json:
        """The contract's `status --json`, but for the sign-ins."""
        return {
            "relay": {
                "running": self.running,
                "paused": self.pause is not None,
                "listening": list(self.listening),
                "since": self.since.isoformat() if self.since else None,
                "process": self.process or None,
                "version": self.version or None,
                "pause": self.pause.to_json() if self.pause else None,
                "rate": list(self.rate),
            },
            "profiles": [route.to_json() for route in self.routes],
            "queue": self.counts.to_json(),
            "queues": {
                name: {**one.to_json(), "sent": one.sent} for name, one in self.counts.by_profile.items()
            },
            "sent": self.counts.sent,
        }

    @staticmethod
    def from_json(found: Mapping[str, Any]) -> RelayStatus:
        """What `to_json` told."""
        relay = found["relay"]
        parts = {name: Counts(**one) for name, one in found["queues"].items()}
        whole = {state: found["queue"][state] for state in COUNTED}
        return RelayStatus(
            relay["running"],
            tuple(relay["listening"]),
            datetime.fromisoformat(relay["since"]) if relay["since"] else None,
            relay["process"] or 0,
            relay["version"] or "",
            Pause.from_json(relay["pause"]),
            tuple(RouteStatus.from_json(route) for route in found["profiles"]),
            Counts(**whole, sent=found["sent"], by_profile=parts),
            tuple(relay["rate"]),
        )
