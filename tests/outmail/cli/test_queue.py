"""`outmail queue`, `pause` and the like: without a relay on the queue itself, with one by its socket."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from store.errors import ErrorKind, StoreError
from store.history import History
from store.spool_ids import MailId
from store.spool_shapes import Cause, Entry, LastError, Line, State
from tests.outmail.cli.running import run
from tests.outmail.engine.test_idle_queue import fill
from tests.outmail.fake_relay import fake_relay

pytestmark = pytest.mark.long

NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
REFUSED = LastError(
    "Connection refused\x1b[2J", scope="server", verdict="retry", diagnosis="connection-refused"
)


def line(state: State, n: int = 0, **more: object) -> Line:
    found = Line(n, f"to{n}@example.net", state, NOON, 2, 0, NOON, "", REFUSED, "connection-refused")
    return replace(found, **more)  # type: ignore[arg-type]


def entry(*lines: Line, sender: str = "app@example.org") -> Entry:
    return Entry(
        MailId("1hm8z3v0q4rke"), "support", sender, 2048, NOON, "smtp 127.0.0.1", False, False, "", "", lines
    )


@pytest.fixture
def ids(home: Path) -> list[MailId]:
    """Four mails lie in the queue: waiting, deferred, held, dead."""
    return fill(home / "spool")


def test_an_empty_queue(home: Path) -> None:
    listed = run(home, "queue", "list")
    assert (listed.code, listed.out, listed.err) == (0, "", "the queue is empty\n")
    assert run(home, "queue", "list", "--json").json == []
    assert run(home, "queue", "causes", "--json").json == []
    assert run(home, "queue", "causes").err == "nothing waits for a cause\n"
    assert run(home, "queue", "retry", "--all").out == "nothing is tried again at once\n"


def test_a_list_in_plain_words_and_for_programs(home: Path, ids: list[MailId]) -> None:
    head, *rows = run(home, "queue", "list").out.splitlines()
    assert head.split() == ["ID", "FROM", "TO", "STATE", "NEXT", "WHY"]
    assert [row.split()[0] for row in rows] == ids
    assert rows[0].endswith("its turn comes")
    assert "0@example.org" in rows[0]
    found = run(home, "queue", "list", "--json").json
    assert [one["id"] for one in found] == ids
    assert set(found[1]) >= {
        "id", "profile", "state", "from", "to", "size", "attempts", "next_attempt", "last_error",
    }  # fmt: skip
    assert found[1]["to"] == ["1@example.org"]
    assert found[1]["last_error"] == "451 4.7.1 come back later"


@pytest.mark.parametrize(
    ("options", "places"),
    [
        (["--state", "held"], [2]),
        (["--state", "held", "--state", "dead"], [2, 3]),
        (["--profile", "nobody"], []),
        (["--cause", "greylisted"], [1, 2, 3]),
        (["--limit", "2"], [0, 1]),
    ],
)
def test_a_part_of_the_list(home: Path, ids: list[MailId], options: list[str], places: list[int]) -> None:
    done = run(home, "queue", "list", "--json", *options)
    assert [one["id"] for one in done.json] == [ids[place] for place in places]
    assert ("there are more" in done.err) == ("--limit" in options)


def test_one_mail(home: Path, ids: list[MailId]) -> None:
    shown = run(home, "queue", "show", f" {ids[2].upper()} ")
    assert shown.code == 0
    assert f"id        {ids[2]}\n" in shown.out
    assert "2@example.org: held since " in shown.out
    assert shown.out.endswith("\n\nReceived: by test\nSubject: x\n")
    found = run(home, "queue", "show", ids[2], "--json").json
    assert (found["state"], found["headers"]) == ("held", "Received: by test\nSubject: x\n")


def test_steering_and_what_the_history_says(home: Path, ids: list[MailId]) -> None:
    assert run(home, "queue", "hold", ids[0]).out == "1 recipient is held\n"
    released = run(home, "queue", "release", "--all")
    assert released.out == "2 recipients are released\n"
    assert released.err.startswith("no relay runs: ")
    retried = run(home, "queue", "retry", "--cause", "greylisted", "--profile", "support")
    assert retried.out == "2 recipients are tried again at once\n"
    assert run(home, "queue", "retry", ids[0], ids[1]).code == 0
    assert run(home, "queue", "delete", ids[0], ids[3], ids[0]).out == "2 mails removed\n"
    assert [one["id"] for one in run(home, "queue", "list", "--json").json] == ids[1:3]
    said = [e.event.what for e in History(home / "spool").entries() if e.event]
    assert [what.partition(":")[0] for what in said] == [
        "removed from the queue", "tried again", "tried again", "released", "held",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "argv", [["show", "1hm8z3v0q4rke"], ["hold", "x"], ["release", "x"], ["retry", "x"], ["delete", "x"]]
)
def test_an_unknown_id_is_66(home: Path, argv: list[str]) -> None:
    done = run(home, "queue", *argv)
    assert (done.code, done.out) == (66, "")
    first, second = done.err.splitlines()
    assert first.startswith("outmail: there is no mail ")
    assert "outmail queue list" in second


@pytest.mark.parametrize(
    "argv",
    [
        ["queue"],
        ["queue", "list", "--state", "lost"],
        ["queue", "list", "--limit", "0"],
        ["queue", "show"],
        ["queue", "hold"],
        ["queue", "delete"],
        ["queue", "release"],
        ["queue", "retry"],
        ["queue", "retry", "--all", "abc"],
        ["queue", "retry", "--all", "--cause", "x"],
        ["queue", "release", "abc", "--cause", "x"],
        ["pause", "a", "b"],
        ["resume", "--all"],
        ["send", "--to", "a@b.c", "--subject", "x", "--queue", "--server", "primary"],
    ],
)
def test_wrong_use_is_64(home: Path, argv: list[str]) -> None:
    done = run(home, *argv)
    assert (done.code, done.out) == (64, "")
    assert done.err.startswith("outmail: wrong use: ")


def test_every_command_has_an_example(home: Path) -> None:
    for argv in (
        *(["queue", name] for name in ("list", "show", "causes", "retry", "hold", "release", "delete")),
        *([name] for name in ("queue", "pause", "resume", "reconnect", "drill", "status", "send")),
    ):
        shown = run(home, *argv, "--help")
        assert shown.code == 0
        assert f"Example: outmail {' '.join(argv)}" in " ".join(shown.out.split())


def test_the_words_of_a_running_relay(home: Path) -> None:
    entries = [
        entry(line(State.WAITING), line(State.WAITING, 1), line(State.SENT, 2)),
        entry(line(State.UNCERTAIN, uncertain_at="smtp.example.org:587"), sender=""),
        entry(line(State.HELD, cause="hold", held_why="by ann", due=None)),
        entry(line(State.WAITING, due=None, last_error=LastError("535 no", diagnosis="none-of-ours"))),
    ]
    cause = Cause("connection-refused", "support", State.WAITING, 7, REFUSED)
    answers = {
        "page": [one.to_json() for one in entries],
        "show": {"mail": entries[0].to_json(), "headers": "Subject: x\n"},
        "causes": [cause.to_json(), Cause("hold", "support", State.HELD, 1, None).to_json()],
    }
    with fake_relay(home / "run", answers) as relay:
        listed = run(home, "queue", "list", "--limit", "4", "--state", "waiting")
        (asked,) = relay.did("page")
        assert asked["which"] == {"ids": None, "profile": None, "states": ["waiting"], "cause": None}
        assert asked["limit"] == 5
        shown = run(home, "queue", "show", "1hm8z3v0q4rke")
        causes = run(home, "queue", "causes")
        as_json = run(home, "queue", "causes", "--json").json
    _, first, second, third, fourth = listed.out.splitlines()
    assert "to0@example.net and 1 more" in first
    assert "2026-05-04" in first
    assert "\x1b" not in listed.out + shown.out
    assert " <> " in second
    assert "smtp.example.org:587 may have taken it already" in second
    assert third.endswith("held by ann")
    assert fourth.endswith("stands still until it is retried: 535 no")
    assert "to1@example.net: waiting since " in shown.out
    assert "Connection refused?[2J" in shown.out
    assert "outmail queue retry --cause connection-refused" in causes.out
    assert "outmail queue release --cause hold" in causes.out
    assert as_json[0]["title"]
    assert not (home / "spool").exists()


def test_steering_a_running_relay(home: Path) -> None:
    answers = {
        "hold": 1, "release": 2, "retry": 3, "delete": 1, "pause": ["support"], "resume": ["support"],
        "reconnect": ["support", "other"],
    }  # fmt: skip
    with fake_relay(home / "run", answers) as relay:
        assert run(home, "queue", "release", "--cause", "hold").out == "2 recipients are released\n"
        assert run(home, "queue", "retry", "--all").err == ""
        assert run(home, "queue", "delete", "abc", "--yes").code == 0
        assert run(home, "pause", "support", "--why", "new password").code == 0
        assert run(home, "resume").out == "delivery goes on: support\n"
        assert run(home, "reconnect").out == "back to the primary server: support, other\n"
        assert relay.did("retry")[0]["which"]["ids"] is None
        assert relay.did("delete") == [{"ids": ["abc"]}]
        assert relay.did("pause") == [{"profile": "support", "why": "new password"}]
        assert relay.did("resume") == [{"profile": None}]
    assert not (home / "spool").exists()  # the relay notes it


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (ErrorKind.FORBIDDEN, 77),
        (ErrorKind.NOT_FOUND, 66),
        (ErrorKind.NO_PROFILE, 78),
        (ErrorKind.FULL, 73),
        (ErrorKind.LOCKED, 75),
    ],
)
def test_what_the_relay_refuses(home: Path, kind: ErrorKind, code: int) -> None:
    with fake_relay(home / "run", {"pause": StoreError(kind, "not\x1b done", "that is why", "do this")}):
        done = run(home, "pause")
    assert (done.code, done.out) == (code, "")
    assert done.err == "outmail: not\\x1b done: that is why\n  do this\n"


@pytest.mark.parametrize("answer", [b"", b"{", b'{"ok": true}', b"[]", b'{"ok": false, "error": {}}'])
def test_an_answer_that_is_none_is_75(home: Path, answer: bytes) -> None:
    with fake_relay(home / "run", {"causes": answer}):
        done = run(home, "queue", "causes")
    assert (done.code, done.out) == (75, "")
    assert done.err.startswith("outmail: the relay does not answer: ")


def test_a_pause_without_a_relay_is_seen_until_resumed(home: Path) -> None:
    done = run(home, "pause", "--why", "mending")
    assert done.out == "delivery of all profiles is paused; mail is still accepted and queued\n"
    assert done.err == "let it go on: outmail resume\n"
    shown = run(home, "status").out
    assert "PAUSED    all delivery since " in shown
    assert ": mending; mail is accepted and queued: outmail resume" in shown
    assert run(home, "status", "--json").json["relay"]["paused"]
    assert run(home, "resume").code == 0
    assert run(home, "resume").out == "nothing was paused\n"
    assert not run(home, "status", "--json").json["relay"]["paused"]
