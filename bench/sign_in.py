"""What a sign-in to a listener costs, the first and every later one, against email-oauth2-proxy's.

Its source derives a key with PBKDF2 (SHA-256, 100,000 rounds) from the password of each sign-in; a client
that connects for each mail pays that for each mail.
"""

from __future__ import annotations

import asyncio
import hashlib
import statistics
import sys
import time

from pydantic import SecretStr

from outmail.relay.users import Users
from store.relay_password import hash_password
from store.relay_settings import RelayUser
from transports.secret import Secret

ROUNDS = 5
LATER = 1000
GOAL = 0.05


def peer() -> float:
    """Seconds of its key derivation."""
    began = time.perf_counter()
    hashlib.pbkdf2_hmac("sha256", b"password", b"0123456789abcdef", 100_000)
    return time.perf_counter() - began


async def ours(user: RelayUser) -> tuple[float, float]:
    """Seconds of the first sign-in, and of each of those that follow."""
    users, password = Users([user]), Secret("password")
    began = time.perf_counter()
    assert await users.check("printer", password)
    first = time.perf_counter() - began
    began = time.perf_counter()
    for _ in range(LATER):
        assert await users.check("printer", password)
    return first, (time.perf_counter() - began) / LATER


if __name__ == "__main__":
    one = RelayUser(name="printer", password_hash=hash_password(SecretStr("password")))
    rounds = [(*asyncio.run(ours(one)), peer()) for _ in range(ROUNDS)]
    first, later, theirs = (statistics.median(side) for side in zip(*rounds, strict=True))
    ratio = statistics.median(b / c for _, b, c in rounds)
    met = ratio <= GOAL
    print(f"first sign-in: {first * 1000:.0f} ms, by intention; email-oauth2-proxy's: {theirs * 1000:.0f} ms")
    print(
        f"later sign-ins: {later * 1e6:.1f} us against {theirs * 1e6:.0f} us, ratio {ratio:.5f}, "
        f"goal {GOAL}: {'met' if met else 'MISSED'}"
    )
    sys.exit(not met)
