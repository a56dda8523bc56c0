"""An OAuth sign-in that cannot work is told before it is kept, by the field to correct."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date

import pytest
from pydantic import SecretStr

from store.changes import compare
from store.contradictions import contradictions
from store.problems import SettingsInvalid
from store.profiles import Auth, OAuth, Profile, Security, Server, Settings, Smtp
from store.secrets import SecretReader
from store.toml import read, write

PEM = (
    "-----BEGIN PRIVATE KEY-----\nPLANTED\n-----END PRIVATE KEY-----\n"
    "-----BEGIN CERTIFICATE-----\nPLANTED\n-----END CERTIFICATE-----"
)
KEY_FILE = json.dumps({"type": "service_account", "client_email": "a@b.c", "private_key": "PLANTED"})
URLS = {
    "token_url": "https://login.example.org/token",
    "device_authorization_url": "https://login.example.org/device",
    "authorization_url": "https://login.example.org/authorize",
    "redirect_url": "http://localhost:8765",
}
CUSTOM = {"provider": "custom", "client_id": "c", **URLS}
APP = {"grant": "client-credentials", "client_id": "c", "tenant": "example.org"}
GOOGLE = {"provider": "google", "client_id": "c"}
SERVICE = {"provider": "google", "grant": "service-account", "service_account": KEY_FILE}


def profile(
    oauth: Mapping[str, object], protocol: str = "smtp", username: str | None = "a@example.org"
) -> Profile:
    return Profile.model_validate(
        {
            "protocol": protocol,
            "from_address": "a@example.org",
            "smtp": {"host": "smtp.example.org"},
            "ews": {"url": "https://mail.example.org/EWS"},
            "auth": {"method": "oauth", "username": username, "oauth": oauth},
        }
    )


def fields(found: Profile) -> list[str]:
    return sorted(
        p.field.removeprefix("profiles.a.").removeprefix("auth.oauth.") for p in contradictions("a", found)
    )


@pytest.mark.parametrize(
    "oauth",
    [
        {"client_id": "c"},
        {"client_id": "c", "grant": "authorization-code", "certificate": PEM},
        {**APP, "client_secret": "s"},
        {**APP, "certificate": PEM},
        {"grant": "managed-identity"},
        {**GOOGLE, "grant": "authorization-code"},
        SERVICE,
        CUSTOM,
        {**CUSTOM, "grant": "authorization-code"},
        {**CUSTOM, "grant": "client-credentials", "client_secret": "s"},
        {
            **GOOGLE,
            "grant": "authorization-code",
            "scopes": "https://mail.google.com/ https://www.googleapis.com/x",
        },
        {"client_id": "c", "scopes": "Mail.Send, https://graph.microsoft.com/Mail.ReadWrite offline_access"},
        {"client_id": "c", "secret_expires": "2027-01-31", "client_secret": "s"},
    ],
)
def test_whole(oauth: dict[str, object]) -> None:
    assert fields(profile(oauth)) == []


@pytest.mark.parametrize(
    ("oauth", "wrong"),
    [
        ({}, ["client_id"]),
        ({"grant": "client-credentials"}, ["client_id", "client_secret", "tenant"]),
        ({**APP, "tenant": "Common", "client_secret": "s"}, ["tenant"]),
        ({**APP, "tenant": "organizations", "client_secret": "s"}, ["tenant"]),
        ({**APP, "client_secret": "s", "certificate": PEM}, ["certificate"]),
        ({**APP, "client_secret": "s\nt"}, ["client_secret"]),
        ({**APP, "certificate": PEM.partition("-----BEGIN CERT")[0]}, ["certificate"]),
        ({**APP, "certificate": "-----BEGIN CERT" + PEM.partition("-----BEGIN CERT")[2]}, ["certificate"]),
        ({**APP, "certificate": PEM.replace("BEGIN PRIVATE", "BEGIN ENCRYPTED PRIVATE")}, ["certificate"]),
        ({**APP, "certificate": "nothing"}, ["certificate", "certificate"]),
        ({"client_id": "c", "grant": "service-account"}, ["grant"]),
        ({**CUSTOM, "grant": "managed-identity"}, ["grant"]),
        ({**CUSTOM, "grant": "client-credentials"}, ["client_secret"]),
        (GOOGLE, ["grant"]),
        ({**GOOGLE, "grant": "client-credentials", "client_secret": "s"}, ["grant"]),
        ({**SERVICE, "service_account": None}, ["service_account"]),
        ({**SERVICE, "service_account": "[" * 100_000}, ["service_account"]),
        ({**SERVICE, "service_account": '{"client_email": 1}'}, ["service_account"]),
        ({"provider": "custom", "client_id": "c"}, ["device_authorization_url", "token_url"]),
        (
            {"provider": "custom", "client_id": "c", "grant": "authorization-code"},
            ["authorization_url", "redirect_url", "token_url"],
        ),
        (
            {"provider": "microsoft", "cloud": "custom", "client_id": "c"},
            ["device_authorization_url", "scopes", "token_url"],
        ),
        (
            {"client_id": "c", "scopes": ["https://outlook.office365.com/SMTP.Send", "Mail.Send"]},
            ["scopes"],
        ),
        (
            {
                "client_id": "c",
                "scopes": ["https://a.example.org/x", "https://b.example.org/x", "https://[::1/x"],
            },
            ["scopes"],
        ),
    ],
)
def test_what_is_missing_or_too_much(oauth: dict[str, object], wrong: list[str]) -> None:
    found = contradictions("a", profile(oauth))
    assert sorted(p.field.removeprefix("profiles.a.auth.oauth.") for p in found) == wrong
    assert "PLANTED" not in "".join(str(p) for p in found)


def test_without_settings() -> None:
    bare = profile({}).model_copy(update={"auth": Auth(method="oauth", username="a")})
    assert fields(bare) == ["client_id"]


def test_smtp_and_a_service_account_need_the_mailbox() -> None:
    assert fields(profile({"client_id": "c"}, username=None)) == ["auth.username"]
    assert fields(profile({"client_id": "c"}, "graph", username=None)) == []
    assert fields(profile(SERVICE, "ews", username=None)) == ["auth.username", "provider"]
    assert fields(profile({**SERVICE, "account": "a@b.c"}, "ews", username=None)) == ["provider"]


@pytest.mark.parametrize("switch", [False, True])
def test_a_token_never_travels_unencrypted(switch: bool) -> None:
    one = profile({"client_id": "c"})
    smtp = Smtp(
        host="a",
        security=Security.NONE,
        alternates=[Server(host="b"), Server(host="c", security=Security.NONE)],
    )
    auth = one.auth.model_copy(update={"insecure_allow_password_without_tls": switch})
    found = contradictions("a", one.model_copy(update={"smtp": smtp, "auth": auth}))
    assert [p.field for p in found] == ["profiles.a.smtp.security", "profiles.a.smtp.alternates.2.security"]
    assert "none would send the token unencrypted" in found[0].message
    assert "insecure" not in found[0].message


FILE = """
[profiles.a]
protocol = "smtp"
from_address = "a@example.org"
[profiles.a.smtp]
host = "smtp.example.org"
[profiles.a.auth]
method = "oauth"
username = "a@example.org"
[profiles.a.auth.oauth]
client_id = "c"
client_secret = "s3cret"
scopes = "https://outlook.office365.com/SMTP.Send, offline_access"
secret_expires = 2027-01-31
"""


def test_a_file_with_a_date_and_scopes_as_one_text() -> None:
    found = read(FILE, Settings(), SecretReader(env={}))
    oauth = found.profiles["a"].auth.oauth
    assert oauth
    assert oauth.scopes == ["https://outlook.office365.com/SMTP.Send", "offline_access"]
    assert oauth.secret_expires == date(2027, 1, 31)
    text = write("a", found.profiles["a"])
    assert "secret_expires = 2027-01-31" in text
    assert "client_secret = {stored = true}" in text.replace("{ ", "{").replace(" }", "}")
    before = Settings(profiles=found.profiles)
    assert read(text, before, SecretReader(env={})).profiles == found.profiles
    later = read(FILE.replace("01-31", "06-30"), before, SecretReader(env={}))
    changes = [str(c) for c in compare(before, Settings(profiles=later.profiles))]
    assert changes == ["profiles.a.auth.oauth.secret_expires: 2027-01-31 -> 2027-06-30"]


@pytest.mark.parametrize(
    "given", ["20270131", "2027-01-31T10:00:00", "2027-01-31T00:00:00Z", "true", '"soon"']
)
def test_what_is_no_date(given: str) -> None:
    with pytest.raises(SettingsInvalid) as told:
        read(FILE.replace("2027-01-31", given), Settings(), SecretReader(env={}))
    assert str(told.value.problems[0]) == "profiles.a.auth.oauth.secret_expires: must be a date as 2027-01-31"


def test_a_key_file_from_a_command_keeps_its_lines() -> None:
    lines = '{\n"client_email": "a@b.c",\n"private_key": "k"\n}'
    given = {"command": f"printf '%s\\n' '{lines}'"}
    at = "profiles.a.auth.oauth.service_account"
    assert SecretReader().read(at, given, None) == SecretStr(lines)
    text = write("a", profile({**SERVICE}))
    assert "PLANTED" not in text
    assert "service_account = {stored = true}" in text.replace("{ ", "{").replace(" }", "}")
    assert OAuth.model_validate(SERVICE).service_account == SecretStr(KEY_FILE)
