"""Waiting for the person with the code: asks as often as the authority allows, until the code ends.

It never asks more often than it was told, and nothing in between (a gateway's page, a lost
connection) ends it before the code does.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from transports.base import Cause, Failure, Scope, StepName, TransportError, Verdict
from transports.oauth.base import Authority, DeviceCode, Granted, Pending

_LONGEST_PAUSE = 30.0


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
    authority refuses. Trouble doubles the pause, up to 30 s; the next proper answer ends that.
    """
    end = clock() + code.expires_in
    interval = pause = code.interval
    while True:
        await sleep(min(pause, max(end - clock(), 0.0)))
        if clock() >= end:
            raise _expired()
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
            pause = max(found.interval, min(pause * 2, _LONGEST_PAUSE))
        else:
            interval = pause = max(found.interval, interval)


def _expired() -> TransportError:
    return TransportError(
        Failure(
            StepName.TOKEN,
            Scope.SIGN_IN,
            Verdict.FIX_SETTINGS,
            Cause.OAUTH_CODE_EXPIRED,
            words="the code has ended before anybody signed in with it",
        )
    )
