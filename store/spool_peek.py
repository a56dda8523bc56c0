"""What a queue that nobody has open has in it, read without its lock: for a look that disturbs nobody.

It must never change a file, nor make one, nor keep a relay from starting.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from store.paths import there
from store.spool_db import FILE
from store.spool_errors import cannot_look
from store.spool_shapes import Counts


def peek(spool: Path) -> Counts | None:
    """How many recipients are in each state; None where only the queue itself can tell.

    That is so while somebody has it open, and after a crash: then a part of it stands in SQLite's log.
    Raises StoreError where it cannot be read.
    """
    path = spool / "queue" / FILE
    if not there(path):
        return Counts()
    if _logged(path):
        return None
    try:
        # Immutable: SQLite takes no lock and makes no file, since nothing is in the log.
        base = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)
        with contextlib.closing(base):
            sent = dict(base.execute("SELECT name, sent FROM routes").fetchall())
            rows = base.execute(
                "SELECT name, state, COUNT(*) FROM recipients JOIN routes ON routes.id = route GROUP BY 1, 2"
            ).fetchall()
    except sqlite3.Error as error:
        if _logged(path):
            return None  # a relay has started meanwhile
        raise cannot_look(error, path) from error
    return _counts(rows, sent)


def _logged(path: Path) -> bool:
    log = path.with_name(f"{FILE}-wal")
    try:
        return log.stat().st_size > 0
    except FileNotFoundError:
        return False
    except OSError:
        return True


def _counts(rows: list[tuple[str, str, int]], sent: dict[str, int]) -> Counts:
    by_profile = {name: Counter(sent=n) for name, n in sent.items()}
    for name, state, n in rows:
        by_profile[name][state] += n
    whole: Counter[str] = sum(by_profile.values(), Counter())
    return _of(whole, {name: _of(found, {}) for name, found in by_profile.items() if +found})


def _of(found: Counter[str], parts: Mapping[str, Counts]) -> Counts:
    return Counts(
        found["waiting"],
        found["sending"],
        found["uncertain"],
        found["held"],
        found["dead"],
        found["sent"],
        MappingProxyType(parts),
    )
