"""Sign-in to a listener: right, wrong, unknown, many at once; and that it never holds up the relay."""

from __future__ import annotations

import asyncio
import logging
import smtplib
from typing import cast

import pytest
from pydantic import SecretStr

from outmail.relay import users as module
from outmail.relay.intake import Intake
from outmail.relay.listener import Door, Listener
from outmail.relay.rules import Rules
from outmail.relay.users import (
    FORGIVEN_SECONDS,
    FREE_GUESSES,
    IDLE_SECONDS,
    LONGEST_SECONDS,
    SLOWEST_SECONDS,
    WRONG_SECONDS,
    Users,
)
from store.relay_password import Hashed, hash_password
from store.relay_settings import RelayUser
from transports.secret import Secret

pytestmark = pytest.mark.long

PASSWORD = "pässword of the printer"
SLOW = hash_password(SecretStr(PASSWORD))


class Desk:
    """Users with a clock that is moved by hand, and a count of the hashes that were computed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        self.slept: list[float] = []
        self.computed = 0
        quick = Hashed(2, 1, 1, b"saltsalt", b"")
        key = quick._made_of(PASSWORD, 32)
        real = Hashed.fits

        def fits(hashed: Hashed, password: str) -> bool:
            self.computed += 1
            return real(hashed, password)

        monkeypatch.setattr(Hashed, "fits", fits)
        monkeypatch.setattr(module, "of_nobody", lambda: Hashed(2, 1, 1, b"saltsalt", bytes(32)))
        known = RelayUser(name="printer", password_hash=str(Hashed(2, 1, 1, b"saltsalt", key)))
        self.users = Users([known], lambda: self.now, self.sleep)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    async def check(self, password: str = PASSWORD, username: str = "printer") -> bool | None:
        return await self.users.check(username, Secret(password))


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Desk:
    return Desk(monkeypatch)


async def test_right_and_wrong(desk: Desk) -> None:
    assert await desk.check() is True
    assert desk.slept == []
    for username, password in (("printer", "x"), ("printer", ""), ("Printer", PASSWORD), ("", PASSWORD)):
        assert await desk.check(password, username) is False
    assert desk.slept == [WRONG_SECONDS] * 4
    assert desk.computed == 5, "an unknown user costs the same"


async def test_passwords_that_nobody_has(desk: Desk) -> None:
    assert await desk.check("x" * 5000) is False
    assert await desk.check("\ud800") is False
    assert desk.computed == 0


async def test_without_users_nobody_is_let_in() -> None:
    assert await Users([]).check("", Secret("")) is False


async def test_who_was_right_is_known_for_a_time(desk: Desk) -> None:
    for _ in range(3):
        assert await desk.check() is True
    assert desk.computed == 1
    desk.now += IDLE_SECONDS
    assert await desk.check() is True
    assert desk.computed == 2, "not used for too long"
    end = desk.now + LONGEST_SECONDS
    while desk.now < end:
        assert await desk.check() is True
        desk.now += IDLE_SECONDS - 1
    assert await desk.check() is True
    assert desk.computed == 3, "known for too long"


async def test_many_with_one_password_cost_one_hash(desk: Desk) -> None:
    assert all(await asyncio.gather(*(desk.check() for _ in range(200))))
    assert desk.computed == 1


async def test_one_that_goes_away_ends_no_other(desk: Desk) -> None:
    first, second = (asyncio.create_task(desk.check()) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    assert await second is True


async def test_guesses_are_checked_less_and_less_often(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    assert await desk.check() is True
    for guess in range(FREE_GUESSES):
        assert await desk.check(f"guess {guess}") is False
    before = desk.computed
    assert await desk.check("guess") is None, "later"
    assert desk.computed == before
    assert await desk.check() is True, "who was right before is not shut out"
    desk.now += 1.0
    assert await desk.check("guess a") is False
    desk.now += 1.0
    assert await desk.check("guess b") is None, "twice as long"
    for _ in range(10):
        desk.now += SLOWEST_SECONDS
        assert await desk.check(f"guess {desk.now}") is False, "and never longer than that"
    desk.now += FORGIVEN_SECONDS + 1
    for guess in range(FREE_GUESSES):
        assert await desk.check(f"again {guess}") is False
    assert "'printer'" in caplog.text
    assert "guess" not in caplog.text.replace("guesses", "")


async def test_a_right_password_ends_the_suspicion(desk: Desk) -> None:
    for guess in range(FREE_GUESSES):
        await desk.check(f"guess {guess}")
    assert await desk.check() is None
    desk.now += 1
    assert await desk.check() is True
    assert await desk.check("wrong again") is False


async def test_guesses_at_many_names_are_bounded(desk: Desk) -> None:
    answers = [await desk.check("x", f"user{number}") for number in range(1500)]
    assert answers[:1000] == [False] * 1000
    assert answers[1100:] == [None] * 400
    assert len(desk.users._suspects) <= 1001
    assert await desk.check() is True, "a user that exists is not held up by them"
    desk.now += FORGIVEN_SECONDS + 1
    assert await desk.check("x", "user1") is False


async def test_a_flood_is_told_to_come_later() -> None:
    users = Users([RelayUser(name="printer", password_hash=SLOW)])
    flood = [asyncio.create_task(users.check(f"u{n}", Secret("x"))) for n in range(200)]
    for _ in range(3):  # each takes its first step
        await asyncio.sleep(0)
    told = [task.result() for task in flood if task.done()]
    assert told == [None] * 168, "at once, before any hash is computed"
    for task in flood:
        task.cancel()
    await asyncio.gather(*flood, return_exceptions=True)
    await asyncio.gather(*users._checking.values())


async def test_through_a_listener() -> None:
    users = Users([RelayUser(name="printer", password_hash=SLOW)])
    rules = Rules("relay.test", auth_offered=True, auth_required=True, insecure_auth_without_tls=True)
    listener = Listener(Door(port=0), rules, cast("Intake", None), users.check)
    await listener.open()
    port = int(listener.addresses[0].rpartition(":")[2])

    def sign_in(password: str) -> int:
        with smtplib.SMTP("127.0.0.1", port, timeout=30) as client:
            try:
                return int(client.login("printer", password)[0])
            except smtplib.SMTPAuthenticationError as error:
                return int(error.smtp_code)

    try:
        assert await asyncio.to_thread(sign_in, "secret") == 535
        assert await asyncio.to_thread(sign_in, PASSWORD.encode().decode("ascii", "ignore")) == 535
        ascii_user = Users([RelayUser(name="printer", password_hash=hash_password(SecretStr("plain")))])
        listener.check_login = ascii_user.check
        assert await asyncio.to_thread(sign_in, "plain") == 235
    finally:
        await listener.close()


async def test_no_password_in_a_log(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        await desk.check()
        for guess in range(FREE_GUESSES + 2):
            await desk.check(f"{PASSWORD} {guess}")
    assert PASSWORD not in caplog.text
    assert PASSWORD not in repr(desk.users)
