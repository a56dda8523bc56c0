"""Who is let in at the practice Exchange, by which way, and how the attempts are counted."""

from __future__ import annotations

import base64

import pytest
import spnego

from outmail.demo.ews.ntlm import Ntlm, WrongNtlm
from outmail.demo.names import CHIEF, DESK, PASSWORD, SUPPORT
from outmail.demo.oauth.directory import EXCHANGE, GRAPH
from outmail.demo.tenant import PracticeTenant
from outmail.demo.web import Connection
from tests.outmail.demo.ews.caller import (
    RIGHT,
    Caller,
    applications,
    basic,
    calling,
    create_item,
    envelope,
    get_folder,
    impersonating,
    persons,
)
from tests.outmail.demo.graph.caller import app_token, token

EVERY_WAY = ["NTLM", "Basic", "Bearer"]


def offered(challenges: list[str]) -> list[str]:
    """The names of the ways to sign in."""
    return [challenge.split()[0] for challenge in challenges]


@pytest.mark.parametrize(
    "name", [DESK, DESK.upper(), r"PRACTICE\desk", r"practice\DESK", r"practice.test\desk"]
)
async def test_a_password(tenant: PracticeTenant, name: str) -> None:
    async with calling(tenant, basic(name)) as caller:
        assert await caller.sends() == ["NoError"]
    assert (tenant.ews.attempts, tenant.ews.refused_attempts) == (1, 0)
    assert tenant.mails[0].user == DESK


@pytest.mark.parametrize(
    "given",
    [
        basic(password="wrong"),
        basic(password=""),
        basic("nobody@practice.test"),
        basic("desk"),
        basic(r"OTHER\desk"),
        basic(SUPPORT),
        "Basic",
        "Basic !!",
        "Basic AAAA",
        "Digest x",
        "Bearer x",
        "Bearer",
    ],
)
async def test_a_wrong_one_is_one_attempt(tenant: PracticeTenant, given: str) -> None:
    async with calling(tenant, given) as caller:
        answer = await caller.ask(create_item())
    assert (answer.status_code, answer.content) == (401, b"")
    assert offered(answer.headers.get_list("WWW-Authenticate")) == EVERY_WAY
    assert (tenant.ews.attempts, tenant.ews.refused_attempts) == (1, 1)
    assert not tenant.mails


async def test_nobody_hears_which_ways_there_are(tenant: PracticeTenant) -> None:
    async with calling(tenant, "") as caller:
        answer = await caller.http.get(tenant.ews.url)
        assert answer.status_code == 401
        challenges = answer.headers.get_list("WWW-Authenticate")
        assert offered(challenges) == EVERY_WAY
        assert challenges[1] == 'Basic realm="practice.test"'
        assert tenant.authority.base in challenges[2]
        assert tenant.ews.attempts == 0, "nobody tried anything"


async def test_tokens(tenant: PracticeTenant) -> None:
    async with calling(tenant, await persons(tenant)) as caller:
        assert await caller.sends() == ["NoError"]
    for wrong, reason in (
        (await token(tenant, "Mail.Send", resource=GRAPH), "audience"),
        (await app_token(tenant, GRAPH), "audience"),
        ("eyJ.x.y", "signature"),
    ):
        async with calling(tenant, f"Bearer {wrong}") as caller:
            answer = await caller.ask(create_item())
        assert answer.status_code == 401
        assert reason in answer.headers["x-ms-diagnostics"]
        assert answer.headers.get_list("WWW-Authenticate")[2].endswith('error="invalid_token"')


async def test_a_token_without_the_right(tenant: PracticeTenant) -> None:
    bearer = await token(tenant, "SMTP.Send", resource=EXCHANGE)
    async with calling(tenant, f"Bearer {bearer}") as caller:
        answer = await caller.ask(create_item())
    assert answer.status_code == 403
    assert "not enough scope" in answer.headers["x-ms-diagnostics"]
    both = await token(tenant, "SMTP.Send", RIGHT, resource=EXCHANGE)
    async with calling(tenant, f"Bearer {both}") as caller:
        assert await caller.sends() == ["NoError"]


async def test_in_whose_name(tenant: PracticeTenant) -> None:
    application = await applications(tenant)
    for given, header, code in (
        (application, "", "ErrorInvalidExchangeImpersonationHeaderData"),
        (application, impersonating("nobody@practice.test"), "ErrorNonExistentMailbox"),
        (
            application,
            impersonating("S-1-5-21", by="SID"),
            "ErrorImpersonationFailed",
        ),
        (basic(), impersonating(CHIEF), "ErrorImpersonateUserDenied"),
        (await persons(tenant), impersonating(DESK), "ErrorImpersonateUserDenied"),
    ):
        async with calling(tenant, given, header) as caller:
            assert await caller.codes(create_item()) == [code]
            assert await caller.codes(get_folder()) == [code]
    assert not tenant.mails


async def shakes_hands(caller: Caller, name: str, password: str = PASSWORD) -> int:
    """Sign in by NTLM with a mail; the status of the last answer."""
    client = spnego.client(name, password, hostname="localhost", service="http", protocol="ntlm")
    sent = base64.b64encode(client.step() or b"").decode()
    challenged = await caller.ask(create_item(), {"Authorization": f"NTLM {sent}"})
    assert challenged.status_code == 401
    (challenge,) = challenged.headers.get_list("WWW-Authenticate")
    last = base64.b64encode(client.step(base64.b64decode(challenge.split()[1])) or b"").decode()
    return (await caller.ask(create_item(), {"Authorization": f"NTLM {last}"})).status_code


@pytest.mark.parametrize("name", [DESK, r"PRACTICE\desk", r"practice\DESK", r"practice.test\desk"])
async def test_ntlm_signs_in_a_connection(tenant: PracticeTenant, name: str) -> None:
    async with calling(tenant, "") as caller:
        assert await shakes_hands(caller, name) == 200
        assert (await caller.ask(create_item())).status_code == 200, "without any header"
        assert (tenant.ews.attempts, tenant.ews.refused_attempts) == (1, 0)
        tenant.set_fault("ews", "none")
        assert (await caller.ask(create_item())).status_code == 401, "a switched server has forgotten it"
    async with calling(tenant, "") as another:
        assert (await another.ask(create_item())).status_code == 401
    assert [mail.user for mail in tenant.mails] == [DESK, DESK]


@pytest.mark.parametrize(
    ("name", "password"),
    [(DESK, "wrong"), (r"PRACTICE\nobody", PASSWORD), (r"OTHER\desk", PASSWORD), (SUPPORT, PASSWORD)],
)
async def test_a_handshake_is_one_attempt(tenant: PracticeTenant, name: str, password: str) -> None:
    async with calling(tenant, "") as caller:
        for attempts in (1, 2):
            assert await shakes_hands(caller, name, password) == 401
            assert tenant.ews.attempts == tenant.ews.refused_attempts == attempts
        assert (await caller.ask(create_item())).status_code == 401
    assert not tenant.mails


async def test_the_end_of_a_handshake_on_another_connection(tenant: PracticeTenant) -> None:
    client = spnego.client(DESK, PASSWORD, hostname="localhost", service="http", protocol="ntlm")
    async with calling(tenant, "") as one, calling(tenant, "") as other:
        first = {"Authorization": "NTLM " + base64.b64encode(client.step() or b"").decode()}
        challenge = (await one.ask(create_item(), first)).headers["WWW-Authenticate"]
        last = base64.b64encode(client.step(base64.b64decode(challenge.split()[1])) or b"").decode()
        for caller, status in ((other, 401), (one, 200), (one, 401)):
            answer = await caller.ask(create_item(), {"Authorization": f"NTLM {last}"})
            assert answer.status_code == status
            ways = offered(answer.headers.get_list("WWW-Authenticate"))
            assert ways == (EVERY_WAY if status == 401 else [])
    assert len(tenant.mails) == 1


@pytest.mark.parametrize("junk", [b"", b"x", b"NTLMSSP\x00", b"NTLMSSP\x00\x01\x00\x00\x00", b"x" * 10_000])
async def test_what_is_no_ntlm(tenant: PracticeTenant, junk: bytes) -> None:
    async with calling(tenant, "") as caller:
        given = {"Authorization": f"NTLM {base64.b64encode(junk).decode()}".strip()}
        answer = await caller.ask(create_item(), given)
    assert answer.status_code == 401
    assert offered(answer.headers.get_list("WWW-Authenticate")) == EVERY_WAY


async def test_the_environment_stays_as_it_was(
    tenant: PracticeTenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    import os

    for before in (None, "/somewhere/else"):
        if before is None:
            monkeypatch.delenv("NTLM_USER_FILE", raising=False)
        else:
            monkeypatch.setenv("NTLM_USER_FILE", before)
        async with calling(tenant, "") as caller:
            assert await shakes_hands(caller, DESK) == 200
        assert os.environ.get("NTLM_USER_FILE") == before
    assert (tenant.folder / "ntlm-accounts").stat().st_mode & 0o777 == 0o600
    with pytest.raises(WrongNtlm):
        Ntlm(tenant.folder / "ntlm-accounts", {}).name(Connection(), b"NTLMSSP\x00\x03\x00\x00\x00")


async def test_without_the_library_there_is_no_ntlm(
    tenant: PracticeTenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    from outmail.demo.ews import signin
    from outmail.demo.ews.server import PracticeEws
    from outmail.demo.mailbox import Mailbox
    from outmail.demo.oauth.directory import Directory
    from outmail.demo.oauth.tokens import Signer

    monkeypatch.setattr(signin, "available", lambda: False)
    people = Directory({DESK: PASSWORD}, {}, ())
    without = signin.SignIn(people, Signer(), str, tenant.folder / "none")
    assert without.schemes == {"basic", "bearer"}
    server = PracticeEws(without, people, Mailbox(tenant.folder), {})
    assert "only-ntlm" not in server.possible_faults
    assert "only-basic" in server.possible_faults
    assert "only-ntlm" in tenant.ews.possible_faults


async def test_one_way_alone(tenant: PracticeTenant) -> None:
    bearer = await persons(tenant)
    for fault, way in (("only-ntlm", "NTLM"), ("only-basic", "Basic")):
        tenant.set_fault("ews", fault)
        async with calling(tenant, "") as caller:
            answer = await caller.http.post(tenant.ews.url, content=envelope(create_item()))
            assert offered(answer.headers.get_list("WWW-Authenticate")) == [way]
            if way == "NTLM":
                assert await shakes_hands(caller, DESK) == 200
        for given in (basic(), bearer):
            async with calling(tenant, given) as caller:
                right = given is not bearer and way == "Basic"
                assert (await caller.ask(create_item())).status_code == (200 if right else 401)
