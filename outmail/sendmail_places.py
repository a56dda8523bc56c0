"""Where sendmail finds the relay's socket and the maildrop: of this user, of the machine, or of one folder.

The rules are those of store.paths (the contract's 'Where things are'), which imports too much for a program
that runs for each mail; a test holds the two together. It must never make a folder of another user's.
"""

from __future__ import annotations

import errno
import posix as os  # what os takes its functions from; os itself takes too long

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

SYSTEM_SPOOL = "/var/lib/outmail/spool"
SYSTEM_RUN = "/run/outmail"


class Place:
    """A home: the folders of its sockets and its spool.

    `ours`: this user may make what is missing there. `set_up`: somebody will collect what is dropped.
    """

    __slots__ = ("ours", "run", "set_up", "spool")

    def __init__(self, run: str, spool: str, *, ours: bool, set_up: bool = True) -> None:
        self.run = run
        self.spool = spool
        self.ours = ours
        self.set_up = set_up

    @property
    def socket(self) -> str:
        """Where the relay takes mail."""
        return f"{self.run}/submit"

    @property
    def maildrop(self) -> str:
        """Where mail waits for the relay."""
        return f"{self.spool}/maildrop"


def locate(home: str, system: bool, env: Mapping[str, str], uid: int) -> Place:
    """The place to use; nothing is made, and for a plain user it may be the machine's.

    That is so where the user has no settings of their own, and the machine has a relay.
    """
    chosen = home or env.get("OUTMAIL_HOME", "")
    if chosen:
        # Not abspath: of a link, ".." is another folder than it makes of it.
        root = _expanded(chosen).rstrip("/")
        root = root if root.startswith("/") else f"{os.getcwd()}/{root}"
        return Place(f"{root}/run", f"{root}/spool", ours=True)
    state, run = _first(env.get("STATE_DIRECTORY")), _first(env.get("RUNTIME_DIRECTORY"))
    user_run = _first(env.get("XDG_RUNTIME_DIR"))
    user_run = f"{user_run}/outmail" if user_run else ""
    if system or uid == 0:
        spool = f"{state}/spool" if state else SYSTEM_SPOOL
        return Place(run or SYSTEM_RUN, spool, ours=uid == 0 or bool(state))
    if state:
        return Place(run or user_run or f"{state}/run", f"{state}/spool", ours=True)
    config = _first(env.get("XDG_CONFIG_HOME")) or _expanded("~/.config")
    states = _first(env.get("XDG_STATE_HOME")) or _expanded("~/.local/state")
    set_up = _there(f"{config}/outmail/settings.vault")
    own = Place(run or user_run or f"{states}/outmail/run", f"{states}/outmail", ours=True, set_up=set_up)
    if not set_up:
        machine = Place(SYSTEM_RUN, SYSTEM_SPOOL, ours=False)
        if _there(machine.socket) or _there(machine.maildrop):
            return machine
    return own


def environment() -> dict[str, str]:
    """The environment of the process, as os.environ has it."""
    return {name.decode("utf-8", "replace"): _text(value) for name, value in os.environ.items()}


def _text(value: bytes) -> str:
    return value.decode("utf-8", "surrogateescape")


def _expanded(path: str) -> str:
    """With the user's own folder in place of "~"."""
    if not path.startswith("~"):
        return path
    home = _text(os.environ.get(b"HOME", b""))
    if path.startswith("~/") and home:
        return home.rstrip("/") + path[1:]
    from os.path import expanduser

    return expanduser(path)  # noqa: PTH111


def _first(folders: str | None) -> str:
    """The first of a list of folders; one that is not absolute counts for nothing."""
    first = (folders or "").partition(":")[0]
    return first.rstrip("/") if first.startswith("/") else ""


def _there(path: str) -> bool:
    """Whether there is such a file; one that this user may not look at counts as there."""
    try:
        os.stat(path)
    except OSError as error:
        return error.errno in {errno.EACCES, errno.EPERM}
    return True
