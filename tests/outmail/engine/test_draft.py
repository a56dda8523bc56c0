"""The wizard's answers: nothing is lost from a profile and back; the store's words reach the field."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from outmail.engine import draft_pages as at
from outmail.engine.draft import OTHER, Draft
from outmail.engine.draft_failures import concerned
from outmail.engine.draft_pages import Page, page_of
from outmail.engine.draft_words import notes, summary
from outmail.engine.presets import by_address, by_id
from store.profiles import Failover, Profile, Proxy, Security, Settings
from transports.base import Cause, Failure, Scope, StepName, Verdict

NOTHING = Settings()


def filled(**fields: str) -> Draft:
    """Answers that make a good profile, with some of them different."""
    draft = Draft.empty()
    good = {
        at.NAME: "support",
        at.HOST: "smtp.example.org",
        at.USERNAME: "ops",
        at.PASSWORD: "pw",
        at.FROM: "ops@example.org",
    }
    for name, text in (good | {key.replace("__", "."): value for key, value in fields.items()}).items():
        draft.type(name, text)
    return draft


names = st.from_regex(r"[a-z][a-z0-9]{0,10}", fullmatch=True)
hosts = st.builds(lambda a, b: f"{a}.{b}.example", names, names)
servers = st.fixed_dictionaries(
    {"host": hosts, "security": st.sampled_from(list(Security)), "port": st.none() | st.integers(1, 65535)}
)
lines = st.text(
    st.characters(min_codepoint=33, max_codepoint=0x24F, exclude_categories=("C", "Z")), min_size=1
)
secrets = st.text(st.characters(exclude_characters="\0\r\n", codec="utf-8"), min_size=1).map(SecretStr)
profiles = st.builds(
    lambda smtp, alternates, ehlo, **rest: Profile.model_validate(
        {"protocol": "smtp", "smtp": {**smtp, "alternates": alternates, "ehlo_name": ehlo}, **rest}
    ),
    servers,
    st.lists(servers, max_size=8),
    st.none() | hosts,
    from_address=names.map(lambda name: f"{name}@example.org"),
    reply_to=st.none() | names.map(lambda name: f"{name}@example.net"),
    sender_name=st.none() | lines,
    sender_policy=st.sampled_from(["rewrite", "enforce", "allow"]),
    auth=st.fixed_dictionaries(
        {
            "method": st.sampled_from(["none", "basic"]),
            "username": st.none() | lines,
            "password": st.none() | secrets,
            "mechanism": st.sampled_from(["auto", "plain", "login", "cram-md5"]),
            "insecure_allow_password_without_tls": st.booleans(),
        }
    ),
    proxy=st.none()
    | st.builds(
        lambda name, user, password: Proxy(
            url=f"socks5://{name}:1080", username=user, password=password if user else None
        ),
        hosts,
        st.none() | lines,
        st.none() | secrets,
    ),
    tls=st.none() | st.fixed_dictionaries({"ca_file": st.none() | lines.map(lambda text: f"/{text}")}),
    failover=st.none()
    | st.builds(Failover, profile=st.none() | names, failback=st.sampled_from(["manual", "automatic"])),
)


@given(profiles)
@settings(max_examples=150, deadline=None)
def test_a_profile_comes_back_as_it_was(profile: Profile) -> None:
    assert Draft.of("support", profile).profile() == profile


def test_stored_secrets_are_kept_but_never_in_the_texts() -> None:
    profile = filled(auth__password="Marked-4711").profile()
    draft = Draft.of("support", profile)
    assert draft.stored(at.PASSWORD)
    assert "Marked-4711" not in repr(draft)
    assert "Marked-4711" not in str(summary(draft))
    assert dict(summary(draft))[at.PASSWORD] == "*** (stored)"
    draft.type(at.PASSWORD, "new")
    made = draft.profile().auth.password
    assert made is not None
    assert made.get_secret_value() == "new"


def test_an_account_that_is_no_longer_used_is_not_kept() -> None:
    draft = Draft.of("support", filled().profile())
    draft.type(at.METHOD, "none")
    assert draft.profile().auth.password is None
    draft.type(at.METHOD, "basic")
    assert draft.profile().auth.password is not None


@pytest.mark.parametrize(
    ("field", "text", "words"),
    [
        (at.HOST, "", "is missing"),
        (at.HOST, "two words", "is not a host name"),
        (at.PORT, "70000", "65535"),
        (at.PORT, "0", "greater than or equal to 1"),
        (at.FROM, "", "is missing"),
        (at.FROM, "nobody", "is not a mail address"),
        (at.REPLY_TO, "x y@z", "is not a mail address"),
        (at.USERNAME, "", "is missing"),
        (at.PASSWORD, "", "is missing"),
        (at.SENDER_NAME, "a\nb", "line breaks"),
        (at.NAME, "", "is missing"),
        (at.NAME, "two words", "letters, digits"),
        (at.NAME, "taken", "is taken"),
        (at.SECURITY, "none", ""),
        (at.FAILOVER, "gone", "there is no profile"),
    ],
)
def test_problems_name_the_field(field: str, text: str, words: str) -> None:
    draft = filled()
    draft.type(field, text)
    found = draft.problems(Settings(profiles={"taken": filled().profile()}))
    where = at.INSECURE if field == at.SECURITY else field
    assert list(found) == [where]
    assert words in found[where]


def test_every_problem_is_told_at_once() -> None:
    draft = Draft.empty()
    draft.type(at.PROXY, "yes")
    draft.add_alternate()
    found = draft.problems(NOTHING)
    wanted = {at.HOST, at.alternate(1, "host"), at.FROM, at.USERNAME, at.PASSWORD, at.PROXY_URL, at.NAME}
    assert set(found) == wanted
    assert {page_of(field) for field in found} == {
        Page.SERVER,
        Page.SENDER,
        Page.SIGN_IN,
        Page.ROUTE,
        Page.REVIEW,
    }


def test_the_port_follows_until_typed() -> None:
    draft = Draft.empty()
    for security, port in (("tls", "465"), ("none", "25"), ("starttls", "587")):
        draft.type(at.SECURITY, security)
        assert draft.text(at.PORT) == port
    draft.type(at.PORT, "2525")
    draft.type(at.SECURITY, "tls")
    assert draft.text(at.PORT) == "2525"
    draft.type(at.PORT, "")
    draft.type(at.SECURITY, "none")
    assert draft.text(at.PORT) == "25"


def test_a_preset_fills_in_and_leaves_alone_what_it_does_not_know() -> None:
    draft = Draft.empty()
    draft.apply_preset(by_address("ops@gmail.com"))
    assert (draft.text(at.HOST), draft.text(at.SECURITY), draft.text(at.PORT)) == (
        "smtp.gmail.com",
        "tls",
        "465",
    )
    draft.apply_preset(None)
    assert (draft.text(at.HOST), draft.text(at.PROVIDER)) == ("", OTHER)
    draft.type(at.HOST, "mail.corp.example")
    draft.apply_preset(by_id("exchange-onprem"))
    assert draft.text(at.HOST) == "mail.corp.example"
    draft.apply_preset(by_id("proton-bridge"))
    assert draft.text(at.PORT) == "1025"


@pytest.mark.parametrize(
    ("host", "date"), [("smtp.office365.com", "December 2026"), ("smtp.gmail.com", "2025-05-01")]
)
def test_the_end_of_basic_authentication_is_told(host: str, date: str) -> None:
    draft = filled(smtp__host=host)
    assert any(date in note.text and note.page is Page.SIGN_IN for note in notes(draft))
    draft.type(at.METHOD, "none")
    assert not any(date in note.text for note in notes(draft))


def test_renaming_takes_the_references_along() -> None:
    first, other = filled().profile(), filled().profile()
    other = other.model_copy(update={"failover": Failover(profile="support")})
    saved = Settings(default="support", profiles={"support": first, "other": other})
    draft = Draft.of("support", first)
    draft.type(at.NAME, "desk")
    made = draft.settings(saved)
    assert list(made.profiles) == ["desk", "other"]
    assert made.default == "desk"
    assert made.profiles["other"].failover == Failover(profile="desk")


def test_alternates_are_moved_with_their_ports() -> None:
    draft = filled(smtp__port="2525")
    draft.type(at.alternate(draft.add_alternate(), "host"), "two.example.org")
    draft.move_up(1)
    assert [s.address for s in draft.profile().servers] == ["two.example.org:587", "smtp.example.org:2525"]
    draft.remove_alternate(1)
    assert [s.address for s in draft.profile().servers] == ["two.example.org:587"]


def test_rebase_takes_theirs_where_mine_is_untouched() -> None:
    begun = Draft.of("support", filled().profile())
    mine = begun.copy()
    mine.type(at.SENDER_NAME, "Mine")
    theirs = filled(smtp__host="new.example.org", sender_name="Theirs", auth__password="newer").profile()
    mine.rebase(begun, Settings(profiles={"support": theirs}))
    made = mine.profile()
    assert made.sender_name == "Mine"
    assert made.smtp is not None
    assert made.smtp.host == "new.example.org"
    assert made.auth.password == SecretStr("newer")


@pytest.mark.parametrize("cause", list(Cause))
@pytest.mark.parametrize("step", list(StepName))
def test_every_failure_leads_to_a_field_that_is_shown(cause: Cause, step: StepName) -> None:
    failure = Failure(step, Scope.SERVER, Verdict.RETRY, cause)
    assert page_of(concerned(failure)) in {
        Page.SERVER,
        Page.SIGN_IN,
        Page.SENDER,
        Page.ROUTE,
        Page.SIGNED_IN,
    }


@pytest.mark.parametrize(
    ("server", "field"),
    [
        ("primary", "smtp.port"),
        ("alternate", "smtp.alternates.1.port"),
        ("alternate-2", "smtp.alternates.2.port"),
    ],
)
def test_the_field_is_the_one_of_the_server_that_failed(server: str, field: str) -> None:
    failure = Failure(StepName.CONNECT, Scope.SERVER, Verdict.RETRY, Cause.CONNECTION_REFUSED)
    assert concerned(failure, server) == field
