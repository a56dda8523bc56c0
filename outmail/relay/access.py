"""Who may do what on this machine: the kernel says who asks, the settings say what that user may.

Admins configure, steer and read the queue; senders hand in mail; nobody else gets anything. A group that
does not exist is an error and never an open door.
"""

from __future__ import annotations

import grp
import logging
import os
import pwd
import socket
import stat
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from outmail.engine.control import SOCKET
from outmail.engine.errors import EngineError, Refusal
from store import relay_settings
from store.errors import cannot_write, shell
from store.paths import Paths, shared_folder

log = logging.getLogger(__name__)

MAILDROP = "maildrop"
SUBMIT = "submit"
REMEMBERED = 10.0
"""Seconds for which the groups of a user are remembered; the question may go to a server (LDAP)."""

_MOST_REMEMBERED = 1000
_PEER = struct.Struct("iII")
_KEPT = -1
"""The group of a file that stays as it is, for chown(2)."""


class Role(StrEnum):
    """What a user of the machine is to the relay."""

    ADMIN = "admin"
    SENDER = "sender"
    NOBODY = "nobody"


class HasOptions(Protocol):
    """A socket, or asyncio's stand-in for one."""

    def getsockopt(self, level: int, option: int, buflen: int, /) -> bytes:
        """See socket(2)."""
        ...


def peer(sock: HasOptions) -> tuple[int, int, int]:
    """Process, user and group of whoever is at the other end of a Unix socket (unix(7), SO_PEERCRED)."""
    process, uid, gid = _PEER.unpack(sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size))
    return process, uid, gid


@dataclass(frozen=True, slots=True)
class Modes:
    """What the kernel is told of it: (mode, group) of each folder and socket; group -1 stays as it is."""

    folder: tuple[int, int]
    """Of the folders of the sockets and of the spool: others pass through at most, and list nothing."""
    control: tuple[int, int]
    submission: tuple[int, int]
    maildrop: tuple[int, int]


class Access:
    """The rules for one relay, which runs as the user `uid`.

    Raises EngineError for a group that does not exist, also from `renew`; then the old rules stay.
    """

    def __init__(
        self,
        settings: relay_settings.Access | None,
        uid: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._uid = uid
        self._clock = clock
        self._known: dict[tuple[int, int], tuple[float, Role]] = {}
        self.renew(settings)

    def renew(self, settings: relay_settings.Access | None) -> None:
        """Take these settings from now on; `prepare` brings the folders and sockets into line."""
        settings = settings or relay_settings.Access()
        admins, senders = (
            _gid("admin_group", settings.admin_group),
            _gid("sender_group", settings.sender_group),
        )
        self._admins, self._senders = admins, senders
        self._everyone = settings.everyone_sends
        self._known.clear()

    def role(self, uid: int, gid: int) -> Role:
        """What this user is, who asks as this group."""
        if uid in {0, self._uid}:
            return Role.ADMIN
        now = self._clock()
        until, known = self._known.get((uid, gid), (0.0, Role.NOBODY))
        if now < until:
            return known
        found = self._role(_groups(uid, gid))
        if len(self._known) >= _MOST_REMEMBERED:
            self._known.clear()
        self._known[uid, gid] = (now + REMEMBERED, found)
        return found

    def may_send(self, uid: int, gid: int) -> bool:
        """Whether this user may hand in mail."""
        return self._everyone or self.role(uid, gid) is not Role.NOBODY

    def name(self, uid: int) -> str:
        """The user's name, for the history; "uid 1234" where there is none."""
        try:
            return pwd.getpwuid(uid).pw_name
        except KeyError:
            return f"uid {uid}"

    @property
    def control_mode(self) -> tuple[int, int]:
        """Mode and group of the control socket."""
        return self.modes.control

    @property
    def submission_mode(self) -> tuple[int, int]:
        """Mode and group of the socket that takes mail."""
        return self.modes.submission

    @property
    def listener_mode(self) -> tuple[int, int]:
        """Mode and group of a listener's Unix socket, where nobody is asked who he is: one group at most."""
        if self._everyone:
            return 0o666, _KEPT
        group = self._admins if self._senders is None else self._senders
        return (0o600, _KEPT) if group is None else (0o660, group)

    @property
    def modes(self) -> Modes:
        """The modes that follow from the settings.

        Where two groups, or all, come to a folder or a socket, its mode lets everybody come that far:
        the socket then asks the kernel who it is, and the folder has nothing to read.
        """
        groups = sorted({gid for gid in (self._admins, self._senders) if gid is not None})
        control = (0o600, _KEPT) if self._admins is None else (0o660, self._admins)
        if self._everyone:
            # What is dropped there belongs to its sender, and to this group, which is to read it.
            return Modes((0o711, _KEPT), control, (0o666, _KEPT), (0o3733, os.getegid()))
        if not groups:
            return Modes((0o700, _KEPT), control, (0o600, _KEPT), (0o700, _KEPT))
        # A folder has one group: with two, admins hand in mail while the relay runs.
        drops = (0o3730, self._senders if self._senders is not None else groups[0])
        if len(groups) == 1:
            return Modes((0o710, groups[0]), control, (0o660, groups[0]), drops)
        return Modes((0o711, _KEPT), control, (0o666, _KEPT), drops)

    def prepare(self, paths: Paths) -> None:
        """Open or close the folders, and the sockets that are there, as the settings say.

        Raises StoreError, and EngineError where the service may not give a folder to a group.
        """
        modes = self.modes
        self._must_be_in(modes)
        # The home, where it is a folder of ours: without it nobody gets to what is in it.
        if paths.spool.parent == paths.vault.parent and modes.folder[0] != 0o700:
            shared_folder(paths.spool.parent, *modes.folder)
        for folder in (paths.spool, paths.run):
            shared_folder(folder, *modes.folder)
        drops = paths.spool / MAILDROP
        if modes.maildrop[0] != 0o700:
            shared_folder(drops, *modes.maildrop)
        elif drops.exists():
            _close(drops)
        for name, (mode, gid) in ((SOCKET, modes.control), (SUBMIT, modes.submission)):
            _open_socket(paths.run / name, mode, gid)
        if modes.folder[0] != 0o700:
            for folder in (paths.run, drops):
                _warn_of_walls(folder)

    def _role(self, groups: set[int]) -> Role:
        if self._admins in groups:
            return Role.ADMIN
        return Role.SENDER if self._everyone or self._senders in groups else Role.NOBODY

    def _must_be_in(self, modes: Modes) -> None:
        """Only root may give a file to a group that it is not in (chown(2)). Raises EngineError."""
        mine = {os.getegid(), *os.getgroups(), _KEPT}
        for _, gid in (modes.folder, modes.control, modes.submission, modes.maildrop):
            if os.geteuid() != 0 and gid not in mine:
                group, user = grp.getgrgid(gid).gr_name, self.name(os.geteuid())
                raise EngineError(
                    Refusal.SETTINGS,
                    f"the group {group} was not let in",
                    f"the relay runs as {user}, who is not in that group",
                    f"sudo usermod -aG {shell(group)} {shell(user)}, then start the relay anew",
                )


def _gid(field: str, name: str | None) -> int | None:
    if name is None:
        return None
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        raise EngineError(
            Refusal.SETTINGS,
            f"relay.access.{field} cannot be used",
            f"this machine has no group {name!r}",
            f"make it (sudo groupadd {shell(name)}), or correct the setting",
        ) from None


def _groups(uid: int, gid: int) -> set[int]:
    """The groups of a user: the one that asks, the first one, and those of /etc/group."""
    try:
        user = pwd.getpwuid(uid)
        return {gid, *os.getgrouplist(user.pw_name, user.pw_gid)}
    except (KeyError, OSError):
        return {gid}


def _close(drops: Path) -> None:
    """Nobody drops mail here any more; what was dropped before still counts as dropped by its owner.

    The collector takes files of others only in a folder that others may write to. Write without search
    lets nobody in, and says just that.
    """
    shared = drops.stat().st_mode & 0o022
    shared_folder(drops, 0o720 if shared and any(drops.iterdir()) else 0o700)


def _open_socket(path: Path, mode: int, gid: int) -> None:
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            return
        os.chown(path, -1, gid, follow_symlinks=False)
        path.chmod(mode)
    except FileNotFoundError:
        return
    except OSError as error:
        raise cannot_write(path, error) from error


def _warn_of_walls(folder: Path) -> None:
    """A folder above that keeps others out is the admin's own: it is told, and left as it is."""
    for above in folder.parents:
        found = above.stat()
        if not found.st_mode & 0o011:
            log.warning(
                "others cannot get to %s: %s is closed to them; chmod o+x %s, or choose another folder",
                folder,
                above,
                shell(above),
            )
            return
