"""Gives a command the queue and delivery of its home: by the running relay, or directly where none runs."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from outmail.cli import say
from outmail.cli.options import Common

if TYPE_CHECKING:
    from collections.abc import Mapping

    from outmail.engine.steering import Steering
    from store.errors import StoreError
    from store.paths import Paths
    from store.profiles import Profile


@contextlib.contextmanager
def steered(common: Common) -> Iterator[Steering]:
    """For a block of the command. Raises StoreError."""
    from outmail.engine.control import NotRunning
    from outmail.engine.steering import RunningRelay, runs
    from store.errors import ErrorKind, StoreError

    paths = common.paths()
    try:
        yield RunningRelay(paths) if runs(paths) else _idle(common, paths)
    except NotRunning:
        raise StoreError(
            ErrorKind.LOCKED,
            "the relay ended",
            "it did so while it was being asked",
            "give the command again: it does without a relay",
        ) from None


def _idle(common: Common, paths: Paths) -> Steering:
    from outmail.engine.idle_queue import IdleQueue  # brings the settings' whole model with it

    def profiles() -> Mapping[str, Profile]:
        return common.workspace(asking=False).settings.profiles

    return IdleQueue(paths, profiles=profiles, tell=_tell)


def _tell(error: StoreError) -> None:
    say.error(error.what, error.why, error.remedy)


def without_relay(steering: Steering) -> bool:
    """Whether nothing will be sent by itself, for there is no relay; says so."""
    from outmail.engine.steering import RunningRelay

    idle = not isinstance(steering, RunningRelay)
    if idle:
        say.talk("no relay runs: what is queued is sent once there is one: outmail relay")
    return idle
