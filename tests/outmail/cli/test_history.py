"""`outmail history` tells mails, changes, and what happened to delivery, in words and for programs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from store.changes import Change
from store.history import DeliveredTo, Delivery, Happening, History
from tests.outmail.cli.running import run

NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


def _filled(home: Path) -> None:
    history = History(home / "spool")
    history.record_settings([Change("profiles.x.smtp.host", "a", "b")], "ann", NOON)
    history.record_event(Happening(NOON + timedelta(minutes=1), "ann", "paused\x1b delivery", "support"))
    history.record_event(Happening(NOON + timedelta(minutes=2), "", "the queue was damaged"))
    people = (DeliveredTo("b@example.net", True, "250 ok"),)
    history.record_deliveries(
        [
            Delivery(
                NOON + timedelta(minutes=3), "support", "<1@x>", "a@x", "primary", "h:25", "250 ok", True,
                people, "1hm8z3v0q4rke",
            )
        ]
    )  # fmt: skip


def test_in_words(home: Path) -> None:
    _filled(home)
    lines = [line for line in run(home, "history").out.splitlines() if line.startswith("2026")]
    assert [line[21:] for line in lines] == [
        "sent     support to b@example.net through primary h:25",
        "event    the queue was damaged",
        "event    support: paused? delivery (by ann)",
        "changed  1 field by ann",
    ]


def test_for_programs(home: Path) -> None:
    _filled(home)
    mail, damaged, paused, changed = run(home, "history", "--json").json
    assert (mail["event"], mail["queue_id"], mail["ok"]) == ("mail", "1hm8z3v0q4rke", True)
    assert damaged["who"] is damaged["profile"] is None
    assert paused == {
        "event": "operation",
        "when": "2026-05-04T12:01:00+00:00",
        "who": "ann",
        "what": "paused\x1b delivery",
        "profile": "support",
    }
    assert (changed["event"], changed["who"]) == ("settings", "ann")
    assert [one["event"] for one in run(home, "history", "--json", "--message", "1@x").json] == ["mail"]
