"""Where everything lies: encrypted settings, spool and sockets; of a user, a service, or in one folder.

It must never choose a shared temporary folder.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from store.errors import cannot_write

SYSTEM_STATE = Path("/var/lib/outmail")
SYSTEM_RUN = Path("/run/outmail")


@dataclass(frozen=True, slots=True)
class Paths:
    """Three folders: the vault (settings, secrets), the spool (history, queue), and run (sockets)."""

    vault: Path
    spool: Path
    run: Path


def locate(
    home: str | None = None,
    system: bool = False,
    env: Mapping[str, str] = os.environ,
    uid: int | None = None,
) -> Paths:
    """The folders to use; nothing is created.

    `home` beats OUTMAIL_HOME beats `system` beats the default, which is the user's own folders, and
    the machine's for root. systemd's STATE_DIRECTORY and RUNTIME_DIRECTORY replace both of the latter
    (systemd.exec(5); of several folders separated by colons the first is ours).
    """
    chosen = home or env.get("OUTMAIL_HOME")
    if chosen:
        root = Path(chosen).expanduser().absolute()
        return Paths(root / "vault", root / "spool", root / "run")
    state = _first(env.get("STATE_DIRECTORY"))
    run = _first(env.get("RUNTIME_DIRECTORY"))
    if system or (os.geteuid() if uid is None else uid) == 0:
        state, run = state or SYSTEM_STATE, run or SYSTEM_RUN
    if state:
        return Paths(state / "vault", state / "spool", run or _user_run(env) or state / "run")
    config = _first(env.get("XDG_CONFIG_HOME"))
    vault = config / "outmail" if config else platformdirs.user_config_path("outmail")
    states = _first(env.get("XDG_STATE_HOME"))
    spool = states / "outmail" if states else platformdirs.user_state_path("outmail")
    return Paths(vault, spool, run or _user_run(env) or spool / "run")


def _first(folders: str | None) -> Path | None:
    """The first of a list of folders; one that is not absolute counts for nothing (XDG base directories)."""
    first = Path((folders or "").split(":")[0])
    return first if first.is_absolute() else None


def _user_run(env: Mapping[str, str]) -> Path | None:
    base = _first(env.get("XDG_RUNTIME_DIR"))
    return base / "outmail" if base else None


def private_folder(path: Path) -> Path:
    """Make the folder, and those above it that are missing, for its owner alone (0700), whatever the umask.

    A folder of ours that others may enter is closed to them. Raises StoreError.
    """
    try:
        for folder in reversed([path, *path.parents]):
            if not folder.exists():
                folder.mkdir(mode=0o700, exist_ok=True)
                folder.chmod(0o700)
        found = path.stat()
        if not stat.S_ISDIR(found.st_mode):
            raise NotADirectoryError(errno.ENOTDIR, "Not a directory", str(path))
        if found.st_mode & 0o077 and found.st_uid == os.geteuid():
            path.chmod(0o700)
    except OSError as error:
        raise cannot_write(path, error) from error
    return path
