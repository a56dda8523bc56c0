"""Tokens for the practice Graph, and the ready profiles that use it, with msal and httpx in our place."""

from __future__ import annotations

import jwt
import pytest

from outmail.demo.names import DESK, SUPPORT
from outmail.demo.oauth.apps import PERSONAL_APP
from outmail.demo.oauth.directory import EXCHANGE, GRAPH, asked
from outmail.demo.oauth.refusals import Refused
from outmail.demo.tenant import PracticeTenant
from store.profiles import OAuth, Profile
from tests.outmail.demo.graph.caller import MIME, app_token, calling, token
from tests.outmail.demo.oauth.visitor import blocking, by_itself, personal


def profile_of(tenant: PracticeTenant, name: str) -> tuple[Profile, OAuth, list[str]]:
    """A ready profile, its sign-in, and the scopes as msal takes them."""
    profile = tenant.profiles().profiles[name]
    oauth = profile.auth.oauth
    assert oauth is not None
    assert profile.graph is not None
    assert profile.graph.endpoint == tenant.graph.origin
    assert profile.graph.cloud == "global"
    return profile, oauth, [scope for scope in oauth.scopes or () if scope != "offline_access"]


def claims(bearer: str) -> dict[str, object]:
    """What a token says of itself."""
    return dict(jwt.decode(bearer, options={"verify_signature": False}))


async def test_the_profile_of_a_person(tenant: PracticeTenant) -> None:
    profile, _oauth, scopes = profile_of(tenant, "practice-graph")
    app = await blocking(lambda: personal(tenant))  # it asks the authority at once
    flow = await blocking(lambda: app.initiate_device_flow(scopes))
    tenant.person.type_code(flow["user_code"], DESK)
    got = await blocking(lambda: app.acquire_token_by_device_flow(flow))
    said = claims(got["access_token"])
    assert said["aud"] == GRAPH
    assert set(str(said["scp"]).split()) == {"Mail.Send", "Mail.Send.Shared", "Mail.ReadWrite", "User.Read"}
    async with calling(tenant, got["access_token"]) as caller:
        assert (await caller.ask("GET", "/me")).json()["mail"] == profile.from_address == DESK
        assert await caller.sends() == 202
    account = app.get_accounts()[0]
    again = await blocking(lambda: app.acquire_token_silent(scopes, account, force_refresh=True))
    assert claims(again["access_token"])["aud"] == GRAPH
    assert again["access_token"] != got["access_token"]


async def test_the_profile_of_an_application(tenant: PracticeTenant) -> None:
    profile, oauth, scopes = profile_of(tenant, "practice-graph-app")
    assert oauth.client_secret is not None
    secret = oauth.client_secret.get_secret_value()
    app = await blocking(lambda: by_itself(tenant, oauth.client_id or "", secret))
    got = await blocking(lambda: app.acquire_token_for_client(scopes))
    said = claims(got["access_token"])
    assert (said["aud"], said["roles"]) == (GRAPH, ["Mail.Send", "Mail.ReadWrite"])
    async with calling(tenant, got["access_token"]) as caller:
        mail = MIME.replace(DESK.encode(), SUPPORT.encode())
        assert await caller.sends(f"/users/{profile.from_address}/sendMail", mail) == 202


async def test_one_token_one_audience(tenant: PracticeTenant) -> None:
    for bearer in (await token(tenant, "SMTP.Send", resource=EXCHANGE), await app_token(tenant, EXCHANGE)):
        assert claims(bearer)["aud"] == EXCHANGE
        async with calling(tenant, bearer) as caller:
            assert await caller.sends() == 401


def test_what_a_scope_asks_for() -> None:
    assert asked("Mail.Send offline_access") == asked(f"{GRAPH}/Mail.Send offline_access")
    assert asked(f"{GRAPH}/.default").roles == ("Mail.Send", "Mail.ReadWrite")
    assert "Mail.ReadWrite.Shared" in asked(f"{GRAPH}/.default").granted
    for scope, number in (
        (f"{GRAPH}/Mail.Send {EXCHANGE}/SMTP.Send", 700022),
        (f"{GRAPH}/SMTP.Send", 70011),
        (f"{EXCHANGE}/Mail.Send", 70011),
        ("Mail.Dance", 500011),
    ):
        with pytest.raises(Refused) as caught:
            asked(scope)
        assert caught.value.number == number, scope


async def test_a_registered_application_is_one_for_both(tenant: PracticeTenant) -> None:
    """The ready profiles for SMTP and for Graph share a client ID, as they may in a real tenant."""
    assert profile_of(tenant, "practice-graph")[1].client_id == PERSONAL_APP
    smtp = tenant.profiles().profiles["practice-oauth"].auth.oauth
    assert smtp is not None
    assert smtp.client_id == PERSONAL_APP
