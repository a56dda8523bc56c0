"""Streams that are closed, full or in a poor encoding: every command still ends as the contract says."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.outmail.cli.running import CLEAN, Ended, Practice, run


def shell(home: Path, line: str, env: Mapping[str, str] | None = None) -> Ended:
    """A line of sh in which $OUTMAIL is the program."""
    done = subprocess.run(
        ["/bin/sh", "-c", line.replace("$OUTMAIL", f"{sys.executable} -m outmail")],
        env={**CLEAN, "OUTMAIL_HOME": str(home), **(env or {})},
        capture_output=True,
        timeout=60,
        check=False,
    )
    return Ended(done.returncode, done.stdout.decode(), done.stderr.decode())


@pytest.mark.parametrize(
    ("line", "code", "says"),
    [
        ("$OUTMAIL profile import - <&-", 66, "outmail: cannot read stdin: stdin is closed"),
        ("$OUTMAIL profile remove nobody <&-", 78, "outmail: unknown profile"),
        ("$OUTMAIL profile import ''", 66, "outmail: cannot read a file without a name"),
        ("$OUTMAIL key passphrase <&-", 66, "outmail: there is no key yet"),
        ("$OUTMAIL <&-", 64, "outmail: the screens cannot open: stdin is not a terminal"),
        ("$OUTMAIL status >&-", 0, ""),
        ("$OUTMAIL check <&- >&- 2>&-", 78, ""),
        ("$OUTMAIL bogus 2>/dev/full", 64, ""),
        ("$OUTMAIL check 2>/dev/full", 78, ""),
        ("$OUTMAIL --version >/dev/full", 73, "outmail: the result was not printed"),
        ("$OUTMAIL --version >&-", 0, ""),
        ("$OUTMAIL --passphrase-fd 99999999999999999999 status", 64, "outmail: wrong use"),
        ("$OUTMAIL --home /dev/null/x demo --headless", 73, "outmail: /dev/null/x"),
    ],
)
def test_a_stream_that_is_closed_or_full(home: Path, line: str, code: int, says: str) -> None:
    done = shell(home, line)
    assert done.code == code, done.err
    assert done.err.startswith(says)
    assert "Traceback" not in done.err
    assert "internal error" not in done.err


def test_a_mail_without_stdin_is_not_sent(ready: Callable[..., Ended], home: Path, tenant: Practice) -> None:
    assert ready("profile", "list").code == 0
    before = len(tenant.mails())
    done = shell(home, "$OUTMAIL send --to a@example.org --subject x --body-file - <&-")
    assert (done.code, done.err.splitlines()[0]) == (66, "outmail: --body-file -: stdin is closed")
    assert len(tenant.mails()) == before
    done = shell(home, "$OUTMAIL sample a@example.org <&- >&- 2>&-")
    assert (done.code, len(tenant.mails())) == (0, before + 1)


@pytest.mark.parametrize("locale", [{"LC_ALL": "C"}, {"LC_ALL": "POSIX"}, {"LANG": "C"}])
def test_in_the_locale_c_everything_of_ours_is_ascii(
    ready: Callable[..., Ended], home: Path, locale: dict[str, str]
) -> None:
    assert ready("profile", "list").code == 0
    for argv in (["check"], ["sample", "--help"], ["send", "--help"], ["profile", "list"], ["status"]):
        done = run(home, *argv, env=locale)
        assert done.code == 0
        assert done.out.isascii()
        assert done.err.isascii()


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_json_and_profile_files_are_right_in_every_encoding(home: Path, encoding: str) -> None:
    text = (
        '[profiles.a]\nprotocol = "smtp"\nsender_name = "Jürgen 你好"\nfrom_address = "a@example.org"\n'
        '[profiles.a.smtp]\nhost = "127.0.0.1"\n'
    )
    assert run(home, "profile", "import", "-", stdin=text).code == 0
    env = {"PYTHONIOENCODING": encoding}
    shown = subprocess.run(
        [sys.executable, "-m", "outmail", "profile", "show", "--json"],
        env={**CLEAN, "OUTMAIL_HOME": str(home), **env},
        capture_output=True,
        check=True,
    )
    assert json.loads(shown.stdout.decode(encoding))["sender_name"] == "Jürgen 你好"
    exported = run(home, "profile", "export", env=env)
    assert 'sender_name = "Jürgen 你好"' in exported.out
    assert run(home, "profile", "import", "-", stdin=exported.out).code == 0


def test_verbose_shows_what_was_learned_and_said_without_secrets(
    ready: Callable[..., Ended], tenant: Practice
) -> None:
    done = ready("check", "--verbose")
    assert done.code == 0
    for words in ("cipher: TLS_", "certificate names: localhost", "C: EHLO ", "C: AUTH PLAIN ***"):
        assert words in done.out
    assert tenant.says["password"] not in done.out
    tenant.fault("primary", "password-refused")
    failed = ready("check", "--json").json["servers"][0]["steps"]
    step = next(s for s in failed if s["status"] == "fail")
    assert step["dialogue"][0] == "C: AUTH PLAIN ***"
    assert all("dialogue" not in s for s in failed if s["status"] != "fail")


def test_a_history_that_cannot_be_written_is_a_warning_since_the_settings_are_saved(home: Path) -> None:
    (home / "spool").mkdir(parents=True)
    (home / "spool" / "history.db").mkdir()  # a folder in its place stops root too
    text = (
        '[profiles.a]\nprotocol="smtp"\nfrom_address="a@example.org"\n[profiles.a.smtp]\nhost="127.0.0.1"\n'
    )
    done = run(home, "profile", "import", "-", stdin=text)
    assert done.code == 0
    assert done.err.startswith("outmail: the history was not written: ")
    assert "fields changed" in done.out
    assert [p["profile"] for p in run(home, "profile", "list", "--json").json] == ["a"]
