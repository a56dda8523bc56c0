"""A profile through Graph whose cloud, sign-in and scopes do not fit together is told so by field."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from store.contradictions import contradictions
from store.fields import Address
from store.problems import SettingsInvalid
from store.profiles import Graph, Profile, Settings
from store.secrets import SecretReader
from store.toml import read, write

APP = {"grant": "client-credentials", "client_id": "c", "tenant": "example.org", "client_secret": "s"}
URLS = {
    "token_url": "https://login.example.org/token",
    "device_authorization_url": "https://login.example.org/device",
    "authorization_url": "https://login.example.org/authorize",
    "redirect_url": "http://localhost:8765",
}
OWN = {**URLS, "client_id": "c", "scopes": ["https://graph.example.org/Mail.Send"]}


def profile(
    graph: Mapping[str, object] | None,
    oauth: Mapping[str, object],
    username: Address | None = "desk@example.org",
    method: str = "oauth",
) -> Profile:
    return Profile.model_validate(
        {
            "protocol": "graph",
            "from_address": "desk@example.org",
            "graph": graph,
            "auth": {"method": method, "username": username, "password": "p", "oauth": oauth},
        }
    )


def found(one: Profile) -> dict[str, str]:
    return {p.field.removeprefix("profiles.a."): p.message for p in contradictions("a", one)}


@pytest.mark.parametrize(
    ("graph", "oauth", "username"),
    [
        (None, {"client_id": "c"}, None),
        ({}, {"client_id": "c"}, "desk@example.org"),
        ({"cloud": "china", "uncertain": "send-again"}, {"client_id": "c"}, "desk@example.org"),
        ({"cloud": "us-dod"}, {"client_id": "c", "cloud": "us-dod"}, None),
        ({}, {**APP, "scopes": ["https://graph.microsoft.com/.default"]}, None),
        ({}, {"grant": "managed-identity"}, None),
        ({}, {"client_id": "c", "grant": "authorization-code"}, "me@outlook.com"),
        ({}, {"client_id": "c", "scopes": "Mail.ReadWrite,Mail.Send.Shared,offline_access"}, None),
        ({}, {"client_id": "c", "scopes": "https://graph.microsoft.com/Mail.Send openid"}, None),
        ({"cloud": "us-gov"}, {"client_id": "c", "scopes": "https://graph.microsoft.us/Mail.Send"}, None),
        (
            {"endpoint": "https://gateway.example.org"},
            {"client_id": "c", "scopes": "https://graph.microsoft.com/Mail.Send"},
            None,
        ),
        ({"cloud": "custom", "endpoint": "https://graph.example.org"}, OWN, None),
        ({"endpoint": "https://graph.example.org"}, {**OWN, "provider": "custom"}, None),
    ],
)
def test_whole(graph: dict[str, object] | None, oauth: dict[str, object], username: str | None) -> None:
    assert found(profile(graph, oauth, username)) == {}


@pytest.mark.parametrize("method", ["none", "basic"])
def test_oauth_only_with_the_reason_and_what_to_choose(method: str) -> None:
    wrong = found(profile({}, {"client_id": "c"}, method=method))
    assert list(wrong) == ["auth.method"]
    assert "access tokens only" in wrong["auth.method"]
    assert "choose protocol smtp" in wrong["auth.method"]


@pytest.mark.parametrize(
    ("graph", "oauth", "username", "field", "words"),
    [
        ({"cloud": "custom"}, OWN, None, "graph.endpoint", "cloud is custom"),
        (
            {"cloud": "custom", "endpoint": "https://graph.example.org"},
            {**OWN, "token_url": None},
            None,
            "auth.oauth.token_url",
            "cloud is custom",
        ),
        (
            {"cloud": "custom", "endpoint": "https://graph.example.org"},
            {**OWN, "scopes": ["https://graph.example.org/Mail.Send", "https://mail.example.org/x"]},
            None,
            "auth.oauth.scopes",
            "one access token",
        ),
        (
            {},
            {"client_id": "c", "provider": "google", "grant": "authorization-code"},
            None,
            "auth.oauth.provider",
            "must be microsoft",
        ),
        (
            {},
            {**OWN, "provider": "custom", "scopes": None},
            None,
            "auth.oauth.scopes",
            "is missing: provider is custom",
        ),
        (
            {"cloud": "china"},
            {"client_id": "c", "cloud": "global"},
            None,
            "auth.oauth.cloud",
            "graph.cloud is china",
        ),
        ({"cloud": "us-gov"}, {"client_id": "c"}, "me@Hotmail.com", "auth.username", "personal account"),
        (
            {"cloud": "china"},
            {"client_id": "c", "account": "me@live.com"},
            None,
            "auth.oauth.account",
            "worldwide",
        ),
        (
            {},
            {"client_id": "c", "scopes": ["Mail.Send", "https://outlook.office365.com/SMTP.Send"]},
            None,
            "auth.oauth.scopes",
            "https://outlook.office365.com/SMTP.Send is not of this cloud's Microsoft Graph",
        ),
        (
            {"cloud": "us-gov"},
            {**APP, "scopes": ["https://graph.microsoft.com/.default"]},
            None,
            "auth.oauth.scopes",
            "begin with https://graph.microsoft.us/",
        ),
        ({}, {"client_id": "c", "scopes": ["https://[::1/x"]}, None, "auth.oauth.scopes", "is not of"),
        ({}, {"client_id": "c", "scopes": ["https://a.example/x", "https://b.example/y"]}, None,
         "auth.oauth.scopes", "https://a.example/x, https://b.example/y are not of"),
    ],
)  # fmt: skip
def test_what_does_not_fit(
    graph: dict[str, object], oauth: dict[str, object], username: str | None, field: str, words: str
) -> None:
    wrong = found(profile(graph, oauth, username))
    assert list(wrong) == [field]
    assert words in wrong[field]


FILE = """
[profiles.a]
protocol = "graph"
from_address = "desk@example.org"
[profiles.a.graph]
cloud = "us-gov"
endpoint = "ENDPOINT"
uncertain = "send-again"
[profiles.a.auth]
method = "oauth"
username = "desk@example.org"
[profiles.a.auth.oauth]
client_id = "c"
"""


@pytest.mark.parametrize("end", ["", "/", "/v1.0", "/v1.0/", "/V1.0"])
def test_the_endpoint_is_kept_as_an_origin(end: str) -> None:
    text = FILE.replace("ENDPOINT", f"https://Graph.Microsoft.us{end}")
    graph = read(text, Settings(), SecretReader(env={})).profiles["a"].graph
    assert graph
    assert graph.endpoint == "https://graph.microsoft.us"
    assert (graph.cloud, graph.uncertain) == ("us-gov", "send-again")


def test_a_file_comes_back_as_it_was() -> None:
    one = read(FILE.replace("ENDPOINT", "https://g.example.org:8443"), Settings(), SecretReader(env={}))
    text = write("a", one.profiles["a"])
    assert read(text, Settings(), SecretReader(env={})).profiles == one.profiles


@pytest.mark.parametrize(
    ("endpoint", "words"),
    [
        ("http://graph.microsoft.com", "must be an address that starts with https://"),
        ("graph.microsoft.com", "must be an address that starts with https://"),
        ("https://graph.microsoft.com/beta", "version 1.0 of Graph"),
        ("https://graph.microsoft.com/v1.0/me", "must end after the host"),
        ("https://graph.microsoft.com?x=1", "must end after the host"),
        ("https://graph.microsoft.com/#x", "must end after the host"),
        ("https://u:p@graph.microsoft.com", "user name or password"),
        ("https://graph.microsoft.com:0", "port 0"),
    ],
)
def test_what_is_no_endpoint(endpoint: str, words: str) -> None:
    with pytest.raises(SettingsInvalid) as told:
        read(FILE.replace("ENDPOINT", endpoint), Settings(), SecretReader(env={}))
    assert [p.field for p in told.value.problems] == ["profiles.a.graph.endpoint"]
    assert words in told.value.problems[0].message


def test_no_other_word_for_what_becomes_of_uncertain_mail() -> None:
    with pytest.raises(SettingsInvalid) as told:
        read(
            FILE.replace("send-again", "drop").replace("ENDPOINT", "https://g"),
            Settings(),
            SecretReader(env={}),
        )
    assert "must be 'hold' or 'send-again'" in str(told.value)


def test_the_example_of_the_documentation_is_right() -> None:
    page = Path(__file__).parents[2] / "docs" / "graph.md"
    example = page.read_text(encoding="utf-8").partition("```toml\n")[2].partition("```")[0]
    one = read(example, Settings(), SecretReader(env={})).profiles["support"]
    assert found(one) == {}
    assert one.graph == Graph(endpoint="https://graph.microsoft.com")
