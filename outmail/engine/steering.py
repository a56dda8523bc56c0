"""What an admin can see and do of the queue and of delivery, whether a relay runs or not; for every face.

Every method blocks: a screen calls it in a thread. All of them raise StoreError.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from outmail.engine.control import NotRunning, ask
from outmail.engine.relay_status import RelayStatus
from store.paths import Paths
from store.spool import EVERYTHING
from store.spool_ids import MailId
from store.spool_shapes import Cause, Entry, State, Which

MOST = 500
"""Mails that one page has at most."""


class Steering(Protocol):
    """The queue and delivery of one home."""

    def status(self) -> RelayStatus:
        """How it stands."""
        ...

    def page(self, which: Which = EVERYTHING, limit: int = 100, after: MailId | None = None) -> list[Entry]:
        """At most `limit` (and MOST) mails, the oldest first; the next page comes `after` the last id."""
        ...

    def show(self, mail: MailId) -> tuple[Entry, str]:
        """One mail in full, and its header fields as text."""
        ...

    def causes(self) -> list[Cause]:
        """For what mail waits, is held or dead, the most frequent first."""
        ...

    def hold(self, which: Which) -> int:
        """Let nothing of it be sent until it is released; returns how many recipients this changed."""
        ...

    def release(self, which: Which) -> int:
        """Let what is held be tried at once; returns how many recipients this changed."""
        ...

    def retry(self, which: Which) -> int:
        """Let what waits, is uncertain or dead be tried at once; returns how many recipients this changed."""
        ...

    def delete(self, mails: Sequence[MailId]) -> int:
        """Remove mails for all their recipients, or none of them; returns how many mails."""
        ...

    def pause(self, profile: str | None, why: str = "") -> list[str]:
        """Delivery off, of one profile or (None) of all; mail is still accepted. Returns which profiles."""
        ...

    def resume(self, profile: str | None) -> list[str]:
        """Delivery on again, also where the relay had paused a route itself. Returns which profiles."""
        ...

    def reconnect(self, profile: str | None) -> list[str]:
        """Back to the primary server. Returns the profiles whose mail went another way."""
        ...

    def reload(self) -> None:
        """The settings were saved, or somebody signed in: the relay is to read them anew."""
        ...


class RunningRelay:
    """By way of the running relay. Each method raises NotRunning, too, where it has ended meanwhile."""

    def __init__(self, paths: Paths) -> None:
        self._run = paths.run

    def status(self) -> RelayStatus:
        """See Steering."""
        return RelayStatus.from_json(ask(self._run, "status"))

    def page(self, which: Which = EVERYTHING, limit: int = 100, after: MailId | None = None) -> list[Entry]:
        """See Steering."""
        found = ask(self._run, "page", which=which_json(which), limit=limit, after=after)
        return [Entry.from_json(entry) for entry in found]

    def show(self, mail: MailId) -> tuple[Entry, str]:
        """See Steering."""
        found = ask(self._run, "show", id=mail)
        return Entry.from_json(found["mail"]), found["headers"]

    def causes(self) -> list[Cause]:
        """See Steering."""
        return [Cause.from_json(cause) for cause in ask(self._run, "causes")]

    def hold(self, which: Which) -> int:
        """See Steering."""
        return int(ask(self._run, "hold", which=which_json(which)))

    def release(self, which: Which) -> int:
        """See Steering."""
        return int(ask(self._run, "release", which=which_json(which)))

    def retry(self, which: Which) -> int:
        """See Steering."""
        return int(ask(self._run, "retry", which=which_json(which)))

    def delete(self, mails: Sequence[MailId]) -> int:
        """See Steering."""
        return int(ask(self._run, "delete", ids=list(mails)))

    def pause(self, profile: str | None, why: str = "") -> list[str]:
        """See Steering."""
        return list(ask(self._run, "pause", profile=profile, why=why))

    def resume(self, profile: str | None) -> list[str]:
        """See Steering."""
        return list(ask(self._run, "resume", profile=profile))

    def reconnect(self, profile: str | None) -> list[str]:
        """See Steering."""
        return list(ask(self._run, "reconnect", profile=profile))

    def reload(self) -> None:
        """See Steering."""
        ask(self._run, "reload")


def runs(paths: Paths) -> bool:
    """Whether a relay runs on this home. Raises StoreError where this user may not ask it."""
    try:
        ask(paths.run, "hello")
    except NotRunning:
        return False
    return True


def which_json(which: Which) -> dict[str, object]:
    """A choice of mails, as it travels."""
    return {
        "ids": list(which.ids) if which.ids is not None else None,
        "profile": which.profile,
        "states": [state.value for state in which.states] if which.states is not None else None,
        "cause": which.cause,
    }


def which_from(found: dict[str, object]) -> Which:
    """What `which_json` told. Raises ValueError for anything else."""
    ids, states = found.get("ids"), found.get("states")
    texts = [t for t in (found.get("profile"), found.get("cause")) if t is not None]
    lists = [part for part in (ids, states) if part is not None]
    if not all(isinstance(t, str) for t in texts) or not all(
        isinstance(part, list) and all(isinstance(one, str) for one in part) for part in lists
    ):
        raise ValueError("is no choice of mails")
    return Which(
        tuple(ids) if isinstance(ids, list) else None,
        str(found["profile"]) if found.get("profile") is not None else None,
        tuple(State(one) for one in states) if isinstance(states, list) else None,
        str(found["cause"]) if found.get("cause") is not None else None,
    )
