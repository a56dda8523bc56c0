"""The wizard's answers about EWS: nothing lost from a profile and back, its notes, and the way to Graph."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from outmail.engine import draft_pages as at
from outmail.engine.draft import Draft
from outmail.engine.draft_ews import refused_method
from outmail.engine.draft_failures import concerned
from outmail.engine.draft_pages import Page
from outmail.engine.draft_words import notes, summary
from outmail.engine.oauth_defaults import CLOUDS, filled
from outmail.engine.presets import by_id
from store.contradictions import contradictions
from store.profiles import Ews, Graph, Profile, Settings
from transports.base import Cause, Failure, Scope, StepName, Verdict

NOTHING = Settings()
CLIENT = "5f0c8b1e-7d4a-4c3b-9e2f-1a2b3c4d5e6f"
WHOLE = "https://mail.example.org/EWS/Exchange.asmx"


def draft(**fields: str) -> Draft:
    """Answers that make a good profile through an own Exchange Server, with some of them different."""
    made = Draft.empty()
    good = {
        at.NAME: "desk",
        at.PROTOCOL: "ews",
        at.EWS_URL: "mail.example.org",
        at.USERNAME: "desk@example.org",
        at.PASSWORD: "p",
    }
    for name, text in (good | {key.replace("__", "."): value for key, value in fields.items()}).items():
        made.type(name, text)
    return made


def online(host: str = "outlook.office365.com", **fields: str) -> Draft:
    return draft(ews__url=host, auth__oauth__client_id=CLIENT, **fields)


names = st.from_regex(r"[a-z][a-z0-9]{0,10}", fullmatch=True)
mailboxes = st.none() | names.map(lambda name: f"{name}@example.org")
addresses = st.none() | names.map(lambda name: f"https://login.example.org/{name}")
hosts = st.sampled_from(
    ["mail.example.org", "https://127.0.0.1:8443", *(cloud.exchange for cloud in CLOUDS.values())]
)
clouds = st.sampled_from(["global", "us-gov", "us-dod", "china", "custom"])


@st.composite
def ews_profiles(draw: st.DrawFn) -> Profile:
    ews = draw(
        st.fixed_dictionaries(
            {
                "url": hosts,
                "keep_copy": st.booleans(),
                "scheme": st.sampled_from(["auto", "basic", "ntlm"]),
                "uncertain": st.sampled_from(["hold", "send-again"]),
            }
        )
    )
    there = Ews.model_validate(ews).online
    oauth = draw(
        st.fixed_dictionaries(
            {
                "provider": st.sampled_from(["microsoft", "custom"]),
                "cloud": st.none() | (st.just(there) if there else clouds),
                "grant": st.sampled_from(["device-code", "authorization-code", "client-credentials"]),
                "tenant": st.none() | names,
                "client_id": st.none() | names,
                "client_secret": st.none() | names.map(SecretStr),
                "account": mailboxes,
                "token_url": addresses,
                "scopes": st.none() | st.lists(names, min_size=1, max_size=3, unique=True),
                "redirect_url": st.just("http://localhost:8765"),
            }
        )
    )
    if oauth["provider"] == "microsoft":
        oauth["redirect_url"] = None
    method = "oauth" if there else draw(st.sampled_from(["basic", "oauth"]))
    username = draw(mailboxes if method == "oauth" else mailboxes | st.just("EXAMPLE\\desk"))
    return Profile.model_validate(
        {
            "protocol": "ews",
            "from_address": "desk@example.org",
            "ews": ews,
            "smtp": draw(st.none() | st.just({"host": "smtp.example.org", "security": "none"})),
            "graph": draw(st.none() | st.fixed_dictionaries({"cloud": clouds})),
            "auth": {
                "method": method,
                "username": username,
                "password": draw(st.none() | names),
                "oauth": oauth if method == "oauth" else None,
            },
        }
    )


@given(ews_profiles())
@settings(max_examples=150, deadline=None)
def test_a_profile_comes_back_as_it_was(profile: Profile) -> None:
    assert Draft.of("desk", profile).profile() == profile


@given(ews_profiles())
@settings(max_examples=100, deadline=None)
def test_looking_at_other_protocols_changes_nothing(profile: Profile) -> None:
    looked = Draft.of("desk", profile)
    for protocol in ("smtp", "graph", "ews"):
        looked.type(at.PROTOCOL, protocol)
    assert looked.profile() == profile


@given(ews_profiles())
@settings(max_examples=150, deadline=None)
def test_what_goes_over_to_graph_is_whole(profile: Profile) -> None:
    moved = Draft.of("desk", profile)
    there = profile.ews.online if profile.ews else ""
    assert moved.offers_graph() == bool(there)
    moved.to_graph()
    made = moved.profile()
    if not there:
        assert made == profile
        return
    assert (made.protocol, made.cloud) == ("graph", there)
    assert made.graph
    assert profile.ews
    assert made.graph.endpoint is None
    assert made.graph.uncertain == profile.ews.uncertain
    assert made.ews == profile.ews  # the way back
    assert made.auth.oauth
    assert profile.auth.oauth
    without = {"scopes", "cloud"}
    assert made.auth.oauth.scopes is None
    assert made.auth.oauth.model_dump(exclude=without) == profile.auth.oauth.model_dump(exclude=without)
    kept = ("from_address", "sender_name", "reply_to", "proxy", "tls", "failover", "smtp")
    assert all(getattr(made, name) == getattr(profile, name) for name in kept)
    assert made.auth.username == profile.auth.username


def test_everything_that_holds_there_too_goes_over_to_graph() -> None:
    edited = Draft.of(
        "desk",
        Profile.model_validate(
            {
                "protocol": "ews",
                "sender_name": "Desk",
                "from_address": "help@example.org",
                "reply_to": "reply@example.org",
                "ews": {"url": "outlook.office365.us", "uncertain": "send-again"},
                "proxy": {"url": "http://proxy:3128", "username": "u", "password": "proxy-secret"},
                "tls": {"ca_file": "/etc/ca.pem"},
                "failover": {"profile": "backup", "failback": "automatic"},
                "auth": {
                    "method": "oauth",
                    "username": "desk@example.org",
                    "oauth": {
                        "grant": "client-credentials",
                        "tenant": "example.org",
                        "client_id": CLIENT,
                        "client_secret": "stored",
                        "scopes": ["https://outlook.office365.us/.default"],
                    },
                },
            }
        ),
    )
    edited.type(at.SENDER_NAME, "Typed")
    edited.to_graph()
    made = edited.profile()
    assert contradictions("desk", made) == []
    assert made.graph == Graph(cloud="us-gov", uncertain="send-again")
    assert (made.sender_name, made.reply_to) == ("Typed", "reply@example.org")
    assert made.proxy
    assert made.proxy.password == SecretStr("proxy-secret")
    assert made.auth.oauth
    assert made.auth.oauth.client_secret == SecretStr("stored")
    assert (made.auth.oauth.grant, made.auth.oauth.tenant) == ("client-credentials", "example.org")
    assert filled(made).scopes == ("https://graph.microsoft.us/.default",)
    assert not edited.offers_graph()


def test_a_sovereign_cloud_goes_over_with_its_addresses() -> None:
    made = online("outlook.sovcloud.fr")
    made.type(at.TOKEN_URL, "https://login.sovcloud-identity.fr/t")
    made.type(at.DEVICE_URL, "https://login.sovcloud-identity.fr/d")
    made.type(at.SCOPES, "https://outlook.sovcloud.fr/EWS.AccessAsUser.All")
    assert made.problems(NOTHING) == {}
    made.to_graph()
    assert made.text(at.ENDPOINT) == "https://graph.svc.sovcloud.fr"
    assert made.text(at.TOKEN_URL) == "https://login.sovcloud-identity.fr/t"
    assert list(made.problems(NOTHING)) == [at.SCOPES]  # which only the admin knows


def test_an_own_server_has_nowhere_to_go() -> None:
    made = draft()
    before = made.copy()
    made.to_graph()
    assert made == before
    assert not made.offers_graph()


def test_a_host_name_is_enough_and_the_review_shows_the_whole() -> None:
    made = draft(ews__keep_copy="yes", ews__scheme="ntlm")
    assert made.problems(NOTHING) == {}
    assert made.profile().ews == Ews(url=WHOLE, keep_copy=True, scheme="ntlm")
    rows = dict(summary(made))
    assert list(rows)[:5] == [at.EWS_URL, at.USERNAME, at.KEEP_COPY, at.EWS_UNCERTAIN, at.METHOD]
    assert (rows[at.EWS_URL], rows[at.KEEP_COPY], rows[at.SCHEME]) == (WHOLE, "in Sent Items", "NTLM")
    assert rows[at.PASSWORD] == "***"
    assert not {at.MECHANISM, at.INSECURE} & set(rows)
    assert len(summary(made)) == len(rows)


def test_what_is_wrong_is_told_on_its_page_beside_everything_else() -> None:
    made = draft(ews__url="https://mail.example.org/owa", auth__username="", from_address="nobody")
    found = made.problems(NOTHING)
    assert set(found) == {at.EWS_URL, at.USERNAME, at.FROM}
    assert {made.page_of(field) for field in found} == {Page.EWS, Page.SENDER}
    assert draft(ews__url="").problems(NOTHING) == {at.EWS_URL: "is missing"}


@pytest.mark.parametrize(
    ("typed", "sender"),
    [(["desk@example.org"], "desk@example.org"), (["EXAMPLE\\desk"], ""), (["a@b.c", "X\\a@b.c"], "")],
)
def test_a_user_name_that_is_an_address_is_the_from_address(typed: list[str], sender: str) -> None:
    made = Draft.empty()
    made.type(at.PROTOCOL, "ews")
    for text in typed:
        made.type(at.USERNAME, text)
    assert made.text(at.FROM) == sender


def test_a_from_that_was_typed_stays() -> None:
    made = draft(from_address="help@example.org")
    made.type(at.USERNAME, "other@example.org")
    assert made.text(at.FROM) == "help@example.org"
    assert any("Send As" in n.text and n.page is Page.SENDER for n in notes(made))
    made.type(at.USERNAME, "EXAMPLE\\desk")  # whose address nobody knows here
    assert not any("Send As" in n.text for n in notes(made))


def test_only_its_own_pages_and_nothing_of_smtp() -> None:
    made = Draft.empty()
    made.type(at.METHOD, "none")
    made.type(at.SECURITY, "none")
    made.type(at.PROTOCOL, "ews")
    assert made.pages()[:3] == (Page.PROTOCOL, Page.EWS, Page.SIGN_IN)
    assert made.text(at.METHOD) == "basic"
    assert not made.in_the_clear()
    assert set(made.problems(NOTHING)) == {at.EWS_URL, at.USERNAME, at.PASSWORD, at.FROM, at.NAME}
    made.type(at.PROTOCOL, "smtp")
    assert made.text(at.METHOD) == "none"


def test_nothing_of_google_comes_along() -> None:
    made = Draft.empty()
    made.apply_preset(by_id("gmail"))
    made.type(at.PROTOCOL, "ews")
    assert (made.text(at.AUTHORITY), made.text(at.GRANT)) == ("microsoft", "device-code")


@pytest.mark.parametrize(
    ("host", "scope", "authority", "asked"),
    [
        ("outlook.office365.com", "https://outlook.office365.com", "login.microsoftonline.com", False),
        ("outlook.office.com", "https://outlook.office365.com", "login.microsoftonline.com", False),
        ("outlook.office365.us", "https://outlook.office365.us", "login.microsoftonline.us", False),
        ("partner.outlook.cn", "https://partner.outlook.cn", "login.partner.microsoftonline.cn", False),
        ("mail.example.org", "https://mail.example.org", "login.microsoftonline.com", True),
        ("not a host", "https://outlook.office365.com", "login.microsoftonline.com", True),
    ],
)
def test_scope_and_authority_follow_the_url(host: str, scope: str, authority: str, *, asked: bool) -> None:
    from outmail.engine import draft_oauth

    made = online(host, auth__method="oauth")
    assert made.text(at.SCOPES) == f"{scope}/EWS.AccessAsUser.All, offline_access"
    assert made.text(at.TOKEN_URL).startswith(f"https://{authority}/")
    assert draft_oauth.asks(made, at.CLOUD) is asked
    made.type(at.GRANT, "client-credentials")
    assert made.text(at.SCOPES) == f"{scope}/.default"


def test_exchange_online_takes_tokens_only() -> None:
    made = online(auth__method="basic")
    assert made.text(at.METHOD) == "oauth"
    assert made.problems(NOTHING) == {}
    assert [bool(refused_method(made, m)) for m in ("basic", "none", "oauth")] == [True, True, False]
    made.type(at.EWS_URL, "mail.example.org")
    assert made.text(at.METHOD) == "basic"
    assert [bool(refused_method(made, m)) for m in ("basic", "none", "oauth")] == [False, True, False]
    made.type(at.PROTOCOL, "smtp")
    assert not refused_method(made, "none")


def test_the_end_is_told_with_its_dates() -> None:
    urgent = [n for n in notes(online()) if n.urgent]
    assert [n.page for n in urgent] == [Page.EWS, Page.REVIEW]
    assert "2026-10-01: blocked by default" in urgent[0].text
    assert "2027-04-01: off for all" in urgent[0].text
    assert "worldwide" not in urgent[0].text
    (there, _) = [n for n in notes(online("partner.outlook.cn")) if n.urgent]
    assert "worldwide cloud's" in there.text
    assert not [n for n in notes(draft()) if n.urgent]
    online_then_smtp = online()
    online_then_smtp.type(at.PROTOCOL, "smtp")
    assert not [n for n in notes(online_then_smtp) if n.urgent]


def test_an_app_is_told_of_every_mailbox_and_an_own_server_of_hybrid() -> None:
    app = online(auth__oauth__grant="client-credentials")
    assert any("Application EWS.AccessAsApp" in n.text for n in notes(app))
    assert any("hybrid modern authentication" in n.text for n in notes(draft(auth__method="oauth")))
    assert not any("hybrid" in n.text for n in [*notes(app), *notes(draft())])


@pytest.mark.parametrize("method", ["basic", "oauth"])
@pytest.mark.parametrize("cause", list(Cause))
@pytest.mark.parametrize("step", list(StepName))
def test_every_failure_leads_to_a_field_that_ews_has(cause: Cause, step: StepName, method: str) -> None:
    failure = Failure(step, Scope.SERVER, Verdict.RETRY, cause)
    field = concerned(failure, "primary", method, "ews")
    assert not field.startswith("smtp.")
    assert field != at.MECHANISM
    how = "oauth" if field == at.SIGN_IN_NOW else method  # a password is not what such a failure is about
    assert draft(auth__method=how).page_of(field) is not Page.REVIEW


@pytest.mark.parametrize(
    ("cause", "method", "field"),
    [
        (Cause.NAME_NOT_FOUND, "basic", at.EWS_URL),
        (Cause.NOT_THE_SERVICE, "basic", at.EWS_URL),
        (Cause.AUTH_NO_COMMON_MECHANISM, "basic", at.SCHEME),
        (Cause.AUTH_NO_COMMON_MECHANISM, "oauth", at.USERNAME),
        (Cause.TOKEN_AUDIENCE, "oauth", at.SCOPES),
    ],
)
def test_the_field_to_look_at(cause: Cause, method: str, field: str) -> None:
    failure = Failure(StepName.CONNECT, Scope.SERVER, Verdict.RETRY, cause)
    assert concerned(failure, "primary", method, "ews") == field


def test_theirs_is_taken_over_where_mine_is_untouched() -> None:
    begun = Draft.of("desk", draft().profile())
    mine = begun.copy()
    mine.type(at.SENDER_NAME, "Mine")
    theirs = draft(ews__url="ex.example.org", ews__uncertain="send-again").profile()
    mine.rebase(begun, Settings(profiles={"desk": theirs}))
    assert mine.profile() == theirs.model_copy(update={"sender_name": "Mine"})
