"""Drops for the tests of the maildrop."""

from __future__ import annotations

from pathlib import Path

from store.maildrop import drop
from store.maildrop_collect import Collected, Dropped, collect
from store.spool import Spool
from store.spool_bodies import Draft
from store.spool_ids import micros
from store.spool_shapes import NewMail
from tests.store.spools import NOON

TRACE = b"Received: by test\r\n"


def admit(dropped: Dropped, headers: bytes, draft: Draft) -> NewMail:
    """As it came, behind a trace header."""
    return NewMail(
        dropped.profile or "default",
        dropped.sender,
        dropped.recipients,
        dropped.accepted,
        draft,
        TRACE + draft.id.encode() + b"\r\n" + headers,
        f"sendmail {dropped.user}",
        dropped.smtputf8,
        dropped.eight_bit,
        dropped.ret,
        dropped.envid,
    )


def dropped(folder: Path, *pieces: bytes, **more: object) -> str:
    fields: dict[str, object] = {"user": "ann", "sender": "a@x", "recipients": [("b@x", "", "")], **more}
    return drop(folder, body=pieces or (b"hello\r\n",), accepted=micros(NOON), **fields)  # type: ignore[arg-type]


async def collected(home: Path, spool: Spool, **more: int) -> Collected:
    return await collect(home / "drop", spool, admit, NOON, **more)
