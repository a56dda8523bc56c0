"""A Google service account: what is signed and asked, and every key file that is none."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from tests.servers.pki import Pki
from tests.transports.oauth.entra_server import EntraServer, Reply
from tests.transports.oauth.entra_support import fails
from tests.transports.oauth.standard_support import GMAIL, google, serving, token
from transports.base import Cause, Verdict
from transports.oauth.base import DeviceCode, OAuthRoute
from transports.oauth.service_account import ServiceAccountAuthority
from transports.secret import Secret

NOW = 1_800_000_000
ROBOT = "robot@project.iam.gserviceaccount.com"
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture
async def server(pki: Pki) -> AsyncIterator[EntraServer]:
    async with serving(pki) as server:
        yield server


def pem(key: PrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def key_file(private_key: str, **other: object) -> str:
    """As Google gives it, more or less."""
    return json.dumps(
        {
            "type": "service_account",
            "client_email": ROBOT,
            "private_key_id": "key-1",
            "private_key": private_key,
            "token_uri": "https://oauth2.googleapis.com/token",
            **other,
        }
    )


def route(server: EntraServer, pki: Pki, file: str | None) -> OAuthRoute:
    made = replace(google(server, pki), grant="service-account", client_id="", client_secret=None)
    return replace(made, service_account=Secret(file) if file is not None else None)


async def test_a_token_for_a_mailbox(server: EntraServer, pki: Pki, key: rsa.RSAPrivateKey) -> None:
    authority = ServiceAccountAuthority(route(server, pki, key_file(pem(key))), now=lambda: NOW)
    server.say("/token", token(refresh_token=None, scope=None))
    got = await authority.app_only()
    await authority.close()
    assert (got.access_token, got.refresh_token) == (Secret("ACCESS-TOKEN-1"), None)
    (form,) = server.forms()
    assert form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
    assert form.keys() == {"grant_type", "assertion"}
    url = f"{server.base}/oauth2/v2.0/token"
    claims = jwt.decode(
        form["assertion"],
        key.public_key(),
        algorithms=["RS256"],
        audience=url,
        options={"verify_iat": False, "verify_exp": False},
    )
    assert claims == {
        "iss": ROBOT,
        "sub": "desk@example.test",
        "scope": GMAIL,
        "aud": url,
        "iat": NOW,
        "exp": NOW + 3600,
    }
    assert jwt.get_unverified_header(form["assertion"])["kid"] == "key-1"


async def test_a_mailbox_that_it_may_not_act_for(
    server: EntraServer, pki: Pki, key: rsa.RSAPrivateKey
) -> None:
    authority = ServiceAccountAuthority(route(server, pki, key_file(pem(key))))
    words = "Client is unauthorized to retrieve access tokens using this method."
    server.say("/token", Reply(401, {"error": "unauthorized_client", "error_description": words}))
    with fails() as caught:
        await authority.app_only()
    await authority.close()
    assert (caught.failure.cause, caught.failure.words) == (Cause.OAUTH_REFUSED, words)
    assert caught.failure.facts["error"] == "unauthorized_client"


@pytest.mark.parametrize(
    ("file", "words"),
    [
        (None, "has no key file"),
        ("", "has no key file"),
        ("{", "is no JSON"),
        ("[" * 100_000, "is no JSON"),
        ("[]", "has no key file"),
        ('{"installed": {"client_id": "x"}}', "not the key of a service account"),
        (key_file(""), "lacks"),
        (key_file("x", client_email=5), "lacks"),
        (key_file("x", private_key_id=None), "lacks"),
        (key_file("PRIVATE-TEXT"), "damaged"),
        (
            key_file("-----BEGIN PRIVATE KEY-----\nPRIVATE-TEXT\n-----END PRIVATE KEY-----\n"),
            "damaged",
        ),
        (key_file(pem(ec.generate_private_key(ec.SECP256R1()))), "damaged"),
        (key_file(pem(ed25519.Ed25519PrivateKey.generate())), "damaged"),
    ],
)
async def test_a_key_file_that_is_none_is_named_before_anybody_is_asked(
    server: EntraServer, pki: Pki, file: str | None, words: str
) -> None:
    authority = ServiceAccountAuthority(route(server, pki, file))
    with fails() as caught:
        await authority.app_only()
    await authority.close()
    assert caught.failure.cause is Cause.OAUTH_SETTINGS
    assert (caught.failure.verdict, caught.failure.facts["what"]) == (Verdict.FIX_SETTINGS, "service-account")
    assert words in caught.failure.words
    assert "PRIVATE" not in repr(caught.failure)
    assert server.requests == []


async def test_nobody_signs_in(server: EntraServer, pki: Pki, key: rsa.RSAPrivateKey) -> None:
    authority = ServiceAccountAuthority(route(server, pki, key_file(pem(key))))
    questions = (
        authority.device_code,
        authority.browser_request,
        lambda: authority.poll(DeviceCode(Secret("d"), "U", "https://x", 900), 5),
        lambda: authority.refresh(Secret("r")),
    )
    for question in questions:
        with fails() as caught:
            await question()
        assert caught.failure.cause is Cause.OAUTH_SETTINGS
        assert "without a person" in caught.failure.words
    await authority.close()
    assert server.requests == []
