"""The check: is every step to the server in order, up to the right to send? Nothing is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from outmail.engine import wiring
from outmail.engine.climb import Climb
from outmail.engine.report import CheckReport, ServerReport, Watch
from store.profiles import Profile
from transports.base import TransportError

if TYPE_CHECKING:
    from outmail.engine.tokens import Tokens


async def check(
    name: str, profile: Profile, *, which: str = "primary", watch: Watch, tokens: Tokens | None = None
) -> CheckReport:
    """Climb the ladder of one server or of all, each step shown to `watch` as it happens.

    `tokens` is where a profile with OAuth finds its sign-in (`Workspace.tokens`).

    `which` is "primary", "alternate" or "all". Raises EngineError when the profile has no such
    server; every failure on the way is in the report instead.
    """
    servers = [
        await _check_server(Climb(name, profile, candidate, watch, tokens), profile)
        for candidate in wiring.candidates(name, profile, which)
    ]
    return CheckReport(name, tuple(servers))


async def _check_server(climb: Climb, profile: Profile) -> ServerReport:
    try:
        async with climb.connected(prove_all=True) as way:
            # The own address as recipient: every server knows whether it takes mail for it,
            # and nobody else's mailbox is named.
            await way.probe(profile.from_address, profile.from_address, climb.trace)
    except TransportError:
        climb.skip_rest()
    return climb.report()
