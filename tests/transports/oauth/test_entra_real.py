"""Sign-in through msal at a real authority that nobody here wrote: npm's oidc-provider, dressed as Entra."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import jwt
import pytest

from tests.servers.authority import TENANT, Person, RunningAuthority
from tests.servers.authority import authority as started
from tests.servers.pki import Pki
from tests.transports.oauth.entra_support import APP, SMTP, fails
from transports.base import Cause
from transports.oauth.base import Grant, Granted, OAuthRoute, Pending
from transports.oauth.entra import EntraAuthority
from transports.routes import HttpRoute
from transports.secret import Secret

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def real(pki: Pki) -> Iterator[RunningAuthority]:
    with started(pki) as running:
        yield running


def route(
    real: RunningAuthority,
    grant: Grant,
    client: str = "person",
    *,
    secret: str = "",
    pem: str = "",
) -> OAuthRoute:
    return OAuthRoute(
        provider="microsoft",
        grant=grant,
        client_id=client,
        scopes=(APP,) if grant == "client-credentials" else (SMTP, "offline_access"),
        authorization_url=f"{real.base}/oauth2/v2.0/authorize",
        token_url=f"{real.base}/oauth2/v2.0/token",
        device_authorization_url=f"{real.base}/oauth2/v2.0/devicecode",
        redirect_url="http://localhost:8765",
        issuer=real.issuer,
        tenant=TENANT,
        client_secret=Secret(secret) if secret else None,
        certificate=Secret(pem) if pem else None,
        http=HttpRoute(ca_file=str(real.ca_file)),
    )


async def test_a_device_code_approved_by_a_person_then_refreshed_with_rotation(
    real: RunningAuthority,
) -> None:
    authority = EntraAuthority(route(real, "device-code"))
    code = await authority.device_code()
    assert isinstance(await authority.poll(code, code.interval), Pending)
    person = Person("alice", real.ca_file)
    await asyncio.to_thread(person.approve, code.verification_uri, code.user_code)
    first = await authority.poll(code, code.interval)
    assert isinstance(first, Granted)
    assert first.account == "alice@example.test"
    assert first.refresh_token
    second = await authority.refresh(first.refresh_token)
    assert second.refresh_token
    assert second.refresh_token != first.refresh_token
    with fails() as caught:
        await authority.refresh(first.refresh_token)
    assert caught.failure.cause is Cause.OAUTH_REFUSED
    assert caught.failure.facts["error"] == "invalid_grant"
    await authority.close()
    claims = jwt.decode(
        second.access_token.reveal(),
        real.public_key,
        algorithms=["RS256"],
        audience="https://outlook.office365.com",
    )
    assert claims["scp"] == "SMTP.Send"


async def test_a_browser_sign_in_by_the_address_that_the_browser_ended_on(real: RunningAuthority) -> None:
    authority = EntraAuthority(route(real, "authorization-code"))
    request = await authority.browser_request()
    person = Person("bob", real.ca_file)
    answer = await asyncio.to_thread(person.authorize, request.url, request.redirect_url)
    got = await authority.redeem(request, answer)
    assert got.account == "bob@example.test"
    with fails() as caught:
        await authority.redeem(request, answer)
    assert caught.failure.cause is Cause.OAUTH_REFUSED, "a code is good once"
    await authority.close()


@pytest.mark.parametrize("way", ["secret", "certificate"])
async def test_app_only(real: RunningAuthority, way: str) -> None:
    authority = EntraAuthority(
        route(real, "client-credentials", "app-secret", secret="secret-of-the-app")
        if way == "secret"
        else route(real, "client-credentials", "app-certificate", pem=real.app_pem)
    )
    got = await authority.app_only()
    await authority.close()
    assert got.refresh_token is None
    jwt.decode(
        got.access_token.reveal(),
        real.public_key,
        algorithms=["RS256"],
        audience="https://outlook.office365.com",
    )


async def test_a_wrong_secret_is_refused(real: RunningAuthority) -> None:
    authority = EntraAuthority(route(real, "client-credentials", "app-secret", secret="its ID, say"))
    with fails() as caught:
        await authority.app_only()
    await authority.close()
    assert caught.failure.cause is Cause.OAUTH_REFUSED
    assert caught.failure.facts["error"] == "invalid_client"
