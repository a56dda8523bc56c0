"""`outmail history --trace`: where a mail is now, as far as the service that took it tells."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.outmail.cli.running import Ended, Practice, run

NAME = "practice-graph-app"


def sent(home: Path, profile: str) -> str:
    """The Message-ID of a mail that was sent now."""
    words = ("send", "-p", profile, "--to", "a@practice.test", "--subject", "x", "--json")
    done = run(home, *words, stdin="text\n")
    assert done.code == 0, done.err
    return str(done.json["message_id"])


def test_graph_is_asked_and_what_it_may_not_tell_is_said(tenant: Practice) -> None:
    number = sent(tenant.home, NAME)
    done = run(tenant.home, "history", "--message", number, "--trace")
    assert done.code == 0, done.err
    assert "202 Accepted" in done.out
    assert "in Sent Items\n" in done.out
    assert "not known: the app may not read the message trace" in done.out
    (entry,) = run(tenant.home, "history", "--message", number, "--trace", "--json").json
    assert entry["trace"]["sent_items"] is True
    assert entry["trace"]["recipients"] is None
    assert len(entry["trace"]["unknown"]) == 1
    (plain,) = run(tenant.home, "history", "--message", number, "--json").json
    assert "trace" not in plain


def test_a_mail_whose_answer_was_lost_is_looked_for(tenant: Practice) -> None:
    tenant.fault("graph", "drops-after-accepting")
    words = ("send", "-p", NAME, "--to", "z@practice.test", "--subject", "x", "--json")
    number = run(tenant.home, *words, stdin="text\n").json["message_id"]
    tenant.mend()
    done = run(tenant.home, "history", "--message", number, "--trace")
    assert done.code == 0, done.err
    assert "in Sent Items\n" in done.out


def test_a_service_that_cannot_be_asked_is_told_and_the_mail_shown(tenant: Practice) -> None:
    number = sent(tenant.home, NAME)
    tenant.fault("graph", "unavailable")
    done = run(tenant.home, "history", "--message", number, "--trace")
    assert done.code == 75
    assert number in done.out
    assert f"{number} was not traced" in done.err


def test_smtp_tells_nothing_more_and_that_is_said(ready: Callable[..., Ended]) -> None:
    words = ("send", "-p", "support", "--to", "a@practice.test", "--subject", "x", "--json")
    number = ready(*words, stdin="text\n").json["message_id"]
    done = ready("history", "--message", number, "--trace")
    assert done.code == 0
    assert "not known: an SMTP server tells nothing of a mail that it took" in done.out


def test_it_asks_about_one_mail(home: Path) -> None:
    done = run(home, "history", "--trace")
    assert (done.code, done.out) == (64, "")
    assert "--trace needs --message ID" in done.err
    done = run(home, "history", "--trace", "--message", "<no@such>")
    assert done.code == 0
    assert "no mail <no@such> is in the history" in done.err
