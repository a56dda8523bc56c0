"""What the sign-in screen is given, and what it ends with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from outmail.engine.tokens import Tokens
    from store.profiles import Profile
    from tui.engine import PersonLike, SaveSignIn


@dataclass(frozen=True, slots=True)
class SignInTask:
    """What is signed in: a profile by its name, where its token goes, and how the profile is saved.

    `person` is the practice tenant's, where there is one.
    """

    name: str
    profile: Profile
    tokens: Tokens
    save: SaveSignIn
    person: PersonLike | None = None


@dataclass(frozen=True, slots=True)
class SignedInAs:
    """How the screen ended: who it was, and the profile as it should be saved now."""

    profile: Profile
    account: str
    until: datetime
