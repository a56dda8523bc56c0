"""SMTP against Postfix and Dovecot: the whole ladder, and the refusals of real servers."""

from __future__ import annotations

import asyncio

import pytest

from tests.servers.dovecot import LONG_PASSWORD, LONG_USERNAME, Dovecot
from tests.servers.postfix import Postfix
from tests.transports.contract import message
from tests.transports.watching import TINY, Watcher, login, route, summary
from transports.base import Envelope, StepName, TransportError
from transports.routes import Login, Protection
from transports.secret import Secret
from transports.smtp import SmtpTransport

pytestmark = pytest.mark.real


def to_postfix(postfix: Postfix, security: Protection, who: Login | None) -> SmtpTransport:
    port = {"starttls": postfix.starttls, "tls": postfix.tls, "none": postfix.plain}[security]
    return SmtpTransport(route(port, security, host="localhost", login=who, ca_file=postfix.ca_file))


def to_dovecot(dovecot: Dovecot, security: Protection, who: Login) -> SmtpTransport:
    port = dovecot.tls if security == "tls" else dovecot.starttls
    return SmtpTransport(route(port, security, host="localhost", login=who, ca_file=dovecot.ca_file))


@pytest.mark.parametrize("security", ["starttls", "tls"])
@pytest.mark.parametrize("mechanism", ["auto", "plain", "login", "cram-md5"])
async def test_postfix_whole_ladder(postfix: Postfix, security: Protection, mechanism: str) -> None:
    watcher = Watcher()
    who = Login(postfix.username, Secret(postfix.password), mechanism)  # type: ignore[arg-type]
    way = to_postfix(postfix, security, who)
    await way.open(watcher.trace)
    await way.authenticate(watcher.trace)
    await way.probe("alice@example.test", "bob@example.test", watcher.trace)
    await way.close()
    ladder = ["greeting", "starttls"] if security == "starttls" else ["tls", "greeting"]
    assert watcher.names() == ["resolve", "connect", *ladder, "authenticate", "sender", "permission"]
    wanted = "PLAIN" if mechanism == "auto" else mechanism.upper()
    assert watcher[StepName.AUTHENTICATE].facts["mechanism"] == wanted
    capable = watcher[StepName.STARTTLS if security == "starttls" else StepName.GREETING].facts
    assert capable["size_limit"] == "1048576"
    assert "PLAIN" in capable["mechanisms"]
    assert postfix.password not in watcher.everything()


@pytest.mark.parametrize("mechanism", ["plain", "login", "cram-md5"])
@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_dovecot_takes_a_password_longer_than_a_line(
    dovecot: Dovecot, mechanism: str, security: Protection
) -> None:
    watcher = Watcher()
    way = to_dovecot(dovecot, security, Login(LONG_USERNAME, Secret(LONG_PASSWORD), mechanism))  # type: ignore[arg-type]
    await way.open(watcher.trace)
    await way.authenticate(watcher.trace)
    await way.close()
    assert LONG_PASSWORD not in watcher.everything()


async def test_a_wrong_password_is_refused_by_both(postfix: Postfix, dovecot: Dovecot) -> None:
    who = login(postfix.username, "wrong")
    for way in (to_postfix(postfix, "starttls", who), to_dovecot(dovecot, "tls", who)):
        await way.open(Watcher().trace)
        with pytest.raises(TransportError) as caught:
            await way.authenticate(Watcher().trace)
        await way.close()
        assert summary(caught.value.failure) == ("authenticate", "sign-in", "fix-settings", "answer")
        assert caught.value.failure.code == 535


async def test_postfix_without_sign_in_denies_relaying(postfix: Postfix) -> None:
    watcher = Watcher()
    way = to_postfix(postfix, "starttls", None)
    await way.open(watcher.trace)
    with pytest.raises(TransportError) as caught:
        await way.probe("bob@example.test", "eve@elsewhere.test", watcher.trace)
    await way.close()
    failure = caught.value.failure
    assert (failure.step, failure.code) == (StepName.PERMISSION, 554)
    assert "denied" in failure.words.lower()


async def test_postfix_refuses_a_foreign_sender(postfix: Postfix) -> None:
    way = to_postfix(postfix, "tls", login(postfix.username, postfix.password))
    await way.open(Watcher().trace)
    await way.authenticate(Watcher().trace)
    with pytest.raises(TransportError) as caught:
        await way.probe("shared@example.test", "bob@example.test", Watcher().trace)
    await way.close()
    assert (caught.value.failure.code, caught.value.failure.enhanced) == (553, "5.7.1")


async def test_postfix_refuses_some_recipients_and_delivers_to_the_others(postfix: Postfix) -> None:
    way = to_postfix(postfix, "tls", login(postfix.username, postfix.password))
    await way.open(Watcher().trace)
    await way.authenticate(Watcher().trace)
    people = ("nobody@example.test", "some.body@example.test", "busy@example.test")
    content = message(b"\r\nfor some\r\n", "some")
    receipt = await way.send(Envelope("alice@example.test", people, content), Watcher().trace)
    await way.close()
    enhanced = [o.failure.enhanced if o.failure else None for o in receipt.outcomes]
    assert enhanced == ["5.1.1", None, "4.3.2"]
    got = await asyncio.to_thread(postfix.sink.first, lambda t: b"<some@example.test>" in t.content)
    assert got.recipients == ("some.body@example.test",)


async def test_postfix_plain_port_takes_mail_without_sign_in(postfix: Postfix) -> None:
    way = to_postfix(postfix, "none", None)
    await way.open(Watcher().trace)
    await way.probe("printer@example.test", "bob@example.test", Watcher().trace)
    await way.close()


async def test_a_plain_connection_to_the_starttls_port_is_told_to_use_it(postfix: Postfix) -> None:
    way = SmtpTransport(route(postfix.starttls))
    await way.open(Watcher().trace)
    with pytest.raises(TransportError) as caught:
        await way.probe("alice@example.test", "bob@example.test", Watcher().trace)
    await way.close()
    assert (caught.value.failure.code, caught.value.failure.enhanced) == (530, "5.7.0")


async def test_plain_text_on_the_tls_port_of_both(postfix: Postfix, dovecot: Dovecot) -> None:
    for port in (postfix.tls, dovecot.tls):
        way = SmtpTransport(route(port, "starttls", host="localhost", timeouts=TINY))
        with pytest.raises(TransportError) as caught:
            await way.open(Watcher().trace)
        assert summary(caught.value.failure) == ("greeting", "server", "fix-settings", "plain-on-tls-port")


async def test_tls_on_the_starttls_port_of_both(postfix: Postfix, dovecot: Dovecot) -> None:
    for port in (postfix.starttls, dovecot.starttls):
        way = SmtpTransport(route(port, "tls", host="localhost", ca_file=postfix.ca_file))
        with pytest.raises(TransportError) as caught:
            await way.open(Watcher().trace)
        assert summary(caught.value.failure) == ("tls", "server", "fix-settings", "tls-on-plain-port")


async def test_international_mail_through_postfix(postfix: Postfix) -> None:
    way = to_postfix(postfix, "none", None)
    await way.open(Watcher().trace)
    content = message("X-Greeting: Grüße\r\n\r\nhallo 世界\r\n".encode(), "intl")
    await way.send(Envelope("alice@example.test", ("用户@example.test",), content), Watcher().trace)
    await way.close()
    got = await asyncio.to_thread(postfix.sink.first, lambda t: b"<intl@example.test>" in t.content)
    assert got.recipients == ("用户@example.test",)
    assert got.content.endswith(content)
