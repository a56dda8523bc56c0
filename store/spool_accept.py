"""How new mails come into the database: many in one statement, either to wait or to be sent at once.

It must never change a byte of a mail.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from store.errors import ErrorKind, StoreError
from store.spool_bodies import Draft, sync_files
from store.spool_desk import Desk
from store.spool_errors import not_kept
from store.spool_ids import MailId, decode, micros
from store.spool_shapes import Due, Job, NewMail, State, Stored

_MAIL = ("id", "accepted", "origin", "sender", "size", "flags", "ret", "envid", "crc", "head", "body")
_RECIPIENT = ("mail", "number", "route", "state", "due", "since", "address", "notify", "orcpt")
_AT_ONCE = 16  # rows in one statement: each statement costs a change of threads

SMTPUTF8, EIGHT_BIT = 1, 2

Value = int | str | bytes | None


class Row:
    """A mail on its way into the database; `body` is None where it lies in the draft's file."""

    __slots__ = ("body", "crc", "draft", "id", "mail", "number", "size", "taken")

    def __init__(
        self,
        mail_id: MailId,
        mail: NewMail,
        body: bytes | None,
        crc: int,
        size: int,
        *,
        taken: bool,
        draft: Draft | None = None,
    ) -> None:
        self.id = mail_id
        self.number = decode(mail_id) or 0
        self.mail = mail
        self.body = body
        self.crc = zlib.crc32(mail.head, crc)
        self.size = size  # of the body
        self.taken = taken
        self.draft = draft

    def job(self, bodies: Path) -> Job:
        """The mail as `take` would have given it out."""
        mail = self.mail
        size = len(mail.head) + self.size
        return Job(
            self.id,
            mail.profile,
            mail.sender,
            tuple(Due(n, r.address, r.notify, r.orcpt) for n, r in enumerate(mail.recipients)),
            mail.accepted,
            Stored(mail.head, self.body, None if self.body is not None else bodies / self.id, size, self.crc),
            mail.smtputf8,
            mail.eight_bit,
            mail.ret,
            mail.envid,
        )


def row_of(mail_id: MailId, mail: NewMail, body: bytes, *, taken: bool = False) -> Row:
    """A row for a small mail."""
    return Row(mail_id, mail, body, zlib.crc32(body), len(body), taken=taken)


def refuse_unfit(mail: NewMail) -> None:
    """Raise StoreError for an envelope that no database could give back as it came."""
    texts = [mail.profile, mail.sender, mail.origin, mail.ret, mail.envid]
    for recipient in mail.recipients:
        texts += (recipient.address, recipient.notify, recipient.orcpt)
    try:
        if not mail.recipients:
            raise ValueError("it has no recipient")
        joined = "".join(texts)
        if not joined.isascii():
            joined.encode()
    except ValueError as error:
        raise StoreError(
            ErrorKind.BAD_INPUT,
            "the mail was not taken into the queue",
            "an address is not valid text" if isinstance(error, UnicodeError) else str(error),
            "correct the envelope and send it again",
        ) from error


def insert(desk: Desk, rows: Sequence[Row]) -> None:
    """Put the mails into the database. Raises sqlite3.Error, StoreError."""
    if not rows:
        return
    try:
        desk.reserve.keep()
    except OSError as error:
        raise not_kept(desk.folder, error) from error
    in_files = [row.id for row in rows if row.body is None]
    if in_files:
        sync_files(desk.bodies, in_files)
    mails: list[Value] = []
    recipients: list[Value] = []
    people = 0
    for row in rows:
        mail = row.mail
        accepted = micros(mail.accepted)
        flags = (SMTPUTF8 if mail.smtputf8 else 0) | (EIGHT_BIT if mail.eight_bit else 0)
        mails += (row.number, accepted, mail.origin, mail.sender, len(mail.head) + row.size, flags)
        mails += (mail.ret, mail.envid, row.crc, mail.head, row.body)
        route = desk.route(mail.profile)
        state, due = (State.SENDING.value, None) if row.taken else (State.WAITING.value, accepted)
        for number, r in enumerate(mail.recipients):
            recipients += (row.number, number, route, state, due, accepted, r.address, r.notify, r.orcpt)
        people += len(mail.recipients)
        desk.count(route, None, state, len(mail.recipients))
    _insert(desk, "mails", _MAIL, mails, len(rows))
    _insert(desk, "recipients", _RECIPIENT, recipients, people)


def _insert(desk: Desk, table: str, columns: tuple[str, ...], values: list[Value], rows: int) -> None:
    width, at = len(columns), 0
    while rows:
        n = min(rows, _AT_ONCE)
        desk.base.execute(_statement(table, columns, n), values[at : at + n * width])
        at += n * width
        rows -= n


@lru_cache(maxsize=2 * _AT_ONCE)
def _statement(table: str, columns: tuple[str, ...], rows: int) -> str:
    one = f"({', '.join('?' * len(columns))})"
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES {', '.join([one] * rows)}"  # noqa: S608 - ours
