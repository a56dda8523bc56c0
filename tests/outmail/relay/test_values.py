"""What is handed over whole: the mail with all that was said of it, answers from outside, secrets unseen."""

from __future__ import annotations

import pytest

from outmail.relay.dialogue import Dialogue
from outmail.relay.events import Login, Mail, Recipient, Reply, Sender
from outmail.relay.replies import Answer
from outmail.relay.rules import Rules

RULES = Rules("relay.example.test", auth_offered=True, insecure_auth_without_tls=True)


def test_all_that_was_said_of_a_mail_comes_with_it() -> None:
    dialogue = Dialogue(RULES, "192.0.2.7")
    dialogue.receive(b"EHLO b\xfcro (x)\r\nAUTH PLAIN AGFsaWNlAHB3\r\n")
    dialogue.logged_in(True)
    assert dialogue.username == "alice"
    dialogue.receive(
        b"MAIL FROM:<\xc3\xa4@example.test> SIZE=7 BODY=8bitmime SMTPUTF8 RET=hdrs ENVID=a+0Ab AUTH=<>\r\n"
        b"RCPT TO:<b@example.test> NOTIFY=success,delay ORCPT=rfc822;b+2Bc@example.test\r\n"
        b"RCPT TO:<c@example.test>\r\n"
        b"DATA\r\n"
    )
    (mail,) = dialogue.receive(b"x\r\n.\r\n")
    assert mail == Mail(
        sender=Sender("ä@example.test", 7, "8BITMIME", smtputf8=True, ret="HDRS", envid="a+0Ab"),
        recipients=[
            Recipient("b@example.test", frozenset({"SUCCESS", "DELAY"}), "rfc822;b+2Bc@example.test"),
            Recipient("c@example.test"),
        ],
        content=b"x\r\n",
        size=3,
        helo="b?ro??x?",
        protocol="UTF8SMTPA",
        username="alice",
    )


@pytest.mark.parametrize(
    ("hello", "tls", "login", "protocol"),
    [
        (b"HELO", False, False, "SMTP"),
        (b"HELO", True, False, "SMTP"),
        (b"EHLO", False, False, "ESMTP"),
        (b"EHLO", True, False, "ESMTPS"),
        (b"EHLO", False, True, "ESMTPA"),
        (b"EHLO", True, True, "ESMTPSA"),
    ],
)
def test_the_protocol_has_its_registered_name(hello: bytes, tls: bool, login: bool, protocol: str) -> None:
    dialogue = Dialogue(RULES, "192.0.2.7", tls=tls)
    dialogue.receive(hello + b" me\r\n")
    if login:
        dialogue.receive(b"AUTH PLAIN AGFsaWNlAHB3\r\n")
        dialogue.logged_in(True)
    _, mail = dialogue.receive(b"MAIL FROM:<>\r\nRCPT TO:<b@example.test>\r\nDATA\r\n.\r\n")
    assert isinstance(mail, Mail)
    assert mail.protocol == protocol


def test_a_password_is_in_no_repr() -> None:
    dialogue = Dialogue(RULES, "192.0.2.7")
    _, login = dialogue.receive(b"EHLO me\r\nAUTH PLAIN AGFsaWNlAHMzY3JldA==\r\n")
    assert isinstance(login, Login)
    assert login.password.reveal() == "s3cret"
    assert "s3cret" not in repr(login)
    assert login.username in repr(login)


def test_an_answer_is_one_harmless_line() -> None:
    answer = Answer(550, "5.1.1", "no <ü\r\n250 Ok\0>")
    assert answer.line == b"550 5.1.1 no <?250 Ok?>\r\n"
    assert len(Answer(550, "5.1.1", "x" * 1000).line) <= 512


@pytest.mark.parametrize(
    ("code", "enhanced"),
    [(199, "2.0.0"), (600, "5.0.0"), (250, "5.0.0"), (250, "2.0"), (354, "3.0.0"), (250, "2.0.0\r\n")],
)
def test_what_is_no_reply_is_refused(code: int, enhanced: str) -> None:
    with pytest.raises(ValueError, match=str(code)):
        Answer(code, enhanced, "x")


def test_a_policy_cannot_refuse_with_a_yes() -> None:
    dialogue = Dialogue(RULES, "192.0.2.7", may_send=lambda _sender: Answer(250, "2.0.0", "no"))
    dialogue.receive(b"HELO me\r\n")
    with pytest.raises(ValueError, match="no refusal"):
        dialogue.receive(b"MAIL FROM:<>\r\n")


def test_what_nobody_waits_for_cannot_be_answered() -> None:
    dialogue = Dialogue(RULES, "192.0.2.7")
    with pytest.raises(RuntimeError, match="COMMANDS"):
        dialogue.stored(Answer(250, "2.0.0", "kept"))
    with pytest.raises(RuntimeError, match="COMMANDS"):
        dialogue.logged_in(True)
    with pytest.raises(RuntimeError, match="COMMANDS"):
        dialogue.tls_started()


def test_a_peer_with_a_strange_name_is_greeted_in_one_line() -> None:
    dialogue = Dialogue(RULES, "unix\r\nsocket ü")
    (reply,) = dialogue.receive(b"HELO me\r\n")
    assert reply == Reply(b"250 relay.example.test greets unix?socket ?\r\n")
