"""Managed identity through msal, by a stand-in for App Service's and the virtual machine's place to ask."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from tests.transports.oauth.entra_server import CLIENT, HANG, EntraServer, Reply, jwt_of
from tests.transports.oauth.entra_support import APP, fails
from transports.base import Cause, Verdict
from transports.oauth.base import DeviceCode, OAuthRoute
from transports.oauth.managed_identity import ManagedIdentityAuthority
from transports.routes import HttpRoute, ProxyRoute
from transports.secret import Secret

TOKEN = jwt_of({"aud": "https://outlook.office365.com", "oid": "machine"})
OF_AZURE = (
    "IDENTITY_ENDPOINT",
    "IDENTITY_HEADER",
    "IDENTITY_SERVER_THUMBPRINT",
    "IMDS_ENDPOINT",
    "MSI_ENDPOINT",
    "MSI_SECRET",
    "AZURE_POD_IDENTITY_AUTHORITY_HOST",
)


@pytest.fixture
async def azure(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[EntraServer]:
    """App Service's place to ask, on loopback, without TLS."""
    for name in OF_AZURE:
        monkeypatch.delenv(name, raising=False)
    async with EntraServer(None) as server:
        monkeypatch.setenv("IDENTITY_ENDPOINT", f"{server.origin}/msi/token")
        monkeypatch.setenv("IDENTITY_HEADER", "header-secret")
        ends = str(int(time.time()) + 3600)
        server.say("/token", Reply(200, {"access_token": TOKEN, "expires_on": ends, "token_type": "Bearer"}))
        yield server


def route(client_id: str = "", scopes: tuple[str, ...] = (APP,)) -> OAuthRoute:
    """With a proxy that must not be asked."""
    proxy = ProxyRoute("http://127.0.0.1:1")
    return OAuthRoute("microsoft", "managed-identity", client_id, scopes, http=HttpRoute(proxy=proxy))


async def test_app_service_gives_a_token_without_a_secret_or_a_proxy(azure: EntraServer) -> None:
    authority = ManagedIdentityAuthority(route())
    got = await authority.app_only()
    await authority.close()
    assert got.access_token.reveal() == TOKEN
    assert 3500 < got.expires_in <= 3600
    (asked,) = azure.requests
    assert asked.query == {"api-version": "2019-08-01", "resource": "https://outlook.office365.com"}
    assert asked.headers["x-identity-header"] == "header-secret"


async def test_a_user_assigned_identity_is_asked_for_by_its_client_id(azure: EntraServer) -> None:
    authority = ManagedIdentityAuthority(route(CLIENT))
    await authority.app_only()
    await authority.close()
    assert azure.requests[0].query["client_id"] == CLIENT


async def test_a_virtual_machine(azure: EntraServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("IDENTITY_ENDPOINT")
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", azure.origin)
    azure.say("/token", Reply(200, {"access_token": TOKEN, "expires_in": "86399"}))
    authority = ManagedIdentityAuthority(route())
    got = await authority.app_only()
    await authority.close()
    assert got.expires_in == 86399
    assert azure.requests[0].path == "/metadata/identity/oauth2/token"
    assert azure.requests[0].headers["metadata"] == "true"


async def test_an_identity_that_is_not_there_is_the_authoritys_refusal(azure: EntraServer) -> None:
    azure.say("/token", Reply(400, {"statusCode": 400, "message": "No User Assigned Identity found"}))
    authority = ManagedIdentityAuthority(route(CLIENT))
    with fails() as caught:
        await authority.app_only()
    await authority.close()
    assert caught.failure.cause is Cause.OAUTH_REFUSED
    assert "No User Assigned Identity found" in caught.failure.words


async def test_off_azure_nothing_answers_and_that_is_said(
    azure: EntraServer, monkeypatch: pytest.MonkeyPatch, unused_tcp_port: int
) -> None:
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"http://127.0.0.1:{unused_tcp_port}/msi/token")
    authority = ManagedIdentityAuthority(route())
    with fails() as caught:
        await authority.app_only()
    await authority.close()
    failure = caught.failure
    assert (failure.cause, failure.verdict) == (Cause.OAUTH_SETTINGS, Verdict.FIX_SETTINGS)
    assert failure.facts["what"] == "no-managed-identity"
    assert "This machine has no managed identity of Azure" in failure.words


async def test_azure_that_hangs_up_is_asked_again_later(
    azure: EntraServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        monkeypatch.setenv("IDENTITY_ENDPOINT", f"http://127.0.0.1:{port}/msi/token")
        authority = ManagedIdentityAuthority(route())
        with fails() as caught:
            await authority.app_only()
        await authority.close()
    assert (caught.failure.cause, caught.failure.verdict) == (Cause.CONNECTION_LOST, Verdict.RETRY)


@pytest.mark.parametrize(
    ("reply", "cause"),
    [
        (Reply(503, b"<html>busy</html>"), Cause.OAUTH_UNAVAILABLE),
        (Reply(200, b"<html>guest network</html>"), Cause.OAUTH_NOT_STANDARD),
    ],
)
async def test_a_page_in_place_of_a_token(azure: EntraServer, reply: Reply, cause: Cause) -> None:
    azure.say("/token", reply)
    authority = ManagedIdentityAuthority(route())
    with fails() as caught:
        await authority.app_only()
    await authority.close()
    assert caught.failure.cause is cause


async def test_service_fabric_is_not_for_us_and_says_so(
    azure: EntraServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IDENTITY_SERVER_THUMBPRINT", "0" * 40)
    monkeypatch.setenv("IDENTITY_ENDPOINT", "https://localhost:1/token")
    authority = ManagedIdentityAuthority(route())
    with fails() as caught:
        await authority.app_only()
    await authority.close()
    assert caught.failure.cause is Cause.OAUTH_SETTINGS
    assert azure.requests == []


async def test_cancelled_while_azure_says_nothing(azure: EntraServer) -> None:
    azure.say("/token", HANG)
    authority = ManagedIdentityAuthority(route())
    task = asyncio.create_task(authority.app_only())
    await asyncio.wait_for(azure.hung.wait(), 20)
    began = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - began < 0.1
    await authority.close()


async def test_nobody_signs_in(azure: EntraServer) -> None:
    authority = ManagedIdentityAuthority(route())
    code = DeviceCode(Secret("x"), "x", "https://example.test", 1)
    for question in (
        authority.device_code(),
        authority.poll(code, 5),
        authority.browser_request(),
        authority.refresh(Secret("x")),
    ):
        with fails() as caught:
            await question
        assert caught.failure.cause is Cause.OAUTH_SETTINGS
    with fails() as caught:
        await ManagedIdentityAuthority(route(scopes=())).app_only()
    assert caught.failure.facts["what"] == "scope"
    await authority.close()
    assert azure.requests == []
