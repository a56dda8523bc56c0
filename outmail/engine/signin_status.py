"""How a profile's sign-in stands, as `status --json` tells it and every face draws it.

It must never tell a token or a secret, and it asks nobody.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from outmail.engine.tokens import SignInState
    from store.profiles import Profile

_REMEDIES = {
    "sign-in": "outmail signin {name}",
    "certificate": "outmail profile certificate {name}",
    "client secret": "make a new one at the provider, then run outmail and edit the profile",
}
"""What to do about each thing that ends (`Ending.what`)."""


def sign_in_json(name: str, profile: Profile, state: SignInState | None) -> dict[str, Any]:
    """The fields of a profile's sign-in; `state` is that of one with OAuth (`Tokens.state`)."""
    found: dict[str, Any] = {
        "signed_in": state.signed_in if state else _ready(profile),
        "method": profile.auth.method,
    }
    if state:
        found["account"] = state.account or None
        found["token_until"] = _stamp(state.access_until)
        found["sign_in_until"] = _stamp(state.refresh_until)
        found["sign_in_problem"] = state.problem or None
        found["ends"] = [
            {
                "what": e.what,
                "condition": e.condition or None,
                "when": _stamp(e.when),
                "days": e.days,
                "soon": e.soon,
                "remedy": _REMEDIES[e.what].format(name=name),
            }
            for e in state.ends
        ]
    return found


def _ready(profile: Profile) -> bool:
    """Whether everything is there to sign in with: a password, or nothing where nothing is needed."""
    if profile.auth.method == "basic":
        return profile.auth.password is not None
    return profile.auth.method == "none"


def _stamp(when: datetime | None) -> str | None:
    return when.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z") if when else None
