"""The practice authority by plain HTTP: what it refuses, what its pages say, what no bytes can do to it."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import ssl
import time
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from hypothesis import given, settings
from hypothesis import strategies as st

from outmail.demo.names import CHIEF, DESK
from outmail.demo.oauth.apps import APP, APP_WITH_CERTIFICATE, PERSONAL_APP
from outmail.demo.tenant import PracticeTenant
from outmail.demo.web import LONGEST_BODY
from tests.outmail.demo.client import until
from tests.outmail.demo.oauth.visitor import REDIRECT, RIGHT, browser, open_address, post, type_code

DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
ASKS = {
    "client_id": PERSONAL_APP,
    "response_type": "code",
    "redirect_uri": REDIRECT,
    "scope": RIGHT,
    "state": "of-ours",
    "code_challenge": "7w_YNF9DSfIdPf_pRjSq646_kPr-2-o9NAl16JGghdM",
    "code_challenge_method": "S256",
}


def authorize(tenant: PracticeTenant, **changed: str) -> str:
    fields = {name: value for name, value in {**ASKS, **changed}.items() if value}
    return f"{tenant.authority.base}/oauth2/v2.0/authorize?{urlencode(fields)}"


def fields_of(address: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


@pytest.mark.parametrize(
    ("path", "form", "wanted"),
    [
        ("devicecode", {"client_id": "nobody", "scope": RIGHT}, (400, "unauthorized_client", 700016)),
        ("devicecode", {"client_id": PERSONAL_APP}, (400, "invalid_request", 90014)),
        ("devicecode", {"client_id": PERSONAL_APP, "scope": "Mail.Fly"}, (400, "invalid_resource", 500011)),
        ("token", {"client_id": PERSONAL_APP}, (400, "unsupported_grant_type", 70003)),
        ("token", {"client_id": PERSONAL_APP, "client_secret": "x"}, (401, "invalid_client", 700025)),
        ("token", {"client_id": APP, "grant_type": "client_credentials"}, (401, "invalid_client", 7000218)),
        ("token", {"client_id": APP, "client_secret": "x"}, (401, "invalid_client", 7000215)),
        (
            "token",
            {"client_id": APP_WITH_CERTIFICATE, "client_assertion": "x.y.z"},
            (401, "invalid_client", 700027),
        ),
        (
            "token",
            {"client_id": PERSONAL_APP, "grant_type": "client_credentials", "scope": RIGHT},
            (400, "invalid_scope", 1002012),
        ),
        (
            "token",
            {"client_id": PERSONAL_APP, "grant_type": DEVICE_GRANT, "device_code": "guessed"},
            (400, "bad_verification_code", 70018),
        ),
        (
            "token",
            {"client_id": PERSONAL_APP, "grant_type": "refresh_token", "refresh_token": "guessed"},
            (400, "invalid_grant", 70000),
        ),
        (
            "token",
            {"client_id": PERSONAL_APP, "grant_type": "authorization_code", "code": "guessed"},
            (400, "invalid_grant", 70000),
        ),
    ],
)
async def test_refusals(
    tenant: PracticeTenant, path: str, form: dict[str, str], wanted: tuple[int, str, int]
) -> None:
    status, answer = await post(tenant, path, form)
    assert (status, answer["error"], answer["error_codes"]) == (wanted[0], wanted[1], [wanted[2]])
    assert answer["error_description"].startswith(f"AADSTS{wanted[2]}: ")


async def test_where_everything_is(tenant: PracticeTenant) -> None:
    async with browser(tenant) as window:
        for name in (tenant.authority.base, f"{tenant.authority.origin}/practice.test"):
            document = (await window.get(f"{name}/v2.0/.well-known/openid-configuration")).json()
            assert document["issuer"] == tenant.authority.issuer
        elsewhere = await window.get(
            f"{tenant.authority.origin}/elsewhere.test/v2.0/.well-known/openid-configuration"
        )
        assert elsewhere.json()["error_codes"] == [90002]
        keys = (await window.get(document["jwks_uri"])).json()
        assert (await window.get(f"{tenant.authority.base}/nowhere")).status_code == 404
        for page in (tenant.authority.device_page, document["jwks_uri"]):
            head = await window.head(page)
            assert (head.status_code, head.content) == (200, b"")
        refused = await window.delete(tenant.authority.device_page)
        assert (refused.status_code, refused.headers["allow"]) == (405, "GET, HEAD, POST")
    (key,) = jwt.PyJWKSet.from_dict(keys).keys
    begun = (await post(tenant, "devicecode", {"client_id": PERSONAL_APP, "scope": f"{RIGHT} openid"}))[1]
    await type_code(tenant, begun["user_code"])
    form = {"client_id": PERSONAL_APP, "grant_type": DEVICE_GRANT, "device_code": begun["device_code"]}
    _, granted = await post(tenant, "token", form)
    claims = jwt.decode(
        granted["access_token"], key, algorithms=["RS256"], audience="https://outlook.office365.com"
    )
    assert (claims["iss"], claims["upn"], claims["scp"]) == (tenant.authority.issuer, DESK, "SMTP.Send")
    who = jwt.decode(granted["id_token"], key, algorithms=["RS256"], audience=PERSONAL_APP)
    assert who["preferred_username"] == DESK
    assert "refresh_token" not in granted, "offline_access was not asked for"


async def test_the_page_for_codes(tenant: PracticeTenant) -> None:
    begun = (await post(tenant, "devicecode", {"client_id": PERSONAL_APP, "scope": RIGHT}))[1]
    code = begun["user_code"]
    wrong = await type_code(tenant, code, password="guessed")
    assert wrong.status_code == 400
    assert "AADSTS50126" in wrong.text
    assert "AADSTS70020" in (await type_code(tenant, "BBBBBBBB")).text
    hostile = await type_code(tenant, '"><script>alert(1)</script>')
    assert "<script>" not in hostile.text
    async with browser(tenant) as window:
        page = await window.get(tenant.authority.device_page, params={"user_code": code})
        assert f'value="{code}"' in page.text
    assert (await type_code(tenant, code, answer="decline")).status_code == 200
    form = {"client_id": PERSONAL_APP, "grant_type": DEVICE_GRANT, "device_code": begun["device_code"]}
    assert (await post(tenant, "token", form))[1]["error"] == "authorization_declined"


@pytest.mark.parametrize(
    ("changed", "shown"),
    [
        ({"client_id": "nobody"}, "AADSTS700016"),
        ({"redirect_uri": "https://evil.example.org/"}, "AADSTS50011"),
        ({"redirect_uri": "http://localhost:8765/other"}, "AADSTS50011"),
        ({"redirect_uri": "http://desk@localhost/"}, "AADSTS50011"),
        ({"redirect_uri": ""}, "AADSTS50011"),
        ({"redirect_uri": "http://localhost:80\\evil"}, "AADSTS50011"),
        ({"redirect_uri": "http://localhost.evil.example.org"}, "AADSTS50011"),
        ({"redirect_uri": "http://localhost?code=another"}, "AADSTS50011"),
        ({"redirect_uri": "http://localhost?"}, "AADSTS50011"),
        ({"redirect_uri": "http://localhost#"}, "AADSTS50011"),
        ({"redirect_uri": "http://localhost?\u00fc"}, "AADSTS50011"),
        ({"redirect_uri": "http://localhost\r\nX: y"}, "AADSTS50011"),
    ],
)
async def test_a_browser_is_sent_nowhere_that_is_not_registered(
    tenant: PracticeTenant, changed: dict[str, str], shown: str
) -> None:
    async with browser(tenant) as window:
        page = await window.get(authorize(tenant, **changed))
        assert (page.status_code, shown in page.text) == (400, True)
        page = await window.post(authorize(tenant, **changed), data={"answer": "decline"})
        assert (page.status_code, shown in page.text) == (400, True)


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"response_type": "token"}, "invalid_request"),
        ({"code_challenge": ""}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge": "\u00fc" * 43}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"scope": "https://graph.example.org/x"}, "invalid_resource"),
    ],
)
async def test_what_is_wrong_in_the_request_goes_back_with_the_state(
    tenant: PracticeTenant, changed: dict[str, str], error: str
) -> None:
    ended = await open_address(tenant, authorize(tenant, **changed))
    fields = fields_of(ended.headers["location"])
    assert (fields["error"], fields["state"]) == (error, "of-ours")
    assert "code" not in fields


@pytest.mark.parametrize(("name", "number"), [("common", 9001023), ("practice.test", 7000218)])
async def test_an_application_signs_in_at_its_own_tenant(
    tenant: PracticeTenant, name: str, number: int
) -> None:
    async with browser(tenant) as window:
        url = f"{tenant.authority.origin}/{name}/oauth2/v2.0/token"
        heard = await window.post(url, data={"client_id": APP, "grant_type": "client_credentials"})
    assert heard.json()["error_codes"] == [number]


@pytest.mark.parametrize(
    ("changed", "algorithm", "number"),
    [
        ({}, "PS256", None),
        ({}, "RS256", None),
        ({}, "RS512", 700027),
        ({"sub": APP}, "PS256", 700027),
        ({"iss": APP}, "PS256", 700027),
        ({"aud": "https://elsewhere.test/token"}, "PS256", 700027),
        ({"exp": 1_000_000_000}, "PS256", 700027),
        ({"jti": None}, "PS256", 700027),
    ],
)
async def test_what_an_assertion_must_say(
    tenant: PracticeTenant, changed: dict[str, object], algorithm: str, number: int | None
) -> None:
    """RFC 7523, section 3."""
    oauth = tenant.profiles().profiles["practice-oauth-cert"].auth.oauth
    assert oauth is not None
    assert oauth.certificate is not None
    key = serialization.load_pem_private_key(oauth.certificate.get_secret_value().encode(), None)
    says = {
        "iss": APP_WITH_CERTIFICATE,
        "sub": APP_WITH_CERTIFICATE,
        "aud": f"{tenant.authority.base}/oauth2/v2.0/token",
        "exp": int(time.time()) + 300,
        "jti": "once",
        **changed,
    }
    claims = {name: value for name, value in says.items() if value is not None}
    form = {
        "client_id": APP_WITH_CERTIFICATE,
        "grant_type": "client_credentials",
        "scope": "https://outlook.office365.com/.default",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": jwt.encode(claims, key, algorithm=algorithm),  # type: ignore[arg-type]
    }
    _, answer = await post(tenant, "token", form)
    assert answer.get("error_codes", [None]) == [number]
    assert ("access_token" in answer) is (number is None)


async def test_nobody_signs_in_at_a_tenant_that_is_unknown(tenant: PracticeTenant) -> None:
    async with browser(tenant) as window:
        url = authorize(tenant).replace(tenant.authority.base, f"{tenant.authority.origin}/elsewhere.test")
        assert (await window.get(url)).json()["error_codes"] == [90002]


async def test_a_code_in_another_script_is_only_a_wrong_one(tenant: PracticeTenant) -> None:
    await post(tenant, "devicecode", {"client_id": PERSONAL_APP, "scope": RIGHT})
    page = await type_code(tenant, "ÉÉÉÉÉÉÉÉ")
    assert (page.status_code, "AADSTS70020" in page.text) == (400, True)


async def test_who_declines_and_who_is_unknown_in_the_browser(tenant: PracticeTenant) -> None:
    ended = await open_address(tenant, authorize(tenant), answer="decline")
    assert fields_of(ended.headers["location"])["error"] == "access_denied"
    unknown = await open_address(tenant, authorize(tenant), account="support@practice.test")
    assert "AADSTS50126" in unknown.text, "nobody signs in as a shared mailbox"
    ended = await open_address(tenant, authorize(tenant), account=CHIEF)
    assert fields_of(ended.headers["location"]).keys() == {"code", "state"}


async def test_a_parameter_that_came_twice_counts_for_nothing(tenant: PracticeTenant) -> None:
    async with browser(tenant) as window:
        page = await window.get(f"{authorize(tenant)}&redirect_uri={REDIRECT}")
    assert "AADSTS50011" in page.text


@pytest.mark.parametrize(("size", "status"), [(LONGEST_BODY, 400), (LONGEST_BODY + 1, 413)])
async def test_a_body_has_a_limit(tenant: PracticeTenant, size: int, status: int) -> None:
    async with browser(tenant) as window:
        heard = await window.post(f"{tenant.authority.base}/oauth2/v2.0/token", content=b"x" * size)
    assert heard.status_code == status


async def test_a_connection_is_kept_for_the_next_request(tenant: PracticeTenant) -> None:
    async with browser(tenant) as window:
        for _ in range(3):
            await window.get(tenant.authority.device_page)
        assert tenant.authority.connections == 1


REQUESTS = st.one_of(
    st.binary(max_size=300),
    st.binary(max_size=50).map(lambda more: b"GET / HTTP/1.1\r\n" + more),
    st.binary(max_size=50).map(lambda more: b"HEAD /" + more + b" HTTP/1.1\r\nHost: x"),
)


def test_any_bytes_never_break_it(tmp_path: Path) -> None:
    complaints: list[dict[str, object]] = []
    tenant = PracticeTenant(tmp_path)

    @settings(max_examples=25, deadline=None)
    @given(st.lists(REQUESTS, min_size=1, max_size=8))
    def serves(garbage: list[bytes]) -> None:
        runner.run(_serves_after(tenant, garbage))

    with asyncio.Runner() as runner:
        runner.get_loop().set_exception_handler(lambda _loop, context: complaints.append(context))
        runner.run(tenant.__aenter__())
        try:
            serves()
        finally:
            runner.run(tenant.close())
        gc.collect()  # what a task failed with is complained of when the task goes
    assert not complaints


async def _serves_after(tenant: PracticeTenant, garbage: list[bytes]) -> None:
    await asyncio.gather(*(_send(tenant, piece) for piece in garbage))
    async with browser(tenant) as window:
        assert (await window.get(tenant.authority.device_page)).status_code == 200


async def _send(tenant: PracticeTenant, garbage: bytes) -> None:
    trust = ssl.create_default_context(cafile=str(tenant.ca_file))
    reader, writer = await asyncio.open_connection("localhost", tenant.authority.port, ssl=trust)
    with contextlib.suppress(OSError, TimeoutError):
        writer.write(garbage + b"\r\n\r\n")
        async with asyncio.timeout(0.05):
            await reader.read()
    writer.transport.abort()


async def test_a_client_that_speaks_no_tls_is_let_go(tenant: PracticeTenant) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", tenant.authority.port)
    writer.write(b"GET / HTTP/1.0\r\n\r\n")
    with contextlib.suppress(ConnectionError):
        async with asyncio.timeout(10):
            assert b"HTTP" not in await reader.read()
    writer.close()
    await until(lambda: tenant.authority.connections == 0)


def test_its_keys_are_never_written(tmp_path: Path) -> None:
    async def written() -> bytes:
        async with PracticeTenant(tmp_path / "tenant") as tenant:
            oauth = tenant.profiles().profiles["practice-oauth-app"].auth.oauth
            assert oauth is not None
            assert oauth.client_secret is not None
            secret = oauth.client_secret.get_secret_value().encode()
            for file in (tmp_path / "tenant").rglob("*"):
                assert not file.is_file() or secret not in file.read_bytes(), file
            return secret

    assert len(asyncio.run(written())) >= 40
