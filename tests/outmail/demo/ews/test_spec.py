"""Every request of these tests and every answer of the practice Exchange fits Microsoft's own schemas."""

from __future__ import annotations

import base64
from dataclasses import replace
from xml.etree import ElementTree as ET

import httpx
import pytest
import spnego

from outmail.demo.ews.faults import EWS_FAULTS
from outmail.demo.ews.items import new_id
from outmail.demo.ews.parsing import TYPES, Element, parse
from outmail.demo.ews.schema import KINDS, check
from outmail.demo.ews.soap import SoapFault
from outmail.demo.graph.record import Exchange
from outmail.demo.names import CHIEF, DESK, PASSWORD, SUPPORT
from outmail.demo.tenant import PracticeTenant
from tests.outmail.demo.ews.caller import (
    SENT_ITEMS,
    Caller,
    applications,
    basic,
    calling,
    convert_id,
    create_item,
    envelope,
    find_item,
    get_folder,
    get_item,
    impersonating,
    message,
    persons,
    resolve_names,
)
from tests.outmail.demo.ews.test_folders import ID_ONLY, only
from tests.outmail.demo.ews.test_refusals import of
from tests.outmail.demo.graph.caller import MIME
from tests.servers.ews_spec import (
    Recorder,
    answer_problems,
    check_all,
    elements_of,
    problems_of,
    request_problems,
    response_codes,
    values_of,
)

NO_ANSWER_OF_EWS = {"down", "silent", "expired", "html", "drops-after-accepting"}
MORE = (
    "<t:Sensitivity>Normal</t:Sensitivity><t:Importance>Low</t:Importance><t:ReminderIsSet>0</t:ReminderIsSet>"
    f"<t:From><t:Mailbox><t:EmailAddress>{DESK}</t:EmailAddress></t:Mailbox></t:From><t:IsRead>1</t:IsRead>"
)
HOSTILE = (
    b'From: "<&\'\x01\xff\xed\xa0\x80 ]]>" <desk@practice.test>\r\nTo: a@b.test\r\n'
    b"Subject: </t:Subject>\x00&\r\nMessage-ID: <&quot;\"'>\r\nContent-Type: multipart/mixed\r\n\r\nhi"
)


async def everything(caller: Caller) -> None:
    """Each operation, with each property that is told."""
    await caller.ask(create_item())
    for mail in (MIME, HOSTILE):
        await caller.ask(
            create_item(message(mail, MORE if mail is MIME else ""), copy=True, folder=SENT_ITEMS)
        )
    names = ("root", "msgfolderroot", "inbox", "drafts", "outbox", "sentitems", "deleteditems", "calendar")
    own = [f'<t:DistinguishedFolderId Id="{name}"/>' for name in names]
    others = [of(who) for who in (SUPPORT, CHIEF, "x@y.test")]
    for shape in (
        "<t:BaseShape>Default</t:BaseShape>",
        ID_ONLY,
        only("folder:TotalCount", "folder:DisplayName"),
    ):
        await caller.ask(get_folder(*own, *others, shape=shape))
    view = '<m:IndexedPageItemView MaxEntriesReturned="1" Offset="1" BasePoint="Beginning"/>'
    for asked in (
        find_item(view=view),
        find_item("<&quot;\"'>".replace('"', "&quot;")),
        find_item("<one@practice.test>", shape=only("item:Subject", "message:IsRead")),
        find_item(folder="".join([*own, *others]), shape=ID_ONLY),
        get_item(*(item.id for item in caller.tenant.ews.sent), "x", new_id()),
        *(resolve_names(name) for name in (DESK, "nobody", "<![CDATA[<&]]>")),
        *(convert_id(item, to=to) for item in ("x", "AAMk") for to in ("OwaId", "EntryId")),
        convert_id("AAMk", mailbox="x@y.test"),
    ):
        await caller.ask(asked)


@pytest.mark.parametrize("how", ["password", "token", "application"])
async def test_everything_fits(tenant: PracticeTenant, how: str) -> None:
    authorization, header = basic(), ""
    if how == "token":
        authorization = await persons(tenant)
    if how == "application":
        authorization, header = await applications(tenant), impersonating(DESK)
    async with calling(tenant, authorization, header) as caller:
        with Recorder(tenant.ews) as recorded:
            await everything(caller)
    assert check_all(recorded, refused_too=True) == 19
    assert {each.status for each in recorded} == {200}
    told = b"".join(each.answer for each in recorded)
    assert b"&lt;/t:Subject&gt;" in told
    assert b"\x00" not in told


async def test_every_refusal_fits(tenant: PracticeTenant) -> None:
    with Recorder(tenant.ews) as recorded:
        async with calling(tenant) as caller:
            for operation in (
                "<m:CreateItem/>",
                "<m:GetServerTimeZones/>",
                create_item("<t:CalendarItem/>"),
                get_folder(),
            ):
                await caller.ask(operation.replace("sentitems", "SentItems"))
            without = create_item().replace(' MessageDisposition="SendOnly"', "")
            none = '<m:IndexedPageItemView MaxEntriesReturned="0" Offset="0" BasePoint="Beginning"/>'
            for asked in (without, find_item(view=none)):
                await caller.ask(asked)
            for item in (message(b""), message(b"x"), message(b"Subject: x\r\n\r\n"), message(MIME * 2)):
                await caller.ask(create_item(item))
            for body in (b"", b"<a>", envelope(create_item(), version="Exchange2099")):
                await caller.post(body)
            await caller.post(b"", {"Content-Type": "text/plain"})
            await caller.http.get(tenant.ews.url)
            await caller.http.get(f"{tenant.ews.origin}/")
        for given, header in (
            ("", ""),
            (basic(password="wrong"), ""),
            (basic(), impersonating(CHIEF)),
            (await applications(tenant), ""),
            (await applications(tenant), impersonating("x@y.test")),
        ):
            async with calling(tenant, given, header) as caller:
                await caller.ask(create_item())
        async with calling(tenant, "") as caller:
            client = spnego.client(DESK, PASSWORD, hostname="localhost", service="http", protocol="ntlm")
            given = f"NTLM {base64.b64encode(client.step() or b'').decode()}"
            await caller.post(b"", {"Authorization": given})
    assert check_all(recorded) == 22
    assert {200, 400, 401, 404, 405, 415, 500} <= {each.status for each in recorded}


async def test_every_fault_fits(tenant: PracticeTenant) -> None:
    with Recorder(tenant.ews) as recorded:
        async with calling(tenant) as caller:
            for fault in EWS_FAULTS:
                if fault in NO_ANSWER_OF_EWS:
                    continue
                tenant.set_fault("ews", fault)
                for operation in (create_item(copy=True), get_folder(), find_item()):
                    await caller.ask(operation)
    check_all(recorded, refused_too=True)
    for one in EWS_FAULTS.values():
        for trouble in (one.account, one.mailbox, one.sending):
            assert trouble is None or trouble.code in response_codes()


async def test_what_does_not_fit_is_seen(tenant: PracticeTenant) -> None:
    """The check itself: a request or an answer with one thing wrong."""
    with Recorder(tenant.ews) as recorded:
        async with calling(tenant) as caller:
            await caller.ask(create_item(message(more=MORE)))
            await caller.ask("<m:GetServerTimeZones/>")
    sent, refused = recorded

    def with_body(body: bytes | None) -> list[str]:
        return request_problems(replace(sent, body=body))

    right = sent.body or b""
    assert with_body(right) == []
    wrong = {
        "nobody saw it": None,
        "empty": b"",
        "no XML": right[:-1],
        "no SOAP": right.replace(b"xmlsoap", b"xmlfoam"),
        "wrong order": right.replace(b"t:Sensitivity>", b"t:IsRead>"),
        "wrong value": right.replace(b">Low<", b">Lowest<"),
        "wrong namespace": right.replace(b"<m:Items>", b"<t:Items>").replace(b"</m:Items>", b"</t:Items>"),
        "unknown operation": right.replace(b"m:CreateItem", b"m:MakeItem"),
        "unknown header": right.replace(b"t:RequestServerVersion", b"t:RequestedVersion"),
        "nothing": right[: right.index(b"<m:Create")] + b"</s:Body></s:Envelope>",
        "unknown attribute": right.replace(b"MessageDisposition", b"Disposition"),
    }
    for what, body in wrong.items():
        assert with_body(body), what
    headers = {**sent.headers, "content-type": "application/soap+xml"}
    assert request_problems(replace(sent, headers=headers)) == ["it is application/soap+xml, not XML"]
    assert request_problems(replace(sent, target="/ews"))
    assert request_problems(replace(sent, method="PUT"))
    with pytest.raises(AssertionError, match="Importance"):
        check_all([replace(sent, body=wrong["wrong value"])])
    for answer, status in (
        (sent.answer.replace(b">NoError<", b">NoErrors<"), 200),
        (sent.answer.replace(b'"Success"', b'"Fine"'), 200),
        (sent.answer.replace(b"CreateItemResponse", b"GetItemResponse"), 200),
        (sent.answer.replace(b"ServerVersionInfo", b"ServerInfo"), 200),
        (sent.answer, 500),
        (refused.answer, 200),
        (refused.answer.replace(b">ErrorInvalidRequest<", b">ErrorOfMine<"), 500),
        (refused.answer.replace(b"a:ErrorInvalidRequest", b"a:ErrorServerBusy"), 500),
        (refused.answer.replace(b"detail>", b"details>"), 500),
        (b"", 200),
    ):
        assert answer_problems(replace(sent, answer=answer, status=status)), answer
    page = replace(sent, answer_headers={"content-type": "text/html"})
    assert answer_problems(page) == ["it is text/html, not SOAP"]
    assert answer_problems(replace(page, status=503)) == []
    assert answer_problems(replace(page, status=503, answer_headers={"content-type": "text/xml"}))
    assert {"ErrorServerBusy", "NoError"} <= response_codes()


@pytest.mark.parametrize("change", range(12))
def test_the_servers_own_check_is_no_laxer(change: int) -> None:
    """What the schemas refuse of a mail, the server's own table refuses, too; and what fits is taken."""
    operation = create_item(message(more=MORE), folder=SENT_ITEMS)
    changes = [
        ("", ""),
        ("<m:Items>", "<m:Items><m:Items/>"),
        ("<t:ReminderIsSet>0", "<t:ReminderIsSet>no"),
        ("</t:MimeContent>", "</t:MimeContent><t:MimeContent/>"),
        ("<t:Mailbox>", "<t:Mailbox><t:RoutingType>SMTP</t:RoutingType>"),
        ("</t:EmailAddress>", "</t:EmailAddress><t:RoutingType>SMTP</t:RoutingType>"),
        ("SendOnly", ""),
        ('Id="sentitems"', ""),
        ("<t:MimeContent>", '<t:MimeContent CharacterSet="UTF-8">'),
        ("<t:MimeContent>", '<t:MimeContent Charset="UTF-8">'),
        ("Low<", "low<"),
        ("<t:From>", "<t:From><t:Mailbox/>"),
    ]
    body = envelope(operation.replace(*changes[change], 1))
    fits = not list(problems_of(ET.fromstring(body)[-1][0]))

    def ours() -> bool:
        try:
            check(_operation(body))
        except SoapFault:
            return False
        return True

    assert ours() == fits
    assert fits == (change in {0, 5, 8})


def test_the_servers_table_is_that_of_the_schemas() -> None:
    """The order of a message's properties, and every value that the table lists, are those of the schemas."""
    names = [f"t:{name}" for name in elements_of(TYPES, "MessageType")]
    assert [place.names[0] for place in KINDS["t:Message"].places] == names
    for element, enumerated in (
        ("t:Sensitivity", "SensitivityChoicesType"),
        ("t:Importance", "ImportanceChoicesType"),
        ("t:BaseShape", "DefaultShapeNamesType"),
    ):
        assert set((KINDS[element].text or "").split("|")) == values_of(TYPES, enumerated)


def test_what_was_cut_has_no_answer() -> None:
    """A connection that was cut leaves a request alone to be looked at."""
    body = envelope(create_item())
    headers = {"content-type": "text/xml"}
    cut = Exchange("POST", "/EWS/Exchange.asmx", headers, body, 0, {"content-type": ""}, b"", 0.0, 0.0)
    assert check_all([cut]) == 1


def _operation(body: bytes) -> Element:
    return parse(body).children[-1].children[0]


async def test_a_page_is_no_answer_of_ews(tenant: PracticeTenant) -> None:
    with Recorder(tenant.ews) as recorded:
        async with calling(tenant) as caller:
            tenant.set_fault("ews", "html")
            await caller.ask(create_item())
            tenant.set_fault("ews", "drops-after-accepting")
            with pytest.raises(httpx.TransportError):
                await caller.ask(create_item())
    page, cut = recorded
    assert answer_problems(page) == ["it is text/html; charset=utf-8, not SOAP"]
    assert check_all([cut]) == 1
