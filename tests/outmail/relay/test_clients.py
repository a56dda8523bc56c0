"""Real clients speak to a dialogue over a real socket, with TLS and sign-in; mail comes out as it went in."""

from __future__ import annotations

import smtplib
import ssl
import subprocess
from collections.abc import Iterator

import pytest

from outmail.relay.rules import Rules
from tests.outmail.relay.serving import PASSWORD, USERNAME, Serving, serving
from tests.servers.pki import Pki
from tests.servers.process import require

CONTENT = b"Subject: dots\r\n\r\n.\r\n..\r\n.two\r\nlast \xc3\xbc\r\n"
RULES = Rules("relay.example.test", starttls_offered=True, auth_offered=True)
LOCKED = Rules("relay.example.test", starttls_offered=True, auth_offered=True, auth_required=True)


@pytest.fixture
def server(pki: Pki) -> Iterator[Serving]:
    with serving(RULES, pki.good.context()) as found:
        yield found


@pytest.fixture
def locked(pki: Pki) -> Iterator[Serving]:
    with serving(LOCKED, pki.good.context()) as found:
        yield found


def run(*command: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run a client of Debian's."""
    return subprocess.run(
        [require(command[0]), *command[1:]], input=given, capture_output=True, timeout=60, check=False
    )


def test_smtplib(locked: Serving, pki: Pki) -> None:
    with smtplib.SMTP("localhost", locked.port, timeout=30) as client:
        client.starttls(context=ssl.create_default_context(cafile=str(pki.ca_file)))
        with pytest.raises(smtplib.SMTPSenderRefused):
            client.sendmail("a@example.test", ["b@example.test"], CONTENT)
        with pytest.raises(smtplib.SMTPAuthenticationError):
            client.login(USERNAME, "wrong")
        client.login(USERNAME, PASSWORD)
        client.sendmail("a@example.test", ["b@example.test", "c@example.test"], CONTENT, ["BODY=8BITMIME"])
        client.sendmail("", ["b@example.test"], CONTENT)
    first, second = locked.mails
    assert first.content == second.content == CONTENT
    assert [recipient.address for recipient in first.recipients] == ["b@example.test", "c@example.test"]
    assert (first.protocol, first.username) == ("ESMTPSA", USERNAME)
    assert second.sender.address == ""


def test_smtplib_with_a_large_mail(server: Serving) -> None:
    content = b"." * 70 + b"\r\n" + b"x" * 998 + b"\r\n"
    with smtplib.SMTP("localhost", server.port, timeout=30) as client:
        client.sendmail("a@example.test", ["b@example.test"], content * 5000)
    (mail,) = server.mails
    assert mail.content == content * 5000


@pytest.mark.real
@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_swaks(locked: Serving, mechanism: str) -> None:
    done = run(
        *("swaks", "--server", f"127.0.0.1:{locked.port}", "--tls", "--pipeline", "--auth", mechanism),
        *("--auth-user", USERNAME, "--auth-password", PASSWORD),
        *("--from", "a@example.test", "--to", "b@example.test,c@example.test"),
    )
    assert done.returncode == 0, done.stdout.decode(errors="replace")
    (mail,) = locked.mails
    assert len(mail.recipients) == 2
    assert mail.protocol == "ESMTPSA"


@pytest.mark.real
def test_msmtp(server: Serving, pki: Pki) -> None:
    done = run(
        *("msmtp", "--file=/dev/null", "--host=localhost", f"--port={server.port}", "--from=a@example.test"),
        *("--tls=on", "--tls-starttls=on", f"--tls-trust-file={pki.ca_file}", "--dsn-notify=failure", "--"),
        "b@example.test",
        given=CONTENT.replace(b"\r\n", b"\n"),
    )
    assert done.returncode == 0, done.stderr.decode()
    (mail,) = server.mails
    assert mail.content.endswith(CONTENT)  # it puts a From field in front
    assert mail.recipients[0].notify == {"FAILURE"}


@pytest.mark.real
@pytest.mark.parametrize("flags", [(), ("-d",)], ids=["a connection each", "kept connections"])
def test_smtp_source(server: Serving, flags: tuple[str, ...]) -> None:
    done = run(
        *("smtp-source", *flags, "-m", "60", "-s", "6", "-l", "2048", "-f", "a@example.test"),
        *("-t", "b@example.test", f"127.0.0.1:{server.port}"),
    )
    assert done.returncode == 0, done.stderr.decode()
    assert len(server.mails) == 60
