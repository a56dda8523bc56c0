"""When a mail that was put off is tried again, when its sender hears of the delay, and when it is given up.

Pure functions of what is known and what time it is; nothing here waits.
"""

from __future__ import annotations

from datetime import datetime, timedelta

FIRST = timedelta(minutes=5)
"""The pause after the first attempt; it doubles with each (RFC 5321, section 4.5.4.1, asks for no less)."""

LONGEST = timedelta(hours=1)
"""No pause grows longer than this by itself."""

GIVE_UP = timedelta(days=5)
"""A mail that is older goes back to its sender (RFC 5321, section 4.5.4.1: four to five days)."""

DELAY_NOTICE = timedelta(hours=4)
"""A mail that is older and still waits is a delay that its sender hears of, once."""

JITTER = 0.1
"""How far a pause may be from its length, either way: mails put off together must not come back together."""

LONGEST_ASKED = timedelta(days=1)
"""No server can put a mail off for longer at a time."""

_LEAST_ASKED = timedelta(seconds=1)
_DOUBLINGS = 20  # more of them than any pause can grow by; keeps the arithmetic small


def next_attempt(
    attempts: int, accepted: datetime, now: datetime, *, chance: float, asked: timedelta | None = None
) -> datetime | None:
    """When to try again after `attempts` attempts, at least one; None when the mail is given up.

    `asked` is what the server asked for (Retry-After, RFC 9110, section 10.2.3); it is obeyed, but
    one that asks for a second each time is not tried each second. `chance` is a random number from
    0 to 1. The last attempt falls on the very end of the mail's time. All times in UTC.
    """
    ends = accepted + GIVE_UP
    if now >= ends:
        return None
    doublings = min(max(attempts - 1, 0), _DOUBLINGS)
    if asked is None:
        pause = min(FIRST * (1 << doublings), LONGEST) * (1 + JITTER * (2 * chance - 1))
    else:
        least = min(_LEAST_ASKED * (1 << doublings), LONGEST)
        # Never earlier than it was asked for: the jitter only adds.
        pause = min(max(asked, least), LONGEST_ASKED) * (1 + JITTER * chance)
    return min(now + pause, ends)


def delay_notice_due(accepted: datetime, now: datetime, *, told: bool) -> bool:
    """Whether the sender is to hear now that the mail still waits (RFC 3464); it is told once."""
    return not told and now - accepted >= DELAY_NOTICE
