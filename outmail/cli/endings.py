"""Turns an error that ended a command into its lines on stderr and its exit code.

Loaded only when something went wrong, since it knows the errors of every layer.
"""

from __future__ import annotations

import errno

from outmail.cli import crash, say
from outmail.cli.exits import Exit, of_engine, of_store
from outmail.cli.options import Common, NoSuchProfile
from outmail.engine.errors import EngineError
from store.changes import Change
from store.errors import StoreError
from store.problems import SettingsInvalid
from store.vault import SettingsChanged

_OF_THE_MACHINE = {
    errno.EACCES: Exit.NO_INPUT,
    errno.EPERM: Exit.NO_INPUT,
    errno.ENAMETOOLONG: Exit.NO_INPUT,
    errno.ELOOP: Exit.NO_INPUT,
    errno.EIO: Exit.NO_INPUT,
    errno.EROFS: Exit.CANNOT_WRITE,
    errno.ENOSPC: Exit.CANNOT_WRITE,
    errno.EDQUOT: Exit.CANNOT_WRITE,
    errno.EMFILE: Exit.TRY_LATER,
    errno.ENFILE: Exit.TRY_LATER,
}


def tell(error: Exception, common: Common) -> Exit:
    """Say what went wrong; an error that nobody foresaw is a defect of ours and kept in a file."""
    if isinstance(error, NoSuchProfile):
        say.error(error.what, error.why, error.remedy)
        return Exit.SETTINGS
    if isinstance(error, EngineError):
        say.error(error.what, error.why, error.remedy)
        return of_engine(error.kind)
    if isinstance(error, SettingsInvalid):
        say.problems("the settings are wrong", error.problems, "correct them: run outmail on a terminal")
        return Exit.SETTINGS
    if isinstance(error, StoreError):
        say.error(error.what, error.why, error.remedy)
        if isinstance(error, SettingsChanged):
            for change in error.changes:
                say.talk(f"  {change_line(change)}")
        return of_store(error.kind)
    if isinstance(error, OSError) and error.errno in _OF_THE_MACHINE:
        return _machine(error)
    return _defect(error, common)


def _machine(error: OSError) -> Exit:
    """The machine said no where nobody had foreseen it: that is no defect of ours."""
    what = f"cannot use {error.filename}" if error.filename else "the machine refused"
    place = (
        f"look at it: ls -ld {error.filename}" if error.filename else "see the system's log: journalctl -e"
    )
    say.error(what, (error.strerror or type(error).__name__).lower(), place)
    return _OF_THE_MACHINE[error.errno or 0]


def change_line(change: Change) -> str:
    """One field: its value before and after."""
    return str(change)


def _defect(error: Exception, common: Common) -> Exit:
    try:
        kept = crash.keep(error, common.paths().spool)
    except (StoreError, OSError, RuntimeError):  # the home itself may be what nobody foresaw
        kept = None
    where = f"the details are in {kept}" if kept else "the details could not be written to a file"
    say.error("internal error", type(error).__name__, f"{where}; please report them")
    return Exit.INTERNAL
