"""sendmail as programs start it: to a running relay, and to none; and 0 only when the mail is safe."""

from __future__ import annotations

import asyncio
import json
import os
import pwd
import smtplib
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from outmail import sendmail_handover
from outmail.relay.submission import SUBMIT
from tests.outmail.handing import (
    ADMIN,
    ROOT,
    Relay,
    environment,
    launcher,
    profile,
    relay,
    run,
    sendmail,
)

ME = pwd.getpwuid(os.getuid()).pw_name
GECOS = pwd.getpwuid(os.getuid()).pw_gecos.partition(",")[0]


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Relay]:
    async with relay(tmp_path) as found:
        yield found


async def test_to_the_relay(place: Relay) -> None:
    done = await sendmail(place.home, "-v", "a@b.test", '"Last, First" <c@d.test>', "a@b.test")
    entry, content = await place.mail()
    assert (done.returncode, done.stdout, done.stderr) == (0, "", f"outmail: queued as {entry.id}\n")
    assert [one.address for one in entry.recipients] == ["a@b.test", "c@d.test"]
    assert content.endswith("Subject: x\r\n\r\nhello\r\n")
    assert place.dropped() == []


async def test_without_a_relay_it_is_dropped_and_taken_once(tmp_path: Path) -> None:
    done = await sendmail(tmp_path, "-i", "-a", "support", "root")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert stat.S_IMODE((tmp_path / "spool/maildrop").stat().st_mode) == 0o700
    async with relay(tmp_path) as place:
        assert len((await place.collect()).mails) == 1
        assert (await place.collect()).mails == ()
        entry, content = await place.mail()
        assert [one.address for one in entry.recipients] == [ADMIN]
        assert entry.origin == f"sendmail {ME}"
        assert content.endswith("hello\r\n")


async def test_the_mail_says_to_whom(place: Relay) -> None:
    mail = b'To: "Last, First" <a@b.test>,\n Team: c@d.test;\nBcc: secret@e.test\nSubject: x\n\n.\nhidden\n'
    done = await sendmail(place.home, "-t", "-oi", "f@g.test", stdin=mail)
    assert done.returncode == 0
    entry, content = await place.mail()
    assert [one.address for one in entry.recipients] == ["f@g.test", "a@b.test", "c@d.test", "secret@e.test"]
    assert "secret" not in content
    assert content.endswith("\r\n\r\n.\r\nhidden\r\n")


async def test_from_and_sender(place: Relay) -> None:
    place.profiles["support"] = profile("allow")
    await sendmail(place.home, "-f", "ann@example.net", "-F", "Ann, of Sales", "a@b.test")
    await sendmail(place.home, "-f", "<>", "a@b.test", stdin=b"From: x@y.test\n\n")
    (first, content), (second, other) = await place.mails()
    assert (first.sender, second.sender) == ("ann@example.net", "")
    assert 'From: "Ann, of Sales" <ann@example.net>\r\n' in content
    assert other.count("From:") == 1


async def test_what_is_asked_of_notices(place: Relay) -> None:
    flags = ["-N", "failure,delay", "-R", "hdrs", "-V", "id 1", "-B", "8BITMIME"]
    await sendmail(place.home, *flags, "a@b.test")
    await sendmail(place.home, "a@b.test", stdin="\n\u00fc\n".encode())
    await sendmail(place.home, "\u00fc@b.test")
    (first, _), (second, _), (third, _) = await place.mails()
    assert (first.recipients[0].notify, first.ret, first.envid) == ("FAILURE,DELAY", "HDRS", "id+201")
    assert (first.eight_bit, second.eight_bit, third.eight_bit) == (True, True, False)
    assert (first.smtputf8, second.smtputf8, third.smtputf8) == (False, False, True)


@pytest.mark.parametrize(
    ("flags", "stdin", "code", "why"),
    [
        ([], b"x\n", 64, "there is no recipient"),
        (["-Z", "a@b.test"], b"x\n", 64, "-Z is not a flag"),
        (["-f", "a b", "a@b.test"], b"x\n", 64, "-f names no sender"),
        (["-t"], b"Subject: x\n\n", 65, "it names no recipient"),
        (["-t"], b"To: John Smith\n\n", 65, "John Smith is no address"),
        (["a b"], b"x\n", 65, "a b is no address"),
        (["a@b.test"], b"x\0y\n", 65, "NUL"),
        (["a@b.test"], b"X: " + b"y" * 70_000, 65, "header fields"),
        (["-a", "shop", "a@b.test"], b"x\n", 78, "There is no profile shop"),
        (["root"], b"x\n", 78, "relay.local_mail_to"),
    ],
)
async def test_what_is_refused(tmp_path: Path, flags: list[str], stdin: bytes, code: int, why: str) -> None:
    async with relay(tmp_path, local_mail_to="") as place:
        done = await sendmail(tmp_path, *flags, stdin=stdin)
        assert done.returncode == code
        first, second = done.stderr.splitlines()
        assert first.startswith("outmail: ")
        assert why in first
        assert second.startswith("  ")
        assert (done.stdout, await place.mails(), place.dropped()) == ("", [], [])


async def test_who_may_not_is_told_and_nothing_is_dropped(place: Relay) -> None:
    place.may_send = lambda _uid, _gid: False
    done = await sendmail(place.home, "a@b.test", stdin=b"x\n" * 2_000_000)
    assert done.returncode == 77
    assert f"{ME} may not hand in mail here" in done.stderr
    assert place.dropped() == []


async def test_what_the_relay_cannot_take_now_is_dropped(place: Relay) -> None:
    place.profiles.clear()
    assert (await sendmail(place.home, "a@b.test")).returncode == 0
    assert len(place.dropped()) == 1


async def test_a_relay_that_ends_before_its_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It had taken the mail: the drop has the same name, and is no second one."""
    async with relay(tmp_path) as place:
        real = place.spool.accept_once

        async def accept_and_die(*given: object) -> object:
            await real(*given)  # type: ignore[arg-type]
            raise OSError("killed")

        monkeypatch.setattr(place.spool, "accept_once", accept_and_die)
        assert (await sendmail(tmp_path, "a@b.test")).returncode == 0
        assert len(place.dropped()) == 1
        monkeypatch.undo()
        assert (await place.collect()).mails == ()
        assert len(await place.mails()) == 1
        assert place.dropped() == []


async def test_a_socket_that_says_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sendmail_handover, "_ANSWER_SECONDS", 0.05)
    (tmp_path / "run").mkdir()
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "run" / SUBMIT))
        silent.listen()
        from outmail.sendmail_places import Place

        here = Place(str(tmp_path / "run"), str(tmp_path / "spool"), ours=True)
        mail = sendmail_handover.Envelope("ann", "ann", [("a@b.test", "", "")])
        name = await asyncio.to_thread(sendmail_handover.hand_in, here, mail, [b"\r\nx\r\n"])
    assert [path.name for path in (tmp_path / "spool/maildrop").iterdir()] == [name]


async def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "spool").write_text("no folder")
    done = await sendmail(tmp_path, "a@b.test")
    assert done.returncode == 75
    assert "maildrop" in done.stderr


@pytest.mark.parametrize("size", [3, 20])
async def test_large_mails(place: Relay, size: int) -> None:
    body = b"0123456789abcde\n" * (size * 65536)
    assert (await sendmail(place.home, "a@b.test", stdin=b"Subject: x\n\n" + body)).returncode == 0
    await place.close()
    assert (await sendmail(place.home, "a@b.test", stdin=b"Subject: x\n\n" + body)).returncode == 0
    await place.collect()
    mails = await place.mails()
    assert [content.partition("\r\n\r\n")[2] for _, content in mails] == [
        body.decode().replace("\n", "\r\n")
    ] * 2


async def test_smtp_on_stdin(place: Relay) -> None:
    talk = (
        b"EHLO x\r\nMAIL FROM:<helpdesk@example.org> BODY=8BITMIME\r\nRCPT TO:<a@b.test>\r\nDATA\r\n"
        b"Subject: x\r\n\r\n..dot\r\n.\r\n"
        b"MAIL FROM:<>\r\nRCPT TO:<c@d.test>\r\nDATA\r\n"
        b"Subject: y\r\n\r\n" + b"z" * 70 * 1024 + b"\r\n.\r\nQUIT\r\n"
    )
    done = await sendmail(place.home, "-bs", stdin=talk)
    assert done.returncode == 0
    assert [line[:3] for line in done.stdout.splitlines() if line[3] == " "] == (
        ["220", "250", "250", "250", "354", "250", "250", "250", "354", "250", "221"]
    )
    (first, content), (second, other) = await place.mails()
    assert content.endswith("Subject: x\r\n\r\n.dot\r\n")
    assert other.endswith("z" * 70 * 1024 + "\r\n")
    assert (first.eight_bit, second.sender) == (True, "")


class Piped(smtplib.SMTP):
    """Symfony's way: a dialogue with `sendmail -bs`, each command after the answer to the last."""

    def __init__(self, home: Path) -> None:
        super().__init__(local_hostname="[127.0.0.1]")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "outmail.sendmail", "-bs"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment(home), cwd=ROOT,
        )  # fmt: skip
        self.file = self.process.stdout
        assert self.getreply()[0] == 220

    def send(self, s: str | bytes) -> None:  # type: ignore[override]
        assert self.process.stdin is not None
        self.process.stdin.write(s if isinstance(s, bytes) else s.encode())
        self.process.stdin.flush()

    def close(self) -> None:
        self.process.communicate()


@pytest.mark.parametrize("running", [True, False])
async def test_a_dialogue_on_stdin(tmp_path: Path, running: bool) -> None:
    async with relay(tmp_path, running=running) as place:

        def talk() -> int:
            client = Piped(tmp_path)
            for number in range(3):
                client.sendmail("helpdesk@example.org", ["a@b.test"], f"Subject: {number}\r\n\r\nhi\r\n")
            client.quit()
            return client.process.returncode

        assert await asyncio.to_thread(talk) == 0
        assert len(place.dropped()) == (0 if running else 3)
        await place.collect()
        assert [content[-6:] for _, content in await place.mails()] == ["\r\nhi\r\n"] * 3


async def test_smtp_on_stdin_says_why_not(place: Relay) -> None:
    talk = b"HELO x\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<a@b.test>\r\nDATA\r\n\r\nx\r\n.\r\nQUIT\r\n"
    done = await sendmail(place.home, "-bs", "-a", "shop", stdin=talk)
    assert "\n550 5.3.0 There is no profile shop; see which there are: outmail profile list" in done.stdout


async def test_the_ways_to_start_it(tmp_path: Path) -> None:
    env = {**environment(tmp_path), "PYTHONPATH": str(ROOT)}
    (tmp_path / "bin").mkdir()
    link = tmp_path / "bin" / "sendmail"
    link.symlink_to(ROOT / "outmail" / "__main__.py")
    for command in (
        [sys.executable, "-m", "outmail", "sendmail", "a@b.test"],
        [sys.executable, "-m", "outmail", "--home", str(tmp_path), "sendmail", "-i", "a@b.test"],
        [sys.executable, "-m", "outmail", "sendmail", "--home", str(tmp_path), "-i", "a@b.test"],
        [str(launcher(tmp_path)), "a@b.test"],
        [sys.executable, str(link), "a@b.test"],
    ):
        done = await run(command, b"x\n", env, cwd=tmp_path)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), command
    assert len(list((tmp_path / "spool/maildrop").iterdir())) == 5
    done = await run([sys.executable, "-m", "outmail", "sendmail", "--help"], b"", env)
    assert "recipient" in done.stdout
    done = await run([sys.executable, "-m", "outmail", "sendmail", "-bi"], b"", env)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


async def test_the_queue_of_a_relay_that_does_not_run(tmp_path: Path) -> None:
    for flag in ("-bp", "-q"):
        done = await sendmail(tmp_path, flag)
        assert done.returncode == 75
        assert done.stderr.startswith("outmail: the queue was not reached: no relay runs\n  start it: ")


class FakeControl:
    """The control socket of a relay, with these answers; `asked` is what it was asked."""

    def __init__(self, home: Path, answers: list[object]) -> None:
        (home / "run").mkdir(parents=True)
        self._answers = answers
        self._path = home / "run" / "control"
        self.asked: list[dict[str, object]] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.asked.append(json.loads(await reader.readline()))
        writer.write(json.dumps(self._answers.pop(0)).encode() + b"\n")
        await writer.drain()
        writer.close()

    async def __aenter__(self) -> FakeControl:
        self._server = await asyncio.start_unix_server(self.serve, self._path)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()


async def test_the_queue_of_a_running_relay(tmp_path: Path) -> None:
    async with relay(tmp_path) as place:
        await sendmail(tmp_path, "a@b.test", "c@d.test")
        listed = [entry.to_json() for entry, _ in await place.mails()]
    listed[0]["last_error"] = "451 later\x1b[2J"
    forbidden = {"kind": "forbidden", "what": "not allowed", "why": "ann is no admin", "remedy": "use sudo"}
    answers = [{"ok": True, "answer": listed}, {"ok": True, "answer": []}, {"ok": True, "answer": 1}]
    async with FakeControl(tmp_path / "x", [*answers, {"ok": False, "error": forbidden}]) as control:
        home = tmp_path / "x"
        done = await sendmail(home, "-bp")
        head, first, error, *people, _, last = done.stdout.splitlines()
        assert head.startswith("-Queue ID-")
        assert first.startswith(str(listed[0]["id"]))
        assert first.endswith(" helpdesk@example.org")
        assert "\x1b" not in error
        assert [line.strip() for line in people] == ["a@b.test", "c@d.test"]
        assert last == "-- 0 Kbytes in 1 Request."
        assert (await sendmail(home, "-bp")).stdout == "Mail queue is empty\n"
        assert (await sendmail(home, "-q")).returncode == 0
        done = await sendmail(home, "-bp")
        assert (done.returncode, done.stderr.splitlines()[1]) == (77, "  use sudo")
    assert [one["do"] for one in control.asked] == ["page", "page", "retry", "page"]


# Another user of the machine


def test_it_imports_little() -> None:
    heavy = (
        "asyncio", "json", "os", "re", "socket", "pathlib", "dataclasses", "typing", "enum", "email",
        "getopt", "contextlib", "platformdirs", "click", "pydantic", "sqlite3", "subprocess", "collections",
    )  # fmt: skip
    script = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from outmail.sendmail import main; "
    script += f"code = main(['-i', 'a@b.test']); print(code, *[m for m in {heavy} if m in sys.modules])"
    with tempfile.TemporaryDirectory() as home:
        done = subprocess.run(
            [sys.executable, "-IS", "-c", script], capture_output=True, text=True, check=True, input="x\n",
            env={"OUTMAIL_HOME": home},
        )  # fmt: skip
    assert done.stdout.split() == ["0"]
