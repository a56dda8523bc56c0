"""Who speaks to which authority: by provider, grant and the shape of the addresses."""

from __future__ import annotations

import pytest

from transports.oauth.authority import authority, has_entras_shape
from transports.oauth.base import Grant, OAuthRoute, Provider

BASE = "https://login.microsoftonline.com/organizations/oauth2/v2.0"


def route(
    token: str = f"{BASE}/token",
    authorization: str = f"{BASE}/authorize",
    device: str = f"{BASE}/devicecode",
    *,
    provider: Provider = "microsoft",
    grant: Grant = "device-code",
) -> OAuthRoute:
    return OAuthRoute(
        provider=provider,
        grant=grant,
        client_id="app",
        scopes=("mail",),
        token_url=token,
        authorization_url=authorization,
        device_authorization_url=device,
    )


@pytest.mark.parametrize(
    ("made", "name"),
    [
        (route(), "EntraAuthority"),
        (route(grant="client-credentials"), "EntraAuthority"),
        (route(provider="custom"), "StandardAuthority"),
        (route(provider="google", grant="authorization-code"), "StandardAuthority"),
        (route(token="https://login.example.org/token"), "StandardAuthority"),
        (route(provider="google", grant="service-account"), "ServiceAccountAuthority"),
        (route(grant="managed-identity"), "ManagedIdentityAuthority"),
    ],
)
async def test_each_route_has_its_authority(made: OAuthRoute, name: str) -> None:
    found = authority(made)
    assert type(found).__name__ == name
    await found.close()


@pytest.mark.parametrize(
    ("made", "entra"),
    [
        (route(), True),
        (route(authorization="", device=""), True),
        (route(token=""), False),
        (route(token="http://login.microsoftonline.com/organizations/oauth2/v2.0/token"), False),
        (route(token="https://login.microsoftonline.com/organizations/oauth2/token"), False),
        (route(token="https://login.microsoftonline.com/oauth2/v2.0/token"), False),
        (route(token="https://login.microsoftonline.com//oauth2/v2.0/token"), False),
        (route(token=f"{BASE}/token?x=y"), False),
        (route(authorization="https://other.example/organizations/oauth2/v2.0/authorize"), False),
        (route(device="https://login.microsoftonline.com/another/oauth2/v2.0/devicecode"), False),
    ],
)
def test_entras_shape_is_one_host_and_one_tenant(made: OAuthRoute, *, entra: bool) -> None:
    assert has_entras_shape(made) is entra
