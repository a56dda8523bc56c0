"""Entra's device code through msal: every answer of a poll, what is asked, and what goes wrong in between."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
import time
import warnings
from collections.abc import AsyncIterator

import pytest

from tests.servers.pki import Pki
from tests.transports.oauth.entra_server import CLIENT, HANG, EntraServer, Reply, refusal
from tests.transports.oauth.entra_support import ACCOUNT, SMTP, device_answer, fails, granted, route, serving
from transports.base import Cause, StepName, Verdict
from transports.oauth.base import DeviceCode, Granted, Pending
from transports.oauth.entra import EntraAuthority
from transports.secret import Secret

CODE = DeviceCode(Secret("DEVICE-CODE-1"), "ABCD-EFGH", "https://login.example.test/device", 900)
PAGE = b"<html><body>Please sign in to the guest network</body></html>"


@pytest.fixture
async def server(pki: Pki) -> AsyncIterator[EntraServer]:
    async with serving(pki) as server:
        yield server


@pytest.fixture
async def authority(server: EntraServer, pki: Pki) -> AsyncIterator[EntraAuthority]:
    authority = EntraAuthority(route(server, pki))
    yield authority
    await authority.close()


async def test_a_device_sign_in_asks_what_entra_wants_and_nothing_else(
    server: EntraServer, authority: EntraAuthority
) -> None:
    code = await authority.device_code()
    assert code == CODE
    (asked,) = server.forms("devicecode")
    assert asked["client_id"] == CLIENT
    assert sorted(asked["scope"].split()) == sorted([SMTP, "offline_access", "openid", "profile"])
    done = await authority.poll(code, 5)
    assert isinstance(done, Granted)
    assert done.access_token.reveal().count(".") == 2
    assert done.refresh_token == Secret("REFRESH-TOKEN-1")
    assert done.account == ACCOUNT
    (polled,) = server.forms()
    assert polled["grant_type"] == "urn:ietf:params:oauth:grant-type:device_code"
    assert (polled["device_code"], polled["client_id"]) == ("DEVICE-CODE-1", CLIENT)
    assert "client_secret" not in polled
    assert "None" not in polled.values()
    assert [r.method for r in server.requests] == ["POST", "POST"], "no discovery, nobody else is asked"


async def test_a_secret_beside_a_device_sign_in_is_not_sent(server: EntraServer, pki: Pki) -> None:
    authority = EntraAuthority(route(server, pki, client_secret=Secret("s3cret")))
    await authority.device_code()
    await authority.poll(CODE, 5)
    await authority.refresh(Secret("OLD"))
    await authority.close()
    assert not any("client_secret" in r.form or "authorization" in r.headers for r in server.requests)


async def test_pending_slow_down_and_one_request_a_poll(
    server: EntraServer, authority: EntraAuthority
) -> None:
    server.say("/token", refusal(70016, "authorization_pending"), refusal(1, "slow_down"), granted(server))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert await authority.poll(CODE, 5) == Pending(5)
        assert await authority.poll(CODE, 5) == Pending(10)
        assert isinstance(await authority.poll(CODE, 10), Granted)
    assert len(server.requests) == 3


@pytest.mark.parametrize(
    ("number", "error", "cause"),
    [
        (70019, "expired_token", Cause.OAUTH_CODE_EXPIRED),
        (70020, "code_expired", Cause.OAUTH_CODE_EXPIRED),
        (65004, "authorization_declined", Cause.OAUTH_DECLINED),
        (65004, "access_denied", Cause.OAUTH_DECLINED),
        (70018, "bad_verification_code", Cause.OAUTH_REFUSED),
        (7000218, "invalid_client", Cause.OAUTH_REFUSED),
        (50076, "invalid_grant", Cause.OAUTH_REFUSED),
        (53003, "invalid_grant", Cause.OAUTH_REFUSED),
        (65001, "invalid_grant", Cause.OAUTH_REFUSED),
    ],
)
async def test_what_ends_a_poll(
    server: EntraServer, authority: EntraAuthority, number: int, error: str, cause: Cause
) -> None:
    status = 401 if error == "invalid_client" else 400
    server.say("/token", refusal(number, error, status=status))
    with fails() as caught:
        await authority.poll(CODE, 5)
    assert caught.failure.cause is cause
    assert caught.failure.step is StepName.TOKEN
    assert caught.failure.facts["aadsts"] == str(number)
    assert caught.failure.facts["error"] == error
    assert "DEVICE-CODE-1" not in caught.text


@pytest.mark.parametrize(
    "trouble",
    [
        Reply(503, b"Service Unavailable"),
        Reply(503, {"error": "temporarily_unavailable", "error_description": "busy"}),
        Reply(502, PAGE),
        Reply(429, {"error": "too_many_requests"}),
        Reply(200, PAGE),
        Reply(407, PAGE),
        Reply(403, {"message": "Request throttled"}),
        Reply(404, {"error": {"code": 404, "message": "no such route"}}),
        Reply(200, b"[1, 2]"),
        Reply(200, b""),
    ],
)
async def test_a_gateway_in_between_ends_nothing_and_the_next_poll_asks_again(
    server: EntraServer, authority: EntraAuthority, trouble: Reply
) -> None:
    server.say("/token", trouble, granted(server))
    pending = await authority.poll(CODE, 5)
    assert isinstance(pending, Pending)
    assert pending.trouble
    assert isinstance(await authority.poll(CODE, 5), Granted), "msal would repeat a 503 for 60 s from memory"
    assert len(server.requests) == 2


async def test_retry_after_is_obeyed_within_reason(server: EntraServer, authority: EntraAuthority) -> None:
    server.say("/token", Reply(429, b"", {"Retry-After": "17"}), Reply(503, b"", {"Retry-After": "86400"}))
    assert await authority.poll(CODE, 5) == Pending(17, "HTTP status 429")
    assert await authority.poll(CODE, 5) == Pending(60, "HTTP status 503")
    server.say("/token", Reply(503, b"", {"Retry-After": "Fri, 01 Jan 2100 00:00:00 GMT"}))
    assert await authority.poll(CODE, 5) == Pending(60, "HTTP status 503")


async def test_a_lost_connection_ends_nothing(pki: Pki) -> None:
    async with serving(pki) as server:
        authority = EntraAuthority(route(server, pki))
    pending = await authority.poll(CODE, 5)
    await authority.close()
    assert isinstance(pending, Pending)
    assert pending.trouble


async def test_the_same_error_is_asked_for_again_after_it_was_mended(
    server: EntraServer, authority: EntraAuthority
) -> None:
    server.say("/devicecode", refusal(700016, "unauthorized_client"), device_answer())
    with fails() as caught:
        await authority.device_code()
    assert caught.failure.cause is Cause.OAUTH_REFUSED
    assert caught.failure.facts["aadsts"] == "700016"
    assert await authority.device_code() == CODE, "msal would repeat a 400 for 60 s from memory"


@pytest.mark.parametrize(
    ("reply", "cause", "verdict"),
    [
        (Reply(503, PAGE), Cause.OAUTH_UNAVAILABLE, Verdict.RETRY),
        (Reply(200, PAGE), Cause.OAUTH_NOT_STANDARD, Verdict.FIX_SETTINGS),
        (Reply(404, PAGE), Cause.OAUTH_NOT_STANDARD, Verdict.FIX_SETTINGS),
        (Reply(200, b"null"), Cause.OAUTH_NOT_STANDARD, Verdict.FIX_SETTINGS),
        (device_answer(device_code=7), Cause.OAUTH_NOT_STANDARD, Verdict.FIX_SETTINGS),
        (device_answer(verification_uri="javascript:x"), Cause.OAUTH_NOT_STANDARD, Verdict.FIX_SETTINGS),
        (device_answer(user_code=None), Cause.OAUTH_NOT_STANDARD, Verdict.FIX_SETTINGS),
    ],
)
async def test_a_start_that_is_not_as_it_should_be_is_named(
    server: EntraServer, authority: EntraAuthority, reply: Reply, cause: Cause, verdict: Verdict
) -> None:
    server.say("/devicecode", reply)
    with fails() as caught:
        await authority.device_code()
    assert (caught.failure.cause, caught.failure.verdict) == (cause, verdict)


@pytest.mark.parametrize(
    "broken",
    [
        {"access_token": 7},
        {"access_token": None},
        {"id_token": 7},
        {"refresh_token": ["x"]},
        {"scope": 7},
    ],
)
async def test_a_token_answer_of_wrong_types_is_named(
    server: EntraServer, authority: EntraAuthority, broken: dict[str, object]
) -> None:
    server.say("/token", granted(server, **broken))
    with fails() as caught:
        await authority.poll(CODE, 5)
    assert caught.failure.cause is Cause.OAUTH_NOT_STANDARD


@pytest.mark.parametrize(
    "odd", [{"client_info": "~~~"}, {"refresh_in": "half"}, {"foci": 1}, {"expires_in": "3599"}]
)
async def test_what_only_msal_minds_does_no_harm(
    server: EntraServer, authority: EntraAuthority, odd: dict[str, object]
) -> None:
    server.say("/token", granted(server, **odd))
    assert isinstance(await authority.poll(CODE, 5), Granted)


async def test_a_start_that_msal_cannot_read_and_we_can(
    server: EntraServer, authority: EntraAuthority
) -> None:
    server.say("/devicecode", device_answer(interval="soon"))
    assert (await authority.device_code()).interval == 5


async def test_cancelled_while_the_authority_says_nothing(
    server: EntraServer, authority: EntraAuthority
) -> None:
    server.say("/token", HANG)
    task = asyncio.create_task(authority.poll(CODE, 5))
    await asyncio.wait_for(server.hung.wait(), 20)
    began = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - began < 0.1
    # The thread ends too: this returns only when none is at work any more.
    await asyncio.wait_for(asyncio.get_running_loop().shutdown_default_executor(), 5)


async def test_the_environment_has_no_say(
    server: EntraServer, pki: Pki, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.setenv(name, "/nonexistent/ca.pem")
    monkeypatch.setenv("MSAL_FORCE_REGION", "westus3")
    authority = EntraAuthority(route(server, pki))
    assert await authority.device_code() == CODE
    await authority.close()


async def test_nothing_of_an_answer_reaches_a_log(
    server: EntraServer, authority: EntraAuthority, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        await authority.device_code()
        await authority.poll(CODE, 5)
        server.say("/token", Reply(200, b'{"access_token": "TOP-SECRET", '))
        await authority.poll(CODE, 5)
    for secret in ("TOP-SECRET", "DEVICE-CODE-1", "REFRESH-TOKEN-1"):
        assert secret not in caplog.text


@pytest.mark.parametrize("address", ["https://localhost", "http://localhost/x/oauth2/v2.0/token", "nonsense"])
async def test_an_address_that_is_not_entras_is_refused_before_anybody_is_asked(
    server: EntraServer, pki: Pki, address: str
) -> None:
    authority = EntraAuthority(route(server, pki, token_url=address))
    with fails() as caught:
        await authority.device_code()
    await authority.close()
    assert caught.failure.cause is Cause.OAUTH_SETTINGS
    assert caught.failure.verdict is Verdict.FIX_SETTINGS
    assert server.requests == []


def test_msal_and_requests_are_imported_at_first_use_only() -> None:
    code = (
        "import sys, transports.oauth.entra, transports.oauth.managed_identity\n"
        "print(*sorted({'msal', 'requests', 'jwt'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == ""
