"""The socket by which sendmail hands mail to the running relay, and the way of what it dropped meanwhile.

Who hands in a mail is what the kernel says, never what the client says; and the answer "ok" means that the
mail is durable. A mail that is dropped as well, because that answer was lost, is taken once.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import pwd
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from outmail.relay.access import peer
from outmail.relay.intake import HEADERS_TOO_LONG, LOOP, Given, Intake, Refused, not_taken
from outmail.relay.replies import Answer
from outmail.relay.sockets import UnixServer
from store.errors import ErrorKind, StoreError
from store.maildrop import HEADER_LIMIT
from store.maildrop_collect import LIMIT, Collected, Dropped, NotOurs, collect, given, read_envelope
from store.spool import Spool
from store.spool_bodies import Draft
from store.spool_headers import HeadersTooLong, LineEnds, Split
from store.spool_shapes import NewMail

log = logging.getLogger(__name__)

SUBMIT = "submit"
"""The name of the socket in the folder for sockets."""

LONGEST_CHUNK = 1024 * 1024
"""Bytes of one piece of a mail. The frame: the header of `maildrop.envelope` with a field "name" (that of
the drop it would be) in one line of JSON; pieces, each behind its length in four bytes, the first one the
highest; a length of 0. The answer is one line of JSON, which the client acknowledges with one byte."""

MOST = 200
"""Clients at the same time; who finds no room drops the mail."""
HEADER_SECONDS = 30.0
MAIL_SECONDS = 600.0
"""For a mail as a whole."""
ACKNOWLEDGE_SECONDS = 10.0

_FORGET = 500
"""Names that nobody will use again, before the queue is told so, all at once."""

_NOT_A_NAME = re.compile(r"[^A-Za-z0-9.@_-]+")

# sysexits.h
_BAD_INPUT, _LATER, _NOT_ALLOWED, _SETTINGS = 65, 75, 77, 78

BARE_BYTES = Answer(550, "5.6.11", "The mail has a CR or LF that is not part of CR LF, or a NUL")
TOO_BIG = Answer(552, "5.3.4", "The mail is larger than the limit")
_BAD = (HEADERS_TOO_LONG, LOOP, BARE_BYTES, TOO_BIG)


def code_of(refused: Refused) -> int:
    """How sendmail ends (sysexits.h)."""
    if refused.later:
        return _LATER
    if refused.setting:
        return _SETTINGS
    return _BAD_INPUT if refused.answer in _BAD else _NOT_ALLOWED


def user_name(uid: int) -> str:
    """The name of a user of this machine; "uid 1234" where it has none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"


def given_locally(dropped: Dropped) -> Given:
    """What the intake is told of a mail that a program of this machine handed in."""
    return Given(
        dropped.sender,
        dropped.recipients,
        f"{_NOT_A_NAME.sub('-', dropped.user) or 'somebody'} (a user of this machine)",
        "local",
        f"sendmail {dropped.user}",
        dropped.accepted,
        dropped.profile,
        dropped.smtputf8,
        dropped.eight_bit,
        dropped.ret,
        dropped.envid,
    )


async def collect_drops(
    folder: Path, spool: Spool, intake: Intake, now: datetime, *, limit: int = LIMIT
) -> Collected:
    """Move what sendmail dropped into the queue, as if it had been handed in.

    What nobody may send goes to `corrupt/`; what no profile is there for stays. Raises StoreError.
    """
    came: set[str] = set()

    def admit(dropped: Dropped, headers: bytes, draft: Draft) -> NewMail:
        try:
            mail = intake.fit(given_locally(dropped), headers, draft)
        except Refused as refused:
            kind = ErrorKind.NOT_FOUND if refused.later else ErrorKind.BAD_INPUT
            raise StoreError(
                kind, f"a mail of {dropped.user} was not sent", refused.answer.text, refused.remedy
            ) from refused
        came.add(mail.profile)
        return mail

    found = await collect(folder, spool, admit, now, limit=limit)
    for profile in came:
        intake.wake(profile)
    for error in found.waiting:
        log.warning("%s, and waits in %s: %s; %s", error.what, folder, error.why, error.remedy)
    return found


@dataclass(frozen=True, slots=True)
class _Told:
    """What a client hears."""

    fields: dict[str, object]
    name: str = ""  # of the mail, where it was taken

    @staticmethod
    def refusal(code: int, why: str, remedy: str = "") -> _Told:
        return _Told({"ok": False, "code": code, "why": why, "remedy": remedy})


class Submission(UnixServer):
    """The socket at `path`, made with this mode and group (-1: the service's own).

    `may_send` is asked whether a user (uid, gid) may hand in mail; `limit` is of one mail, in bytes.
    """

    def __init__(  # noqa: PLR0917 - what it consists of
        self,
        path: Path,
        intake: Intake,
        spool: Spool,
        may_send: Callable[[int, int], bool],
        mode: int = 0o600,
        gid: int = -1,
        *,
        limit: int = LIMIT,
    ) -> None:
        super().__init__(path, mode, gid, most=MOST, limit=HEADER_LIMIT)
        self.intake = intake
        self._spool = spool
        self._may_send = may_send
        self._limit = limit
        self._done: set[str] = set()  # names of mails whose clients know that they were taken

    async def close(self) -> None:
        """Take nothing any more; a client that was not answered drops its mail."""
        await super().close()
        with contextlib.suppress(StoreError):
            await self._forget()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        _, uid, gid = peer(writer.get_extra_info("socket"))
        if self._may_send(uid, gid):
            async with asyncio.timeout(MAIL_SECONDS):
                told = await self._take(reader, user_name(uid))
        else:
            told = _Told.refusal(
                _NOT_ALLOWED,
                f"{user_name(uid)} may not hand in mail here",
                "ask the admin for [relay.access] sender_group or everyone_sends",
            )
        writer.write(json.dumps(told.fields, separators=(",", ":")).encode() + b"\n")
        async with asyncio.timeout(ACKNOWLEDGE_SECONDS):
            await writer.drain()
            if told.name and await reader.read(1):
                self._done.add(told.name)
        if len(self._done) >= _FORGET:
            await self._forget()

    async def _forget(self) -> None:
        """A mail whose client has the answer is dropped by nobody; its name need not be remembered."""
        done, self._done = self._done, set()
        await self._spool.forget_drops(lambda name: name not in done)

    async def _take(self, reader: asyncio.StreamReader, user: str) -> _Told:
        """One mail, into the queue."""
        now = self.intake.now()
        try:
            async with asyncio.timeout(HEADER_SECONDS):
                line = await reader.readline()
            header = json.loads(line)
            name = header["name"]
            given(name)
            dropped = replace(read_envelope(header, 0, now), user=user, accepted=now)
        except (NotOurs, ValueError, KeyError, TypeError, RecursionError):
            return _Told.refusal(_BAD_INPUT, "that is no mail of sendmail's; is it of another version?")
        with self._spool.draft(now) as draft:
            try:
                split = await self._content(reader, draft)
                mail = self.intake.fit(given_locally(dropped), split.headers, draft)
                await self.intake.refuse_unfit(mail)
                taken = await self._spool.accept_once(mail, name)
            except Refused as refused:
                return _Told.refusal(code_of(refused), refused.answer.text, refused.remedy)
            except StoreError as error:
                return _Told.refusal(_LATER, not_taken(error, user).text, error.remedy)
        if taken is not None:
            self.intake.wake(mail.profile)
        return _Told({"ok": True, "id": taken or ""}, name)

    async def _content(self, reader: asyncio.StreamReader, draft: Draft) -> Split:
        """Raises Refused, StoreError, and what a broken connection raises."""
        split, ends, size = Split(draft), LineEnds(), 0
        try:
            while length := int.from_bytes(await reader.readexactly(4), "big"):
                size += length
                if length > LONGEST_CHUNK or size > self._limit:
                    raise _bad(TOO_BIG, f"{self._limit} bytes is the most; send a link in its place")
                piece = await reader.readexactly(length)
                split.take(piece)
                ends.take(piece)
        except HeadersTooLong:
            raise _bad(HEADERS_TOO_LONG, "shorten its header fields") from None
        if not ends.right():
            raise _bad(BARE_BYTES, "send it as text, or encode it (base64)")
        return split


def _bad(answer: Answer, remedy: str) -> Refused:
    return Refused(answer, remedy)
