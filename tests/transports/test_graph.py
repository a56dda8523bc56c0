"""Graph as a way out, against the practice Graph: what is asked, what answers mean, and that none goes twice.

Everything asked and answered in these tests is held against Microsoft's own description of the API.
"""

from __future__ import annotations

import asyncio
import email
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email import policy
from email.message import EmailMessage

import pytest

from outmail.demo.graph.faults import GraphFault
from outmail.demo.names import DESK, SUPPORT
from outmail.demo.tenant import PracticeTenant
from tests.outmail.demo.conftest import tenant as a_tenant
from tests.servers.graph_spec import Cloud, Recorder, check_all
from tests.transports.graphs import Supply, app_route, mail, opened, route
from tests.transports.watching import Watcher
from transports.base import (
    CancelledAfterHandOver,
    Cause,
    Envelope,
    Failure,
    Scope,
    Status,
    StepName,
    TransportError,
    Verdict,
)
from transports.graph import GraphTransport
from transports.graph_plan import LARGEST_MIME
from transports.graph_whereabouts import MAY_NOT_READ, MAY_NOT_TRACE
from transports.routes import GraphRoute, Throttle

__all__ = ["a_tenant"]


@pytest.fixture
async def tenant(a_tenant: PracticeTenant) -> AsyncIterator[PracticeTenant]:
    """One whose exchanges fit Microsoft's description, afterwards."""
    with Recorder(a_tenant.graph) as recorded:
        yield a_tenant
    check_all(recorded)


def envelope(number: str = "one", *to: str, content: bytes = b"", again: bool = False) -> Envelope:
    return Envelope(DESK, to or ("a@example.org",), content or mail(number), again=again)


async def refused(way: GraphTransport, what: Envelope) -> Failure:
    with pytest.raises(TransportError) as caught:
        await way.send(what, Watcher().trace)
    return caught.value.failure


def large(size: int = 5_000_000, **headers: str) -> bytes:
    """A mail with a text, an attachment of that many bytes, and a small one."""
    made = EmailMessage(policy=policy.SMTP)
    made["From"], made["To"], made["Subject"] = DESK, "a@example.org", "Große Dateien"
    made["Message-ID"] = "<large@practice.test>"
    for name, value in headers.items():
        made[name.replace("_", "-")] = value
    made.set_content("text\n")
    made.add_attachment(
        bytes(range(256)) * (size // 256), "application", "octet-stream", filename="große.bin"
    )
    made.add_attachment("small\n", filename="small.txt")
    return made.as_bytes()


async def test_the_envelope_decides_who_gets_it_and_hidden_ones_stay_hidden(tenant: PracticeTenant) -> None:
    content = mail("one", b"a@example.org, Boss <boss@example.org>", more=b"Bcc: old@example.org\r\n")
    async with opened(await route(tenant)) as way:
        receipt = await way.send(
            envelope("one", "a@example.org", "eve@example.org", content=content), Watcher().trace
        )
    (got,) = tenant.graph.messages
    assert sorted(got.recipients) == ["a@example.org", "eve@example.org"]
    assert b"eve@example.org" not in got.content
    assert b"old@example.org" not in got.content
    assert receipt.answer.startswith("202 Accepted (")
    assert receipt.provider_id
    assert [(one.recipient, one.failure) for one in receipt.outcomes] == [
        ("a@example.org", None),
        ("eve@example.org", None),
    ]


async def test_a_shared_mailbox_and_an_application(tenant: PracticeTenant) -> None:
    content = mail("shared").replace(DESK.encode(), SUPPORT.encode())
    async with opened(await route(tenant, mailbox=SUPPORT)) as way:
        await way.send(envelope("shared", content=content), Watcher().trace)
    async with opened(await app_route(tenant, SUPPORT)) as way:
        await way.send(envelope("app", content=content), Watcher().trace)
    assert [one.sender for one in tenant.graph.messages] == [SUPPORT, SUPPORT]


async def test_a_token_that_is_refused_is_renewed_once(tenant: PracticeTenant) -> None:
    way = await route(tenant)
    assert isinstance(way.tokens, Supply)
    good = way.tokens.tokens[0]
    way.tokens.tokens = ["worn-out", good]
    async with opened(way) as transport:
        await transport.send(envelope(), Watcher().trace)
    assert len(tenant.graph.messages) == 1
    assert way.tokens.refused == ["worn-out"]
    tenant.set_fault("graph", "wrong-audience")
    async with opened(way) as transport:
        failure = await refused(transport, envelope("two"))
    assert (failure.scope, failure.verdict, failure.code) == (Scope.SIGN_IN, Verdict.FIX_SETTINGS, 401)


@pytest.mark.parametrize("fault", ["throttled", "throttled-date"])
async def test_nothing_is_asked_before_graph_wants_it(tenant: PracticeTenant, fault: str) -> None:
    now = [1000.0]
    throttle = Throttle()
    way = GraphTransport(await route(tenant, throttle=throttle), clock=lambda: now[0])
    other = GraphTransport(await route(tenant, throttle=throttle), clock=lambda: now[0])
    tenant.set_fault("graph", fault)
    try:
        await way.open(Watcher().trace)
        failure = await refused(way, envelope())
        assert (failure.scope, failure.verdict, failure.code) == (Scope.SERVER, Verdict.RETRY, 429)
        assert failure.retry_after is not None
        assert 0 < failure.retry_after <= 3
        tenant.set_fault("graph", "none")
        asked = tenant.graph.asked
        now[0] += failure.retry_after - 0.01
        for one in (way, other):  # nor by another connection of the same route
            failure = await refused(one, envelope())
            assert failure.retry_after is not None
            assert failure.retry_after == pytest.approx(0.01, abs=0.005)
        assert tenant.graph.asked == asked
        now[0] += 0.02
        await way.send(envelope(), Watcher().trace)
        assert len(tenant.graph.messages) == 1
    finally:
        await way.close()
        await other.close()


@pytest.mark.parametrize("fault", ["times-out-after-accepting", "drops-after-accepting"])
@pytest.mark.parametrize("size", [1, 5_000_000])
async def test_a_lost_answer_is_uncertain_and_settled_by_looking(
    tenant: PracticeTenant, fault: str, size: int
) -> None:
    sent = envelope("large", content=large(size) if size > 1 else mail("large"))
    async with opened(await route(tenant)) as way:
        tenant.set_fault("graph", fault)
        failure = await refused(way, sent)
        assert (failure.scope, failure.verdict) == (Scope.MESSAGE, Verdict.UNCERTAIN)
    tenant.set_fault("graph", "none")
    async with opened(await route(tenant)) as way:
        again = Envelope(sent.sender, sent.recipients, sent.content, again=True)
        receipt = await way.send(again, Watcher().trace)
    assert "found in Sent Items" in receipt.answer
    assert len(tenant.graph.messages) == 1, "it was not sent a second time"


async def test_an_international_domain_is_found_again_in_either_spelling(tenant: PracticeTenant) -> None:
    async with opened(await route(tenant)) as way:
        await way.send(envelope("one", "info@bücher.example.org"), Watcher().trace)
        for spelling in ("info@bücher.example.org", "Info@xn--bcher-kva.example.org"):
            receipt = await way.send(envelope("one", spelling, again=True), Watcher().trace)
            assert "found in Sent Items" in receipt.answer
            assert [one.recipient for one in receipt.outcomes] == [spelling]
    assert len(tenant.graph.messages) == 1


async def test_what_is_not_in_sent_items_is_sent(tenant: PracticeTenant) -> None:
    async with opened(await route(tenant)) as way:
        await way.send(envelope("one", "a@example.org"), Watcher().trace)
        # The same Message-ID for each recipient, as programs do: the second mail is another one.
        second = await way.send(envelope("one", "b@example.org", again=True), Watcher().trace)
        third = await way.send(envelope("it's one", again=True), Watcher().trace)
    assert "found" not in second.answer + third.answer
    assert len(tenant.graph.messages) == 3


@pytest.mark.parametrize("unasked", ["hold", "send-again"])
async def test_where_nobody_may_look_the_profile_says_what_becomes_of_it(
    tenant: PracticeTenant, unasked: str
) -> None:
    async with opened(await route(tenant, "Mail.Send", unasked=unasked)) as way:
        if unasked == "hold":
            failure = await refused(way, envelope(again=True))
            assert (failure.verdict, failure.cause) == (Verdict.UNCERTAIN, Cause.CANNOT_ASK)
            assert tenant.graph.messages == ()
        else:
            await way.send(envelope(again=True), Watcher().trace)
            assert len(tenant.graph.messages) == 1


async def test_a_large_mail_goes_in_parts_with_progress(tenant: PracticeTenant) -> None:
    content = large(X_Ticket="7", Bcc="old@example.org")
    watcher = Watcher()
    async with opened(await route(tenant)) as way:
        sent = envelope("large", "a@example.org", "eve@example.org", content=content)
        receipt = await way.send(sent, watcher.trace)
    (got,) = tenant.graph.messages
    assert sorted(got.recipients) == ["a@example.org", "eve@example.org"]
    seen = email.message_from_bytes(got.content, policy=policy.default)
    before = email.message_from_bytes(content, policy=policy.default)
    assert isinstance(seen, EmailMessage)
    assert isinstance(before, EmailMessage)
    assert seen["Subject"] == "Große Dateien"
    assert seen["X-Ticket"] == "7"
    assert seen["Message-ID"] == "<large@practice.test>"
    files = [(one.get_filename(), one.get_content()) for one in seen.iter_attachments()]
    assert files == [(one.get_filename(), one.get_content()) for one in before.iter_attachments()]
    assert watcher.begun.count(StepName.SEND) > 2, "how far it has come is told"
    assert receipt.answer.startswith("202 Accepted in parts")
    assert tenant.graph.drafts == 0


async def test_an_upload_whose_session_has_ended_begins_anew(tenant: PracticeTenant) -> None:
    async with opened(await route(tenant)) as way:
        tenant.set_fault("graph", "session-expired")
        await way.send(envelope(content=large()), Watcher().trace)
    assert len(tenant.graph.messages) == 1
    assert tenant.graph.drafts == 0


async def test_no_draft_is_left_of_a_mail_that_is_given_up(tenant: PracticeTenant) -> None:
    async with opened(await route(tenant)) as way:
        tenant.set_fault("graph", "send-as-denied")
        failure = await refused(way, envelope(content=large()))
        assert (failure.scope, failure.verdict) == (Scope.SENDER, Verdict.REJECT)
        assert tenant.graph.drafts == 0
        tenant.set_fault("graph", "small-mailbox")
        failure = await refused(way, envelope(content=large(6_000_000)))
        assert failure.cause is Cause.MESSAGE_TOO_LARGE
    assert tenant.graph.drafts == 0
    assert tenant.graph.messages == ()


async def test_no_draft_is_left_when_graph_throttles_in_between(tenant: PracticeTenant) -> None:
    async with opened(await route(tenant)) as way:
        task = asyncio.create_task(way.send(envelope(content=large()), Watcher().trace))
        async with asyncio.timeout(30):
            while not tenant.graph.drafts:  # noqa: ASYNC110 - there is no event for a test to wait for
                await asyncio.sleep(0)
        tenant.graph.be(GraphFault("busy", "It throttles.", throttles=1, retry_after=1.0))
        with pytest.raises(TransportError):
            await task
    assert tenant.graph.drafts == 0


async def test_cut_off_while_it_is_being_settled(tenant: PracticeTenant) -> None:
    async with opened(await route(tenant)) as way:
        tenant.set_fault("graph", "times-out-after-accepting")
        task = asyncio.create_task(way.send(envelope(content=large()), Watcher().trace))
        async with asyncio.timeout(30):
            while not tenant.graph.messages:  # noqa: ASYNC110
                await asyncio.sleep(0)
            while all(one.status != 504 for one in tenant.graph.record or ()):  # noqa: ASYNC110
                await asyncio.sleep(0)
        for _ in range(100):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(CancelledAfterHandOver):
            await task


async def test_large_mail_where_drafts_are_not_allowed_or_not_there(tenant: PracticeTenant) -> None:
    for way in (await route(tenant, "Mail.Send"), await route(tenant, uploads=False)):
        async with opened(way) as transport:
            failure = await refused(transport, envelope(content=large()))
        assert (failure.cause, failure.enhanced) == (Cause.MESSAGE_TOO_LARGE, "5.3.4")
    assert tenant.graph.messages == ()


async def test_what_the_parts_would_damage_is_refused_before_anybody_is_asked(
    tenant: PracticeTenant,
) -> None:
    signed = large().replace(b"multipart/mixed", b'multipart/signed; protocol="application/pkcs7-signature"')
    async with opened(await route(tenant)) as way:
        asked = tenant.graph.asked
        failure = await refused(way, envelope(content=signed))
        assert (failure.cause, failure.verdict) == (Cause.CONTENT_UNFIT, Verdict.REJECT)
        assert (failure.enhanced or "").startswith("5.6.")
        assert tenant.graph.asked == asked
        small = mail("signed", more=b'Content-Type: multipart/signed; boundary="x"\r\n')
        await way.send(envelope("signed", content=small), Watcher().trace)
    assert tenant.graph.messages[0].content == small


async def test_the_largest_mail_that_goes_as_it_is(tenant: PracticeTenant) -> None:
    content = mail("full", body=(b"x" * 76 + b"\r\n") * ((LARGEST_MIME - 300) // 78))
    content += b"y" * (LARGEST_MIME - len(content))
    async with opened(await route(tenant)) as way:
        receipt = await way.send(envelope(content=content), Watcher().trace)
    assert "in parts" not in receipt.answer
    assert tenant.graph.messages[0].content == content


async def test_cut_off_after_the_hand_over(tenant: PracticeTenant) -> None:
    slow = GraphFault("taken-and-silent", "It takes the mail and answers late.", slow=True)
    tenant.graph._slow_seconds = 60
    async with opened(await route(tenant)) as way:
        tenant.graph.be(slow)
        task = asyncio.create_task(way.send(envelope(), Watcher().trace))
        async with asyncio.timeout(10):
            while not tenant.graph.asked:  # noqa: ASYNC110 - there is no event for a test to wait for
                await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(CancelledAfterHandOver):
            await task


async def test_the_check_proves_the_right_and_sends_nothing(tenant: PracticeTenant) -> None:
    watcher = Watcher()
    async with opened(await route(tenant), watcher) as way:
        await way.probe(DESK, DESK, watcher.trace)
    assert watcher.names() == ["resolve", "connect", "tls", "permission", "sender"]
    assert all(step.status is Status.PASS for step in watcher.steps)
    assert tenant.graph.messages == ()
    assert tenant.graph.sent == ()


@pytest.mark.parametrize(
    ("fault", "step", "scope", "code"),
    [
        ("access-denied", StepName.SENDER, Scope.SIGN_IN, 403),
        ("mailbox-missing", StepName.SENDER, Scope.SIGN_IN, 404),
        ("unavailable", StepName.SENDER, Scope.SERVER, 503),
        ("wrong-audience", StepName.SENDER, Scope.SIGN_IN, 401),
    ],
)
async def test_the_check_finds_what_is_wrong(
    tenant: PracticeTenant, fault: str, step: StepName, scope: Scope, code: int
) -> None:
    async with opened(await route(tenant)) as way:
        tenant.set_fault("graph", fault)
        with pytest.raises(TransportError) as caught:
            await way.probe(DESK, DESK, Watcher().trace)
    failure = caught.value.failure
    assert (failure.step, failure.scope, failure.code) == (step, scope, code)


async def test_a_token_without_the_right_is_told_before_anything_is_asked(tenant: PracticeTenant) -> None:
    async with opened(await route(tenant, "User.Read")) as way:
        with pytest.raises(TransportError) as caught:
            await way.probe(DESK, DESK, Watcher().trace)
    assert caught.value.failure.cause is Cause.SCOPE_MISSING
    assert tenant.graph.asked == 0


async def test_a_proxys_page_is_no_yes_to_the_check(tenant: PracticeTenant) -> None:
    async with opened(await route(tenant)) as way:
        tenant.graph.record = None  # it is no answer of Graph's
        tenant.set_fault("graph", "html")
        with pytest.raises(TransportError) as caught:
            await way.probe(DESK, DESK, Watcher().trace)
    assert (caught.value.failure.step, caught.value.failure.cause) == (StepName.SENDER, Cause.NOT_THE_SERVICE)


async def test_a_proxys_page_is_not_taken_for_graph(tenant: PracticeTenant) -> None:
    async with opened(await route(tenant)) as way:
        tenant.graph.record = None  # it is no answer of Graph's
        tenant.set_fault("graph", "html")
        failure = await refused(way, envelope())
    assert failure.cause is Cause.NOT_THE_SERVICE
    assert tenant.graph.messages == ()


@pytest.mark.parametrize(
    ("fault", "step", "cause"),
    [
        ("down", StepName.CONNECT, Cause.CONNECTION_REFUSED),
        ("expired", StepName.TLS, Cause.CERTIFICATE_EXPIRED),
    ],
)
async def test_each_rung_fails_for_its_own_reason(
    tenant: PracticeTenant, fault: str, step: StepName, cause: Cause
) -> None:
    way = await route(tenant)
    tenant.set_fault("graph", fault)
    watcher = Watcher()
    with pytest.raises(TransportError) as caught:
        async with opened(way, watcher):
            pass
    assert (caught.value.failure.step, caught.value.failure.cause) == (step, cause)
    assert watcher.steps[-1].status is Status.FAIL


async def test_no_secret_is_in_what_is_told(tenant: PracticeTenant) -> None:
    way = await route(tenant)
    assert isinstance(way.tokens, Supply)
    watcher = Watcher()
    async with opened(way, watcher) as transport:
        await transport.send(envelope(content=large()), watcher.trace)
    assert way.tokens.tokens[0] not in watcher.everything()
    assert "POST /v1.0/me/messages" in watcher.everything()
    assert way.tokens.tokens[0] not in repr(way)


@pytest.mark.parametrize(
    ("cloud", "uploads", "headers"),
    [("Prod", True, True), ("Fairfax", False, True), ("Mooncake", True, False)],
)
async def test_each_cloud_is_asked_for_what_it_has(
    a_tenant: PracticeTenant, cloud: Cloud, uploads: bool, headers: bool
) -> None:
    content = large(X_Ticket="7")
    with Recorder(a_tenant.graph) as recorded:
        async with opened(await route(a_tenant, uploads=uploads, headers=headers)) as way:
            await way.send(envelope(), Watcher().trace)
            await way.send(envelope("two", again=True), Watcher().trace)
            if not uploads:
                failure = await refused(way, envelope(content=content))
                assert failure.cause is Cause.MESSAGE_TOO_LARGE
            else:
                receipt = await way.send(envelope(content=content), Watcher().trace)
                assert ("X-Ticket" in receipt.answer) == (not headers), "what is lost is said"
    assert check_all(recorded, cloud) > 2


async def test_where_a_mail_is_now(a_tenant: PracticeTenant) -> None:
    everything = await route(a_tenant, "Mail.Send", "Mail.Read", "ExchangeMessageTrace.Read.All")
    async with opened(everything) as way:
        sent = envelope("one", "a@example.org", "eve@example.org")
        await way.send(sent, Watcher().trace)
        now = datetime.now(UTC)
        found = await way.whereabouts("<one@practice.test>", now, now)
        assert found.in_sent_items is True
        assert sorted(found.trace or ()) == [("a@example.org", "delivered"), ("eve@example.org", "delivered")]
        assert found.unknown == ()
        nowhere = await way.whereabouts("<it's none@practice.test>", now - timedelta(days=30), now)
        assert (nowhere.in_sent_items, nowhere.trace) == (False, ())
    async with opened(await route(a_tenant, "Mail.Send")) as way:
        unknown = await way.whereabouts("<one@practice.test>", now, now)
        assert (unknown.in_sent_items, unknown.trace) == (None, None)
        assert unknown.unknown == (MAY_NOT_READ, MAY_NOT_TRACE)
        a_tenant.set_fault("graph", "unavailable")
        with pytest.raises(TransportError):
            await way.whereabouts("<one@practice.test>", now, now)


def test_an_address_for_people() -> None:
    way = GraphTransport(GraphRoute("https://graph.microsoft.com", Supply(["x"])))
    assert way.address == "graph.microsoft.com:443"
