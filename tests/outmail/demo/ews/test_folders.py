"""The practice Exchange tells of its folders, finds what was sent, and knows the tenant's people."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import httpx
import pytest

from outmail.demo.ews import items
from outmail.demo.names import CHIEF, DESK, SUPPORT
from outmail.demo.tenant import PracticeTenant
from tests.outmail.demo.ews.caller import (
    NAMESPACES,
    applications,
    basic,
    calling,
    codes,
    convert_id,
    create_item,
    find_item,
    get_folder,
    get_item,
    impersonating,
    resolve_names,
    root,
    values,
)
from tests.outmail.demo.ews.test_refusals import of
from tests.outmail.demo.graph.caller import MIME

ID_ONLY = "<t:BaseShape>IdOnly</t:BaseShape>"


def only(*fields: str) -> str:
    """A shape with these properties."""
    inside = "".join(f'<t:FieldURI FieldURI="{field}"/>' for field in fields)
    return f"{ID_ONLY}<t:AdditionalProperties>{inside}</t:AdditionalProperties>"


def numbered(number: int) -> bytes:
    """A mail of its own."""
    return MIME.replace(b"<one@", f"<{number}@".encode())


def found(answer: httpx.Response) -> list[ET.Element]:
    """The mails of an answer."""
    return root(answer).findall(".//t:Message", NAMESPACES)


async def test_the_folders(tenant: PracticeTenant) -> None:
    async with calling(tenant) as caller:
        await caller.sends(copy=True)
        answer = await caller.ask(get_folder())
        assert values(answer, "DisplayName") == ["Sent Items"]
        assert values(answer, "TotalCount") == ["1"]
        assert values(answer, "DistinguishedFolderId") == ["sentitems"]
        (folder,) = root(answer).findall(".//t:Folder", NAMESPACES)
        given = folder.find("t:FolderId", NAMESPACES)
        parent = folder.find("t:ParentFolderId", NAMESPACES)
        assert given is not None
        assert parent is not None
        by_id = await caller.ask(
            get_folder(*(f'<t:FolderId Id="{each.attrib["Id"]}"/>' for each in (given, parent)))
        )
        assert values(by_id, "DistinguishedFolderId") == ["sentitems", "msgfolderroot"]
        top = await caller.ask(get_folder('<t:DistinguishedFolderId Id="root"/>', shape=ID_ONLY))
        assert [each.tag.partition("}")[2] for each in root(top).iterfind(".//t:Folder/*", NAMESPACES)] == [
            "FolderId"
        ]
        some = await caller.ask(get_folder(shape=only("folder:TotalCount", "folder:DisplayName")))
        assert [each.tag.partition("}")[2] for each in root(some).iterfind(".//t:Folder/*", NAMESPACES)] == [
            "FolderId",
            "DisplayName",
            "TotalCount",
        ]


async def test_whose_folders(tenant: PracticeTenant) -> None:
    async with calling(tenant) as caller:
        wanted = [of(who) for who in (DESK, SUPPORT, CHIEF, "nobody@practice.test")] + [of(DESK, "tasks")]
        answer = await caller.ask(get_folder(*wanted))
        assert codes(answer) == [
            "NoError",
            "NoError",
            "ErrorAccessDenied",
            "ErrorNonExistentMailbox",
            "ErrorFolderNotFound",
        ]
    async with calling(tenant, await applications(tenant), impersonating(CHIEF)) as caller:
        assert await caller.codes(get_folder(of(CHIEF))) == ["NoError"]
        assert await caller.codes(get_folder(of(DESK))) == ["ErrorAccessDenied"]


async def test_what_was_sent_is_found_by_its_message_id(tenant: PracticeTenant) -> None:
    async with calling(tenant) as caller:
        for number in (1, 2, 3, 2):
            await caller.sends(numbered(number), copy=True)
        answer = await caller.ask(find_item("<2@practice.test>"))
        assert values(answer, "InternetMessageId") == ["<2@practice.test>"] * 2
        assert values(answer, "Subject") == ["Grüße"] * 2
        assert values(answer, "EmailAddress") == [DESK] * 2
        assert values(answer, "Name") == ["Practice Desk"] * 2
        folder = root(answer).find(".//m:RootFolder", NAMESPACES)
        assert folder is not None
        assert folder.attrib == {
            "IndexedPagingOffset": "2",
            "TotalItemsInView": "2",
            "IncludesLastItemInRange": "true",
        }
        for nothing in ("<4@practice.test>", "2@practice.test", "", "<2@Practice.test>"):
            assert not found(await caller.ask(find_item(nothing)))
        everything = await caller.ask(find_item())
        assert values(everything, "InternetMessageId")[0] == "<2@practice.test>", "the newest first"
        assert len(found(everything)) == 4
        ids = [str(each.attrib["Id"]) for each in root(everything).iterfind(".//t:ItemId", NAMESPACES)]
        assert len(set(ids)) == 4
        assert set(ids) == {sent.id for sent in tenant.ews.sent}
        for empty in (find_item(folder=of(SUPPORT)), find_item(folder=of(DESK, "inbox"))):
            assert not found(await caller.ask(empty))
        assert not found(await caller.ask(find_item().replace("Shallow", "SoftDeleted")))


async def test_pages_and_properties(tenant: PracticeTenant) -> None:
    view = '<m:IndexedPageItemView MaxEntriesReturned="2" Offset="{}" BasePoint="{}"/>'
    async with calling(tenant) as caller:
        for number in range(3):
            await caller.sends(numbered(number), copy=True)
        for skips, ids, last in ((0, ["<2@", "<1@"], "false"), (2, ["<0@"], "true"), (9, [], "true")):
            page = await caller.ask(find_item(view=view.format(skips, "Beginning")))
            assert [one.partition("practice")[0] for one in values(page, "InternetMessageId")] == ids
            folder = root(page).find(".//m:RootFolder", NAMESPACES)
            assert folder is not None
            assert folder.attrib["IncludesLastItemInRange"] == last
        assert await caller.codes(find_item(view=view.format(0, "End"))) == ["ErrorInvalidRequest"]
        none = view.replace('"2"', '"0"').format(0, "Beginning")
        assert await caller.codes(find_item(view=none)) == ["ErrorInvalidPagingMaxRows"]
        some = await caller.ask(find_item(shape=only("item:DateTimeSent", "message:InternetMessageId")))
        assert [each.tag.partition("}")[2] for each in found(some)[0]] == [
            "ItemId",
            "DateTimeSent",
            "InternetMessageId",
        ]


async def test_items_by_their_ids(tenant: PracticeTenant) -> None:
    async with calling(tenant) as caller:
        for number in (1, 2):
            await caller.sends(numbered(number), copy=True)
        first, second = (sent.id for sent in tenant.ews.sent)
        answer = await caller.ask(get_item(second, items.new_id(), first, "x"))
        assert codes(answer) == ["NoError", "ErrorItemNotFound", "NoError", "ErrorInvalidIdMalformed"]
        assert values(answer, "InternetMessageId") == ["<2@practice.test>", "<1@practice.test>"]
        assert "hidden@example.org" in values(answer, "EmailAddress"), "whoever sent it sees Bcc"
        people = only("message:ToRecipients", "message:BccRecipients")
        told = await caller.ask(get_item(first, shape=people))
        assert values(told, "EmailAddress") == ["a@example.org", "hidden@example.org", "other@example.org"]
        assert await caller.codes(find_item(shape=people)) == ["ErrorInvalidPropertyRequest"]
        some = await caller.ask(get_item(first, shape=only("item:Subject")))
        assert [each.tag.partition("}")[2] for each in found(some)[0]] == ["ItemId", "Subject"]
    async with calling(tenant, basic(CHIEF)) as caller:
        assert await caller.codes(get_item(first)) == ["ErrorAccessDenied"]


@pytest.mark.parametrize(
    "operation",
    [
        find_item("x").replace("message:InternetMessageId", "item:Subject"),
        find_item("x").replace("IsEqualTo", "IsNotEqualTo"),
        find_item().replace("<m:ParentFolderIds", "<m:SortOrder><t:FieldOrder Order='Ascending'>"
                            "<t:FieldURI FieldURI='item:DateTimeSent'/></t:FieldOrder></m:SortOrder>"
                            "<m:ParentFolderIds"),
        find_item().replace("</m:ParentFolderIds>", "</m:ParentFolderIds><m:QueryString>x</m:QueryString>"),
        find_item(view='<m:FractionalPageItemView Numerator="1" Denominator="2"/>'),
    ],
)  # fmt: skip
async def test_a_question_that_is_not_understood(tenant: PracticeTenant, operation: str) -> None:
    async with calling(tenant) as caller:
        assert await caller.codes(operation) == ["ErrorInvalidRequest"]


async def test_the_oldest_make_room(tenant: PracticeTenant, monkeypatch: pytest.MonkeyPatch) -> None:
    async with calling(tenant) as caller:
        monkeypatch.setattr(items, "MOST_SENT", 2)
        for number in range(4):
            await caller.sends(numbered(number), copy=True)
        assert [sent.message_id[:3] for sent in tenant.ews.sent] == ["<2@", "<3@"]
        monkeypatch.setattr(items, "MOST_HEAD_BYTES", 1)
        await caller.sends(numbered(4), copy=True)
        assert [sent.message_id[:3] for sent in tenant.ews.sent] == ["<4@"], "the last one is kept"


@pytest.mark.parametrize(
    ("entry", "code", "addresses"),
    [
        (DESK, "NoError", [DESK]),
        ("SMTP:Support", "NoError", [SUPPORT]),
        ("nobody", "ErrorNameResolutionNoResults", []),
        (" ", "ErrorNameResolutionNoResults", []),
    ],
)
async def test_names(tenant: PracticeTenant, entry: str, code: str, addresses: list[str]) -> None:
    async with calling(tenant) as caller:
        answer = await caller.ask(resolve_names(entry))
    assert codes(answer) == [code]
    assert values(answer, "EmailAddress") == addresses


async def test_more_than_one_name(tenant: PracticeTenant, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = tenant.ews._access._directory
    monkeypatch.setattr(directory, "people", {**directory.people, "desks@practice.test": "x"})
    async with calling(tenant) as caller:
        answer = await caller.ask(resolve_names("desk"))
    assert codes(answer) == ["ErrorNameResolutionMultipleResults"]
    assert values(answer, "EmailAddress") == [DESK, "desks@practice.test"]


async def test_ids(tenant: PracticeTenant) -> None:
    async with calling(tenant) as caller:
        await caller.ask(create_item(copy=True))
        item = tenant.ews.sent[0].id
        before, form = item, "EwsId"
        for to in ("HexEntryId", "OwaId", "StoreId", "EntryId", "EwsLegacyId", "EwsId"):
            answer = await caller.ask(convert_id(before, form, to))
            assert codes(answer) == ["NoError"]
            (alternate,) = root(answer).findall(".//m:AlternateId", NAMESPACES)
            assert (alternate.attrib["Format"], alternate.attrib["Mailbox"]) == (to, DESK)
            before, form = alternate.attrib["Id"], to
        assert before == item
        for wrong in ("DUMMY", "", "AAAA", "%"):
            assert await caller.codes(convert_id(wrong)) == ["ErrorInvalidIdMalformed"]
        assert await caller.codes(convert_id("zz", "HexEntryId")) == ["ErrorInvalidIdMalformed"]
        assert await caller.codes(convert_id(item, mailbox="x@y.test")) == ["ErrorNonExistentMailbox"]
