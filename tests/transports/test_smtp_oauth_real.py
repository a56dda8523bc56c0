"""Tokens at Dovecot and at Postfix: both mechanisms, both ways to TLS, and what is refused."""

from __future__ import annotations

import dataclasses
import uuid

import pytest

from tests.servers.dovecot import Dovecot
from tests.servers.postfix import Postfix
from tests.servers.tokens import TokenMaker
from tests.transports.contract import message
from tests.transports.test_smtp_oauth import Supply
from tests.transports.watching import Watcher, route
from transports import smtp_oauth
from transports.base import Cause, Envelope, Failure, Scope, StepName, TransportError
from transports.routes import Bearer, Protection
from transports.smtp import SmtpTransport

pytestmark = pytest.mark.real

USER = "alice@example.test"
REAL = 1400  # octets of padding: a token of 2 to 3 KB, as Entra's are


def to(server: Dovecot | Postfix, security: Protection, supply: Supply, user: str = USER) -> SmtpTransport:
    port = server.tls if security == "tls" else server.starttls
    there = route(port, security, host="localhost", ca_file=server.ca_file)
    return SmtpTransport(dataclasses.replace(there, login=Bearer(user, supply)))


async def signed_in(way: SmtpTransport) -> tuple[Watcher, Failure | None]:
    watcher = Watcher()
    try:
        await way.open(watcher.trace)
        await way.authenticate(watcher.trace)
    except TransportError as error:
        return watcher, error.failure
    finally:
        await way.close()
    return watcher, None


@pytest.fixture(params=["dovecot", "postfix"])
def server(request: pytest.FixtureRequest) -> Dovecot | Postfix:
    found: Dovecot | Postfix = request.getfixturevalue(request.param)
    return found


@pytest.mark.parametrize("pad", [0, REAL])
@pytest.mark.parametrize("mechanism", ["XOAUTH2", "OAUTHBEARER"])
@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_a_good_token_opens_the_door(
    server: Dovecot | Postfix,
    security: Protection,
    mechanism: str,
    pad: int,
    token_maker: TokenMaker,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(smtp_oauth, "_ORDER", (mechanism,))
    token = token_maker.token(USER, pad=pad)
    watcher, failure = await signed_in(to(server, security, Supply(token)))
    assert failure is None, failure
    assert watcher[StepName.AUTHENTICATE].facts["mechanism"] == mechanism
    assert token not in watcher.everything()
    assert (len(token) > 2000) is (pad == REAL)


async def test_a_mail_goes_through(server: Dovecot | Postfix, token_maker: TokenMaker) -> None:
    watcher = Watcher()
    way = to(server, "starttls", Supply(token_maker.token(USER, pad=REAL)))
    content = message(b"\r\nby token\r\n", "by-token-" + uuid.uuid4().hex)
    await way.open(watcher.trace)
    await way.authenticate(watcher.trace)
    receipt = await way.send(Envelope(USER, ("bob@example.test",), content), watcher.trace)
    await way.close()
    assert receipt.outcomes[0].failure is None
    subject = next(line for line in content.splitlines() if b"by-token-" in line)
    assert server.sink.first(lambda taken: subject in taken.content).recipients == ("bob@example.test",)


@pytest.mark.parametrize("mechanism", ["XOAUTH2", "OAUTHBEARER"])
@pytest.mark.parametrize("wrong", ["audience", "expired", "user", "signature"])
async def test_a_wrong_token_is_refused_with_the_servers_challenge(
    server: Dovecot | Postfix,
    wrong: str,
    mechanism: str,
    token_maker: TokenMaker,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(smtp_oauth, "_ORDER", (mechanism,))
    token = {
        "audience": token_maker.token(USER, aud="https://graph.microsoft.com"),
        "expired": token_maker.token(USER, seconds=-60),
        "user": token_maker.token("bob@example.test"),
        "signature": TokenMaker(token_maker.issuer).token(USER),
    }[wrong]
    supply = Supply(token)
    watcher, failure = await signed_in(to(server, "starttls", supply))
    assert failure is not None
    assert (failure.cause, failure.scope, failure.code) == (Cause.ANSWER, Scope.SIGN_IN, 535)
    assert failure.facts.get("oauth_status") in {"401", "invalid_token"} or wrong == "user", failure
    assert supply.renewals == 1
    assert token not in watcher.everything()


async def test_a_renewed_token_is_tried_once_on_the_same_connection(
    server: Dovecot | Postfix, token_maker: TokenMaker
) -> None:
    supply = Supply(token_maker.token(USER, seconds=-60), token_maker.token(USER, pad=REAL))
    watcher, failure = await signed_in(to(server, "starttls", supply))
    assert failure is None, failure
    assert supply.renewals == 1
    assert watcher.begun.count(StepName.CONNECT) == 1
