"""What docs/recipes.md says to write is taken: settings by outmail, units by systemd."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

import outmail
from tests.outmail.relay.processes import RelayProcess
from tests.servers.process import require

RECIPES = (Path(outmail.__file__).parent.parent / "docs" / "recipes.md").read_text()
PROFILES = "".join(
    f'[profiles.{name}]\nprotocol = "smtp"\nfrom_address = "a@example.org"\nsmtp.host = "smtp.example.org"\n'
    for name in ("support", "people")
)
SETTINGS = re.findall(r"^```toml\n(.*?)^```", RECIPES, re.DOTALL | re.MULTILINE)
UNITS = dict(
    re.findall(r"^```ini\n# /etc/systemd/system/(\S+)\n(.*?)^```", RECIPES, re.DOTALL | re.MULTILINE)
)


@pytest.mark.parametrize("number", range(len(SETTINGS)))
def test_settings(number: int, tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("a long password")
    text = re.sub(r'"/etc/outmail/[a-z]+\.password"', f'"{secret}"', SETTINGS[number])
    done = RelayProcess(tmp_path).outmail("profile", "import", "--check", "-", stdin=PROFILES + text)
    assert done.returncode == 0, done.stderr


@pytest.mark.real
def test_units(tmp_path: Path) -> None:
    """systemd-analyze ends with 0 for a key that it does not know: what it says is what counts."""
    assert sorted(UNITS) == ["outmail.service", "outmail.socket"]
    program = tmp_path / "outmail"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    for name, text in UNITS.items():
        (tmp_path / name).write_text(text.replace("/opt/outmail/bin/outmail", str(program)))
    command = [require("systemd-analyze"), "verify", *(str(tmp_path / name) for name in sorted(UNITS))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert not done.stderr
    assert done.returncode == 0
