"""The relay's settings on the command line: printed, changed in a file, taken in; the hash of a password."""

from __future__ import annotations

from pathlib import Path

import pytest

from store.relay_password import Hashed
from tests.outmail.cli.running import run
from tests.outmail.cli.test_terminal import OnTerminal

pytestmark = pytest.mark.long

PASSWORD = "MARK pässword"
PROFILE = """
[profiles.desk]
protocol = "smtp"
from_address = "desk@example.org"
smtp = { host = "smtp.example.org" }
[profiles.other]
protocol = "smtp"
from_address = "other@example.org"
smtp = { host = "smtp.example.org" }
"""
RELAY = f"""
[relay]
[[relay.listeners]]
listen = "127.0.0.1:2525"
auth = "required"
insecure_auth_without_tls = true
users = [{{ name = "printer", password = "{PASSWORD}" }}]
profile = "desk"
[relay.alerts]
webhook = "https://hooks.example.org/MARK"
"""


def test_a_hash_from_stdin(home: Path) -> None:
    done = run(home, "relay", "hash", stdin=f"{PASSWORD}\nnotes of the password manager\n")
    assert (done.code, done.err) == (0, "")
    assert Hashed.parse(done.out.strip()).fits(PASSWORD)
    assert not home.exists(), "nothing is kept"


@pytest.mark.parametrize(
    ("stdin", "said"),
    [
        (b"", "it is empty"),
        (b"\nx\n", "it is empty"),
        (b"\xff\xfe", "not UTF-8"),
        (b"x" * 2000, "longer than"),
        (b"a\0b", "NUL"),
    ],
)
def test_no_hash(home: Path, stdin: bytes, said: str) -> None:
    done = run(home, "relay", "hash", stdin=stdin)
    assert done.code == 65
    assert done.out == ""
    assert said in done.err
    assert len(done.err.splitlines()) == 2, "with its remedy"


def test_on_a_terminal_it_is_asked_for_twice_and_never_shown(home: Path) -> None:
    for again, code in ((PASSWORD, 0), ("another", 65)):
        with OnTerminal(home, "relay", "hash") as terminal:
            terminal.until("Password: ")
            terminal.type(f"{PASSWORD}\n")
            terminal.until("The same again: ")
            terminal.type(f"{again}\n")
            assert terminal.end() == code
            assert PASSWORD not in terminal.shown
            assert ("scrypt:" in terminal.shown) is (code == 0)


def test_out_of_the_store_and_in_again(home: Path) -> None:
    done = run(home, "profile", "import", "-", stdin=PROFILE + RELAY)
    assert done.code == 0, done.err
    assert "relay.listeners.1.users.1.password_hash: (secret)" in done.out
    assert "relay.listeners.1.users.1.password, relay.alerts.webhook" in done.err, "plain text in the file"
    printed = run(home, "relay", "settings")
    assert printed.code == 0
    again = run(home, "profile", "import", "-", stdin=printed.out)
    assert again.out == "stdin: [relay]: nothing changed\n"
    changed = run(home, "profile", "import", "-", stdin=printed.out.replace("2525", "2626"))
    assert "relay.listeners.1.listen: 127.0.0.1:2525 -> 127.0.0.1:2626" in changed.out
    history = run(home, "history")
    for told in (done, printed, again, changed, history):
        assert "MARK" not in told.out + told.err
        assert "scrypt" not in told.out + told.err


def test_a_profile_that_the_relay_needs_is_not_removed(home: Path) -> None:
    assert run(home, "profile", "import", "-", stdin=PROFILE + RELAY).code == 0
    done = run(home, "profile", "remove", "desk", "--yes")
    assert done.code == 78
    assert "outmail relay settings" in done.err
    assert run(home, "profile", "remove", "other", "--yes").code == 0


def test_every_problem_and_no_change(home: Path) -> None:
    done = run(
        home,
        "profile",
        "import",
        "-",
        stdin='[relay]\nlisteners = [{ listen = "0.0.0.0:25", networks = ["0.0.0.0/0"], profile = "x" }]',
    )
    assert done.code == 78
    assert "relay.listeners.1.networks.1: 0.0.0.0/0 would make this an open relay" in done.err
    assert "relay.listeners.1.profile: there is no profile 'x'" in done.err
    assert run(home, "relay", "settings").out.count("listen") == 4, "nothing is set"
