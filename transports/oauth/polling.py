"""Waiting for the person with the code: asks as often as the authority allows, until the code ends.

It never asks more often than it was told, and nothing in between (a gateway's page, a lost
connection) ends it before the code does.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from transports.base import Cause, TransportError, Verdict
from transports.http import Answer
from transports.oauth import answers
from transports.oauth.base import Authority, DeviceCode, Granted, Pending
from transports.oauth.failures import failed

_LONGEST_PAUSE = 30.0
_SLOWEST = 60.0
_SLOW_DOWN = 5.0


async def wait(
    authority: Authority,
    code: DeviceCode,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    tell: Callable[[str], None] = lambda _words: None,
) -> Granted:
    """The grant, once the person is done; `tell` hears of trouble that ends nothing.

    RFC 8628, section 3.5. Raises TransportError: OAUTH_CODE_EXPIRED when the code ends, or what the
    authority refuses. Trouble doubles the pause, up to 30 s or half of what is left of the code; the
    next proper answer ends that.
    """
    end = clock() + code.expires_in
    interval = pause = code.interval
    while True:
        await sleep(min(pause, max(end - clock(), 0.0)))
        if clock() >= end:
            raise failed(Cause.OAUTH_CODE_EXPIRED, "the code has ended before anybody signed in with it")
        try:
            found = await authority.poll(code, interval)
        except TransportError as error:
            if error.failure.verdict is not Verdict.RETRY:
                raise
            found = Pending(interval, error.failure.words or str(error.failure.cause))
        if isinstance(found, Granted):
            return found
        if found.trouble:
            tell(found.trouble)
            # Never so long that the code's last moments pass unasked.
            pause = max(found.interval, min(pause * 2, _LONGEST_PAUSE, (end - clock()) / 2))
        else:
            interval = pause = max(found.interval, interval)


async def once(
    ask: Callable[[], Awaitable[Answer]],
    granted: Callable[[Answer], Granted],
    interval: float,
    now: Callable[[], datetime],
) -> Granted | Pending:
    """What one question brought (RFC 8628, section 3.5): see `Authority.poll`.

    `ask` sends it and `granted` judges an answer of the authority itself. What a network or a gateway
    does in between ends nothing; settings that cannot work do.
    """
    try:
        heard = await ask()
        said = answers.error_of(heard)
        if said == "authorization_pending":
            return Pending(interval)
        if said == "slow_down":  # some say it by 429
            return Pending(interval + _SLOW_DOWN)
        if heard.status == 429 or heard.status >= 500:
            return Pending(asked_to_wait(heard, interval, now()), f"HTTP status {heard.status}")
        answers.object_of(heard)
    except TransportError as error:
        failure = error.failure
        if failure.cause is Cause.OAUTH_SETTINGS:
            raise
        # Ask less often after a time-out.
        slower = min(interval * 2, _SLOWEST) if failure.cause is Cause.TIMED_OUT else interval
        return Pending(max(slower, interval), failure.words or str(failure.cause))
    if heard.status >= 300 and not isinstance(said, str):
        # An authority's error has a name (RFC 6749, section 5.2): this is a gateway that speaks JSON.
        return Pending(interval, f"HTTP status {heard.status}")
    return granted(heard)


def asked_to_wait(heard: Answer, interval: float, now: datetime) -> float:
    """Seconds until the next question, as Retry-After has it (RFC 9110, section 10.2.3), within reason."""
    text = heard.headers.get("retry-after", "").strip()
    seconds = 0.0
    if text.isascii() and text.isdigit():
        seconds = float(text[:6])
    elif text:
        try:
            until = parsedate_to_datetime(text)
        except (ValueError, TypeError, OverflowError):
            return interval
        seconds = (until.replace(tzinfo=until.tzinfo or UTC) - now).total_seconds()
    return max(min(seconds, _SLOWEST), interval)
