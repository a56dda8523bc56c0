"""Any provider by the letter of the standards: device, refresh and app-only; what is no answer of one."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import jwt
import pytest
from cryptography import x509

from store import certificate
from tests.servers.pki import Pki
from tests.transports.oauth.entra_server import CLIENT, HANG, EntraServer, Reply
from tests.transports.oauth.entra_support import device_answer, fails
from tests.transports.oauth.standard_support import (
    GMAIL,
    google,
    route,
    serving,
    token,
)
from transports.base import Cause, Verdict
from transports.oauth.base import DeviceCode, Granted, Pending
from transports.oauth.standard import StandardAuthority
from transports.secret import Secret

CODE = DeviceCode(Secret("DEVICE-CODE-1"), "ABCD-EFGH", "https://login.example.test/device", 900)
PENDING = Reply(400, {"error": "authorization_pending"})
UNKNOWN = Reply(401, {"error": "invalid_client", "error_description": "who is that?"})


@pytest.fixture
async def server(pki: Pki) -> AsyncIterator[EntraServer]:
    async with serving(pki) as server:
        yield server


async def test_a_device_sign_in_by_the_standard(server: EntraServer, pki: Pki) -> None:
    authority = StandardAuthority(route(server, pki, "device-code"))
    server.say(
        "/token", PENDING, Reply(400, {"error": "slow_down"}), Reply(429, {"error": "slow_down"}), token()
    )
    assert await authority.device_code() == CODE
    assert await authority.poll(CODE, 5) == Pending(5)
    assert await authority.poll(CODE, 5) == Pending(10)
    assert await authority.poll(CODE, 10) == Pending(15)
    got = await authority.poll(CODE, 15)
    await authority.close()
    assert isinstance(got, Granted)
    assert (got.access_token, got.refresh_token) == (Secret("ACCESS-TOKEN-1"), Secret("REFRESH-TOKEN-1"))
    assert server.forms("devicecode") == [{"client_id": CLIENT, "scope": "mail"}]
    assert server.forms()[0] == {
        "grant_type": "urn:ietf:params:oauth:grant-type:device_code",
        "device_code": "DEVICE-CODE-1",
        "client_id": CLIENT,
    }
    assert len(server.requests) == 5, "one request a question"


@pytest.mark.parametrize(
    "trouble",
    [
        Reply(503, {"error": "invalid_grant"}),
        Reply(429, {"error": "too_many"}),
        Reply(200, b"<html>guest network</html>"),
        Reply(302, b"", {"Location": "https://portal.example.test"}),
        Reply(407, {"message": "proxy"}),
        Reply(400, {"error": {"code": 400}}),
    ],
)
async def test_what_a_gateway_says_in_between_ends_nothing(
    server: EntraServer, pki: Pki, trouble: Reply
) -> None:
    authority = StandardAuthority(route(server, pki, "device-code"))
    server.say("/token", trouble, token())
    found = await authority.poll(CODE, 5)
    assert isinstance(found, Pending)
    assert found.trouble
    assert found.interval == 5
    assert isinstance(await authority.poll(CODE, 5), Granted)
    await authority.close()


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        ("access_denied", Cause.OAUTH_DECLINED),
        ("expired_token", Cause.OAUTH_CODE_EXPIRED),
        ("invalid_grant", Cause.OAUTH_REFUSED),
        ("temporarily_unavailable", Cause.OAUTH_UNAVAILABLE),
    ],
)
async def test_what_the_authority_says_ends_it(
    server: EntraServer, pki: Pki, error: str, cause: Cause
) -> None:
    authority = StandardAuthority(route(server, pki, "device-code"))
    server.say("/token", Reply(400, {"error": error, "error_description": "DEVICE-CODE-1 is no good"}))
    with fails() as caught:
        await authority.poll(CODE, 5)
    await authority.close()
    assert caught.failure.cause is cause
    # What `polling.wait` goes on after.
    assert (caught.failure.verdict is Verdict.RETRY) is (cause is Cause.OAUTH_UNAVAILABLE)
    assert caught.failure.words == "*** is no good"


async def test_a_refresh_asks_for_the_same_rights(server: EntraServer, pki: Pki) -> None:
    authority = StandardAuthority(google(server, pki))
    server.say("/token", token(refresh_token=None, scope=GMAIL))
    got = await authority.refresh(Secret("REFRESH-OLD"))
    await authority.close()
    assert got.refresh_token is None
    (form,) = server.forms()
    assert form == {
        "grant_type": "refresh_token",
        "refresh_token": "REFRESH-OLD",
        "client_id": CLIENT,
        "client_secret": "s3cret",
    }


async def test_app_only_by_secret(server: EntraServer, pki: Pki) -> None:
    authority = StandardAuthority(
        route(server, pki, "client-credentials", scopes=("a", "b"), client_secret=Secret("s3cret+&=%"))
    )
    got = await authority.app_only()
    await authority.close()
    assert got.refresh_token is None, "there is none for an app (RFC 6749, section 4.4.3)"
    assert server.forms() == [
        {
            "grant_type": "client_credentials",
            "scope": "a b",
            "client_id": CLIENT,
            "client_secret": "s3cret+&=%",
        }
    ]
    assert "authorization" not in server.requests[0].headers


async def test_an_authority_that_wants_the_secret_in_a_header_gets_it_there(
    server: EntraServer, pki: Pki
) -> None:
    authority = StandardAuthority(
        route(server, pki, "client-credentials", client_id="app:1", client_secret=Secret("s3cret +%"))
    )
    server.say("/token", UNKNOWN, token())
    assert (await authority.app_only()).access_token == Secret("ACCESS-TOKEN-1")
    await authority.app_only()
    await authority.close()
    first, second, third = server.requests
    assert "authorization" not in first.headers
    pair = base64.b64encode(b"app%3A1:s3cret+%2B%25").decode()
    assert second.headers["authorization"] == third.headers["authorization"] == f"Basic {pair}"
    assert "client_secret" not in second.form


@pytest.mark.parametrize("second", [UNKNOWN, Reply(401, {"error": "invalid_client"})])
async def test_a_wrong_secret_is_refused_in_the_words_of_the_first_answer(
    server: EntraServer, pki: Pki, second: Reply
) -> None:
    authority = StandardAuthority(route(server, pki, "client-credentials", client_secret=Secret("s3cret")))
    server.say("/token", UNKNOWN, second)
    with fails() as caught:
        await authority.app_only()
    await authority.close()
    assert (caught.failure.cause, caught.failure.words) == (Cause.OAUTH_REFUSED, "who is that?")
    assert len(server.requests) == 2


async def test_app_only_by_certificate(server: EntraServer, pki: Pki) -> None:
    pair = certificate.make("outmail test", 30)
    now = datetime.now(UTC)
    pem = Secret(pair.pem.get_secret_value())
    authority = StandardAuthority(
        route(server, pki, "client-credentials", certificate=pem, client_secret=Secret("unused")),
        now=lambda: now,
    )
    server.say("/token", token(), UNKNOWN)
    await authority.app_only()
    with fails() as caught:
        await authority.app_only()
    await authority.close()
    assert caught.failure.cause is Cause.OAUTH_REFUSED
    assert len(server.requests) == 2, "a certificate has no other way to be shown"
    first, second = server.forms()
    assert first["client_assertion_type"] == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    assert "client_secret" not in first
    public = x509.load_pem_x509_certificate(pair.certificate_pem.encode()).public_key()
    claims = jwt.decode(
        first["client_assertion"],
        public,  # type: ignore[arg-type]
        algorithms=["RS256"],
        audience=f"{server.base}/oauth2/v2.0/token",
    )
    assert (claims["iss"], claims["sub"]) == (CLIENT, CLIENT)
    assert claims["exp"] == int(now.timestamp()) + 300
    again = jwt.decode(second["client_assertion"], options={"verify_signature": False})
    assert again["jti"] != claims["jti"]


async def test_an_address_that_is_missing_is_named(server: EntraServer, pki: Pki) -> None:
    for made in (
        route(server, pki, "device-code", token_url=""),
        route(server, pki, "device-code", device_authorization_url=""),
        route(server, pki, "device-code", authorization_url=""),
    ):
        authority = StandardAuthority(made)
        with fails() as caught:
            await authority.browser_request()
            await authority.device_code()
            await authority.poll(CODE, 5)
        await authority.close()
        assert (caught.failure.cause, caught.failure.facts["what"]) == (Cause.OAUTH_SETTINGS, "url")


@pytest.mark.parametrize(
    ("reply", "cause"),
    [
        (Reply(200, b"x" * (2 << 20)), Cause.OAUTH_NOT_STANDARD),
        (Reply(200, b"<html>"), Cause.OAUTH_NOT_STANDARD),
        (Reply(200, {"access_token": 5}), Cause.OAUTH_NOT_STANDARD),
        (Reply(200, {"access_token": "x" * 70_000}), Cause.OAUTH_NOT_STANDARD),
        (Reply(307, b"", {"Location": "https://localhost:1/"}), Cause.OAUTH_NOT_STANDARD),
        (Reply(502, b"<html>"), Cause.OAUTH_UNAVAILABLE),
    ],
)
async def test_what_is_no_answer_of_an_authority_is_named(
    server: EntraServer, pki: Pki, reply: Reply, cause: Cause
) -> None:
    authority = StandardAuthority(route(server, pki, "device-code"))
    server.say("/token", reply)
    with fails() as caught:
        await authority.refresh(Secret("REFRESH-OLD"))
    await authority.close()
    assert caught.failure.cause is cause
    assert len(server.requests) == 1, "a redirect is not followed"


async def test_cancelled_while_the_authority_says_nothing(server: EntraServer, pki: Pki) -> None:
    authority = StandardAuthority(route(server, pki, "device-code"))
    server.say("/token", HANG)
    task = asyncio.create_task(authority.poll(CODE, 5))
    await asyncio.wait_for(server.hung.wait(), 20)
    began = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await authority.close()
    assert time.monotonic() - began < 0.1


async def test_a_code_from_googles_older_field(server: EntraServer, pki: Pki) -> None:
    authority = StandardAuthority(route(server, pki, "device-code"))
    server.say("/devicecode", device_answer(verification_uri=None, verification_url="https://g.test/device"))
    assert (await authority.device_code()).verification_uri == "https://g.test/device"
    await authority.close()
