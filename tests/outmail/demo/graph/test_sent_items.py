"""Sent Items of the practice Graph: found by Message-ID, the newest first, and only what was asked for."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from outmail.demo.graph import items as items_module
from outmail.demo.names import SUPPORT
from outmail.demo.tenant import PracticeTenant
from tests.outmail.demo.graph.caller import MIME, Caller, calling, code

FOLDER = "/me/mailFolders/sentitems/messages"


def with_id(message_id: str) -> bytes:
    """A mail of this Message-ID."""
    return MIME.replace(b"<one@practice.test>", message_id.encode())


def by_id(message_id: str, more: str = "") -> str:
    """Ask for the mails of a Message-ID."""
    quoted = message_id.replace("'", "''")
    return f"{FOLDER}?$filter={quote(f'internetMessageId eq {chr(39)}{quoted}{chr(39)}')}{more}"


async def subjects(caller: Caller, path: str) -> list[str]:
    """The Message-IDs of a listing."""
    answer = await caller.ask("GET", path)
    assert answer.status_code == 200, answer.text
    return [item["internetMessageId"] for item in answer.json()["value"]]


@pytest.mark.parametrize(
    "message_id", ["<one@practice.test>", "<it's+o'clock&=%23@b.test>", "<[::1]@[10.0.0.1]>"]
)
async def test_a_mail_is_found_by_its_message_id(tenant: PracticeTenant, message_id: str) -> None:
    async with calling(tenant) as caller:
        assert await subjects(caller, by_id(message_id)) == []
        for each in (message_id, "<another@practice.test>", message_id):
            await caller.sends(mime=with_id(each))
        assert await subjects(caller, by_id(message_id)) == [message_id] * 2
        assert await subjects(caller, by_id(message_id, "&$top=1")) == [message_id]
        await caller.sends(f"/users/{SUPPORT}/sendMail", with_id(message_id))
        assert len(await subjects(caller, by_id(message_id))) == 2, "another mailbox is another folder"
        shared = by_id(message_id).replace("/me/", f"/users/{SUPPORT}/")
        assert len(await subjects(caller, shared)) == 1


async def test_what_is_told_of_a_mail(tenant: PracticeTenant) -> None:
    async with calling(tenant) as caller:
        await caller.sends()
        (item,) = (await caller.ask("GET", FOLDER)).json()["value"]
        assert item["isDraft"] is False
        assert item["subject"] == "Grüße"
        assert item["sentDateTime"].endswith("Z")
        assert [who["emailAddress"]["address"] for who in item["bccRecipients"]] == [
            *("hidden@example.org", "other@example.org"),
        ]
        assert item["from"]["emailAddress"] == {"name": "Practice Desk", "address": "desk@practice.test"}
        (only,) = (await caller.ask("GET", by_id("<one@practice.test>", "&$select=id,sentDateTime"))).json()[
            "value"
        ]
        assert only.keys() == {"@odata.etag", "id", "sentDateTime"}
        got = (await caller.ask("GET", f"/me/messages/{item['id']}")).json()
        assert got["internetMessageId"] == "<one@practice.test>"
        refused = await caller.ask("PATCH", f"/me/messages/{item['id']}", {"subject": "x"})
        assert code(refused) == (400, "ErrorInvalidPropertyUpdateSentMessage")
        assert (await caller.ask("DELETE", f"/me/messages/{item['id']}")).status_code == 204
        assert await subjects(caller, FOLDER) == []


async def test_page_by_page_the_newest_first(tenant: PracticeTenant) -> None:
    async with calling(tenant) as caller:
        ids = [f"<{n}@b.test>" for n in range(12)]
        for each in ids:
            await caller.sends(mime=with_id(each))
        first = (await caller.ask("GET", FOLDER)).json()
        assert len(first["value"]) == 10
        rest = (await caller.http.get(first["@odata.nextLink"])).json()
        assert "@odata.nextLink" not in rest
        found = [item["internetMessageId"] for item in first["value"] + rest["value"]]
        assert found == ids[::-1]


async def test_no_more_is_kept_than_there_may_be(
    tenant: PracticeTenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(items_module, "MOST_SENT", 2)
    async with calling(tenant) as caller:
        for n in range(3):
            await caller.sends(mime=with_id(f"<{n}@b.test>"))
        assert await subjects(caller, FOLDER) == ["<2@b.test>", "<1@b.test>"]


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ("$filter=subject eq 'x'", "ErrorInvalidUrlQueryFilter"),
        ("$filter=internetMessageId eq 'it's'", "ErrorInvalidUrlQueryFilter"),
        ("$filter=internetMessageId eq <x>", "ErrorInvalidUrlQueryFilter"),
        ("$filter=", "ErrorInvalidUrlQueryFilter"),
        ("$top=0", "RequestBroker--ParseUri"),
        ("$top=1001", "RequestBroker--ParseUri"),
        ("$top=x", "RequestBroker--ParseUri"),
        ("$select=colour", "RequestBroker--ParseUri"),
        ("$orderby=subject", "RequestBroker--ParseUri"),
        ("$search=x", "RequestBroker--ParseUri"),
    ],
)
async def test_a_query_that_is_not_understood_is_refused(
    tenant: PracticeTenant, query: str, error: str
) -> None:
    async with calling(tenant) as caller:
        await caller.sends()
        assert code(await caller.ask("GET", f"{FOLDER}?{query}")) == (400, error)
