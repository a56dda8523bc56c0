"""Many processes save and write the history at once: one wins each round, and nothing is lost."""

from __future__ import annotations

import multiprocessing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from store.changes import Change
from store.errors import ErrorKind, StoreError
from store.history import Delivery, History
from store.lock import locked
from store.profiles import Settings
from store.vault import SettingsChanged
from tests.store import samples
from tests.store.samples import vault

WRITERS, ROUNDS = 3, 12
FORK = multiprocessing.get_context("fork")


def _admin(folder: Path, name: str, won: multiprocessing.queues.Queue[tuple[str, int, str]]) -> None:
    """Adds a profile at a time, each time on what is there; told of a change, looks again."""
    one = vault(folder)
    for number in range(ROUNDS):
        base = one.load()
        while True:
            added = {**base.settings.profiles, f"{name}-{number}": samples.profile()}
            try:
                saved = one.save(Settings(profiles=added), base, name)
            except SettingsChanged as error:
                base = error.current
            else:
                won.put((name, saved.revision, f"{name}-{number}"))
                break


def _rotator(folder: Path) -> None:
    for _ in range(ROUNDS):
        vault(folder).rotate()


def test_saves_and_rotations(tmp_path: Path) -> None:
    folder = tmp_path / "vault"
    one = vault(folder)
    one.save(samples.settings(), one.load(), "root")
    won: multiprocessing.queues.Queue[tuple[str, int, str]] = FORK.Queue()
    people = [FORK.Process(target=_admin, args=(folder, f"admin{n}", won)) for n in range(WRITERS)]
    people.append(FORK.Process(target=_rotator, args=(folder,)))
    for person in people:
        person.start()
    results = [won.get(timeout=60) for _ in range(WRITERS * ROUNDS)]
    for person in people:
        person.join(60)
        assert person.exitcode == 0
    found = vault(folder).load()
    assert sorted(r for _, r, _ in results) == list(range(2, 2 + WRITERS * ROUNDS))
    assert found.revision == 1 + WRITERS * ROUNDS
    assert set(found.settings.profiles) == {"p0", *(profile for _, _, profile in results)}
    assert not list(folder.glob("*.damaged-*"))


def _historian(folder: Path, name: str) -> None:
    history = History(folder)
    now = datetime.now(UTC)
    for number in range(ROUNDS):
        history.record_delivery(
            Delivery(now, name, f"<{name}.{number}>", "a", "primary", "b:25", "250 ok", True)
        )
        history.record_settings([Change(f"{name}.{number}", "", "x")], name, now)


def test_history(tmp_path: Path) -> None:
    people = [FORK.Process(target=_historian, args=(tmp_path / "spool", f"p{n}")) for n in range(4)]
    for person in people:
        person.start()
    for person in people:
        person.join(60)
        assert person.exitcode == 0
    entries = History(tmp_path / "spool").entries(1000)
    assert len(entries) == 4 * ROUNDS * 2
    assert len({e.delivery.message_id for e in entries if e.delivery}) == 4 * ROUNDS


def test_the_lock_names_its_holder_and_does_not_wait_for_ever(tmp_path: Path) -> None:
    path = tmp_path / "settings.lock"
    with locked(path, "ann\nof sales"), pytest.raises(StoreError) as told, locked(path, "bob", wait=0.05):
        pytest.fail("two hold the lock")
    assert told.value.kind is ErrorKind.LOCKED
    assert "ann of sales (process " in told.value.why
    assert told.value.remedy
    with locked(path, "bob", wait=0):
        pass
