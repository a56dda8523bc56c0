"""A secret on its way to a server: it shows as ***, and is unwrapped only in the line that uses it."""

from __future__ import annotations

from typing import final


@final
class Secret:
    """A password or token whose text never appears in a repr, a log or a comparison message."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself; call it in the line that puts it on the wire and nowhere else."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash((Secret, self._text))
