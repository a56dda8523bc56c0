"""The drill takes the alternate, or the failover profile under its own name, and touches nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.outmail.cli.running import Ended, Practice, run
from tests.outmail.fake_relay import fake_relay

pytestmark = pytest.mark.long

Ready = Callable[..., Ended]


def test_the_alternate_takes_the_mail_while_the_primary_is_well(ready: Ready, tenant: Practice) -> None:
    before = len(tenant.mails())
    done = ready("drill", "support", "--to", "admin@practice.test")
    assert done.code == 0, done.err
    assert "treated as down: this is a drill" in done.out
    primary = tenant.says["servers"]["primary"]
    assert f"with {primary['host']}:{primary['port']} down, alternate " in done.out
    (mail,) = tenant.mails()[before:]
    assert b"Subject: Failover drill of outmail (support)" in mail
    assert b"To: admin@practice.test" in mail


def test_json_and_the_history(ready: Ready, tenant: Practice) -> None:
    found = ready("drill", "--json").json
    assert found["ok"]
    assert (found["profile"], found["server"], found["queued"]) == ("support", "alternate", False)
    assert found["answer"].startswith("250 ")
    assert found["recipients"][0]["recipient"] == tenant.says["username"]  # to itself
    event, mail = ready("history", "--json", "--limit", "2").json
    assert mail["message_id"] == found["message_id"]
    assert (event["event"], event["profile"]) == ("operation", "support")
    assert event["what"].startswith(f"drill passed: with {found['down']} down, alternate ")
    assert event["who"]
    assert "event    support: drill passed" in ready("history").out


def test_an_alternate_that_is_down_is_found_out(ready: Ready, tenant: Practice) -> None:
    tenant.fault("alternate", "down")
    before = len(tenant.mails())
    done = ready("drill")
    assert done.code == 75
    assert done.err.startswith("outmail: nobody took over from ")
    assert len(done.err.splitlines()) == 2
    assert len(tenant.mails()) == before
    assert ready("drill", "--json").json["diagnosis"]["id"]
    assert "drill FAILED" in ready("history").out


def _backup(tenant: Practice, policy: str) -> str:
    """`lonely` has no alternate, and fails over to `backup`, which sends under another address."""
    text = tenant.profile("lonely")
    begin, end = text.index("[[profiles.lonely.smtp.alternates]]"), text.index("[profiles.lonely.auth]")
    lonely = text[:begin] + text[end:] + '[profiles.lonely.failover]\nprofile = "backup"\n'
    backup = tenant.profile("backup", sender_policy=f'"{policy}"')
    address = f'from_address = "{tenant.says["username"]}"'
    return lonely.replace(address, 'from_address = "lonely@practice.test"') + backup


def test_the_failover_profile_sends_under_its_own_name(home: Path, tenant: Practice) -> None:
    assert run(home, "profile", "import", "-", stdin=_backup(tenant, "rewrite")).code == 0
    before = len(tenant.mails())
    done = run(home, "drill", "lonely", "--to", "a@practice.test", "--json")
    assert done.code == 0, done.err
    assert done.json["server"] == "backup: primary"
    (mail,) = tenant.mails()[before:]
    from_field = next(line for line in mail.splitlines() if line.startswith(b"From:"))
    assert tenant.says["username"].encode() in from_field


def test_a_failover_profile_that_refuses_the_sender_is_found_out(home: Path, tenant: Practice) -> None:
    assert run(home, "profile", "import", "-", stdin=_backup(tenant, "enforce")).code == 0
    before = len(tenant.mails())
    done = run(home, "drill", "lonely")
    assert done.code == 69
    assert "nobody took over" in done.err
    assert len(tenant.mails()) == before


def test_nothing_to_fail_over_to_is_78_with_the_remedy(home: Path, tenant: Practice) -> None:
    text = _backup(tenant, "rewrite").replace('[profiles.lonely.failover]\nprofile = "backup"\n', "")
    assert run(home, "profile", "import", "-", stdin=text).code == 0
    done = run(home, "drill", "lonely")
    assert done.code == 78
    assert done.out == ""
    first, second = done.err.splitlines()
    assert first.startswith("outmail: profile lonely has nothing to fail over to: ")
    assert "[profiles.lonely.failover]" in second


@pytest.mark.parametrize(
    ("argv", "code"),
    [(["nobody"], 78), (["--to", "a b"], 65), (["--to", "x@y\nRCPT"], 65), (["--quickly"], 64)],
)
def test_wrong_use(ready: Ready, argv: list[str], code: int) -> None:
    done = ready("drill", *argv)
    assert (done.code, done.out) == (code, "")


def test_a_running_relay_is_not_asked_anything(ready: Ready, home: Path) -> None:
    with fake_relay(home / "run", {}) as relay:
        assert ready("drill").code == 0
        assert relay.asked == []
