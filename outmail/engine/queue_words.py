"""The queue in plain words, the same in every face: why a mail is where it is, and what would move it."""

from __future__ import annotations

from functools import cache

from outmail.diagnosis.catalogue import CATALOGUE
from store.spool_flow import HELD_AFTER_CRASHES
from store.spool_shapes import Cause, Entry, LastError, Line, State
from store.spool_steer import HELD_BY_HAND

_OF_THE_QUEUE = {
    HELD_BY_HAND: "Held by hand",
    HELD_AFTER_CRASHES: "The relay broke down three times while it was being sent",
}


@cache
def _titles() -> dict[str, str]:
    return {entry.id: entry.title for entry in CATALOGUE}


def title(cause: str, example: LastError | None = None) -> str:
    """What a cause means: the diagnosis' title, else what the server said."""
    known = _OF_THE_QUEUE.get(cause) or _titles().get(cause)
    if known and cause != "unknown":
        return known
    return _first_line(example.text) if example and example.text else known or cause


def why(line: Line) -> str:
    """Why a recipient is in its state; "" for one that only waits for its turn."""
    if line.state is State.HELD:
        return _held(line)
    error = line.last_error
    said = title(error.cause, error) if error else ""
    if line.uncertain_at:
        return f"{line.uncertain_at} may have taken it already, and is the only one to be asked again"
    if line.state is State.WAITING and line.due is None:
        return f"stands still until it is retried: {said}" if said else "stands still until it is retried"
    return said


def lead(entry: Entry) -> Line | None:
    """The recipient that the mail's state is that of."""
    return next((line for line in entry.recipients if line.state is entry.state), None)


def remedy(cause: Cause) -> str:
    """The command that moves what stands in this state for this cause."""
    word = "release" if cause.state is State.HELD else "retry"
    return f"outmail queue {word} --cause {cause.cause}"


def _held(line: Line) -> str:
    held = _OF_THE_QUEUE.get(line.cause, "Held")
    if line.held_why and line.cause == HELD_BY_HAND:
        held = f"held {line.held_why}"
    elif line.held_why:
        held = f"{held}: {line.held_why}"
    return f"{held}; {line.uncertain_at} may have taken it already" if line.uncertain_at else held


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0]
