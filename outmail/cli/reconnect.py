"""`outmail reconnect`: mail goes through the primary server again."""

from __future__ import annotations

import click

from outmail.cli import say
from outmail.cli.exits import Exit
from outmail.cli.options import Common, OurCommand
from outmail.cli.steered import steered


@click.command(cls=OurCommand, epilog="Example: outmail reconnect support")
@click.argument("name", required=False)
@click.pass_obj
def command(common: Common, name: str | None) -> int:
    """Send the mail of profile NAME, or of all, through the primary server again.

    Where the primary is still down, the next mail finds that out and takes the alternate once more.
    """
    from outmail.engine.steering import RunningRelay

    with steered(common) as steering:
        found = steering.reconnect(name)
        idle = not isinstance(steering, RunningRelay)
    if found:
        say.result(f"back to the primary server: {', '.join(found)}")
        say.talk(f"see whether it takes mail: outmail check {found[0]} --server primary")
    elif idle:
        say.result("no relay runs: the next one begins with the primary server anyway")
    else:
        say.result(f"{name or 'all mail'} goes through the primary server already")
    return Exit.OK
