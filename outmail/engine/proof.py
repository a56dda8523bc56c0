"""Where a mail is after a server took it, as far as anybody can be asked; what nobody knows it says plainly.

A server's yes means that it took the mail. It asks only the service that took it, and changes nothing there.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from outmail.engine import wiring
from outmail.engine.climb import Climb
from store.history import Delivery
from store.profiles import Settings

if TYPE_CHECKING:
    from outmail.engine.tokens import Tokens

_SMTP = "an SMTP server tells nothing of a mail that it took: look for the Message-ID in its log"
_EWS = "EWS tells nothing of a mail that it took: Get-MessageTrackingLog -MessageId on the server does"
_GONE = "the profile that sent it is no longer in the settings"
_REFUSED = "no server took it"


@dataclass(frozen=True, slots=True)
class Proof:
    """What was found; None where nobody could look, and `unknown` says why, a sentence each.

    `recipients` has (recipient, status) from the tenant's message trace.
    """

    in_sent_items: bool | None = None
    recipients: tuple[tuple[str, str], ...] | None = None
    unknown: tuple[str, ...] = ()

    @property
    def lines(self) -> list[str]:
        """For people."""
        told = []
        if self.in_sent_items is not None:
            told.append("in Sent Items" if self.in_sent_items else "not in Sent Items (or not yet)")
        if self.recipients is not None:
            told += [f"{status}: {recipient}" for recipient, status in self.recipients] or [
                "not in the message trace (or not yet: it can take some minutes)"
            ]
        return [*told, *(f"not known: {why}" for why in self.unknown)]

    def to_json(self) -> dict[str, object]:
        """For `history --trace --json`."""
        people = None
        if self.recipients is not None:
            people = [{"recipient": one, "status": status} for one, status in self.recipients]
        return {"sent_items": self.in_sent_items, "recipients": people, "unknown": list(self.unknown)}


async def prove(settings: Settings, mail: Delivery, tokens: Tokens, now: datetime) -> Proof:
    """Ask the service that took the mail. Raises TransportError where it cannot be asked."""
    other, colon, _ = mail.server.partition(": ")  # where a failover profile took it
    name = other if colon else mail.profile
    profile = settings.profiles.get(name)
    if profile is None:
        return Proof(unknown=(_GONE,))
    if profile.protocol != "graph":
        if not mail.ok and not any(one.accepted for one in mail.recipients):
            return Proof(unknown=(_REFUSED,))
        return Proof(unknown=(_EWS if profile.protocol == "ews" else _SMTP,))
    from transports.graph import GraphTransport  # it loads the web client, which SMTP does without

    (candidate,) = wiring.candidates(name, profile)
    climb = Climb(name, profile, candidate, lambda _step: None, tokens)
    async with climb.connected() as way:
        assert isinstance(way, GraphTransport)  # noqa: S101 - the protocol says so
        found = await way.whereabouts(mail.message_id, mail.when, now)
    return Proof(found.in_sent_items, found.trace, found.unknown)
