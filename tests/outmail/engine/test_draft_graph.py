"""The wizard's answers about Microsoft Graph: one cloud, nothing lost from a profile and back, its notes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from outmail.engine import draft_pages as at
from outmail.engine.draft import Draft
from outmail.engine.draft_failures import concerned
from outmail.engine.draft_pages import Page
from outmail.engine.draft_words import notes, summary
from outmail.engine.oauth_defaults import CLOUDS, filled
from outmail.engine.presets import by_id
from store.contradictions import contradictions
from store.profiles import Graph, Profile, Settings
from transports.base import Cause, Failure, Scope, StepName, Verdict

NOTHING = Settings()
CLIENT = "5f0c8b1e-7d4a-4c3b-9e2f-1a2b3c4d5e6f"


def draft(**fields: str) -> Draft:
    """Answers that make a good profile through Graph, with some of them different."""
    made = Draft.empty()
    good = {
        at.NAME: "desk",
        at.PROTOCOL: "graph",
        at.USERNAME: "desk@example.org",
        at.CLIENT_ID: CLIENT,
    }
    for name, text in (good | {key.replace("__", "."): value for key, value in fields.items()}).items():
        made.type(name, text)
    return made


clouds = st.sampled_from(["global", "us-gov", "us-dod", "china", "custom"])
endpoints = st.sampled_from(
    [*(cloud.graph for cloud in CLOUDS.values()), "https://graph.example.org", "https://127.0.0.1:8443"]
)
names = st.from_regex(r"[a-z][a-z0-9]{0,10}", fullmatch=True)
mailboxes = st.none() | names.map(lambda name: f"{name}@example.org")
addresses = st.none() | names.map(lambda name: f"https://login.example.org/{name}")


@st.composite
def graph_profiles(draw: st.DrawFn) -> Profile:
    graph = draw(
        st.none()
        | st.fixed_dictionaries(
            {
                "cloud": clouds,
                "endpoint": st.none() | endpoints,
                "uncertain": st.sampled_from(["hold", "send-again"]),
            }
        )
    )
    cloud = graph["cloud"] if graph else "global"
    oauth = draw(
        st.fixed_dictionaries(
            {
                "provider": st.sampled_from(["microsoft", "custom"]),
                "cloud": st.none() | st.just(cloud),
                "grant": st.sampled_from(
                    ["device-code", "authorization-code", "client-credentials", "managed-identity"]
                ),
                "tenant": st.none() | names,
                "client_id": st.none() | names,
                "client_secret": st.none() | names.map(SecretStr),
                "account": mailboxes,
                "authorization_url": addresses,
                "token_url": addresses,
                "device_authorization_url": addresses,
                "scopes": st.none() | st.lists(names, min_size=1, max_size=3, unique=True),
                "redirect_url": st.none() | st.just("http://localhost:8765") | addresses,
            }
        )
    )
    if oauth["grant"] == "managed-identity":
        oauth["provider"] = "microsoft"  # nobody else has those
    if oauth["provider"] == "custom":
        oauth["redirect_url"] = "http://localhost:8765"  # such a profile has to say it
    smtp = draw(st.none() | st.just({"host": "smtp.example.org", "security": "none"}))
    return Profile.model_validate(
        {
            "protocol": "graph",
            "from_address": "desk@example.org",
            "graph": graph,
            "smtp": smtp,
            "auth": {"method": "oauth", "username": draw(mailboxes), "oauth": oauth},
        }
    )


@given(graph_profiles())
@settings(max_examples=150, deadline=None)
def test_a_profile_comes_back_as_it_was(profile: Profile) -> None:
    assert Draft.of("desk", profile).profile() == profile


@given(graph_profiles())
@settings(max_examples=50, deadline=None)
def test_looking_at_other_protocols_changes_nothing(profile: Profile) -> None:
    looked = Draft.of("desk", profile)
    for protocol in ("smtp", "ews", "graph"):
        looked.type(at.PROTOCOL, protocol)
    assert looked.profile() == profile


@given(graph_profiles(), clouds)
@settings(max_examples=100, deadline=None)
def test_looking_at_another_cloud_changes_nothing(profile: Profile, other: str) -> None:
    looked = Draft.of("desk", profile)
    own = looked.text(at.GRAPH_CLOUD)
    for cloud in (other, own):
        looked.type(at.GRAPH_CLOUD, cloud)
    assert looked.profile() == profile


@given(clouds, clouds)
def test_the_cloud_is_one_choice(first: str, then: str) -> None:
    made = draft(graph__cloud=first)
    made.type(at.GRAPH_CLOUD, then)
    if then == "custom":
        made.type(at.ENDPOINT, "https://graph.example.org")
        made.type(at.TOKEN_URL, "https://login.example.org/t")
        made.type(at.DEVICE_URL, "https://login.example.org/d")
        made.type(at.SCOPES, "https://graph.example.org/Mail.Send")
    assert made.problems(NOTHING) == {}
    profile = made.profile()
    assert profile.graph == Graph.model_validate(
        {"cloud": then, "endpoint": "https://graph.example.org" if then == "custom" else None}
    )
    assert profile.auth.oauth
    assert profile.auth.oauth.cloud is None
    if then != "custom":
        authority = CLOUDS[then].authority
        assert filled(profile).token_url == f"https://{authority}/organizations/oauth2/v2.0/token"
        assert made.text(at.ENDPOINT) == CLOUDS[then].graph
        assert made.text(at.SCOPES).startswith(f"{CLOUDS[then].graph}/Mail.ReadWrite, ")


def test_what_is_filled_in_is_not_saved_and_what_differs_is() -> None:
    made = draft(graph__endpoint="https://graph.microsoft.com/")
    assert made.profile().graph == Graph()
    made.type(at.ENDPOINT, "https://gateway.example.org/v1.0")
    made.type(at.UNCERTAIN, "send-again")
    assert made.profile().graph == Graph(endpoint="https://gateway.example.org", uncertain="send-again")


def test_an_endpoint_that_is_none_is_told_beside_everything_else() -> None:
    made = draft(graph__endpoint="http://graph", auth__oauth__client_id="", from_address="nobody")
    found = made.problems(NOTHING)
    assert set(found) == {at.ENDPOINT, at.CLIENT_ID, at.FROM}
    assert "https://" in found[at.ENDPOINT]
    assert {made.page_of(field) for field in found} == {Page.GRAPH, Page.SENDER, Page.SIGN_IN}


def test_the_mailbox_is_the_from_address_until_that_is_typed() -> None:
    made = draft()
    assert made.text(at.FROM) == "desk@example.org"
    made.type(at.FROM, "help@example.org")
    made.type(at.USERNAME, "shared@example.org")
    assert made.text(at.FROM) == "help@example.org"
    assert (made.page_of(at.USERNAME), made.label(at.USERNAME)) == (Page.GRAPH, "Mailbox")
    made.type(at.PROTOCOL, "smtp")
    assert (made.page_of(at.USERNAME), made.label(at.USERNAME)) == (Page.SIGN_IN, "Username")


def test_only_graphs_own_pages_and_nothing_of_smtp() -> None:
    made = Draft.empty()
    made.type(at.HOST, "two words")
    made.type(at.SECURITY, "none")
    made.type(at.PROTOCOL, "graph")
    assert made.pages()[:3] == (Page.PROTOCOL, Page.GRAPH, Page.SIGN_IN)
    assert set(made.problems(NOTHING)) == {at.FROM, at.CLIENT_ID, at.NAME}
    assert not made.in_the_clear()
    assert made.text(at.METHOD) == "oauth"
    made.type(at.PROTOCOL, "smtp")
    assert (made.text(at.METHOD), made.text(at.HOST)) == ("basic", "two words")


def test_scopes_of_smtp_and_google_do_not_come_along() -> None:
    made = Draft.empty()
    made.apply_preset(by_id("gmail"))
    made.type(at.SCOPES, "https://mail.google.com/, x")
    made.type(at.PROTOCOL, "graph")
    assert made.text(at.AUTHORITY) == "microsoft"
    assert made.text(at.GRANT) == "device-code"
    assert made.text(at.SCOPES).endswith("graph.microsoft.com/Mail.Send.Shared, offline_access")


def test_the_cloud_of_a_preset_is_taken_over() -> None:
    made = Draft.empty()
    made.apply_preset(by_id("m365-cn"))
    made.type(at.PROTOCOL, "graph")
    assert made.text(at.GRAPH_CLOUD) == "china"
    assert made.text(at.ENDPOINT) == CLOUDS["china"].graph


def test_a_personal_account_asks_for_the_right_that_it_has() -> None:
    made = draft(auth__username="me@outlook.com")
    assert made.text(at.TENANT) == "consumers"
    assert "/Mail.Send, " in made.text(at.SCOPES)


def test_the_review_says_it_all() -> None:
    made = draft(graph__cloud="us-gov", graph__uncertain="send-again")
    rows = dict(summary(made))
    assert list(rows)[:5] == [at.GRAPH_CLOUD, at.ENDPOINT, at.USERNAME, at.UNCERTAIN, at.METHOD]
    assert rows[at.GRAPH_CLOUD] == "US government (GCC High)"
    assert rows[at.UNCERTAIN] == "send it again"
    assert at.CLOUD not in rows
    assert len(summary(made)) == len(rows)


def saved(**changed: object) -> Profile:
    profile = draft().profile()
    return profile.model_copy(update=changed)


def test_a_mailbox_for_incoming_mail_should_have_its_own_client_id() -> None:
    words = [note for note in notes(draft()) if note.page is Page.SIGN_IN]
    assert any("client ID of its own" in note.text and not note.urgent for note in words)
    assert not any("client ID of its own" in note.text for note in notes(draft(protocol="smtp")))


def test_a_client_id_and_mailbox_that_another_profile_has_too() -> None:
    profiles = {"other": saved()}
    urgent = [n for n in notes(draft(), profiles=profiles) if n.urgent]
    assert {n.page for n in urgent} == {Page.SIGN_IN, Page.REVIEW}
    assert all("other" in n.text for n in urgent)


@pytest.mark.parametrize(
    ("fields", "profiles"),
    [
        ({at.CLIENT_ID: "another"}, {"other": saved()}),
        ({at.USERNAME: "x@example.org", at.FROM: "x@example.org"}, {"other": saved()}),
        ({at.CLIENT_ID: ""}, {"other": saved()}),
        ({}, {"other": saved(protocol="smtp")}),
        ({}, {}),
    ],
)
def test_others_are_not_throttled_as_one(fields: dict[str, str], profiles: dict[str, Profile]) -> None:
    made = draft()
    for field, text in fields.items():
        made.type(field, text)
    assert not [n for n in notes(made, profiles=profiles) if n.urgent]


def test_the_profile_itself_is_no_other() -> None:
    edited = Draft.of("desk", saved())
    assert not [n for n in notes(edited, profiles={"desk": saved()}) if n.urgent]


@pytest.mark.parametrize(("cloud", "told"), [("global", False), ("us-gov", True), ("us-dod", True)])
def test_a_cloud_without_upload_sessions_says_so(cloud: str, *, told: bool) -> None:
    assert any("3 MB" in n.text for n in notes(draft(graph__cloud=cloud))) is told


def test_an_app_is_told_of_every_mailbox_and_a_from_of_send_as() -> None:
    found = notes(draft(auth__oauth__grant="client-credentials", from_address="x@example.org"))
    assert any("RBAC for Applications" in n.text for n in found)
    assert any("Send As" in n.text and n.page is Page.SENDER for n in found)
    assert not any("Send As" in n.text or "RBAC" in n.text for n in notes(draft()))


@pytest.mark.parametrize("cause", list(Cause))
@pytest.mark.parametrize("step", list(StepName))
def test_every_failure_leads_to_a_field_that_graph_has(cause: Cause, step: StepName) -> None:
    failure = Failure(step, Scope.SERVER, Verdict.RETRY, cause)
    field = concerned(failure, "primary", "oauth", "graph")
    assert not field.startswith("smtp.")
    assert field not in {at.METHOD, at.PASSWORD, at.MECHANISM}
    assert draft().page_of(field) is not Page.REVIEW


@pytest.mark.parametrize(
    ("cause", "field"),
    [
        (Cause.NAME_NOT_FOUND, at.ENDPOINT),
        (Cause.NOT_THE_SERVICE, at.ENDPOINT),
        (Cause.TOKEN_AUDIENCE, at.SCOPES),
        (Cause.ACCOUNT_DIFFERS, at.USERNAME),
    ],
)
def test_the_field_to_look_at(cause: Cause, field: str) -> None:
    failure = Failure(StepName.CONNECT, Scope.SERVER, Verdict.RETRY, cause)
    assert concerned(failure, "primary", "oauth", "graph") == field


def test_what_the_store_says_of_a_personal_account_stands_beside_the_mailbox() -> None:
    made = draft(graph__cloud="china", auth__username="me@outlook.com")
    assert list(made.problems(NOTHING)) == [at.USERNAME]
    assert made.page_of(at.USERNAME) is Page.GRAPH
    assert [p.field for p in contradictions("desk", made.profile())] == ["profiles.desk.auth.username"]


def test_theirs_is_taken_over_where_mine_is_untouched() -> None:
    begun = Draft.of("desk", saved())
    mine = begun.copy()
    mine.type(at.SENDER_NAME, "Mine")
    theirs = draft(graph__cloud="us-gov", graph__uncertain="send-again").profile()
    mine.rebase(begun, Settings(profiles={"desk": theirs}))
    assert mine.profile() == theirs.model_copy(update={"sender_name": "Mine"})
