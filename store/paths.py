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

from store.errors import ErrorKind, StoreError, cannot_read, cannot_write, shell

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
    import platformdirs  # where nobody chose: it would cost every short command otherwise

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


def there(path: Path) -> bool:
    """Whether there is a file; where this user may not look, that is an error and no "no".

    Raises StoreError.
    """
    try:
        return path.exists()
    except OSError as error:
        raise cannot_read(path, error) from error


def give_to_owner(handle: int, folder: Path) -> None:
    """A file that root makes in another user's folder becomes that user's. Raises OSError.

    The service runs as a user of its own; an admin who edits its settings with sudo must not lock it out.
    """
    if os.geteuid() == 0:
        owner = folder.stat()
        if owner.st_uid != 0:
            os.fchown(handle, owner.st_uid, owner.st_gid)


def private_folder(path: Path) -> Path:
    """Make the folder, and those above it that are missing, for its owner alone (0700), whatever the umask.

    A folder of ours that others may read is closed to them; one that they may only pass through
    (`shared_folder`) stays so. Another user's is refused, since its owner could exchange what lies in
    it. Only root may work in it. Raises StoreError.
    """
    found = _own_folder(path)
    try:
        if found.st_mode & 0o066 and found.st_uid == os.geteuid():
            path.chmod(0o700)
    except OSError as error:
        raise cannot_write(path, error) from error
    return path


def shared_folder(path: Path, mode: int, gid: int = -1) -> Path:
    """Make the folder as `private_folder` does, and open it as far as `mode` says to the group `gid`.

    -1 leaves its group. What lies in it guards itself: 0711 lets others through to what they can name.
    Raises StoreError.
    """
    found = _own_folder(path)
    try:
        if gid not in {-1, found.st_gid}:
            os.chown(path, -1, gid)  # this may take bits off the mode: chmod comes after it
        if gid not in {-1, found.st_gid} or stat.S_IMODE(found.st_mode) != mode:
            path.chmod(mode)
    except OSError as error:
        raise cannot_write(path, error) from error
    return path


def _own_folder(path: Path) -> os.stat_result:
    """The folder, made where it is missing, if it is this user's (or this user is root)."""
    try:
        for folder in reversed([path, *path.parents]):
            if not folder.exists():
                folder.mkdir(mode=0o700, exist_ok=True)
                folder.chmod(0o700)
                _hand_over(folder)
        found = path.stat()
        if not stat.S_ISDIR(found.st_mode):
            raise NotADirectoryError(errno.ENOTDIR, "Not a directory", str(path))
    except OSError as error:
        raise cannot_write(path, error) from error
    if os.geteuid() not in {0, found.st_uid}:
        raise StoreError(
            ErrorKind.NOT_WRITABLE,
            f"{path} was not used",
            f"it belongs to another user (uid {found.st_uid})",
            f"choose another folder with --home, or take this one: sudo chown -R $(id -u) {shell(path)}",
        )
    return found


def _hand_over(folder: Path) -> None:
    """What root makes in a user's folder is that user's, folders too."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        give_to_owner(handle, folder.parent)
    finally:
        os.close(handle)
