"""The queue of one machine: mail is durable before anybody is told that it was, and stays until it is sent.

One process has it open. It must never lose a mail, and never give one out twice.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import ParamSpec, TypeVar

from store import spool_flow, spool_list, spool_steer
from store.errors import ErrorKind, StoreError
from store.joined import Joined
from store.lock import locked
from store.paths import private_folder
from store.spool_accept import Row, insert, refuse_unfit, row_of
from store.spool_bodies import SMALL, Draft, Unreadable, content, opened, sweep
from store.spool_corrupt import move_mail, move_strangers
from store.spool_desk import Desk
from store.spool_ids import Ids, MailId, decode
from store.spool_shapes import Cause, Counts, Entry, Job, NewMail, Settled, State, Stored, Which
from store.spool_writer import Writer

T = TypeVar("T")
P = ParamSpec("P")

_FILE_THREADS = 4
"""Large bodies that are synced or read at the same time."""

EVERYTHING = Which()


class Spool:
    """An open queue. Its methods belong to the loop in which it was opened.

    Every method that is awaited raises StoreError when the disk refuses; then nothing was changed, and
    the same call works again once there is room. A call that is cancelled may have been done all the same.
    """

    def __init__(
        self, folder: Path, random_bytes: Callable[[int], bytes], tell: Callable[[StoreError], None]
    ):
        self._loop = asyncio.get_running_loop()
        self._ids = Ids(random_bytes)
        self._held = ExitStack()  # the lock; only the writer's thread has it
        self._desk = Desk(folder, lambda error: self._tell(tell, error))
        self._writer = Writer(self._desk, self._loop)
        self._files = ThreadPoolExecutor(_FILE_THREADS, thread_name_prefix="spool-body")
        self._serving = False
        self._closed = False

    @staticmethod
    async def open(
        folder: Path,
        who: str,
        now: datetime,
        *,
        tell: Callable[[StoreError], None],
        random_bytes: Callable[[int], bytes] = os.urandom,
        wait: float = 0.0,
    ) -> Spool:
        """Open the queue in this folder, or begin one; `who` is named to those who find it locked.

        What was being sent when the relay ended waits again. `tell` takes the errors that are nobody's
        answer (a mail or the whole database moved to `corrupt/`), in the loop. Another process that has
        the queue is waited for `wait` seconds. Raises StoreError, `locked` with the holder's name.
        """
        spool = Spool(folder, random_bytes, tell)
        try:
            await spool._writer.start(lambda: spool._open(who, wait), spool._close)
            await spool._put_right(now)
            spool._serving = True
        except BaseException:
            await spool.close(now)
            raise
        return spool

    def _open(self, who: str, wait: float) -> None:
        private_folder(self._desk.spool)
        lock = self._desk.spool / "queue.lock"
        self._held.enter_context(locked(lock, who, wait, "the mail queue is in use"))
        self._desk.open()

    async def _put_right(self, now: datetime) -> None:
        def put_right(desk: Desk) -> int:
            move_strangers(desk)
            spool_flow.recover(desk, now)
            sweep(desk)
            return int(desk.base.execute("SELECT MAX(id) FROM mails").fetchone()[0] or 0)

        try:
            last = await self._do(put_right)
        except StoreError as error:
            if error.kind is not ErrorKind.DAMAGED:
                raise
            last = await self._do(put_right)  # it was moved aside, which `tell` has told
        self._ids.after(last)

    def _close(self) -> None:
        self._desk.close()
        self._held.close()

    def _tell(self, tell: Callable[[StoreError], None], error: StoreError) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody listens any more
            self._loop.call_soon_threadsafe(tell, error)

    async def close(self, now: datetime) -> None:
        """Let go of the queue. What is still given out is due again; that is no crash."""
        if self._closed:
            return
        self._closed = True
        if self._serving:
            with contextlib.suppress(StoreError):  # then it counts as one
                await self._writer.submit(lambda desk: spool_flow.give_back(desk, None, now))
        await self._writer.stop()
        self._files.shutdown(wait=False)

    @property
    def corrupt(self) -> Path:
        """The folder for what cannot be read; made when it is needed."""
        return self._desk.corrupt

    # Coming in.

    def draft(self, now: datetime) -> Draft:
        """The body of a mail that a client begins to send: give it the bytes, then give it to `accept`."""
        return Draft(self._ids.next(now), self._desk.bodies)

    async def accept(self, mail: NewMail) -> MailId:
        """Keep the mail; it waits, due at once. Returns when it is durable."""
        row = await self._row(mail, taken=False)
        return await self._put(row, lambda _desk: row.id)

    async def accept_taken(self, mail: NewMail) -> Job:
        """Keep the mail and have it given out at once, as if by `take`. Returns when it is durable."""
        row = await self._row(mail, taken=True)
        return await self._put(
            row, lambda desk: row.job(desk.bodies), abandoned=lambda job: self._return([job], mail.accepted)
        )

    async def accept_once(self, mail: NewMail, drop: str) -> MailId | None:
        """Keep the mail, unless one was kept under this name before (then None): see `maildrop_collect`."""
        row = await self._row(mail, taken=False)

        def once(desk: Desk) -> MailId | None:
            if desk.base.execute("INSERT OR IGNORE INTO drops VALUES (?)", (drop,)).rowcount == 0:
                return None
            insert(desk, [row])
            return row.id

        kept = await self._put(row, once, bulk=False)
        if kept is None and row.draft is not None:
            await self._in_thread(row.draft.withdraw)
        return kept

    async def forget_drops(self, there: Callable[[str], bool]) -> None:
        """Forget the names of `accept_once` whose files are not `there` any more."""

        def forget(desk: Desk) -> None:
            for (name,) in desk.base.execute("SELECT id FROM drops").fetchall():
                if not there(name):
                    desk.base.execute("DELETE FROM drops WHERE id = ?", (name,))

        await self._do(forget, durable=False)

    async def _row(self, mail: NewMail, *, taken: bool) -> Row:
        refuse_unfit(mail)
        body = mail.body
        if isinstance(body, bytes):
            if len(body) <= SMALL:
                return row_of(self._ids.next(mail.accepted), mail, body, taken=taken)
            draft, last = self.draft(mail.accepted), body
        else:
            draft, last = body, b""
        draft.claim()
        try:
            large = last or draft.in_file
            found = await self._in_thread(draft.finish, last) if large else draft.finish()
        except BaseException:
            self._files.submit(draft.withdraw)  # waits for the thread that is still writing
            raise
        return Row(draft.id, mail, found, draft.crc, draft.size, taken=taken, draft=draft)

    async def _put(
        self,
        row: Row,
        work: Callable[[Desk], T],
        *,
        bulk: bool = True,
        abandoned: Callable[[T], object] | None = None,
    ) -> T:
        """Have the mail put in; when it is refused, its file is gone before the caller hears of it."""
        draft = row.draft
        if draft is None:
            return await self._do(work, bulk=row if bulk else None, abandoned=abandoned)
        try:
            return await self._do(
                work,
                bulk=row if bulk else None,
                abandoned=abandoned,
                failed=lambda: self._files.submit(draft.withdraw),  # also when the caller was cancelled
            )
        except StoreError:
            await self._in_thread(draft.withdraw)
            raise

    async def _do(
        self,
        work: Callable[[Desk], T],
        *,
        durable: bool = True,
        bulk: Row | spool_flow.Results | None = None,
        abandoned: Callable[[T], object] | None = None,
        failed: Callable[[], object] | None = None,
    ) -> T:
        if self._closed:
            raise StoreError(
                ErrorKind.NOT_WRITABLE,
                "the mail queue was not written",
                "it is closed",
                "start the relay again",
            )
        return await self._writer.submit(work, durable=durable, bulk=bulk, abandoned=abandoned, failed=failed)

    async def _in_thread(self, work: Callable[P, T], *args: P.args, **named: P.kwargs) -> T:
        return await self._loop.run_in_executor(self._files, lambda: work(*args, **named))

    def _return(self, jobs: list[Job], now: datetime) -> None:
        """Nobody is there any more to send what was given out."""
        names = [job.id for job in jobs]
        returned = self._writer.submit(lambda desk: spool_flow.give_back(desk, names, now), durable=False)
        returned.add_done_callback(lambda done: done.exception())  # what fails waits for the next opening

    # Going out.

    async def take(self, profile: str, limit: int, now: datetime) -> list[Job]:
        """Give out the due recipients of at most `limit` mails of a profile, the longest due first.

        They are being sent from now on, until they are settled.
        """
        if not self._desk.waits(profile):
            return []
        return await self._do(
            lambda desk: spool_flow.take(desk, profile, limit, now),
            durable=False,
            abandoned=lambda jobs: self._return(jobs, now),
        )

    async def content(self, mail: Job | MailId) -> bytes:
        """The whole message in memory: our trace headers, then the client's bytes.

        Raises StoreError, `damaged` where it is not as it was accepted; it has left the queue then.
        """
        return await self._read(mail, content)

    async def opened(self, mail: Job) -> bytes | Joined:
        """The same, for sending: a large one stays in its file. Raises as `content` does."""
        return await self._read(mail, opened)

    async def _read(self, mail: Job | MailId, read: Callable[[Stored], T]) -> T:
        name = mail.id if isinstance(mail, Job) else mail
        try:
            stored = (
                mail.stored
                if isinstance(mail, Job)
                else await self._do(lambda desk: spool_list.load(desk, name), durable=False)
            )
            return read(stored) if stored.body is not None else await self._in_thread(read, stored)
        except (Unreadable, TypeError) as damage:
            why = str(damage) or "its row in the database is damaged"
            raise await self._do(lambda desk: move_mail(desk, decode(name) or 0, why)) from damage

    async def settle(self, results: Iterable[Settled], now: datetime) -> tuple[Settled, ...]:
        """Note what became of recipients that were given out; returns those whose mail is not in the queue.

        A mail that is sent to all leaves the queue; the counter of sent ones goes up. Raises IllegalChange.
        """
        found = tuple(results)
        # That it was sent, or is to be tried again, costs no sync of its own: a kill does not undo it,
        # and what a power cut undoes within a twentieth of a second is only tried again.
        durable = any(r.state is not State.SENT and r.state is not State.WAITING for r in found)
        noted = spool_flow.Results(found, now)
        return await self._do(lambda _desk: noted.lost, durable=durable, bulk=noted)

    async def give_back(self, mails: Iterable[MailId], now: datetime) -> None:
        """Let jobs that were not tried be due at once; no attempt is counted."""
        names = tuple(mails)
        await self._do(lambda desk: spool_flow.give_back(desk, names, now), durable=False)

    async def next_due(self, profile: str) -> datetime | None:
        """When the first mail of a profile is due; None where nothing waits for a time."""
        if not self._desk.waits(profile):
            return None
        return await self._do(lambda desk: spool_flow.next_due(desk, profile), durable=False)

    # For people.

    def counts(self) -> Counts:
        """How many recipients are in each state, from memory."""
        return spool_list.counts(self._desk)

    async def page(
        self, which: Which = EVERYTHING, limit: int = 100, after: MailId | None = None
    ) -> list[Entry]:
        """At most `limit` mails, the oldest first; the next page is what comes `after` the last id."""
        return await self._do(lambda desk: spool_list.page(desk, which, limit, after), durable=False)

    async def show(self, mail: MailId) -> Entry:
        """One mail in full."""
        return await self._do(lambda desk: spool_list.show(desk, mail), durable=False)

    async def causes(self) -> list[Cause]:
        """For what mail waits, is held or dead, the most frequent first."""
        return await self._do(spool_list.causes, durable=False)

    async def hold(self, which: Which, why: str, now: datetime) -> int:
        """Let nothing of it be sent until it is released; returns how many recipients this changed."""
        return await self._do(lambda desk: spool_steer.hold(desk, which, why, now))

    async def release(self, which: Which, now: datetime) -> int:
        """Let what is held be tried at once; returns how many recipients this changed."""
        return await self._do(lambda desk: spool_steer.release(desk, which, now))

    async def retry(self, which: Which, now: datetime) -> int:
        """Let what waits, is uncertain or dead be tried at once; returns how many recipients this changed."""
        return await self._do(lambda desk: spool_steer.retry(desk, which, now))

    async def delete(self, mails: Iterable[MailId]) -> int:
        """Remove mails for all their recipients, or none of them; returns how many mails."""
        names = tuple(mails)
        return await self._do(lambda desk: spool_steer.delete(desk, names))

    async def move(self, old: str, new: str) -> None:
        """Give all mail of a profile, and its counter, to another name."""
        await self._do(lambda desk: desk.rename(old, new))

    async def forget_dead(self, before: datetime) -> int:
        """Remove what was given up before this time; returns how many recipients."""
        return await self._do(lambda desk: spool_steer.forget_dead(desk, before))
