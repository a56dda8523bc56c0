"""What old printers do, each at its own listener: TLS 1.0, no TLS, `auth login`, an address as a name."""

from __future__ import annotations

import base64
import shutil
import socket
import ssl
import subprocess
import warnings
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.recipes.places import Place, place
from tests.servers.pki import Pki
from tests.servers.process import await_port, free_port, open_folder, require

pytestmark = pytest.mark.long

PASSWORD = "a long password"
SENDER = "printer@example.test"
OLD, PLAIN, OPEN = "TLS 1.0", "no TLS", "no sign-in"


class Printer:
    """One that speaks as little SMTP as works: lower-case, no brackets, a space after the colon."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self.answer()

    def answer(self) -> str:
        text = b""
        while not text.endswith(b"\r\n") or text.splitlines()[-1][3:4] == b"-":
            piece = self.socket.recv(4096)
            assert piece, "the relay hung up"
            text += piece
        return text.decode()

    def say(self, line: str, code: str) -> str:
        self.socket.sendall(line.encode() + b"\r\n")
        found = self.answer()
        assert found.startswith(code), (line, found)
        return found

    def old_tls(self) -> None:
        self.say("starttls", "220")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings(action="ignore"):
            context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1
        self.socket = context.wrap_socket(self.socket)
        self.say("ehlo printer", "250")

    def sign_in(self, code: str = "235", password: str = PASSWORD) -> None:
        self.say("auth login", "334")
        self.say(base64.b64encode(b"printer").decode(), "334")
        self.say(base64.b64encode(password.encode()).decode(), code)

    def scan(self) -> None:
        self.say(f"mail from: {SENDER}", "250")
        self.say("rcpt to: you@example.test", "250")
        self.say("data", "354")
        self.say(f"From: {SENDER} <{SENDER}>\r\nSubject: scan\r\n\r\nattached\r\n.", "250")
        self.say("quit", "221")


@pytest.fixture(scope="module")
def ports() -> dict[str, int]:
    return {name: free_port() for name in (OLD, PLAIN, OPEN)}


@pytest.fixture(scope="module")
def here(pki: Pki, ports: dict[str, int]) -> Iterator[Place]:
    with open_folder("printer") as folder:
        secret, pem = folder / "password", folder / "relay.pem"
        secret.write_text(PASSWORD)
        shutil.copy(pki.good.pem, pem)
        user = f'auth = "required"\nusers = [{{ name = "printer", password = {{ file = "{secret}" }} }}]\n'
        rules = {
            ports[OLD]: f'security = "starttls"\ncertificate = "{pem}"\ninsecure_legacy_tls = true\n{user}',
            ports[PLAIN]: f"insecure_auth_without_tls = true\n{user}",
            ports[OPEN]: f'networks = ["127.0.0.1"]\nsenders = ["{SENDER}"]\nprofile = "support"\n',
        }
        with place(rules) as found:
            for port in rules:
                await_port(port, found.relay.log)
            yield found


@pytest.mark.parametrize("door", [OLD, PLAIN, OPEN])
def test_scan(here: Place, ports: dict[str, int], door: str) -> None:
    before = len(here.sink.all(lambda _taken: True))
    printer = Printer(ports[door])
    with closing(printer.socket):
        assert ("STARTTLS" in printer.say("ehlo printer", "250")) == (door == OLD)
        if door == OLD:
            printer.old_tls()
        if door != OPEN:
            printer.sign_in()
        printer.scan()
        printer.socket.close()
    taken = here.sink.several(before + 1, lambda _taken: True)[-1]
    assert (taken.sender, taken.recipients) == (SENDER, ("you@example.test",))
    assert f"From: {SENDER} <{SENDER}>\r\nSubject: scan\r\n\r\nattached" in taken.content.decode()


def test_refusals_say_why(here: Place, ports: dict[str, int]) -> None:
    for port in (ports[OLD], ports[PLAIN]):
        printer = Printer(port)
        with closing(printer.socket):
            printer.say("ehlo printer", "250")
            printer.say(f"mail from:<{SENDER}>", "530")
    printer = Printer(ports[PLAIN])
    with closing(printer.socket):
        printer.say("ehlo printer", "250")
        printer.sign_in("535", "wrong")
    printer = Printer(ports[OPEN])
    with closing(printer.socket):
        printer.say("ehlo printer", "250")
        assert SENDER in printer.say("mail from:<boss@example.test>", "550")


@pytest.mark.real
def test_swaks(here: Place, ports: dict[str, int]) -> None:
    """The command of the recipe."""
    done = subprocess.run(
        [
            *(require("swaks"), "--server", f"127.0.0.1:{ports[OLD]}", "--tls", "--tls-protocol", "tlsv1"),
            *("--tls-cipher", "ALL:@SECLEVEL=0", "--auth", "LOGIN", "--auth-user", "printer"),
            *("--auth-password", PASSWORD, "--from", SENDER, "--to", "swaks@example.test"),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "TLS started with cipher TLSv1:" in done.stdout
    here.sink.first(lambda taken: taken.recipients == ("swaks@example.test",))
