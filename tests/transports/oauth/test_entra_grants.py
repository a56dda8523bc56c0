"""Entra's other ways through msal: browser, app-only by secret and by certificate, and the refresh."""

from __future__ import annotations

import base64
import hashlib
import ssl
from collections.abc import AsyncIterator, Callable
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
import pytest
from cryptography import x509

from store import certificate
from store.certificate import KeyPair
from tests.servers.pki import Pki
from tests.transports.oauth.entra_server import CLIENT, TENANT, EntraServer, Reply, refusal
from tests.transports.oauth.entra_support import ACCOUNT, APP, SMTP, fails, granted, id_token, route, serving
from transports.base import Cause, Verdict
from transports.oauth.base import BrowserRequest
from transports.oauth.entra import EntraAuthority
from transports.secret import Secret


@pytest.fixture
async def server(pki: Pki) -> AsyncIterator[EntraServer]:
    async with serving(pki) as server:
        yield server


@pytest.fixture(scope="module")
def pair() -> KeyPair:
    return certificate.make("outmail test", 30)


def back(request: BrowserRequest, **other: str) -> str:
    """The address that the browser ends on."""
    return (
        f"{request.redirect_url}/?{urlencode({'code': 'THE-CODE', 'state': request.state.reveal(), **other})}"
    )


async def test_a_browser_sign_in_from_address_to_token(server: EntraServer, pki: Pki) -> None:
    authority = EntraAuthority(route(server, pki, grant="authorization-code"))
    request = await authority.browser_request()
    assert server.requests == [], "nobody is asked for an address"
    parts = urlsplit(request.url)
    asked = {k: v[0] for k, v in parse_qs(parts.query).items()}
    assert f"{parts.scheme}://{parts.netloc}{parts.path}" == f"{server.base}/oauth2/v2.0/authorize"
    digest = hashlib.sha256(request.verifier.reveal().encode()).digest()
    assert asked["code_challenge"] == base64.urlsafe_b64encode(digest).decode().rstrip("=")
    assert asked["code_challenge_method"] == "S256"
    assert (asked["response_type"], asked["response_mode"]) == ("code", "query")
    assert (asked["login_hint"], asked["prompt"]) == (ACCOUNT, "select_account")
    assert (asked["state"], asked["nonce"]) == (request.state.reveal(), request.nonce.reveal())
    assert asked["redirect_uri"] == "http://localhost:8765"
    assert asked["scope"].split().count("offline_access") == 1
    for secret in (request.state, request.verifier, request.nonce):
        assert secret.reveal() not in repr((request.state, request.verifier, request.nonce))
    server.say("/token", granted(server, id_token=id_token(server, nonce=request.nonce.reveal())))
    got = await authority.redeem(request, back(request))
    await authority.close()
    assert got.account == ACCOUNT
    (form,) = server.forms()
    assert (form["grant_type"], form["code"]) == ("authorization_code", "THE-CODE")
    assert form["code_verifier"] == request.verifier.reveal()
    assert form["redirect_uri"] == "http://localhost:8765"
    assert "client_secret" not in form


async def test_a_web_registration_sends_its_secret(server: EntraServer, pki: Pki) -> None:
    authority = EntraAuthority(
        route(server, pki, grant="authorization-code", client_secret=Secret("s3cret~"), account="")
    )
    request = await authority.browser_request()
    assert "login_hint" not in request.url
    server.say("/token", granted(server, id_token=id_token(server, nonce=request.nonce.reveal())))
    await authority.redeem(request, back(request))
    await authority.close()
    (form,) = server.forms()
    assert form["client_secret"] == "s3cret~"


async def test_answers_that_do_not_belong_to_the_sign_in(server: EntraServer, pki: Pki) -> None:
    authority = EntraAuthority(route(server, pki, grant="authorization-code"))
    request = await authority.browser_request()
    with fails() as caught:
        await authority.redeem(request, back(request, state="another"))
    assert caught.failure.cause is Cause.OAUTH_WRONG_STATE
    assert server.requests == [], "the code went nowhere"
    server.say("/token", granted(server, id_token=id_token(server, nonce="another")))
    with fails() as caught:
        await authority.redeem(request, back(request))
    assert caught.failure.cause in {Cause.OAUTH_NOT_STANDARD, Cause.OAUTH_WRONG_STATE}
    server.say(
        "/token",
        granted(
            server, id_token=id_token(server, nonce=request.nonce.reveal(), iss="https://evil.example.test")
        ),
    )
    with fails() as caught:
        await authority.redeem(request, back(request))
    assert caught.failure.cause is Cause.OAUTH_WRONG_ISSUER
    server.say("/token", granted(server, id_token=id_token(server, nonce=request.nonce.reveal())))
    assert (await authority.redeem(request, back(request))).account == ACCOUNT, "the right one still counts"
    await authority.close()


async def test_a_code_that_was_used_is_refused_and_not_shown(server: EntraServer, pki: Pki) -> None:
    authority = EntraAuthority(route(server, pki, grant="authorization-code"))
    request = await authority.browser_request()
    server.say("/token", refusal(54005, "invalid_grant", "OAuth2 Authorization code was already redeemed."))
    with fails() as caught:
        await authority.redeem(request, back(request))
    await authority.close()
    assert caught.failure.facts["aadsts"] == "54005"
    assert "THE-CODE" not in caught.text
    assert request.state.reveal() not in caught.text


async def test_settings_that_msal_chokes_on_are_named(server: EntraServer, pki: Pki) -> None:
    authority = EntraAuthority(route(server, pki, grant="authorization-code", account="half a pair \ud800"))
    with fails() as caught:
        await authority.browser_request()
    await authority.close()
    assert (caught.failure.cause, caught.failure.facts["what"]) == (Cause.OAUTH_SETTINGS, "library")


async def test_what_was_sent_and_comes_back_is_not_shown(server: EntraServer, pki: Pki) -> None:
    authority = EntraAuthority(route(server, pki, grant="authorization-code"))
    request = await authority.browser_request()
    verifier = request.verifier.reveal()
    server.say("/token", refusal(9002313, "invalid_request", f"THE-CODE {verifier} REFRESH-OLD"))
    for question in (authority.redeem(request, back(request)), authority.refresh(Secret("REFRESH-OLD"))):
        with fails() as caught:
            await question
        assert "***" in caught.failure.words
    assert "REFRESH-OLD" not in caught.text
    with fails() as caught:
        await authority.redeem(request, back(request))
    await authority.close()
    assert "THE-CODE" not in caught.text
    assert verifier not in caught.text


async def test_a_request_of_another_authority_is_refused(server: EntraServer, pki: Pki) -> None:
    first, second = (EntraAuthority(route(server, pki, grant="authorization-code")) for _ in range(2))
    request = await first.browser_request()
    with fails() as caught:
        await second.redeem(request, back(request))
    assert caught.failure.cause is Cause.OAUTH_WRONG_STATE
    await first.close()
    await second.close()


async def test_app_only_by_secret(server: EntraServer, pki: Pki) -> None:
    authority = EntraAuthority(
        route(server, pki, grant="client-credentials", scopes=(APP,), client_secret=Secret("s3cret"))
    )
    server.say("/token", granted(server, refresh_token=None, id_token=None, scope=None))
    got = await authority.app_only()
    assert got.refresh_token is None
    await authority.app_only()
    await authority.close()
    assert len(server.requests) == 2, "msal's own memory of tokens is not used: ours is the only one"
    form = server.forms()[0]
    assert (form["grant_type"], form["scope"]) == ("client_credentials", APP)
    assert form["client_secret"] == "s3cret"


async def test_app_only_by_certificate_signs_ps256_with_its_thumbprint(
    server: EntraServer, pki: Pki, pair: KeyPair
) -> None:
    pem = Secret(pair.pem.get_secret_value())
    authority = EntraAuthority(route(server, pki, grant="client-credentials", scopes=(APP,), certificate=pem))
    server.say("/token", granted(server, refresh_token=None, id_token=None, scope=None))
    await authority.app_only()
    await authority.close()
    (form,) = server.forms()
    assert form["client_assertion_type"] == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    assert "client_secret" not in form
    assertion = form["client_assertion"]
    public = x509.load_pem_x509_certificate(pair.certificate_pem.encode()).public_key()
    claims = jwt.decode(
        assertion,
        public,  # type: ignore[arg-type]
        algorithms=["PS256"],
        audience=f"{server.base}/oauth2/v2.0/token",
    )
    assert (claims["iss"], claims["sub"]) == (CLIENT, CLIENT)
    header = jwt.get_unverified_header(assertion)
    der = ssl.PEM_cert_to_DER_cert(pair.certificate_pem)
    assert base64.urlsafe_b64decode(header["x5t#S256"]) == hashlib.sha256(der).digest()
    assert "x5t" not in header, "SHA-1 is for ADFS only"


@pytest.mark.parametrize(
    ("number", "error", "status"),
    [
        (7000215, "invalid_client", 401),
        (7000222, "invalid_client", 401),
        (700027, "invalid_client", 401),
        (700016, "unauthorized_client", 400),
        (90002, "invalid_request", 400),
        (500011, "invalid_resource", 400),
    ],
)
async def test_app_only_refused_then_mended(
    server: EntraServer, pki: Pki, number: int, error: str, status: int
) -> None:
    authority = EntraAuthority(
        route(server, pki, grant="client-credentials", scopes=(APP,), client_secret=Secret("s3cret"))
    )
    server.say(
        "/token",
        refusal(number, error, status=status),
        granted(server, refresh_token=None, id_token=None),
    )
    with fails() as caught:
        await authority.app_only()
    assert caught.failure.cause is Cause.OAUTH_REFUSED
    assert caught.failure.facts["aadsts"] == str(number)
    assert "s3cret" not in caught.text
    assert (await authority.app_only()).access_token, "the mended portal is asked, not msal's memory"
    await authority.close()


def swapped(old: str, new: str) -> Callable[[KeyPair], str]:
    """The pair with one text in place of another."""
    return lambda pair: pair.pem.get_secret_value().replace(old, new)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda pair: pair.certificate_pem, "private key is missing"),
        (lambda pair: pair.pem.get_secret_value()[: -len(pair.certificate_pem)], "certificate is missing"),
        (
            lambda pair: (
                pair.pem.get_secret_value()[: -len(pair.certificate_pem)]
                + certificate.make("other", 1).certificate_pem
            ),
            "another private key",
        ),
        (swapped("PRIVATE KEY", "ENCRYPTED PRIVATE KEY"), "encrypted"),
        (swapped("BEGIN PRIVATE KEY-----\n", "BEGIN PRIVATE KEY-----\nAAAA"), "cannot be read"),
        (swapped("CERTIFICATE-----\nMII", "CERTIFICATE-----\nAII"), "damaged"),
        (swapped("-----END CERTIFICATE", "!\n-----END CERTIFICATE"), "damaged"),
    ],
)
async def test_a_key_that_cannot_sign_is_named_before_anybody_is_asked(
    server: EntraServer, pki: Pki, pair: KeyPair, spoil: Callable[[KeyPair], str], words: str
) -> None:
    pem = Secret(spoil(pair))
    authority = EntraAuthority(route(server, pki, grant="client-credentials", scopes=(APP,), certificate=pem))
    with fails() as caught:
        await authority.app_only()
    await authority.close()
    assert caught.failure.cause is Cause.OAUTH_SETTINGS
    assert caught.failure.facts["what"] == "certificate"
    assert words in caught.failure.words
    assert server.requests == []


async def test_a_certificate_that_ended_is_named(server: EntraServer, pki: Pki, pair: KeyPair) -> None:
    authority = EntraAuthority(
        route(
            server,
            pki,
            grant="client-credentials",
            scopes=(APP,),
            certificate=Secret(pair.pem.get_secret_value()),
        ),
        now=lambda: pair.until,
    )
    with fails() as caught:
        await authority.app_only()
    await authority.close()
    assert f"ended on {pair.until:%Y-%m-%d}" in caught.failure.words


@pytest.mark.parametrize(
    ("scopes", "tenant", "secret", "what"),
    [
        ((APP,), TENANT, "", "no-secret"),
        ((SMTP,), TENANT, "x", "scope"),
        ((APP, "https://graph.microsoft.com/.default"), TENANT, "x", "scope"),
        ((), TENANT, "x", "scope"),
        ((APP,), "common", "x", "tenant"),
        ((APP,), "organizations", "x", "tenant"),
    ],
)
async def test_app_only_settings_that_cannot_work(
    server: EntraServer, pki: Pki, scopes: tuple[str, ...], tenant: str, secret: str, what: str
) -> None:
    authority = EntraAuthority(
        route(
            server,
            pki,
            grant="client-credentials",
            scopes=scopes,
            client_secret=Secret(secret),
            token_url=f"{server.origin}/{tenant}/oauth2/v2.0/token",
        )
    )
    with fails() as caught:
        await authority.app_only()
    await authority.close()
    assert (caught.failure.cause, caught.failure.facts["what"]) == (Cause.OAUTH_SETTINGS, what)
    assert server.requests == []


async def test_a_refresh_brings_the_rotated_token(server: EntraServer, pki: Pki) -> None:
    authority = EntraAuthority(route(server, pki))
    server.say("/token", granted(server, refresh_token="NEW-ONE"), granted(server, refresh_token=None))
    got = await authority.refresh(Secret("OLD-ONE"))
    assert got.refresh_token == Secret("NEW-ONE")
    assert (await authority.refresh(Secret("OLD-ONE"))).refresh_token is None, "the old one stays good"
    await authority.close()
    form = server.forms()[0]
    assert (form["grant_type"], form["refresh_token"]) == ("refresh_token", "OLD-ONE")
    assert sorted(form["scope"].split()) == sorted([SMTP, "offline_access", "openid", "profile"])
    assert "OLD-ONE" not in repr(got)


async def test_a_web_registration_refreshes_with_its_certificate(
    server: EntraServer, pki: Pki, pair: KeyPair
) -> None:
    pem = Secret(pair.pem.get_secret_value())
    authority = EntraAuthority(route(server, pki, grant="authorization-code", certificate=pem))
    await authority.refresh(Secret("OLD-ONE"))
    await authority.close()
    assert server.forms()[0]["client_assertion"].count(".") == 2


@pytest.mark.parametrize("number", [700082, 50173, 53003, 70043, 65001])
async def test_a_refresh_that_is_refused(server: EntraServer, pki: Pki, number: int) -> None:
    authority = EntraAuthority(route(server, pki))
    server.say("/token", refusal(number, "invalid_grant"), granted(server))
    with fails() as caught:
        await authority.refresh(Secret("OLD-ONE"))
    assert caught.failure.cause is Cause.OAUTH_REFUSED
    assert caught.failure.facts["aadsts"] == str(number)
    assert "OLD-ONE" not in caught.text
    assert (await authority.refresh(Secret("OLD-ONE"))).access_token
    await authority.close()


async def test_a_busy_authority_is_asked_again_at_once_when_wanted(server: EntraServer, pki: Pki) -> None:
    authority = EntraAuthority(route(server, pki))
    server.say("/token", Reply(503, b"busy", {"Retry-After": "3600"}), granted(server))
    with fails() as caught:
        await authority.refresh(Secret("OLD-ONE"))
    assert (caught.failure.cause, caught.failure.verdict) == (Cause.OAUTH_UNAVAILABLE, Verdict.RETRY)
    assert (await authority.refresh(Secret("OLD-ONE"))).access_token
    await authority.close()
