"""Mail by the socket: durable before the answer, from whom the kernel says, bounded, and taken once."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from outmail.relay import submission
from outmail.relay.submission import SUBMIT
from store import maildrop
from store.spool_ids import micros
from tests.outmail.handing import Relay, profile, relay, utc_now

MAIL = b"From: helpdesk@example.org\r\n\r\nhello\r\n"
ME = submission.user_name(os.geteuid())


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Relay]:
    async with relay(tmp_path) as found:
        yield found


def header(name: str = "", sender: str = "ann", **more: object) -> bytes:
    now = micros(utc_now())
    fields = maildrop.envelope("eve", sender, [("a@b.test", "", "")], now)
    return json.dumps({**fields, "name": name or maildrop.new_name(now), **more}).encode() + b"\n"


def framed(*pieces: bytes) -> bytes:
    return b"".join(len(piece).to_bytes(4, "big") + piece for piece in [*pieces, b""])


async def submit(place: Relay, data: bytes, *, acknowledge: bool = True) -> dict[str, object]:
    reader, writer = await asyncio.open_unix_connection(place.home / "run" / SUBMIT)
    writer.write(data)
    try:
        line = await reader.readline()
    except ConnectionResetError:
        line = b""
    if acknowledge:
        writer.write(b"+")
    writer.close()
    found: dict[str, object] = json.loads(line) if line else {}
    return found


@pytest.mark.parametrize("size", [0, 1, 70_000, 2_000_000])
async def test_a_mail_in_pieces_of_any_size(place: Relay, size: int) -> None:
    body = MAIL + b"x" * size
    pieces = [body[at : at + 999_999] for at in range(0, len(body), 999_999)]
    told = await submit(place, header() + framed(*pieces))
    entry, content = await place.mail()
    assert told == {"ok": True, "id": entry.id}
    assert content.endswith(body.decode())
    assert f"Received: from {ME} (a user of this machine)" in content
    assert entry.origin == f"sendmail {ME}", "whatever it says"
    assert place.woken == ["support"]


async def test_the_socket_is_for_its_owner_or_as_told(place: Relay) -> None:
    path = place.home / "run" / SUBMIT
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    await place.close()
    assert not path.exists()
    await place.open(0o666)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666


async def test_one_name_is_one_mail(place: Relay) -> None:
    name = maildrop.new_name(micros(utc_now()))
    assert (await submit(place, header(name) + framed(MAIL), acknowledge=False))["ok"]
    assert await submit(place, header(name) + framed(MAIL)) == {"ok": True, "id": ""}
    fields = maildrop.envelope("ann", "ann", [("a@b.test", "", "")], micros(utc_now()))
    maildrop.drop_as(name, place.drops, fields, [MAIL])
    assert (await place.collect()).mails == ()
    assert len(await place.mails()) == 1
    assert place.dropped() == []


async def test_names_are_forgotten_when_their_clients_know(
    place: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(submission, "_FORGET", 3)
    kept = maildrop.new_name(micros(utc_now()))
    await submit(place, header(kept) + framed(MAIL), acknowledge=False)
    for _ in range(3):
        await submit(place, header() + framed(MAIL))
    assert place.submission
    await asyncio.gather(*place.submission._serving)
    names = await place.spool._do(lambda desk: desk.base.execute("SELECT id FROM drops").fetchall())
    assert names == [(kept,)]


@pytest.mark.parametrize(
    ("data", "code", "why"),
    [
        (b"hello\n", 65, "no mail"),
        (b"[]\n", 65, "no mail"),
        (b"[" * 100_000 + b"\n", 65, "no mail"),
        (header("x"), 65, "no mail"),
        (header(to=[["a@b\r\nRCPT TO:<c@d>", "", ""]]), 65, "no mail"),
        (header(to=[]), 65, "no mail"),
        (b"x" * (maildrop.HEADER_LIMIT + 1), 65, "no mail"),
        (header() + framed(b"a\nb"), 65, "CR or LF"),
        (header() + framed(b"a\0b"), 65, "NUL"),
        (header() + framed(b"\r", b"\na\r", b"b"), 65, "CR or LF"),
        (header() + framed(b"X: " + b"y" * 70_000), 65, "header fields"),
        (header() + b"\xff\xff\xff\xff", 65, "larger"),
        (header(profile="shop") + framed(MAIL), 78, "no profile shop"),
        (header(to=[["root", "", ""]]) + framed(MAIL), 78, "local_mail_to"),
    ],
)
async def test_what_is_refused(tmp_path: Path, data: bytes, code: int, why: str) -> None:
    async with relay(tmp_path, local_mail_to="") as place:
        told = await submit(place, data)
        assert (told["ok"], told["code"]) == (False, code)
        assert why in str(told["why"])
        assert await place.mails() == []
        assert not list((tmp_path / "spool/queue/bodies").iterdir())


async def test_one_that_is_too_large(place: Relay) -> None:
    await place.close()
    await place.open(limit=100)
    assert (await submit(place, header() + framed(b"x" * 60, b"x" * 41)))["code"] == 65
    assert (await submit(place, header() + framed(b"x" * 60, b"x" * 40)))["ok"]


async def test_who_may_not_send_is_told_before_anything_is_read(place: Relay) -> None:
    asked: list[tuple[int, int]] = []

    def refuse(uid: int, gid: int) -> bool:
        asked.append((uid, gid))
        return False

    place.may_send = refuse
    told = await submit(place, b"")
    assert (told["code"], told["why"]) == (77, f"{ME} may not hand in mail here")
    assert asked == [(os.geteuid(), os.getegid())]


async def test_no_profile_is_for_later_and_a_policy_is_not(place: Relay) -> None:
    place.profiles.clear()
    assert (await submit(place, header() + framed(MAIL)))["code"] == 75
    place.profiles["support"] = profile("enforce")
    assert (await submit(place, header() + framed(MAIL)))["code"] == 77


async def test_half_a_mail_leaves_nothing(place: Relay) -> None:
    for data in (
        b"",
        b"{",
        header(),
        header() + framed(MAIL)[:-4],
        header() + framed(b"x" * 100_000)[:90_000],
    ):
        with socket.socket(socket.AF_UNIX) as wire:
            wire.connect(str(place.home / "run" / SUBMIT))
            await asyncio.to_thread(wire.sendall, data)
    await submit(place, header() + framed(MAIL))
    await place.close()
    assert len(await place.mails()) == 1
    assert not list((place.home / "spool/queue/bodies").iterdir())


async def test_a_slow_client_is_not_waited_for(place: Relay, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(submission, "HEADER_SECONDS", 0.01)
    assert await submit(place, b"{") == {}
    monkeypatch.setattr(submission, "MAIL_SECONDS", 0.05)
    assert await submit(place, header()) == {}


async def test_more_clients_than_there_is_room_for(place: Relay, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(place.submission, "_most", 0)
    assert await submit(place, header() + framed(MAIL)) == {}


async def test_drops_go_the_same_way(place: Relay) -> None:
    def drop(sender: str, to: str, name: str = "") -> None:
        fields = maildrop.envelope("ann", sender, [(to, "NEVER", "")], micros(utc_now()), profile=name)
        maildrop.drop_as(maildrop.new_name(micros(utc_now())), place.drops, fields, [b"X: y\r\n\r\nhi\r\n"])

    drop("ann", "root")
    drop("ann", "a@b.test", "shop")
    done = await place.collect()
    assert [error.why for error in done.refused] == ["There is no profile shop"]
    assert "outmail profile list" in done.refused[0].remedy
    entry, content = await place.mail()
    assert [(one.address, one.notify) for one in entry.recipients] == [("admin@example.org", "NEVER")]
    assert entry.sender == "helpdesk@example.org"
    assert "Message-ID: <" in content
    assert "from ann (a user of this machine)" in content
    assert place.woken == ["support"]
    place.profiles.clear()
    drop("ann", "a@b.test")
    assert [error.why for error in (await place.collect()).waiting] != []
    assert len(place.dropped()) == 1, "until a profile is set up"
