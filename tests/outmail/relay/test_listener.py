"""The door and what lies behind it: mail of real clients is in a real queue before they hear 250."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import smtplib
import socket
import ssl
import stat
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from ipaddress import ip_network
from pathlib import Path
from typing import TypeVar

import pytest

from outmail.relay.intake import MOST_HOPS, Intake
from outmail.relay.listener import Door, Listener
from outmail.relay.rules import Rules
from store.errors import ErrorKind, StoreError
from store.profiles import Profile
from store.spool import Spool
from store.spool_headers import LONGEST_HEADERS
from store.spool_shapes import Entry
from tests.servers.pki import Pki
from transports.secret import Secret

T = TypeVar("T")

HOST = "relay.example.org"
RULES = Rules(HOST)
MAIL = b"From: helpdesk@example.org\r\nSubject: x\r\n\r\n.dot\r\n\xc3\xbc\r\n"


def profile(sender_policy: str = "rewrite") -> Profile:
    return Profile.model_validate(
        {
            "protocol": "smtp",
            "from_address": "helpdesk@example.org",
            "sender_policy": sender_policy,
            "smtp": {"host": "smtp.example.org"},
        }
    )


class Place:
    """A queue and the doors to it."""

    def __init__(self, spool: Spool) -> None:
        self.spool = spool
        self.profile: Profile | None = profile()
        self.woken: list[str] = []
        self.intake = Intake(spool, self._choose, HOST, lambda: datetime.now(UTC), self.woken.append)
        self.listeners: list[Listener] = []

    def _choose(self, _sender: str, _asked: str) -> tuple[str, Profile] | None:
        return ("support", self.profile) if self.profile else None

    async def open(self, rules: Rules = RULES, **door: object) -> Listener:
        listener = Listener(Door(port=0, **door), rules, self.intake, self._check)  # type: ignore[arg-type]
        await listener.open()
        self.listeners.append(listener)
        return listener

    async def _check(self, username: str, password: Secret) -> bool | None:
        await asyncio.sleep(0)
        return None if username == "later" else (username, password.reveal()) == ("app", "right")

    async def mails(self) -> list[tuple[Entry, bytes]]:
        return [(entry, await self.spool.content(entry.id)) for entry in await self.spool.page()]


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    now = datetime.now(UTC)
    complaints: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: complaints.append(context))
    spool = await Spool.open(tmp_path / "spool", "test", now, tell=lambda error: None)
    found = Place(spool)
    yield found
    for listener in found.listeners:
        await listener.close()
    await spool.close(now)
    assert not complaints


async def with_client(
    listener: Listener, work: Callable[[smtplib.SMTP], T], kind: Callable[..., smtplib.SMTP] = smtplib.SMTP
) -> T:
    """A client in a thread of its own."""
    port = int(listener.addresses[0].rpartition(":")[2])

    def run() -> T:
        with kind("localhost", port, timeout=30) as client:
            return work(client)

    return await asyncio.to_thread(run)


def sends(content: bytes = MAIL, sender: str = "app@web.example.org") -> Callable[[smtplib.SMTP], object]:
    to = ["a@example.net", "b@example.net"]
    return lambda client: client.sendmail(sender, to, content, ["BODY=8BITMIME"])


async def test_a_mail_is_in_the_queue_as_it_came_behind_our_received_field(place: Place) -> None:
    listener = await place.open()
    await with_client(listener, sends())
    ((entry, content),) = await place.mails()
    assert content.endswith(MAIL)
    received = content.removesuffix(MAIL).decode()
    assert received.startswith("Received: from ")
    assert f"by {HOST} with ESMTP id {entry.id};" in received
    assert entry.sender == "helpdesk@example.org", "the reverse-path is put right as well"
    assert [line.address for line in entry.recipients] == ["a@example.net", "b@example.net"]
    assert (entry.profile, entry.origin, entry.eight_bit) == ("support", "smtp 127.0.0.1", True)
    assert place.woken == ["support"]


@pytest.mark.parametrize("size", [10, 64 * 1024, 300 * 1024])
async def test_mails_of_any_size(place: Place, size: int) -> None:
    content = MAIL + (b"x" * 70 + b"\r\n") * (size // 72)
    listener = await place.open()
    await with_client(listener, sends(content))
    ((_, kept),) = await place.mails()
    assert kept.endswith(content)


async def test_another_sender_is_put_right_in_a_large_mail_too(place: Place) -> None:
    body = (b"y" * 70 + b"\r\n") * 2000
    listener = await place.open()
    await with_client(listener, sends(b"From: app@web.example.org\r\nTo: a@example.net\r\n\r\n" + body))
    ((_, kept),) = await place.mails()
    head, _, rest = kept.partition(b"\r\n\r\n")
    assert rest == body
    assert b"\r\nFrom: helpdesk@example.org\r\nTo: a@example.net\r\nReply-To: app@web.example.org" in head


LONG_FIELD = b"X: x\r\n" + (b" " + b"y" * 900 + b"\r\n") * (LONGEST_HEADERS // 900 + 1)


@pytest.mark.parametrize(
    ("content", "code"), [(b"Received: x\r\n" * MOST_HOPS + MAIL, 554), (LONG_FIELD + MAIL, 554)]
)
async def test_what_is_not_taken(place: Place, content: bytes, code: int) -> None:
    listener = await place.open()
    with pytest.raises(smtplib.SMTPDataError) as caught:
        await with_client(listener, sends(content))
    assert caught.value.smtp_code == code
    assert await place.mails() == []


async def test_enforce_says_why(place: Place) -> None:
    place.profile = profile("enforce")
    listener = await place.open()
    with pytest.raises(smtplib.SMTPDataError) as caught:
        await with_client(listener, sends())
    assert caught.value.smtp_code == 550
    assert "helpdesk@example.org alone" in str(caught.value.smtp_error)


@pytest.mark.parametrize(
    ("kind", "code"), [(ErrorKind.FULL, 452), (ErrorKind.NOT_WRITABLE, 451), (None, 451)]
)
@pytest.mark.parametrize("size", [10, 200 * 1024])
async def test_without_a_queue_the_client_comes_again(
    place: Place, monkeypatch: pytest.MonkeyPatch, kind: ErrorKind | None, code: int, size: int
) -> None:
    async def refuses(_mail: object) -> None:
        raise StoreError(kind or ErrorKind.FULL, "a mail", "no", "do")

    if kind is None:
        place.profile = None
    else:
        monkeypatch.setattr(place.spool, "accept", refuses)
    listener = await place.open()
    with pytest.raises(smtplib.SMTPDataError) as caught:
        await with_client(listener, sends(MAIL + (b"x" * 70 + b"\r\n") * (size // 72)))
    assert caught.value.smtp_code == code
    assert await place.mails() == []


async def test_a_client_that_goes_away_in_the_middle_leaves_nothing(place: Place, tmp_path: Path) -> None:
    listener = await place.open()
    reader, writer = await asyncio.open_connection("127.0.0.1", int(listener.addresses[0].rpartition(":")[2]))
    writer.write(b"EHLO x\r\nMAIL FROM:<a@b.c>\r\nRCPT TO:<d@e.f>\r\nDATA\r\n")
    async with asyncio.timeout(30):
        while b"354" not in await reader.readline():
            pass
        writer.write(MAIL + (b"x" * 70 + b"\r\n") * 4000)
        await writer.drain()
        writer.transport.abort()
        while listener.connections:  # noqa: ASYNC110 - there is no event for a test to wait for
            await asyncio.sleep(0.01)
    assert await place.mails() == []
    assert [path for path in (tmp_path / "spool").rglob("bodies/*") if path.is_file()] == []


async def test_starttls_and_a_sign_in(place: Place, pki: Pki) -> None:
    rules = Rules(HOST, starttls_offered=True, auth_offered=True, auth_required=True)
    listener = await place.open(rules, tls=pki.good.context())

    def work(client: smtplib.SMTP) -> list[int]:
        client.starttls(context=ssl.create_default_context(cafile=str(pki.ca_file)))
        client.ehlo()
        codes = [client.docmd("MAIL", "FROM:<a@b.c>")[0]]
        for name, password in (("app", "wrong"), ("later", "x")):
            with contextlib.suppress(smtplib.SMTPAuthenticationError):
                client.login(name, password)
                codes.append(0)
        client.login("app", "right")
        sends()(client)
        return codes

    assert await with_client(listener, work) == [530]
    ((entry, content),) = await place.mails()
    assert entry.origin == "smtp 127.0.0.1 as app"
    assert b"with ESMTPSA id" in content


async def test_tls_from_the_first_byte(place: Place, pki: Pki) -> None:
    listener = await place.open(tls=pki.good.context(), tls_at_once=True)
    trust = ssl.create_default_context(cafile=str(pki.ca_file))
    await with_client(listener, sends(), functools.partial(smtplib.SMTP_SSL, context=trust))
    assert b"with ESMTPS id" in (await place.mails())[0][1]


async def test_a_unix_socket(place: Place, tmp_path: Path) -> None:
    path = tmp_path / "submit.sock"
    await place.open(path=path)
    reader, writer = await asyncio.open_unix_connection(path)
    async with asyncio.timeout(30):
        assert (await reader.readline()).startswith(b"220 ")
        writer.write(b"HELO x\r\nMAIL FROM:<a@b.c>\r\nRCPT TO:<d@e.f>\r\nDATA\r\n")
        while b"354" not in await reader.readline():
            pass
        writer.write(MAIL + b".\r\nQUIT\r\n")
        said = await reader.read()
    assert b"250 2.0.0 Ok: queued as" in said
    assert (await place.mails())[0][0].origin == "smtp unix"
    assert stat.S_ISSOCK(path.stat().st_mode)
    writer.close()


async def test_other_networks_are_not_served(place: Place) -> None:
    listener = await place.open(networks=(ip_network("192.0.2.0/24"),))
    with pytest.raises(smtplib.SMTPConnectError) as caught:
        await with_client(listener, sends())
    assert caught.value.smtp_code == 554


async def test_one_client_too_many_comes_again(place: Place) -> None:
    listener = await place.open(most=2)
    port = int(listener.addresses[0].rpartition(":")[2])
    held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
    async with asyncio.timeout(30):
        for reader, _ in held:
            await reader.readline()
    with pytest.raises(smtplib.SMTPConnectError) as caught:
        await with_client(listener, sends())
    assert caught.value.smtp_code == 421
    for _, writer in held:
        writer.close()
    async with asyncio.timeout(30):
        while listener.connections:  # noqa: ASYNC110 - there is no event for a test to wait for
            await asyncio.sleep(0.01)
    await with_client(listener, sends())


async def test_a_slow_client_is_told_and_let_go(place: Place) -> None:
    listener = await place.open(Rules(HOST, command_seconds=0.2))
    reader, writer = await asyncio.open_connection("127.0.0.1", int(listener.addresses[0].rpartition(":")[2]))
    async with asyncio.timeout(30):
        await reader.readline()
        for _ in range(3):
            writer.write(b"N")  # a byte now and then is no progress
            await asyncio.sleep(0.05)
        assert (await reader.read()).startswith(b"421 4.4.2")
    writer.close()


async def test_a_client_that_does_not_read_is_not_read_from(place: Place) -> None:
    listener = await place.open(Rules(HOST, commands=10**6, errors=10**6))
    deaf = socket.create_connection(("127.0.0.1", int(listener.addresses[0].rpartition(":")[2])))
    deaf.setblocking(False)
    sent = 0
    async with asyncio.timeout(60):
        for _ in range(100):
            with contextlib.suppress(BlockingIOError):
                sent += deaf.send(b"NOOP\r\n" * 4000)
            await asyncio.sleep(0.005)
    (connection,) = listener.connections
    assert connection._transport is not None
    assert connection._transport.get_write_buffer_size() < 4_000_000
    deaf.close()


async def test_at_the_end_clients_are_told_and_a_mail_that_is_being_kept_is_answered(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    listener = await place.open()
    accept, begun, go_on = place.spool.accept, asyncio.Event(), asyncio.Event()

    async def slow(mail: object) -> object:
        begun.set()
        await go_on.wait()
        return await accept(mail)  # type: ignore[arg-type]

    monkeypatch.setattr(place.spool, "accept", slow)
    sending = asyncio.ensure_future(with_client(listener, sends()))
    async with asyncio.timeout(30):
        await begun.wait()
        closing = asyncio.ensure_future(listener.close())
        await asyncio.sleep(0)
        go_on.set()
        with contextlib.suppress(smtplib.SMTPServerDisconnected, smtplib.SMTPResponseException):
            await sending  # the mail was taken; what is told instead of an answer to QUIT is 421
        await closing
    assert len(await place.mails()) == 1
    assert listener.addresses == []


async def test_fifty_clients_at_once(place: Place) -> None:
    listener = await place.open()
    await asyncio.gather(*(with_client(listener, sends()) for _ in range(50)))
    mails = await place.mails()
    assert len(mails) == 50
    assert len({entry.id for entry, _ in mails}) == 50
    assert not listener.each
