"""`outmail send --queue`: exit 0 means that the mail is safe, with a relay and without."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from pathlib import Path

import pytest

from store.spool import Spool
from tests.outmail.cli.running import run
from tests.store.drops import collected
from tests.store.spools import NOON

pytestmark = pytest.mark.long

PLAIN = """
[profiles.support]
protocol = "smtp"
from_address = "a@example.org"
[profiles.support.smtp]
host = "127.0.0.1"
port = 1
[profiles.other]
protocol = "smtp"
from_address = "grüße@example.org"
[profiles.other.smtp]
host = "127.0.0.1"
port = 1
"""
SEND = ("send", "--queue", "--to", "b@example.net", "--bcc", "c@example.net", "--subject", "Grüße")


def _set_up(home: Path) -> None:
    assert run(home, "profile", "import", "-", stdin=PLAIN).code == 0


def _drop(home: Path) -> tuple[dict[str, object], bytes]:
    (path,) = (home / "spool" / "maildrop").iterdir()
    line, _, content = path.read_bytes().partition(b"\n")
    return json.loads(line), content


def test_without_a_relay_it_lies_in_the_maildrop(home: Path) -> None:
    _set_up(home)
    done = run(home, *SEND, "-p", "support", "--json")
    assert done.code == 0, done.err
    assert done.err == "no relay runs: it is sent once there is one: outmail relay\n"
    found = done.json
    assert (found["ok"], found["queued"]) == (True, True)
    assert set(found) >= {"ok", "message_id", "server", "address", "answer", "ms", "queued"}
    envelope, content = _drop(home)
    assert (envelope["profile"], envelope["from"]) == ("support", "a@example.org")
    assert envelope["to"] == [["b@example.net", "", ""], ["c@example.net", "", ""]]
    assert (envelope["smtputf8"], envelope["8bit"]) == (False, False)
    assert f"Message-ID: {found['message_id']}".encode() in content
    assert b"c@example.net" not in content


def test_letters_beyond_ascii_are_declared(home: Path) -> None:
    _set_up(home)
    assert run(home, *SEND, "-p", "other").out.startswith("queued as ")
    envelope, _ = _drop(home)
    assert (envelope["smtputf8"], envelope["8bit"]) == (True, True)


def test_the_relay_collects_it(home: Path) -> None:
    _set_up(home)
    assert run(home, *SEND, "-p", "support").code == 0
    (home / "spool" / "maildrop").rename(home / "drop")

    async def collect() -> bytes:
        spool = await Spool.open(home / "spool", "test", NOON, tell=lambda error: None)
        try:
            (mail,) = (await collected(home, spool)).mails
            return await spool.content(mail)
        finally:
            await spool.close(NOON)

    content = asyncio.run(collect())
    assert b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n" in content


def test_with_a_relay_it_goes_to_its_socket(home: Path) -> None:
    _set_up(home)
    (home / "run").mkdir(mode=0o700)
    got: list[bytes] = []
    with socket.socket(socket.AF_UNIX) as wire:
        wire.bind(str(home / "run" / "submit"))
        wire.listen()

        def serve() -> None:
            client, _ = wire.accept()
            with client:
                while not b"".join(got).endswith(b"\0\0\0\0"):
                    got.append(client.recv(65536))
                client.sendall(b'{"ok":true,"id":"1hm8z3v0q4rke"}\n')

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        done = run(home, *SEND, "-p", "support", "--json")
        thread.join(10)
    assert done.code == 0
    assert done.json["queue_id"] == "1hm8z3v0q4rke"
    assert json.loads(b"".join(got).partition(b"\n")[0])["profile"] == "support"
    assert not (home / "spool" / "maildrop").exists()


def test_a_mail_that_could_not_be_taken_is_75(home: Path) -> None:
    _set_up(home)
    (home / "spool" / "maildrop").write_text("a file where the folder should be")
    done = run(home, *SEND, "-p", "support")
    assert (done.code, done.out) == (75, "")
    first, second = done.err.splitlines()
    assert first.startswith("outmail: the mail was not taken: ")
    assert second.startswith("  ")
