"""Whether a profile's way out can carry a mail, asked before the mail is accepted.

Where a server says for itself what it takes, nothing is said here; a mail that the failover profile can carry
is refused by nobody.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from outmail.engine import graph
from store.profiles import Profile, Settings

if TYPE_CHECKING:
    from transports.base import Buffer
    from transports.mime_structure import Unfit


def largest(settings: Settings, names: Sequence[str]) -> int | None:
    """Bytes of the largest mail that one of these profiles can carry; None where only a server knows."""
    limits = [_largest(settings, name) for name in names if name in settings.profiles]
    known = [limit for limit in limits if limit is not None]
    return max(known) if limits and len(known) == len(limits) else None


def _largest(settings: Settings, name: str) -> int | None:
    limits = [graph.largest(profile) for profile in _ways(settings, name)]
    known = [limit for limit in limits if limit is not None]
    return max(known) if len(known) == len(limits) else None


def may_be_unfit(settings: Settings, name: str, size: int) -> bool:
    """Whether a mail of this size has to be looked at before it is accepted: most have not."""
    return all(
        profile.protocol == "graph" and size > graph.largest_as_it_is() for profile in _ways(settings, name)
    )


def unfit(settings: Settings, name: str, content: Buffer, size: int) -> Unfit | None:
    """Why neither the profile nor its failover profile can carry the mail; the profile's own reason.

    `content` may lack what is added on the way; `size` counts that too. It takes a while for a large mail.
    """
    first: Unfit | None = None
    for profile in _ways(settings, name):
        found = graph.unfit(profile, content, size)
        if found is None:
            return None
        first = first or found
    return first


def _ways(settings: Settings, name: str) -> Iterable[Profile]:
    """The profile, then its failover profile."""
    own = settings.profiles[name]
    yield own
    other = own.failover.profile if own.failover else None
    if other and other in settings.profiles:
        yield settings.profiles[other]
