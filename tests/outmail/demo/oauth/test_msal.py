"""Microsoft's own library signs in at the practice authority by every grant, as it does at Entra."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import pytest

from outmail.demo.names import DESK
from outmail.demo.oauth.apps import APP, APP_WITH_CERTIFICATE
from outmail.demo.tenant import PracticeTenant
from store import certificate
from store.profiles import Profile
from tests.outmail.demo.oauth.visitor import (
    REDIRECT,
    RIGHT,
    Answer,
    blocking,
    by_itself,
    open_address,
    personal,
    type_code,
)

# It would rather be POSTed to, and be asked less often.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:msal")

EVERYTHING = ["https://outlook.office365.com/.default"]


def profile_of(tenant: PracticeTenant, name: str) -> Profile:
    return tenant.profiles().profiles[name]


async def test_a_code_typed_on_another_device(tenant: PracticeTenant) -> None:
    app = await blocking(lambda: personal(tenant))
    flow: Answer = await blocking(lambda: app.initiate_device_flow(scopes=[RIGHT]))
    assert flow["verification_uri"] == tenant.authority.device_page
    assert "verification_uri_complete" not in flow, "Entra has none"
    once = await blocking(lambda: app.acquire_token_by_device_flow(flow, exit_condition=lambda _: True))
    assert once["error"] == "authorization_pending"
    page = await type_code(tenant, f" {flow['user_code'][:4].lower()}-{flow['user_code'][4:]} ")
    assert "You signed in as" in page.text
    found: Answer = await blocking(lambda: app.acquire_token_by_device_flow(flow))
    assert found["id_token_claims"]["preferred_username"] == DESK
    assert found["scope"] == RIGHT
    assert 2000 < len(found["access_token"]) < 4000, "as long as real ones"


async def test_a_refresh_brings_another_refresh_token(tenant: PracticeTenant) -> None:
    app = await blocking(lambda: personal(tenant))
    flow: Answer = await blocking(lambda: app.initiate_device_flow(scopes=[RIGHT]))
    await type_code(tenant, flow["user_code"])
    first: Answer = await blocking(lambda: app.acquire_token_by_device_flow(flow))
    (account,) = app.get_accounts()
    second: Answer = await blocking(
        lambda: app.acquire_token_silent_with_error([RIGHT], account, force_refresh=True)
    )
    assert second["access_token"] != first["access_token"]
    kept = [entry["secret"] for entry in app.token_cache.search("RefreshToken")]
    assert len(kept) == 1
    assert kept != [first.get("refresh_token")]


async def test_a_browser_and_its_last_address(tenant: PracticeTenant) -> None:
    app = await blocking(lambda: personal(tenant))
    flow: Answer = await blocking(lambda: app.initiate_auth_code_flow([RIGHT], redirect_uri=REDIRECT))
    ended = await open_address(tenant, flow["auth_uri"])
    assert ended.status_code == 303
    address = ended.headers["location"]
    assert address.startswith(REDIRECT)
    reply = dict(parse_qsl(urlsplit(address).query))
    found: Answer = await blocking(lambda: app.acquire_token_by_auth_code_flow(flow, reply))
    assert found["id_token_claims"]["preferred_username"] == DESK
    again: Answer = await blocking(lambda: app.acquire_token_by_auth_code_flow(flow, reply))
    assert again["error_codes"] == [54005]


async def test_an_application_with_a_secret(tenant: PracticeTenant) -> None:
    oauth = profile_of(tenant, "practice-oauth-app").auth.oauth
    assert oauth is not None
    assert oauth.client_secret is not None
    secret = oauth.client_secret.get_secret_value()
    found: Answer = await blocking(
        lambda: by_itself(tenant, APP, secret).acquire_token_for_client(scopes=EVERYTHING)
    )
    assert found["access_token"]
    assert "refresh_token" not in found
    wrong: Answer = await blocking(
        lambda: by_itself(tenant, APP, secret + "x").acquire_token_for_client(scopes=EVERYTHING)
    )
    assert wrong["error_codes"] == [7000215]


@pytest.mark.parametrize("right", [True, False], ids=["its own", "another"])
async def test_an_application_with_a_certificate(tenant: PracticeTenant, right: bool) -> None:
    oauth = profile_of(tenant, "practice-oauth-cert").auth.oauth
    assert oauth is not None
    assert oauth.certificate is not None
    pem = oauth.certificate if right else certificate.make("another", bits=2048).pem
    text = pem.get_secret_value()
    begins = text.index("-----BEGIN CERTIFICATE-----")
    credential = {"private_key": text[:begins], "public_certificate": text[begins:]}
    found: Answer = await blocking(
        lambda: by_itself(tenant, APP_WITH_CERTIFICATE, credential).acquire_token_for_client(
            scopes=EVERYTHING
        )
    )
    assert found.get("error_codes", []) == ([] if right else [700027])
    assert ("access_token" in found) is right
