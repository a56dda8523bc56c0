"""Drafts of the practice Graph: made, changed, given files, sent once, and gone."""

from __future__ import annotations

import asyncio
import base64
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from typing import Any

import pytest

from outmail.demo.graph import items as items_module
from outmail.demo.graph.uploads import SMALLEST
from outmail.demo.tenant import PracticeTenant
from tests.outmail.demo.graph.caller import DRAFT, MIME, RECIPIENTS, SEEN, Caller, calling, code, stranger

PIECE = 327_680 * 10
HUGE = bytes(range(256)) * 4096 * 10


def parsed(content: bytes) -> EmailMessage:
    """A mail, by the standard library."""
    found = BytesParser(policy=policy.default).parsebytes(content)
    assert isinstance(found, EmailMessage)
    return found


def item(size: int, **more: object) -> dict[str, Any]:
    """What asks for an upload session."""
    return {"AttachmentItem": {"attachmentType": "file", "name": "big.bin", "size": size, **more}}


async def session(caller: Caller, draft: str, size: int, **more: object) -> str:
    """Open an upload session: its address."""
    made = await caller.ask(
        "POST", f"/me/messages/{draft}/attachments/createUploadSession", item(size, **more)
    )
    assert made.status_code == 201, made.text
    assert made.json()["nextExpectedRanges"] == ["0-"]
    return str(made.json()["uploadUrl"])


def ranged(first: int, piece: bytes, total: int) -> dict[str, str]:
    """The header of a piece."""
    return {"Content-Range": f"bytes {first}-{first + len(piece) - 1}/{total}"}


async def test_a_draft_from_its_making_to_its_sending(tenant: PracticeTenant) -> None:
    async with calling(tenant) as caller:
        made = (await caller.ask("POST", "/me/messages", DRAFT)).json()
        place = f"/me/messages/{made['id']}"
        assert made["isDraft"] is True
        assert made["internetMessageId"].endswith("@practice.test>")
        changed = await caller.ask(
            "PATCH", place, {"subject": "Later", "internetMessageHeaders": [{"name": "X-Job", "value": "7"}]}
        )
        assert (changed.status_code, changed.json()["subject"]) == (200, "Later")
        assert changed.json()["@odata.etag"] != made["@odata.etag"]
        got = (await caller.ask("GET", place)).json()
        assert got["bccRecipients"] == [{"emailAddress": {"address": "hidden@example.org"}}]
        assert "internetMessageHeaders" not in got, "only to who asks for them"
        only = (await caller.ask("GET", f"{place}?$select=internetMessageHeaders,subject")).json()
        assert only["internetMessageHeaders"] == [{"name": "X-Job", "value": "7"}]
        assert only.keys() == {"@odata.context", "@odata.etag", "id", "internetMessageHeaders", "subject"}
        sent = await caller.ask("POST", f"{place}/send")
        assert (sent.status_code, sent.content) == (202, b"")
        assert code(await caller.ask("POST", f"{place}/send")) == (404, "ErrorItemNotFound")
        assert code(await caller.ask("GET", place)) == (404, "ErrorItemNotFound")
    (mail,) = tenant.mails
    found = parsed(mail.content)
    assert (found["Subject"], found["X-Job"]) == ("Later", "7")
    assert found["Message-ID"] == made["internetMessageId"]
    assert mail.recipients == ("a@example.org", "hidden@example.org")
    assert tenant.graph.drafts == 0
    assert tenant.graph.sent[0].message.internet_message_id == made["internetMessageId"]


async def test_a_draft_of_mime_is_sent_as_it_came(tenant: PracticeTenant) -> None:
    async with calling(tenant) as caller:
        made = (await caller.ask("POST", "/me/messages", mime=MIME)).json()
        assert made["subject"] == "Grüße"
        assert made["internetMessageId"] == "<one@practice.test>"
        assert made["body"]["content"].startswith("body =")
        assert (await caller.ask("POST", f"/me/messages/{made['id']}/send")).status_code == 202
    assert tenant.mails[0].content == SEEN
    assert tenant.mails[0].recipients == RECIPIENTS


async def test_a_draft_of_mime_that_is_changed_is_built_anew(tenant: PracticeTenant) -> None:
    """As the real service: it keeps what it has a place for, and loses the rest."""
    async with calling(tenant) as caller:
        made = (await caller.ask("POST", "/me/messages", mime=MIME)).json()
        place = f"/me/messages/{made['id']}"
        assert (await caller.ask("PATCH", place, {"subject": "Changed"})).status_code == 200
        assert (await caller.ask("POST", f"{place}/send")).status_code == 202
    found = parsed(tenant.mails[0].content)
    assert (found["Subject"], found["X-Last"], found["Auto-Submitted"]) == ("Changed", "yes", None)
    assert tenant.mails[0].recipients == RECIPIENTS


async def test_a_deleted_draft_is_gone(tenant: PracticeTenant) -> None:
    async with calling(tenant) as caller:
        place = f"/me/messages/{await caller.drafts()}"
        gone = await caller.ask("DELETE", place)
        assert (gone.status_code, gone.content) == (204, b"")
        assert "content-length" not in gone.headers
        assert code(await caller.ask("DELETE", place)) == (404, "ErrorItemNotFound")
    assert tenant.graph.drafts == 0


async def test_a_file_that_is_posted_whole(tenant: PracticeTenant) -> None:
    content = b"\x00\xff\r\n" * 1000
    file = {
        "@odata.type": "#microsoft.graph.fileAttachment",
        "name": "Übersicht.bin",
        "contentType": "application/x-thing",
        "contentBytes": base64.b64encode(content).decode(),
        "isInline": True,
        "contentId": "picture",
    }
    async with calling(tenant) as caller:
        place = f"/me/messages/{await caller.drafts()}"
        made = await caller.ask("POST", f"{place}/attachments", file)
        assert made.status_code == 201
        assert made.json()["size"] == len(content)
        assert made.json()["contentBytes"] == file["contentBytes"], "the real service says it all again"
        assert (await caller.ask("GET", place)).json()["hasAttachments"] is True
        assert (await caller.ask("POST", f"{place}/send")).status_code == 202
        inside = {"message": {**DRAFT, "attachments": [file]}}
        assert (await caller.ask("POST", "/me/sendMail", inside)).status_code == 202
    for mail in tenant.mails:
        (part,) = parsed(mail.content).iter_attachments()
        assert part.get_content() == content
        assert part.get_filename() == "Übersicht.bin"
        assert part.get_content_type() == "application/x-thing"
        assert (part["Content-ID"], part.get_content_disposition()) == ("<picture>", "inline")


async def test_ten_megabytes_in_pieces(tenant: PracticeTenant) -> None:
    async with calling(tenant) as caller, stranger(tenant) as uploader:
        draft = await caller.drafts()
        url = await session(caller, draft, len(HUGE), contentType="application/zip")
        first, answers = 0, []
        while first < len(HUGE):
            piece = HUGE[first : first + PIECE]
            answers.append(await uploader.put(url, content=piece, headers=ranged(first, piece, len(HUGE))))
            first += len(piece)
        *going, last = answers
        assert [answer.status_code for answer in going] == [200] * 3
        assert [answer.json()["nextExpectedRanges"] for answer in going] == [
            [str(PIECE * n)] for n in (1, 2, 3)
        ]
        assert (last.status_code, last.content) == (201, b"")
        assert "/Attachments('" in last.headers["Location"]
        assert (await uploader.get(url)).status_code == 404, "a session that is done is over"
        assert (await caller.ask("POST", f"/me/messages/{draft}/send")).status_code == 202
    (part,) = parsed(tenant.mails[0].content).iter_attachments()
    assert part.get_content() == HUGE
    assert (part.get_filename(), part.get_content_type()) == ("big.bin", "application/zip")


async def test_what_a_piece_must_be(tenant: PracticeTenant) -> None:
    size = SMALLEST
    async with calling(tenant) as caller, stranger(tenant) as uploader:
        url = await session(caller, await caller.drafts(), size)
        piece = b"x" * 1000

        async def put(headers: dict[str, str], content: bytes = piece, at: str = url) -> tuple[int, str]:
            return code(await uploader.put(at, content=content, headers=headers))

        assert await put({}) == (400, "ErrorInvalidRequest")
        assert await put({"Content-Range": "bytes 0-1/*"}) == (400, "ErrorInvalidRequest")
        assert await put(ranged(0, piece, size + 1)) == (400, "ErrorInvalidRequest")
        assert await put(ranged(0, piece + b"x", size)) == (400, "ErrorInvalidRequest")
        assert await put(ranged(1000, piece, size)) == (416, "ErrorInvalidRange")
        too_long = b"x" * 4 * 1024 * 1024
        assert (await put(ranged(0, too_long, size), too_long))[0] == 413
        signed = ranged(0, piece, size) | {"Authorization": "Bearer x"}
        assert await put(signed) == (401, "InvalidAuthenticationToken")
        assert await put(ranged(0, piece, size), at=url + "x") == (401, "InvalidAuthenticationToken")
        elsewhere = url.replace("AttachmentSessions('", "AttachmentSessions('0")
        assert await put(ranged(0, piece, size), at=elsewhere) == (404, "ErrorItemNotFound")
        assert (await uploader.get(url)).json()["nextExpectedRanges"] == ["0"], "nothing of it was taken"
        right = await uploader.put(url, content=piece, headers=ranged(0, piece, size))
        assert right.json()["nextExpectedRanges"] == ["1000"]
        assert (await uploader.get(url)).json()["nextExpectedRanges"] == ["1000"]
        assert code(await uploader.post(url)) == (405, "ErrorInvalidRequest")
        assert (await uploader.delete(url)).status_code == 204
        assert (await uploader.delete(url)).status_code == 404


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        (item(SMALLEST - 1), "ErrorAttachmentSizeShouldNotBeLessThanMinimumSize"),
        (item(150 * 1024 * 1024 + 1), "ErrorAttachmentSizeLimitExceeded"),
        (item(SMALLEST, attachmentType="item"), "ErrorInvalidArgument"),
        (item(SMALLEST, colour="red"), "RequestBodyRead"),
        ({"attachmentItem": item(SMALLEST)["AttachmentItem"]}, "RequestBodyRead"),
    ],
)
async def test_which_sessions_are_refused(tenant: PracticeTenant, asked: dict[str, Any], error: str) -> None:
    async with calling(tenant) as caller:
        place = f"/me/messages/{await caller.drafts()}/attachments/createUploadSession"
        assert code(await caller.ask("POST", place, asked)) == (400, error)


async def test_a_deleted_draft_takes_its_sessions_along(tenant: PracticeTenant) -> None:
    async with calling(tenant) as caller, stranger(tenant) as uploader:
        draft = await caller.drafts()
        url = await session(caller, draft, SMALLEST)
        await caller.ask("DELETE", f"/me/messages/{draft}")
        assert (await uploader.get(url)).status_code == 404


async def test_a_draft_is_sent_once_whoever_asks_twice(tenant: PracticeTenant) -> None:
    async with calling(tenant) as caller:
        place = f"/me/messages/{await caller.drafts()}/send"
        answers = await asyncio.gather(*(caller.ask("POST", place) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [202, 404, 404, 404]
    assert len(tenant.mails) == 1


async def test_a_draft_that_could_not_be_sent_is_there_again(tenant: PracticeTenant) -> None:
    async with calling(tenant) as caller:
        place = f"/me/messages/{await caller.drafts({'subject': 'to nobody'})}"
        assert code(await caller.ask("POST", f"{place}/send")) == (400, "ErrorInvalidRecipients")
        await caller.ask("PATCH", place, {"toRecipients": DRAFT["toRecipients"]})
        assert (await caller.ask("POST", f"{place}/send")).status_code == 202


async def test_a_mailbox_is_full_some_day(tenant: PracticeTenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(items_module, "MOST_DRAFTS", 2)
    async with calling(tenant) as caller:
        first = await caller.drafts()
        await caller.drafts()
        assert code(await caller.ask("POST", "/me/messages", DRAFT)) == (507, "ErrorQuotaExceeded")
        await caller.ask("DELETE", f"/me/messages/{first}")
        await caller.drafts()
