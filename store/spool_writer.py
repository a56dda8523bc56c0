"""The writer: one thread that puts all that waits into one transaction and tells each caller afterwards.

It must never tell anybody that something is done before it is committed, and never stop at an error.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import threading
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Generic, TypeVar

from store.errors import ErrorKind, StoreError
from store.spool_accept import Row, insert
from store.spool_errors import failed, is_damage, is_lost_sync
from store.spool_flow import Results, settle

if TYPE_CHECKING:
    from store.spool_desk import Desk

T = TypeVar("T")

_MOST = 1000
"""Operations in one transaction."""

_MOST_BYTES = 2 * 1024 * 1024
"""Bytes of new mails in one transaction: what the log holds must fit into the reserve."""

_SYNC_WITHIN = 0.05
"""Seconds after which what was committed without a sync is synced, where no other commit did it before."""


class Op(Generic[T]):
    """One thing to do in a transaction, and who waits for it.

    It is done again, alone, when something else in the transaction failed: until the commit it may
    change nothing but the database and what the desk takes back.
    """

    __slots__ = ("abandoned", "bulk", "durable", "error", "failed", "future", "result", "work")

    def __init__(
        self,
        work: Callable[[Desk], T],
        future: asyncio.Future[T],
        *,
        durable: bool = True,
        bulk: Row | Results | None = None,
        abandoned: Callable[[T], object] | None = None,
        failed: Callable[[], object] | None = None,
    ) -> None:
        self.work = work
        self.future = future
        self.durable = durable  # whether the commit is to be synced
        self.bulk = bulk  # is done for all operations of a transaction together, before their `work`
        self.abandoned = abandoned  # takes the result when its caller was cancelled meanwhile
        self.failed = failed  # is called on any error, whether or not its caller still waits
        self.result: T | None = None
        self.error: Exception | None = None


class Writer:
    """Runs operations on a desk, in the order in which they came; new mails and results come first."""

    def __init__(self, desk: Desk, loop: asyncio.AbstractEventLoop) -> None:
        self._desk = desk
        self._loop = loop
        self._queue: SimpleQueue[Op[object] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None

    def start(self, opening: Callable[[], T], closing: Callable[[], None]) -> asyncio.Future[T]:
        """Begin the thread, which opens first; it ends at once when that fails."""
        opened: asyncio.Future[T] = self._loop.create_future()
        self._thread = threading.Thread(
            target=self._run, args=(opening, closing, opened), name="spool", daemon=True
        )
        self._thread.start()
        return opened

    def submit(
        self,
        work: Callable[[Desk], T],
        *,
        durable: bool = True,
        bulk: Row | Results | None = None,
        abandoned: Callable[[T], object] | None = None,
        failed: Callable[[], object] | None = None,
    ) -> asyncio.Future[T]:
        """Have it done; the future is told after the commit. The rest as Op says."""
        future: asyncio.Future[T] = self._loop.create_future()
        op = Op(work, future, durable=durable, bulk=bulk, abandoned=abandoned, failed=failed)
        self._queue.put(op)  # type: ignore[arg-type]
        return future

    async def stop(self) -> None:
        """Do what is still waiting, and end."""
        self._queue.put(None)
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join)

    def _run(self, opening: Callable[[], T], closing: Callable[[], None], opened: asyncio.Future[T]) -> None:
        try:
            result = opening()
        except Exception as error:
            closing()
            self._call(_fail, opened, error)
            return
        self._call(_answer, opened, result)
        try:
            self._serve()
        finally:
            closing()

    def _serve(self) -> None:
        desk, sync_at = self._desk, 0.0
        while True:
            ends = False
            wait = max(0.0, sync_at - time.monotonic()) if desk.unsynced else None
            with contextlib.suppress(Empty):
                batch, ends = self._gather(self._queue.get(timeout=wait))
                was_synced = not desk.unsynced
                self._commit(batch, durable=any(op.durable for op in batch))
                self._call(_tell, batch)
                if was_synced:
                    sync_at = time.monotonic() + _SYNC_WITHIN
            if desk.unsynced and time.monotonic() >= sync_at:
                desk.sync()
            if ends:
                return

    def _gather(self, first: Op[object] | None) -> tuple[list[Op[object]], bool]:
        batch: list[Op[object]] = []
        op, size = first, 0
        with contextlib.suppress(Empty):
            while op is not None:
                batch.append(op)
                if isinstance(op.bulk, Row) and op.bulk.body is not None:
                    size += op.bulk.size
                if len(batch) == _MOST or size >= _MOST_BYTES:
                    return batch, False
                op = self._queue.get_nowait()
            return batch, True
        return batch, False

    def _commit(self, batch: list[Op[object]], *, durable: bool) -> None:
        if not batch:
            return
        desk = self._desk
        try:
            self._transaction(batch, durable=durable)
        except Exception as error:
            told = self._undo(error)
            if len(batch) == 1:
                if desk.cramped and not isinstance(batch[0].bulk, Row) and desk.reserve.spend():
                    self._commit(batch, durable=durable)
                else:
                    batch[0].error = told
                return
            for op in batch:
                self._commit([op], durable=op.durable)

    def _transaction(self, batch: list[Op[object]], *, durable: bool) -> None:
        desk = self._desk
        if not desk.opened:
            desk.open()
        desk.begin(durable=durable)
        insert(desk, [op.bulk for op in batch if isinstance(op.bulk, Row)])
        settle(desk, [op.bulk for op in batch if isinstance(op.bulk, Results)])
        for op in batch:
            op.result = op.work(desk)
        desk.commit()

    def _undo(self, error: Exception) -> Exception:
        """Leave the queue as it was, or a damaged one behind; returns what the caller is told."""
        desk = self._desk
        try:
            if isinstance(error, sqlite3.Error) and is_damage(error):
                return desk.begin_anew(str(error))
            if desk.opened:
                desk.rollback()
        except StoreError as worse:
            return worse
        except sqlite3.Error as worse:
            desk.close()  # opened again by the next transaction
            return failed(worse, desk.folder)
        if isinstance(error, sqlite3.Error):
            told = failed(error, desk.folder)
            desk.suspect = desk.suspect or is_lost_sync(error)
            desk.cramped = told.kind is ErrorKind.FULL
            return told
        return error

    def _call(self, told: Callable[..., None], *args: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody listens any more
            self._loop.call_soon_threadsafe(told, *args)


def _tell(batch: list[Op[object]]) -> None:
    for op in batch:
        if op.error is not None:
            if op.failed is not None:
                op.failed()
            _fail(op.future, op.error)
        elif op.future.cancelled() and op.abandoned is not None:
            op.abandoned(op.result)
        else:
            _answer(op.future, op.result)


def _answer(future: asyncio.Future[T], result: T) -> None:
    if not future.done():
        future.set_result(result)


def _fail(future: asyncio.Future[T], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
