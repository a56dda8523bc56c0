"""What went wrong, in the words a dialog shows: what, why and the remedy; never a traceback."""

from __future__ import annotations

from dataclasses import dataclass

from outmail.engine.errors import EngineError
from store.errors import StoreError
from store.problems import SettingsInvalid

Expected = (EngineError, StoreError, SettingsInvalid)
"""The errors that a screen catches; anything else is a defect of ours and ends the program."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """Three parts that an admin can act on."""

    what: str
    why: str
    remedy: str


def trouble(error: EngineError | StoreError | SettingsInvalid) -> Trouble:
    """The error's own parts."""
    if isinstance(error, SettingsInvalid):
        return Trouble(
            "The settings were not saved",
            "; ".join(str(problem) for problem in error.problems),
            "Correct what is named, then save again.",
        )
    return Trouble(_sentence(error.what), error.why, error.remedy)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
