"""Passwords of those who sign in to the relay: only a hash is kept, by scrypt (RFC 7914).

The hash says how it was made: "scrypt:N:r:p:SALT:KEY", the last two in base64. What it asks for in memory and
time is bounded, for a file could bring any hash.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import re
from dataclasses import dataclass, field

from pydantic import SecretStr

_N, _R, _P = 2**14, 8, 5
"""16 MiB and about 0.2 s: the smallest memory that OWASP's Password Storage Cheat Sheet has for scrypt."""

_SALT, _KEY = 16, 32  # bytes
_MOST_MEMORY = 64 * 1024 * 1024
_MOST_WORK = 2**24  # N * r * p; ours is 2**19.3
_SHAPE = re.compile(r"scrypt:(\d{1,8}):(\d{1,3}):(\d{1,3}):([A-Za-z0-9+/=]{8,64}):([A-Za-z0-9+/=]{16,128})")


class NoHash(ValueError):  # noqa: N818 - read as a sentence after the field's name
    """A text that is no hash of ours, or one that asks for too much."""


@dataclass(frozen=True, slots=True)
class Hashed:
    """A hash, taken apart. Raises NoHash from `parse`."""

    n: int
    r: int
    p: int
    salt: bytes = field(repr=False)
    key: bytes = field(repr=False)

    @staticmethod
    def parse(text: str) -> Hashed:
        """Read one."""
        found = _SHAPE.fullmatch(text)
        if found is None:
            raise NoHash("is no hash of ours: make one with outmail relay hash")
        n, r, p = (int(found[group]) for group in (1, 2, 3))
        if n < 2 or n & (n - 1) or not r or not p or 128 * n * r > _MOST_MEMORY or n * r * p > _MOST_WORK:
            raise NoHash("asks for too much memory or time: make one with outmail relay hash")
        try:
            salt, key = (base64.b64decode(found[group], validate=True) for group in (4, 5))
        except binascii.Error:
            raise NoHash("is cut off or damaged: make one with outmail relay hash") from None
        return Hashed(n, r, p, salt, key)

    def fits(self, password: str) -> bool:
        """Whether it is the password's. Takes a fifth of a second; other threads go on meanwhile."""
        return hmac.compare_digest(self._made_of(password, len(self.key)), self.key)

    def _made_of(self, password: str, length: int) -> bytes:
        return hashlib.scrypt(
            password.encode(),
            salt=self.salt,
            n=self.n,
            r=self.r,
            p=self.p,
            maxmem=2 * _MOST_MEMORY,
            dklen=length,
        )

    def __str__(self) -> str:
        salt, key = (base64.b64encode(part).decode() for part in (self.salt, self.key))
        return f"scrypt:{self.n}:{self.r}:{self.p}:{salt}:{key}"


def hash_password(password: SecretStr) -> str:
    """A hash of this password, with a salt of its own."""
    empty = Hashed(_N, _R, _P, os.urandom(_SALT), b"")
    key = empty._made_of(password.get_secret_value(), _KEY)
    return str(Hashed(_N, _R, _P, empty.salt, key))


def of_nobody() -> Hashed:
    """A hash that no password fits; to compute with where a user does not exist."""
    return Hashed(_N, _R, _P, os.urandom(_SALT), os.urandom(_KEY))
