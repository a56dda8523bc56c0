"""What is wrong with settings, told by field; every problem at once, never the first alone.

It must import nothing slow: the screens and every error of the store stand on it.
"""

from __future__ import annotations

from dataclasses import dataclass


def harmless(text: str) -> str:
    """One line that no terminal takes for a command: control characters are written out, as \\n is."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to correct: `field` is the dotted path as it stands in the profile file."""

    field: str
    message: str

    def __post_init__(self) -> None:
        # A key of the file may hold anything; what is shown to a person is one plain line.
        object.__setattr__(self, "field", harmless(self.field))
        object.__setattr__(self, "message", harmless(self.message))

    def __str__(self) -> str:
        return f"{self.field}: {self.message}" if self.field else self.message


class SettingsInvalid(Exception):  # noqa: N818 - the name says the state, as in the contract
    """Settings that cannot be used; carries every problem found."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("; ".join(str(p) for p in problems))
        self.problems = problems
