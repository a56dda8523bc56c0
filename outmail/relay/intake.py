"""What becomes of a mail that a client hands in: whose way it takes, under whose name, into the queue.

250 is answered only once it is durable. What the sender policy does not have to change goes on byte for
byte, behind a Received field of ours.
"""

from __future__ import annotations

import email.utils
import logging
import re
from collections.abc import Callable
from datetime import datetime

from outmail.engine import sender_policy
from outmail.engine.sender_policy import Unfit
from outmail.relay.events import Mail
from outmail.relay.replies import Answer, printable
from store.errors import ErrorKind, StoreError
from store.profiles import Profile
from store.spool import Spool
from store.spool_bodies import Draft
from store.spool_shapes import Addressee, NewMail

log = logging.getLogger(__name__)

LONGEST_HEADERS = 64 * 1024
MOST_HOPS = 50
"""Received fields of a mail that goes in circles (RFC 5321, section 6.3)."""

HEADERS_TOO_LONG = Answer(554, "5.6.0", f"The header fields are longer than {LONGEST_HEADERS} bytes")
LOOP = Answer(554, "5.4.6", "This mail goes in circles: too many Received fields")
FULL = Answer(452, "4.3.1", "No room for mail now; try again later")
NOT_NOW = Answer(451, "4.3.0", "The queue cannot be written now; try again later")
NO_PROFILE = Answer(451, "4.3.5", "No profile is set up to send this; try again later")
_END = b"\r\n\r\n"

Choose = Callable[[str], tuple[str, Profile] | None]
"""The profile by its name for a mail's sender; None where there is none."""


class Intake:
    """Takes mail for a queue. `wake` hears of each profile for which a mail came."""

    def __init__(
        self,
        spool: Spool,
        choose: Choose,
        hostname: str,
        now: Callable[[], datetime],
        wake: Callable[[str], None] = lambda _profile: None,
    ) -> None:
        self._spool = spool
        self._choose = choose
        self._hostname = hostname
        self._now = now
        self._wake = wake

    def incoming(self, peer: str) -> Incoming:
        """For a client that begins to send a mail from this address."""
        return Incoming(self, peer)

    async def keep(self, mail: Mail, headers: bytes, draft: Draft, peer: str) -> Answer:
        """Put a mail that came whole into the queue; what the client is answered."""
        chosen = self._choose(mail.sender.address)
        if chosen is None:
            return NO_PROFILE
        name, profile = chosen
        if len(re.findall(rb"(?im)^received:", headers)) >= MOST_HOPS:
            return LOOP
        fit = sender_policy.fit(profile, mail.sender.address, headers)
        if isinstance(fit, Unfit):
            return Answer(550, "5.7.1", fit.text)
        now = self._now()
        kept = NewMail(
            name,
            fit.sender,
            tuple(Addressee(r.address, ",".join(sorted(r.notify)), r.orcpt) for r in mail.recipients),
            now,
            draft,
            head=self._received(mail, draft.id, peer, now) + fit.headers,
            origin=f"smtp {peer}" + (f" as {mail.username}" if mail.username else ""),
            smtputf8=mail.sender.smtputf8,
            eight_bit=mail.sender.body == "8BITMIME",
            ret=mail.sender.ret,
            envid=mail.sender.envid,
        )
        try:
            await self._spool.accept(kept)
        except StoreError as error:
            log.warning("a mail from %s was not taken: %s", peer, error)
            return FULL if error.kind is ErrorKind.FULL else NOT_NOW
        self._wake(name)
        return Answer(250, "2.0.0", f"Ok: queued as {draft.id}")

    def draft(self) -> Draft:
        """A body that begins to come."""
        return self._spool.draft(self._now())

    def _received(self, mail: Mail, name: str, peer: str, now: datetime) -> bytes:
        """RFC 5321, section 4.4."""
        lines = (
            f"Received: from {printable(mail.helo) or 'unknown'} ({printable(peer)})",
            f"\tby {self._hostname} with {mail.protocol} id {name};",
            f"\t{email.utils.format_datetime(now)}",
        )
        return "".join(f"{line}\r\n" for line in lines).encode("ascii", "replace")


class Incoming:
    """One mail on its way in; its content comes in pieces where it is large."""

    def __init__(self, intake: Intake, peer: str) -> None:
        self._intake = intake
        self._peer = peer
        self._headers = bytearray()
        self._complete = False  # the header fields
        self._draft: Draft | None = None
        self._refusal: Answer | None = None

    def piece(self, data: bytes) -> None:
        """Take the next bytes of the content; what goes wrong is answered at its end."""
        if self._refusal is not None:
            return
        try:
            self._take(data)
        except StoreError as error:
            log.warning("a mail from %s was not taken: %s", self._peer, error)
            self._refusal = FULL if error.kind is ErrorKind.FULL else NOT_NOW

    def drop(self) -> None:
        """The client went away, or the mail will be refused: forget it."""
        if self._draft is not None:
            self._draft.discard()
            self._draft = None

    async def end(self, mail: Mail) -> Answer:
        """The mail is whole: keep it. The answer is for the client."""
        if mail.content:
            self.piece(mail.content)
        try:
            if self._refusal is not None:
                return self._refusal
            if self._draft is None:
                self._draft = self._intake.draft()
            return await self._intake.keep(mail, bytes(self._headers), self._draft, self._peer)
        finally:
            self.drop()

    def _take(self, data: bytes) -> None:
        if self._complete:
            self._write(data)
            return
        before = len(self._headers)
        self._headers += data
        if self._headers.startswith(b"\r\n"):
            end = 0
        else:
            found = self._headers.find(_END, max(before - len(_END), 0))
            end = found + 2 if found >= 0 else -1
        if end >= 0:
            rest = bytes(self._headers[end:])
            del self._headers[end:]
            self._complete = True
            self._write(rest)
        if len(self._headers) > LONGEST_HEADERS:
            self._refusal = HEADERS_TOO_LONG

    def _write(self, data: bytes) -> None:
        if self._draft is None:
            self._draft = self._intake.draft()
        self._draft.write(data)
