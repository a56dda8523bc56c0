"""The history keeps what happened, newest first, and no secret."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from store.changes import Change, compare
from store.errors import ErrorKind, StoreError
from store.history import DeliveredTo, Delivery, Entry, History
from store.profiles import Settings
from tests.store import samples

NOON = datetime(2026, 5, 4, 12, 0, 0, 5, tzinfo=UTC)


def delivery(minutes: int, message_id: str = "<1@example.org>", **more: object) -> Delivery:
    fields: dict[str, object] = {
        "when": NOON + timedelta(minutes=minutes),
        "profile": "support",
        "message_id": message_id,
        "sender": "a@example.org",
        "server": "primary",
        "address": "smtp.example.org:587",
        "answer": "250 2.0.0 grüß dich",
        "ok": False,
        "recipients": (
            DeliveredTo("b@example.org", True, "250"),
            DeliveredTo("ü@c", False, "550 'no' \udce4"),
        ),
    }
    return Delivery(**{**fields, **more})  # type: ignore[arg-type]


def test_nothing_happened_yet(tmp_path: Path) -> None:
    assert History(tmp_path / "spool").entries(10) == []
    assert not (tmp_path / "spool").exists()


def test_newest_first_and_no_more_than_asked(tmp_path: Path) -> None:
    history = History(tmp_path / "spool")
    change = Change("profiles.support.smtp.host", "a", "b")
    sent = delivery(2, recipients=(DeliveredTo("b@example.org", True, "250"),))
    history.record_delivery(sent)
    history.record_settings([change, change], "ann", NOON + timedelta(minutes=1))
    history.record_delivery(delivery(0, "<2@example.org>"))
    entries = history.entries(10)
    assert entries[0] == Entry(sent.when, sent)
    assert entries[1] == Entry(NOON + timedelta(minutes=1), who="ann", changes=(change, change))
    assert [bool(e.delivery) for e in entries] == [True, False, True]
    assert history.entries(2) == entries[:2]
    assert history.entries(10, "<2@example.org>") == entries[2:]
    assert history.entries(10, "' OR 1=1 --") == []


def test_times_of_other_zones_sort_as_they_happened(tmp_path: Path) -> None:
    history = History(tmp_path)
    east = timezone(timedelta(hours=9))
    history.record_delivery(delivery(0, "<late>", when=NOON))
    history.record_delivery(delivery(0, "<early>", when=datetime(2026, 5, 4, 20, 59, tzinfo=east)))
    assert [e.delivery.message_id for e in history.entries(5) if e.delivery] == ["<late>", "<early>"]


def test_half_characters_of_a_server_are_no_trouble(tmp_path: Path) -> None:
    history = History(tmp_path)
    history.record_delivery(delivery(0, answer="250 \udcff\0ok"))
    (entry,) = history.entries(5)
    assert entry.delivery is not None
    assert entry.delivery.answer == "250 ?\0ok"
    assert entry.delivery.recipients[1].answer == "550 'no' ?"


def test_private_files_without_secrets(tmp_path: Path) -> None:
    folder = tmp_path / "spool"
    history = History(folder)
    history.record_settings(compare(Settings(), samples.settings("a", "b")), "ann", NOON)
    history.record_settings(compare(samples.settings("a"), Settings()), "ann", NOON)
    with history._writing():  # while it is open, the files beside it are there
        assert {p.stat().st_mode & 0o777 for p in folder.iterdir()} == {0o600}
        assert len(list(folder.iterdir())) == 3
        assert all(samples.MARK.encode() not in p.read_bytes() for p in folder.iterdir())
    shown = {c.new for e in history.entries(9) for c in e.changes if c.field.endswith("password")}
    assert shown == {"(secret)", ""}


def test_reading_changes_nothing_and_works_where_nothing_can_be_written(tmp_path: Path) -> None:
    history = History(tmp_path / "spool")
    history.record_delivery(delivery(0))
    before = history.path.read_bytes()
    history.path.chmod(0o400)
    assert len(history.entries()) == 1
    assert history.path.read_bytes() == before
    assert history.path.stat().st_mode & 0o777 == 0o400


def test_a_history_that_was_never_written_to_is_empty(tmp_path: Path) -> None:
    (tmp_path / "history.db").touch()
    assert History(tmp_path).entries() == []


def test_a_damaged_history_is_told(tmp_path: Path) -> None:
    history = History(tmp_path)
    history.record_delivery(delivery(0))
    for beside in tmp_path.glob("history.db-*"):
        beside.unlink()
    history.path.write_bytes(b"no database " * 1000)
    with pytest.raises(StoreError) as told:
        history.record_delivery(delivery(1))
    assert told.value.kind is ErrorKind.DAMAGED
    assert told.value.remedy.startswith("move it aside: mv ")
