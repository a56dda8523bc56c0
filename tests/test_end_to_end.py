"""An admin's first steps by script, against Postfix and Dovecot: import, check, sample, send, read back."""

from __future__ import annotations

import email
import json
import os
import subprocess
import sys
from email import policy
from email.message import EmailMessage
from pathlib import Path

import pytest

from tests.servers.dovecot import Dovecot
from tests.servers.postfix import Postfix
from tests.servers.proxies import RunningProxy

pytestmark = pytest.mark.real


class Outmail:
    """The program as a script runs it: a home of its own, no terminal."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.environment = {
            **os.environ,
            "OUTMAIL_HOME": str(home),
            "MAIL_PASSWORD": "",
            "PROXY_PASSWORD": "",
        }

    def __call__(self, *arguments: str, exits: int = 0, given: str | None = None) -> str:
        """Run it and give its standard output; the exit code must be the expected one."""
        done = subprocess.run(
            [sys.executable, "-m", "outmail", *arguments],
            env=self.environment,
            input=given,
            stdin=subprocess.DEVNULL if given is None else None,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == exits, f"{done.returncode}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
        return done.stdout


@pytest.fixture
def outmail(tmp_path: Path) -> Outmail:
    return Outmail(tmp_path / "home")


def settings(
    server: Postfix | Dovecot, security: str, proxy: RunningProxy | None = None, **changes: str
) -> str:
    """A profile file for one of the servers, its secrets in the environment."""
    port = server.starttls if security == "starttls" else server.tls
    values = {"from_address": server.username, "username": server.username, **changes}
    text = f"""
[profiles.desk]
protocol = "smtp"
sender_name = "Hilfe, Schalter Ü"
from_address = "{values["from_address"]}"
reply_to = "answers@example.test"
[profiles.desk.smtp]
host = "{server.host}"
port = {port}
security = "{security}"
[profiles.desk.auth]
method = "basic"
username = "{values["username"]}"
password = {{ env = "MAIL_PASSWORD" }}
[profiles.desk.tls]
ca_file = "{server.ca_file}"
"""
    if proxy:
        text += f'[profiles.desk.proxy]\nurl = "{proxy.url}"\n'
        if proxy.password:
            text += f'username = "{proxy.username}"\npassword = {{ env = "PROXY_PASSWORD" }}\n'
    return text


def seldom(name: str) -> object:
    """A way that differs from a quick one in little: CI goes it each time."""
    return pytest.param(name, marks=pytest.mark.long)


@pytest.fixture(params=["direct", seldom("http"), "http-password", seldom("socks"), seldom("socks-password")])
def proxy(request: pytest.FixtureRequest) -> RunningProxy | None:
    names = {
        "http": "http_proxy",
        "http-password": "http_proxy_with_password",
        "socks": "socks_proxy",
        "socks-password": "socks_proxy_with_password",
    }
    if request.param == "direct":
        return None
    found: RunningProxy = request.getfixturevalue(names[request.param])
    return found


@pytest.mark.parametrize("security", ["starttls", "tls"])
@pytest.mark.parametrize("program", ["postfix", "dovecot"])
def test_from_an_empty_home_to_a_mail_that_arrived(
    outmail: Outmail,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    program: str,
    security: str,
    proxy: RunningProxy | None,
) -> None:
    server: Postfix | Dovecot = request.getfixturevalue(program)
    outmail.environment["MAIL_PASSWORD"] = server.password
    outmail.environment["PROXY_PASSWORD"] = (proxy.password if proxy else None) or ""
    outmail("profile", "import", "-", given=settings(server, security, proxy))

    report = json.loads(outmail("check", "desk", "--json"))
    assert report["ok"], report
    ladder = [s["step"] for s in report["servers"][0]["steps"]]
    assert ("starttls" in ladder) == (security == "starttls")
    assert ("proxy" in ladder) == (proxy is not None)
    assert ladder[-1] == "permission"

    sampled = json.loads(outmail("sample", "reader@elsewhere.test", "--json"))
    assert sampled["ok"]
    body = read_back(server, sampled["message_id"]).get_body(("plain",))
    assert body is not None
    assert f"{server.host}:" in body.get_content()

    attached = tmp_path / "Überblick – März.pdf"
    attached.write_bytes(bytes(range(256)) * 40)
    page = tmp_path / "page.html"
    page.write_text("<p>Größe: <b>äöü</b></p>\n")
    text = ".\n..two dots\nGrüße\n"
    sent = json.loads(
        outmail(
            *("send", "-p", "desk", "--to", '"Last, First" <to@elsewhere.test>', "--cc", "cc@elsewhere.test"),
            *("--bcc", "hidden@elsewhere.test", "--subject", "Übersicht, März", "--body-file", "-"),
            *("--html-file", str(page), "--attach", str(attached), "--json"),
            given=text,
        )
    )
    assert sent["ok"]
    message = read_back(server, sent["message_id"])
    taken = server.sink.first(lambda t: sent["message_id"].encode() in t.content)
    assert sorted(taken.recipients) == ["cc@elsewhere.test", "hidden@elsewhere.test", "to@elsewhere.test"]
    assert b"hidden@" not in taken.content.split(b"\r\n\r\n", 1)[0].split(b"\r\nFrom:")[-1]
    assert message["From"].addresses[0].display_name == "Hilfe, Schalter Ü"
    assert message["Reply-To"] == "answers@example.test"
    assert message["Subject"] == "Übersicht, März"
    plain, html = message.get_body(("plain",)), message.get_body(("html",))
    assert plain is not None
    assert html is not None
    assert plain.get_content().replace("\r\n", "\n") == text
    assert "Größe" in html.get_content()
    (attachment,) = message.iter_attachments()
    assert attachment.get_filename() == attached.name
    assert attachment.get_payload(decode=True) == attached.read_bytes()

    history = json.loads(outmail("history", "--json"))
    assert sent["message_id"] in json.dumps(history)


def read_back(server: Postfix | Dovecot, message_id: str) -> EmailMessage:
    """The mail as it came out at the other end."""
    taken = server.sink.first(lambda t: message_id.encode() in t.content)
    message = email.message_from_bytes(taken.content, policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message


@pytest.mark.parametrize(
    ("changes", "password", "step", "finding", "code"),
    [
        ({}, "wrong", "authenticate", "auth-refused", 77),
        ({"from_address": "shared@example.test"}, None, "permission", "sender-not-owned", 69),
    ],
)
def test_what_postfix_refuses_is_explained(
    outmail: Outmail,
    postfix: Postfix,
    changes: dict[str, str],
    password: str | None,
    step: str,
    finding: str,
    code: int,
) -> None:
    outmail.environment["MAIL_PASSWORD"] = password or postfix.password
    outmail("profile", "import", "-", given=settings(postfix, "starttls", None, **changes))
    report = json.loads(outmail("check", "--json", exits=code))
    failed = next(s for s in report["servers"][0]["steps"] if s["status"] == "fail")
    assert (failed["step"], failed["diagnosis"]["id"]) == (step, finding)


@pytest.mark.parametrize(
    ("recipient", "finding", "code"),
    [("nobody@example.test", "recipient-unknown", 69), ("busy@example.test", None, 75)],
)
def test_a_recipient_that_postfix_refuses(
    outmail: Outmail, postfix: Postfix, recipient: str, finding: str | None, code: int
) -> None:
    outmail.environment["MAIL_PASSWORD"] = postfix.password
    outmail("profile", "import", "-", given=settings(postfix, "starttls"))
    sent = json.loads(outmail("sample", recipient, "--json", exits=code))
    assert not sent["ok"]
    assert finding is None or sent["diagnosis"]["id"] == finding


def test_a_mail_over_the_server_s_limit_is_refused_before_the_upload(
    outmail: Outmail, postfix: Postfix, tmp_path: Path
) -> None:
    outmail.environment["MAIL_PASSWORD"] = postfix.password
    outmail("profile", "import", "-", given=settings(postfix, "starttls"))
    big = tmp_path / "big.bin"
    big.write_bytes(b"x" * 1_000_000)
    arguments = ("send", "--to", "a@elsewhere.test", "--subject", "big", "--attach", str(big), "--json")
    sent = json.loads(outmail(*arguments, exits=69, given="text"))
    assert sent["diagnosis"]["id"] == "message-too-large"
