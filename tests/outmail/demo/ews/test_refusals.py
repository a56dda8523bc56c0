"""What the practice Exchange does not take, it refuses as the real service does."""

from __future__ import annotations

import pytest

from outmail.demo.ews import mailing, parsing
from outmail.demo.ews.server import PracticeEws
from outmail.demo.names import CHIEF, DESK, SUPPORT
from outmail.demo.tenant import PracticeTenant
from tests.outmail.demo.ews.caller import (
    NAMESPACES,
    applications,
    basic,
    calling,
    codes,
    create_item,
    envelope,
    find_item,
    get_folder,
    impersonating,
    message,
    root,
    values,
)
from tests.outmail.demo.graph.caller import MIME

INVALID = "ErrorSchemaValidation"


def of(mailbox: str, folder: str = "sentitems") -> str:
    """A folder of somebody."""
    inside = f"<t:Mailbox><t:EmailAddress>{mailbox}</t:EmailAddress></t:Mailbox>"
    return f'<t:DistinguishedFolderId Id="{folder}">{inside}</t:DistinguishedFolderId>'


@pytest.mark.parametrize(
    "kind", ["", "text/plain", "application/soap+xml; charset=utf-8", "text/xml; charset=utf-16"]
)
async def test_other_content_types(tenant: PracticeTenant, kind: str) -> None:
    async with calling(tenant) as caller:
        answer = await caller.post(envelope(create_item()), {"Content-Type": kind})
        assert answer.status_code == 415
        for right in ("text/xml", 'TEXT/XML;charset="UTF-8"'):
            answer = await caller.post(envelope(create_item()), {"Content-Type": right})
            assert codes(answer) == ["NoError"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"hello",
        b"<a>",
        b"<a/>",
        envelope(create_item())[:-3],
        envelope(create_item()).replace(b"2006/messages", b"2007/messages<"),
        envelope(""),
        envelope(create_item() + create_item()),
        envelope(create_item()).replace(b"s:Body", b"s:Legs"),
        envelope(create_item()).replace(b"schemas.xmlsoap.org", b"example.org"),
        b'<!DOCTYPE x [<!ENTITY a "b">]>' + envelope(create_item()).partition(b"?>")[2],
        b"<!DOCTYPE x>" + envelope(create_item()).partition(b"?>")[2],
        envelope("<t:x>" * 60 + "</t:x>" * 60),
        envelope("<m:x>" + "<t:x/>" * (parsing.MOST_ELEMENTS + 1) + "</m:x>"),
        envelope("<m:x " + " ".join(f'a{n}="x"' for n in range(60)) + "/>"),
        envelope(create_item("\x00")),
    ],
)
async def test_what_is_no_soap(tenant: PracticeTenant, body: bytes) -> None:
    async with calling(tenant) as caller:
        answer = await caller.post(body)
    assert (answer.status_code, answer.content) == (400, b"")
    assert not tenant.mails


@pytest.mark.parametrize(
    ("operation", "says"),
    [
        ("<m:CreateItem/>", "incomplete content"),
        (create_item("<t:Message><t:Subject>x</t:Subject><t:MimeContent/></t:Message>"), "'MimeContent'"),
        (create_item("<t:Message><t:Colour/></t:Message>"), "'Colour'"),
        (create_item("<m:Message/>"), "'Message'"),
        (create_item(message(more="<t:Importance>Very</t:Importance>")), "'Importance' element is invalid"),
        (create_item(message(more="<t:IsRead>maybe</t:IsRead>")), "'IsRead' element is invalid"),
        (create_item(message(more="<t:Importance>Low</t:Importance>" * 2)), "'Importance'"),
        (create_item(message(more="words")), "cannot contain text"),
        (create_item().replace("SendOnly", "SendSoon"), "'MessageDisposition' attribute is invalid"),
        (create_item().replace("SendOnly", 'SendOnly" Colour="red'), "'Colour' attribute is not declared"),
        (create_item(folder="<t:FolderId/>"), "'Id' is missing"),
        (create_item().replace("Items>", "Item>"), "'Item'"),
        (get_folder(shape=""), "'FolderShape' has incomplete content: 't:BaseShape'"),
        (get_folder().replace("AllProperties", "Everything"), "'BaseShape'"),
        (find_item().replace(' Traversal="Shallow"', ""), "'Traversal' is missing"),
        (find_item("x").replace("t:IsEqualTo", "t:Is"), "'Is'"),
        (find_item("x").replace("<t:Constant", "<t:Constants"), "'Constants'"),
    ],
)
async def test_the_schema(tenant: PracticeTenant, operation: str, says: str) -> None:
    async with calling(tenant) as caller:
        answer = await caller.ask(operation)
    assert codes(answer) == [INVALID]
    assert answer.status_code == 500
    assert says in values(answer, "Violation")[0]
    assert int(values(answer, "LineNumber")[0]) == 1
    assert int(values(answer, "LinePosition")[0]) > 100
    assert (root(answer).findtext(".//faultstring") or "").startswith(
        "The request failed schema validation: "
    )
    assert not tenant.mails


@pytest.mark.parametrize(
    ("header", "version", "code"),
    [
        ("", "Exchange2099", "ErrorInvalidServerVersion"),
        ("", "V2017_07_11", "NoError"),
        ("", "", "NoError"),
        ("<t:RequestServerVersion/>", "", INVALID),
        ("<t:ExchangeImpersonation/>", "Exchange2016", INVALID),
        ('<x:y xmlns:x="urn:x" s:mustUnderstand="1"/>', "Exchange2016", "ErrorInvalidRequest"),
        ('<x:y xmlns:x="urn:x" s:mustUnderstand="0"/>', "Exchange2016", "NoError"),
        (
            '<t:TimeZoneContext><t:TimeZoneDefinition Id="UTC"/></t:TimeZoneContext>',
            "Exchange2016",
            "NoError",
        ),
    ],
)
async def test_headers(tenant: PracticeTenant, header: str, version: str, code: str) -> None:
    async with calling(tenant) as caller:
        assert codes(await caller.post(envelope(create_item(), header, version))) == [code]


@pytest.mark.parametrize(
    ("item", "code"),
    [
        (message(b""), "ErrorMimeContentInvalidBase64String"),
        (message().replace("<t:MimeContent>", "<t:MimeContent>*"), "ErrorMimeContentInvalidBase64String"),
        (message().replace("<t:MimeContent>", "<t:MimeContent>ü"), "ErrorMimeContentInvalidBase64String"),
        (message(b"no head at all"), "ErrorMimeContentInvalid"),
        ("<t:Message><t:Subject>x</t:Subject></t:Message>", "ErrorMimeContentInvalid"),
        ("<t:CalendarItem/>", "ErrorInvalidItemForOperationCreateItem"),
        (message(b"Subject: nobody\r\n\r\nx"), "ErrorInvalidRecipients"),
        (message(b"To: undisclosed-recipients:;\r\n\r\nx"), "ErrorInvalidRecipients"),
        (message(MIME.replace(DESK.encode(), CHIEF.encode())), "ErrorSendAsDenied"),
        (message(MIME.replace(DESK.encode(), b"x@example.org")), "ErrorSendAsDenied"),
        (
            message(more=f"<t:From><t:Mailbox><t:EmailAddress>{CHIEF}</t:EmailAddress></t:Mailbox></t:From>"),
            "ErrorSendAsDenied",
        ),
    ],
)
async def test_a_mail_that_does_not_go(tenant: PracticeTenant, item: str, code: str) -> None:
    async with calling(tenant) as caller:
        answer = await caller.ask(create_item(item, copy=True))
        assert codes(answer) == [code]
        assert answer.status_code == 200
        said = root(answer).find(".//m:CreateItemResponseMessage", NAMESPACES)
        assert said is not None
        assert said.attrib["ResponseClass"] == "Error"
        assert said.findtext("m:MessageText", "", NAMESPACES)
    assert not tenant.mails
    assert not tenant.ews.sent


async def test_an_application_sends_as_whom_it_acts(tenant: PracticeTenant) -> None:
    application = await applications(tenant)
    async with calling(tenant, application, impersonating(SUPPORT)) as caller:
        assert await caller.sends() == ["ErrorSendAsDenied"], "the shared mailbox may not send as the desk"
    async with calling(tenant, application, impersonating(CHIEF)) as caller:
        assert await caller.sends() == ["ErrorSendAsDenied"]


@pytest.mark.parametrize(
    ("folder", "code"),
    [
        (of("nobody@practice.test"), "ErrorNonExistentMailbox"),
        (of(CHIEF), "ErrorAccessDenied"),
        (of(DESK, "inbox"), "ErrorSavedItemFolderNotFound"),
        (of(DESK, "calendar"), "ErrorFolderNotFound"),
        ('<t:FolderId Id="x"/>', "ErrorInvalidIdMalformed"),
        ('<t:FolderId Id="AAMk"/>', "ErrorInvalidIdMalformed"),
    ],
)
async def test_where_no_copy_can_lie(tenant: PracticeTenant, folder: str, code: str) -> None:
    async with calling(tenant) as caller:
        assert await caller.codes(create_item(copy=True, folder=folder)) == [code]
    assert not tenant.mails, "nothing goes that cannot be kept"


async def test_what_it_does_not_do(tenant: PracticeTenant) -> None:
    async with calling(tenant) as caller:
        for operation in (
            "<m:GetServerTimeZones/>",
            "<m:DeleteItem/>",
            "<x/>",
            create_item().replace("SendOnly", "SaveOnly"),
            create_item(*[message()] * (mailing.MOST_AT_A_TIME + 1)),
        ):
            assert await caller.codes(operation) == ["ErrorInvalidRequest"]
        without = create_item().replace(' MessageDisposition="SendOnly"', "")
        assert await caller.codes(without) == ["ErrorMessageDispositionRequired"]
    assert not tenant.mails


async def test_addresses_and_methods(tenant: PracticeTenant) -> None:
    async with calling(tenant) as caller, calling(tenant, "") as nobody:
        for method, path, status in (
            ("POST", "/", 404),
            ("POST", "/EWS/Exchange.asmx/x", 404),
            ("POST", "/autodiscover/autodiscover.xml", 404),
            ("GET", "/ews/exchange.asmx", 405),
            ("PUT", "/EWS/Exchange.asmx", 405),
            ("GET", "/owa/", 200),
        ):
            assert (await caller.http.request(method, tenant.ews.origin + path)).status_code == status
        lower = await caller.http.post(
            f"{tenant.ews.origin}/ews/exchange.ASMX",
            content=envelope(create_item()),
            headers={"Content-Type": "text/xml"},
        )
        assert codes(lower) == ["NoError"]
        assert (await nobody.http.post(f"{tenant.ews.origin}/x")).status_code == 404
        assert (await nobody.post(b"hello")).status_code == 401, "who it is comes first"


async def test_a_request_that_is_too_long(tenant: PracticeTenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PracticeEws, "longest_body", 100)
    async with calling(tenant) as caller:
        kept = tenant.ews.record = []
        answer = await caller.ask(create_item())
        assert (answer.status_code, answer.content) == (413, b"")
        assert [each.status for each in kept] == [413]
    assert not tenant.mails


async def test_a_mail_that_is_too_large(tenant: PracticeTenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mailing, "LONGEST_MESSAGE", len(MIME))
    async with calling(tenant, basic()) as caller:
        assert await caller.sends(MIME + b"x") == ["ErrorMessageSizeExceeded"]
        assert await caller.sends(MIME) == ["NoError"]
