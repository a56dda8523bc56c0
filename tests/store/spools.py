"""Queues and mails for the tests of the spool."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from store.errors import StoreError
from store.spool import Spool
from store.spool_bodies import Draft
from store.spool_shapes import Addressee, Job, LastError, NewMail, Settled, State

NOON = datetime(2026, 5, 4, 12, 0, 0, tzinfo=UTC)
HEAD = b"Received: by test\r\n"
LARGE = b"0123456789abcdef" * 8192  # 128 KiB: lies in a file

GREYLISTED = LastError("451 4.7.1 come back later", "451", "4.7.1", "recipient", "retry", "greylisted")


def later(**time: float) -> datetime:
    """A time after noon."""
    return NOON + timedelta(**time)


def mail(*to: str, body: bytes | Draft = b"Subject: x\r\n\r\nhello\r\n", **more: object) -> NewMail:
    """A mail of the profile support, with a recipient unless some are given."""
    people = tuple(Addressee(address) for address in to or ("b@example.org",))
    fields: dict[str, object] = {"accepted": NOON, "head": HEAD, "origin": "smtp 127.0.0.1", **more}
    profile = str(fields.pop("profile", "support"))
    sender = str(fields.pop("sender", "a@example.org"))
    fields.setdefault("recipients", people)
    fields.setdefault("body", body)
    return NewMail(profile, sender, **fields)  # type: ignore[arg-type]


def result(job: Job, state: State, number: int = 0, **more: object) -> Settled:
    """What became of one recipient of a job."""
    return Settled(job.id, number, state, **more)  # type: ignore[arg-type]


@contextlib.asynccontextmanager
async def opened(
    folder: Path, told: list[StoreError] | None = None, now: datetime = NOON
) -> AsyncIterator[Spool]:
    """An open queue."""
    heard: list[StoreError] = [] if told is None else told
    spool = await Spool.open(folder / "spool", "test", now, tell=heard.append)
    try:
        yield spool
    finally:
        await spool.close(now)
