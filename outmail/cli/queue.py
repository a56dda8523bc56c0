"""`outmail queue …`: what waits and why, in plain words; and steering it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from outmail.cli import say
from outmail.cli.exits import Exit
from outmail.cli.options import Common, OurGroup, asker
from outmail.cli.steered import steered, without_relay

if TYPE_CHECKING:
    from outmail.engine.steering import Steering
    from store.spool_ids import MailId
    from store.spool_shapes import Entry, Which

_STATES = ("waiting", "sending", "uncertain", "held", "dead")
_HEAD = ("ID", "FROM", "TO", "STATE", "NEXT", "WHY")


@click.group(cls=OurGroup, epilog="Example: outmail queue list --state held")
def command() -> None:
    """See what waits and why, and steer it."""


@command.command("list", epilog="Example: outmail queue list --profile support --state waiting")
@click.option("--profile", metavar="NAME", help="Only mail of this profile.")
@click.option("--state", "states", type=click.Choice(_STATES), multiple=True, help="Repeat it for more.")
@click.option("--cause", metavar="ID", help="Only what waits for this cause (see: outmail queue causes).")
@click.option(
    "--limit", type=click.IntRange(1), default=100, show_default=True, metavar="N", help="Mails at most."
)
@click.option("--json", "as_json", is_flag=True, help="A JSON list on stdout.")
@click.pass_obj
def list_(
    common: Common,
    *,
    profile: str | None,
    states: tuple[str, ...],
    cause: str | None,
    limit: int,
    as_json: bool,
) -> int:
    """List the mails in the queue, the oldest first: who, to whom, and why each is still here."""
    from outmail.cli.queue_lines import row

    with steered(common) as steering:
        which = _which(None, profile, cause, states)
        found = _pages(steering, which, limit + 1)
    entries = found[:limit]
    if as_json:
        say.result_json([entry.to_json() for entry in entries])
    elif not entries:
        say.talk("nothing like that is in the queue" if profile or states or cause else "the queue is empty")
    else:
        for line in say.table(_HEAD, [row(entry) for entry in entries]):
            say.result(line)
    if len(found) > limit:
        say.talk(f"there are more: outmail queue list --limit {limit * 10}")
    return Exit.OK


@command.command(
    short_help="Show one mail, with its headers.", epilog="Example: outmail queue show 1hm8z3v0q4rke"
)
@click.argument("mail", metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
@click.pass_obj
def show(common: Common, mail: str, as_json: bool) -> int:
    """Show one mail: where it came from, how each recipient stands, and its header fields."""
    from outmail.cli.queue_lines import details

    with steered(common) as steering:
        entry, headers = steering.show(_id(mail))
    if as_json:
        say.result_json({**entry.to_json(), "headers": headers})
        return Exit.OK
    for line in details(entry):
        say.result(line)
    say.result()
    say.result(headers.rstrip("\n"))
    return Exit.OK


@command.command(epilog="Example: outmail queue causes")
@click.option("--json", "as_json", is_flag=True, help="A JSON list on stdout.")
@click.pass_obj
def causes(common: Common, as_json: bool) -> int:
    """Show for which causes mail is still here, the most frequent first, and what moves it."""
    from outmail.engine.queue_words import remedy, title

    with steered(common) as steering:
        found = steering.causes()
    if as_json:
        say.result_json([{**c.to_json(), "title": title(c.cause, c.example)} for c in found])
        return Exit.OK
    if not found:
        say.talk("nothing waits for a cause")
        return Exit.OK
    rows = [
        (str(c.recipients), c.state.value, c.profile, title(c.cause, c.example), remedy(c)) for c in found
    ]
    for line in say.table(("RECIPIENTS", "STATE", "PROFILE", "WHY", "ONCE THAT IS MENDED"), rows):
        say.result(line)
    return Exit.OK


@command.command(epilog="Example: outmail queue retry --cause connect-refused")
@click.argument("mails", nargs=-1, metavar="[ID]...")
@click.option("--all", "everything", is_flag=True, help="Everything that waits, is uncertain or dead.")
@click.option("--profile", metavar="NAME", help="What is of this profile.")
@click.option("--cause", metavar="ID", help="What waits for this cause (see: outmail queue causes).")
@click.pass_obj
def retry(
    common: Common, *, mails: tuple[str, ...], everything: bool, profile: str | None, cause: str | None
) -> int:
    """Try mail again at once: what waits for its time, is uncertain, or was given up. Held mail stays."""
    which = _chosen(mails, everything, profile, cause, "--all, --profile or --cause")
    with steered(common) as steering:
        count = steering.retry(which)
        say.result(_told(count, "tried again at once"))
        if count:
            without_relay(steering)
    return Exit.OK


@command.command(epilog="Example: outmail queue hold 1hm8z3v0q4rke")
@click.argument("mails", nargs=-1, required=True, metavar="ID...")
@click.pass_obj
def hold(common: Common, mails: tuple[str, ...]) -> int:
    """Let nothing of these mails be sent until they are released."""
    with steered(common) as steering:
        count = steering.hold(_which(mails))
    say.result(_told(count, "held"))
    return Exit.OK


@command.command(epilog="Example: outmail queue release --all")
@click.argument("mails", nargs=-1, metavar="[ID]...")
@click.option("--all", "everything", is_flag=True, help="Everything that is held.")
@click.option("--cause", metavar="ID", help="What is held for this cause (see: outmail queue causes).")
@click.pass_obj
def release(common: Common, *, mails: tuple[str, ...], everything: bool, cause: str | None) -> int:
    """Let what is held be sent, at once."""
    which = _chosen(mails, everything, None, cause, "--all or --cause")
    with steered(common) as steering:
        count = steering.release(which)
        say.result(_told(count, "released"))
        if count:
            without_relay(steering)
    return Exit.OK


@command.command(epilog="Example: outmail queue delete 1hm8z3v0q4rke")
@click.argument("mails", nargs=-1, required=True, metavar="ID...")
@click.option("-y", "--yes", is_flag=True, help="Do not ask, on a terminal either.")
@click.pass_obj
def delete(common: Common, mails: tuple[str, ...], yes: bool) -> int:
    """Remove mails for all their recipients; nobody is told, and nothing brings them back."""
    ids = [_id(mail) for mail in dict.fromkeys(mails)]
    count = "this mail" if len(ids) == 1 else f"these {len(ids)} mails"
    if not yes and asker() and sys.stderr.isatty():
        click.confirm(f"Remove {count} for good?", abort=True, err=True)
    with steered(common) as steering:
        gone = steering.delete(ids)
    say.result(f"{gone} mail{'' if gone == 1 else 's'} removed")
    return Exit.OK


def _pages(steering: Steering, which: Which, limit: int) -> list[Entry]:
    """At most so many mails, however many a page has."""
    from outmail.engine.steering import MOST

    found: list[Entry] = []
    while len(found) < limit:
        wanted = min(limit - len(found), MOST)
        page = steering.page(which, wanted, found[-1].id if found else None)
        found += page
        if len(page) < wanted:
            break
    return found


def _chosen(
    mails: tuple[str, ...], everything: bool, profile: str | None, cause: str | None, options: str
) -> Which:
    """What a command is about; it must be said, and said once."""
    by_field = profile is not None or cause is not None
    if not (mails or everything or by_field):
        raise click.UsageError(f"Missing argument 'ID' (or {options}).")
    if bool(mails) + everything + by_field > 1:
        raise click.UsageError(f"Give IDs, or {options}, and not both.")
    return _which(mails or None, profile, cause)


def _which(
    mails: tuple[str, ...] | None,
    profile: str | None = None,
    cause: str | None = None,
    states: tuple[str, ...] = (),
) -> Which:
    from store.spool_shapes import State, Which

    return Which(
        tuple(_id(mail) for mail in mails) if mails is not None else None,
        profile,
        tuple(State(state) for state in states) or None,
        cause,
    )


def _id(text: str) -> MailId:
    from store.spool_ids import MailId

    return MailId(text.strip().lower())


def _told(count: int, done: str) -> str:
    if not count:
        return f"nothing is {done}"
    return f"{count} recipient{' is' if count == 1 else 's are'} {done}"
