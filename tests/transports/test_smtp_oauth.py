"""Signing in by token: what is said on the wire, what is heard of a refusal, and what is never shown."""

from __future__ import annotations

import base64
import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.servers.pki import Pki
from tests.servers.scripted import Act, Script, ScriptedServer
from tests.transports.watching import Watcher, route
from transports.base import Cause, Failure, Scope, StepName, TransportError, Verdict
from transports.routes import Bearer, ServerAddress
from transports.secret import Secret
from transports.smtp import SmtpTransport
from transports.smtp_oauth import read_challenge, response
from transports.smtp_replies import Reply

USER = "desk@example.test"
SHORT = "opaque-token-0123456789"
LONG = "eyJ" + "long-token." * 250
GOOGLE = base64.b64encode(b'{"status":"400","schemes":"Bearer","scope":"https://mail.google.com/"}').decode()
CHALLENGE = f"334 {GOOGLE}\r\n".encode()
REFUSED = b"535 5.7.3 Authentication unsuccessful [AM0PR01 2026-11-23 08DE]\r\n"


class Supply:
    """Gives out tokens in order, and counts what it was asked."""

    def __init__(self, *tokens: str, trouble: TransportError | None = None) -> None:
        self._tokens = [Secret(token) for token in tokens]
        self._trouble = trouble
        self.renewals = 0

    async def token(self) -> Secret:
        if self._trouble:
            raise self._trouble
        return self._tokens[0]

    async def renewed(self, refused: Secret) -> Secret | None:
        assert refused == self._tokens[0]
        self.renewals += 1
        return self._tokens[1] if len(self._tokens) > self.renewals else None


async def sign_in(
    pki: Pki,
    script: Script,
    supply: Supply,
    mechanisms: str = "AUTH LOGIN XOAUTH2",
    *,
    username: str = USER,
    tls: bool = True,
) -> tuple[ScriptedServer, Watcher, Failure | None]:
    watcher = Watcher()
    async with ScriptedServer(
        script, capabilities=(mechanisms,), tls=pki.good.context() if tls else None, tls_first=tls
    ) as server:
        there = route(server.port, "tls" if tls else "none", host="localhost", ca_file=pki.ca_file)
        way = SmtpTransport(dataclasses.replace(there, login=Bearer(username, supply)))
        await way.open(watcher.trace)
        try:
            await way.authenticate(watcher.trace)
        except TransportError as error:
            return server, watcher, error.failure
        finally:
            await way.close()
    return server, watcher, None


def said(server: ScriptedServer) -> list[str]:
    return [line for line in server.heard if not line.startswith(("EHLO", "QUIT"))]


def xoauth2(token: str) -> str:
    return base64.b64encode(f"user={USER}\x01auth=Bearer {token}\x01\x01".encode()).decode()


def oauthbearer(token: str, port: int) -> str:
    text = f"n,a={USER},\x01host=localhost\x01port={port}\x01auth=Bearer {token}\x01\x01"
    return base64.b64encode(text.encode()).decode()


async def test_a_short_token_goes_with_the_command(pki: Pki) -> None:
    server, watcher, failure = await sign_in(pki, {}, Supply(SHORT))
    assert failure is None
    assert said(server) == [f"AUTH XOAUTH2 {xoauth2(SHORT)}"]
    step = watcher[StepName.AUTHENTICATE]
    assert (step.detail, step.facts["mechanism"]) == (f"{USER} by XOAUTH2", "XOAUTH2")


async def test_a_token_of_real_length_waits_for_its_line(pki: Pki) -> None:
    script: Script = {"AUTH": b"334 \r\n", "LINE": b"235 2.7.0 ok\r\n"}
    server, _, failure = await sign_in(pki, script, Supply(LONG))
    assert failure is None
    assert said(server) == ["AUTH XOAUTH2", xoauth2(LONG)]


@pytest.mark.parametrize("size", range(250, 290))
async def test_no_auth_line_is_ever_longer_than_servers_take(pki: Pki, size: int) -> None:
    server, _, _ = await sign_in(pki, {"AUTH": b"334 \r\n", "LINE": b"235 ok\r\n"}, Supply("t" * size))
    assert all(len(line) + 2 <= 512 for line in server.heard if line.startswith("AUTH"))


@pytest.mark.parametrize(
    ("offered", "wanted"),
    [
        ("AUTH LOGIN XOAUTH2", "XOAUTH2"),
        ("AUTH PLAIN OAUTHBEARER", "OAUTHBEARER"),
        ("AUTH OAUTHBEARER XOAUTH2", "XOAUTH2"),
        ("AUTH plain oauthbearer", "OAUTHBEARER"),
    ],
)
async def test_the_mechanism_is_the_servers(pki: Pki, offered: str, wanted: str) -> None:
    server, watcher, failure = await sign_in(pki, {}, Supply(SHORT), offered)
    assert failure is None
    assert watcher[StepName.AUTHENTICATE].facts["mechanism"] == wanted
    port = int(watcher[StepName.CONNECT].facts["address"].rpartition(":")[2])
    line = xoauth2(SHORT) if wanted == "XOAUTH2" else oauthbearer(SHORT, port)
    assert said(server) == [f"AUTH {wanted} {line}"]


async def test_a_mechanism_that_is_offered_and_unknown_gives_way_to_the_other(pki: Pki) -> None:
    script: Script = {"AUTH": [b"504 5.5.4 Unrecognized authentication type\r\n", b"235 2.7.0 ok\r\n"]}
    supply = Supply(SHORT, "another")
    server, watcher, failure = await sign_in(pki, script, supply, "AUTH XOAUTH2 OAUTHBEARER")
    assert failure is None
    assert [line.split()[1] for line in said(server)] == ["XOAUTH2", "OAUTHBEARER"]
    assert supply.renewals == 0
    assert watcher[StepName.AUTHENTICATE].detail == f"{USER} by OAUTHBEARER"


async def test_without_tls_no_token_is_sent_whatever_is_offered(pki: Pki) -> None:
    server, _, failure = await sign_in(pki, {}, Supply(SHORT), tls=False)
    assert failure is not None
    assert failure.cause is Cause.AUTH_NEEDS_TLS
    assert said(server) == []


@pytest.mark.parametrize(
    ("offered", "cause"),
    [("AUTH PLAIN LOGIN", Cause.AUTH_NO_COMMON_MECHANISM), ("SIZE 1000", Cause.AUTH_NOT_OFFERED)],
)
async def test_a_server_without_tokens_is_told_apart(pki: Pki, offered: str, cause: Cause) -> None:
    server, _, failure = await sign_in(pki, {}, Supply(SHORT), offered)
    assert failure is not None
    assert (failure.cause, failure.verdict) == (cause, Verdict.FIX_SETTINGS)
    assert said(server) == []


async def test_exchange_refuses_at_once_and_one_renewal_follows(pki: Pki) -> None:
    supply = Supply(SHORT, "renewed-token-9876543210")
    server, watcher, failure = await sign_in(pki, {"AUTH": [REFUSED, b"235 2.7.0 ok\r\n"]}, supply)
    assert failure is None
    assert supply.renewals == 1
    assert len(said(server)) == 2
    assert watcher[StepName.AUTHENTICATE].facts["renewed"] == "yes"


async def test_a_second_refusal_is_the_last(pki: Pki) -> None:
    supply = Supply(SHORT, "renewed-token-9876543210", "a-third-token-0000000")
    server, watcher, failure = await sign_in(pki, {"AUTH": REFUSED}, supply)
    assert failure is not None
    assert (failure.code, failure.enhanced, failure.scope) == (535, "5.7.3", Scope.SIGN_IN)
    assert supply.renewals == 1
    assert len(said(server)) == 2
    shown = watcher.everything()
    for token in (SHORT, "renewed-token-9876543210"):
        assert token not in shown
        assert xoauth2(token) not in shown
        assert base64.b64encode(token.encode()).decode() not in shown


@pytest.mark.parametrize(("offered", "answer"), [("AUTH XOAUTH2", ""), ("AUTH OAUTHBEARER", "AQ==")])
async def test_googles_challenge_is_answered_read_and_shown(pki: Pki, offered: str, answer: str) -> None:
    script: Script = {
        "AUTH": CHALLENGE,
        "LINE": b"535-5.7.8 Username and Password not accepted.\r\n535 5.7.8 gsmtp\r\n",
    }
    server, watcher, failure = await sign_in(pki, script, Supply(SHORT), offered)
    assert failure is not None
    assert said(server)[1:] == [answer]
    assert (failure.code, failure.enhanced) == (535, "5.7.8")
    assert failure.facts["oauth_status"] == "400"
    assert failure.facts["oauth_scope"] == "https://mail.google.com/"
    assert "Username and Password not accepted" in failure.words
    assert "scope https://mail.google.com/" in failure.words
    assert any("scope https://mail.google.com/" in line for line in watcher[StepName.AUTHENTICATE].evidence)
    assert SHORT not in watcher.everything()


@pytest.mark.parametrize("token", [SHORT, LONG])
async def test_the_challenge_comes_after_a_long_token_too(pki: Pki, token: str) -> None:
    script: Script = {"AUTH": b"334 \r\n", "LINE": [CHALLENGE, b"535 5.7.8 no\r\n"]}
    if token == SHORT:
        script = {"AUTH": CHALLENGE, "LINE": b"535 5.7.8 no\r\n"}
    _, watcher, failure = await sign_in(pki, script, Supply(token))
    assert failure is not None
    assert failure.facts["oauth_status"] == "400"
    assert xoauth2(token) not in watcher.everything()


@pytest.mark.parametrize("said", ["bad token {}", '{{"status":"{}","scope":"s"}}', "x{}", "xy{}"])
async def test_a_challenge_that_repeats_the_token_is_not_quoted_with_it(pki: Pki, said: str) -> None:
    repeated = base64.b64encode(said.format(SHORT).encode()).decode()
    script: Script = {"AUTH": f"334 {repeated}\r\n".encode(), "LINE": b"535 5.7.8 no\r\n"}
    _, watcher, failure = await sign_in(pki, script, Supply(SHORT))
    assert failure is not None
    assert "***" in failure.words
    for shown in (repr(failure), watcher.everything()):
        assert SHORT not in shown
        assert repeated not in shown


@pytest.mark.parametrize(("begin", "end"), [(0, 300), (2048, 2303), (2049, 2300)])
async def test_a_server_that_repeats_a_piece_of_the_line_is_not_quoted_with_it(
    pki: Pki, begin: int, end: int
) -> None:
    """As Sendmail does: what it cut off a line that was too long is the next command, "unrecognized"."""
    piece = xoauth2(LONG)[begin:end]
    secret = xoauth2(LONG)[max(begin, 64) : end]  # the user name before it is none
    script: Script = {"AUTH": b"334 \r\n", "LINE": f'500 5.5.1 Command unrecognized: "{piece}"\r\n'.encode()}
    _, watcher, failure = await sign_in(pki, script, Supply(LONG))
    assert failure is not None
    assert "Command unrecognized" in failure.words
    for shown in (repr(failure), watcher.everything()):
        assert not any(secret[at : at + 16] in shown for at in range(len(secret) - 15))


async def test_a_server_that_never_stops_asking_is_cancelled(pki: Pki) -> None:
    script: Script = {"AUTH": CHALLENGE, "LINE": [b"334 \r\n", b"501 5.0.0 cancelled\r\n"]}
    server, _, failure = await sign_in(pki, script, Supply(SHORT))
    assert failure is not None
    assert said(server)[-1] == "*"


@pytest.mark.parametrize("answer", [b"454 4.7.0 Temporary authentication failure\r\n", b"421 4.3.2 busy\r\n"])
async def test_for_now_is_not_for_good_and_renews_nothing(pki: Pki, answer: bytes) -> None:
    supply = Supply(SHORT, "renewed-token-9876543210")
    _, _, failure = await sign_in(pki, {"AUTH": answer}, supply)
    assert failure is not None
    assert failure.verdict is Verdict.RETRY
    assert supply.renewals == 0


async def test_a_server_that_hangs_up_after_its_refusal_is_told_by_the_refusal(pki: Pki) -> None:
    supply = Supply(SHORT, "renewed-token-9876543210")
    _, _, failure = await sign_in(pki, {"AUTH": [REFUSED, Act.DROP]}, supply)
    assert failure is not None
    assert (failure.code, failure.scope) == (535, Scope.SIGN_IN)


async def test_no_token_to_be_had_is_no_failure_of_the_server(pki: Pki) -> None:
    trouble = TransportError(
        Failure(StepName.TOKEN, Scope.SIGN_IN, Verdict.FIX_SETTINGS, Cause.SIGN_IN_NEEDED, words="nobody")
    )
    server, watcher, failure = await sign_in(pki, {}, Supply(SHORT, trouble=trouble))
    assert failure is trouble.failure
    assert StepName.AUTHENTICATE not in watcher.begun
    assert said(server) == []


@pytest.mark.parametrize(
    ("username", "token"),
    [(USER, "two words"), (USER, "new\nline"), ("a\x01b", SHORT), ("", SHORT), (USER, "x" * 13000)],
)
async def test_what_would_break_the_response_is_never_sent(pki: Pki, username: str, token: str) -> None:
    server, watcher, failure = await sign_in(pki, {}, Supply(token), username=username)
    assert failure is not None
    assert failure.cause in {Cause.UNSAFE_TEXT, Cause.OAUTH_NOT_STANDARD}
    assert said(server) == []
    assert token not in watcher.everything()


def test_commas_and_equals_signs_of_a_name_are_escaped() -> None:
    line = response("OAUTHBEARER", "a=b,c@example.test", Secret("t"), ServerAddress("h", 587, "tls"))
    assert base64.b64decode(line).startswith(b"n,a=a=3Db=2Cc@example.test,\x01host=h\x01port=587\x01")


@given(st.lists(st.text(max_size=200), max_size=3))
def test_any_challenge_is_read_without_trouble(lines: list[str]) -> None:
    words, facts = read_challenge(Reply(334, tuple(lines)))
    assert words.isprintable()
    assert all(value.isprintable() for value in facts.values())


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=20),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["status", "scope", "x"]), inner)
        ),
        max_leaves=8,
    )
)
def test_any_json_in_it_too(value: object) -> None:
    line = base64.b64encode(json.dumps(value).encode()).decode()
    words, facts = read_challenge(Reply(334, (line,)))
    assert words.isprintable()
    assert set(facts) <= {"oauth_status", "oauth_scope", "oauth_schemes"}
