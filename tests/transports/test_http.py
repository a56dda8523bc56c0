"""What the web client sends and takes: requests, answers of every kind, and no secret in what it tells."""

from __future__ import annotations

import gzip
import logging
import traceback

import pytest

from tests.servers.pki import Pki
from tests.transports.watching import summary
from tests.transports.web import WebServer, client, drips, failing, page, says, silence
from transports.base import Cause, Scope, StepName, TransportError
from transports.http import USER_AGENT, Answer, HttpClient, NotJson
from transports.routes import HttpRoute

FORM_SECRET = "form-marked-secret"
HEADER_SECRET = "header-marked-secret"
QUERY_SECRET = "query-marked-secret"
SECRETS = (FORM_SECRET, HEADER_SECRET, QUERY_SECRET)


async def asking(http: HttpClient, server: WebServer, **options: object) -> Answer:
    """A request that is full of secrets."""
    return await http.request(
        "POST",
        server.url(f"/token?code={QUERY_SECRET}"),
        headers={"Authorization": f"Bearer {HEADER_SECRET}"},
        form={"client_secret": FORM_SECRET},
        **options,  # type: ignore[arg-type]
    )


async def test_a_form_is_sent_and_json_taken() -> None:
    async with WebServer(says(page(b'{"a": 1}', "200 OK", "X-Some-Name: Value"))) as server, client() as http:
        answer = await http.request(
            "POST", server.url("/t"), form={"scope": "a b&c", "name": "Zoë", "b": b"\xff"}
        )
    asked = server.asked[0]
    assert asked.line == "POST /t HTTP/1.1"
    assert asked.body == b"scope=a+b%26c&name=Zo%C3%AB&b=%FF"
    assert asked.header("content-type") == "application/x-www-form-urlencoded"
    assert asked.header("user-agent") == USER_AGENT
    assert asked.header("accept-encoding") == "identity"
    assert asked.header("host") == f"127.0.0.1:{server.port}"
    assert (answer.status, answer.json_object()) == (200, {"a": 1})
    assert answer.headers["x-some-name"] == "Value"
    assert answer.url == server.url("/t")


async def test_content_headers_and_parameters() -> None:
    async with WebServer() as server, client() as http:
        await http.request(
            "PUT", server.url("/t?a=b"), content=b"\x00\xff", headers={"Content-Type": "x/y", "X-A": "1"}
        )
        await http.request("GET", server.url("/t?a=b"), params={"c": "d e"})
        await http.request("GET", server.url("/t"), params={"c": "ü"})
        await http.request("POST", server.url(), form={"a": "b"}, headers={"CONTENT-TYPE": "mine/own"})
    first, second, third, fourth = server.asked
    assert (first.body, first.header("content-type"), first.header("x-a")) == (b"\x00\xff", "x/y", "1")
    assert second.line == "GET /t?a=b&c=d+e HTTP/1.1"
    assert third.line == "GET /t?c=%C3%BC HTTP/1.1"
    assert fourth.header("content-type") == "mine/own"


@pytest.mark.parametrize(
    "status", ["201 Created", "204 No Content", "400 Bad", "401 No", "429 Slow", "503 Off"]
)
async def test_every_status_is_an_answer(status: str) -> None:
    body = b"" if status.startswith("204") else b'{"error": "x"}'
    async with WebServer(says(page(body, status, "Retry-After: 7"))) as server, client() as http:
        answer = await http.request("GET", server.url())
    assert answer.status == int(status[:3])
    assert answer.headers["retry-after"] == "7"
    assert answer.body == body


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_no_redirect_is_followed(status: int) -> None:
    async with WebServer() as elsewhere:
        away = says(page(b"", f"{status} Away", f"Location: {elsewhere.url('/x')}"))
        async with WebServer(away) as server, client() as http:
            answer = await http.request("POST", server.url(), form={"a": "b"})
    assert answer.status == status
    assert answer.headers["location"].endswith("/x")
    assert elsewhere.asked == []
    assert len(server.asked) == 1


async def test_no_cookie_is_kept() -> None:
    async with WebServer(says(page(b"{}", "200 OK", "Set-Cookie: a=b; Path=/"))) as server, client() as http:
        for _ in range(2):
            await http.request("GET", server.url())
    assert [a.header("cookie") for a in server.asked] == ["", ""]


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b'"x"', b"\xff\xfe", b"{", b"[" * 100_000, b"\x1f\x8b"]
)
async def test_what_is_no_object_of_json(body: bytes) -> None:
    async with WebServer(says(page(body))) as server, client() as http:
        answer = await http.request("GET", server.url())
    assert answer.body == body
    assert isinstance(answer.text(), str)
    with pytest.raises(NotJson):
        answer.json_object()


OK = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    ("said", "cause", "what"),
    [
        pytest.param(b"", Cause.CONNECTION_LOST, None, id="nothing"),
        pytest.param(b"HTTP/1.1 20", Cause.CONNECTION_LOST, None, id="half a status"),
        pytest.param(OK + b"Content-Le", Cause.CONNECTION_LOST, None, id="half a header"),
        pytest.param(OK + b"Content-Length: 9\r\n\r\nhalf", Cause.CONNECTION_LOST, None, id="half a body"),
        pytest.param(
            OK + b"Transfer-Encoding: chunked\r\n\r\n9\r\nhalf",
            Cause.CONNECTION_LOST,
            None,
            id="half a chunk",
        ),
        pytest.param(
            OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nx",
            Cause.OAUTH_NOT_STANDARD,
            "not-http",
            id="no chunk",
        ),
        pytest.param(b"220 mail ESMTP\r\n\r\n", Cause.OAUTH_NOT_STANDARD, "not-http", id="a mail server"),
        pytest.param(b"SSH-2.0-x\r\n\r\n", Cause.OAUTH_NOT_STANDARD, "not-http", id="ssh"),
        pytest.param(b"\x00\xff\x1b[2J\r\n\r\n", Cause.OAUTH_NOT_STANDARD, "not-http", id="bytes"),
        pytest.param(b"<html></html>\r\n\r\n", Cause.OAUTH_NOT_STANDARD, "not-http", id="html alone"),
        pytest.param(
            OK + b"Content-Length: -3\r\n\r\n", Cause.OAUTH_NOT_STANDARD, "not-http", id="negative length"
        ),
        pytest.param(
            OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
            Cause.OAUTH_NOT_STANDARD,
            "not-http",
            id="two lengths",
        ),
        pytest.param(OK + b"X: " + b"y" * 200_000, Cause.OAUTH_NOT_STANDARD, "not-http", id="endless header"),
        pytest.param(OK + b"X: y\r\n" * 40_000, Cause.OAUTH_NOT_STANDARD, "not-http", id="endless headers"),
    ],
)
async def test_answers_that_are_none(said: bytes, cause: Cause, what: str | None) -> None:
    async with WebServer(says(said, close=True)) as server, client() as http:
        failure = await failing(asking(http, server), *SECRETS)
    assert summary(failure) == ("token", "sign-in", "retry", str(cause))
    assert failure.facts.get("what") == what
    assert failure.facts["host"] == f"127.0.0.1:{server.port}"
    assert len(server.asked) == 1


async def test_a_server_that_repeats_our_request_is_not_quoted() -> None:
    mirrored = f"Bearer {HEADER_SECRET} {FORM_SECRET} {QUERY_SECRET}".encode()
    for said in (mirrored + b"\r\n\r\n", OK + b"Bad\x00: " + mirrored + b"\r\n\r\n"):
        async with WebServer(says(said, close=True)) as server, client() as http:
            failure = await failing(asking(http, server), *SECRETS)
        assert failure.facts["what"] == "not-http"


async def test_a_body_without_a_length_ends_with_the_connection() -> None:
    async with WebServer(says(OK + b"\r\n", b'{"a"', b": 1}", close=True)) as server, client() as http:
        assert (await http.request("GET", server.url())).json_object() == {"a": 1}


async def test_a_body_in_chunks_after_a_hint() -> None:
    said = (
        b"HTTP/1.1 100 Continue\r\n\r\n"
        + OK
        + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n"
    )
    async with WebServer(says(said)) as server, client() as http:
        assert (await http.request("GET", server.url())).json_object() == {}


async def test_a_body_up_to_the_limit_and_no_byte_more() -> None:
    async with WebServer(says(page(b"x" * 5000))) as server, client() as http:
        assert len((await http.request("GET", server.url(), limit=5000)).body) == 5000
        failure = await failing(http.request("GET", server.url(), limit=4999))
    assert summary(failure) == ("token", "sign-in", "retry", "oauth-not-standard")
    assert failure.facts["what"] == "huge"


@pytest.mark.timeout(30)
async def test_an_endless_body_is_cut() -> None:
    flood = b"10000\r\n" + b"x" * 65536 + b"\r\n"
    async with (
        WebServer(drips(OK + b"Transfer-Encoding: chunked\r\n\r\n", flood)) as server,
        client() as http,
    ):
        failure = await failing(asking(http, server), *SECRETS)
    assert failure.facts["what"] == "huge"


async def test_a_compressed_body_is_never_inflated() -> None:
    bomb = gzip.compress(b"\x00" * 20_000_000)
    async with (
        WebServer(says(page(bomb, "200 OK", "Content-Encoding: gzip"))) as server,
        client() as http,
    ):
        answer = await http.request("GET", server.url())
        failure = await failing(http.request("GET", server.url(), limit=len(bomb) - 1))
    assert answer.body == bomb
    assert failure.facts["what"] == "huge"


@pytest.mark.parametrize(
    "slow",
    [
        pytest.param(silence, id="silence"),
        pytest.param(drips(OK, b"X: y\r\n"), id="headers"),
        pytest.param(drips(OK + b"Content-Length: 999999\r\n\r\n", b"x"), id="body"),
        pytest.param(drips(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), id="hints"),
    ],
)
@pytest.mark.timeout(20)
async def test_the_deadline_is_for_the_whole_request(slow: object) -> None:
    async with WebServer(slow) as server, client() as http:  # type: ignore[arg-type]
        failure = await failing(asking(http, server, seconds=0.3), *SECRETS)
    assert summary(failure) == ("token", "sign-in", "retry", "timed-out")
    assert "0.3 s" in failure.words


@pytest.mark.parametrize(
    "url",
    [
        "",
        "login.example.test/token",
        "ftp://example.test/",
        "http://example.test/",
        "https://",
        "https:///path",
        "https://example.test:99999/",
        "https://example.test:x/",
        "https://[::1/",
        f"https://example.test/ {QUERY_SECRET}",
        f"https://example.test/?a\r\nX: {QUERY_SECRET}",
        f"https://user:{QUERY_SECRET}@example.test/",
        f"https://example.test/\ud800{QUERY_SECRET}",
        f"https://é{'a' * 300}.test/?{QUERY_SECRET}",
        f"https://example.test/?{QUERY_SECRET}{'x' * 70_000}",
    ],
)
async def test_addresses_that_are_not_asked(url: str) -> None:
    async def nobody(host: str, port: int) -> list[object]:
        raise AssertionError(host)

    async with HttpClient(HttpRoute(), resolver=nobody) as http:  # type: ignore[arg-type]
        failure = await failing(http.request("GET", url), QUERY_SECRET)
    assert summary(failure) == ("token", "sign-in", "fix-settings", "oauth-settings")
    assert failure.facts["what"] == "url"


@pytest.mark.parametrize("end", ["\n", "\r\nX-Y: z", "\x00", "é", "\ud800", "\x7f"])
async def test_headers_that_are_not_sent(end: str) -> None:
    async with WebServer() as server, client() as http:
        bad = {"Authorization": f"Bearer {HEADER_SECRET}{end}"}
        failure = await failing(http.request("GET", server.url(), headers=bad), HEADER_SECRET)
    assert failure.facts["what"] == "header"
    assert server.connections == []


async def test_half_characters_in_a_form() -> None:
    async with WebServer() as server, client() as http:
        broken = {"client_secret": f"{FORM_SECRET}\ud800"}
        failure = await failing(http.request("POST", server.url(), form=broken), FORM_SECRET)
        again = await failing(http.request("GET", server.url(), params=broken), FORM_SECRET)
    assert failure == again
    assert failure.facts["what"] == "form"
    assert server.connections == []


async def test_failures_are_of_the_step_that_was_named() -> None:
    async with (
        WebServer(says(b"?\r\n\r\n", close=True)) as server,
        HttpClient(HttpRoute(), StepName.SEND, Scope.SERVER, allow_http=True) as http,
    ):
        failure = await failing(http.request("GET", server.url()))
    assert summary(failure)[:2] == ("send", "server")


async def test_nothing_is_logged_and_nothing_shown(pki: Pki, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    reply = says(page(b"body-marked-secret", "302 Away", "Location: https://x.test/?header-answer-secret"))
    async with WebServer(reply, tls=pki.good) as server, client(pki) as http:
        answer = await asking(http, server)
    assert answer.body == b"body-marked-secret"
    for text in (caplog.text, repr(answer), str(answer), repr(http)):
        assert "secret" not in text
    assert not [r for r in caplog.records if r.name.startswith(("httpx", "httpcore"))]


async def test_no_secret_in_a_traceback() -> None:
    async with WebServer(says(b"nonsense\r\n\r\n", close=True)) as server, client() as http:
        try:
            await asking(http, server)
        except TransportError as error:
            told = "".join(traceback.format_exception(error))
    assert "oauth-not-standard" in told
    assert not [secret for secret in SECRETS if secret in told]
