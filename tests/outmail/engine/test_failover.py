"""The rules of failover as a table, and what must hold after any sequence of events."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outmail.engine.failover import (
    PRIMARY,
    PROOFS,
    Checked,
    Event,
    Reset,
    Standing,
    Took,
    after,
    alerts,
    order,
)

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)
LATER = NOON + timedelta(minutes=7)
AWAY = Standing(1, NOON, "connection refused", 4)


def then(standing: Standing, *events: Event, automatic: bool = False) -> Standing:
    for event in events:
        standing = after(standing, event, LATER, automatic=automatic)
    return standing


@pytest.mark.parametrize(
    ("standing", "places", "wanted"),
    [
        (PRIMARY, 1, [0]),
        (PRIMARY, 3, [0, 1, 2]),
        (AWAY, 3, [1, 2, 0]),
        (Standing(2), 3, [2, 1, 0]),
        (Standing(2), 2, [0, 1]),  # the settings lost a server meanwhile
    ],
)
def test_the_present_server_is_tried_first_and_a_dead_primary_last(
    standing: Standing, places: int, wanted: list[int]
) -> None:
    assert order(standing, places) == wanted


def test_the_first_mail_after_an_outage_moves_the_route_and_says_why() -> None:
    moved = then(PRIMARY, Took(1, ((0, "connection refused"),)))
    assert moved == Standing(1, LATER, "connection refused", 1)
    assert alerts(PRIMARY, moved)


def test_mail_goes_on_through_the_alternate_although_the_primary_is_back() -> None:
    assert then(AWAY, Took(1), Took(1)) == Standing(1, NOON, "connection refused", 6)
    assert not alerts(AWAY, then(AWAY, Took(1)))


def test_an_alternate_that_fails_too_hands_on() -> None:
    moved = then(AWAY, Took(2, ((1, "421 too busy"),)))
    assert moved == Standing(2, NOON, "connection refused; 421 too busy", 5)
    assert alerts(AWAY, moved)


def test_the_primary_as_last_resort_is_the_primary_again() -> None:
    assert then(AWAY, Took(0, ((1, "down"), (2, "down")))) == PRIMARY


@pytest.mark.parametrize("automatic", [False, True])
def test_a_restart_a_saved_setting_or_an_admin_ends_it(automatic: bool) -> None:
    assert then(AWAY, Reset(), automatic=automatic) == PRIMARY
    assert alerts(AWAY, PRIMARY)


def test_only_automatic_failback_believes_checks_and_only_in_a_row() -> None:
    good, bad = Checked(True), Checked(False)
    assert then(AWAY, *[good] * (PROOFS - 1), bad, *[good] * (PROOFS - 1), automatic=True).away
    assert then(AWAY, *[good] * PROOFS, automatic=True) == PRIMARY
    assert then(AWAY, *[good] * 9).place == AWAY.place
    assert then(PRIMARY, bad, good, automatic=True) == PRIMARY


EVENTS = st.one_of(
    st.builds(Took, st.integers(0, 3), st.just(((0, "down"),))),
    st.builds(Checked, st.booleans()),
    st.just(Reset()),
)


@given(st.lists(EVENTS, max_size=30), st.booleans())
def test_after_anything(events: list[Event], automatic: bool) -> None:
    standing = PRIMARY
    for event in events:
        before, standing = standing, after(standing, event, LATER, automatic=automatic)
        assert standing.away is (standing.since is not None)
        assert standing.away or standing == PRIMARY
        if isinstance(event, Took):
            assert standing.place == event.place, "mail is where it was taken"
        if isinstance(event, Checked) and not automatic:
            assert standing.place == before.place, "a check moves nobody who did not ask for it"
        assert sorted(order(standing, 4)) == [0, 1, 2, 3]
