"""The whole chain at a real authority and a real mail server: sign in, send, renew after the end, send again.

oidc-provider gives the tokens, Dovecot believes them, and everything goes by the command line.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.authority import APP_MAILBOX, Person, RunningAuthority, authority
from tests.servers.dovecot import Dovecot, dovecot
from tests.servers.pki import Pki
from tests.servers.process import free_port
from tests.servers.proxies import RunningProxy
from tests.servers.sink import Sink
from tests.servers.tokens import TokenTrust
from tests.test_end_to_end import Outmail

pytestmark = pytest.mark.real

MAILBOX = "alice@example.test"
ACCESS_SECONDS = 4  # so that a test sees a token end; a renewal is due after half of it


@pytest.fixture(scope="module")
def login(pki: Pki) -> Iterator[RunningAuthority]:
    """The authority, whose access tokens are as long as real ones and live for seconds."""
    with authority(pki, access_seconds=ACCESS_SECONDS) as found:
        yield found


@pytest.fixture(scope="module")
def server(pki: Pki, sink: Sink, login: RunningAuthority) -> Iterator[Dovecot]:
    """A Dovecot that believes this authority alone."""
    parties = ("person", "app-secret", "app-header", "app-certificate")
    with dovecot(pki, sink, TokenTrust(login.issuer, login.public_key, parties=parties)) as found:
        yield found


@pytest.fixture
def outmail(tmp_path: Path) -> Outmail:
    return Outmail(tmp_path / "home")


@pytest.fixture
def person(pki: Pki) -> Person:
    return Person("alice", pki.ca_file)


def profile(
    login: RunningAuthority,
    server: Dovecot,
    grant: str,
    *,
    username: str = MAILBOX,
    provider: str = "microsoft",
    client: str = "person",
    more: str = "",
    proxy: RunningProxy | None = None,
) -> str:
    through = (
        f'[profiles.support.proxy]\nurl = "{proxy.url}"\nusername = "{proxy.username}"\n'
        f'password = "{proxy.password}"\n'
        if proxy
        else ""
    )
    scopes = "https://outlook.office365.com/SMTP.Send, offline_access, openid, profile"
    if "credentials" in grant:
        scopes = "https://outlook.office365.com/.default"
    base = f"{login.base}/oauth2/v2.0"
    return f"""
[profiles.support]
protocol = "smtp"
from_address = "{username}"
[profiles.support.smtp]
host = "localhost"
port = {server.starttls}
security = "starttls"
[profiles.support.tls]
ca_file = "{login.ca_file}"
{through}
[profiles.support.auth]
method = "oauth"
username = "{username}"
[profiles.support.auth.oauth]
provider = "{provider}"
grant = "{grant}"
client_id = "{client}"
tenant = "{login.base.rpartition("/")[2]}"
authorization_url = "{base}/authorize"
token_url = "{base}/token"
device_authorization_url = "{base}/devicecode"
redirect_url = "http://localhost:{free_port()}"
scopes = "{scopes}"
{more}
"""


class SigningIn:
    """`outmail signin --json` under way."""

    def __init__(self, outmail: Outmail, *arguments: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "outmail", "signin", "--json", *arguments],
            env=outmail.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.said = ""

    def event(self, name: str) -> dict[str, object]:
        """The next event of that name."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.said += line
            found: dict[str, object] = json.loads(line)
            if found["event"] == name:
                return found
        raise AssertionError(self.said + self.end(None)[1])

    def paste(self, line: str) -> None:
        """Give a line, as a person pastes it."""
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def end(self, code: int | None = 0) -> tuple[str, str]:
        """Wait for its end; everything it said."""
        out, err = self._process.communicate(timeout=60)
        self.said += out
        assert code is None or self._process.returncode == code, self.said + err
        return self.said, err


def sign_in_by_device(outmail: Outmail, person: Person, *arguments: str, code: int = 0) -> str:
    running = SigningIn(outmail, *arguments)
    shown = running.event("code")
    person.approve(str(shown["verification_uri"]), str(shown["user_code"]))
    out, err = running.end(code)
    assert "Traceback" not in err
    return out


def send_and_read_back(outmail: Outmail, sink: Sink, subject: str) -> None:
    sent = json.loads(
        outmail(
            "send",
            "--to",
            "bob@example.test",
            "--subject",
            subject,
            "--body-file",
            "-",
            "--json",
            given="x\n",
        )
    )
    assert sent["ok"], sent
    wanted = f"Subject: {subject}\r\n".encode()
    assert sink.first(lambda taken: wanted in taken.content).recipients == ("bob@example.test",)


def steps(outmail: Outmail) -> dict[str, dict[str, object]]:
    report = json.loads(outmail("check", "--json"))
    return {step["step"]: step for step in report["servers"][0]["steps"]}


def access_of(outmail: Outmail) -> str:
    """When the token at hand ends, as `status` tells it."""
    (found,) = json.loads(outmail("status", "--json"))["profiles"]
    assert found["signed_in"], found
    return str(found["token_until"])


def wait_for_the_end(outmail: Outmail) -> None:
    """Tokens live for seconds here; this is the one thing that only time does."""
    until = time.mktime(time.strptime(access_of(outmail), "%Y-%m-%dT%H:%M:%SZ")) - time.timezone
    time.sleep(max(until - time.time(), 0) + 1)


@pytest.mark.parametrize("provider", ["microsoft", pytest.param("custom", marks=pytest.mark.long)])
def test_a_device_code_and_everything_after_it(
    outmail: Outmail, login: RunningAuthority, server: Dovecot, person: Person, sink: Sink, provider: str
) -> None:
    outmail("profile", "import", "-", given=profile(login, server, "device-code", provider=provider))
    said = sign_in_by_device(outmail, person)
    signed_in = json.loads(said.splitlines()[-1])
    assert (signed_in["event"], signed_in["account"]) == ("signed-in", MAILBOX)
    assert "eyJ" not in said, "no token is ever printed"

    send_and_read_back(outmail, sink, f"first {os.getpid()} {provider}")
    before = access_of(outmail)
    wait_for_the_end(outmail)
    send_and_read_back(outmail, sink, f"second {os.getpid()} {provider}")
    assert access_of(outmail) > before
    # This authority takes each refresh token once: the second renewal proves that the rotation was kept.
    wait_for_the_end(outmail)
    found = steps(outmail)
    assert found["token"]["status"] == "pass"
    assert found["token"]["facts"]["origin"] == "refreshed"  # type: ignore[index]
    assert found["authenticate"]["facts"]["mechanism"] == "XOAUTH2"  # type: ignore[index]
    assert found["account"]["detail"] == MAILBOX

    assert outmail("signout") == "support: signed out\n"
    outmail("check", exits=77)


@pytest.mark.parametrize("provider", [pytest.param("microsoft", marks=pytest.mark.long), "custom"])
def test_a_pasted_redirect(
    outmail: Outmail, login: RunningAuthority, server: Dovecot, person: Person, sink: Sink, provider: str
) -> None:
    text = profile(login, server, "authorization-code", provider=provider)
    outmail("profile", "import", "-", given=text)
    running = SigningIn(outmail)
    wanted = running.event("browser")
    redirect = str(wanted["redirect_url"])
    ended_on = person.authorize(str(wanted["authorization_url"]), redirect)
    running.paste("http://localhost/?code=of-somebody&state=else")
    assert "another sign-in" in str(running.event("waiting")["detail"])
    running.paste(ended_on)
    out, _ = running.end()
    assert json.loads(out.splitlines()[-1])["account"] == MAILBOX
    send_and_read_back(outmail, sink, f"pasted {os.getpid()} {provider}")
    wait_for_the_end(outmail)
    send_and_read_back(outmail, sink, f"pasted and renewed {os.getpid()} {provider}")


@pytest.mark.parametrize(
    ("by", "provider"),
    [
        ("secret", "microsoft"),
        ("secret", "custom"),
        ("certificate", "microsoft"),
        ("certificate", "custom"),
        ("header", "custom"),  # the secret in the Authorization header and nowhere else (RFC 6749, 2.3.1)
    ],
)
def test_app_only(
    outmail: Outmail, login: RunningAuthority, server: Dovecot, sink: Sink, by: str, provider: str
) -> None:
    outmail.environment["APP_CERTIFICATE"] = login.app_pem
    outmail.environment["APP_SECRET"] = "secret-of-the-app"
    more = {
        "secret": 'client_secret = { env = "APP_SECRET" }',
        "header": 'client_secret = { env = "APP_SECRET" }',
        "certificate": 'certificate = { env = "APP_CERTIFICATE" }',
    }
    text = profile(
        login,
        server,
        "client-credentials",
        username=APP_MAILBOX,
        client=f"app-{by}",
        more=more[by],
        provider=provider,
    )
    outmail("profile", "import", "-", given=text)
    send_and_read_back(outmail, sink, f"app-only {by} {os.getpid()} {provider}")
    found = steps(outmail)
    assert found["token"]["facts"]["roles"] == "SMTP.SendAsApp"  # type: ignore[index]
    assert APP_MAILBOX in str(found["account"]["detail"])
    assert '"event": "signed-in"' in outmail("signin", "--json")


def test_another_account_is_refused_with_both_names_until_it_is_named(
    outmail: Outmail, login: RunningAuthority, server: Dovecot, pki: Pki
) -> None:
    outmail("profile", "import", "-", given=profile(login, server, "device-code"))
    carol = Person("carol", pki.ca_file)
    said = sign_in_by_device(outmail, carol, code=77)
    failed = json.loads(said.splitlines()[-1])
    assert failed["event"] == "failed"
    assert MAILBOX in said
    assert "carol@example.test" in said
    outmail("check", exits=77)
    sign_in_by_device(outmail, carol, "--account", "carol@example.test")
    shown = json.loads(outmail("profile", "show", "--json"))
    assert shown["auth"]["oauth"]["account"] == "carol@example.test"


def test_through_a_proxy_with_a_password(
    outmail: Outmail,
    login: RunningAuthority,
    server: Dovecot,
    person: Person,
    sink: Sink,
    http_proxy_with_password: RunningProxy,
) -> None:
    text = profile(login, server, "device-code", proxy=http_proxy_with_password)
    outmail("profile", "import", "-", given=text)
    outmail.environment["HTTPS_PROXY"] = "http://127.0.0.1:1"  # what the environment says is not asked
    sign_in_by_device(outmail, person)
    send_and_read_back(outmail, sink, f"through a proxy {os.getpid()}")


def test_no_token_or_secret_is_left_readable_anywhere(
    outmail: Outmail, login: RunningAuthority, server: Dovecot, person: Person
) -> None:
    outmail("profile", "import", "-", given=profile(login, server, "device-code"))
    sign_in_by_device(outmail, person)
    verbose = outmail("check", "-v")
    assert "eyJ" not in verbose
    for file in outmail.home.rglob("*"):
        if file.is_file():
            assert b"eyJ" not in file.read_bytes(), file
