"""Opens the screens on the terminal, or says clearly why it cannot; never an escape code into a log."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from outmail.cli import say
from outmail.cli.exits import Exit
from outmail.cli.options import Common

if TYPE_CHECKING:
    from outmail.engine.workspace import Workspace


def terminal() -> bool:
    """Whether there is a terminal to draw on; where there is none, says so."""
    why = _missing()
    if why:
        say.error(
            "the screens cannot open",
            why,
            "over ssh use ssh -t; without a terminal use the commands: outmail --help",
        )
    return not why


def _missing() -> str:
    if sys.stdin is None or not sys.stdin.isatty():
        return "stdin is not a terminal"
    if not sys.stdout.isatty():
        return "stdout is not a terminal"
    if sys.stderr is None or not sys.stderr.isatty():
        return "stderr is not a terminal, and that is where screens are drawn"
    term = os.environ.get("TERM", "")
    if term in {"", "dumb"}:
        return f"TERM is {term or 'not set'}: such a terminal cannot draw screens"
    return ""


def open_screens(common: Common) -> int:
    """The screens on the home that the options name; the wizard first where nothing is set up yet."""
    if not terminal():
        return Exit.USAGE
    from store.errors import ErrorKind, StoreError
    from tui.app import run

    try:
        # The screens open the settings themselves, behind the first frame: it is there sooner.
        return run(lambda: common.workspace(asking=False))
    except StoreError as error:
        if error.kind is not ErrorKind.KEY_MISSING:
            raise
    # Locked with a passphrase that only a person can give: asked for before the screens open.
    return run(common.workspace())


def show(workspace: Workspace) -> int:
    """The screens on this home, until the admin leaves."""
    from tui.app import run

    return run(workspace)
