"""A place of a settings file where a secret stands or is pointed to: what is given, and how it is filled.

What is given may be the secret itself: it must never show.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from pydantic import SecretStr


@dataclass(frozen=True, slots=True)
class Place:
    """`at` is the field's name for people. `fill` puts the secret in its place, or (None) a stand-in.

    With a stand-in the rest of the file can be looked at, before anybody is asked for the secret.
    """

    at: str
    given: object = field(repr=False)
    stored: SecretStr | None
    fill: Callable[[SecretStr | None], None] = field(repr=False)
