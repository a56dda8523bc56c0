"""From a profile file to a mail that was read back, as a script would do it."""

from __future__ import annotations

import email
from collections.abc import Callable
from email import policy
from email.message import EmailMessage
from pathlib import Path

from tests.outmail.cli.running import Ended, Practice

STEPS = ["resolve", "connect", "greeting", "starttls", "authenticate", "sender", "permission"]


def _newest(tenant: Practice) -> EmailMessage:
    return email.message_from_bytes(tenant.mails()[-1], _class=EmailMessage, policy=policy.default)


def test_check_sample_and_send(ready: Callable[..., Ended], tenant: Practice, tmp_path: Path) -> None:
    checked = ready("check", "support", "--server", "all", "--json")
    assert checked.code == 0
    assert checked.err == ""
    assert checked.json["profile"] == "support"
    assert checked.json["ok"] is True
    primary, alternate = checked.json["servers"]
    assert (primary["server"], alternate["server"]) == ("primary", "alternate")
    assert [step["step"] for step in primary["steps"]] == STEPS
    assert {step["status"] for step in primary["steps"]} == {"pass"}
    assert all({"step", "status", "ms", "detail"} <= step.keys() for step in primary["steps"])

    sampled = ready("sample", "someone@practice.test")
    assert sampled.code == 0
    assert "sent through primary" in sampled.out
    mail = _newest(tenant)
    (sender,) = mail["From"].addresses
    assert (sender.display_name, sender.addr_spec) == ("Hilfe & Größe", "desk@practice.test")
    assert mail["Reply-To"] == "support@practice.test"

    name = "Prüfbericht – März 日本.bin"
    data = bytes(range(256)) * 50
    (tmp_path / name).write_bytes(data)
    sent = ready(
        *("send", "-p", "support", "--to", "Änne <a@practice.test>", "--cc", "b@practice.test"),
        *("--bcc", "hidden@practice.test", "--subject", "Größe & 日本"),
        *("--body-file", "-", "--attach", str(tmp_path / name), "--json"),
        stdin="Erste Zeile\n.\nPunkt allein; Ende ohne Umbruch",
    )
    assert sent.code == 0, sent.err
    assert sent.json["ok"] is True
    assert sent.json["queued"] is False
    assert sent.json["server"] == "primary"
    assert sent.json["answer"].startswith("250")
    assert {"ok", "message_id", "server", "address", "answer", "ms", "queued"} <= sent.json.keys()
    mail = _newest(tenant)
    assert mail["Message-ID"] == sent.json["message_id"]
    assert mail["Subject"] == "Größe & 日本"
    assert b"hidden@" not in tenant.mails()[-1].split(b"\r\n\r\n", 1)[1]
    assert mail["Bcc"] is None
    body = mail.get_body(("plain",))
    assert body is not None
    assert body.get_content().rstrip("\n").splitlines() == [
        "Erste Zeile",
        ".",
        "Punkt allein; Ende ohne Umbruch",
    ]
    (attached,) = mail.iter_attachments()
    assert attached.get_filename() == name
    assert attached.get_payload(decode=True) == data

    told = ready("history", "--json", "--message", sent.json["message_id"].strip("<>")).json
    assert [entry["event"] for entry in told] == ["mail"]
    assert {r["recipient"] for r in told[0]["recipients"]} == {
        "a@practice.test",
        "b@practice.test",
        "hidden@practice.test",
    }
    assert ready("status", "--json").json["sent"] == 2


def test_the_alternate_takes_over_and_says_so(ready: Callable[..., Ended], tenant: Practice) -> None:
    tenant.fault("primary", "down")
    sent = ready("send", "--to", "a@practice.test", "--subject", "x")
    assert sent.code == 0
    assert "sent through alternate" in sent.out
    assert "primary" in sent.err
    assert "was passed over" in sent.err


def test_a_mail_that_may_have_been_taken_is_not_called_unsent(
    ready: Callable[..., Ended], tenant: Practice
) -> None:
    before = len(tenant.mails())
    tenant.fault("primary", "drop-after-data")
    sent = ready("sample", "a@practice.test")
    assert sent.code == 75
    assert sent.err.startswith("outmail: perhaps sent: ")
    assert len(tenant.mails()[before:]) <= 1  # never by another route too
