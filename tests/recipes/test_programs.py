"""git and Python by SMTP on the relay's port, as their recipes say."""

from __future__ import annotations

import logging
import logging.handlers
import smtplib
from email.message import EmailMessage

import pytest

from tests.recipes.places import ADMIN, Place
from tests.servers.process import require

pytestmark = [pytest.mark.real, pytest.mark.long]


def test_python(here: Place) -> None:
    message = EmailMessage()
    message["From"] = "app@example.test"
    message["To"] = "you@example.test"
    message["Subject"] = "smtplib"
    message.set_content("hello")
    with smtplib.SMTP("127.0.0.1", here.relay.port, timeout=30) as client:
        client.send_message(message)
    handler = logging.handlers.SMTPHandler(
        ("127.0.0.1", here.relay.port), "app@example.test", [ADMIN], "app: error", timeout=30
    )
    handler.emit(logging.makeLogRecord({"msg": "it broke", "levelno": logging.ERROR}))
    taken, text = here.arrived(lambda taken: b"Subject: smtplib" in taken.content)
    assert taken.recipients == ("you@example.test",)
    assert text.endswith("\n\nhello\n")
    taken, text = here.arrived(lambda taken: b"Subject: app: error" in taken.content)
    assert taken.recipients == (ADMIN,)
    assert text.rstrip("\n").endswith("\n\nit broke")


def test_git_send_email(here: Place) -> None:
    git = require("git")
    require("/usr/lib/git-core/git-send-email")
    (here.folder / "work").mkdir()
    work = ("-C", str(here.folder / "work"), "-c", "user.name=Ann", "-c", "user.email=ann@example.test")
    for step in (
        ("init", "-q"),
        ("commit", "-q", "--allow-empty", "-m", "begin"),
        ("config", "sendemail.smtpServer", "127.0.0.1"),
        ("config", "sendemail.smtpServerPort", str(here.relay.port)),
    ):
        done = here.run(git, *work, *step)
        assert done.returncode == 0, done.stderr
    (here.folder / "work" / "a").write_text("x\n")
    for then in (
        ("add", "a"),
        ("commit", "-q", "-m", "a change"),
        ("send-email", "--to=dev@example.test", "--confirm=never", "--suppress-cc=all", "-1"),
    ):
        done = here.run(git, *work, *then)
        assert done.returncode == 0, done.stdout + done.stderr
    taken, text = here.arrived()
    assert (taken.sender, taken.recipients) == ("ann@example.test", ("dev@example.test",))
    assert "\nSubject: [PATCH] a change\n" in text
    assert "\n+x\n" in text
