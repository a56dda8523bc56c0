"""What the practice authority gives out, by a clock of our own: once, for a while, and to whom it belongs."""

from __future__ import annotations

import pytest

from outmail.demo.oauth.directory import App, asked
from outmail.demo.oauth.grants import (
    CODE_SECONDS,
    DEVICE_SECONDS,
    GRACE_SECONDS,
    REFRESH_SECONDS,
    BrowserCode,
    Grants,
    SlowDown,
)
from outmail.demo.oauth.refusals import Refused

ONE, OTHER = App("one", "One"), App("other", "Other")
RIGHT = asked("https://outlook.office365.com/SMTP.Send offline_access")
VERIFIER, CHALLENGE = "v" * 43, "7w_YNF9DSfIdPf_pRjSq646_kPr-2-o9NAl16JGghdM"


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def grants(clock: Clock) -> Grants:
    return Grants(clock, 5)


def number(caught: pytest.ExceptionInfo[Refused]) -> int:
    return caught.value.number


def poll(grants: Grants, code: str, app: App = ONE) -> int | str:
    """What a poll comes to: the account, or the number of the refusal."""
    try:
        return grants.polled(code, app).account
    except Refused as refused:
        return refused.number
    except SlowDown:
        return "slow"


def test_a_device_sign_in_from_its_code_to_its_end(grants: Grants, clock: Clock) -> None:
    begun = grants.by_device(ONE, RIGHT)
    assert poll(grants, begun.device_code) == 70016
    assert poll(grants, begun.device_code) == "slow"
    clock.now += 5
    assert poll(grants, begun.device_code) == "slow", "each slow_down makes the interval five longer"
    clock.now += 15
    begun.account = "desk@practice.test"
    assert poll(grants, begun.device_code, OTHER) == 70018
    assert poll(grants, begun.device_code) == "desk@practice.test"
    assert poll(grants, begun.device_code) == 70018, "it is good once"


def test_a_code_ends(grants: Grants, clock: Clock) -> None:
    begun = grants.by_device(ONE, RIGHT)
    assert grants.waits_for(begun.user_code) is begun
    clock.now += DEVICE_SECONDS
    assert grants.waits_for(begun.user_code) is None
    assert poll(grants, begun.device_code) == 70020


def test_a_code_that_was_declined(grants: Grants) -> None:
    begun = grants.by_device(ONE, RIGHT)
    begun.declined = True
    assert poll(grants, begun.device_code) == 65004
    assert not grants.waiting()


@pytest.mark.parametrize("polls", [0, 1])
def test_one_poll_is_told_to_slow_down_where_it_is_asked_for(
    grants: Grants, clock: Clock, polls: int
) -> None:
    begun = grants.by_device(ONE, RIGHT)
    for _ in range(polls):  # the fault may come in the middle of a sign-in
        assert poll(grants, begun.device_code) == 70016
        clock.now += 5
    with pytest.raises(SlowDown):
        grants.polled(begun.device_code, ONE, slow_once=True)
    clock.now += 10
    with pytest.raises(Refused) as caught:
        grants.polled(begun.device_code, ONE, slow_once=True)
    assert number(caught) == 70016


def test_a_code_is_compared_with_letters_of_any_script(grants: Grants) -> None:
    begun = grants.by_device(ONE, RIGHT)
    assert grants.waits_for("ÉÉÉÉÉÉÉÉ") is None
    assert grants.waits_for(f" {begun.user_code[:4].lower()}-{begun.user_code[4:]} ") is begun


def code_of(grants: Grants) -> str:
    return grants.code_for(BrowserCode(ONE, RIGHT, "desk", "http://localhost", CHALLENGE, ""))


@pytest.mark.parametrize(
    ("app", "redirect", "verifier", "later", "wanted"),
    [
        (ONE, "http://localhost", VERIFIER, 0, None),
        (OTHER, "http://localhost", VERIFIER, 0, 70000),
        (ONE, "http://localhost:1", VERIFIER, 0, 70000),
        (ONE, "http://localhost", "w" * 43, 0, 501481),
        (ONE, "http://localhost", "", 0, 501481),
        (ONE, "http://localhost", VERIFIER, CODE_SECONDS, 70008),
    ],
)
def test_a_browsers_code(
    grants: Grants, clock: Clock, app: App, redirect: str, verifier: str, later: float, wanted: int | None
) -> None:
    code = code_of(grants)
    clock.now += later
    if wanted is None:
        assert grants.redeemed(code, app, redirect, verifier).account == "desk"
        wanted = 54005
    with pytest.raises(Refused) as caught:
        grants.redeemed(code, app, redirect, verifier)
    assert number(caught) == wanted


def test_a_refresh_token_has_a_moment_of_grace_after_its_use(grants: Grants, clock: Clock) -> None:
    token = grants.refresh_token(ONE, RIGHT, "desk", by_code=True)
    assert grants.refreshed(token, ONE).account == "desk"
    clock.now += GRACE_SECONDS - 1
    assert grants.refreshed(token, ONE).account == "desk", "a client that was killed comes again"
    clock.now += 1
    with pytest.raises(Refused) as caught:
        grants.refreshed(token, ONE)
    assert number(caught) == 70008


def test_a_refresh_token_that_nobody_uses_ends_and_is_good_for_its_own_app_alone(
    grants: Grants, clock: Clock
) -> None:
    token = grants.refresh_token(ONE, RIGHT, "desk", by_code=False)
    with pytest.raises(Refused) as caught:
        grants.refreshed(token, OTHER)
    assert number(caught) == 70000
    clock.now += REFRESH_SECONDS
    with pytest.raises(Refused) as caught:
        grants.refreshed(token, ONE)
    assert number(caught) == 70008


def test_a_loop_of_sign_ins_does_not_fill_the_memory(grants: Grants) -> None:
    first = grants.by_device(ONE, RIGHT)
    for _ in range(300):
        last = grants.by_device(ONE, RIGHT)
    assert len(grants.waiting()) <= 200
    assert poll(grants, first.device_code) == 70018
    assert poll(grants, last.device_code) == 70016


def test_what_is_refreshed_all_the_time_ends_nobody_elses_sign_in(grants: Grants, clock: Clock) -> None:
    other = grants.refresh_token(ONE, RIGHT, "chief", by_code=False)
    token = grants.refresh_token(ONE, RIGHT, "desk", by_code=False)
    for _ in range(300):
        clock.now += 60
        grants.refreshed(token, ONE)
        token = grants.refresh_token(ONE, RIGHT, "desk", by_code=False)
    assert grants.refreshed(other, ONE).account == "chief"


@pytest.mark.parametrize(
    ("scope", "wanted"),
    [
        ("", 90014),
        ("offline_access openid", 90014),
        ("https://outlook.office365.com/Mail.Send", 70011),
        ("https://graph.example.org/Mail.Send", 500011),
        ("SMTP.Send", 500011),
    ],
)
def test_scopes_that_ask_for_nothing_known(scope: str, wanted: int) -> None:
    with pytest.raises(Refused) as caught:
        asked(scope)
    assert number(caught) == wanted


def test_both_names_of_the_mail_service_are_one() -> None:
    found = asked("https://outlook.office.com/SMTP.Send openid offline_access")
    assert found.scope == "https://outlook.office365.com/SMTP.Send"
    assert (found.openid, found.offline) == (True, True)
    assert asked("https://outlook.office365.com/.default").rights == ()
