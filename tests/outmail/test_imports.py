"""What a command really loads, seen in a process of its own: speed is kept by imports that do not happen."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

import outmail
from tests.outmail.cli.running import CLEAN

HEAVY = {
    "aiosmtplib",
    "click",
    "cryptography",
    "email_validator",
    "exchangelib",
    "httpx",
    "msal",
    "pydantic",
    "sqlite3",
    "textual",
    "tomlkit",
}

_PROBE = """
import contextlib, io, json, sys
sys.argv = ["outmail", *json.loads(sys.argv[1])]
from outmail.__main__ import main
with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
    code = main()
print(json.dumps([code, sorted(sys.modules)]))
"""


def loaded(home: Path, *argv: str) -> tuple[int, set[str]]:
    """How a command ended, and the modules that it had loaded by then."""
    done = subprocess.run(
        [sys.executable, "-c", _PROBE, json.dumps(argv)],
        env={**CLEAN, "OUTMAIL_HOME": str(home)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    code, modules = json.loads(done.stdout)
    return code, set(modules)


def tops(modules: set[str]) -> set[str]:
    """The packages that they are of."""
    return {name.partition(".")[0] for name in modules}


def test_version_loads_nothing_heavy(tmp_path: Path) -> None:
    code, modules = loaded(tmp_path, "--version")
    assert code == 0
    assert not tops(modules) & (HEAVY | {"tui", "store", "transports"})
    assert {name for name in modules if name.startswith("outmail")} == {
        "outmail",
        "outmail.__main__",
        "outmail.version",
    }


def test_sendmail_loads_neither_click_nor_the_standard_library_at_large(tmp_path: Path) -> None:
    code, modules = loaded(tmp_path, "sendmail", "a@b.test")
    assert code == 0
    assert not tops(modules) & (HEAVY | {"asyncio", "socket", "email", "tui", "transports"})
    assert not {
        name for name in modules if name.startswith(("outmail.cli", "outmail.relay", "outmail.engine"))
    }


def test_help_loads_click_and_no_layer_below(tmp_path: Path) -> None:
    code, modules = loaded(tmp_path, "--help")
    assert code == 0
    assert not tops(modules) & (HEAVY - {"click"} | {"tui", "store"})


@pytest.mark.parametrize(
    "argv",
    [
        ["check"],
        ["check", "--nagios"],
        ["sample", "a@b.c"],
        ["send", "--to", "a@b.c", "--subject", "x"],
        ["profile", "list"],
        ["profile", "import", "/no/such/file"],
        ["key", "status"],
        ["history"],
        ["status"],
        [],
        ["demo"],
    ],
)
def test_commands_without_screens_load_none(tmp_path: Path, argv: Sequence[str]) -> None:
    _, modules = loaded(tmp_path, *argv)
    assert not tops(modules) & {"textual", "tui", "exchangelib", "msal", "httpx"}


def test_history_needs_no_network_library_and_no_key(tmp_path: Path) -> None:
    code, modules = loaded(tmp_path, "history")
    assert code == 0
    assert not tops(modules) & {"aiosmtplib", "aiosmtpd", "python_socks"}


@pytest.mark.parametrize("name", ["tui", "store", "transports"])
def test_a_stray_package_that_shadows_ours_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    (tmp_path / name / "__init__.py").write_text("raise SystemExit('the stray one was imported')\n")
    done = _outmail_in(tmp_path)
    assert done.returncode == 78
    assert done.stdout == ""
    first, second = done.stderr.splitlines()
    assert first.startswith(f"outmail: cannot start: another {name!r} shadows ours: ")
    assert str(tmp_path / name) in first
    assert second.startswith("  ")


def test_a_stray_folder_without_code_is_harmless(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    assert _outmail_in(tmp_path).returncode == 0


@pytest.mark.parametrize("name", ["tui", "store", "transports"])
def test_an_incomplete_installation_is_named(tmp_path: Path, name: str) -> None:
    root = Path(outmail.__file__).parent.parent
    for part in {"outmail", "tui", "store", "transports"} - {name}:
        shutil.copytree(root / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__"))
    done = subprocess.run(
        # -S: without the site, so that only the copy can be found.
        [sys.executable, "-S", "-m", "outmail", "--help"],
        cwd=tmp_path,
        env=CLEAN,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 78
    assert f"its part {name!r} is missing" in done.stderr


def _outmail_in(folder: Path) -> subprocess.CompletedProcess[str]:
    root = Path(outmail.__file__).parent.parent
    return subprocess.run(
        [sys.executable, "-m", "outmail", "--help"],
        cwd=folder,
        env={**CLEAN, "PYTHONPATH": f"{folder}:{root}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_first_frame_needs_neither_settings_nor_engine() -> None:
    probe = "import json, sys; import outmail.cli.screens, tui.app; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, timeout=60, check=True
    )
    assert not tops(set(json.loads(done.stdout))) & (HEAVY - {"click", "textual"})
