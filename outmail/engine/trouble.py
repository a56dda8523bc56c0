"""What a failure means: next server, try later, pause, bounce, or hold. Only this file decides it.

The rule of thumb: what concerns a server sends the mail to the next server; what concerns the
sign-in or the settings stops the route until somebody mends it; what concerns the mail goes back
to its sender. A mail that may already have been taken never goes by another way.
"""

from __future__ import annotations

from enum import StrEnum

from transports.base import Failure, Scope, StepName, Verdict


class Action(StrEnum):
    """What follows from a failure."""

    NEXT_SERVER = "next-server"
    DEFER = "defer"
    PAUSE_ROUTE = "pause-route"
    BOUNCE = "bounce"
    HOLD = "hold"  # uncertain: only the same server may be asked or tried again


def decide(failure: Failure, *, last_server: bool) -> Action:
    """The one table: scope, verdict, and whether another server is left to try."""
    if failure.verdict is Verdict.UNCERTAIN:
        return Action.HOLD
    if _concerns_server(failure) and not last_server:
        return Action.NEXT_SERVER
    match failure.verdict:
        case Verdict.RETRY:
            return Action.DEFER
        case Verdict.FIX_SETTINGS:
            return Action.PAUSE_ROUTE
        case _:
            return Action.PAUSE_ROUTE if failure.scope is Scope.SIGN_IN else Action.BOUNCE


def _concerns_server(failure: Failure) -> bool:
    """Is the server itself unavailable for now?

    Everything of the server's own scope (not reached, no greeting, dropped, its certificate) and a
    4xx before a message was handed over. A refused sign-in is refused by the other servers too, and
    repeating it locks accounts; a refused sender or recipient is no server's fault.
    """
    if failure.step is StepName.TOKEN:
        return False  # the same sign-in serves every server of the profile
    if failure.scope is Scope.SERVER:
        return True
    return failure.scope in {Scope.SIGN_IN, Scope.SENDER} and failure.verdict is Verdict.RETRY
