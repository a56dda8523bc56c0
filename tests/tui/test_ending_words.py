"""What the home screen says of Exchange Online's EWS, before and after its end."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from store.profiles import Profile
from tui import ending_words as words


def profile(url: str = "outlook.office365.com", protocol: str = "ews") -> Profile:
    return Profile.model_validate(
        {"protocol": protocol, "from_address": "desk@example.org", "ews": {"url": url}}
    )


@pytest.mark.parametrize(
    ("day", "when"),
    [
        ((2026, 11, 30), "ends in 122 days, on 2027-04-01"),
        ((2027, 3, 31), "ends tomorrow, on 2027-04-01"),
        ((2027, 4, 1), "ends today, on 2027-04-01"),
        ((2027, 4, 2), "ended on 2027-04-01"),
    ],
)
def test_the_end(day: tuple[int, int, int], when: str) -> None:
    now = datetime(*day, 12, tzinfo=UTC)
    assert words.warnings("a", profile(), now) == [f"a: EWS in Exchange Online {when}: g takes Graph instead"]
    assert dict(words.rows(profile(), now))["Ends"].startswith(f"EWS in Exchange Online {when}; since")


def test_for_another_cloud_no_date_is_known() -> None:
    (said,) = words.warnings("a", profile("partner.outlook.cn"), datetime(2026, 11, 30, tzinfo=UTC))
    assert "is ending, worldwide on 2027-04-01" in said


@pytest.mark.parametrize(
    "one", [profile("mail.example.org"), profile(protocol="graph"), profile(protocol="smtp")]
)
def test_nothing_else_ends(one: Profile) -> None:
    now = datetime(2026, 11, 30, tzinfo=UTC)
    assert not words.offers_graph(one)
    assert words.warnings("a", one, now) == []
    assert words.rows(one, now) == []


def test_no_profile_is_chosen() -> None:
    assert not words.offers_graph(None)
