"""When mail is tried again: the pauses, what servers ask for, the notice of a delay, and the end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outmail.engine.schedule import (
    DELAY_NOTICE,
    GIVE_UP,
    JITTER,
    LONGEST,
    LONGEST_ASKED,
    delay_notice_due,
    next_attempt,
)

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
MIDDLE = 0.5  # no jitter either way


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


@pytest.mark.parametrize(
    ("attempts", "pause"), [(1, 5), (2, 10), (3, 20), (4, 40), (5, 60), (6, 60), (100, 60), (10**9, 60)]
)
def test_pauses_double_up_to_an_hour(attempts: int, pause: int) -> None:
    assert next_attempt(attempts, NOW, NOW, chance=MIDDLE) == NOW + minutes(pause)


@pytest.mark.parametrize(("chance", "pause"), [(0.0, 4.5), (1.0, 5.5)])
def test_mails_put_off_together_do_not_come_back_together(chance: float, pause: float) -> None:
    assert next_attempt(1, NOW, NOW, chance=chance) == NOW + minutes(pause)


@pytest.mark.parametrize(
    ("attempts", "asked", "pause"),
    [
        (1, 30, 30),  # sooner than we would by ourselves
        (1, 7200, 7200),  # later than we ever would
        (1, 1, 1),
        (10, 1, 512),  # a server that says 1 each time
        (40, 0, 3600),
        (1, 10**9, LONGEST_ASKED.total_seconds()),
        (1, -5, 1),
    ],
)
def test_what_a_server_asks_for_is_obeyed_within_reason(attempts: int, asked: int, pause: float) -> None:
    found = next_attempt(attempts, NOW, NOW, chance=0.0, asked=timedelta(seconds=asked))
    assert found == NOW + timedelta(seconds=pause)


def test_the_last_attempt_falls_on_the_end_and_then_it_is_given_up() -> None:
    accepted = NOW - GIVE_UP + minutes(1)
    ends = accepted + GIVE_UP
    assert next_attempt(9, accepted, NOW, chance=MIDDLE) == ends
    assert next_attempt(9, accepted, ends, chance=MIDDLE) is None
    assert next_attempt(1, accepted, ends, chance=MIDDLE, asked=minutes(1)) is None


@given(
    st.integers(1, 10_000),
    st.floats(0, 1),
    st.timedeltas(timedelta(days=-400), timedelta(days=400)),
    st.none() | st.timedeltas(timedelta(days=-2), timedelta(days=400)),
)
def test_it_is_always_in_the_future_and_within_reason(
    attempts: int, chance: float, age: timedelta, asked: timedelta | None
) -> None:
    found = next_attempt(attempts, NOW - age, NOW, chance=chance, asked=asked)
    assert (found is None) is (age >= GIVE_UP)
    if found is not None:
        most = LONGEST_ASKED if asked is not None else LONGEST
        assert NOW < found <= NOW + most * (1 + JITTER)
        if asked is not None and found != NOW - age + GIVE_UP:
            assert found - NOW >= min(asked, LONGEST_ASKED)


@pytest.mark.parametrize(
    ("age", "told", "due"),
    [
        (DELAY_NOTICE - timedelta(seconds=1), False, False),
        (DELAY_NOTICE, False, True),
        (DELAY_NOTICE, True, False),
        (timedelta(days=-1), False, False),  # the clock was set back
    ],
)
def test_the_sender_hears_of_a_delay_once(age: timedelta, told: bool, due: bool) -> None:
    assert delay_notice_due(NOW - age, NOW, told=told) is due
