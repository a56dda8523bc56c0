"""The one connection to the queue's database, and what the statements of a transaction share.

Only the writer's thread may touch it.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from store.errors import StoreError
from store.paths import private_folder
from store.spool_db import FILE, connect, set_aside
from store.spool_errors import database_moved, failed, is_damage
from store.spool_reserve import Reserve
from store.spool_shapes import State

_WAIT = (State.WAITING.value, State.UNCERTAIN.value)
"""What has a time at which it is due."""
_UNREMARKABLE = 60_000_000  # microseconds: clocks are put right by less all the time


class Desk:
    """An open queue: begin, do what the operations say, commit; counters are kept beside it in memory."""

    def __init__(self, spool: Path, tell: Callable[[StoreError], None]) -> None:
        self.spool = spool
        self.folder = spool / "queue"
        self.bodies = self.folder / "bodies"
        self.corrupt = spool / "corrupt"
        self.reserve = Reserve(self.folder / "reserve")
        self.tell = tell
        """Takes errors that are nobody's answer: a mail or the database moved aside."""
        self.base: sqlite3.Connection  # while it is open, and only for the writer's thread
        self.opened = False
        self.unsynced = False
        """Whether something was committed that a power cut could undo."""
        self.suspect = False
        """Whether the disk refused a sync: nothing is promised before all was synced anew."""
        self.cramped = False
        """Whether the disk was full a moment ago."""
        self.counts: Counter[tuple[int, str]] = Counter()
        """Recipients by route and state, as committed."""
        self.sent: Counter[int] = Counter()
        self.seen = self._saved_seen = self._seen_before = 0
        """The latest time that was told, in microseconds: how a clock that was set back is noticed."""
        self._routes: dict[str, int] = {}
        self._names: dict[int, str] = {}
        self._moved: Counter[tuple[int, str]] = Counter()
        self._gone: Counter[int] = Counter()
        self._afterwards: list[Callable[[], None]] = []
        self._full = True
        self._changes = 0

    def open(self) -> None:
        """Open the database, or begin one; a damaged one is moved aside. Raises StoreError."""
        for folder in (self.spool, self.folder, self.bodies):
            private_folder(folder)
        try:
            self._connect()
        except sqlite3.Error as error:
            self.close()
            if not is_damage(error):
                raise failed(error, self.folder) from error
            self.begin_anew(str(error))

    def begin_anew(self, why: str) -> StoreError:
        """Move the damaged database aside with its bodies, and begin an empty one.

        Returns what an admin is told. Raises StoreError where even that fails.
        """
        self.close()
        told = database_moved(set_aside(self.spool, self.folder), why)
        self.tell(told)
        private_folder(self.bodies)
        try:
            self._connect()
        except sqlite3.Error as error:
            self.close()
            raise failed(error, self.folder) from error
        return told

    def close(self) -> None:
        """Let go of the database; what is committed is in it.

        A statement that was not read to its end would keep it open and locked: those that ask for one
        row have a LIMIT.
        """
        if self.opened:
            self.opened = False
            with contextlib.suppress(sqlite3.Error):
                self.base.close()

    def _connect(self) -> None:
        self.base = connect(self.folder)
        self.opened, self._full = True, True
        self.suspect = self.cramped = self.unsynced = False
        self.reserve = Reserve(self.folder / "reserve")
        with contextlib.suppress(OSError):
            self.reserve.keep()  # where there is no room, new mail is refused until there is
        # Reading every recipient also proves that their pages can be read.
        rows = self.base.execute("SELECT route, state, COUNT(*) FROM recipients GROUP BY 1, 2")
        self.counts = Counter({(route, state): n for route, state, n in rows})
        self._load_routes()
        found = self.base.execute("SELECT value FROM meta WHERE name = 'seen'").fetchone()
        self.seen = self._saved_seen = int(found[0]) if found else 0

    def _load_routes(self) -> None:
        rows = self.base.execute("SELECT id, name, sent FROM routes").fetchall()
        self._routes = {name: route for route, name, _ in rows}
        self._names = {route: name for route, name, _ in rows}
        self.sent = Counter({route: sent for route, _, sent in rows})

    # One transaction.

    def begin(self, *, durable: bool) -> None:
        """Start a transaction. One that is not durable survives a kill, and a power cut only after a sync.

        Raises sqlite3.Error.
        """
        self._seen_before = self.seen
        if self.cramped:
            self.cramped = False
            with contextlib.suppress(sqlite3.Error):
                self._empty_log()  # what it takes up may be the room that is needed
        if self.suspect and durable:
            self._empty_log()  # the disk may not refuse twice: all goes into the database, synced anew
            self.suspect = False
        if durable is not self._full:
            self.base.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            self._full = durable
        self._moved.clear()
        self._gone.clear()
        self._afterwards.clear()
        self._changes = self.base.total_changes
        self.base.execute("BEGIN")

    def _empty_log(self) -> None:
        if self.base.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
            raise sqlite3.OperationalError("the log could not be brought into the database")

    def commit(self) -> None:
        """End it. Raises sqlite3.Error."""
        for route, n in self._gone.items():
            self.base.execute("UPDATE routes SET sent = sent + ? WHERE id = ?", (n, route))
        self.base.execute("COMMIT")
        if self._full:
            self.unsynced = False
        elif self.base.total_changes != self._changes:
            self.unsynced = True
        # Exchanged, not changed: the loop's thread reads them.
        self.sent = self.sent + self._gone
        counts = self.counts.copy()
        counts.update(self._moved)
        self.counts = +counts
        for work in self._afterwards:
            work()

    def rollback(self) -> None:
        """Take everything back since `begin`. Raises sqlite3.Error."""
        if self.base.in_transaction:
            self.base.execute("ROLLBACK")
        self.seen, self._saved_seen = self._seen_before, 0
        self._load_routes()

    def sync(self) -> None:
        """Make durable what was committed without; a refusal is dealt with before anything is promised."""
        self.unsynced = False
        try:
            handle = os.open(self.folder / f"{FILE}-wal", os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
        except OSError:
            self.suspect = True

    def afterwards(self, work: Callable[[], None]) -> None:
        """Do this once the transaction is committed; it must not raise."""
        self._afterwards.append(work)

    def count(self, route: int, old: str | None, new: str | None, n: int = 1) -> None:
        """Note that recipients changed their state; None is outside the queue."""
        if old is not None:
            self._moved[route, old] -= n
        if new is not None:
            self._moved[route, new] += n

    def count_sent(self, route: int) -> None:
        """Note a recipient in the counter that outlives the mails."""
        self._gone[route] += 1

    # Routes and the clock.

    def clock(self, now: int) -> None:
        """Hear what time it is. Where the clock was set back, all that waits is moved back as far.

        So nobody waits longer than was asked for; after a clock that was set forward mail is tried sooner.
        """
        if now < self.seen - _UNREMARKABLE:
            back = self.seen - now
            self.base.execute("UPDATE recipients SET due = due - ? WHERE due IS NOT NULL", (back,))
        elif now <= self.seen:
            return
        self.seen = now
        if abs(now - self._saved_seen) > _UNREMARKABLE:
            self.base.execute("INSERT OR REPLACE INTO meta VALUES ('seen', ?)", (now,))
            self._saved_seen = now

    def route(self, profile: str) -> int:
        """The number of a profile, which is given one where it has none yet."""
        known = self._routes.get(profile)
        if known is None:
            known = self.base.execute("INSERT INTO routes (name) VALUES (?)", (profile,)).lastrowid or 0
            self._routes[profile] = known
            self._names[known] = profile
        return known

    def known_route(self, profile: str) -> int:
        """The number of a profile; -1, which no row has, where it has none."""
        return self._routes.get(profile, -1)

    def waits(self, profile: str) -> bool:
        """Whether anything of a profile may be due, now or later, by the last commit; any thread may ask."""
        route, counts = self._routes.get(profile), self.counts
        return any(counts[route, state] for state in _WAIT) if route is not None else False

    def profile(self, route: int) -> str:
        """The name of a route."""
        return self._names.get(route, f"#{route}")

    def rename(self, old: str, new: str) -> None:
        """Give the mails of a profile to another name, which may have mails of its own."""
        was = self._routes.get(old)
        if was is None or old == new:
            return
        to = self._routes.get(new)
        if to is None:
            self.base.execute("UPDATE routes SET name = ? WHERE id = ?", (new, was))
        else:
            rows = self.base.execute(
                "SELECT state, COUNT(*) FROM recipients WHERE route = ? GROUP BY 1", (was,)
            )
            for state, n in rows.fetchall():
                self.count(was, state, None, n)
                self.count(to, None, state, n)
            self.base.execute("UPDATE recipients SET route = ? WHERE route = ?", (to, was))
            self.base.execute(
                "UPDATE routes SET sent = sent + (SELECT sent FROM routes WHERE id = ?) WHERE id = ?",
                (was, to),
            )
            self.base.execute("DELETE FROM routes WHERE id = ?", (was,))
        self._load_routes()
