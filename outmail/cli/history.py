"""`outmail history`: what was sent, through which server, with what answer; who changed or steered what."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from outmail.cli import say
from outmail.cli.exits import Exit
from outmail.cli.options import Common, OurCommand
from outmail.cli.profile_import import visible

if TYPE_CHECKING:
    from outmail.engine.proof import Proof
    from store.history import Delivery, Entry


@click.command(cls=OurCommand, epilog="Example: outmail history --limit 5")
@click.option("--json", "as_json", is_flag=True, help="A JSON list on stdout, the newest first.")
@click.option(
    "--limit", type=click.IntRange(1), default=20, show_default=True, metavar="N", help="Entries at most."
)
@click.option("--message", metavar="ID", help="Only what became of the mail with this Message-ID.")
@click.option("--trace", is_flag=True, help="With --message: ask the service where that mail is now.")
@click.pass_obj
def command(common: Common, as_json: bool, limit: int, message: str | None, trace: bool) -> int:
    """Show what was sent, what happened to delivery, and who changed or steered what, the newest first."""
    if trace and not message:
        raise click.UsageError("--trace needs --message ID: it asks about one mail.")
    from store.history import History

    # The history is not encrypted: it is read without the key.
    history = History(common.paths().spool)
    entries = history.entries(min(limit, 2**31), _bracketed(message) if message else None)
    code: int = Exit.OK
    found: list[Proof | None] = [None] * len(entries)
    if trace and entries:
        from outmail.cli.history_trace import proofs

        found, code = proofs(common.workspace(), [entry.delivery for entry in entries])
    if as_json:
        say.result_json([_json(entry, proof) for entry, proof in zip(entries, found, strict=True)])
        return code
    if not entries:
        say.talk(f"no mail {message} is in the history" if message else "nothing was sent or changed yet")
    for entry, proof in zip(entries, found, strict=True):
        _print(entry, every_recipient=message is not None)
        for line in proof.lines if proof else ():
            say.result(f"{'':21}{line}")
    return code


def _bracketed(message: str) -> str:
    """A Message-ID as it was copied, with or without its angle brackets."""
    bare = message.strip().removeprefix("<").removesuffix(">")
    return f"<{bare}>"


def _print(entry: Entry, *, every_recipient: bool) -> None:
    when = entry.when.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    if entry.delivery:
        _print_delivery(when, entry.delivery, every_recipient)
        return
    if entry.event:
        event = entry.event
        about = f"{event.profile}: " if event.profile else ""
        by = f" (by {event.who})" if event.who else ""
        say.result(f"{when}  event    {about}{event.what}{by}")
        return
    changes = visible(entry.changes)
    count = len(changes)
    say.result(f"{when}  changed  {count} field{'' if count == 1 else 's'} by {entry.who}")
    for change in changes:
        say.result(f"{'':21}{change}")


def _print_delivery(when: str, mail: Delivery, every_recipient: bool) -> None:
    people = [r.recipient for r in mail.recipients]
    taken = sum(r.accepted for r in mail.recipients)
    word = "sent" if mail.ok else "partly" if taken else "FAILED"
    more = f" and {len(people) - 1} more" if len(people) > 1 and not every_recipient else ""
    to = f" to {people[0]}{more}" if people and not every_recipient else ""
    say.result(f"{when}  {word:<7}  {mail.profile}{to} through {mail.server} {mail.address}")
    say.result(f"{'':21}{mail.message_id}")
    if mail.answer:
        say.result(f"{'':21}{mail.answer}")
    if every_recipient:
        for one in mail.recipients:
            mark = "taken  " if one.accepted else "refused"
            say.result(f"{'':21}{mark}  {one.recipient}  {one.answer}".rstrip())


def _json(entry: Entry, proof: Proof | None = None) -> dict[str, object]:
    when = entry.when.isoformat()
    mail, event = entry.delivery, entry.event
    if event is not None:
        return {
            "event": "operation",
            "when": when,
            "who": event.who or None,
            "what": event.what,
            "profile": event.profile or None,
        }
    if mail is None:
        return {
            "event": "settings",
            "when": when,
            "who": entry.who,
            "changes": [{"field": c.field, "old": c.old, "new": c.new} for c in entry.changes],
        }
    return {
        "event": "mail",
        "when": when,
        "profile": mail.profile,
        "message_id": mail.message_id,
        "queue_id": mail.queue_id or None,
        "from": mail.sender,
        "server": mail.server,
        "address": mail.address,
        "answer": mail.answer,
        "ok": mail.ok,
        "recipients": [
            {"recipient": r.recipient, "accepted": r.accepted, "answer": r.answer} for r in mail.recipients
        ],
        **({"trace": proof.to_json()} if proof else {}),
    }
