"""`outmail signin` where nobody signs in: wrong use, profiles that cannot, and how a code is shown."""

from __future__ import annotations

import io
import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from outmail.cli.signin_events import PlainLines
from outmail.engine.signin import CodeShown
from outmail.engine.workspace import Workspace
from store.keys import KeyOptions
from store.tokens import identity_of
from tests.outmail.cli.running import run
from transports.oauth.base import DeviceCode
from transports.secret import Secret

SUPPORT = """
[profiles.support]
protocol = "smtp"
from_address = "desk@example.org"
[profiles.support.smtp]
host = "localhost"
[profiles.support.auth]
method = "oauth"
username = "desk@example.org"
[profiles.support.auth.oauth]
client_id = "app"
token_url = "https://localhost:1/t/oauth2/v2.0/token"
[profiles.basic]
protocol = "smtp"
from_address = "desk@example.org"
[profiles.basic.smtp]
host = "localhost"
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with one profile that signs in, and one that does not."""
    assert run(tmp_path, "profile", "import", "-", stdin=SUPPORT).code == 0
    return tmp_path


@pytest.mark.parametrize(
    ("argv", "code", "words"),
    [
        (("support", "--account", ""), 64, "it is empty"),
        (("support", "--account", "a\nb"), 64, "line breaks"),
        (("--keep-alive", "support"), 64, "--keep-alive is for every profile"),
        (("--keep-alive", "--json"), 64, "--keep-alive is for every profile"),
        (("basic",), 78, "outmail check basic"),
        (("basic", "--account", "a@b.example"), 78, "does not sign in with OAuth"),
        (("support", "--way", "app"), 78, "a client secret or a certificate"),
    ],
)
def test_what_cannot_begin_says_why(home: Path, argv: tuple[str, ...], code: int, words: str) -> None:
    done = run(home, "signin", *argv)
    assert (done.code, done.out) == (code, "")
    assert words in done.err


def test_scripts_are_told_of_every_end(home: Path) -> None:
    done = run(home, "signin", "support", "--way", "app", "--json")
    assert done.code == 78
    told = json.loads(done.out)
    assert told["event"] == "failed"
    assert "client secret" in told["error"]
    assert told["remedy"]


def test_a_vault_that_takes_no_token_is_told_before_anybody_signs_in(home: Path) -> None:
    profile = Workspace.open(str(home), False, KeyOptions(env={})).settings.profiles["support"]
    (home / "vault" / f"signin-{identity_of(profile)}.lock").mkdir()  # a folder in the place of the lock
    done = run(home, "signin", "support", "--json")
    assert done.code == 73, done.err
    assert json.loads(done.out)["event"] == "failed"


def test_a_code_is_readable_on_a_terminal_with_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        encoding = "utf-8"

        def isatty(self) -> bool:
            return True

    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("LANG", "C.UTF-8")
    monkeypatch.delenv("NO_COLOR", raising=False)
    code = DeviceCode(Secret("d"), "ABCD-EFGH", "https://login.example.org/device", 900)
    PlainLines("support")(CodeShown(code, datetime(2026, 11, 23, 12, tzinfo=UTC)))
    lines = screen.getvalue().splitlines()
    assert "  2  enter  ABCD-EFGH" in lines
    assert "?[" not in screen.getvalue()
