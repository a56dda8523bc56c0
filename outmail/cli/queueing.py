"""Hands a mail in to the queue for `outmail send --queue`: it is durable before anything is said of it."""

from __future__ import annotations

import getpass
import os
import time
from typing import TYPE_CHECKING

from outmail.cli import say
from outmail.cli.exits import Exit
from outmail.engine.control import NotRunning, ask
from outmail.sendmail_handover import Envelope, NotTaken, hand_in
from outmail.sendmail_places import Place
from store.errors import StoreError

if TYPE_CHECKING:
    from outmail.engine.compose import Composed
    from store.paths import Paths


def queue_and_tell(paths: Paths, name: str, mail: Composed, *, as_json: bool) -> Exit:
    """Queue the mail for the profile of this name, as sendmail does, and print what became of it."""
    began = time.monotonic()
    content = mail.envelope.whole
    people = [(recipient, "", "") for recipient in mail.envelope.recipients]
    envelope = Envelope(_user(), mail.envelope.sender, people, name)
    envelope.smtputf8 = (
        envelope.smtputf8 or not content.isascii()
    )  # only header fields are, in what we compose
    envelope.eight_bit = not content.isascii()
    place = Place(str(paths.run), str(paths.spool), ours=True)
    try:
        queued = hand_in(place, envelope, [content])
    except NotTaken as error:
        say.error(error.what, error.why, error.remedy)
        return Exit(error.code)
    if as_json:
        say.result_json(
            {
                "ok": True,
                "message_id": mail.message_id,
                "server": None,
                "address": None,
                "answer": None,
                "ms": round((time.monotonic() - began) * 1000, 1),
                "queued": True,
                "queue_id": queued,
            }
        )
    else:
        say.result(f"queued as {queued}")
        say.result(f"message-id  {mail.message_id}")
    if not _relay_runs(paths):
        say.talk("no relay runs: it is sent once there is one: outmail relay")
    return Exit.OK


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def _relay_runs(paths: Paths) -> bool:
    try:
        ask(paths.run, "hello")
    except NotRunning:
        return False
    except StoreError:
        return True  # but it does not talk to this user
    return True
