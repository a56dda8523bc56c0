"""A Postfix that has the relay as its relayhost."""

from __future__ import annotations

import smtplib

import pytest

from tests.recipes.places import Place
from tests.servers.dovecot import Dovecot
from tests.servers.pki import Pki
from tests.servers.postfix import postfix

pytestmark = [pytest.mark.real, pytest.mark.long]


def test_relayhost(here: Place, pki: Pki, dovecot: Dovecot) -> None:
    """What its clients give it goes through the relay as it was."""
    with (
        postfix(pki, dovecot, here.sink, here.relay.port) as server,
        smtplib.SMTP("127.0.0.1", server.plain, timeout=30) as client,
    ):
        content = b"From: app@example.test\r\nSubject: it works\r\n\r\nhello \xc3\xbc\r\n"
        client.sendmail(
            "app@example.test", ["you@example.test", "two@example.test"], content, ["BODY=8BITMIME"]
        )
        taken, text = here.arrived(lambda taken: b"it works" in taken.content)
        assert taken.sender == "app@example.test"
        assert set(taken.recipients) == {"you@example.test", "two@example.test"}
        assert text.endswith("\n\nhello ü\n")
