"""Programs that we did not write, at both ends: clients hand in, a real Postfix and Dovecot take it on."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.outmail.relay.processes import PROGRAM, RelayProcess, relay_process
from tests.servers.dovecot import Dovecot
from tests.servers.postfix import Postfix
from tests.servers.process import require
from tests.servers.sink import Sink

pytestmark = [pytest.mark.real, pytest.mark.long]

Client = Callable[[int, str, str, Path], None]
"""Hands in a mail at a port, from a sender, with a subject; the folder is for its files."""

_PROFILES = """\
default = "postfix"
[profiles.postfix]
protocol = "smtp"
from_address = "alice@example.test"
reply_to = "desk@example.test"
[profiles.postfix.smtp]
host = "localhost"
port = {postfix}
[profiles.postfix.auth]
method = "basic"
username = "{user}"
password = "{password}"
[profiles.postfix.tls]
ca_file = "{ca}"

[profiles.dovecot]
protocol = "smtp"
from_address = "alice@example.test"
[profiles.dovecot.smtp]
host = "localhost"
port = {dovecot}
security = "tls"
[profiles.dovecot.auth]
method = "basic"
username = "{user}"
password = "{password}"
[profiles.dovecot.tls]
ca_file = "{ca}"

[relay]
[[relay.routes]]
sender = "@to-dovecot.test"
profile = "dovecot"
"""


@pytest.fixture(scope="module")
def relay(
    tmp_path_factory: pytest.TempPathFactory, postfix: Postfix, dovecot: Dovecot
) -> Iterator[RelayProcess]:
    with relay_process(tmp_path_factory.mktemp("real") / "home") as found:
        settings = _PROFILES.format(
            postfix=postfix.starttls,
            dovecot=dovecot.tls,
            user=postfix.username,
            password=postfix.password,
            ca=postfix.ca_file,
        )
        done = found.outmail("profile", "import", "-", stdin=settings)
        assert done.returncode == 0, done.stderr
        found.start()
        yield found


def swaks(port: int, sender: str, subject: str, _folder: Path) -> None:
    command = ["--server", f"127.0.0.1:{port}", "--from", sender, "--to", "b@example.test", "--silent", "2"]
    _run("swaks", *command, "--header", f"Subject: {subject}")


def msmtp(port: int, sender: str, subject: str, folder: Path) -> None:
    config = folder / "msmtprc"
    config.write_text(f"account default\nhost 127.0.0.1\nport {port}\nfrom {sender}\n")
    config.chmod(0o600)
    _run("msmtp", f"--file={config}", "b@example.test", given=_mail(sender, subject))


def curl(port: int, sender: str, subject: str, folder: Path) -> None:
    mail = folder / "mail"
    mail.write_bytes(_mail(sender, subject))
    url = f"smtp://127.0.0.1:{port}/web.example.test"
    _run("curl", "-sS", url, "--mail-from", sender, "--mail-rcpt", "b@example.test", "-T", str(mail))


def s_nail(port: int, sender: str, subject: str, _folder: Path) -> None:
    settings = [f"smtp://127.0.0.1:{port}", "smtp-auth=none", f"from={sender}", "v15-compat"]
    options = [word for one in (f"mta={settings[0]}", *settings[1:]) for word in ("-S", one)]
    _run("s-nail", "-:", "/", *options, "-s", subject, "b@example.test", given=b"hello\n")


def git_send_email(port: int, sender: str, subject: str, folder: Path) -> None:
    patch = folder / "0001.patch"
    patch.write_bytes(
        b"From 0123456789012345678901234567890123456789 Mon Sep 17 00:00:00 2001\n"
        + b"From: A Person <%s>\n" % sender.encode()
        + b"Date: Sat, 28 Nov 2026 12:00:00 +0000\nSubject: %s\n\n---\n x | 1 +\n" % subject.encode()
    )
    server = ["--smtp-server=127.0.0.1", f"--smtp-server-port={port}"]
    people = [f"--from={sender}", "--to=b@example.test", "--suppress-cc=all", "--confirm=never"]
    me = {f"GIT_{who}_{what}": sender for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    _run("git", "send-email", *server, *people, "--quiet", str(patch), env={"HOME": str(folder), **me})


def _mail(sender: str, subject: str) -> bytes:
    return f"From: {sender}\r\nTo: b@example.test\r\nSubject: {subject}\r\n\r\n.hello\r\n".encode()


def _run(program: str, *words: str, given: bytes = b"", env: dict[str, str] | None = None) -> None:
    done = subprocess.run(
        [require(program), *words],
        input=given,
        capture_output=True,
        timeout=60,
        check=False,
        env={"PATH": "/usr/bin:/bin:/usr/sbin", **(env or {})},
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("client", [swaks, msmtp, curl, s_nail, git_send_email], ids=lambda c: c.__name__)
@pytest.mark.parametrize("domain", ["web.example.test", "to-dovecot.test"])
def test_clients(relay: RelayProcess, sink: Sink, client: Client, domain: str, tmp_path: Path) -> None:
    subject = f"{client.__name__} at {domain}"
    client(relay.port, f"app@{domain}", subject, tmp_path)
    mail = sink.first(lambda taken: subject.encode() in taken.content)
    assert (mail.sender, mail.recipients) == ("alice@example.test", ("b@example.test",))
    headers = mail.content.partition(b"\r\n\r\n")[0].lower()
    assert headers.count(b"\nfrom:") == 1
    assert b"<alice@example.test>" in headers or b"from: alice@example.test" in headers
    assert b"\nmessage-id:" in headers
    assert (b"by smtp.example.test" in headers) is (domain == "web.example.test"), "by the right server"


def test_sendmail(relay: RelayProcess, sink: Sink) -> None:
    mail = b"To: b@example.test\nBcc: c@example.test\nSubject: by sendmail\n\n.\nhello\n"
    done = subprocess.run(
        [*PROGRAM, "--home", str(relay.home), "sendmail", "-t", "-i", "-f", "root@web.example.test"],
        input=mail,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    taken = sink.first(lambda taken: b"Subject: by sendmail" in taken.content)
    assert sorted(taken.recipients) == ["b@example.test", "c@example.test"]
    assert b"c@example.test" not in taken.content
    assert taken.content.endswith(b"\r\n\r\n.\r\nhello\r\n")


def test_many_at_once(relay: RelayProcess, sink: Sink) -> None:
    """smtp-source, twenty at a time, each on a connection of its own."""
    words = ["-s", "20", "-m", "200", "-l", "5000", "-f", "app@web.example.test", "-t", "b@example.test"]
    _run("smtp-source", *words, "-S", "from smtp-source", f"127.0.0.1:{relay.port}")
    assert len(sink.several(200, lambda taken: b"Subject: from smtp-source" in taken.content)) == 200


def test_refusals_come_back_to_the_sender(relay: RelayProcess, sink: Sink) -> None:
    """Postfix refuses nobody@example.test: its own words stand in the bounce."""
    words = ["--server", f"127.0.0.1:{relay.port}", "--from", "app@to-postfix.test", "--silent", "2"]
    _run("swaks", *words, "--to", "nobody@example.test", "--header", "Subject: refused")
    bounce = sink.first(lambda taken: b"nobody@example.test" in taken.content and taken.sender == "")
    assert bounce.recipients == ("alice@example.test",)
    assert b"550 5.1.1" in bounce.content
    assert b"multipart/report" in bounce.content
