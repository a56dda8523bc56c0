"""Every exit code of the contract is reached, each with one line of error and its remedy on stderr."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from outmail.cli.exits import Exit, Nagios, of_failure
from tests.outmail.cli.running import CLEAN, Ended, Practice, run
from transports.base import Cause, Failure, Scope, StepName, Verdict

_PLAIN = """
[profiles.x]
protocol = "smtp"
from_address = "a@practice.test"
[profiles.x.smtp]
host = "127.0.0.1"
port = 1
"""


def _is_an_error(ended: Ended) -> None:
    first, *rest = ended.err.splitlines()
    assert re.match(r"outmail: [^:]+.*: .+", first), ended.err
    assert "Traceback" not in ended.err
    assert "\x1b" not in ended.err + ended.out
    assert all(line.startswith(("  ", "Usage: ", "Try: ", "outmail: ")) for line in rest)


def _import(home: Path, text: str = _PLAIN) -> None:
    assert run(home, "profile", "import", "-", stdin=text).code == 0


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (["frobnicate"], "No such command 'frobnicate'"),
        (["signin", "--way", "carrier-pigeon"], "is not one of"),
        (["check", "--colour"], "No such option"),
        (["check", "--server", "third"], "'third' is not one of"),
        (["check", "--json", "--nagios"], "together"),
        (["sample"], "Missing argument 'TO'"),
        (["send", "--subject", "x"], "Missing option '--to'"),
        (["profile"], "Missing command"),
        (["profile", "frobnicate"], "No such command"),
        (["history", "--limit", "none"], "not a valid integer"),
        (["demo", "--headless", "--unless-set-up"], "together"),
        (["--passphrase-fd", "-1", "check"], "Invalid value"),
    ],
)
def test_wrong_use_is_64_with_the_usage(home: Path, argv: list[str], says: str) -> None:
    ended = run(home, *argv)
    assert ended.code == 64
    assert ended.out == ""
    _is_an_error(ended)
    assert says in ended.err
    assert "Usage: outmail" in ended.err


@pytest.mark.parametrize("argv", [[], ["demo"], ["demo", "--unless-set-up"]])
def test_without_a_terminal_the_screens_say_so_and_write_no_escape_codes(home: Path, argv: list[str]) -> None:
    ended = run(home, *argv, env={"TERM": "xterm-256color"})
    assert ended.code == 64
    _is_an_error(ended)
    assert "not a terminal" in ended.err
    assert ended.out == ""


@pytest.mark.parametrize(
    ("options", "names"),
    [
        (["--to", "a@b.c\r\nBcc: x@y.z", "--subject", "x"], "To: "),
        (["--to", "a@b.c", "--cc", "c@d.e\nRCPT", "--subject", "x"], "Cc: "),
        (["--to", "a@b.c", "--bcc", "nobody", "--subject", "x"], "Bcc: "),
        (["--to", "a@b.c", "--subject", "x\nBcc: x@y.z"], "Subject: "),
        (["--to", "a@b.c", "--subject", "x\x1b[2J"], "Subject: "),
    ],
)
def test_header_injection_is_65_and_names_the_field(home: Path, options: list[str], names: str) -> None:
    _import(home)
    ended = run(home, "send", *options)
    assert ended.code == 65
    _is_an_error(ended)
    assert names in ended.err.splitlines()[0]


def test_a_body_that_is_not_text_is_65(home: Path) -> None:
    _import(home)
    ended = run(home, "send", "--to", "a@b.c", "--subject", "x", "--body-file", "-", stdin=b"\xff\xfe\x00")
    assert ended.code == 65
    _is_an_error(ended)


@pytest.mark.parametrize(
    "argv",
    [
        ["profile", "import", "/no/such/file"],
        ["profile", "import", "/"],
        ["send", "--to", "a@b.c", "--subject", "x", "--attach", "/no/such/file"],
        ["send", "--to", "a@b.c", "--subject", "x", "--body-file", "/no/such/file"],
        ["send", "--to", "a@b.c", "--subject", "x", "--html-file", "/no/such/file"],
    ],
)
def test_a_missing_file_is_66(home: Path, argv: list[str]) -> None:
    _import(home)
    ended = run(home, *argv)
    assert ended.code == 66
    _is_an_error(ended)


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("relay-denied", 69),
        ("down", 75),
        ("busy", 75),
        ("tempfail", 75),
        ("password-refused", 77),
        ("expired", 78),
        ("wrong-name", 78),
        ("no-starttls", 78),
    ],
)
def test_what_the_server_does_decides(
    ready: Callable[..., Ended], tenant: Practice, fault: str, code: int
) -> None:
    tenant.fault("primary", fault)
    ended = ready("check")
    assert ended.code == code, ended.out + ended.err
    _is_an_error(ended)
    assert "  do " in ended.out  # the remedy stands in the ladder
    sent = ready("sample", "a@practice.test", "--server", "primary", "--json")
    assert sent.code == code
    assert sent.json["ok"] is False
    assert sent.json["error"]
    assert {"id", "title", "remedy"} <= sent.json["diagnosis"].keys()


def test_what_cannot_be_written_is_73_and_the_settings_stay(home: Path) -> None:
    _import(home)
    # File modes do not bind root, under whom tests often run; a limit on the size of files does.
    code = (
        "import resource, sys\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))\n"
        "from outmail.cli.app import run\n"
        "sys.exit(run(['profile', 'import', '-']))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=_PLAIN.replace("port = 1", "port = 2"),
        env={**CLEAN, "OUTMAIL_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 73
    _is_an_error(Ended(73, done.stdout, done.stderr))
    assert "127.0.0.1:1" in run(home, "profile", "list").out


def test_the_wrong_key_and_no_key_are_77(home: Path, tmp_path: Path) -> None:
    _import(home)
    other = tmp_path / "other.key"
    other.write_text("x" * 64)
    other.chmod(0o600)
    wrong = run(home, "check", "--key-file", str(other))
    assert wrong.code == 77
    _is_an_error(wrong)
    (home / "vault" / "outmail.key").unlink()
    missing = run(home, "profile", "list")
    assert missing.code == 77
    _is_an_error(missing)


def test_settings_that_are_missing_wrong_or_damaged_are_78(home: Path) -> None:
    empty = run(home, "check")
    assert empty.code == 78
    assert "profile import" in empty.err
    _import(home)
    unknown = run(home, "check", "y")
    assert unknown.code == 78
    _is_an_error(unknown)
    vault = home / "vault" / "settings.vault"
    vault.write_bytes(vault.read_bytes()[:-20])
    damaged = run(home, "profile", "list")
    assert damaged.code == 78
    _is_an_error(damaged)


def test_a_typo_in_a_profiles_name_gets_a_suggestion(home: Path) -> None:
    _import(home, _PLAIN.replace("profiles.x", "profiles.support"))
    assert "did you mean support?" in run(home, "check", "suport").err


def test_a_defect_of_ours_is_70_without_a_traceback_and_kept_without_values(home: Path) -> None:
    code = (
        "import sys, outmail.cli.history as h, store.history as s\n"
        "def broken(self, limit, message_id=None):\n"
        "    password = 'MARK-LOCAL'\n"
        "    raise ValueError('MARK-TEXT ' + password)\n"
        "s.History.entries = broken\n"
        "from outmail.cli.app import run\n"
        "sys.exit(run(['history']))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**CLEAN, "OUTMAIL_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 70
    _is_an_error(Ended(70, done.stdout, done.stderr))
    assert "internal error" in done.stderr
    log = home / "spool" / "internal-errors.log"
    assert str(log) in done.stderr
    assert "in broken" in log.read_text()
    assert "MARK" not in log.read_text() + done.stderr
    assert log.stat().st_mode & 0o077 == 0


def test_a_full_stdout_is_73_and_a_closed_pipe_is_quiet(home: Path) -> None:
    command = [sys.executable, "-m", "outmail", "--help"]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, env=CLEAN, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 73
    assert done.stderr.startswith("outmail: the result was not printed: no space left")
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(command, env=CLEAN, stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    assert done.returncode == 141
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("fault", "which", "code", "word"),
    [
        ("none", "primary", 0, "OK"),
        ("ends-soon", "primary", 1, "WARNING"),
        ("down", "all", 2, "CRITICAL"),
        ("password-refused", "primary", 2, "CRITICAL"),
    ],
)
def test_nagios(
    ready: Callable[..., Ended], tenant: Practice, fault: str, which: str, code: int, word: str
) -> None:
    tenant.fault("primary", fault)
    ended = ready("check", "--nagios", "--server", which)
    assert (ended.code, ended.err) == (code, "")
    (line,) = ended.out.splitlines()
    status, data = line.split(" | ")
    assert status.startswith(f"OUTMAIL {word} - support: primary 127.0.0.1:")
    assert re.fullmatch(r"time=\d+\.\d{3}s( \w+=-?\d+;[\d:]*;[\d:]*(;[\d:]*)?)+", data)


def test_nagios_without_settings_is_unknown(home: Path) -> None:
    ended = run(home, "check", "--nagios")
    assert (ended.code, ended.err) == (Nagios.UNKNOWN, "")
    assert ended.out.startswith("OUTMAIL UNKNOWN - ")


@pytest.mark.parametrize(
    ("scope", "verdict", "cause", "code"),
    [
        (Scope.SERVER, Verdict.RETRY, Cause.TIMED_OUT, Exit.TRY_LATER),
        (Scope.MESSAGE, Verdict.UNCERTAIN, Cause.CONNECTION_LOST, Exit.TRY_LATER),
        (Scope.SIGN_IN, Verdict.FIX_SETTINGS, Cause.ANSWER, Exit.NOT_ALLOWED),
        (Scope.SIGN_IN, Verdict.RETRY, Cause.ANSWER, Exit.TRY_LATER),
        (Scope.SERVER, Verdict.FIX_SETTINGS, Cause.PROXY_SIGN_IN, Exit.NOT_ALLOWED),
        (Scope.SERVER, Verdict.FIX_SETTINGS, Cause.CERTIFICATE_EXPIRED, Exit.SETTINGS),
        (Scope.SERVER, Verdict.FIX_SETTINGS, Cause.ANSWER, Exit.REFUSED),
        (Scope.RECIPIENT, Verdict.REJECT, Cause.ANSWER, Exit.REFUSED),
        (Scope.MESSAGE, Verdict.REJECT, Cause.MESSAGE_TOO_LARGE, Exit.REFUSED),
        (Scope.SENDER, Verdict.REJECT, Cause.UNSAFE_TEXT, Exit.DATA),
    ],
)
def test_the_table_of_failures(scope: Scope, verdict: Verdict, cause: Cause, code: Exit) -> None:
    assert of_failure(Failure(StepName.SEND, scope, verdict, cause)) is code
