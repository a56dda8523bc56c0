"""A profile through EWS: the URL is completed, and what does not fit together is told by field."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from store.clouds import CLOUDS, exchange_online, graph_beside
from store.contradictions import contradictions
from store.problems import SettingsInvalid
from store.profiles import Ews, Profile, Settings
from store.secrets import SecretReader
from store.toml import read, write

OWN, ONLINE = "mail.example.org", "outlook.office365.com"
PERSON = {"client_id": "c"}
APP = {"grant": "client-credentials", "client_id": "c", "tenant": "example.org", "client_secret": "s"}
URLS = {
    "token_url": "https://login.example.org/token",
    "device_authorization_url": "https://login.example.org/device",
}


def profile(
    url: str | None,
    oauth: Mapping[str, object] | None = None,
    username: str | None = "desk@example.org",
    method: str = "",
    **ews: object,
) -> Profile:
    return Profile.model_validate(
        {
            "protocol": "ews",
            "from_address": "desk@example.org",
            "ews": {"url": url, **ews} if url else None,
            "auth": {
                "method": method or ("oauth" if oauth else "basic"),
                "username": username,
                "password": "p",
                "oauth": oauth,
            },
        }
    )


def found(one: Profile) -> dict[str, str]:
    return {p.field.removeprefix("profiles.a."): p.message for p in contradictions("a", one)}


@pytest.mark.parametrize(
    ("url", "oauth", "username"),
    [
        (OWN, None, "desk@example.org"),
        (OWN, None, "EXAMPLE\\desk"),
        (OWN, PERSON, None),
        (OWN, {**PERSON, "scopes": f"https://{OWN}/EWS.AccessAsUser.All, offline_access"}, None),
        (OWN, {**PERSON, "scopes": f"https://{ONLINE}/EWS.AccessAsUser.All"}, None),
        (OWN, {**PERSON, "cloud": "china"}, "desk@example.org"),
        (OWN, {**APP, "scopes": [f"https://{OWN}/.default"]}, None),
        (ONLINE, PERSON, None),
        (ONLINE, APP, "desk@example.org"),
        (ONLINE, {"grant": "managed-identity"}, "desk@example.org"),
        (ONLINE, {**APP, "scopes": [f"https://{ONLINE}/.default"]}, None),
        (ONLINE, {**PERSON, "scopes": "https://outlook.office.com/EWS.AccessAsUser.All openid"}, None),
        (ONLINE, {**PERSON, "scopes": "EWS.AccessAsUser.All offline_access"}, None),
        ("outlook.office365.us", PERSON, None),
        ("outlook.office365.us", {**PERSON, "cloud": "us-gov"}, None),
        ("partner.outlook.cn", {**PERSON, "scopes": "https://partner.outlook.cn/.default"}, None),
        ("outlook.sovcloud.fr", {**PERSON, **URLS, "scopes": "https://outlook.sovcloud.fr/x"}, None),
        (OWN, {**PERSON, **URLS, "provider": "custom", "scopes": "mail"}, None),
    ],
)
def test_whole(url: str, oauth: dict[str, object] | None, username: str | None) -> None:
    assert found(profile(url, oauth, username)) == {}


@pytest.mark.parametrize(
    ("one", "field", "words"),
    [
        (profile(None), "ews.url", "is missing: protocol is ews"),
        (profile(OWN, method="none"), "auth.method", "must be basic or oauth"),
        (profile(ONLINE, method="none"), "auth.method", "must be basic or oauth"),
        (profile(ONLINE), "auth.method", "must be oauth: Exchange Online takes no password"),
        (profile("partner.outlook.cn"), "auth.method", "must be oauth"),
        (profile(OWN, username=None), "auth.username", "is missing: method is basic"),
        (profile(OWN, username="a:b"), "auth.username", "RFC 7617"),
        (profile(OWN, PERSON, "EXAMPLE\\desk"), "auth.username", "must be the address of the mailbox"),
        (profile(OWN, APP, "desk"), "auth.username", "the mailbox that the app acts as"),
        (
            profile(OWN, {**PERSON, "provider": "google", "grant": "authorization-code"}),
            "auth.oauth.provider",
            "Google has no Exchange",
        ),
        (
            profile(OWN, {**PERSON, **URLS, "provider": "custom"}),
            "auth.oauth.scopes",
            "is missing: provider is custom",
        ),
        (profile("outlook.sovcloud.de", {**PERSON, **URLS}), "auth.oauth.scopes", "is missing: cloud is"),
        (
            profile("outlook.office365.us", {**PERSON, "cloud": "global"}),
            "auth.oauth.cloud",
            "outlook.office365.us is us-gov: leave this one out",
        ),
        (
            profile(ONLINE, {**PERSON, "scopes": "Mail.Send"}),
            "auth.oauth.scopes",
            f"Mail.Send is not of this Exchange: its scopes begin with https://{ONLINE}/",
        ),
        (
            profile(OWN, {**PERSON, "scopes": "https://graph.microsoft.com/Mail.Send, https://[::1/x"}),
            "auth.oauth.scopes",
            f"are not of this Exchange: its scopes begin with https://{OWN}/ or https://{ONLINE}/",
        ),
        (
            profile(OWN, {**PERSON, "scopes": f"https://{OWN}/a https://{ONLINE}/b"}),
            "auth.oauth.scopes",
            "one access token is for one of them",
        ),
        (
            profile(ONLINE, {**APP, "scopes": "https://outlook.office.com/.default"}),
            "auth.oauth.scopes",
            "is not of this Exchange",  # an app gets none under that name
        ),
        (
            profile("outlook.office365.us", {**PERSON, "scopes": f"https://{ONLINE}/EWS.AccessAsUser.All"}),
            "auth.oauth.scopes",
            "begin with https://outlook.office365.us/",
        ),
    ],
)
def test_what_does_not_fit(one: Profile, field: str, words: str) -> None:
    wrong = found(one)
    assert list(wrong) == [field]
    assert words in wrong[field]


def test_ntlm_takes_a_colon_in_a_user_name() -> None:
    assert found(profile(OWN, username="a:b", scheme="ntlm")) == {}


FILE = """
[profiles.a]
protocol = "ews"
from_address = "desk@example.org"
[profiles.a.ews]
url = 'URL'
keep_copy = true
scheme = "ntlm"
uncertain = "send-again"
[profiles.a.auth]
method = "basic"
username = 'EXAMPLE\\desk'
password = "p"
"""
WHOLE = "https://mail.example.org/EWS/Exchange.asmx"


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("mail.example.org", WHOLE),
        (" Mail.Example.org ", WHOLE),
        ("https://mail.example.org", WHOLE),
        ("https://MAIL.example.org/", WHOLE),
        ("https://mail.example.org/EWS", WHOLE),
        ("https://mail.example.org/ews/exchange.asmx/", WHOLE),
        ("mail.example.org/EWS/Exchange.asmx", WHOLE),
        ("mail.example.org:8443", "https://mail.example.org:8443/EWS/Exchange.asmx"),
        ("https://gw.example.org/mail/EWS/Exchange.asmx", "https://gw.example.org/mail/EWS/Exchange.asmx"),
        ("[::1]:8443", "https://[::1]:8443/EWS/Exchange.asmx"),
        ("bücher.example", "https://xn--bcher-kva.example/EWS/Exchange.asmx"),
    ],
)
def test_the_url_is_completed_and_kept_whole(text: str, url: str) -> None:
    one = read(FILE.replace("URL", text), Settings(), SecretReader(env={})).profiles["a"]
    assert one.ews == Ews(url=url, keep_copy=True, scheme="ntlm", uncertain="send-again")
    again = read(write("a", one), Settings(profiles={"a": one}), SecretReader(env={})).profiles["a"]
    assert again == one


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("http://mail.example.org", "must be an address that starts with https://"),
        ("https://mail.example.org/owa", f"must end in /EWS/Exchange.asmx, as {WHOLE}"),
        ("https://mail.example.org/EWS/Exchange.asmx?wsdl", "must end in"),
        ("https://mail.example.org/#a", "must end in"),
        ("https://u:p@mail.example.org", "user name or password"),
        ("two words", "must be an address"),
        ("mail.example.org:0", "port 0"),
        ("", "must be an address"),
    ],
)
def test_what_is_no_url(text: str, words: str) -> None:
    with pytest.raises(SettingsInvalid) as told:
        read(FILE.replace("URL", text), Settings(), SecretReader(env={}))
    assert [p.field for p in told.value.problems] == ["profiles.a.ews.url"]
    assert words in told.value.problems[0].message


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [("send-again", "drop", "must be 'hold' or 'send-again'"), ('"ntlm"', '"digest"', "'basic' or 'ntlm'")],
)
def test_no_other_words(old: str, new: str, words: str) -> None:
    with pytest.raises(SettingsInvalid) as told:
        read(FILE.replace("URL", OWN).replace(old, new), Settings(), SecretReader(env={}))
    assert words in str(told.value)


def test_which_hosts_are_exchange_online() -> None:
    for word, cloud in CLOUDS.items():
        host = cloud.exchange.removeprefix("https://")
        assert (exchange_online(host.upper() + "."), graph_beside(host)) == (word, cloud.graph)
    assert exchange_online("outlook.office.com") == "global"
    assert (exchange_online("outlook.sovcloud.fr"), graph_beside("outlook.sovcloud.fr")) == (
        "custom",
        "https://graph.svc.sovcloud.fr",
    )
    assert (exchange_online(OWN), graph_beside(OWN), exchange_online("")) == ("", "", "")


@pytest.mark.parametrize(
    ("url", "oauth", "graph", "cloud"),
    [
        (OWN, {}, None, "global"),
        (OWN, {}, {"cloud": "china"}, "china"),
        (OWN, {"cloud": "us-gov"}, {"cloud": "china"}, "us-gov"),
        ("outlook.office365.us", {}, {"cloud": "china"}, "us-gov"),
    ],
)
def test_the_cloud_of_a_profile(
    url: str, oauth: dict[str, str], graph: dict[str, str] | None, cloud: str
) -> None:
    one = profile(url, {**PERSON, **oauth})
    assert Profile.model_validate({**one.model_dump(), "graph": graph}).cloud == cloud


def test_the_examples_of_the_documentation_are_right() -> None:
    page = (Path(__file__).parents[2] / "docs" / "ews.md").read_text(encoding="utf-8")
    examples = [part.partition("```")[0] for part in page.split("```toml\n")[1:]]
    assert len(examples) == 2
    for example in examples:
        (one,) = read(example, Settings(), SecretReader(env={"EWS_PASSWORD": "p"})).profiles.values()
        assert found(one) == {}
