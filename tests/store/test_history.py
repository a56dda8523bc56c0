"""The history keeps what happened, newest first, and no secret."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from store.changes import Change, compare
from store.errors import ErrorKind, StoreError
from store.history import DeliveredTo, Delivery, Entry, Happening, History
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


def test_many_at_once_and_what_else_happened(tmp_path: Path) -> None:
    history = History(tmp_path)
    history.record_deliveries([])
    assert not history.path.exists()
    mails = [delivery(n, f"<{n}>", queue_id=f"id{n}") for n in range(3)]
    history.record_deliveries([*mails[:2], delivery(9, "<refused>", recipients=()), mails[2]])
    paused = Happening(NOON + timedelta(minutes=1, seconds=1), "ann", "paused \udce4", "support")
    history.record_event(paused)
    entries = history.entries()
    ids = [e.delivery.message_id if e.delivery else e.event and e.event.what for e in entries]
    assert ids == ["<refused>", "<2>", "paused ?", "<1>", "<0>"]
    assert entries[2] == Entry(paused.when, event=Happening(paused.when, "ann", "paused ?", "support"))
    assert [e.delivery.queue_id for e in entries if e.delivery] == ["", "id2", "id1", "id0"]
    assert history.entries(2) == entries[:2]
    assert history.entries(5, "<1>") == entries[3:4]
    assert history.sent() == 3


def test_all_of_many_or_none(tmp_path: Path) -> None:
    history = History(tmp_path)
    history.record_deliveries([delivery(0)])
    with closing(sqlite3.connect(history.path)) as base:
        refuse = "SELECT RAISE(ABORT, 'no') WHERE NEW.message_id = '<bad>'"
        base.execute(f"CREATE TRIGGER refuse BEFORE INSERT ON deliveries BEGIN {refuse}; END")
    with pytest.raises(StoreError):
        history.record_deliveries([delivery(1), delivery(2, "<bad>")])
    assert len(history.entries()) == history.sent() == 1


def test_what_is_old_is_forgotten_but_not_who_changed_a_setting(tmp_path: Path) -> None:
    history = History(tmp_path)
    assert history.forget(NOON) == 0
    assert not history.path.exists()
    for minutes in range(4):
        history.record_delivery(delivery(minutes, f"<{minutes}>"))
        history.record_event(Happening(NOON + timedelta(minutes=minutes), "ann", "paused delivery"))
    history.record_settings([Change("f", "a", "b")], "ann", NOON)
    assert history.forget(NOON + timedelta(minutes=2)) == 4
    left = history.entries()
    assert [e.delivery.message_id for e in left if e.delivery] == ["<3>", "<2>"]
    assert len([e for e in left if e.event]) == 2
    assert len([e for e in left if e.changes]) == 1
    assert history.sent() == 4  # what is forgotten was sent all the same
    assert history.forget(NOON) == 0


def test_much_that_is_old_is_forgotten_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("store.history._AT_A_TIME", 3)
    history = History(tmp_path)
    history.record_deliveries([delivery(n, f"<{n}>") for n in range(9)])
    assert history.forget(NOON + timedelta(minutes=8)) == 8
    assert [e.delivery.message_id for e in history.entries() if e.delivery] == ["<8>"]


def test_one_mail_is_found_among_those_of_many_hours(tmp_path: Path) -> None:
    history = History(tmp_path)
    history.record_deliveries([delivery(7 * n, f"<{n % 50}>") for n in range(500)])
    found = [e.delivery for e in history.entries(100, "<7>") if e.delivery]
    assert [mail.when for mail in found] == [NOON + timedelta(minutes=7 * n) for n in range(457, 0, -50)]


FORMAT_1 = """
CREATE TABLE saves (id INTEGER PRIMARY KEY, at TEXT NOT NULL, who TEXT NOT NULL);
CREATE TABLE changes (
    save INTEGER NOT NULL REFERENCES saves, field TEXT NOT NULL, old TEXT NOT NULL, new TEXT NOT NULL);
CREATE INDEX changes_of_save ON changes (save);
CREATE TABLE deliveries (
    id INTEGER PRIMARY KEY, at TEXT NOT NULL, profile TEXT NOT NULL, message_id TEXT NOT NULL,
    sender TEXT NOT NULL, server TEXT NOT NULL, address TEXT NOT NULL, answer TEXT NOT NULL,
    ok INTEGER NOT NULL, recipients TEXT NOT NULL);
CREATE INDEX deliveries_of_message ON deliveries (message_id);
PRAGMA user_version = 1;
INSERT INTO saves VALUES (1, '2026-05-04T12:00:00.000005+00:00', 'ann');
INSERT INTO changes VALUES (1, 'f', 'a', 'b');
INSERT INTO deliveries VALUES
(1, '2026-05-04T12:01:00.000005+00:00', 'support', '<1>', 'a@b', 'primary', 'h:25', '250', 1,
 '[["x@y", true, "250"], ["z@y", false, "550"]]'),
(2, '2026-05-04T12:02:00.000005+00:00', 'support', '<2>', 'a@b', 'primary', 'h:25', '550', 0,
 '[["x@y", false, "550"]]'),
(3, '2026-05-04T12:03:00.000005+00:00', 'support', '<3>', 'a@b', 'primary', 'h:25', '', 0, '[]')
"""


def _of_format_1(folder: Path, more: str = "") -> History:
    history = History(folder)
    with closing(sqlite3.connect(history.path)) as base:
        base.execute("PRAGMA journal_mode = WAL")
        base.executescript(f"BEGIN;{FORMAT_1};{more};COMMIT;")
    return history


def test_a_history_of_the_format_before_is_read_and_taken_on(tmp_path: Path) -> None:
    history = _of_format_1(tmp_path)
    before = history.entries()
    assert [e.delivery.message_id if e.delivery else e.who for e in before] == ["<3>", "<2>", "<1>", "ann"]
    assert history.entries(9, "<1>") == before[2:3]
    assert history.sent() == 1
    history.record_event(Happening(NOON + timedelta(hours=1), "ann", "paused delivery"))
    assert history.entries()[1:] == before
    assert history.sent() == 1
    assert history.entries(9, "<1>") == before[2:3]
    history.record_delivery(delivery(0, "<4>"))
    assert history.sent() == 2
    with closing(sqlite3.connect(history.path)) as base:
        assert base.execute("PRAGMA user_version").fetchone() == (2,)
        assert base.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_rows_that_nobody_of_us_wrote_do_not_stop_the_new_format(tmp_path: Path) -> None:
    odd = "".join(
        f"UPDATE deliveries SET recipients = '{text}' WHERE id = {n};"
        for n, text in ((1, "[[1"), (2, '["x"]'), (3, '{"a": [1, 2]}'))
    )
    history = _of_format_1(tmp_path, odd)
    history.record_event(Happening(NOON, "ann", "paused delivery"))
    assert history.sent() == 1  # an object's values are as good as a list's
    with pytest.raises(StoreError) as told:
        history.entries()
    assert told.value.kind is ErrorKind.DAMAGED


def test_a_later_format_is_left_alone(tmp_path: Path) -> None:
    history = History(tmp_path)
    history.record_delivery(delivery(0))
    with closing(sqlite3.connect(history.path)) as base:
        base.execute("PRAGMA user_version = 3")
    for work in (history.entries, history.sent, lambda: history.record_delivery(delivery(1))):
        with pytest.raises(StoreError) as told:
            work()
        assert told.value.kind is ErrorKind.UNREADABLE


@pytest.mark.parametrize("message_id", [None, "<1>"])
def test_the_newest_are_found_without_reading_all(tmp_path: Path, message_id: str | None) -> None:
    history = History(tmp_path)
    history.record_deliveries([delivery(n, f"<{n}>") for n in range(50)])
    plans: list[str] = []
    with history._reading() as base:
        for statement in _statements(history, message_id):
            plans += [row[3] for row in base.execute(f"EXPLAIN QUERY PLAN {statement}")]
    assert plans
    read = [plan for plan in plans if plan.startswith(("SCAN", "SEARCH")) and "INDEX" not in plan]
    rows_of_ours = ("SCAN spans", "SCAN (subquery")
    assert all("PRIMARY KEY" in plan or plan.startswith(rows_of_ours) for plan in read), plans


def _statements(history: History, message_id: str | None) -> list[str]:
    """What `entries` asks the database."""
    asked: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        original = sqlite3.connect

        def connect(*args: object, **named: object) -> sqlite3.Connection:
            base = original(*args, **named)  # type: ignore[call-overload]
            base.set_trace_callback(asked.append)
            return base  # type: ignore[no-any-return]

        patch.setattr(sqlite3, "connect", connect)
        history.entries(5, message_id)
    return [statement for statement in asked if statement.lstrip().startswith(("SELECT", "WITH"))]
