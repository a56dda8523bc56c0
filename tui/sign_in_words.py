"""How a profile's sign-in stands, in words for the home screen; never a secret."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from outmail.engine.token_rules import Ending
    from outmail.engine.tokens import SignInState


def needs_person(state: SignInState) -> bool:
    """Whether no mail goes out until somebody signs in."""
    return not state.signed_in


def rows(state: SignInState) -> list[tuple[str, str]]:
    """Who is signed in, until when, and what ends when."""
    who = state.account or ("the app itself" if state.signed_in else "nobody")
    since = f", since {_day(state.signed_in_at)}" if state.signed_in and state.signed_in_at else ""
    token = f"until {_minute(state.access_until)}, then renewed by itself" if state.access_until else ""
    found = [
        ("Signed in", who + since if state.signed_in else f"no: {state.problem or 'nobody is signed in'}"),
        ("Token", token if state.signed_in else ""),
        *(("Ends", _ending(ending)) for ending in state.ends),
    ]
    return [(label, text) for label, text in found if text]


def warnings(name: str, state: SignInState) -> list[str]:
    """What somebody should do something about, the most urgent first."""
    found = [f"{name}: {state.problem or 'nobody is signed in'}: i signs in"] if needs_person(state) else []
    return [*found, *(f"{name}: {_ending(e)}" for e in state.ends if e.soon)]


def banner(found: list[str]) -> str:
    """One line of them; "" where there is nothing to tell."""
    if not found:
        return ""
    return found[0] + (f" · and {len(found) - 1} more" if len(found) > 1 else "")


def _ending(ending: Ending) -> str:
    what = f"{ending.what}, {ending.condition}," if ending.condition else ending.what
    if ending.days < 0:
        return f"{what} ended on {_day(ending.when)}"
    left = {0: "today", 1: "tomorrow"}.get(ending.days, f"in {ending.days} days")
    return f"{what} ends {left}, on {_day(ending.when)}"


def _day(when: datetime) -> str:
    return f"{when.astimezone():%Y-%m-%d}"


def _minute(when: datetime) -> str:
    return f"{when.astimezone():%Y-%m-%d %H:%M}"
