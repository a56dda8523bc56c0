"""A practice server that takes tokens alone, as independent clients see it: smtplib, curl, msmtp."""

from __future__ import annotations

import asyncio
import base64
import json
import smtplib
import ssl
from pathlib import Path

import pytest

from outmail.demo.names import CHIEF, DESK, SUPPORT
from outmail.demo.oauth.apps import PERSONAL_APP
from outmail.demo.oauth.directory import App, Asked, Directory
from outmail.demo.oauth.tokens import Signer
from outmail.demo.smtp_tokens import TokenGate, presented
from outmail.demo.tenant import PracticeTenant
from tests.outmail.demo.client import MAIL, connected
from tests.outmail.demo.oauth.visitor import RIGHT, post, type_code
from tests.outmail.demo.test_clients import run
from tests.servers.process import require

DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"


async def token_of(tenant: PracticeTenant, account: str = DESK) -> str:
    """A token, by a code that was typed."""
    begun = (await post(tenant, "devicecode", {"client_id": PERSONAL_APP, "scope": RIGHT}))[1]
    await type_code(tenant, begun["user_code"], account)
    form = {"client_id": PERSONAL_APP, "grant_type": DEVICE_GRANT, "device_code": begun["device_code"]}
    return str((await post(tenant, "token", form))[1]["access_token"])


def response(mechanism: str, mailbox: str, token: str) -> bytes:
    if mechanism == "XOAUTH2":
        return f"user={mailbox}\x01auth=Bearer {token}\x01\x01".encode()
    return f"n,a={mailbox},\x01host=localhost\x01port=587\x01auth=Bearer {token}\x01\x01".encode()


def sign_in(client: smtplib.SMTP, mechanism: str, blob: bytes) -> list[tuple[int, bytes]]:
    """Sign in with the token on a line of its own: every answer."""
    answers = [client.docmd("AUTH", mechanism)]
    if answers[-1][0] == 334:
        answers.append(client.docmd(base64.b64encode(blob).decode()))
    if answers[-1][0] == 334:
        answers.append(client.docmd("" if mechanism == "XOAUTH2" else "AQ=="))
    return answers


async def session(
    tenant: PracticeTenant, trust: ssl.SSLContext, mechanism: str, blob: bytes
) -> list[tuple[int, bytes]]:
    def work() -> list[tuple[int, bytes]]:
        with connected(tenant.servers["oauth"], trust) as client:
            client.ehlo()
            return sign_in(client, mechanism, blob)

    return await asyncio.to_thread(work)


@pytest.mark.parametrize("mechanism", ["XOAUTH2", "OAUTHBEARER", "xoauth2"])
async def test_a_token_opens_its_mailbox(
    tenant: PracticeTenant, trust: ssl.SSLContext, mechanism: str
) -> None:
    token = await token_of(tenant)
    answers = await session(tenant, trust, mechanism, response(mechanism.upper(), DESK, token))
    assert [code for code, _ in answers] == [334, 235]


@pytest.mark.parametrize("mechanism", ["XOAUTH2", "OAUTHBEARER"])
@pytest.mark.parametrize(
    ("account", "mailbox", "opens"),
    [
        (DESK, SUPPORT, True),
        (CHIEF, SUPPORT, True),
        (CHIEF, DESK, False),
        (DESK, "nobody@practice.test", False),
    ],
)
async def test_whose_mailbox(
    tenant: PracticeTenant, trust: ssl.SSLContext, mechanism: str, account: str, mailbox: str, opens: bool
) -> None:
    token = await token_of(tenant, account)
    answers = await session(tenant, trust, mechanism, response(mechanism, mailbox, token))
    assert [code for code, _ in answers] == ([334, 235] if opens else [334, 334, 535])
    if not opens:
        said = json.loads(base64.b64decode(answers[1][1]))
        assert said["status"] == "401"
        assert answers[2][1] == b"5.7.3 Authentication unsuccessful"


async def test_what_is_offered_and_that_no_password_is(tenant: PracticeTenant, trust: ssl.SSLContext) -> None:
    def work() -> tuple[str, int, int]:
        with connected(tenant.servers["oauth"], trust) as client:
            client.ehlo()
            offered = client.esmtp_features["auth"].split()
            return " ".join(sorted(offered)), client.docmd("AUTH", "PLAIN")[0], client.mail(DESK)[0]

    assert await asyncio.to_thread(work) == ("OAUTHBEARER XOAUTH2", 504, 530)


async def test_a_token_on_the_auth_line_is_too_long_for_it(
    tenant: PracticeTenant, trust: ssl.SSLContext
) -> None:
    blob = base64.b64encode(response("XOAUTH2", DESK, await token_of(tenant))).decode()

    def work() -> int:
        with connected(tenant.servers["oauth"], trust) as client:
            client.ehlo()
            return client.docmd("AUTH", f"XOAUTH2 {blob}")[0]

    assert await asyncio.to_thread(work) == 500


@pytest.mark.parametrize("garbage", [b"", b"*", b"user=x", b"\xff\x01auth=Bearer x\x01\x01", b"n,,\x01\x01"])
async def test_garbage_for_a_token(tenant: PracticeTenant, trust: ssl.SSLContext, garbage: bytes) -> None:
    for mechanism in ("XOAUTH2", "OAUTHBEARER"):
        assert (await session(tenant, trust, mechanism, garbage))[-1][0] == 535


async def test_who_sends_from_which_address(tenant: PracticeTenant, trust: ssl.SSLContext) -> None:
    token = await token_of(tenant)

    def work() -> list[int]:
        codes = []
        with connected(tenant.servers["oauth"], trust) as client:
            client.ehlo()
            sign_in(client, "XOAUTH2", response("XOAUTH2", DESK, token))
            for sender in (SUPPORT, CHIEF, DESK):
                codes.append(client.mail(sender)[0])
                client.rset()
        return codes

    assert await asyncio.to_thread(work) == [250, 553, 250]


@pytest.mark.parametrize(
    ("fault", "said"), [("token-refused", "535 5.7.3"), ("smtp-auth-disabled", "5.7.139")]
)
async def test_faults(tenant: PracticeTenant, trust: ssl.SSLContext, fault: str, said: str) -> None:
    token = await token_of(tenant)
    tenant.set_fault("oauth", fault)
    (_, (code, words)) = await session(tenant, trust, "XOAUTH2", response("XOAUTH2", DESK, token))
    assert said in f"{code} {words.decode()}"


DESK_APP = App("app", "App")


@pytest.mark.parametrize(
    ("asked", "account", "seconds", "opens"),
    [
        (Asked("https://outlook.office365.com", ("SMTP.Send",)), DESK, 60, True),
        (Asked("https://outlook.office365.com", ()), "", 60, True),
        (Asked("https://outlook.office365.com", ()), DESK, 60, True),
        (Asked("https://outlook.office365.com", ("Mail.Read",)), DESK, 60, False),
        (Asked("https://outlook.office365.com", ("SMTP.Send",)), DESK, 0, False),
    ],
)
def test_which_tokens_count(asked: Asked, account: str, seconds: float, opens: bool) -> None:
    signer = Signer()
    gate = TokenGate(signer, Directory({DESK: "x"}, {}, (DESK_APP,)))
    token = signer.access("https://issuer", DESK_APP, account, asked, seconds)
    assert gate.lets_in(DESK, token) == (DESK if opens else "")
    # Who names no mailbox means the token's own; an application has none.
    assert gate.lets_in("", token) == (DESK if opens and account else "")
    assert not TokenGate(Signer(), Directory({DESK: "x"}, {}, ())).lets_in(DESK, token), "another's key"
    assert not gate.lets_in(DESK, token[:-3] + "AAA")


@pytest.mark.parametrize(
    ("mechanism", "blob", "wanted"),
    [
        ("XOAUTH2", b"user=a@b\x01auth=Bearer t\x01\x01", ("a@b", "t")),
        ("OAUTHBEARER", b"n,a=a@b,\x01auth=Bearer t\x01\x01", ("a@b", "t")),
        ("OAUTHBEARER", b"n,,\x01host=h\x01port=1\x01auth=Bearer t\x01\x01", ("", "t")),
        ("OAUTHBEARER", b"user=a@b\x01auth=Bearer t\x01\x01", ("", "")),
        ("XOAUTH2", b"n,a=a@b,\x01auth=Bearer t\x01\x01", ("", "")),
    ],
)
def test_responses(mechanism: str, blob: bytes, wanted: tuple[str, str]) -> None:
    assert presented(mechanism, blob) == wanted


@pytest.mark.real
async def test_curl_sends(tenant: PracticeTenant, tmp_path: Path) -> None:
    server, token = tenant.servers["oauth"], await token_of(tenant)
    mail = tmp_path / "mail"
    mail.write_bytes(MAIL)
    code, said = await run(
        *(require("curl"), "--silent", "--show-error", "--ssl-reqd", "--cacert", str(tenant.ca_file)),
        *("--url", f"smtp://localhost:{server.port}", "--user", DESK, "--oauth2-bearer", token),
        *("--mail-from", DESK, "--mail-rcpt", "a@practice.test", "--upload-file", str(mail)),
    )
    assert code == 0, said
    assert [(found.server, found.user) for found in tenant.mails] == [("oauth", DESK)]


@pytest.mark.real
async def test_msmtp_sends(tenant: PracticeTenant, tmp_path: Path) -> None:
    server, token = tenant.servers["oauth"], await token_of(tenant)
    secret = tmp_path / "token"
    secret.write_text(token)
    settings = tmp_path / "msmtprc"
    settings.write_text(
        f"account default\nhost localhost\nport {server.port}\ntls on\ntls_trust_file {tenant.ca_file}\n"
        f"auth xoauth2\nuser {DESK}\npasswordeval cat {secret}\nfrom {DESK}\n"
    )
    settings.chmod(0o600)
    code, said = await run(require("msmtp"), "--file", str(settings), "a@practice.test", stdin=MAIL)
    assert code == 0, said
    assert [found.server for found in tenant.mails] == ["oauth"]
