"""A mail that the practice Exchange takes arrives once, as it was, and lies in Sent Items where asked to."""

from __future__ import annotations

import pytest

from outmail.demo.names import CHIEF, DESK, SUPPORT
from outmail.demo.oauth.apps import APP
from outmail.demo.tenant import PracticeTenant
from tests.outmail.demo.ews.caller import (
    NAMESPACES,
    SENT_ITEMS,
    applications,
    basic,
    calling,
    codes,
    create_item,
    impersonating,
    message,
    persons,
    root,
)
from tests.outmail.demo.graph.caller import MIME, RECIPIENTS, SEEN

FROM_SUPPORT = MIME.replace(DESK.encode(), SUPPORT.encode())


async def test_mime_arrives_as_it_was_but_for_bcc(tenant: PracticeTenant) -> None:
    async with calling(tenant) as caller:
        headers = {"client-request-id": "mine", "X-AnchorMailbox": DESK}
        answer = await caller.ask(create_item(), headers)
    assert codes(answer) == ["NoError"]
    assert answer.headers["client-request-id"] == "mine"
    assert answer.headers["request-id"]
    version = root(answer).find(".//t:ServerVersionInfo", NAMESPACES)
    assert version is not None
    assert version.attrib["MajorVersion"] == "15"
    (mail,) = tenant.mails
    assert mail.content == SEEN
    assert mail.recipients == RECIPIENTS
    assert (mail.server, mail.user, mail.sender) == ("ews", DESK, DESK)
    assert tenant.ews.messages == (mail,)
    assert tenant.ews.sent == (), "no copy was asked for"
    (handed,) = tenant.ews.submissions
    assert (handed.mailbox, handed.user, handed.anchor, handed.impersonates) == (DESK, DESK, DESK, False)
    assert (handed.disposition, handed.properties, handed.number) == ("SendOnly", {}, mail.number)


@pytest.mark.parametrize("folder", ["", SENT_ITEMS])
async def test_a_copy_lies_in_sent_items(tenant: PracticeTenant, folder: str) -> None:
    async with calling(tenant) as caller:
        assert await caller.codes(create_item(copy=True, folder=folder)) == ["NoError"]
    (sent,) = tenant.ews.sent
    assert (sent.owner, sent.message_id, sent.subject) == (DESK, "<one@practice.test>", "Grüße")
    assert b"Bcc: hidden@example.org" in sent.head
    assert len(tenant.mails) == 1


async def test_what_else_a_client_says_is_kept(tenant: PracticeTenant) -> None:
    more = (
        "<t:Sensitivity>Normal</t:Sensitivity><t:Importance>High</t:Importance>"
        "<t:ToRecipients><t:Mailbox><t:EmailAddress>A@example.org</t:EmailAddress></t:Mailbox>"
        "<t:Mailbox><t:EmailAddress>more@example.org</t:EmailAddress></t:Mailbox></t:ToRecipients>"
        "<t:IsReadReceiptRequested>0</t:IsReadReceiptRequested>"
    )
    async with calling(tenant) as caller:
        assert await caller.codes(create_item(message(more=more))) == ["NoError"]
    (handed,) = tenant.ews.submissions
    assert handed.properties == {
        "Sensitivity": "Normal",
        "Importance": "High",
        "ToRecipients": "",
        "IsReadReceiptRequested": "0",
    }
    assert sorted(tenant.mails[0].recipients) == sorted((*RECIPIENTS, "more@example.org")), "once each"


async def test_each_mail_of_a_request_has_its_own_answer(tenant: PracticeTenant) -> None:
    async with calling(tenant) as caller:
        nobody = message(b"Subject: x\r\n\r\nhi\r\n")
        assert await caller.codes(create_item(message(), nobody, message())) == [
            "NoError",
            "ErrorInvalidRecipients",
            "NoError",
        ]
    assert len(tenant.mails) == 2


@pytest.mark.parametrize("by", ["PrimarySmtpAddress", "SmtpAddress", "PrincipalName"])
async def test_an_application_acts_in_a_name(tenant: PracticeTenant, by: str) -> None:
    async with calling(tenant, await applications(tenant), impersonating(SUPPORT, by)) as caller:
        assert await caller.sends(FROM_SUPPORT, copy=True) == ["NoError"]
    (mail,) = tenant.mails
    assert (mail.user, mail.sender) == (APP, SUPPORT)
    (handed,) = tenant.ews.submissions
    assert (handed.mailbox, handed.user, handed.impersonates) == (SUPPORT, APP, True)
    assert tenant.ews.sent[0].owner == SUPPORT


@pytest.mark.parametrize("account", [DESK, CHIEF])
@pytest.mark.parametrize("how", ["password", "token"])
async def test_a_person_sends_from_a_shared_mailbox(tenant: PracticeTenant, account: str, how: str) -> None:
    signs_in = basic(account) if how == "password" else await persons(tenant, account)
    shared = f'<t:DistinguishedFolderId Id="sentitems"><t:Mailbox><t:EmailAddress>{SUPPORT}</t:EmailAddress>'
    async with calling(tenant, signs_in) as caller:
        operation = create_item(
            message(FROM_SUPPORT), copy=True, folder=f"{shared}</t:Mailbox></t:DistinguishedFolderId>"
        )
        assert await caller.codes(operation) == ["NoError"]
    assert (tenant.mails[0].user, tenant.mails[0].sender) == (account, SUPPORT)
    assert tenant.ews.sent[0].owner == SUPPORT, "it lies where it was told to"


@pytest.mark.parametrize(
    ("head", "body"),
    [
        (b"bcc :x@y.test\r\nTo: a@example.org\r\n", b"\r\nhi"),
        (b"To: a@example.org\nBCC: x@y.test,\n\tz@y.test\n", b"\nhi\nBcc: stays\n"),
        (b"X-Bcc: s@y.test\r\nTo: a@example.org\r\nBcc: x@y.test\r\nBcc: z@y.test\r\n", b"\r\n\r\n\r\nhi"),
    ],
)
async def test_only_bcc_goes(tenant: PracticeTenant, head: bytes, body: bytes) -> None:
    async with calling(tenant) as caller:
        assert await caller.sends(head + body) == ["NoError"]
    (mail,) = tenant.mails
    lines = [line for line in head.split(b"\n") if line]
    kept = [line for line in lines if not line.lower().startswith((b"bcc", b"\t"))]
    assert mail.content == b"".join(line + b"\n" for line in kept) + body
    assert "x@y.test" in mail.recipients


async def test_a_large_mail(tenant: PracticeTenant) -> None:
    """Over 256 KiB the request is read in a thread; base64 may have lines."""
    large = MIME + b"x" * 3_000_000
    async with calling(tenant) as caller:
        assert await caller.sends(large) == ["NoError"]
        lines = message(large).replace("VX", "V\r\nX")
        assert await caller.codes(create_item(lines)) == ["NoError"]
    assert len({mail.content for mail in tenant.mails}) == 1
    assert len(tenant.mails[0].content) == len(SEEN) + 3_000_000
