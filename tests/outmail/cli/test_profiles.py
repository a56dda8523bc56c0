"""Profiles from files and back; what is shown of them, to people and to programs."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from outmail.cli.app import COMMANDS, outmail
from tests.outmail.cli.running import Ended, Practice, run

_PLAIN = """
[profiles.x]
protocol = "smtp"
from_address = "a@practice.test"
[profiles.x.smtp]
host = "127.0.0.1"
port = 1
"""


def test_export_imports_again_and_changes_nothing(ready: Callable[..., Ended]) -> None:
    exported = ready("profile", "export", "support")
    assert exported.code == 0
    profile = tomllib.loads(exported.out)["profiles"]["support"]
    assert profile["auth"]["password"] == {"stored": True}
    again = ready("profile", "import", "-", stdin=exported.out)
    assert again.code == 0
    assert "nothing changed" in again.out
    assert again.err == ""


def test_import_tells_what_changed_and_hints_at_plain_secrets(home: Path, tenant: Practice) -> None:
    first = run(home, "profile", "import", "-", stdin=tenant.profile())
    assert first.code == 0
    assert "profiles.support.auth.password: (secret)" in first.out
    assert "profiles.support.auth.password" in first.err
    assert "{ file = " in first.err
    second = run(home, "profile", "import", "-", stdin=tenant.profile().replace("Größe", "Rat"))
    assert "1 field changed" in second.out
    assert "sender_name: Hilfe & Größe -> Hilfe & Rat" in second.out


@pytest.mark.parametrize("option", ["--check", "--diff"])
def test_looking_at_a_file_changes_nothing(home: Path, tmp_path: Path, option: str) -> None:
    file = tmp_path / "x.toml"
    file.write_text(_PLAIN)
    ended = run(home, "profile", "import", option, str(file))
    assert ended.code == 0
    assert ("from_address: a@practice.test" in ended.out) is (option == "--diff")
    assert not (home / "vault").exists()


def test_a_wrong_file_names_every_field_and_replaces_nothing(home: Path, tmp_path: Path) -> None:
    assert run(home, "profile", "import", "-", stdin=_PLAIN).code == 0
    file = tmp_path / "x.toml"
    file.write_text(
        _PLAIN.replace("port = 1", 'port = "x"\nsecurty = "tls"').replace("a@practice", "practice")
        + '[profiles.good]\nprotocol = "smtp"\nfrom_address = "b@practice.test"\n'
        '[profiles.good.smtp]\nhost = "127.0.0.1"\n'
    )
    ended = run(home, "profile", "import", str(file))
    assert ended.code == 78
    assert ended.out == ""
    assert ended.err.startswith(f"outmail: {file}: 3 problems")
    for field in ("profiles.x.smtp.port: ", "profiles.x.smtp.securty: ", "profiles.x.from_address: "):
        assert field in ended.err
    assert "did you mean security?" in ended.err
    assert run(home, "profile", "list", "--json").json == [
        {
            "profile": "x",
            "default": True,
            "protocol": "smtp",
            "address": "127.0.0.1:1",
            "from_address": "a@practice.test",
            "method": "none",
        }
    ]


@pytest.mark.parametrize("content", [b"x = [", b"\xff\xfe\x00", b"", b"\0\0", b"[profiles]\n" * 2])
def test_a_file_that_is_no_profile_file(home: Path, tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "x.toml"
    file.write_bytes(content)
    ended = run(home, "profile", "import", str(file))
    assert ended.code in {65, 78}
    assert ended.err.startswith("outmail: ")
    assert not (home / "vault").exists()


def test_show_names_every_field_and_no_secret(ready: Callable[..., Ended], tenant: Practice) -> None:
    shown = ready("profile", "show")
    assert "auth.password" in shown.out
    assert "(stored)" in shown.out
    assert "true" not in shown.out.split("auth.password")[1].splitlines()[0]
    as_json = ready("profile", "show", "support", "--json").json
    assert (as_json["profile"], as_json["default"], as_json["protocol"]) == ("support", True, "smtp")
    assert as_json["auth"]["password"] == {"stored": True}


def test_default_and_remove(home: Path) -> None:
    two = _PLAIN + _PLAIN.replace("profiles.x", "profiles.y")
    assert run(home, "profile", "import", "-", stdin=two).code == 0
    assert "profile default" in run(home, "check").err
    assert run(home, "profile", "default", "y").code == 0
    assert [p["default"] for p in run(home, "profile", "list", "--json").json] == [False, True]
    assert run(home, "profile", "remove", "y").code == 0
    assert [p["profile"] for p in run(home, "profile", "list", "--json").json] == ["x"]
    assert run(home, "profile", "remove", "y").code == 78


def test_a_profile_that_another_fails_over_to_stays(home: Path) -> None:
    two = _PLAIN + _PLAIN.replace("profiles.x", "profiles.y") + '[profiles.y.failover]\nprofile = "x"\n'
    assert run(home, "profile", "import", "-", stdin=two).code == 0
    ended = run(home, "profile", "remove", "x")
    assert ended.code == 78
    assert "y would fail over to it" in ended.err


def test_common_options_stand_before_or_after(home: Path, tmp_path: Path) -> None:
    assert run(None, "--home", str(home), "profile", "import", "-", stdin=_PLAIN).code == 0
    for argv in (
        ("profile", "list", "--home", str(home)),
        ("profile", "--home", str(home), "list"),
        ("--home", str(tmp_path / "other"), "profile", "list", "--home", str(home)),
    ):
        assert "127.0.0.1:1" in run(None, *argv).out


def test_status_and_an_empty_history(home: Path) -> None:
    status = run(home, "status", "--json")
    found = status.json
    assert {key: found["relay"][key] for key in ("running", "paused", "listening")} == {
        "running": False,
        "paused": False,
        "listening": [],
    }
    assert found["queue"] == {"waiting": 0, "sending": 0, "uncertain": 0, "held": 0, "dead": 0}
    assert (found["profiles"], found["sent"]) == ([], 0)
    assert run(home, "history", "--json").json == []
    assert run(home, "profile", "import", "-", stdin=_PLAIN).code == 0
    (profile,) = run(home, "status", "--json").json["profiles"]
    assert {
        "profile",
        "protocol",
        "active",
        "address",
        "since",
        "reason",
        "signed_in",
        "paused",
    } <= profile.keys()
    assert (profile["active"], profile["signed_in"]) == ("primary", True)
    (entry,) = run(home, "history", "--json").json
    assert entry["event"] == "settings"
    assert {c["field"] for c in entry["changes"]} >= {"profiles.x.smtp.host", "profiles.x.from_address"}


def test_every_command_has_help_with_an_example_within_80_columns() -> None:
    from click.testing import CliRunner

    runner = CliRunner()
    commands = [[name] for section in COMMANDS.values() for name in section]
    commands += [
        ["profile", n] for n in ("list", "show", "export", "import", "remove", "default", "certificate")
    ]
    commands += [["key", n] for n in ("status", "rotate", "passphrase", "keyfile")]
    commands += [["queue", n] for n in ("list", "show", "causes", "retry", "hold", "release", "delete")]
    for argv in [[], *commands]:
        shown = runner.invoke(outmail, [*argv, "--help"], prog_name="outmail", terminal_width=80)
        assert shown.exit_code == 0
        assert max(map(len, shown.output.splitlines())) <= 80, argv
        example = "Example: printf" if argv == ["sendmail"] else "Example: outmail"
        assert not argv or example in shown.output, argv
