"""The words about the relay: which banner comes first, what it says, and the lines of home."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from outmail.engine.relay_status import Pause, RelayStatus, RouteStatus
from store.spool_shapes import Counts
from tests.tui.relay import NOON, away, route, running
from tui import relay_words as words
from tui.helm import RelayNews
from tui.said import Trouble

_BY_ADA = Pause(NOON, "ada", "")
_BY_ITSELF = Pause(NOON, "", "535 5.7.8 Authentication failed.")
_UNUSABLE = route(unusable="nobody is signed in")


@pytest.mark.parametrize(
    ("status", "at_home", "said"),
    [
        (running(), True, ""),
        (RelayStatus(False), True, ""),
        (
            running(away()),
            True,
            (
                "support: mail goes through alternate smtp2.example.org:465 since 11:02 (connection refused)"
                ", 12 mails. R reconnects to the primary."
            ),
        ),
        (
            running(away()),
            False,
            (
                "support: mail goes through alternate smtp2.example.org:465 since 11:02 (connection refused)"
                ", 12 mails. At home, R reconnects to the primary."
            ),
        ),
        (
            running(replace(away(), mails=1, reason="", since=NOON - timedelta(days=2))),
            True,
            (
                "support: mail goes through alternate smtp2.example.org:465 since 2026-03-02 12:00, 1 mail. "
                "R reconnects to the primary."
            ),
        ),
        (
            running(pause=_BY_ADA),
            True,
            "Delivery is paused since 12:00 by ada: mail is accepted and waits. p resumes.",
        ),
        (
            running(pause=replace(_BY_ADA, why="the settings are being edited")),
            False,
            (
                "Delivery is paused since 12:00 by ada (the settings are being edited): mail is accepted "
                "and waits. At home, p resumes."
            ),
        ),
        (
            running(route(pause=_BY_ADA)),
            True,
            "support: delivery is paused since 12:00 by ada: mail is accepted and waits. p resumes.",
        ),
        (
            running(route(pause=_BY_ITSELF)),
            True,
            (
                "support: delivery stopped since 12:00 (535 5.7.8 Authentication failed): mail is accepted "
                "and waits. p resumes once it is mended."
            ),
        ),
        (
            running(_UNUSABLE),
            True,
            "support cannot send (nobody is signed in): mail is accepted and waits. e edits it.",
        ),
    ],
)
def test_what_a_banner_says(status: RelayStatus, at_home: bool, said: str) -> None:
    assert words.banner(RelayNews(status), NOON, at_home=at_home) == said


def test_nobody_knows_and_nothing_is_said() -> None:
    assert words.banner(RelayNews(), NOON, at_home=True) == ""


def test_the_most_urgent_comes_first_and_the_others_are_counted() -> None:
    routes = (away("a"), route("b", pause=_BY_ADA), route("c", pause=_BY_ITSELF), route("d", unusable="why"))
    found = words.banners(running(*routes, pause=_BY_ADA), NOON, at_home=True)
    assert [text.split(":")[0].split(" ")[0] for text in found] == ["Delivery", "d", "c", "b", "a"]
    assert words.banner(RelayNews(running(*routes)), NOON, at_home=True).endswith(" +3 more")
    assert words.banner(RelayNews(running(*routes)), NOON, at_home=False).endswith(" +3 more, see home")


def test_a_long_reason_of_a_server_is_cut_and_stays_one_line() -> None:
    said = words.banner(RelayNews(running(replace(away(), reason="x\ny " * 400))), NOON, at_home=True)
    assert "\n" not in said
    assert len(said) < 260
    assert "…" in said


@pytest.mark.parametrize(
    ("news", "line", "urgent"),
    [
        (RelayNews(), "relay: …", False),
        (
            RelayNews(RelayStatus(False)),
            "relay not running: start it: outmail relay, or: systemctl start outmail",
            False,
        ),
        (
            RelayNews(RelayStatus(False, counts=Counts(waiting=2, uncertain=1))),
            "relay not running, and 3 recipients wait: start it: outmail relay, or: systemctl start outmail",
            True,
        ),
        (RelayNews(running()), "relay running since 09:00, listening on 127.0.0.1:2525", False),
        (RelayNews(running(listening=())), "relay running since 09:00, listening nowhere", True),
        (
            RelayNews(trouble=Trouble("The relay was not asked", "permission denied", "use sudo")),
            "relay: The relay was not asked: permission denied. use sudo",
            True,
        ),
    ],
)
def test_the_line_of_the_relay(news: RelayNews, line: str, urgent: bool) -> None:
    assert words.relay_line(news, NOON) == (line, urgent)


def test_the_line_of_the_queue_has_what_there_is() -> None:
    assert words.counts_line(Counts(sent=3)) == "queue: nothing waits · 3 sent"
    assert words.counts_line(Counts(1, 2, 0, 3, 0, 9)) == "queue: 1 waiting, 2 sending, 3 held · 9 sent"


@pytest.mark.parametrize(
    ("found", "pause", "said"),
    [
        (None, None, ("not in use", False)),
        (route(), None, ("primary", False)),
        (route(), _BY_ADA, ("paused", True)),
        (route(pause=_BY_ADA), None, ("paused", True)),
        (route(pause=_BY_ITSELF), _BY_ADA, ("stopped", True)),
        (away(), None, ("alternate", True)),
        (_UNUSABLE, _BY_ADA, ("unusable", True)),
    ],
)
def test_the_way_of_a_profile(found: RouteStatus | None, pause: Pause | None, said: tuple[str, bool]) -> None:
    assert words.way(found, pause) == said


def test_the_graph_is_as_wide_as_asked_and_never_hides_a_single_mail() -> None:
    assert words.graph((0, 1, 500, 1000), 4, plain=False) == " ▁▄█"
    assert words.graph((0, 1, 500, 1000), 4, plain=True) == " _-#"
    assert words.graph((9, 0, 1), 2, plain=True) == " #"
    assert words.graph((), 10, plain=False) == ""
    assert words.graph((1,), 0, plain=False) == ""


def test_the_graph_in_numbers() -> None:
    assert words.rate_words((0,) * 60) == "no mail in the last 10 minutes"
    assert words.rate_words((99, *(0,) * 58, 2, 3)) == "5 in 10 min, most 3 in 10 s"
    assert words.rate_words((2, 3), brief=True) == "5 in 10 min"


def test_about_a_profile() -> None:
    rows = dict(words.about(away(), _BY_ADA, Counts(waiting=2), NOON))
    assert rows["Mail"].startswith(
        "through alternate smtp2.example.org:465 since 11:02, because of the primary"
    )
    assert rows["Mail"].endswith("; paused since 12:00 by ada")
    assert rows["Queue"] == "2 waiting"
    assert words.about(None, None, None, NOON) == []
