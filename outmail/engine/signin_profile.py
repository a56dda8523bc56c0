"""What a sign-in changed of its profile is saved, however long the person took and whoever saved meanwhile.

It must never undo another admin's change, and never leave a token that belongs to no profile.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from store.changes import Change, compare
from store.errors import ErrorKind, StoreError
from store.problems import SettingsInvalid
from store.profiles import OAuth, Profile, Settings
from store.tokens import RECORD, Token, identity_of, orphaned
from store.vault import SettingsChanged, Snapshot

if TYPE_CHECKING:
    from outmail.engine.tokens import Tokens

_OURS = ("grant", "scopes", "account")
"""The fields of a sign-in that another way or a confirmed account changes."""

_TRIES = 3


class Home(Protocol):
    """The part of the workspace that is needed here."""

    @property
    def settings(self) -> Settings:
        """As last read or saved."""
        ...

    @property
    def snapshot(self) -> Snapshot:
        """The same, with who saved it, and when."""
        ...

    @property
    def tokens(self) -> Tokens:
        """The sign-ins of its profiles."""
        ...

    def reload(self) -> Settings:
        """Read anew; raises StoreError."""
        ...

    def save(self, settings: Settings, who: str | None = None) -> list[Change]:
        """Keep; raises StoreError, SettingsChanged and SettingsInvalid."""
        ...


def saver(workspace: Home, name: str) -> Callable[[Profile, Token], None]:
    """For SignIn: saves profile `name` with the token that was just kept for it.

    What it returns blocks, and raises StoreError where the profile is another one by now or cannot
    be saved, SettingsInvalid where outmail would not take it; the token is gone again then.
    """
    began = workspace.settings

    def save(wanted: Profile, token: Token) -> None:
        try:
            _save(workspace, began, name, wanted)
            if workspace.tokens.shelf.get(token.identity) is None:
                workspace.tokens.shelf.put(token)  # a save between the two dropped what no profile had yet
        except (StoreError, SettingsInvalid):
            with contextlib.suppress(StoreError):
                if orphaned({RECORD + token.identity: token}, workspace.settings):
                    workspace.tokens.forget(wanted)
            raise

    return save


def _save(workspace: Home, began: Settings, name: str, wanted: Profile) -> None:
    tries = 0
    while True:
        settings = workspace.reload()
        now = settings.profiles.get(name)
        signed = _changed(now, began.profiles[name], wanted) if now else None
        if signed is None or identity_of(signed) != identity_of(wanted):
            raise _another(workspace, began, name)
        if signed == now:
            return
        tries += 1
        try:
            workspace.save(settings.model_copy(update={"profiles": {**settings.profiles, name: signed}}))
        except SettingsChanged:
            if tries == _TRIES:
                raise
        else:
            return


def _changed(now: Profile, before: Profile, wanted: Profile) -> Profile | None:
    """The profile as it is now, with what the sign-in changed of it; None where it signs in otherwise."""
    here, was, will = (p.auth.oauth or OAuth() for p in (now, before, wanted))
    if now.auth.method != "oauth":
        return None
    ours = {field: getattr(will, field) for field in _OURS if getattr(will, field) != getattr(was, field)}
    auth = now.auth.model_copy(update={"oauth": here.model_copy(update=ours)})
    return now.model_copy(update={"auth": auth})


def _another(workspace: Home, began: Settings, name: str) -> StoreError:
    snapshot = workspace.snapshot
    at = f" at {snapshot.saved_at.astimezone():%H:%M:%S}" if snapshot.saved_at else ""
    who = snapshot.saved_by or "somebody"
    if name not in snapshot.settings.profiles:
        why, remedy = f"{who} removed the profile{at}, meanwhile", "see what became of it: outmail history"
    else:
        fields = [
            c.field for c in compare(began, snapshot.settings) if c.field.startswith(f"profiles.{name}.")
        ]
        why = f"{who} changed the profile{at}, meanwhile: {', '.join(fields[:5])}"
        remedy = f"sign in once more, as it is now: outmail signin {name}"
    return StoreError(ErrorKind.CHANGED, f"the sign-in of {name} was not kept", why, remedy)
