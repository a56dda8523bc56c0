"""Each fault of the practice Exchange is what it says, and ends when it is taken away."""

from __future__ import annotations

import asyncio
import time

import httpx
import pytest

from outmail.demo.ews.faults import EWS_FAULTS, EwsFault
from outmail.demo.ews.server import MOST_AT_ONCE
from outmail.demo.graph import record
from outmail.demo.graph.faults import Afterwards
from outmail.demo.names import CHIEF, SUPPORT
from outmail.demo.tenant import PracticeTenant
from tests.outmail.demo.client import until
from tests.outmail.demo.conftest import SLOW_SECONDS
from tests.outmail.demo.ews.caller import (
    NAMESPACES,
    applications,
    basic,
    calling,
    codes,
    create_item,
    find_item,
    get_folder,
    impersonating,
    message,
    persons,
    resolve_names,
    root,
    values,
)
from tests.outmail.demo.graph.caller import MIME

NOBODY = message(b"Subject: x\r\n\r\nhi")


async def test_every_fault_ends_with_none(tenant: PracticeTenant) -> None:
    async with calling(tenant) as caller:
        for fault in EWS_FAULTS:
            tenant.set_fault("ews", fault)
            assert tenant.ews.fault == fault
        tenant.set_fault("ews", "none")
        assert await caller.sends() == ["NoError"]
    assert len(tenant.mails) == 1


async def test_throttled_so_many_times(tenant: PracticeTenant) -> None:
    async with calling(tenant) as caller:
        tenant.set_fault("ews", "throttled")
        for _ in range(EWS_FAULTS["throttled"].throttles):
            answer = await caller.ask(create_item())
            assert (answer.status_code, answer.headers["Retry-After"], answer.content) == (429, "2", b"")
        assert await caller.sends() == ["NoError"]
        tenant.set_fault("ews", "throttled")
        assert (await caller.ask(create_item())).status_code == 429, "it begins anew"


async def test_busy_so_many_times(tenant: PracticeTenant) -> None:
    async with calling(tenant) as caller:
        tenant.set_fault("ews", "server-busy")
        for _ in range(EWS_FAULTS["server-busy"].busies):
            answer = await caller.ask(get_folder())
            assert codes(answer) == ["ErrorServerBusy"]
            value = root(answer).find(".//t:Value", NAMESPACES)
            assert value is not None
            assert (value.attrib["Name"], value.text) == ("BackOffMilliseconds", "2000")
        assert await caller.sends() == ["NoError"]


async def test_a_fault_of_ones_own(tenant: PracticeTenant) -> None:
    tenant.ews.be(EwsFault("mine", "One request is put off.", throttles=1, retry_after=7))
    async with calling(tenant) as caller:
        assert (await caller.ask(create_item())).headers["Retry-After"] == "7"
        assert await caller.sends() == ["NoError"]
        tenant.ews.be(EwsFault("small", "Only tiny mails.", longest_message=len(MIME) - 1))
        assert await caller.sends() == ["ErrorMessageSizeExceeded"]
        tenant.set_fault("ews", "none")
        assert await caller.sends() == ["NoError"]


async def test_a_mail_that_was_taken_and_nobody_heard_of(tenant: PracticeTenant) -> None:
    async with calling(tenant) as caller:
        for fault in ("times-out-after-accepting", "drops-after-accepting"):
            tenant.set_fault("ews", fault)
            assert await caller.codes(create_item(NOBODY)) == ["ErrorInvalidRecipients"], "nothing was taken"
            asking = caller.ask(create_item(copy=True))
            if EWS_FAULTS[fault].afterwards is Afterwards.DROPS:
                with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
                    await asking
            else:
                answer = await asking
                assert answer.status_code == 504
                assert answer.headers["Content-Type"] == "text/html"
        assert len(tenant.mails) == len(tenant.ews.sent) == 2
        answer = await caller.ask(find_item("<one@practice.test>"))
        assert len(values(answer, "InternetMessageId")) == 2, "who looks finds them"


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("busy-sending", "ErrorServerBusy"),
        ("send-as-denied", "ErrorSendAsDenied"),
        ("quota", "ErrorQuotaExceeded"),
        ("submission-quota", "ErrorSubmissionQuotaExceeded"),
        ("too-large", "ErrorMessageSizeExceeded"),
    ],
)
async def test_only_mail_is_refused(tenant: PracticeTenant, fault: str, code: str) -> None:
    async with calling(tenant) as caller:
        tenant.set_fault("ews", fault)
        answer = await caller.ask(create_item(copy=True))
        assert (answer.status_code, codes(answer)) == (200, [code])
        if fault == "busy-sending":
            assert values(answer, "Value") == ["2000"]
        assert await caller.codes(get_folder()) == ["NoError"]
        assert await caller.codes(find_item()) == ["NoError"]
    assert not tenant.mails
    assert not tenant.ews.sent


@pytest.mark.parametrize(
    ("fault", "code"),
    [("access-denied", "ErrorAccessDenied"), ("store-unavailable", "ErrorMailboxStoreUnavailable")],
)
async def test_the_mailbox_is_refused(tenant: PracticeTenant, fault: str, code: str) -> None:
    async with calling(tenant) as caller:
        tenant.set_fault("ews", fault)
        for operation in (create_item(), get_folder(), find_item()):
            answer = await caller.ask(operation)
            assert (answer.status_code, codes(answer)) == (200, [code])
        assert await caller.codes(resolve_names("desk")) == ["NoError"]
    assert not tenant.mails


@pytest.mark.parametrize(
    ("fault", "code"),
    [("password-expired", "ErrorPasswordExpired"), ("mailbox-missing", "ErrorNonExistentMailbox")],
)
async def test_the_account_is_refused(tenant: PracticeTenant, fault: str, code: str) -> None:
    tenant.set_fault("ews", fault)
    async with calling(tenant) as caller:
        for operation in (create_item(), get_folder(), resolve_names("desk")):
            answer = await caller.ask(operation)
            assert (answer.status_code, codes(answer)) == (500, [code])
    async with calling(tenant, basic(password="wrong")) as caller:
        assert (await caller.ask(create_item())).status_code == 401, "only who signs in hears of it"


async def test_switched_off(tenant: PracticeTenant) -> None:
    tenant.set_fault("ews", "ews-disabled")
    async with calling(tenant) as caller:
        answer = await caller.ask(create_item())
        assert (answer.status_code, answer.content) == (403, b"")
        assert "WWW-Authenticate" not in answer.headers
    async with calling(tenant, "") as caller:
        assert (await caller.ask(create_item())).status_code == 401


async def test_nobody_is_let_in(tenant: PracticeTenant) -> None:
    ways = [basic(), await persons(tenant), await applications(tenant)]
    tenant.set_fault("ews", "wrong-password")
    for attempts, given in enumerate(ways, 1):
        async with calling(tenant, given) as caller:
            answer = await caller.ask(create_item())
        assert answer.status_code == 401
        assert len(answer.headers.get_list("WWW-Authenticate")) == 3
        assert tenant.ews.attempts == tenant.ews.refused_attempts == attempts


async def test_pages_for_people(tenant: PracticeTenant) -> None:
    async with calling(tenant) as caller:
        for fault, status, says in (("html", 200, "/owa/auth.owa"), ("unavailable", 503, "HTTP Error 503")):
            tenant.set_fault("ews", fault)
            page = await caller.ask(create_item())
            assert page.status_code == status
            assert page.headers["Content-Type"].startswith("text/html")
            assert says in page.text
        tenant.set_fault("ews", "redirect")
        moved = await caller.ask(create_item())
        assert (moved.status_code, moved.headers["Location"]) == (302, "/owa/")
        page = await caller.http.get(tenant.ews.url, follow_redirects=True)
        assert "/owa/auth.owa" in page.text
    assert not tenant.mails


async def test_slow(tenant: PracticeTenant) -> None:
    async with calling(tenant) as caller:
        tenant.set_fault("ews", "slow")
        began = time.monotonic()
        assert await caller.sends() == ["NoError"]
        assert time.monotonic() - began >= SLOW_SECONDS


@pytest.mark.parametrize("fault", ["silent", "down", "expired"])
async def test_nobody_gets_as_far_as_a_request(tenant: PracticeTenant, fault: str) -> None:
    async with calling(tenant) as caller:
        tenant.set_fault("ews", fault)
        with pytest.raises(httpx.TransportError):
            await caller.http.get(tenant.ews.url, timeout=0.5)


async def test_so_many_at_once_for_one_mailbox(
    tenant: PracticeTenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Held in the midst of sending, so that they really are at once."""
    mailing = tenant.ews._mailing
    go, keep, waiting = asyncio.Event(), mailing._mailbox.keep, []

    async def held(*mail: object) -> object:
        waiting.append(mail)
        await go.wait()
        return await keep(*mail)  # type: ignore[arg-type]  # what came is what goes on

    monkeypatch.setattr(mailing._mailbox, "keep", held)
    theirs = create_item(message(MIME.replace(b"desk@practice.test", SUPPORT.encode())))
    async with (
        calling(tenant) as caller,
        calling(tenant, basic(CHIEF)) as other,
        asyncio.TaskGroup() as tasks,
    ):
        many = [tasks.create_task(caller.sends()) for _ in range(MOST_AT_ONCE)]
        await until(lambda: len(waiting) == MOST_AT_ONCE)
        one_more = await caller.ask(create_item())
        assert codes(one_more) == ["ErrorExceededConnectionCount"]
        another = tasks.create_task(other.codes(theirs))
        await until(lambda: len(waiting) == MOST_AT_ONCE + 1)
        go.set()
    assert [task.result() for task in (*many, another)] == [["NoError"]] * (MOST_AT_ONCE + 1)
    assert tenant.ews.most_at_once == MOST_AT_ONCE + 1
    async with calling(tenant, await applications(tenant), impersonating(SUPPORT)) as caller:
        assert await caller.codes(theirs) == ["NoError"]


async def test_what_is_recorded(tenant: PracticeTenant, monkeypatch: pytest.MonkeyPatch) -> None:
    async with calling(tenant) as caller:
        await caller.sends()
        kept = tenant.ews.record = []
        await caller.sends()
        tenant.set_fault("ews", "drops-after-accepting")
        with pytest.raises(httpx.TransportError):
            await caller.sends()
        tenant.set_fault("ews", "none")
        sent, cut = kept
        assert (sent.method, sent.path, sent.status) == ("POST", "/EWS/Exchange.asmx", 200)
        assert sent.headers["authorization"] == "***"
        assert b"CreateItemResponse" in sent.answer
        assert sent.began <= sent.ended <= cut.began
        assert cut.status == 0
        monkeypatch.setattr(record, "MOST_BYTES", 1)
        await caller.sends()
        assert kept[-1].body is None
