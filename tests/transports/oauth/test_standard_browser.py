"""Signing in by browser at Google and at a provider of one's own: the address, and what comes back."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import AsyncIterator
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.servers.pki import Pki
from tests.transports.oauth.entra_server import CLIENT, EntraServer, Reply
from tests.transports.oauth.entra_support import fails
from tests.transports.oauth.standard_support import (
    GMAIL,
    GOOGLE,
    back,
    google,
    identity,
    route,
    serving,
    token,
)
from transports.base import Cause
from transports.oauth.standard import StandardAuthority
from transports.secret import Secret


@pytest.fixture
async def server(pki: Pki) -> AsyncIterator[EntraServer]:
    async with serving(pki) as server:
        yield server


async def test_google_is_asked_for_a_refresh_token_and_for_who_it_is(server: EntraServer, pki: Pki) -> None:
    authority = StandardAuthority(google(server, pki))
    request = await authority.browser_request()
    assert server.requests == [], "nobody is asked for an address"
    asked = {name: values[0] for name, values in parse_qs(urlsplit(request.url).query).items()}
    digest = hashlib.sha256(request.verifier.reveal().encode()).digest()
    assert asked == {
        "response_type": "code",
        "client_id": CLIENT,
        "redirect_uri": "http://localhost:8765",
        "scope": f"{GMAIL} openid email",
        "state": request.state.reveal(),
        "nonce": request.nonce.reveal(),
        "code_challenge": base64.urlsafe_b64encode(digest).decode().rstrip("="),
        "code_challenge_method": "S256",
        "access_type": "offline",
        "prompt": "consent",
        "login_hint": "desk@example.test",
    }
    for secret in (request.state, request.nonce, request.verifier):
        assert secret.reveal() not in repr(request)
    server.say("/token", token(scope=f"{GMAIL} openid email", id_token=identity(request)))
    got = await authority.redeem(request, back(request, iss=GOOGLE))
    await authority.close()
    assert got.account == "desk@example.test"
    assert server.forms() == [
        {
            "grant_type": "authorization_code",
            "code": "THE-CODE",
            "redirect_uri": "http://localhost:8765",
            "code_verifier": request.verifier.reveal(),
            "client_id": CLIENT,
            "client_secret": "s3cret",
        }
    ]


async def test_google_without_the_right_to_send(server: EntraServer, pki: Pki) -> None:
    authority = StandardAuthority(google(server, pki))
    request = await authority.browser_request()
    server.say("/token", token(scope="openid email", id_token=identity(request)))
    with fails() as caught:
        await authority.redeem(request, back(request))
    await authority.close()
    assert (caught.failure.cause, caught.failure.facts["missing"]) == (Cause.SCOPE_MISSING, GMAIL)


@pytest.mark.parametrize(
    ("claims", "cause"),
    [
        ({"nonce": "another"}, Cause.OAUTH_NOT_STANDARD),
        ({"aud": "another"}, Cause.OAUTH_NOT_STANDARD),
        ({"exp": 1}, Cause.OAUTH_NOT_STANDARD),
        ({"iss": "https://evil.example.test"}, Cause.OAUTH_WRONG_ISSUER),
    ],
)
async def test_an_id_token_of_somebody_else(
    server: EntraServer, pki: Pki, claims: dict[str, object], cause: Cause
) -> None:
    authority = StandardAuthority(google(server, pki))
    request = await authority.browser_request()
    server.say("/token", token(scope=GMAIL, id_token=identity(request, **claims)))
    with fails() as caught:
        await authority.redeem(request, back(request))
    await authority.close()
    assert caught.failure.cause is cause


@pytest.mark.parametrize(
    ("other", "cause"),
    [
        ({"state": "another"}, Cause.OAUTH_WRONG_STATE),
        ({"iss": "https://evil.example.test"}, Cause.OAUTH_WRONG_ISSUER),
        ({"error": "access_denied"}, Cause.OAUTH_DECLINED),
    ],
)
async def test_a_code_of_another_sign_in_goes_nowhere(
    server: EntraServer, pki: Pki, other: dict[str, str], cause: Cause
) -> None:
    authority = StandardAuthority(google(server, pki))
    request = await authority.browser_request()
    with fails() as caught:
        await authority.redeem(request, back(request, **other))
    await authority.close()
    assert caught.failure.cause is cause
    assert server.requests == []


@pytest.mark.parametrize(
    ("scopes", "prompt", "nonce"),
    [
        (("mail",), None, False),
        (("mail", "offline_access"), None, False),
        (("mail", "openid"), None, True),
        (("mail", "openid", "offline_access"), "consent", True),
    ],
)
async def test_a_custom_provider_is_asked_what_its_scopes_need(
    server: EntraServer, pki: Pki, scopes: tuple[str, ...], prompt: str | None, nonce: bool
) -> None:
    authority = StandardAuthority(route(server, pki, "authorization-code", scopes=scopes))
    request = await authority.browser_request()
    await authority.close()
    asked = parse_qs(urlsplit(request.url).query)
    assert asked.get("prompt", [None]) == [prompt]
    assert ("nonce" in asked) is nonce
    assert "access_type" not in asked
    assert asked["scope"] == [" ".join(scopes)]


@pytest.mark.parametrize("sent", ["REFRESH-OLD", "THE-CODE", "s3cret-of-the-app"])
async def test_an_authority_that_repeats_what_it_was_sent_is_not_quoted_with_it(
    server: EntraServer, pki: Pki, sent: str
) -> None:
    secret = Secret("s3cret-of-the-app")
    authority = StandardAuthority(route(server, pki, "authorization-code", client_secret=secret))
    words = f"what is {sent}?"
    server.say("/token", Reply(400, {"error": "invalid_grant", "error_description": words, "suberror": sent}))
    request = await authority.browser_request()
    with fails() as caught:
        if sent == "REFRESH-OLD":
            await authority.refresh(Secret(sent))
        else:
            await authority.redeem(request, back(request))
    await authority.close()
    assert caught.failure.words == "what is ***?"
    assert sent not in caught.text
    assert sent not in repr(caught.failure)
