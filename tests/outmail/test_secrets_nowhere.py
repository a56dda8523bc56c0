"""Plants marked secrets wherever there can be one, runs outmail well and badly, and searches all it left.

Searched: both outputs of each command, the arguments of its process while it runs, and every file
under its home, for the secrets as they are and in the encodings in which they travel.
"""

from __future__ import annotations

import base64
import contextlib
import os
import socket
import subprocess
import sys
import threading
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.outmail.cli.running import CLEAN, Practice, practice, run

PASSWORD = "MARK-pässword-7Q&<'\""
PROXY_PASSWORD = "MARK-proxy-8W"
PASSPHRASE = "MARK-passphrase-9E"
NEXT_PASSPHRASE = "MARK-passphrase-next-1R"
CLIENT_SECRET = "MARK-client-2T"
KEY = "MARK-key-" + "3Y" * 20
SECRETS = (PASSWORD, PROXY_PASSWORD, PASSPHRASE, NEXT_PASSPHRASE, CLIENT_SECRET, KEY)
USERS = ("desk@practice.test", "proxyuser")


def _disguises() -> Iterator[bytes]:
    for secret in SECRETS:
        raw = secret.encode()
        yield raw
        yield repr(secret)[1:-1].encode()
        yield raw.hex().encode()
        yield urllib.parse.quote(secret).encode()
        plain = [raw, *(f"{user}:{secret}".encode() for user in USERS)]
        plain += [f"\0{user}\0{secret}".encode() for user in USERS]
        for text in plain:
            yield base64.b64encode(text).rstrip(b"=")
            yield base64.urlsafe_b64encode(text).rstrip(b"=")


DISGUISES = tuple(dict.fromkeys(_disguises()))


@dataclass
class Ledger:
    """Everything that was said, and where."""

    home: Path
    said: list[tuple[str, bytes]] = field(default_factory=list)

    def run(
        self, *argv: str, code: int | None = None, env: dict[str, str] | None = None, fd_text: str = ""
    ) -> str:
        """Run a command; `fd_text` is readable on descriptor {fd} of its arguments."""
        reader, writer = os.pipe()
        os.write(writer, fd_text.encode() + b"\n")
        os.close(writer)
        try:
            ended = run(self.home, *(a.format(fd=reader) for a in argv), env=env, fds=[reader])
        finally:
            os.close(reader)
        self.said.append((" ".join(argv), (ended.out + ended.err).encode()))
        assert code is None or ended.code == code, (argv, ended)
        return ended.out + ended.err

    def search(self) -> None:
        """Nothing that was said or written holds a secret in any disguise."""
        found = [(where, what) for where, text in self.said for what in DISGUISES if what in text]
        for path in self.home.rglob("*"):
            if path.is_file():
                content = path.read_bytes()
                found += [(str(path), what) for what in DISGUISES if what in content]
        assert not found
        assert b"MARK-" not in b"".join(text for _, text in self.said)


@pytest.fixture(scope="module")
def tenant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Practice]:
    """A practice tenant whose own password is not a secret."""
    started = practice(tmp_path_factory.mktemp("demo") / "home")
    yield started
    started.process.terminate()
    started.process.wait(20)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Secrets in files, as an admin keeps them; outside of the home."""
    folder = tmp_path / "secrets"
    folder.mkdir(mode=0o700)
    for name, text in (("pw", PASSWORD), ("phrase", PASSPHRASE), ("next", NEXT_PASSPHRASE), ("key", KEY)):
        (folder / name).write_text(text + "\n")
        (folder / name).chmod(0o600)
    return folder


@contextlib.contextmanager
def _proxy(answer: bytes) -> Iterator[int]:
    """A proxy that answers each request with the same words, or hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    client, _ = listening.accept()
                    with client:
                        client.settimeout(5)
                        asked = client.recv(4096)
                        # A proxy that repeats what it was sent, credentials and all.
                        client.sendall(answer.replace(b"{asked}", asked.replace(b"\r\n", b" ")))

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            listening.shutdown(socket.SHUT_RDWR)
    thread.join(10)


def _profile(tenant: Practice, password: str, proxy: int | None = None, name: str = "support") -> str:
    text = tenant.profile(name).replace(f'"{tenant.says["password"]}"', password)
    if proxy:
        text += f"""
[profiles.{name}.proxy]
url = "http://127.0.0.1:{proxy}"
username = "proxyuser"
password = {{ env = "PROXY_PW" }}
"""
    return text


def _toml(secret: str) -> str:
    return '"' + secret.replace("\\", "\\\\").replace('"', '\\"') + '"'


def test_signing_in_sending_and_being_refused(tenant: Practice, tmp_path: Path, files: Path) -> None:
    ledger = Ledger(tmp_path / "home")
    for form in (f'{{ file = "{files / "pw"}" }}', '{ env = "MAIL_PW" }', _toml(PASSWORD)):
        file = tmp_path / "profile.toml"
        file.write_text(_profile(tenant, form))
        ledger.run("profile", "import", str(file), code=0, env={"MAIL_PW": PASSWORD})
    looks: tuple[tuple[str, ...], ...] = (
        ("profile", "list", "--json"),
        ("profile", "show"),
        ("profile", "show", "--json"),
        ("profile", "export"),
        ("status", "--json"),
        ("history", "--json"),
        ("history",),
        ("key", "status", "--json"),
    )
    for command in looks:
        ledger.run(*command, code=0)
    # The practice server refuses this password, so that the refusal is shown in every form.
    refused: tuple[tuple[str, ...], ...] = (
        ("check",),
        ("check", "--json", "--server", "all"),
        ("sample", "a@practice.test"),
        ("sample", "a@practice.test", "--json"),
        ("send", "--to", "a@practice.test", "--subject", "x", "--json"),
    )
    for command in refused:
        ledger.run(*command, code=77)
    ledger.run("check", "--nagios", code=2)
    tenant.fault("primary", "down")
    ledger.run("check", code=75)
    tenant.fault("primary", "none")
    ledger.run("history", "--limit", "50", code=0)
    ledger.search()


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n",
        pytest.param(b"HTTP/1.1 403 Forbidden\r\n\r\n", marks=pytest.mark.long),
        b"HTTP/1.1 407 You sent {asked}\r\n\r\n",
        pytest.param(b"", marks=pytest.mark.long),
    ],
)
def test_a_proxy_that_refuses(tenant: Practice, tmp_path: Path, answer: bytes) -> None:
    ledger = Ledger(tmp_path / "home")
    with _proxy(answer) as port:
        file = tmp_path / "profile.toml"
        file.write_text(_profile(tenant, '{ env = "MAIL_PW" }', port))
        env = {"MAIL_PW": PASSWORD, "PROXY_PW": PROXY_PASSWORD}
        ledger.run("profile", "import", str(file), code=0, env=env)
        ledger.run("profile", "show", code=0)
        for command in (("check",), ("check", "--json"), ("sample", "a@practice.test", "--json")):
            assert "proxy" in ledger.run(*command)
    ledger.search()


def test_a_server_that_repeats_what_it_was_sent(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "home")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=_repeat, args=(listening,), daemon=True)
        thread.start()
        file = tmp_path / "profile.toml"
        file.write_text(f"""
[profiles.support]
protocol = "smtp"
from_address = "desk@practice.test"
[profiles.support.smtp]
host = "127.0.0.1"
port = {listening.getsockname()[1]}
security = "none"
[profiles.support.auth]
method = "basic"
username = "desk@practice.test"
password = {_toml(PASSWORD)}
insecure_allow_password_without_tls = true
""")
        ledger.run("profile", "import", str(file), code=0)
        ledger.run("check", code=77)
        ledger.run("check", "--json", code=77)
        ledger.run("sample", "a@practice.test", "--json", code=77)
        ledger.run("history", "--json", code=0)
        listening.shutdown(socket.SHUT_RDWR)
    thread.join(10)
    ledger.search()


def _repeat(listening: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while True:
            client, _ = listening.accept()
            with client, client.makefile("rwb") as lines:
                lines.write(b"220 mail.practice.test ESMTP\r\n")
                lines.flush()
                for line in lines:
                    verb = line[:4].upper()
                    if verb == b"EHLO":
                        lines.write(b"250-mail.practice.test\r\n250 AUTH PLAIN LOGIN\r\n")
                    else:
                        lines.write(b"535 5.7.8 Refused: " + line.rstrip() + b"\r\n")
                    lines.flush()


def test_files_that_are_wrong(tenant: Practice, tmp_path: Path, files: Path) -> None:
    ledger = Ledger(tmp_path / "home")
    right = _profile(tenant, _toml(PASSWORD))
    broken = {
        "cut": right[: right.index(PASSWORD[:6]) + 9],
        "unquoted": right.replace(_toml(PASSWORD), PASSWORD),
        "list": right.replace(_toml(PASSWORD), f"[{_toml(PASSWORD)}]"),
        "table": right.replace(_toml(PASSWORD), f"{{ file = {_toml(PASSWORD)} , env = {_toml(KEY)} }}"),
        "nul": right.replace(_toml(PASSWORD), f'"{PROXY_PASSWORD}\\u0000"'),
        "port": right.replace("port = ", 'port = "x" # '),
        "method": right.replace('"basic"', '"password"'),
        "oauth": right
        + f'[profiles.support.auth.oauth]\nclient_secret = {_toml(CLIENT_SECRET)}\ngrant = "pigeon"\n',
    }
    for name, text in broken.items():
        file = tmp_path / f"{name}.toml"
        file.write_text(text)
        said = ledger.run("profile", "import", str(file))
        assert said.startswith("outmail: "), said
    # An environment variable that is named by mistake for its value, and a command that prints and fails.
    shown = _profile(tenant, "{ command = \"sh -c 'echo " + PROXY_PASSWORD + "; exit 3'\" }")
    (tmp_path / "command.toml").write_text(shown)
    ended = run(ledger.home, "profile", "import", str(tmp_path / "command.toml"))
    assert ended.code == 78
    ledger.said.append(("command", (ended.out + ended.err).encode()))
    assert not list(ledger.home.rglob("settings.vault"))
    ledger.search()


def test_keys_and_passphrases(tenant: Practice, tmp_path: Path, files: Path) -> None:
    ledger = Ledger(tmp_path / "home")
    file = tmp_path / "profile.toml"
    file.write_text(_profile(tenant, f'{{ file = "{files / "pw"}" }}'))
    by_key = {"OUTMAIL_KEY_FILE": str(files / "key")}
    ledger.run("profile", "import", str(file), code=0, env=by_key)
    ledger.run("key", "status", code=0, env=by_key)
    ledger.run("key", "passphrase", "--new-file", str(files / "phrase"), code=0, env=by_key)
    ledger.run("profile", "list", "--passphrase-fd", "{fd}", code=0, fd_text=PASSPHRASE)
    ledger.run("profile", "list", "--passphrase-fd", "{fd}", code=77, fd_text=NEXT_PASSPHRASE)
    ledger.run("profile", "list", "--key-file", str(files / "key"), code=77)
    by_file = {"OUTMAIL_PASSPHRASE_FILE": str(files / "phrase")}
    ledger.run("key", "passphrase", "--new-fd", "{fd}", code=0, env=by_file, fd_text=NEXT_PASSPHRASE)
    by_command = {"OUTMAIL_PASSPHRASE_COMMAND": f"cat {files / 'next'}"}
    ledger.run("key", "rotate", code=0, env=by_command)
    ledger.run("profile", "show", code=0, env=by_command)
    ledger.run("profile", "list", env={"OUTMAIL_PASSPHRASE": NEXT_PASSPHRASE}, code=77)
    ledger.run("key", "keyfile", code=0, env=by_command)
    ledger.run("profile", "list", code=0)
    vault = ledger.home / "vault" / "settings.vault"
    vault.write_bytes(vault.read_bytes()[:-9])
    ledger.run("profile", "list", code=78)
    ledger.search()


def test_the_process_list_while_a_check_runs(tenant: Practice, tmp_path: Path) -> None:
    home = tmp_path / "home"
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        text = _profile(tenant, '{ env = "MAIL_PW" }').replace(
            f"port = {tenant.says['servers']['primary']['port']}", f"port = {port}"
        )
        imported = run(home, "profile", "import", "-", stdin=text, env={"MAIL_PW": PASSWORD})
        assert imported.code == 0
        process = subprocess.Popen(
            [sys.executable, "-m", "outmail", "check"],
            env={**CLEAN, "OUTMAIL_HOME": str(home)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        listening.settimeout(30)
        client, _ = listening.accept()  # it is in the midst of the check now
        with client:
            seen = b"".join(
                Path(f"/proc/{process.pid}/{name}").read_bytes() for name in ("cmdline", "environ", "comm")
            )
        out, err = process.communicate(timeout=60)
    assert process.returncode == 75
    assert not [what for what in DISGUISES if what in seen + out + err]
