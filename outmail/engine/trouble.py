"""What a failure means: next server, failover, try later, pause, bounce, or hold. Only this file decides it.

The rule of thumb: what concerns a server sends the mail to the next server, and after the last one to
the failover profile; what concerns the sign-in goes to the failover profile at once, for the same
sign-in fails everywhere; without one it stops the route until somebody mends it; what concerns the
mail goes back to its sender, unless another profile's way out can carry what this one cannot. A mail that
may already have been taken never goes by another way, and who only asks for some minutes gets them.
"""

from __future__ import annotations

from enum import StrEnum

from transports.base import Cause, Failure, Scope, StepName, Verdict

SHORT = 600.0
"""Seconds that a service may ask for without counting as unavailable."""

_CANNOT_CARRY = frozenset({Cause.CONTENT_UNFIT, Cause.MESSAGE_TOO_LARGE})
"""What is wrong between this message and this way out, and with neither alone."""


class Action(StrEnum):
    """What follows from a failure."""

    NEXT_SERVER = "next-server"
    FAILOVER = "failover"  # the servers of another profile, which signs in otherwise
    DEFER = "defer"
    PAUSE_ROUTE = "pause-route"
    BOUNCE = "bounce"
    HOLD = "hold"  # uncertain: only the same server may be asked or tried again


def decide(failure: Failure, *, last_server: bool, failover: bool = False) -> Action:
    """The one table: scope, verdict, and whether another server, or another profile, is left to try."""
    if failure.verdict is Verdict.UNCERTAIN:
        return Action.HOLD
    if _asks_for_minutes(failure):
        return Action.DEFER
    if failover and cannot_carry(failure):
        return Action.FAILOVER
    if _concerns_server(failure) and not last_server:
        return Action.NEXT_SERVER
    if failover and (_concerns_server(failure) or _concerns_sign_in(failure)):
        return Action.FAILOVER
    match failure.verdict:
        case Verdict.RETRY:
            return Action.DEFER
        case Verdict.FIX_SETTINGS:
            return Action.PAUSE_ROUTE
        case _:
            return Action.PAUSE_ROUTE if failure.scope is Scope.SIGN_IN else Action.BOUNCE


def cannot_carry(failure: Failure) -> bool:
    """Is it between this message and this way out alone? Another way, or the same later, may carry it."""
    return failure.cause in _CANNOT_CARRY


def _asks_for_minutes(failure: Failure) -> bool:
    """Is the service there, and only wants mail later? To go another way for that would never end."""
    asked = failure.retry_after
    return (
        asked is not None
        and asked <= SHORT
        and failure.scope is Scope.SERVER
        and failure.verdict is Verdict.RETRY
    )


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


def _concerns_sign_in(failure: Failure) -> bool:
    """Is it the profile's own sign-in, whichever server it is tried at? A token that cannot be had is one."""
    return failure.scope is Scope.SIGN_IN or (
        failure.step is StepName.TOKEN and failure.scope is Scope.SERVER
    )
