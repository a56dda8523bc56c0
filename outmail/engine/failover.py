"""Which server a profile's mail goes through now, since when and why: sticky, and never changed in silence.

Pure functions of (standing, event, now). The places of a route are the profile's servers in order,
the primary first, then those of its failover profile. A mail that was refused for its own sake is no
event here: it never moves a route.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

PROOFS = 3
"""Checks of the primary in a row that automatic failback wants to see pass."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a route stands. `place` is where its mail goes: 0 is the primary.

    Away from the primary, `since` (UTC) and `reason` say when and why, `mails` how many mails have
    gone another way, and `proofs` how many checks of the primary have passed in a row.
    """

    place: int = 0
    since: datetime | None = None
    reason: str = ""
    mails: int = 0
    proofs: int = 0

    @property
    def away(self) -> bool:
        """Whether mail goes another way than the primary."""
        return self.place != 0


PRIMARY = Standing()


@dataclass(frozen=True, slots=True)
class Took:
    """The server at this place took a mail; those in `failed` (place, reason) had been unavailable before."""

    place: int
    failed: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Checked:
    """The primary was checked on purpose, while mail goes another way; `ok` when a mail would be taken."""

    ok: bool


@dataclass(frozen=True, slots=True)
class Reset:
    """The relay restarted, the settings were saved, or an admin said `reconnect`."""


Event = Took | Checked | Reset


def order(standing: Standing, places: int) -> list[int]:
    """In which order the places of a route are tried for the next mail: the present one first.

    The primary is the last resort while mail goes another way, so that one which is a black hole
    costs its time-out once and not with every mail.
    """
    here = standing.place if standing.place < places else 0
    others = [place for place in range(1, places) if place != here]
    return [here, *others] if here == 0 else [here, *others, 0]


def after(standing: Standing, event: Event, now: datetime, *, automatic: bool) -> Standing:
    """How the route stands after the event; `automatic` is the profile's failback.

    Where nobody took the mail there is no event: the route stays where it is, and all are tried again.
    """
    match event:
        case Reset():
            return PRIMARY
        case Checked(ok):
            if not standing.away:
                return standing
            proofs = standing.proofs + 1 if ok else 0
            return PRIMARY if automatic and proofs >= PROOFS else replace(standing, proofs=proofs)
        case Took(place, failed):
            if place == 0:
                return PRIMARY  # the last resort worked: it is no longer the last
            if place == standing.place:
                return replace(standing, mails=standing.mails + 1)
            reasons = dict(failed)
            return Standing(
                place,
                standing.since or now,
                # Away from the primary the reason stays the primary's; a second move adds its own.
                "; ".join(dict.fromkeys(r for r in (standing.reason, reasons.get(standing.place, "")) if r)),
                standing.mails + 1,
            )


def alerts(before: Standing, then: Standing) -> bool:
    """Whether somebody must hear of it: mail goes another way than before."""
    return before.place != then.place
