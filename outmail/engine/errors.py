"""What the engine refuses, said so that an admin can mend it: what, why, and the remedy."""

from __future__ import annotations

from enum import StrEnum


class Refusal(StrEnum):
    """Why the engine would not begin; the command line turns it into an exit code."""

    SETTINGS = "settings"  # the profile is missing something, or asks for what cannot be
    INPUT = "input"  # what was given for this one mail is wrong
    FILE = "file"  # a file of the mail cannot be read


class EngineError(Exception):
    """Raised before anything is sent; never after."""

    def __init__(self, kind: Refusal, what: str, why: str, remedy: str = "") -> None:
        super().__init__(f"{what}: {why}")
        self.kind = kind
        self.what = what
        self.why = why
        self.remedy = remedy
