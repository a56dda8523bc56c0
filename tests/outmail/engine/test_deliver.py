"""One mail, sent now: who gets it, through which server, and what never happens twice."""

from __future__ import annotations

import email
from collections.abc import AsyncIterator
from email import policy
from email.message import EmailMessage
from pathlib import Path

import pytest

from outmail.demo.tenant import PracticeTenant
from outmail.engine.compose import Draft, compose
from outmail.engine.deliver import deliver
from outmail.engine.errors import EngineError
from outmail.engine.report import Progress, SendReport, send_json
from outmail.engine.sample import sample
from store.profiles import Profile
from tests.servers.scripted import Script, ScriptedServer
from transports.base import Envelope


@pytest.fixture
async def tenant(tmp_path: Path) -> AsyncIterator[PracticeTenant]:
    async with PracticeTenant(tmp_path / "tenant", slow_seconds=0.05) as running:
        yield running


def practice(tenant: PracticeTenant) -> Profile:
    """The profile that works."""
    return tenant.profiles().profiles["practice"]


async def send(tenant: PracticeTenant, *to: str, which: str | None = None) -> SendReport:
    """Send a small mail by the working profile."""
    composed = compose(practice(tenant), Draft(to or ("you@practice.test",), "Hello", "text"))
    return await deliver(
        "practice",
        practice(tenant),
        composed.envelope,
        composed.message_id,
        which=which,
        watch=lambda _p: None,
    )


async def test_a_mail_arrives_and_the_report_has_the_server_s_answer(tenant: PracticeTenant) -> None:
    report = await send(tenant)
    assert report.ok
    assert report.server == "primary"
    assert report.answer.startswith("250 ")
    (mail,) = tenant.mails
    assert mail.recipients == ("you@practice.test",)
    found = send_json(report)
    contract = {"ok", "message_id", "server", "address", "answer", "ms", "queued"}
    assert contract <= found.keys()
    assert found["message_id"] == report.message_id


@pytest.mark.parametrize("fault", ["down", "busy", "tempfail", "expired", "no-starttls", "injected-starttls"])
async def test_an_unavailable_primary_sends_the_mail_to_the_alternate_once(
    tenant: PracticeTenant, fault: str
) -> None:
    tenant.set_fault("primary", fault)
    report = await send(tenant)
    assert report.ok
    assert report.server == "alternate"
    assert [a.server for a in report.attempts] == ["primary", "alternate"]
    assert report.attempts[0].finding is not None, "why the primary was left is in the report"
    assert [m.server for m in tenant.mails] == ["alternate"]


@pytest.mark.parametrize(
    ("fault", "finding"),
    [
        ("password-refused", "auth-refused"),
        ("relay-denied", "relaying-denied"),
        ("mailbox-unknown", "recipient-unknown"),
        ("rejected-content", "message-refused-as-spam"),
        ("too-large", "message-too-large"),
        ("drop-after-data", "uncertain"),
    ],
)
async def test_a_refusal_or_an_uncertain_end_never_goes_to_the_alternate(
    tenant: PracticeTenant, fault: str, finding: str
) -> None:
    tenant.set_fault("primary", fault)
    report = await send(tenant)
    assert not report.ok
    assert report.finding is not None
    assert report.finding.id == finding
    assert report.uncertain == (finding == "uncertain")
    assert send_json(report)["uncertain"] is report.uncertain
    assert [a.server for a in report.attempts] == ["primary"]
    assert not [m for m in tenant.mails if m.server == "alternate"]


async def test_a_partial_refusal_is_told_for_each_recipient(tenant: PracticeTenant) -> None:
    report = await send(tenant, "you@practice.test", "nobody@practice.test")
    assert not report.ok
    fates = {r.recipient: r.finding and r.finding.id for r in report.recipients}
    assert fates == {"you@practice.test": None, "nobody@practice.test": "recipient-unknown"}
    assert "1 of 2" in report.error
    assert tenant.mails[0].recipients == ("you@practice.test",)


async def test_when_all_are_refused_each_recipient_has_a_reason_of_its_own(tenant: PracticeTenant) -> None:
    report = await send(tenant, "nobody@practice.test", "nobody@elsewhere.test")
    assert not report.ok
    assert [r.recipient for r in report.recipients] == ["nobody@practice.test", "nobody@elsewhere.test"]
    assert all(r.finding and r.recipient in r.answer for r in report.recipients)


async def test_a_forced_server_is_the_only_one_tried(tenant: PracticeTenant) -> None:
    assert (await send(tenant, which="alternate")).server == "alternate"
    tenant.set_fault("alternate", "down")
    report = await send(tenant, which="alternate")
    assert not report.ok
    assert report.temporary
    assert [a.server for a in report.attempts] == ["alternate"]


async def test_all_servers_down_may_go_through_later(tenant: PracticeTenant) -> None:
    tenant.set_fault("primary", "down")
    tenant.set_fault("alternate", "down")
    report = await send(tenant)
    assert not report.ok
    assert report.temporary
    assert not report.sign_in
    assert [a.server for a in report.attempts] == ["primary", "alternate"]


async def test_the_sample_mail_shows_the_sender_and_names_its_server(tenant: PracticeTenant) -> None:
    tenant.set_fault("primary", "down")
    seen: list[Progress] = []
    report = await sample("practice", practice(tenant), "you@practice.test", watch=seen.append)
    assert report.ok
    assert seen
    (mail,) = tenant.mails
    message = email.message_from_bytes(mail.content, policy=policy.default)
    assert isinstance(message, EmailMessage)
    assert message["From"] == "Practice Desk <desk@practice.test>"
    assert message["Reply-To"] == "support@practice.test"
    assert message["Message-ID"] == report.message_id
    address = practice(tenant).servers[1].address
    for kind in ("plain", "html"):
        body = message.get_body((kind,))
        assert body is not None
        text = body.get_content()
        assert f"{address} (alternate)" in text
        assert "desk@practice.test" in text


async def test_the_sample_mail_s_address_is_checked_before_anything_is_connected(
    tenant: PracticeTenant,
) -> None:
    seen: list[Progress] = []
    with pytest.raises(EngineError):
        await sample("practice", practice(tenant), "no address\r\nBcc: x@y.test", watch=seen.append)
    assert seen == []


async def test_taken_for_some_is_never_for_the_same_mail_to_be_tried_again() -> None:
    # A script that repeats on "try later" would send it twice to the one who has it.
    script: Script = {"RCPT": [b"250 2.1.5 Ok\r\n", b"451 4.3.2 Try later\r\n"]}
    async with ScriptedServer(script) as server:
        profile = Profile.model_validate(
            {
                "protocol": "smtp",
                "from_address": "a@example.test",
                "smtp": {"host": server.host, "port": server.port, "security": "none"},
            }
        )
        mail = Envelope("a@example.test", ("b@example.test", "c@example.test"), b"Subject: x\r\n\r\nx\r\n")
        report = await deliver("p", profile, mail, "<x@example.test>", watch=lambda _progress: None)
    assert [r.finding is None for r in report.recipients] == [True, False]
    assert not report.ok
    assert not report.temporary
