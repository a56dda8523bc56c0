"""The ids of mails in the queue: short, sorted by time, and not to be guessed; people read them aloud.

An id is 42 bits of milliseconds since 1970 and 21 random bits, as thirteen characters of Crockford's
base 32 in lower case. It must never be given out twice.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import NewType

MailId = NewType("MailId", str)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_DIGITS = bytes(  # to the digits that int() knows; what is none of ours becomes one that it refuses
    b"0123456789abcdefghijklmnopqrstuv"[_ALPHABET.index(chr(c))] if chr(c) in _ALPHABET else ord("!")
    for c in range(256)
)
_LENGTH = 13
_RANDOM_BITS = 21
_MOST = (1 << 63) - 1  # SQLite's integers
_POOL = 3 * 256  # bytes of randomness that are fetched at a time
_MILLISECOND = timedelta(milliseconds=1)
_MICROSECOND = timedelta(microseconds=1)
_PAIRS = [a + b for a in _ALPHABET for b in _ALPHABET]


class Ids:
    """Gives out ids, each greater than the one before, also while the clock stands or is set back."""

    def __init__(self, random_bytes: Callable[[int], bytes]) -> None:
        self._random = random_bytes
        self._last = 0
        self._pool = b""

    def after(self, known: int) -> None:
        """No id given out from now on is `known` or less."""
        self._last = max(self._last, known)

    def next(self, now: datetime) -> MailId:
        """A new id."""
        if not self._pool:
            self._pool = self._random(_POOL)  # a system call for each id would cost more than the rest of it
        chance = int.from_bytes(self._pool[:3], "big") >> 3
        self._pool = self._pool[3:]
        made = ((now - EPOCH) // _MILLISECOND << _RANDOM_BITS) | chance
        if made <= self._last:
            made = self._last + 1 + (chance & 0xFF)
        self._last = made
        return encode(made)


def encode(number: int) -> MailId:
    """The id as people see it."""
    pairs = [_PAIRS[number >> shift & 1023] for shift in (50, 40, 30, 20, 10, 0)]
    return MailId(_ALPHABET[number >> 60] + "".join(pairs))


def decode(text: str) -> int | None:
    """The number behind an id; None for a text that is none."""
    if len(text) != _LENGTH:
        return None
    try:
        number = int(text.encode("ascii").translate(_DIGITS), 32)
    except ValueError:
        return None
    return number if number <= _MOST else None


def micros(when: datetime) -> int:
    """Microseconds since 1970, as the database keeps times."""
    return (when - EPOCH) // _MICROSECOND


def moment(micro: int) -> datetime:
    """The time again, in UTC."""
    return EPOCH + timedelta(microseconds=micro)
