"""Every request of the practice Graph and every answer fits Microsoft's own description of the API."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from outmail.demo.graph.record import Exchange
from outmail.demo.graph.uploads import SMALLEST
from outmail.demo.names import CHIEF, DESK, SUPPORT
from outmail.demo.tenant import PracticeTenant
from tests.outmail.demo.graph.caller import DRAFT, MIME, app_token, calling, stranger
from tests.outmail.demo.graph.test_drafts import HUGE, PIECE, item, ranged, session
from tests.servers.graph_spec import Cloud, Recorder, answer_problems, check_all, request_problems

NO_ANSWER_OF_GRAPH = {"down", "silent", "expired", "html", "drops-after-accepting"}
FILE = {
    "@odata.type": "#microsoft.graph.fileAttachment",
    "name": "a.txt",
    "contentType": "text/plain",
    "contentBytes": "eA==",
    "contentId": "cid",
    "isInline": False,
}


async def everything(tenant: PracticeTenant, place: str, bearer: str = "") -> list[Exchange]:
    """Each request once, and each refused once, beneath /me or /users/{…}."""
    async with calling(tenant, bearer) as caller, stranger(tenant) as uploader:
        theirs = MIME.replace(DESK.encode(), SUPPORT.encode())
        with Recorder(tenant.graph) as recorded:
            await caller.ask("GET", place)
            await caller.ask("GET", f"{place}?$select=mail,displayName")
            await caller.ask("POST", f"{place}/sendMail", mime=theirs)
            message = {**DRAFT, "attachments": [FILE], "importance": "high"}
            await caller.ask("POST", f"{place}/sendMail", {"message": message, "saveToSentItems": False})
            by_mime = (await caller.ask("POST", f"{place}/messages", mime=MIME)).json()["id"]
            by_json = (await caller.ask("POST", f"{place}/messages", DRAFT)).json()["id"]
            for made in (by_mime, by_json):
                one = f"{place}/messages/{made}"
                await caller.ask("GET", one)
                await caller.ask("GET", f"{one}?$select=subject,isDraft")
                await caller.ask("POST", f"{one}/attachments", FILE)
                await caller.ask("PATCH", one, {"subject": "x", "ccRecipients": DRAFT["toRecipients"]})
                asked = item(len(HUGE), contentType="image/png", isInline=True, contentId="picture")
                begun = await caller.ask("POST", f"{one}/attachments/createUploadSession", asked)
                url = begun.json()["uploadUrl"]
                for first in range(0, len(HUGE), PIECE):
                    piece = HUGE[first : first + PIECE]
                    await uploader.put(url, content=piece, headers=ranged(first, piece, len(HUGE)))
                    await uploader.get(url)
                await uploader.put(url, content=b"x")
                if place == "/me":
                    await caller.ask("PATCH", one, {"from": {"emailAddress": {"address": SUPPORT}}})
                await caller.ask("GET", f"{one}?$select=internetMessageHeaders")
                await caller.ask("POST", f"{one}/send")
                await caller.ask("POST", f"{one}/send")
            await caller.ask("DELETE", f"{place}/messages/{await caller.drafts(path=f'{place}/messages')}")
            await caller.ask("GET", f"{place}/mailFolders/sentitems/messages")
            await caller.ask("GET", f"{place}/mailFolders/sentitems/messages?$select=subject&$top=1")
            await caller.ask("GET", f"{place}/mailFolders/sentitems/messages?$top=0")
    return recorded


async def refused(tenant: PracticeTenant) -> list[Exchange]:
    """One of each refusal."""
    with Recorder(tenant.graph) as recorded:
        async with calling(tenant) as caller, stranger(tenant) as http:
            url = await session(caller, await caller.drafts(), SMALLEST)
            await http.put(url, content=b"x", headers={"Authorization": "Bearer x"})
            await http.put(url, content=b"x", headers={"Content-Range": "bytes 5-5/2097152"})
            await http.post(f"{tenant.graph.origin}/v1.0/me/messages", json=DRAFT)
            for path in ("/nowhere", "/users/x/sendMail", f"/users/{CHIEF}/sendMail"):
                await caller.ask("POST", path, mime=MIME)
            for content in (b"", b"no base64", b"To: x"):
                headers = {"Content-Type": "text/plain"}
                await caller.ask("POST", "/me/sendMail", content=content, headers=headers)
            for wrong in ({}, {"message": {"colour": "red"}}, {"message": {"subject": "x"}}):
                await caller.ask("POST", "/me/sendMail", wrong)
            await caller.ask("POST", "/me/sendMail", mime=b"To: a@b.test\r\n\r\n" + b"x" * 4_000_000)
            await caller.ask("GET", "/me/messages/x")
            for fault in tenant.graph.possible_faults:
                if fault not in NO_ANSWER_OF_GRAPH:
                    tenant.set_fault("graph", fault)
                    await caller.ask("POST", "/me/sendMail", mime=MIME)
    return recorded


async def test_everything_of_ones_own_mailbox(tenant: PracticeTenant) -> None:
    recorded = await everything(tenant, "/me")
    assert check_all(recorded) == len(recorded) > 40
    assert len(tenant.mails) == 4


async def test_everything_by_an_application(tenant: PracticeTenant) -> None:
    recorded = await everything(tenant, f"/users/{SUPPORT}", await app_token(tenant))
    check_all(recorded)
    assert {403} == {each.status for each in recorded if each.path == f"/v1.0/users/{SUPPORT}"}


async def test_every_refusal(tenant: PracticeTenant) -> None:
    recorded = await refused(tenant)
    check_all(recorded)
    assert {400, 401, 403, 404, 413, 416, 429, 503, 504} <= {each.status for each in recorded}


async def test_the_clouds_differ(tenant: PracticeTenant) -> None:
    """US Government has no upload sessions for mail, and China no headers of one's own."""
    with Recorder(tenant.graph) as recorded:
        async with calling(tenant) as caller:
            headers = [{"name": "x-job", "value": "7"}]
            draft = await caller.drafts({**DRAFT, "internetMessageHeaders": headers})
            await session(caller, draft, SMALLEST)
    made, begun = recorded
    clouds: tuple[Cloud, ...] = ("Prod", "Fairfax", "Mooncake")
    assert [bool(request_problems(made, cloud)) for cloud in clouds] == [False, False, True]
    assert [bool(request_problems(begun, cloud)) for cloud in clouds] == [False, True, False]
    with pytest.raises(AssertionError, match="internetMessageHeaders"):
        check_all(recorded, "Mooncake")


async def test_what_does_not_fit_is_seen(tenant: PracticeTenant) -> None:
    """The check itself: a request or an answer with one thing wrong."""
    with Recorder(tenant.graph) as recorded:
        async with calling(tenant) as caller:
            await caller.ask("POST", "/me/messages", DRAFT)
            await caller.ask("POST", "/me/sendMail", mime=MIME)
            await caller.ask("GET", "/me/mailFolders/sentitems/messages")
            await caller.ask("GET", "/me/messages/x")
    made, sent, listed, missing = recorded

    def wrong_request(exchange: Exchange, body: bytes | None, kind: str = "application/json") -> bool:
        headers = {**exchange.headers, "content-type": kind}
        return bool(request_problems(replace(exchange, body=body, headers=headers)))

    assert not wrong_request(made, b'{"subject": "x"}')
    assert wrong_request(made, b'{"Subject": "x"}')
    assert wrong_request(made, b'{"toRecipients": ["a@b.test"]}')
    assert wrong_request(made, b'{"attachments": [{"name": "x"}]}')
    assert wrong_request(made, b"")
    assert wrong_request(made, None), "nobody saw it"
    assert not wrong_request(sent, b"eA==", "text/plain")
    assert wrong_request(sent, b"e A", "text/plain")
    assert wrong_request(sent, b"eA==", "message/rfc822")
    assert wrong_request(replace(sent, target="/v1.0/me/sendmail"), b"eA==", "text/plain")
    assert wrong_request(replace(sent, method="GET"), b"eA==", "text/plain")
    item = {**json.loads(listed.answer)["value"][0], "colour": "red"}
    for exchange, answer, status in (
        (made, b'{"colour": "red"}', 201),
        (made, made.answer, 200),
        (sent, b"{}", 202),
        (listed, json.dumps({"value": [item]}).encode(), 200),
        (missing, b'{"error": "x"}', 404),
        (missing, b'{"error": {"code": "x"}}', 404),
    ):
        assert answer_problems(replace(exchange, answer=answer, status=status)), answer
    page = replace(missing, answer_headers={"content-type": "text/html"})
    assert answer_problems(page) == ["it is text/html, not JSON"]
