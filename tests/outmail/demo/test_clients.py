"""Programs that admins use every day send through the practice tenant: swaks and msmtp."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from outmail.demo.server import PracticeServer
from outmail.demo.tenant import PracticeTenant
from tests.servers.process import missing, require

pytestmark = pytest.mark.real


async def run(*arguments: str, stdin: bytes = b"") -> tuple[int, str]:
    """Run a program beside the tenant's loop: its exit code, and all it said."""
    process = await asyncio.create_subprocess_exec(
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(30):
        said, _ = await process.communicate(stdin)
    return process.returncode or 0, said.decode(errors="replace")


async def swaks(server: PracticeServer, *more: str) -> tuple[int, str]:
    if server.security != "none":
        _, able = await run(require("swaks"), "--support")
        if "TLS not available" in able:
            missing("swaks with TLS (Debian's libnet-ssleay-perl)")
    tls = {"starttls": ["--tls"], "tls": ["--tls-on-connect"], "none": []}[server.security]
    sign_in = ["--auth-user", server.username, "--auth-password", server.password] if server.username else []
    return await run(
        *(require("swaks"), "--server", server.host, "--port", str(server.port), *tls, *sign_in),
        *("--from", "desk@practice.test", "--to", "a@practice.test", "--timeout", "10s", *more),
        *("--header", "Subject: by swaks"),
    )


@pytest.mark.parametrize("name", ["primary", "alternate", "relay"])
async def test_swaks_sends(tenant: PracticeTenant, name: str) -> None:
    code, said = await swaks(tenant.servers[name])
    assert code == 0, said
    assert [(mail.server, mail.subject) for mail in tenant.mails] == [(name, "by swaks")]


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
async def test_swaks_signs_in_either_way(tenant: PracticeTenant, mechanism: str) -> None:
    code, said = await swaks(tenant.servers["primary"], "--auth", mechanism)
    assert code == 0, said
    assert tenant.mails[0].user == "desk@practice.test"


@pytest.mark.parametrize(
    ("name", "fault", "seen"),
    [
        ("relay", "down", "Connection refused"),
        ("relay", "busy", "421 4.3.2"),
        ("relay", "tempfail", "451 4.3.2"),
        ("relay", "relay-denied", "554 5.7.1"),
        ("relay", "rejected-content", "554 5.6.0"),
        ("primary", "no-starttls", "Host did not advertise STARTTLS"),
        ("alternate", "password-refused", "535 5.7.8"),
    ],
)
async def test_swaks_sees_the_fault(tenant: PracticeTenant, name: str, fault: str, seen: str) -> None:
    tenant.set_fault(name, fault)
    code, said = await swaks(tenant.servers[name])
    assert code != 0
    assert seen in said


async def msmtp(tenant: PracticeTenant, folder: Path, name: str) -> tuple[int, str]:
    server = tenant.servers[name]
    password = folder / "password"
    await asyncio.to_thread(password.write_text, server.password)
    return await run(
        *(require("msmtp"), "-C", "/dev/null", f"--host={server.host}", f"--port={server.port}"),
        *("--tls=on", f"--tls-starttls={'on' if server.security == 'starttls' else 'off'}"),
        *(f"--tls-trust-file={tenant.ca_file}", "--auth=on", f"--user={server.username}"),
        *(f"--passwordeval=cat {password}", "--from=desk@practice.test", "--timeout=10", "a@b.test"),
        stdin=b"Subject: by msmtp\n\n.dot\n",
    )


@pytest.mark.parametrize("name", ["primary", "alternate"])
async def test_msmtp_trusts_and_sends(tenant: PracticeTenant, tmp_path: Path, name: str) -> None:
    code, said = await msmtp(tenant, tmp_path, name)
    assert code == 0, said
    (mail,) = tenant.mails
    assert mail.subject == "by msmtp"
    assert mail.content.endswith(b"\r\n.dot\r\n")


@pytest.mark.parametrize("fault", ["expired", "self-signed", "wrong-name"])
async def test_msmtp_does_not_trust(tenant: PracticeTenant, tmp_path: Path, fault: str) -> None:
    tenant.set_fault("alternate", fault)
    code, said = await msmtp(tenant, tmp_path, "alternate")
    assert code == 69, said
    assert "certificate" in said
    assert not tenant.mails
