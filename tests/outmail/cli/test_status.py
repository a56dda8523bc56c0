"""`outmail status` asks the running relay, with nothing heavy and no key; without one it looks for itself."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from outmail.engine.relay_status import Pause, RelayStatus, RouteStatus
from store.errors import ErrorKind, StoreError
from store.spool_shapes import Counts
from tests.outmail.cli.running import run
from tests.outmail.engine.test_idle_queue import fill
from tests.outmail.fake_relay import fake_relay
from tests.outmail.test_imports import loaded, tops

SINCE = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
PLAIN = """
[profiles.support]
protocol = "smtp"
from_address = "a@example.org"
[profiles.support.smtp]
host = "127.0.0.1"
port = 1
"""
RUNNING = RelayStatus(
    True,
    ("127.0.0.1:2525", "unix:/run/x"),
    SINCE,
    4711,
    "1.0",
    routes=(RouteStatus("support", "smtp", address="one.example.org:587"),),
    counts=Counts(waiting=3, held=1, sent=1),
)


def answer(status: RelayStatus, **sign_in: object) -> dict[str, Any]:
    found = status.to_json()
    for route in found["profiles"]:
        route.update({"signed_in": True, "method": "basic", **sign_in})
    return found


def test_json_is_the_relays_answer(home: Path) -> None:
    told = answer(RUNNING)
    with fake_relay(home / "run", {"status": told}) as relay:
        done = run(home, "status", "--json")
        assert [one["do"] for one in relay.asked] == ["status"]
    assert done.json == told
    assert done.err == ""
    assert not (home / "vault").exists()


def test_a_relay_that_is_well(home: Path) -> None:
    with fake_relay(home / "run", {"status": answer(RUNNING)}):
        lines = run(home, "status").out.splitlines()
    assert lines[0].startswith("relay     running since 2026-05-04 ")
    assert lines[0].endswith(" (process 4711), listening on 127.0.0.1:2525, unix:/run/x")
    assert lines[1:3] == ["queue     3 waiting, 1 held (outmail queue list)", "sent      1 mail"]
    assert lines[5].split() == ["support", "smtp", "primary", "one.example.org:587", "basic:", "ready"]
    assert len(lines) == 6


def test_banners_with_their_remedies(home: Path) -> None:
    route = RouteStatus(
        "support",
        "smtp",
        "alternate",
        "two.example.org:465",
        SINCE,
        "Connection refused\x1b[2J",
        12,
        Pause(SINCE, "", "535 no"),
        "it has no password",
    )
    status = replace(RUNNING, routes=(route,), pause=Pause(SINCE, "ann", "mending"))
    with fake_relay(home / "run", {"status": answer(status)}):
        shown = run(home, "status").out
    lines = shown.splitlines()
    assert lines[1].startswith("PAUSED    all delivery since 2026-05-04 ")
    assert lines[1].endswith(" by ann: mending; mail is accepted and queued: outmail resume")
    assert "support: CANNOT SEND: it has no password: outmail check support" in lines
    failover = next(line for line in lines if "FAILOVER" in line)
    assert "mail goes through alternate two.example.org:465 since 2026-05-04 " in failover
    assert failover.endswith("(12 mails): Connection refused?[2J")
    assert "support: once the primary is mended: outmail reconnect support" in lines
    assert any(line.endswith(": 535 no: outmail resume support") for line in lines)


def test_sign_ins_that_need_somebody(home: Path) -> None:
    ends = {"what": "sign-in", "condition": "unless used", "when": "2026-06-01T00:00:00Z", "soon": True}
    told = answer(
        RUNNING,
        method="oauth",
        account="a@b",
        sign_in_problem="it was withdrawn",
        ends=[{**ends, "days": 3, "remedy": "outmail signin support"}],
    )
    with fake_relay(home / "run", {"status": told}):
        shown = run(home, "status").out
    assert "oauth: a@b, sign-in until 2026-06-01 unless used" in shown
    assert "support: it was withdrawn: outmail signin support" in shown
    assert "support: sign-in ends on 2026-06-01, unless used (days left: 3): outmail signin support" in shown


@pytest.mark.parametrize("argv", [["status", "--json"], ["status"]])
def test_with_a_relay_nothing_heavy_is_loaded(home: Path, argv: list[str]) -> None:
    with fake_relay(home / "run", {"status": answer(RUNNING)}):
        code, modules = loaded(home, *argv)
    assert code == 0
    assert not tops(modules) & {
        "aiosmtplib", "asyncio", "cryptography", "email", "platformdirs", "pydantic", "sqlite3", "textual",
    }  # fmt: skip


def test_a_relay_that_may_not_be_asked_is_77(home: Path) -> None:
    refusal = StoreError(ErrorKind.FORBIDDEN, "not allowed", "bob is no admin", "use sudo")
    with fake_relay(home / "run", {"status": refusal}):
        done = run(home, "status", "--json")
    assert (done.code, done.out) == (77, "")
    assert done.err == "outmail: not allowed: bob is no admin\n  use sudo\n"


def test_without_a_relay_the_queue_is_as_it_lies_on_the_disk(home: Path) -> None:
    assert run(home, "profile", "import", "-", stdin=PLAIN).code == 0
    fill(home / "spool")
    before = {p: p.stat().st_mtime_ns for p in (home / "spool" / "queue").rglob("*")}
    found = run(home, "status", "--json").json
    assert found["queue"] == {"waiting": 2, "sending": 0, "uncertain": 0, "held": 1, "dead": 1}
    (profile,) = found["profiles"]
    assert (profile["profile"], profile["active"], profile["signed_in"]) == ("support", "primary", True)
    lines = run(home, "status").out.splitlines()
    assert lines[0] == "relay     not running: what is queued waits until one runs: outmail relay"
    assert lines[1] == "queue     2 waiting, 1 held, 1 dead (outmail queue list)"
    assert {p: p.stat().st_mtime_ns for p in (home / "spool" / "queue").rglob("*")} == before
