"""What the tests of the standards share: routes to an authority that is not Entra, and good answers."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import TypedDict, Unpack
from urllib.parse import urlencode

from tests.servers.pki import Pki
from tests.transports.oauth import entra_support
from tests.transports.oauth.entra_server import CLIENT, EntraServer, Reply, jwt_of
from transports.oauth.base import BrowserRequest, Grant, OAuthRoute, Provider
from transports.secret import Secret

GMAIL = "https://mail.google.com/"
GOOGLE = "https://accounts.google.com"


class Settings(TypedDict, total=False):
    """What a test may say otherwise about its route."""

    client_id: str
    scopes: tuple[str, ...]
    issuer: str
    account: str
    client_secret: Secret
    certificate: Secret
    token_url: str
    authorization_url: str
    device_authorization_url: str


@contextlib.asynccontextmanager
async def serving(pki: Pki) -> AsyncIterator[EntraServer]:
    """An authority that grants everything at once."""
    async with entra_support.serving(pki) as server:
        server.say("/token", token())
        yield server


def token(**other: object) -> Reply:
    """A token answer; a value of None leaves that part out."""
    body: dict[str, object] = {
        "access_token": "ACCESS-TOKEN-1",
        "token_type": "bearer",
        "expires_in": 3599,
        "refresh_token": "REFRESH-TOKEN-1",
        **other,
    }
    return Reply(200, {name: value for name, value in body.items() if value is not None})


def identity(request: BrowserRequest, **other: object) -> str:
    """Who signed in, as Google says it."""
    return jwt_of(
        {
            "iss": GOOGLE,
            "aud": CLIENT,
            "exp": int(time.time()) + 3600,
            "nonce": request.nonce.reveal(),
            "email": "desk@example.test",
            **other,
        }
    )


def route(
    server: EntraServer, pki: Pki, grant: Grant, provider: Provider = "custom", **settings: Unpack[Settings]
) -> OAuthRoute:
    """A route to it by its own addresses."""
    made = entra_support.route(server, pki, grant=grant, scopes=("mail",), issuer="")
    return replace(made, provider=provider, **settings)


def google(server: EntraServer, pki: Pki) -> OAuthRoute:
    """A route as Google's."""
    return route(
        server,
        pki,
        "authorization-code",
        "google",
        scopes=(GMAIL,),
        issuer=GOOGLE,
        client_secret=Secret("s3cret"),
        account="desk@example.test",
    )


def back(request: BrowserRequest, **other: str) -> str:
    """The address that the browser ends on."""
    fields = {"code": "THE-CODE", "state": request.state.reveal(), **other}
    return f"{request.redirect_url}/?{urlencode(fields)}"
