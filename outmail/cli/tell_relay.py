"""Tells the running relay that settings or a sign-in were saved: waiting mail takes the new ones at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from outmail.cli import say

if TYPE_CHECKING:
    from store.paths import Paths


def settings_saved(paths: Paths) -> None:
    """Have it read them; silent where none runs, and a warning where it does not do all of it."""
    from outmail.engine.control import NotRunning, ask
    from store.errors import StoreError

    try:
        ask(paths.run, "reload")
    except NotRunning:
        return
    except StoreError as error:
        say.warning(f"they are saved; {error}")
        if error.remedy:
            say.talk(f"  {error.remedy}")
