"""What the tests of Entra's sign-in share: routes, good answers, and the failure of a block."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator, Iterator
from typing import TypedDict, Unpack

from tests.servers.pki import Pki
from tests.transports.oauth.entra_server import CLIENT, TENANT, EntraServer, Reply, jwt_of
from transports.base import Failure, TransportError
from transports.oauth.base import Grant, OAuthRoute
from transports.routes import HttpRoute
from transports.secret import Secret

SMTP = "https://outlook.office365.com/SMTP.Send"
APP = "https://outlook.office365.com/.default"
ACCOUNT = "alice@example.test"


class Settings(TypedDict, total=False):
    """What a test may say otherwise about its route."""

    grant: Grant
    scopes: tuple[str, ...]
    client_secret: Secret | None
    certificate: Secret | None
    account: str
    issuer: str
    token_url: str
    http: HttpRoute


@contextlib.asynccontextmanager
async def serving(pki: Pki) -> AsyncIterator[EntraServer]:
    """An authority that grants everything at once."""
    async with EntraServer(pki.good.context()) as server:
        server.say("/token", granted(server))
        server.say("/devicecode", device_answer())
        yield server


def route(server: EntraServer, pki: Pki, **settings: Unpack[Settings]) -> OAuthRoute:
    """A profile's route to it: a device code for SMTP, unless said otherwise."""
    given: Settings = {
        "grant": "device-code",
        "scopes": (SMTP, "offline_access"),
        "token_url": f"{server.base}/oauth2/v2.0/token",
        "issuer": f"{server.base}/v2.0",
        "account": ACCOUNT,
        "http": HttpRoute(ca_file=str(pki.ca_file)),
        **settings,
    }
    return OAuthRoute(
        provider="microsoft",
        client_id=CLIENT,
        authorization_url=f"{server.base}/oauth2/v2.0/authorize",
        device_authorization_url=f"{server.base}/oauth2/v2.0/devicecode",
        redirect_url="http://localhost:8765",
        tenant=TENANT,
        **given,
    )


def device_answer(**other: object) -> Reply:
    """What Entra says to a device: no complete address, and a message."""
    return Reply(
        200,
        {
            "device_code": "DEVICE-CODE-1",
            "user_code": "ABCD-EFGH",
            "verification_uri": "https://login.example.test/device",
            "expires_in": 900,
            "interval": 5,
            "message": "To sign in, …",
            **other,
        },
    )


def id_token(server: EntraServer, **claims: object) -> str:
    """Who signed in."""
    now = int(time.time())
    return jwt_of(
        {
            "iss": f"{server.base}/v2.0",
            "aud": CLIENT,
            "iat": now,
            "exp": now + 3600,
            "sub": "subject",
            "tid": TENANT,
            "preferred_username": ACCOUNT,
            **claims,
        }
    )


def granted(server: EntraServer, **other: object) -> Reply:
    """A token answer; a value of None leaves that part out."""
    body: dict[str, object] = {
        "token_type": "Bearer",
        "scope": SMTP,
        "expires_in": 3599,
        "ext_expires_in": 3599,
        "access_token": jwt_of({"aud": "https://outlook.office365.com", "scp": "SMTP.Send", "upn": ACCOUNT}),
        "refresh_token": "REFRESH-TOKEN-1",
        "id_token": id_token(server),
        **other,
    }
    return Reply(200, {k: v for k, v in body.items() if v is not None})


class Caught:
    """The failure that a block ended with."""

    failure: Failure
    text: str


@contextlib.contextmanager
def fails() -> Iterator[Caught]:
    """The block must raise a TransportError."""
    caught = Caught()
    try:
        yield caught
    except TransportError as exc:
        caught.failure = exc.failure
        caught.text = f"{exc!r} {exc}"
        return
    raise AssertionError("it did not fail")
