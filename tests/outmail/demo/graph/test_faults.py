"""Each fault of the practice Graph is what it says, and ends when it is taken away."""

from __future__ import annotations

import asyncio
import time
from email.utils import parsedate_to_datetime

import httpx
import pytest

from outmail.demo.graph import record
from outmail.demo.graph.faults import GRAPH_FAULTS, GraphFault
from outmail.demo.graph.uploads import SMALLEST
from outmail.demo.names import SUPPORT
from outmail.demo.tenant import PracticeTenant
from tests.outmail.demo.client import until
from tests.outmail.demo.conftest import SLOW_SECONDS
from tests.outmail.demo.graph.caller import MIME, calling, code, stranger
from tests.outmail.demo.graph.test_drafts import ranged, session


async def test_every_fault_ends_with_none(tenant: PracticeTenant) -> None:
    async with calling(tenant) as caller:
        for fault in GRAPH_FAULTS:
            tenant.set_fault("graph", fault)
            assert tenant.graph.fault == fault
        tenant.set_fault("graph", "none")
        assert await caller.sends() == 202
    assert len(tenant.mails) == 1


@pytest.mark.parametrize("fault", ["throttled", "throttled-date"])
async def test_throttled_so_many_times(tenant: PracticeTenant, fault: str) -> None:
    async with calling(tenant) as caller:
        tenant.set_fault("graph", fault)
        many = GRAPH_FAULTS[fault].throttles
        for _ in range(many):
            asked = time.time()
            answer = await caller.ask("POST", "/me/sendMail", mime=MIME)
            assert code(answer) == (429, "TooManyRequests")
            wait = answer.headers["retry-after"]
            if fault == "throttled":
                assert wait == "2"
            else:
                assert parsedate_to_datetime(wait).timestamp() >= asked + 2
                assert b"rEtRy-aFtEr" in [name for name, _ in answer.headers.raw]
        assert await caller.sends() == 202
        tenant.set_fault("graph", fault)
        assert await caller.sends() == 429, "it begins anew"


async def test_a_fault_of_ones_own(tenant: PracticeTenant) -> None:
    tenant.graph.be(GraphFault("mine", "One request is put off.", throttles=1, retry_after=7))
    async with calling(tenant) as caller:
        answer = await caller.ask("GET", "/me")
        assert answer.headers["Retry-After"] == "7"
        assert (await caller.ask("GET", "/me")).status_code == 200
        tenant.graph.be(GraphFault("small", "Only tiny mails.", longest_message=len(MIME) - 1))
        refused = await caller.ask("POST", "/me/sendMail", mime=MIME)
        assert code(refused) == (413, "ErrorMessageSizeExceeded")
        tenant.set_fault("graph", "none")
        assert await caller.sends() == 202


@pytest.mark.parametrize("how", ["sendMail", "draft"])
async def test_a_mail_that_was_taken_and_nobody_heard_of(tenant: PracticeTenant, how: str) -> None:
    async with calling(tenant) as caller:
        for fault in ("times-out-after-accepting", "drops-after-accepting"):
            tenant.set_fault("graph", fault)
            if how == "draft":
                made = await caller.ask("POST", "/me/messages", mime=MIME)
                assert made.status_code == 201, "only the sending is cut"
                asking = caller.ask("POST", f"/me/messages/{made.json()['id']}/send")
            else:
                asking = caller.ask("POST", "/me/sendMail", mime=MIME)
            if fault.startswith("drops"):
                with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
                    await asking
            else:
                assert (await asking).status_code == 504
        assert len(tenant.mails) == len(tenant.graph.sent) == 2
        assert tenant.graph.drafts == 0
        listed = await caller.ask("GET", "/me/mailFolders/sentitems/messages")
        assert len(listed.json()["value"]) == 2, "who looks finds them"


@pytest.mark.parametrize(
    ("fault", "status", "error"),
    [
        ("unavailable", 503, "serviceNotAvailable"),
        ("wrong-audience", 401, "InvalidAuthenticationToken"),
        ("send-as-denied", 403, "ErrorSendAsDenied"),
        ("access-denied", 403, "ErrorAccessDenied"),
        ("mailbox-missing", 404, "MailboxNotEnabledForRESTAPI"),
        ("quota", 429, "ErrorExceededMessageLimit"),
        ("submission-quota", 403, "ErrorSubmissionQuotaExceeded"),
    ],
)
async def test_refusals(tenant: PracticeTenant, fault: str, status: int, error: str) -> None:
    async with calling(tenant) as caller:
        draft = await caller.drafts()
        tenant.set_fault("graph", fault)
        assert code(await caller.ask("POST", "/me/sendMail", mime=MIME)) == (status, error)
        assert code(await caller.ask("POST", f"/me/messages/{draft}/send")) == (status, error)
        everything = fault in {"unavailable", "wrong-audience"}
        assert (await caller.ask("GET", "/me")).status_code == (status if everything else 200)
        tenant.set_fault("graph", "none")
        assert (await caller.ask("POST", f"/me/messages/{draft}/send")).status_code == 202
    assert len(tenant.mails) == 1


async def test_a_page_for_people(tenant: PracticeTenant) -> None:
    tenant.set_fault("graph", "html")
    async with stranger(tenant) as http:
        page = await http.post(f"{tenant.graph.origin}/v1.0/me/sendMail")
    assert page.headers["Content-Type"].startswith("text/html")
    assert "<html>" in page.text


async def test_a_session_is_lost_once(tenant: PracticeTenant) -> None:
    piece = b"x" * 1000
    async with calling(tenant) as caller, stranger(tenant) as uploader:
        draft = await caller.drafts()
        tenant.set_fault("graph", "session-expired")
        for status in (404, 200):
            url = await session(caller, draft, SMALLEST)
            put = await uploader.put(url, content=piece, headers=ranged(0, piece, SMALLEST))
            assert put.status_code == status


async def test_slow(tenant: PracticeTenant) -> None:
    async with calling(tenant) as caller:
        tenant.set_fault("graph", "slow")
        began = time.monotonic()
        assert await caller.sends() == 202
        assert time.monotonic() - began >= SLOW_SECONDS


@pytest.mark.parametrize("fault", ["silent", "down", "expired"])
async def test_nobody_gets_as_far_as_a_request(tenant: PracticeTenant, fault: str) -> None:
    async with calling(tenant) as caller:
        tenant.set_fault("graph", fault)
        with pytest.raises(httpx.TransportError):
            await caller.http.get(f"{tenant.graph.origin}/v1.0/me", timeout=0.5)


async def test_four_at_once_for_one_mailbox(tenant: PracticeTenant, monkeypatch: pytest.MonkeyPatch) -> None:
    """Held in the midst of sending, so that they really are at once."""
    mailing = tenant.graph._mailing
    go, keep, waiting = asyncio.Event(), mailing._mailbox.keep, []

    async def held(*mail: object) -> object:
        waiting.append(mail)
        await go.wait()
        return await keep(*mail)  # type: ignore[arg-type]  # what came is what goes on

    monkeypatch.setattr(mailing._mailbox, "keep", held)
    async with calling(tenant) as caller, asyncio.TaskGroup() as tasks:
        four = [tasks.create_task(caller.sends()) for _ in range(4)]
        await until(lambda: len(waiting) == 4)
        fifth = await caller.ask("POST", "/me/sendMail", mime=MIME)
        assert code(fifth) == (429, "ApplicationThrottled")
        assert fifth.headers["Retry-After"] == "1"
        assert fifth.json()["error"]["message"] == "Application is over its MailboxConcurrency limit."
        other = tasks.create_task(caller.sends(f"/users/{SUPPORT}/sendMail"))
        await until(lambda: len(waiting) == 5)
        go.set()
    assert [task.result() for task in (*four, other)] == [202] * 5
    assert tenant.graph.most_at_once == 5
    async with calling(tenant) as caller:
        assert await caller.sends() == 202, "it counts those that are there, not those that were"


async def test_what_is_recorded(tenant: PracticeTenant, monkeypatch: pytest.MonkeyPatch) -> None:
    async with calling(tenant) as caller:
        await caller.sends()
        kept = tenant.graph.record = []
        await caller.sends()
        tenant.set_fault("graph", "drops-after-accepting")
        with pytest.raises(httpx.TransportError):
            await caller.sends()
        tenant.set_fault("graph", "none")
        sent, cut = kept
        assert (sent.method, sent.path, sent.status, sent.answer) == ("POST", "/v1.0/me/sendMail", 202, b"")
        assert sent.headers["authorization"] == "***"
        assert sent.headers["content-type"] == "text/plain"
        assert sent.began <= sent.ended <= cut.began
        assert cut.status == 0
        monkeypatch.setattr(record, "MOST_BYTES", 1)
        await caller.sends()
        assert kept[-1].body is None
        monkeypatch.setattr(record, "MOST_EXCHANGES", 2)
        await caller.ask("GET", "/me?$select=id")
        assert [each.path for each in kept] == ["/v1.0/me/sendMail", "/v1.0/me"]
        assert kept[-1].target == "/v1.0/me?$select=id"
