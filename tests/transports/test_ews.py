"""EWS as a way out, against the practice Exchange: what is asked, who signs in how, and that none goes twice.

Every request that leaves in these tests is held against Microsoft's own schemas.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from outmail.demo.ews.faults import EwsFault
from outmail.demo.names import DESK, SUPPORT
from outmail.demo.tenant import PracticeTenant
from tests.outmail.demo.conftest import tenant as a_tenant
from tests.transports.ewses import app_only, delegated, envelope, opened, refused, route, stopped, tenant
from tests.transports.graphs import Supply, mail
from tests.transports.watching import Watcher
from transports.base import (
    CancelledAfterHandOver,
    Cause,
    Scope,
    Status,
    StepName,
    TransportError,
    Verdict,
)
from transports.ews import EwsTransport
from transports.routes import EwsRoute, Throttle

__all__ = ["a_tenant", "tenant"]


# What is sent


async def test_the_envelope_decides_who_gets_it_and_hidden_ones_stay_hidden(tenant: PracticeTenant) -> None:
    content = mail("one", b"a@example.org, Boss <boss@example.org>", more=b"Bcc: old@example.org\r\n")
    async with opened(route(tenant)) as way:
        sent = envelope("one", "a@example.org", "eve@example.org", content=content)
        receipt = await way.send(sent, Watcher().trace)
    (got,) = tenant.ews.messages
    assert sorted(got.recipients) == ["a@example.org", "eve@example.org"]
    assert b"eve@example.org" not in got.content
    assert b"old@example.org" not in got.content
    assert receipt.answer.startswith("200 NoError (")
    assert receipt.provider_id
    assert [(one.recipient, one.failure) for one in receipt.outcomes] == [
        ("a@example.org", None),
        ("eve@example.org", None),
    ]


@pytest.mark.parametrize("keep_copy", [False, True])
async def test_a_mail_is_one_request_with_its_mime_and_nothing_beside(
    tenant: PracticeTenant, keep_copy: bool
) -> None:
    content = mail("one", more=b"Importance: high\r\nDisposition-Notification-To: desk@practice.test\r\n")
    async with opened(route(tenant, keep_copy=keep_copy)) as way:
        before = tenant.ews.asked
        await way.send(envelope(content=content), Watcher().trace)
        assert tenant.ews.asked == before + 1
    (submission,) = tenant.ews.submissions
    assert submission.properties == {}, "Importance: Normal would stand against the mail's own header"
    assert submission.disposition == ("SendAndSaveCopy" if keep_copy else "SendOnly")
    assert len(tenant.ews.sent) == keep_copy
    assert tenant.ews.messages[0].content == content


async def test_an_application_acts_as_the_mailbox(tenant: PracticeTenant) -> None:
    content = mail("shared").replace(DESK.encode(), SUPPORT.encode())
    watcher = Watcher()
    async with opened(await app_only(tenant, SUPPORT, keep_copy=True), watcher) as way:
        await way.send(envelope("shared", content=content), watcher.trace)
    (submission,) = tenant.ews.submissions
    assert (submission.mailbox, submission.anchor, submission.impersonates) == (SUPPORT, SUPPORT, True)
    assert [one.owner for one in tenant.ews.sent] == [SUPPORT]
    assert SUPPORT in watcher[StepName.ACCOUNT].detail


async def test_a_copy_of_a_shared_mailboxs_mail_lies_in_the_shared_mailbox(tenant: PracticeTenant) -> None:
    content = mail("shared").replace(DESK.encode(), SUPPORT.encode())
    async with opened(route(tenant, mailbox=SUPPORT, keep_copy=True)) as way:
        await way.send(envelope("shared", content=content), Watcher().trace)
    assert [one.owner for one in tenant.ews.sent] == [SUPPORT]
    assert tenant.ews.messages[0].sender == SUPPORT


async def test_a_route_that_names_no_mailbox_is_that_of_whoever_signs_in(tenant: PracticeTenant) -> None:
    async with opened(route(tenant, mailbox="", keep_copy=True)) as way:
        await way.send(envelope(), Watcher().trace)
    assert [one.owner for one in tenant.ews.sent] == [DESK]
    failure, _ = await stopped(await app_only(tenant, ""))
    assert failure.cause is Cause.UNSAFE_TEXT


# Answers that are lost, or that ask for patience


@pytest.mark.parametrize("fault", ["throttled", "server-busy", "busy-sending"])
async def test_nothing_is_asked_before_exchange_wants_it(tenant: PracticeTenant, fault: str) -> None:
    now = [1000.0]
    made = await delegated(tenant, throttle=Throttle())
    way = EwsTransport(made, clock=lambda: now[0])
    other = EwsTransport(made, clock=lambda: now[0])
    try:
        await way.open(Watcher().trace)
        tenant.set_fault("ews", fault)
        failure = await refused(way, envelope())
        assert (failure.scope, failure.verdict) == (Scope.SERVER, Verdict.RETRY)
        assert failure.retry_after == 2
        tenant.set_fault("ews", "none")
        asked = tenant.ews.asked
        now[0] += failure.retry_after - 0.01
        for one in (way, other):  # nor by another connection of the same route
            failure = await refused(one, envelope())
            assert failure.retry_after == pytest.approx(0.01, abs=0.005)
        assert tenant.ews.asked == asked
        now[0] += 0.02
        await way.send(envelope(), Watcher().trace)
        assert len(tenant.ews.messages) == 1
    finally:
        await way.close()
        await other.close()


@pytest.mark.parametrize("fault", ["times-out-after-accepting", "drops-after-accepting"])
@pytest.mark.parametrize("scheme", ["basic", "ntlm"])
async def test_a_lost_answer_is_uncertain_and_nothing_is_sent_twice(
    tenant: PracticeTenant, fault: str, scheme: str
) -> None:
    async with opened(route(tenant, scheme=scheme)) as way:
        tenant.set_fault("ews", fault)
        failure = await refused(way, envelope())
        assert (failure.scope, failure.verdict) == (Scope.MESSAGE, Verdict.UNCERTAIN)
        assert len(tenant.ews.messages) == 1
        tenant.set_fault("ews", "none")
        failure = await refused(way, envelope(again=True))
        assert (failure.verdict, failure.cause) == (Verdict.UNCERTAIN, Cause.CANNOT_ASK)
    assert len(tenant.ews.messages) == 1


async def test_patience_that_a_check_was_asked_for_is_kept_too(tenant: PracticeTenant) -> None:
    throttle = Throttle()
    tenant.set_fault("ews", "throttled")
    failure, _ = await stopped(route(tenant, throttle=throttle))
    assert failure.code == 429
    assert throttle.until > 0


async def test_what_is_not_in_sent_items_is_sent(tenant: PracticeTenant) -> None:
    async with opened(route(tenant, keep_copy=True)) as way:
        await way.send(envelope("one"), Watcher().trace)
        receipt = await way.send(envelope("it's & another", again=True), Watcher().trace)
    assert "found" not in receipt.answer
    assert len(tenant.ews.messages) == 2


@pytest.mark.parametrize("fault", ["times-out-after-accepting", "drops-after-accepting"])
async def test_a_lost_answer_is_settled_by_looking(tenant: PracticeTenant, fault: str) -> None:
    people = ("a@example.org", "hidden@example.org")
    async with opened(route(tenant, keep_copy=True)) as way:
        tenant.set_fault("ews", fault)
        failure = await refused(way, envelope("one", *people))
        assert failure.verdict is Verdict.UNCERTAIN
        tenant.set_fault("ews", "none")
        receipt = await way.send(envelope("one", *people, again=True), Watcher().trace)
        assert "found in Sent Items" in receipt.answer
        assert len(tenant.ews.messages) == 1, "it was not sent a second time"
        # The same Message-ID for each recipient, as programs do: this is another mail.
        await way.send(envelope("one", "b@example.org", again=True), Watcher().trace)
    assert len(tenant.ews.messages) == 2


async def test_where_nobody_can_look_it_is_sent_again_if_the_profile_says_so(tenant: PracticeTenant) -> None:
    async with opened(route(tenant, unasked="send-again")) as way:
        await way.send(envelope(again=True), Watcher().trace)
    assert len(tenant.ews.messages) == 1


@pytest.mark.parametrize("scheme", ["basic", "ntlm"])
async def test_cut_off_after_the_hand_over(tenant: PracticeTenant, scheme: str) -> None:
    slow = EwsFault("taken-and-silent", "It takes the mail and answers late.", slow=True)
    tenant.ews._slow_seconds = 60
    async with opened(route(tenant, scheme=scheme)) as way:
        tenant.ews.be(slow)
        before = tenant.ews.asked
        task = asyncio.create_task(way.send(envelope(), Watcher().trace))
        async with asyncio.timeout(10):
            while tenant.ews.asked == before:  # noqa: ASYNC110 - there is no event for a test to wait for
                await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(CancelledAfterHandOver):
            await task


async def test_cut_off_before_the_hand_over_nothing_is_sent_later(tenant: PracticeTenant) -> None:
    async with opened(route(tenant)) as way:
        for turns in range(6):
            task = asyncio.create_task(way.send(envelope(f"n{turns}"), Watcher().trace))
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError) as caught:
                await task
            if not isinstance(caught.value, CancelledAfterHandOver):
                assert not any(f"<n{turns}@".encode() in one.content for one in tenant.ews.messages)
        await way.send(envelope("last"), Watcher().trace)
    assert sum(b"<last@" in one.content for one in tenant.ews.messages) == 1


async def test_a_large_mail_travels_once_though_ntlm_signed_in_another_connection(
    tenant: PracticeTenant,
) -> None:
    content = mail("large", body=(b"x" * 76 + b"\r\n") * 20_000)
    async with opened(route(tenant, scheme="ntlm")) as way:
        tenant.ews.hang_up()
        await way.send(envelope(content=content), Watcher().trace)
    assert tenant.ews.messages[0].content == content
    large = [one for one in tenant.ews.record or () if one.body and len(one.body) > 1_000_000]
    assert len(large) == 1


# The check


async def test_the_check_climbs_each_rung_and_sends_nothing(tenant: PracticeTenant) -> None:
    watcher = Watcher()
    async with opened(route(tenant, keep_copy=True), watcher) as way:
        await way.probe(DESK, "a@example.org", watcher.trace)
    assert watcher.names() == [
        *("resolve", "connect", "tls", "authenticate", "account", "permission", "sender"),
    ]
    assert all(step.status is Status.PASS for step in watcher.steps)
    account = watcher[StepName.ACCOUNT]
    assert account.facts["version"].startswith("15.2.")
    assert "Exchange Server 2019 or SE" in account.detail
    assert "the directory knows" in watcher[StepName.SENDER].detail
    assert tenant.ews.messages == ()
    assert tenant.ews.sent == ()


async def test_a_sender_whom_the_directory_does_not_know_is_told_and_is_no_failure(
    tenant: PracticeTenant,
) -> None:
    watcher = Watcher()
    async with opened(await app_only(tenant), watcher) as way:
        await way.probe("alias@example.org", DESK, watcher.trace)
    assert "does not tell of alias@example.org" in watcher[StepName.SENDER].detail


async def test_a_token_without_the_right_is_told_before_anything_is_asked(tenant: PracticeTenant) -> None:
    way = EwsTransport(await delegated(tenant, "SMTP.Send"))
    try:
        with pytest.raises(TransportError) as caught:
            await way.probe(DESK, DESK, Watcher().trace)
    finally:
        await way.close()
    assert caught.value.failure.cause is Cause.SCOPE_MISSING
    assert tenant.ews.asked == 0


@pytest.mark.parametrize(
    ("fault", "step", "scope", "verdict", "cause"),
    [
        ("down", "connect", "server", "retry", Cause.CONNECTION_REFUSED),
        ("expired", "tls", "server", "fix-settings", Cause.CERTIFICATE_EXPIRED),
        ("wrong-password", "authenticate", "sign-in", "fix-settings", Cause.ANSWER),
        ("unavailable", "authenticate", "server", "retry", Cause.ANSWER),
        ("ews-disabled", "authenticate", "sign-in", "fix-settings", Cause.ANSWER),
        ("html", "authenticate", "server", "fix-settings", Cause.NOT_THE_SERVICE),
        ("redirect", "authenticate", "server", "fix-settings", Cause.NOT_THE_SERVICE),
        ("password-expired", "account", "sign-in", "fix-settings", Cause.ANSWER),
        ("access-denied", "account", "sign-in", "fix-settings", Cause.ANSWER),
        ("mailbox-missing", "account", "sign-in", "fix-settings", Cause.ANSWER),
        ("store-unavailable", "account", "server", "retry", Cause.ANSWER),
    ],
)
async def test_each_rung_fails_for_its_own_reason(
    tenant: PracticeTenant, fault: str, step: str, scope: str, verdict: str, cause: Cause
) -> None:
    way = route(tenant)
    tenant.set_fault("ews", fault)
    failure, _ = await stopped(way)
    assert (failure.step, failure.scope, failure.verdict) == (step, scope, verdict)
    assert failure.cause is cause


@pytest.mark.parametrize(
    ("fault", "scope", "verdict", "code"),
    [
        ("send-as-denied", Scope.SENDER, Verdict.REJECT, "ErrorSendAsDenied"),
        ("quota", Scope.SIGN_IN, Verdict.FIX_SETTINGS, "ErrorQuotaExceeded"),
        ("submission-quota", Scope.SERVER, Verdict.RETRY, "ErrorSubmissionQuotaExceeded"),
        ("too-large", Scope.MESSAGE, Verdict.REJECT, "ErrorMessageSizeExceeded"),
        ("store-unavailable", Scope.SERVER, Verdict.RETRY, "ErrorMailboxStoreUnavailable"),
    ],
)
async def test_a_mail_that_is_refused(
    tenant: PracticeTenant, fault: str, scope: Scope, verdict: Verdict, code: str
) -> None:
    async with opened(route(tenant)) as way:
        tenant.set_fault("ews", fault)
        failure = await refused(way, envelope())
    assert (failure.scope, failure.verdict, failure.facts["ews_code"]) == (scope, verdict, code)
    assert tenant.ews.messages == ()


async def test_a_mistyped_address_of_the_service(tenant: PracticeTenant) -> None:
    failure, _ = await stopped(route(tenant, url=f"{tenant.ews.origin}/EWS/Exchange.asm"))
    assert (failure.scope, failure.cause, failure.code) == (Scope.SERVER, Cause.NOT_THE_SERVICE, 404)


async def test_an_address_without_tls_is_refused(tenant: PracticeTenant) -> None:
    failure_of = EwsTransport(replace(route(tenant), url="http://localhost/EWS/Exchange.asmx"))
    with pytest.raises(TransportError) as caught:
        await failure_of.open(Watcher().trace)
    await failure_of.close()
    assert caught.value.failure.verdict is Verdict.FIX_SETTINGS
    assert tenant.ews.asked == 0


def test_an_address_for_people() -> None:
    way = EwsTransport(EwsRoute("https://mail.example.org/EWS/Exchange.asmx", Supply(["x"])))
    assert way.address == "mail.example.org:443"
