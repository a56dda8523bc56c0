"""Whatever saves settings or a sign-in tells the running relay; nobody hears of it where none runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from store.errors import ErrorKind, StoreError
from tests.outmail.cli.running import Practice, run
from tests.outmail.fake_relay import fake_relay

pytestmark = pytest.mark.long

PLAIN = """
[profiles.x]
protocol = "smtp"
from_address = "a@practice.test"
[profiles.x.smtp]
host = "127.0.0.1"
port = 1
"""


def _set_up(home: Path) -> None:
    assert run(home, "profile", "import", "-", stdin=PLAIN).code == 0


@pytest.mark.parametrize(
    ("argv", "times"),
    [
        (["profile", "import", "-"], 1),
        (["profile", "import", "--check", "-"], 0),
        (["profile", "import", "--diff", "-"], 0),
        (["profile", "default", "x"], 1),
        (["profile", "remove", "x"], 1),
        (["profile", "remove", "nobody"], 0),
        (["profile", "list"], 0),
        (["key", "rotate"], 1),
        (["key", "status"], 0),
        (["signout", "x"], 0),  # it signs in without OAuth: nothing is forgotten
    ],
)
def test_what_is_told_to_the_relay(home: Path, argv: list[str], times: int) -> None:
    _set_up(home)
    with fake_relay(home / "run", {"reload": True}) as relay:
        done = run(home, *argv, stdin=PLAIN)
        assert len(relay.did("reload")) == times
    assert "relay" not in done.err


def test_a_relay_that_cannot_do_it_is_a_warning_since_the_settings_are_saved(home: Path) -> None:
    refusal = StoreError(ErrorKind.WRONG_KEY, "not read", "the key is another", "restart it")
    with fake_relay(home / "run", {"reload": refusal}):
        done = run(home, "profile", "import", "-", stdin=PLAIN)
    assert done.code == 0
    assert done.err.splitlines()[-2:] == [
        "outmail: they are saved; not read: the key is another",
        "  restart it",
    ]
    assert [p["profile"] for p in run(home, "profile", "list", "--json").json] == ["x"]


def test_a_sign_out_is_told(tenant: Practice) -> None:
    home = tenant.home
    names = [p["profile"] for p in run(home, "profile", "list", "--json").json if p["method"] == "oauth"]
    with fake_relay(home / "run", {"reload": True}) as relay:
        done = run(home, "signout", names[0])
        assert done.code == 0, done.err
        assert len(relay.did("reload")) == 1
