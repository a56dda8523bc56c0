"""The practice Graph refuses what the real service refuses, with its status and its code."""

from __future__ import annotations

import ssl
from typing import Any
from urllib.parse import quote

import pytest

from outmail.demo.graph.access import Access
from outmail.demo.graph.items import new_id
from outmail.demo.graph.refusals import Refused
from outmail.demo.names import CHIEF, DESK, SUPPORT
from outmail.demo.oauth.directory import EXCHANGE, GRAPH, App, Asked, Directory
from outmail.demo.oauth.tokens import Signer
from outmail.demo.tenant import PracticeTenant
from tests.outmail.demo.graph.caller import DRAFT, MIME, app_token, calling, code, encoded, stranger, token
from tests.outmail.demo.test_web import opened

ITEM = new_id()
FOLDER = "mailFolders/sentitems/messages"
FILE = {"@odata.type": "#microsoft.graph.fileAttachment", "name": "a", "contentBytes": "eA=="}


@pytest.mark.parametrize("given", ["", "Basic eDp5", "Bearer", "Bearer x.y.z", "another service's", "twice"])
async def test_no_token_that_counts(tenant: PracticeTenant, given: str) -> None:
    if given == "another service's":
        given = f"Bearer {await token(tenant, 'SMTP.Send', resource=EXCHANGE)}"
    if given == "twice":
        given = f"Bearer {await token(tenant)} x"
    async with stranger(tenant) as http:
        headers = {"Authorization": given} if given else {}
        for path in ("/v1.0/me/sendMail", "/v1.0/me", "/v1.0/nowhere", "/"):
            answer = await http.post(f"{tenant.graph.origin}{path}", content=encoded(), headers=headers)
            assert code(answer) == (401, "InvalidAuthenticationToken")
            assert answer.headers["WWW-Authenticate"].startswith(
                'Bearer realm="", authorization_uri="https://localhost:'
            )
    assert not tenant.mails


def test_a_token_that_has_ended_and_one_for_elsewhere_hear_so() -> None:
    now = 1_000_000.0
    signer = Signer(lambda: now)
    access = Access(signer, Directory({DESK: "x"}, {}, ()), lambda: "https://authority.test")
    app = App("app", "App")

    def says(resource: str, seconds: float) -> str:
        bearer = signer.access("https://issuer", app, DESK, Asked(resource, ("Mail.Send",)), seconds)
        with pytest.raises(Refused) as caught:
            access.bearer({"authorization": f"Bearer {bearer}"}, refuses=False)
        assert caught.value.status == 401
        return caught.value.words

    assert "Lifetime validation failed" in says(GRAPH, 0)
    assert "Invalid audience" in says(EXCHANGE, 60)


SEND, OTHERS = "Mail.Send", "Mail.Send.Shared"
CHANGE, CHANGE_OTHERS = "Mail.ReadWrite", "Mail.ReadWrite.Shared"
NO_ADDRESS = b'{"message": {"toRecipients": [{"emailAddress": {"address": "x"}}]}}'
NO_HEADERS = b'{"message": {"internetMessageHeaders": []}}'
MANY_HEADERS = b'{"message": {"internetMessageHeaders": [' + b",".join([b'{"name": "x-a"}'] * 6) + b"]}}"
THEIR_HEADER = b'{"message": {"internetMessageHeaders": [{"name": "Auto-Submitted", "value": "x"}]}}'


@pytest.mark.parametrize(
    ("right", "sends", "sends_shared", "reads", "reads_shared"),
    [
        ("User.Read", False, False, False, False),
        (SEND, True, False, False, False),
        (OTHERS, True, True, False, False),
        (CHANGE, False, False, True, False),
        (CHANGE_OTHERS, False, False, True, True),
        ("Mail.Read", False, False, True, False),
    ],
)
async def test_which_right_reaches_how_far(
    tenant: PracticeTenant, right: str, sends: bool, sends_shared: bool, reads: bool, reads_shared: bool
) -> None:
    async with calling(tenant, await token(tenant, right)) as caller:

        async def may(method: str, path: str, **more: Any) -> bool:
            answer = await caller.ask(method, path, **more)
            if answer.status_code != 403:
                return True
            assert code(answer) == (403, "ErrorAccessDenied")
            return False

        for place, send, read in (("/me", sends, reads), (f"/users/{SUPPORT}", sends_shared, reads_shared)):
            assert await may("POST", f"{place}/sendMail", mime=b"To: a@b.test\r\n\r\n") is send
            assert await may("POST", f"{place}/messages/{ITEM}/send") is send
            assert await may("GET", f"{place}/{FOLDER}") is read
            assert await may("GET", f"{place}/messages/{ITEM}") is read
            change = read and right != "Mail.Read"
            assert await may("POST", f"{place}/messages", json=DRAFT) is change
            assert await may("PATCH", f"{place}/messages/{ITEM}", json=DRAFT) is change
            assert await may("DELETE", f"{place}/messages/{ITEM}") is change
            assert await may("POST", f"{place}/messages/{ITEM}/attachments", json=FILE) is change
        other = await may("POST", "/me/sendMail", mime=MIME.replace(DESK.encode(), SUPPORT.encode()))
        assert other is sends_shared, "another From wants .Shared, whatever the address of the request"
        mine = await caller.ask("GET", "/me")
        assert mine.status_code == (200 if right == "User.Read" else 403)


async def test_the_right_is_looked_at_before_the_mail(tenant: PracticeTenant) -> None:
    """So that a check can prove a right without sending anything."""
    async with calling(tenant, await token(tenant, "User.Read")) as caller:
        assert code(await caller.ask("POST", "/me/sendMail", {})) == (403, "ErrorAccessDenied")
    async with calling(tenant) as caller:
        assert code(await caller.ask("POST", "/me/sendMail", {})) == (400, "ErrorInvalidParameter")


async def test_an_application_has_no_me(tenant: PracticeTenant) -> None:
    async with calling(tenant, await app_token(tenant)) as caller:
        for path in ("/me", "/me/sendMail", f"/me/{FOLDER}"):
            assert code(await caller.ask("GET", path)) == (400, "BadRequest")
        denied = await caller.ask("GET", f"/users/{SUPPORT}")
        assert code(denied) == (403, "Authorization_RequestDenied"), "its role is for mail alone"
        assert (await caller.ask("GET", f"/users/{CHIEF}/{FOLDER}")).status_code == 200


async def test_whose_mailbox_is_not_ones_own(tenant: PracticeTenant) -> None:
    async with calling(tenant) as caller:
        assert code(await caller.ask("POST", f"/users/{CHIEF}/sendMail", mime=MIME)) == (
            403,
            "ErrorAccessDenied",
        )
        assert code(await caller.ask("GET", f"/users/{CHIEF}")) == (403, "Authorization_RequestDenied")
        for nobody in ("nobody@practice.test", "x", "00000000-0000-0000-0000-000000000000", "a%2Fb"):
            missing = await caller.ask("POST", f"/users/{nobody}/sendMail", mime=MIME)
            assert code(missing) == (404, "ErrorInvalidUser")


@pytest.mark.parametrize("by_itself", [False, True])
async def test_whom_one_may_not_send_as(tenant: PracticeTenant, by_itself: bool) -> None:
    bearer = await (app_token(tenant) if by_itself else token(tenant))
    mail = MIME.replace(DESK.encode(), CHIEF.encode())
    async with calling(tenant, bearer) as caller:
        refused = await caller.ask("POST", f"/users/{SUPPORT}/sendMail", mime=mail)
        assert code(refused) == (403, "ErrorSendAsDenied")
    assert not tenant.mails


@pytest.mark.parametrize(
    ("kind", "body", "error"),
    [
        ("text/plain", b"", "ErrorMimeContentInvalidBase64String"),
        ("text/plain", b"not base64!", "ErrorMimeContentInvalidBase64String"),
        ("text/plain", encoded()[:-1], "ErrorMimeContentInvalidBase64String"),
        ("text/plain", b'"' + encoded() + b'"', "ErrorMimeContentInvalidBase64String"),
        ("text/plain", MIME, "ErrorMimeContentInvalidBase64String"),
        ("text/plain", encoded(b"\r\n\r\nno head"), "ErrorMimeContentInvalid"),
        ("text/plain", encoded(b"no head at all"), "ErrorMimeContentInvalid"),
        ("text/plain", encoded(b"Subject: to nobody\r\n\r\n"), "ErrorInvalidRecipients"),
        ("text/plain", encoded(b"To: undisclosed-recipients:;\r\n\r\n"), "ErrorInvalidRecipients"),
        ("message/rfc822", encoded(), "RequestBodyRead"),
        ("", encoded(), "RequestBodyRead"),
        ("application/json", b"", "BadRequest"),
        ("application/json", b"{", "BadRequest"),
        ("application/json", b"\xff", "BadRequest"),
        ("application/json", b"[]", "RequestBodyRead"),
        ("application/json", b"{}", "ErrorInvalidParameter"),
        ("application/json", b'{"message": {"colour": "red"}}', "RequestBodyRead"),
        ("application/json", b'{"message": {"subject": 7}}', "RequestBodyRead"),
        ("application/json", NO_ADDRESS, "ErrorInvalidRecipients"),
        ("application/json", b'{"message": {"subject": "x"}}', "ErrorInvalidRecipients"),
        ("application/json", NO_HEADERS, "InvalidInternetMessageHeaderCollection"),
        ("application/json", MANY_HEADERS, "InvalidInternetMessageHeaderCollection"),
        ("application/json", THEIR_HEADER, "InvalidInternetMessageHeader"),
    ],
)
async def test_a_body_that_is_none(tenant: PracticeTenant, kind: str, body: bytes, error: str) -> None:
    headers = {"Content-Type": kind} if kind else {}
    async with calling(tenant) as caller:
        answer = await caller.ask("POST", "/me/sendMail", content=body, headers=headers)
        assert code(answer) == (400, error)
    assert not tenant.mails


async def test_base64_in_lines_and_a_charset_are_fine(tenant: PracticeTenant) -> None:
    wrapped = b"\r\n".join(encoded()[at : at + 76] for at in range(0, len(encoded()), 76))
    headers = {"Content-Type": "Text/Plain; charset=utf-8"}
    async with calling(tenant) as caller:
        answer = await caller.ask("POST", "/me/sendMail", content=wrapped, headers=headers)
        assert answer.status_code == 202


@pytest.mark.parametrize("path", ["/me/sendMail", "/me/messages"])
async def test_four_megabytes_and_no_byte_more(tenant: PracticeTenant, path: str) -> None:
    head = b"To: a@example.org\r\n\r\n"
    fits = head + b"x" * (3 * 1024 * 1024 - len(head))
    async with calling(tenant) as caller:
        assert len(encoded(fits)) == tenant.graph.longest_body
        assert (await caller.ask("POST", path, mime=fits)).status_code in {201, 202}
        answer = await caller.ask("POST", path, mime=fits + b"x")
        assert code(answer) == (413, "RequestEntityTooLarge")
        assert answer.json()["error"]["message"] == "The maximum request length supported is 4MB."


async def test_who_sends_far_too_much_still_hears_why(tenant: PracticeTenant, trust: ssl.SSLContext) -> None:
    async with opened(tenant, trust, tenant.graph.port) as (reader, writer):
        writer.write(b"POST /v1.0/me/sendMail HTTP/1.1\r\nHost: x\r\nContent-Length: 20000000\r\n\r\n")
        for _ in range(20):
            writer.write(b"x" * 1_000_000)
            await writer.drain()
        head = await reader.readuntil(b"\r\n\r\n")
        assert b" 413 " in head
        assert b"connection: close" in head.lower()
        assert b"supported is 4MB" in await reader.read()


@pytest.mark.parametrize(
    ("method", "path", "status", "error"),
    [
        ("GET", "/me/messages/nonsense", 400, "ErrorInvalidIdMalformed"),
        ("GET", f"/me/messages/{ITEM}x", 400, "ErrorInvalidIdMalformed"),
        ("GET", f"/me/messages/{ITEM}", 404, "ErrorItemNotFound"),
        ("GET", f"/me/messages/{quote(ITEM, safe='')}", 404, "ErrorItemNotFound"),
        ("POST", f"/me/messages/{ITEM}/send", 404, "ErrorItemNotFound"),
        ("PATCH", f"/me/messages/{ITEM}", 404, "ErrorItemNotFound"),
        ("DELETE", f"/me/messages/{ITEM}", 404, "ErrorItemNotFound"),
        ("POST", f"/me/messages/{ITEM}/attachments", 404, "ErrorItemNotFound"),
        ("POST", f"/me/messages/{ITEM}/attachments/createUploadSession", 404, "ErrorItemNotFound"),
        ("GET", "/me/mailFolders/inbox/messages", 400, "ErrorInvalidIdMalformed"),
        ("GET", "/me/sendMail", 400, "BadRequest"),
        ("POST", "/me/dance", 400, "BadRequest"),
        ("GET", "/", 400, "BadRequest"),
        ("GET", "/users", 400, "BadRequest"),
        ("PUT", "/me", 405, "Request_BadRequest"),
    ],
)
async def test_what_is_not_there(
    tenant: PracticeTenant, method: str, path: str, status: int, error: str
) -> None:
    async with calling(tenant) as caller:
        assert code(await caller.ask(method, path)) == (status, error)
        beta = await caller.http.request(method, f"{tenant.graph.origin}/beta{path}")
        assert code(beta) == (400, "BadRequest")


@pytest.mark.parametrize(
    "file",
    [
        {"name": "a", "contentBytes": "eA=="},
        {**FILE, "@odata.type": "#microsoft.graph.itemAttachment"},
        {**FILE, "contentBytes": "not base64"},
        {**FILE, "contentBytes": "é"},
        {"@odata.type": FILE["@odata.type"]},
    ],
)
async def test_a_file_that_is_none(tenant: PracticeTenant, file: dict[str, str]) -> None:
    async with calling(tenant) as caller:
        place = f"/me/messages/{await caller.drafts()}"
        assert code(await caller.ask("POST", f"{place}/attachments", file)) == (400, "RequestBodyRead")
        inside = {"attachments": [FILE]}
        assert code(await caller.ask("PATCH", place, inside)) == (400, "RequestBodyRead")
        sent = await caller.ask("POST", f"{place}/send", {"comment": "x"})
        assert code(sent) == (400, "RequestBodyRead")


async def test_somebody_elses_draft_is_not_there(tenant: PracticeTenant) -> None:
    async with calling(tenant) as caller:
        item = await caller.drafts(path=f"/users/{SUPPORT}/messages")
        assert code(await caller.ask("GET", f"/me/messages/{item}")) == (404, "ErrorItemNotFound")
        assert (await caller.ask("GET", f"/users/{SUPPORT}/messages/{item}")).status_code == 200
