"""`outmail pause`: delivery off, of one profile or of all; mail is still accepted and queued."""

from __future__ import annotations

import click

from outmail.cli import say
from outmail.cli.exits import Exit
from outmail.cli.options import Common, OurCommand
from outmail.cli.steered import steered


@click.command(cls=OurCommand, epilog="Example: outmail pause support --why 'new password'")
@click.argument("name", required=False)
@click.option("--why", default="", metavar="TEXT", help="The reason, shown to whoever looks.")
@click.pass_obj
def command(common: Common, name: str | None, why: str) -> int:
    """Stop the delivery of profile NAME, or of all; mail is still accepted and queued.

    It stays paused, over restarts too, until somebody says outmail resume.
    """
    with steered(common) as steering:
        steering.pause(name, why)
    say.result(f"delivery of {name or 'all profiles'} is paused; mail is still accepted and queued")
    say.talk(f"let it go on: outmail resume{f' {name}' if name else ''}")
    return Exit.OK
