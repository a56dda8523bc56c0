"""A mail that the practice Graph takes arrives once, as it was, and lies in Sent Items."""

from __future__ import annotations

import pytest

from outmail.demo.names import CHIEF, DESK, SUPPORT
from outmail.demo.tenant import PracticeTenant
from tests.outmail.demo.graph.caller import DRAFT, MIME, RECIPIENTS, SEEN, app_token, calling, token


async def test_mime_arrives_as_it_was_but_for_bcc(tenant: PracticeTenant) -> None:
    async with calling(tenant) as caller:
        answer = await caller.ask("POST", "/me/sendMail", mime=MIME, headers={"client-request-id": "mine"})
    assert (answer.status_code, answer.content) == (202, b"")
    assert answer.headers["client-request-id"] == "mine"
    assert answer.headers["request-id"]
    (mail,) = tenant.mails
    assert mail.content == SEEN
    assert mail.recipients == RECIPIENTS
    assert (mail.server, mail.user, mail.sender) == ("graph", DESK, DESK)
    assert tenant.graph.messages == (mail,)
    (sent,) = tenant.graph.sent
    assert b"Bcc: hidden@example.org" in sent.head
    assert sent.message.internet_message_id == "<one@practice.test>"


async def test_json_becomes_mime(tenant: PracticeTenant) -> None:
    async with calling(tenant) as caller:
        for saves in (None, True, False):
            body = {"message": DRAFT} | ({} if saves is None else {"saveToSentItems": saves})
            assert (await caller.ask("POST", "/me/sendMail", body)).status_code == 202
    assert len(tenant.mails) == 3
    assert len(tenant.graph.sent) == 2
    mail = tenant.mails[0]
    assert mail.subject == "Grüße"
    assert mail.recipients == ("a@example.org", "hidden@example.org")
    assert b"hidden" not in mail.content
    assert b'To: "A, B" <a@example.org>\r\n' in mail.content
    assert b"From: desk@practice.test\r\n" in mail.content
    assert b"\n" not in mail.content.replace(b"\r\n", b"")


@pytest.mark.parametrize("by_itself", [False, True])
@pytest.mark.parametrize("how", ["mime", "json"])
async def test_a_shared_mailbox(tenant: PracticeTenant, by_itself: bool, how: str) -> None:
    bearer = await (app_token(tenant) if by_itself else token(tenant, account=CHIEF))
    async with calling(tenant, bearer) as caller:
        path = f"/users/{SUPPORT}/sendMail"
        if how == "mime":
            mail = MIME.replace(b"desk@practice.test", SUPPORT.encode())
            assert await caller.sends(path, mail) == 202
        else:
            assert (await caller.ask("POST", path, {"message": DRAFT})).status_code == 202
    assert tenant.mails[0].sender == SUPPORT
    assert tenant.graph.sent[0].owner == SUPPORT


async def test_another_sender_by_ones_own_mailbox(tenant: PracticeTenant) -> None:
    async with calling(tenant) as caller:
        assert await caller.sends(mime=MIME.replace(b"desk@practice.test", SUPPORT.encode())) == 202
    assert tenant.mails[0].sender == SUPPORT
    assert tenant.graph.sent[0].owner == DESK, "it lies where it was sent from"


async def test_a_user_by_id(tenant: PracticeTenant) -> None:
    async with calling(tenant) as caller:
        me = (await caller.ask("GET", "/me?$select=id,mail")).json()
        assert me.keys() == {"@odata.context", "id", "mail"}
        assert (await caller.ask("GET", f"/users/{me['id']}")).json()["userPrincipalName"] == DESK
        assert await caller.sends(f"/users/{me['id']}/sendMail") == 202
        assert await caller.sends("/Me/SENDMAIL") == 202, "as the real service, whatever the case"


@pytest.mark.parametrize(
    ("head", "body"),
    [
        (b"To: a@example.org\r\nBcc: x@y.test\r\n", b"\r\nhi\r\n"),
        (b"bcc :x@y.test\r\nTo: a@example.org\r\n", b"\r\nhi"),
        (b"To: a@example.org\nBCC: x@y.test,\n\tz@y.test\n", b"\nhi\nBcc: stays\n"),
        (b"Bcc: x@y.test\r\n", b"\r\n"),
        (b"To: a@example.org\r\nBcc: x@y.test", b""),
        (b"X-Bcc: s@y.test\r\nTo: a@example.org\r\nBcc: x@y.test\r\nBcc: z@y.test\r\n", b"\r\n\r\n\r\nhi"),
    ],
)
async def test_only_bcc_goes(tenant: PracticeTenant, head: bytes, body: bytes) -> None:
    async with calling(tenant) as caller:
        assert await caller.sends(mime=head + body) == 202
    (mail,) = tenant.mails
    lines = [line for line in head.split(b"\n") if line]
    kept = [line for line in lines if not line.lower().startswith((b"bcc", b"\t"))]
    assert mail.content == b"".join(line + b"\n" for line in kept) + body
    assert "x@y.test" in mail.recipients


@pytest.mark.parametrize(
    ("to", "recipients"),
    [
        (b'"Last, First" <a@b.test>, c@d.test', ("a@b.test", "c@d.test")),
        (b"Everybody: a@b.test, c@d.test;", ("a@b.test", "c@d.test")),
        (b"undisclosed-recipients:;\r\nBcc: a@b.test", ("a@b.test",)),
        (b"a@b.test,\r\n A@B.test", ("a@b.test",)),
        ("grün@bücher.test".encode(), ("grün@bücher.test",)),
    ],
)
async def test_recipients_are_those_of_the_headers(
    tenant: PracticeTenant, to: bytes, recipients: tuple[str, ...]
) -> None:
    async with calling(tenant) as caller:
        assert await caller.sends(mime=b"To: " + to + b"\r\n\r\nhi\r\n") == 202
    assert tenant.mails[0].recipients == recipients
