"""What the practice authority has given out and waits for: device codes, browser codes and refresh tokens.

Nothing of it outlives the tenant. Each code is good once; a refresh token is replaced at each use, and
the one before it stays good for a moment of grace.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Protocol, TypeVar

from outmail.demo.oauth.directory import App, Asked
from outmail.demo.oauth.refusals import Refused

DEVICE_SECONDS = 900.0
CODE_SECONDS = 600.0
REFRESH_SECONDS = 90 * 86400.0
GRACE_SECONDS = 60.0
"""How long a refresh token is good after its first use: a client that was killed may come again with it."""

_MOST = 200
"""Of each kind; what ends first goes first, lest a loop of sign-ins fill the memory."""
_LETTERS = "BCDFGHJKLMNPQRSTVWXZ"  # RFC 8628, section 6.1: easy to read and to say, and no words
_EARLY = 0.9
"""Of the interval that must have passed between two polls: clocks and networks are not exact."""


class _Ends(Protocol):
    @property
    def ends(self) -> float: ...


T = TypeVar("T", bound=_Ends)


class SlowDown(Exception):  # noqa: N818 - says what is asked for
    """A poll that came too early (RFC 8628, section 3.5)."""


@dataclass(slots=True)
class DeviceSignIn:
    """A sign-in by code, until somebody decides: `account` is who allowed it."""

    device_code: str = field(repr=False)
    user_code: str
    app: App
    asked: Asked
    ends: float
    interval: float
    account: str = ""
    declined: bool = False
    slowed: bool = False
    next_poll: float = 0.0


@dataclass(frozen=True, slots=True)
class BrowserCode:
    """What the browser takes back to the program (RFC 6749, section 4.1.2)."""

    app: App
    asked: Asked
    account: str
    redirect: str
    challenge: str
    nonce: str
    ends: float = 0.0


@dataclass(slots=True)
class Refreshing:
    """What a refresh token stands for; `by_code` marks one that was born of a device code."""

    app: App
    asked: Asked
    account: str
    by_code: bool
    ends: float


class Grants:
    """All of it; `now` is in seconds and only goes forward. `interval` is how often one may poll."""

    def __init__(self, now: Callable[[], float], interval: float) -> None:
        self._now = now
        self._interval = interval
        self._devices: dict[str, DeviceSignIn] = {}
        self._codes: dict[str, BrowserCode] = {}
        self._redeemed: dict[str, BrowserCode] = {}
        self._refreshing: dict[str, Refreshing] = {}

    def by_device(self, app: App, asked: Asked, seconds: float = DEVICE_SECONDS) -> DeviceSignIn:
        """Begin a sign-in by code."""
        user_code = "".join(secrets.choice(_LETTERS) for _ in range(8))
        begun = DeviceSignIn(
            secrets.token_urlsafe(48), user_code, app, asked, self._now() + seconds, self._interval
        )
        _keep(self._devices, begun.device_code, begun)
        return begun

    def waiting(self) -> list[DeviceSignIn]:
        """The sign-ins by code that wait for a person, oldest first."""
        now = self._now()
        return [d for d in self._devices.values() if not d.account and not d.declined and d.ends > now]

    def waits_for(self, user_code: str) -> DeviceSignIn | None:
        """The sign-in of a code as somebody typed it, with blanks, dashes and in any case."""
        typed = "".join(c for c in user_code.upper() if c.isalnum())
        return next((d for d in self.waiting() if _same(d.user_code, typed)), None)

    def polled(self, device_code: str, app: App, *, slow_once: bool = False) -> DeviceSignIn:
        """The sign-in, once somebody allowed it; then it is over. Raises Refused and SlowDown.

        With `slow_once` one poll of each code counts as one that came too early.
        """
        found = self._devices.get(device_code)
        if found is None or found.app != app:
            raise Refused(70018)
        now = self._now()
        if found.ends <= now:
            raise Refused(70020)
        early = now < found.next_poll or (slow_once and not found.slowed)
        if early:
            found.interval += 5
        found.next_poll = now + found.interval * _EARLY
        if early:
            found.slowed = True
            raise SlowDown
        if found.declined:
            del self._devices[device_code]
            raise Refused(65004)
        if not found.account:
            raise Refused(70016)
        del self._devices[device_code]
        return found

    def code_for(self, given: BrowserCode) -> str:
        """A code for the browser to take back; it ends by itself."""
        code = secrets.token_urlsafe(64)
        _keep(self._codes, code, replace(given, ends=self._now() + CODE_SECONDS))
        return code

    def redeemed(self, code: str, app: App, redirect: str, verifier: str) -> BrowserCode:
        """What the code stands for; it is over then. Raises Refused."""
        if code in self._redeemed:
            raise Refused(54005)
        found = self._codes.pop(code, None)
        if found is None or found.app != app or found.redirect != redirect:
            raise Refused(70000)
        _keep(self._redeemed, code, found)
        if found.ends <= self._now():
            raise Refused(70008)
        if found.challenge and not _same(found.challenge, _challenge(verifier)):
            raise Refused(501481)
        return found

    def refresh_token(self, app: App, asked: Asked, account: str, *, by_code: bool) -> str:
        """A new refresh token."""
        token = secrets.token_urlsafe(96)
        found = Refreshing(app, asked, account, by_code, self._now() + REFRESH_SECONDS)
        _keep(self._refreshing, token, found)
        return token

    def refreshed(self, token: str, app: App) -> Refreshing:
        """What the refresh token stands for; from now on it has only its moment of grace. Raises Refused."""
        found = self._refreshing.get(token)
        if found is None or found.app != app:
            raise Refused(70000)
        now = self._now()
        if found.ends <= now:
            raise Refused(70008)
        found.ends = min(found.ends, now + GRACE_SECONDS)
        return found


def _keep(where: dict[str, T], name: str, what: T) -> None:
    where[name] = what
    while len(where) > _MOST:
        del where[min(where, key=lambda known: where[known].ends)]


def _same(one: str, other: str) -> bool:
    """Compare in constant time, letters of any script too."""
    return hmac.compare_digest(one.encode(), other.encode())


def _challenge(verifier: str) -> str:
    """RFC 7636, section 4.6."""
    digest = hashlib.sha256(verifier.encode("ascii", "replace")).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")
