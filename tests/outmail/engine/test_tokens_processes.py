"""Two processes that renew at once make one request, and a kill at any moment leaves a good refresh token."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import socket
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest

from store.profiles import Profile
from store.tokens import Token, TokenStore, identity_of
from tests.outmail.engine.token_fakes import (
    START,
    Clock,
    FakeAuthority,
    granted,
    opened,
    profile,
    tokens,
    vault,
)
from tests.store.test_crash import killed_at
from transports.oauth.base import Granted
from transports.secret import Secret

FORK = multiprocessing.get_context("fork")
KILLED_AT = ("before the request", "after the answer", "before the write", "after the write")


class Remote(FakeAuthority):
    """Asks a counter on loopback, so that the requests of several processes add up."""

    port = 0

    async def refresh(self, refresh_token: Secret) -> Granted:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(refresh_token.reveal().encode() + b"\n")
        number = int(await reader.readline())
        writer.close()
        return Granted(Secret(f"access-{number}"), 3600.0, Secret(f"refresh-{number}"))


def _counter(listener: socket.socket, asked: multiprocessing.queues.Queue[str]) -> None:
    number = 0
    while True:
        connection, _ = listener.accept()
        with connection:
            asked.put(connection.makefile("r").readline().strip())
            number += 1
            connection.sendall(f"{number}\n".encode())


def _renew(
    folder: Path, port: int, clock: Clock, start: Barrier, got: multiprocessing.queues.Queue[str]
) -> None:
    remote = Remote()
    remote.port = port
    desk = tokens(opened(folder), remote, clock)
    start.wait(30)
    got.put(asyncio.run(desk.supply("p0", profile()).token()).reveal())


def test_two_processes_make_one_request(tmp_path: Path) -> None:
    folder, clock = tmp_path / "vault", Clock()
    tokens(vault(folder, profile()), FakeAuthority(), clock).keep("p0", profile(), granted())
    clock.pass_(hours=2)
    asked: multiprocessing.queues.Queue[str] = FORK.Queue()
    got: multiprocessing.queues.Queue[str] = FORK.Queue()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        counter = FORK.Process(target=_counter, args=(listener, asked), daemon=True)
        counter.start()
        start = FORK.Barrier(4)
        people = [FORK.Process(target=_renew, args=(folder, port, clock, start, got)) for _ in range(4)]
        for one in people:
            one.start()
        found = {got.get(timeout=60) for _ in people}
        for one in people:
            one.join(60)
            assert one.exitcode == 0
        counter.terminate()
        counter.join(10)
    assert found == {"access-1"}
    assert asked.get(timeout=10) == "refresh-0"
    assert asked.empty()


class Mortal(FakeAuthority):
    """Kills its own process where it is told to; the provider lets the old refresh token live on."""

    moment = ""

    async def refresh(self, refresh_token: Secret) -> Granted:
        _die_if(self.moment == "before the request")
        found = await super().refresh(refresh_token)
        _die_if(self.moment == "after the answer")
        return found


def _die_if(now: bool) -> None:
    if now:
        os.kill(os.getpid(), signal.SIGKILL)


def _renew_and_die(folder: Path, clock: Clock, moment: str) -> None:
    mortal = Mortal()
    mortal.moment = moment
    desk = tokens(opened(folder), mortal, clock)
    real = TokenStore.put

    def put(self: TokenStore, token: Token) -> None:
        _die_if(moment == "before the write")
        real(self, token)
        _die_if(moment == "after the write")

    TokenStore.put = put  # type: ignore[method-assign]
    asyncio.run(desk.supply("p0", profile()).token())


@pytest.mark.parametrize("moment", KILLED_AT)
def test_killed_in_a_renewal(tmp_path: Path, moment: str) -> None:
    folder, clock, of = tmp_path / "vault", Clock(), profile()
    tokens(vault(folder, of), FakeAuthority(), clock).keep("p0", of, granted())
    clock.pass_(hours=2)
    victim = FORK.Process(target=_renew_and_die, args=(folder, clock, moment))
    victim.start()
    victim.join(60)
    assert victim.exitcode == -signal.SIGKILL
    after = FakeAuthority()
    desk = tokens(opened(folder), after, clock, wait=0)  # the lock went with its holder
    supply = desk.supply("p0", of)
    assert asyncio.run(supply.token()).reveal() == "access-1"
    if moment == "after the write":
        assert (after.asked, supply.origin) == ([], "cached")
        assert _refresh(desk.shelf.get(identity_of(of))) == "refresh-1"
    else:
        assert (after.asked, supply.origin) == (["refresh-0"], "refreshed")
    assert desk.state(of).signed_in


def test_killed_before_any_call_of_a_renewal(tmp_path: Path) -> None:
    """Not at moments that somebody thought of: before each call to the disk, one after the other."""
    clock, of, kept = Clock(), profile(), set()
    for point in range(200):
        folder = tmp_path / str(point)
        clock.time = START
        tokens(vault(folder, of), FakeAuthority(), clock).keep("p0", of, granted())
        clock.pass_(hours=2)
        renewal = tokens(opened(folder), FakeAuthority(), clock).supply("p0", of)
        killed = killed_at(point, lambda supply=renewal: asyncio.run(supply.token()))  # type: ignore[misc]
        desk = tokens(opened(folder), FakeAuthority(), clock, wait=0)
        kept.add(_refresh(desk.shelf.get(identity_of(of))))
        assert asyncio.run(desk.supply("p0", of).token()).reveal() == "access-1"
        assert desk.state(of).signed_in
        assert _refresh(desk.shelf.get(identity_of(of))) == "refresh-1"
        if not killed:
            break
    assert point > 10, "the renewal reached the disk"
    assert not killed, "the renewal has no end"
    assert kept == {"refresh-0", "refresh-1"}


def _refresh(token: Token | None) -> str:
    return token.refresh_token.get_secret_value() if token and token.refresh_token else ""


def test_a_sign_in_during_a_renewal_wins(tmp_path: Path) -> None:
    """The renewal under way ends first; what the person brought is what stays."""
    folder, clock, of = tmp_path / "vault", Clock(), profile()
    authority = FakeAuthority()
    desk = tokens(vault(folder, of), authority, clock)
    desk.keep("p0", of, granted())
    clock.pass_(hours=2)

    async def both() -> None:
        renewal = asyncio.create_task(desk.supply("p0", of).token())
        signing = asyncio.create_task(asyncio.to_thread(_sign_in, folder, clock, of))
        await asyncio.gather(renewal, signing)

    asyncio.run(both())
    assert _refresh(desk.shelf.get(identity_of(of))) == "refresh-of-the-person"


def _sign_in(folder: Path, clock: Clock, of: Profile) -> None:
    other = tokens(opened(folder), FakeAuthority(), clock)
    other.keep("p0", of, granted("access-of-the-person", "refresh-of-the-person"))
