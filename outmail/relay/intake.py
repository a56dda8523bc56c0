"""What becomes of a mail that is handed in: whose way it takes, under whose name, to whom, into the queue.

SMTP clients, sendmail's socket and the maildrop share it. Nobody is told that a mail was taken before it is
durable. What the sender policy does not have to change goes on byte for byte, behind fields of ours.
"""

from __future__ import annotations

import email.utils
import logging
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from outmail.engine import sender_policy
from outmail.engine.sender_policy import Unfit
from outmail.relay.events import Mail, Recipient
from outmail.relay.replies import Answer, printable
from store.errors import ErrorKind, StoreError
from store.profiles import Profile
from store.spool import Spool
from store.spool_bodies import Draft
from store.spool_headers import LONGEST_HEADERS, HeadersTooLong, Split
from store.spool_shapes import Addressee, NewMail

log = logging.getLogger(__name__)

MOST_HOPS = 50
"""Received fields of a mail that goes in circles (RFC 5321, section 6.3)."""

HEADERS_TOO_LONG = Answer(554, "5.6.0", f"The header fields are longer than {LONGEST_HEADERS} bytes")
LOOP = Answer(554, "5.4.6", "This mail goes in circles: too many Received fields")
FULL = Answer(452, "4.3.1", "No room for mail now; try again later")
NOT_NOW = Answer(451, "4.3.0", "The queue cannot be written now; try again later")
NO_PROFILE = Answer(451, "4.3.5", "No profile is set up to send this; try again later")

_NO_PLACE = frozenset({"", "localhost", "localhost.localdomain"})
"""Domains that are this machine, wherever one is: no server outside could deliver to them."""
_NOT_IN_ID = re.compile(r"[^A-Za-z0-9.-]+")
_MESSAGE_ID = re.compile(rb"(?im)^message-id[ \t]*:")
_DATE = re.compile(rb"(?im)^date[ \t]*:")

Carries = Callable[[NewMail], Awaitable[Answer | None]]
"""The refusal of a mail that cannot go out by its profile; None where it can, or only the server knows."""


async def carried(_mail: NewMail) -> Answer | None:
    """Every mail can go out."""
    return None


Choose = Callable[[str, str], tuple[str, Profile] | None]
"""The profile by its name, for a mail's sender and the profile it asks for (or ""); None for none."""


@dataclass(slots=True)
class Given:
    """A mail's envelope, whichever way it came, and what is told of the way.

    `client` and `protocol` are for its Received field, `origin` for people. Not frozen, since making a
    frozen one takes four times as long.
    """

    sender: str
    recipients: Sequence[Addressee]
    client: str
    protocol: str
    origin: str
    accepted: datetime
    profile: str = ""  # asked for, or ""
    smtputf8: bool = False
    eight_bit: bool = False
    ret: str = ""
    envid: str = ""


@lru_cache(maxsize=4)
def _second(when: datetime) -> str:
    return email.utils.format_datetime(when)


class Refused(Exception):  # noqa: N818 - the name says the state
    """A mail that is not taken: what an SMTP client is answered, and what a person can do.

    `later`: it may be taken when the settings are other ones. `setting`: it is they who are in the way.
    """

    def __init__(
        self, answer: Answer, remedy: str = "", *, later: bool = False, setting: bool = False
    ) -> None:
        self.answer = answer
        self.remedy = remedy
        self.later = later
        self.setting = setting
        super().__init__(answer.text)


class Intake:
    """Takes mail for a queue. `wake` hears of each profile for which a mail came.

    `local_mail_to` gets what is for users without a domain ("root", "postmaster"); "" refuses such mail.
    """

    def __init__(  # noqa: PLR0917 - what a relay consists of
        self,
        spool: Spool,
        choose: Choose,
        hostname: str,
        now: Callable[[], datetime],
        wake: Callable[[str], None] = lambda _profile: None,
        local_mail_to: str = "",
        carries: Carries = carried,
    ) -> None:
        self._spool = spool
        self._choose = choose
        self._hostname = hostname
        self._id_host = _NOT_IN_ID.sub("-", hostname).strip(".-") or "localhost"
        self.now = now
        self.wake = wake
        self._local_mail_to = local_mail_to
        self._carries = carries

    def incoming(self, peer: str) -> Incoming:
        """For a client that begins to send a mail from this address."""
        return Incoming(self, peer)

    def may_receive(self, recipient: Recipient) -> Answer | None:
        """The refusal of a recipient whom no mail can reach, before the mail comes; None for all others."""
        if self._local_mail_to or not _of_this_machine(recipient.address):
            return None
        return _nobody_stands_for(recipient.address, "5.1.2")

    def fit(self, given: Given, headers: bytes, draft: Draft) -> NewMail:
        """The mail as it goes into the queue; `draft` is what follows its header fields. Raises Refused."""
        sender = given.sender
        chosen = self._choose(sender, given.profile)
        if chosen is None:
            raise _no_profile(given.profile)
        name, profile = chosen
        # There is no bare LF in it, so that a line break shows where a field begins.
        low = b"\n" + headers.lower()
        if low.count(b"\nreceived:") >= MOST_HOPS:
            raise Refused(LOOP, "see which servers pass it to each other: its Received fields name them")
        fit = sender_policy.fit(profile, sender, headers)
        if isinstance(fit, Unfit):
            raise Refused(
                Answer(550, "5.7.1", fit.text),
                f"send it from {profile.from_address}, or set sender_policy of the profile {name}",
            )
        reverse = fit.sender
        if reverse and "@" not in reverse:
            reverse = self._local(reverse, "5.1.8")
        head = self._received(given, draft.id) + self._missing(low, given, draft.id, profile) + fit.headers
        return NewMail(
            name,
            reverse,
            self._recipients(given.recipients),
            given.accepted,
            draft,
            head,
            given.origin,
            given.smtputf8,
            given.eight_bit,
            given.ret,
            given.envid,
        )

    async def refuse_unfit(self, mail: NewMail) -> None:
        """Before a mail is accepted: can it go out at all? Raises Refused, and StoreError."""
        refusal = await self._carries(mail)
        if refusal is not None:
            remedy = "send it smaller or otherwise, or name a failover profile that can carry it"
            raise Refused(refusal, remedy)

    async def keep(self, mail: Mail, headers: bytes, draft: Draft, peer: str) -> Answer:
        """Put a mail that came whole by SMTP into the queue; what the client is answered."""
        sender = mail.sender
        given = Given(
            sender.address,
            [
                Addressee(r.address, ",".join(sorted(r.notify)) if r.notify else "", r.orcpt)
                for r in mail.recipients
            ],
            f"{printable(mail.helo) or 'unknown'} ({printable(peer)})",
            mail.protocol,
            f"smtp {peer}" + (f" as {mail.username}" if mail.username else ""),
            self.now(),
            "",
            sender.smtputf8,
            sender.body == "8BITMIME",
            sender.ret,
            sender.envid,
        )
        try:
            kept = self.fit(given, headers, draft)
            await self.refuse_unfit(kept)
            await self._spool.accept(kept)
        except Refused as refused:
            return refused.answer
        except StoreError as error:
            return not_taken(error, peer)
        self.wake(kept.profile)
        return Answer(250, "2.0.0", f"Ok: queued as {draft.id}")

    def draft(self) -> Draft:
        """A body that begins to come."""
        return self._spool.draft(self.now())

    def _recipients(self, recipients: Sequence[Addressee]) -> tuple[Addressee, ...]:
        """Each once, and with a domain."""
        found: dict[str, Addressee] = {}
        for one in recipients:
            address = one.address
            if _of_this_machine(address):
                address = self._local(address, "5.1.2")
                found.setdefault(address, Addressee(address, one.notify, one.orcpt))
            elif address not in found:
                found[address] = one
        return tuple(found.values())

    def _local(self, address: str, enhanced: str) -> str:
        """Who stands for a user of this machine."""
        if self._local_mail_to:
            return self._local_mail_to
        raise Refused(
            _nobody_stands_for(address, enhanced),
            "set local_mail_to of [relay] to an address, or write to an address with a domain",
            setting=True,
        )

    def _received(self, given: Given, name: str) -> bytes:
        """RFC 5321, section 4.4."""
        when = _second(given.accepted.replace(microsecond=0))
        return (
            f"Received: from {given.client}\r\n"
            f"\tby {self._hostname} with {given.protocol} id {name};\r\n\t{when}\r\n"
        ).encode("ascii", "replace")

    def _missing(self, low: bytes, given: Given, name: str, profile: Profile) -> bytes:
        """Message-ID and Date, where the mail has none (RFC 6409, sections 8.2 and 8.3).

        `low` are its header fields in lower case. The fast look misses only a space before the colon.
        """
        found = b""
        if b"\nmessage-id:" not in low and not _MESSAGE_ID.search(low):
            domain = profile.from_address.rpartition("@")[2]
            domain = domain if domain.isascii() else self._id_host
            found = f"Message-ID: <{name}.{self._id_host}@{domain}>\r\n".encode("ascii")
        if b"\ndate:" not in low and not _DATE.search(low):
            found += f"Date: {email.utils.format_datetime(given.accepted)}\r\n".encode("ascii")
        return found


def _of_this_machine(address: str) -> bool:
    """Whether it is a user of the sending machine: it has no domain, or one that is here."""
    _, at, domain = address.rpartition("@")
    return not at or domain.lower() in _NO_PLACE


def _nobody_stands_for(address: str, enhanced: str) -> Answer:
    told = (
        f"{address[:100]} is a user of this machine, and relay.local_mail_to does not say who gets such mail"
    )
    return Answer(550, enhanced, told)


def _no_profile(asked: str) -> Refused:
    if not asked:
        remedy = "set one up: run outmail on a terminal, or outmail profile import FILE"
        return Refused(NO_PROFILE, remedy, later=True, setting=True)
    answer = Answer(550, "5.3.5", f"There is no profile {asked[:100]}")
    return Refused(answer, "see which there are: outmail profile list", setting=True)


def not_taken(error: StoreError, whose: str) -> Answer:
    """What a client hears of a queue that does not take its mail."""
    log.warning("a mail from %s was not taken: %s", whose, error)
    return FULL if error.kind is ErrorKind.FULL else NOT_NOW


class Incoming:
    """One mail on its way in by SMTP; its content comes in pieces where it is large."""

    __slots__ = ("_intake", "_peer", "_refusal", "_split")

    def __init__(self, intake: Intake, peer: str) -> None:
        self._intake = intake
        self._peer = peer
        self._split: Split | None = None
        self._refusal: Answer | None = None

    def piece(self, data: bytes) -> None:
        """Take the next bytes of the content; what goes wrong is answered at its end."""
        if self._refusal is not None:
            return
        try:
            self._begun().take(data)
        except HeadersTooLong:
            self._refusal = HEADERS_TOO_LONG
        except StoreError as error:
            self._refusal = not_taken(error, self._peer)

    def drop(self) -> None:
        """The client went away, or the mail will be refused: forget it."""
        if self._split is not None:
            self._split.draft.discard()
            self._split = None

    async def end(self, mail: Mail) -> Answer:
        """The mail is whole: keep it. The answer is for the client."""
        if mail.content:
            self.piece(mail.content)
        try:
            if self._refusal is not None:
                return self._refusal
            split = self._begun()
            return await self._intake.keep(mail, split.headers, split.draft, self._peer)
        finally:
            self.drop()

    def _begun(self) -> Split:
        if self._split is None:
            self._split = Split(self._intake.draft())
        return self._split
