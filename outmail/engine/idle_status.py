"""How outgoing mail stands where no relay runs: what is set up, what is paused, and what lies in the queue.

Without a relay nothing is sticky: the primary is always tried first.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from outmail.engine.relay_status import Pause, RelayStatus, RouteStatus
from store.relay_state import ALL, Stopped
from store.spool_shapes import Counts

if TYPE_CHECKING:
    from store.profiles import Profile


def idle_status(
    counts: Counts, stopped: Mapping[str, Stopped], profiles: Mapping[str, Profile] | None
) -> RelayStatus:
    """The status without a relay; the routes are the profiles, or those that the queue has mail of."""
    pauses = {name: Pause(one.since, one.who, one.why) for name, one in stopped.items()}
    if profiles is None:
        names = [*counts.by_profile, *(n for n in pauses if n != ALL and n not in counts.by_profile)]
        routes = tuple(RouteStatus(name, "", pause=pauses.get(name)) for name in names)
    else:
        routes = tuple(
            RouteStatus(name, profile.protocol, address=where(profile), pause=pauses.get(name))
            for name, profile in profiles.items()
        )
    return RelayStatus(False, pause=pauses.get(ALL), routes=routes, counts=counts)


def where(profile: Profile) -> str:
    """Where a profile's mail goes first, in a word."""
    if profile.servers:
        return profile.servers[0].address
    if profile.protocol == "ews":
        return profile.ews.host if profile.ews else ""
    from outmail.engine import graph  # the settings' model: whoever has no profile does without

    return graph.address(profile)
