"""Hands a mail in to the queue for `outmail send --queue`: it is durable before anything is said of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from outmail.cli import say
from outmail.cli.exits import Exit
from outmail.engine.control import NotRunning, ask
from outmail.engine.workspace import whoami
from store.errors import StoreError, reason, shell
from store.maildrop import drop
from store.paths import private_folder
from store.spool_ids import micros

if TYPE_CHECKING:
    from outmail.engine.compose import Composed
    from store.paths import Paths


def queue_and_tell(paths: Paths, name: str, mail: Composed, *, as_json: bool) -> Exit:
    """Queue the mail for the profile of this name, and print what became of it."""
    try:
        _hand_in(paths, name, mail)
    except (OSError, StoreError) as error:
        why = error.why if isinstance(error, StoreError) else reason(error)
        say.error(
            "the mail was not queued", why, f"look at it: ls -la {shell(paths.spool)}; then send it again"
        )
        return Exit.TRY_LATER
    if as_json:
        say.result_json(
            {
                "ok": True,
                "message_id": mail.message_id,
                "server": None,
                "address": None,
                "answer": None,
                "ms": 0.0,
                "queued": True,
            }
        )
    else:
        say.result(f"queued for {name}")
        say.result(f"message-id  {mail.message_id}")
    if not _relay_runs(paths):
        say.talk("no relay runs: it is sent once there is one: outmail relay")
    return Exit.OK


def _relay_runs(paths: Paths) -> bool:
    try:
        ask(paths.run, "hello")
    except NotRunning:
        return False
    except StoreError:
        return True  # but it does not talk to this user
    return True


def _hand_in(paths: Paths, name: str, mail: Composed) -> None:
    """By way of the maildrop, which the relay watches. Raises OSError and StoreError."""
    private_folder(paths.spool)
    envelope = mail.envelope
    people = (envelope.sender, *envelope.recipients)
    drop(
        paths.spool / "maildrop",
        whoami(),
        envelope.sender,
        [(recipient, "", "") for recipient in envelope.recipients],
        [envelope.content],
        micros(datetime.now(UTC)),
        profile=name,
        # What we compose is 7bit, but for header fields with letters that only RFC 6532 allows.
        smtputf8=not (envelope.content.isascii() and all(address.isascii() for address in people)),
        eight_bit=not envelope.content.isascii(),
    )
