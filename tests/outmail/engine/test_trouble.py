"""What a failure means: the whole table, and the rules of the design that it must keep."""

from __future__ import annotations

import itertools
from dataclasses import replace
from types import MappingProxyType

import pytest

from outmail.engine.trouble import SHORT, Action, decide
from transports.base import Cause, Failure, Scope, StepName, Verdict


def failure(step: StepName, scope: Scope, verdict: Verdict) -> Failure:
    """A failure of which only these three matter."""
    return Failure(step, scope, verdict, Cause.ANSWER)


@pytest.mark.parametrize(
    ("step", "scope", "verdict", "another_left", "last"),
    [
        (StepName.CONNECT, Scope.SERVER, Verdict.RETRY, Action.NEXT_SERVER, Action.DEFER),
        (StepName.GREETING, Scope.SERVER, Verdict.RETRY, Action.NEXT_SERVER, Action.DEFER),
        (StepName.TLS, Scope.SERVER, Verdict.FIX_SETTINGS, Action.NEXT_SERVER, Action.PAUSE_ROUTE),
        (StepName.GREETING, Scope.SERVER, Verdict.REJECT, Action.NEXT_SERVER, Action.BOUNCE),
        (StepName.AUTHENTICATE, Scope.SIGN_IN, Verdict.RETRY, Action.NEXT_SERVER, Action.DEFER),
        (StepName.AUTHENTICATE, Scope.SIGN_IN, Verdict.FIX_SETTINGS, Action.PAUSE_ROUTE, Action.PAUSE_ROUTE),
        (StepName.AUTHENTICATE, Scope.SIGN_IN, Verdict.REJECT, Action.PAUSE_ROUTE, Action.PAUSE_ROUTE),
        (StepName.SENDER, Scope.SENDER, Verdict.RETRY, Action.NEXT_SERVER, Action.DEFER),
        (StepName.SENDER, Scope.SENDER, Verdict.REJECT, Action.BOUNCE, Action.BOUNCE),
        (StepName.PERMISSION, Scope.RECIPIENT, Verdict.RETRY, Action.DEFER, Action.DEFER),
        (StepName.PERMISSION, Scope.RECIPIENT, Verdict.REJECT, Action.BOUNCE, Action.BOUNCE),
        (StepName.SEND, Scope.MESSAGE, Verdict.RETRY, Action.DEFER, Action.DEFER),
        (StepName.SEND, Scope.MESSAGE, Verdict.REJECT, Action.BOUNCE, Action.BOUNCE),
        (StepName.SEND, Scope.MESSAGE, Verdict.UNCERTAIN, Action.HOLD, Action.HOLD),
        (StepName.SEND, Scope.SERVER, Verdict.UNCERTAIN, Action.HOLD, Action.HOLD),
    ],
)
def test_table(step: StepName, scope: Scope, verdict: Verdict, another_left: Action, last: Action) -> None:
    assert decide(failure(step, scope, verdict), last_server=False) is another_left
    assert decide(failure(step, scope, verdict), last_server=True) is last


@pytest.mark.parametrize(("step", "scope", "verdict"), list(itertools.product(StepName, Scope, Verdict)))
def test_the_rules_hold_for_every_combination(step: StepName, scope: Scope, verdict: Verdict) -> None:
    one = failure(step, scope, verdict)
    for last in (False, True):
        action = decide(one, last_server=last)
        if verdict is Verdict.UNCERTAIN:
            assert action is Action.HOLD, "mail that may have been taken never goes another way"
        if last:
            assert action is not Action.NEXT_SERVER
        if scope in {Scope.RECIPIENT, Scope.MESSAGE} or (scope is Scope.SENDER and verdict is Verdict.REJECT):
            assert action is not Action.NEXT_SERVER, "a refused mail never causes a switch"
        if scope is Scope.SIGN_IN and verdict in {Verdict.REJECT, Verdict.FIX_SETTINGS}:
            assert action is Action.PAUSE_ROUTE, "a failed sign-in burns no mail and locks no account"


@pytest.mark.parametrize(("step", "scope", "verdict"), list(itertools.product(StepName, Scope, Verdict)))
def test_another_profile_is_for_servers_and_sign_ins_alone(
    step: StepName, scope: Scope, verdict: Verdict
) -> None:
    one = failure(step, scope, verdict)
    alone = decide(one, last_server=True)
    assert decide(one, last_server=False, failover=True) in {decide(one, last_server=False), Action.FAILOVER}
    found = decide(one, last_server=True, failover=True)
    assert found in {alone, Action.FAILOVER}
    if verdict is Verdict.UNCERTAIN or scope in {Scope.MESSAGE, Scope.RECIPIENT}:
        assert found is alone, "a refused mail never causes a switch"
    if scope is Scope.SENDER and verdict is not Verdict.RETRY:
        assert found is alone, "nor does a refused sender"
    elif scope in {Scope.SERVER, Scope.SIGN_IN} and verdict is not Verdict.UNCERTAIN:
        assert found is Action.FAILOVER


def test_a_sign_in_that_is_refused_goes_to_no_server_that_it_signs_in_to_as_well() -> None:
    refused = failure(StepName.AUTHENTICATE, Scope.SIGN_IN, Verdict.FIX_SETTINGS)
    assert decide(refused, last_server=False, failover=True) is Action.FAILOVER
    no_token = failure(StepName.TOKEN, Scope.SIGN_IN, Verdict.RETRY)
    assert decide(no_token, last_server=False, failover=True) is Action.FAILOVER
    assert decide(no_token, last_server=False) is Action.DEFER


def asks(seconds: str) -> Failure:
    """A service that is there, and wants mail later."""
    busy = failure(StepName.SEND, Scope.SERVER, Verdict.RETRY)
    return replace(busy, facts=MappingProxyType({"retry_after": seconds}))


def test_a_service_that_asks_for_minutes_gets_them_and_is_left_for_no_other() -> None:
    for last, failover in itertools.product((False, True), (False, True)):
        assert decide(asks("30"), last_server=last, failover=failover) is Action.DEFER
    assert decide(asks(str(SHORT + 1)), last_server=True, failover=True) is Action.FAILOVER
    assert decide(asks("soon"), last_server=True, failover=True) is Action.FAILOVER


@pytest.mark.parametrize(
    ("said", "seconds"), [("30", 30.0), ("0.5", 0.5), ("", None), ("x", None), ("-1", None), ("inf", None)]
)
def test_what_it_asks_for(said: str, seconds: float | None) -> None:
    assert asks(said).retry_after == seconds


@pytest.mark.parametrize("cause", [Cause.CONTENT_UNFIT, Cause.MESSAGE_TOO_LARGE])
def test_what_one_way_cannot_carry_goes_by_another_profile_or_back(cause: Cause) -> None:
    unfit = Failure(StepName.SEND, Scope.MESSAGE, Verdict.REJECT, cause)
    assert decide(unfit, last_server=True, failover=True) is Action.FAILOVER
    assert decide(unfit, last_server=True) is Action.BOUNCE
    assert decide(unfit, last_server=False) is Action.BOUNCE
