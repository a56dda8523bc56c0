"""A full disk, a read-only one, a folder of somebody else's: a remedy, and the settings as they were.

Root is stopped by no file mode, so these run as another user or on small mounts of their own.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import store

ROOT = Path(store.__file__).parent.parent
NOBODY = 65534

SCRIPT = """
import os, sys
from pathlib import Path
home, fill = Path(sys.argv[1]), sys.argv[2]
from datetime import UTC, datetime
from store.changes import Change
from store.errors import StoreError
from store.history import History
from store.vault import Snapshot
from tests.store import samples
one, NOW = samples.vault(home / "vault"), datetime.now(UTC)
base = one.save(samples.settings("a"), one.load(), "ann")
History(home / "spool").record_settings([Change("f", "", "first")], "ann", NOW)
exec(os.environ.get("THEN", ""))
before = samples.files(home / "vault")
for work in (
    lambda: one.save(samples.settings(*["b"] * 40), base, "ann"),
    lambda: samples.vault(home / "vault").rotate(),
    lambda: History(home / "spool").record_settings([Change("f", "", "x" * 500000)], "ann", NOW),
):
    try:
        work()
    except StoreError as error:
        print(error.kind, "|", error, "|", error.remedy)
    else:
        print("no error")
    assert samples.vault(home / "vault").load() == base
    assert not list((home / "vault").glob(".*tmp")), list((home / "vault").iterdir())
print("read", len(History(home / "spool").entries()))
print("same" if samples.files(home / "vault")["settings.vault"] == before["settings.vault"] else "other")
"""

FILL = """
with open(home / "filler", "wb", buffering=0) as filler:
    size = 4096
    while size:
        try:
            filler.write(b"x" * size)
        except OSError:
            size //= 2
"""


def mount(tmp_path: Path, options: str, then: str) -> list[str]:
    """Run the script on a tmpfs of its own in a mount namespace of its own; its lines."""
    folder = tmp_path / "mount"
    folder.mkdir()
    line = f'mount -t tmpfs -o {options} tmpfs {folder} && exec {sys.executable} -c "$SCRIPT" {folder} x'
    command = ["unshare", "-m", "sh", "-c", line]
    probe = ["unshare", "-m", "sh", "-c", f"mount -t tmpfs tmpfs {folder}"]
    try:
        possible = subprocess.run(probe, capture_output=True, check=False, timeout=20).returncode == 0
    except FileNotFoundError:
        possible = False
    if not possible:
        pytest.skip("needs a mount namespace: run as root, with unshare")
    env = {
        **os.environ,
        "SCRIPT": SCRIPT,
        "THEN": then,
        "PYTHONPATH": str(ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_a_full_disk(tmp_path: Path) -> None:
    save, rotate, history, read, same = mount(tmp_path, "size=256k,mode=700", FILL)
    for line in (save, rotate, history):
        assert line.startswith("full |")
        assert "the disk is full" in line
        assert "df -h" in line
    assert read == "read 1", "what was written before can be read"
    assert same == "same"


def test_a_disk_that_became_read_only(tmp_path: Path) -> None:
    then = "import subprocess; subprocess.run(['mount', '-o', 'remount,ro', str(home)], check=True)"
    save, rotate, history, read, same = mount(tmp_path, "size=4m,mode=700", then)
    for line in (save, rotate, history):
        assert line.startswith("not-writable |")
        assert "read-only file system" in line
    assert read == "read 1", "what was written before can be read"
    assert same == "same"


def test_a_folder_of_somebody_elses(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root, to become somebody else")
    folder = tmp_path / "theirs"
    (folder / "vault").mkdir(parents=True)
    for open_to_all in (folder, folder / "vault"):
        open_to_all.chmod(0o755)
    # It is entered before the rights are given up: the folders above may be root's alone.
    script = f"""
import os
from pathlib import Path
from store.errors import StoreError
from tests.store import samples
os.chdir(os.environ["FOLDER"])
one = samples.vault(Path("vault"))
base = one.load()
os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY})
try:
    one.save(samples.settings(), base, "eve")
except StoreError as error:
    print(error.kind, "|", error, "|", error.remedy)
"""
    env = {**os.environ, "FOLDER": str(folder), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, env=env, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("not-writable |")
    assert "belongs to another user (uid 0)" in done.stdout
    assert "chown -R" in done.stdout
    assert not list((folder / "vault").iterdir())
