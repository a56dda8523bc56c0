"""What an authority's answers are taken for: each error by name, and nothing that is not what it must be."""

from __future__ import annotations

import base64
import dataclasses
import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transports.base import Cause, TransportError, Verdict
from transports.http import Answer
from transports.oauth import answers, claims
from transports.oauth.base import OAuthRoute
from transports.secret import Secret

ISSUER = "https://login.microsoftonline.com/organizations/v2.0"
TENANT = "11111111-2222-3333-4444-555555555555"
GUID = "abcdef01-2222-3333-4444-555555555555"
OF_GUID = f"https://login.microsoftonline.com/{GUID}/v2.0"
ROUTE = OAuthRoute(
    provider="microsoft",
    grant="device-code",
    client_id="app-1",
    scopes=("https://outlook.office365.com/SMTP.Send", "offline_access"),
    token_url="https://login.microsoftonline.com/organizations/oauth2/v2.0/token",
    issuer=ISSUER,
    client_secret=Secret("s3cret-of-the-app"),
)
GOOGLE = dataclasses.replace(
    ROUTE,
    provider="google",
    grant="authorization-code",
    scopes=("https://mail.google.com/",),
    issuer="https://accounts.google.com",
)
TOKEN = "opaque-access-token"
REFUSED, FIX = Cause.OAUTH_REFUSED, Verdict.FIX_SETTINGS

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=10,
)


def jwt(**payload: object) -> str:
    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    return f"{part({'alg': 'none'})}.{part(payload)}.sig"


def id_token(**changes: object) -> str:
    good = {
        "iss": f"https://login.microsoftonline.com/{TENANT}/v2.0",
        "aud": "app-1",
        "exp": time.time() + 600,
        "nonce": "n-1",
        "preferred_username": "desk@example.org",
    }
    return jwt(**{**good, **changes})


def cause_of(**data: object) -> tuple[Cause, str]:
    with pytest.raises(TransportError) as caught:
        answers.granted(data, ROUTE, nonce="n-1")
    return caught.value.failure.cause, caught.value.failure.facts.get("what", "")


def test_a_whole_answer() -> None:
    token = jwt(aud="https://outlook.office365.com", scp="SMTP.Send", tid=TENANT, appid="app-1")
    found = answers.granted(
        {
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": "3599",
            "refresh_token": "r-1",
            "scope": "https://outlook.office.com/SMTP.Send",
            "id_token": id_token(),
        },
        ROUTE,
        nonce="n-1",
    )
    assert found.access_token.reveal() == token
    assert found.expires_in == 3599
    assert found.refresh_token == Secret("r-1")
    assert found.account == "desk@example.org"
    assert (found.claims["aud"], found.claims["scp"]) == ("https://outlook.office365.com", "SMTP.Send")
    assert token not in repr(found)
    assert "r-1" not in repr(found)


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"access_token": ""},
        {"access_token": 5},
        {"access_token": "two words"},
        {"access_token": "line\nend"},
        {"access_token": "ü"},
        {"access_token": "x" * 70000},
        {"access_token": TOKEN, "token_type": "mac"},
        {"access_token": TOKEN, "token_type": 1},
        {"access_token": TOKEN, "scope": 1},
        {"access_token": TOKEN, "refresh_token": ["r"]},
    ],
)
def test_what_is_no_token_answer_is_never_used(wrong: dict[str, object]) -> None:
    assert cause_of(**wrong) == (Cause.OAUTH_NOT_STANDARD, "types")


@pytest.mark.parametrize(
    ("changes", "cause", "what"),
    [
        ({"aud": "another-app"}, Cause.OAUTH_NOT_STANDARD, "id_token"),
        ({"aud": ["x"]}, Cause.OAUTH_NOT_STANDARD, "id_token"),
        ({"exp": 1}, Cause.OAUTH_NOT_STANDARD, "id_token"),
        ({"exp": "soon"}, Cause.OAUTH_NOT_STANDARD, "id_token"),
        ({"nonce": "n-2"}, Cause.OAUTH_NOT_STANDARD, "id_token"),
        ({"iss": "https://login.evil.example/v2.0"}, Cause.OAUTH_WRONG_ISSUER, ""),
        ({"iss": "https://login.microsoftonline.com/not-a-guid/v2.0"}, Cause.OAUTH_WRONG_ISSUER, ""),
        ({"iss": f"http://login.microsoftonline.com/{TENANT}/v2.0"}, Cause.OAUTH_WRONG_ISSUER, ""),
        ({"iss": None}, Cause.OAUTH_WRONG_ISSUER, ""),
    ],
)
def test_an_id_token_of_somebody_else(changes: dict[str, object], cause: Cause, what: str) -> None:
    assert cause_of(access_token=TOKEN, id_token=id_token(**changes)) == (cause, what)


def test_an_id_token_that_is_none() -> None:
    assert cause_of(access_token=TOKEN, id_token="x.y") == (Cause.OAUTH_NOT_STANDARD, "id_token")


@pytest.mark.parametrize(
    ("issuer", "expected", "same"),
    [
        (f"https://login.microsoftonline.com/{TENANT}/v2.0", ISSUER, True),
        (
            f"https://login.microsoftonline.com/{TENANT}/v2.0",
            ISSUER.replace("organizations", "example.org"),
            True,
        ),
        (f"https://login.microsoftonline.com/{TENANT}/v2.0", ISSUER.replace("organizations", TENANT), True),
        (
            f"https://login.microsoftonline.com/{TENANT}/v2.0",
            ISSUER.replace("organizations", TENANT.replace("1", "9")),
            False,
        ),
        (f"https://login.microsoftonline.us/{TENANT}/v2.0", ISSUER, False),
        ("https://anything.example", "", True),
        (OF_GUID.replace("login", "LOGIN").replace(GUID, GUID.upper()), OF_GUID, True),
        (OF_GUID, OF_GUID.replace(GUID, GUID.upper()), True),
        (f"https://login.microsoftonline.com/{GUID}/v1.0", ISSUER, False),
        ("https://[x", ISSUER, False),
        ("accounts.google.com", "https://accounts.google.com", True),
        ("https://accounts.google.com", "https://accounts.google.com", True),
        ("https://accounts.evil.example", "https://accounts.google.com", False),
    ],
)
def test_entra_names_a_tenant_by_its_id(issuer: str, expected: str, *, same: bool) -> None:
    assert answers.same_issuer(issuer, expected) is same


def test_the_right_that_somebody_unticked_is_missed() -> None:
    with pytest.raises(TransportError) as caught:
        answers.granted({"access_token": TOKEN, "scope": "openid email"}, GOOGLE)
    assert caught.value.failure.cause is Cause.SCOPE_MISSING
    assert "https://mail.google.com/" in caught.value.failure.words


@pytest.mark.parametrize(
    ("error", "description", "status", "cause", "verdict", "aadsts"),
    [
        ("invalid_client", "AADSTS7000218: The request body…", 401, REFUSED, FIX, "7000218"),
        ("invalid_client", "AADSTS7000215: Invalid client secret", 401, REFUSED, FIX, "7000215"),
        ("invalid_grant", "AADSTS53003: Blocked", 400, REFUSED, FIX, "53003"),
        ("invalid_grant", "Token has been expired or revoked.", 400, REFUSED, FIX, ""),
        ("access_denied", "", 400, Cause.OAUTH_DECLINED, FIX, ""),
        ("authorization_declined", "AADSTS65004: no", 400, Cause.OAUTH_DECLINED, FIX, "65004"),
        ("expired_token", "AADSTS70020: over", 400, Cause.OAUTH_CODE_EXPIRED, FIX, "70020"),
        ("code_expired", "", 400, Cause.OAUTH_CODE_EXPIRED, FIX, ""),
        ("temporarily_unavailable", "AADSTS90033: x", 400, Cause.OAUTH_UNAVAILABLE, Verdict.RETRY, "90033"),
        ("server_error", "", 500, Cause.OAUTH_UNAVAILABLE, Verdict.RETRY, ""),
    ],
)  # fmt: skip
def test_an_authoritys_refusal_by_name(
    error: str, description: str, status: int, cause: Cause, verdict: Verdict, aadsts: str
) -> None:
    data: dict[str, object] = {"error": error, "error_description": description}
    failure = answers.refused(data, status, ROUTE)
    assert (failure.cause, failure.verdict) == (cause, verdict)
    assert failure.facts.get("aadsts", "") == aadsts
    assert failure.facts["error"] == error
    assert failure.words == (description or error)


def test_an_authority_that_repeats_the_secret_is_not_quoted_with_it() -> None:
    data: dict[str, object] = {"error": "invalid_client", "error_description": "wrong: s3cret-of-the-app"}
    assert "s3cret" not in repr(answers.refused(data, 401, ROUTE))


@pytest.mark.parametrize(
    ("status", "kind", "body", "cause", "what"),
    [
        (200, "text/html", b"<html>Sign in to the Wi-Fi</html>", Cause.OAUTH_NOT_STANDARD, "html"),
        (200, "application/json", b"[1]", Cause.OAUTH_NOT_STANDARD, "types"),
        (200, "application/json", b"{", Cause.OAUTH_NOT_STANDARD, "types"),
        (200, "", b"", Cause.OAUTH_NOT_STANDARD, "types"),
        (502, "text/html", b"<html>Bad Gateway</html>", Cause.OAUTH_UNAVAILABLE, ""),
        (429, "text/plain", b"slow", Cause.OAUTH_UNAVAILABLE, ""),
    ],
)
def test_a_page_in_place_of_an_answer(status: int, kind: str, body: bytes, cause: Cause, what: str) -> None:
    answer = Answer(status, {"content-type": kind}, body, ROUTE.token_url)
    with pytest.raises(TransportError) as caught:
        answers.object_of(answer)
    assert (caught.value.failure.cause, caught.value.failure.facts.get("what", "")) == (cause, what)


@pytest.mark.parametrize(
    "change",
    [
        {"device_code": None},
        {"user_code": ""},
        {"user_code": "A\x1b[2J"},
        {"verification_uri": "http://login.example.org"},
        {"verification_uri": "javascript:alert(1)"},
        {"verification_uri_complete": "http://x"},
    ],
)
def test_a_device_answer_that_lacks_what_a_person_needs(change: dict[str, object]) -> None:
    good = {"device_code": "d", "user_code": "ABCD", "verification_uri": "https://login.example.org/device"}
    with pytest.raises(TransportError):
        answers.device_code({**good, **change})
    found = answers.device_code(good)
    assert (found.expires_in, found.interval) == (900.0, 5.0)


@given(
    st.dictionaries(
        st.sampled_from(["access_token", "token_type", "scope", "id_token", "expires_in", "x"]), JSON
    )
)
def test_any_json_is_a_grant_or_a_named_failure(data: dict[str, object]) -> None:
    words = ""
    try:
        answers.granted(data, ROUTE)
    except TransportError as error:
        words = error.failure.words
    assert not words or words.isprintable()


@given(
    st.dictionaries(st.sampled_from(["error", "error_description", "error_codes", "suberror"]), JSON),
    st.integers(100, 599),
)
def test_any_error_answer_is_a_failure(data: dict[str, object], status: int) -> None:
    failure = answers.refused(data, status, ROUTE)
    assert failure.words.isprintable()
    assert all(value.isprintable() for value in failure.facts.values())


@given(st.text(max_size=200))
def test_any_token_is_read_without_trouble(token: str) -> None:
    assert all(isinstance(value, str) for value in claims.read(token).values())
    assert claims.read(f"{token}.{token}.{token}") is not None


def test_claims_never_carry_an_escape_sequence() -> None:
    found = claims.read(jwt(upn="a\x1b[2J@example.org", roles=["A", "B", 5], secret="x"))
    assert found == {"upn": "a?[2J@example.org", "roles": "A B"}
