"""OAuth profiles on the command line, before anybody signs in: what is said, kept, shown and refused."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509

from outmail.cli.stdin_lines import stdin_lines
from outmail.engine.workspace import Workspace
from store.keys import KeyOptions
from tests.outmail.cli.running import CLEAN, run
from transports.oauth.base import Granted
from transports.secret import Secret

_PROFILE = """
[profiles.support]
protocol = "smtp"
from_address = "desk@example.test"
[profiles.support.smtp]
host = "127.0.0.1"
port = 1
[profiles.support.auth]
method = "oauth"
username = "desk@example.test"
[profiles.support.auth.oauth]
client_id = "app-1"
tenant = "example.test"
token_url = "https://127.0.0.1:1/example.test/oauth2/v2.0/token"
authorization_url = "https://127.0.0.1:1/example.test/oauth2/v2.0/authorize"
device_authorization_url = "https://127.0.0.1:1/example.test/oauth2/v2.0/devicecode"
{more}
"""


def imported(home: Path, more: str = "") -> None:
    done = run(home, "profile", "import", "-", stdin=_PROFILE.format(more=more))
    assert done.code == 0, done.err


def test_a_check_without_a_sign_in_says_which_command_signs_in(home: Path) -> None:
    imported(home)
    ended = run(home, "check", "--json")
    assert ended.code == 75
    steps = {s["step"]: s for s in ended.json["servers"][0]["steps"]}
    assert steps["token"]["status"] == "fail"
    assert "outmail signin support" in str(steps["token"]["diagnosis"])
    assert steps["authenticate"]["status"] == "skip"
    assert steps["account"]["status"] == "skip"
    # The server is proven too: the token's failure must not hide the server's.
    assert steps["connect"]["status"] == "fail"


def test_a_mail_without_a_sign_in_is_not_even_connected_for(home: Path) -> None:
    imported(home)
    ended = run(home, "sample", "you@example.test", "--json")
    assert ended.code == 77
    assert ended.json["ok"] is False
    assert ended.json["diagnosis"]["id"]
    assert "outmail signin support" in ended.err


def test_status_says_that_nobody_is_signed_in(home: Path) -> None:
    imported(home, 'client_secret = "s3cret-value"\nsecret_expires = 2020-01-02')
    ended = run(home, "status", "--json")
    assert ended.code == 0
    (profile,) = ended.json["profiles"]
    assert profile["signed_in"] is False
    assert profile["account"] is None
    assert [e["what"] for e in profile["ends"]] == ["client secret"]
    assert profile["ends"][0]["days"] < 0
    people = run(home, "status")
    assert "oauth: not signed in" in people.out
    assert "outmail signin support" in people.out
    assert "client secret ended on 2020-01-02: make a new one at the provider" in people.out
    assert "s3cret-value" not in people.out + people.err + ended.out


def test_status_says_what_ends_first(home: Path) -> None:
    imported(home)
    workspace = Workspace.open(str(home), False, KeyOptions(env={}))
    profile = workspace.settings.profiles["support"]
    granted = Granted(Secret("access"), 3600, Secret("refresh"), account="desk@example.test")
    until = workspace.tokens.keep("support", profile, granted).signed_in_at + timedelta(days=90)
    (shown,) = [line for line in run(home, "status").out.splitlines() if "oauth: " in line]
    assert shown.endswith(f"oauth: desk@example.test, sign-in until {until:%Y-%m-%d} if unused")


def test_signing_out_where_nobody_is_signed_in_is_no_error(home: Path) -> None:
    imported(home)
    ended = run(home, "signout")
    assert (ended.code, ended.out) == (0, "support: nobody was signed in\n")


def test_an_authority_that_cannot_be_reached_is_told_as_json_and_in_words(home: Path) -> None:
    imported(home)
    ended = run(home, "signin", "--json")
    assert ended.code == 75
    assert ended.json["event"] == "failed"
    assert ended.json["diagnosis"]["id"]
    assert "127.0.0.1" in ended.out
    assert ended.err.startswith("outmail: sign-in of support: ")


def test_a_way_that_needs_a_secret_says_so(home: Path) -> None:
    imported(home)
    ended = run(home, "signin", "--way", "app")
    assert ended.code == 78
    assert "client secret or a certificate" in ended.err


def test_a_password_profile_has_nobody_to_sign_in(home: Path) -> None:
    plain = _PROFILE.partition("[profiles.support.auth]")[0]
    assert run(home, "profile", "import", "-", stdin=plain).code == 0
    for argv in (("signin",), ("signin", "--account", "a@example.test")):
        ended = run(home, *argv)
        assert ended.code == 78
        assert "OAuth" in ended.err
    assert run(home, "signout").code == 0
    assert run(home, "profile", "certificate").code == 78


def test_a_certificate_is_made_kept_and_its_public_part_printed(home: Path) -> None:
    imported(home, 'grant = "client-credentials"\nclient_secret = "s3cret-value"')
    made = run(home, "profile", "certificate", "--days", "30")
    assert made.code == 0
    certificate = x509.load_pem_x509_certificate(made.out.encode())
    assert "outmail support" in certificate.subject.rfc4514_string()
    assert "PRIVATE KEY" not in made.out + made.err
    shown = run(home, "profile", "show", "--json").json
    assert shown["auth"]["oauth"]["certificate"] == {"stored": True}
    assert "client_secret" not in shown["auth"]["oauth"]
    again = run(home, "profile", "certificate", "--show")
    assert again.out == made.out
    assert "s3cret-value" not in made.out + made.err


def test_a_certificate_that_could_not_be_printed_is_there_to_be_shown(home: Path) -> None:
    imported(home)
    line = f'"{sys.executable}" -m outmail profile certificate >/dev/full'
    done = subprocess.run(
        ["sh", "-c", line],
        env={**CLEAN, "OUTMAIL_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 73
    assert "outmail profile certificate support --show" in done.stderr
    shown = run(None, "profile", "certificate", "support", "--show", "--home", str(home))
    assert shown.out.startswith("-----BEGIN CERTIFICATE-----")


def test_there_is_no_certificate_to_show(home: Path) -> None:
    imported(home)
    ended = run(home, "profile", "certificate", "--show")
    assert ended.code == 78
    assert "outmail profile certificate support" in ended.err


def test_keep_alive_is_quiet_when_nothing_is_due(home: Path) -> None:
    imported(home)
    ended = run(home, "signin", "--keep-alive")
    assert (ended.code, ended.out, ended.err) == (0, "", "")


@pytest.mark.parametrize("ending", ["\n", ""])
async def test_lines_of_a_pipe_are_taken_as_they_come(monkeypatch: pytest.MonkeyPatch, ending: str) -> None:
    reading, writing = os.pipe()
    taken: asyncio.Queue[str] = asyncio.Queue()
    with os.fdopen(reading) as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        ended = asyncio.Event()
        async with asyncio.timeout(5), stdin_lines(taken.put_nowait, ended.set):
            os.write(writing, b"\nhttp://localhost/?co")
            os.write(writing, f"de=1{ending}".encode())
            os.close(writing)
            assert await taken.get() == "http://localhost/?code=1"
            await ended.wait()


async def test_a_file_as_stdin_has_its_lines_at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "pasted"
    file.write_text("one\ntwo\n")
    taken: list[str] = []
    with file.open() as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        async with stdin_lines(taken.append, lambda: taken.append("ended")):
            assert taken == ["one", "two", "ended"]


async def test_no_stdin_at_all_is_no_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", None)
    taken: list[str] = []
    async with stdin_lines(taken.append, lambda: taken.append("ended")):
        assert taken == ["ended"]
