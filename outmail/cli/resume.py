"""`outmail resume`: delivery on again, of one profile or of all."""

from __future__ import annotations

import click

from outmail.cli import say
from outmail.cli.exits import Exit
from outmail.cli.options import Common, OurCommand
from outmail.cli.steered import steered, without_relay


@click.command(cls=OurCommand, epilog="Example: outmail resume support")
@click.argument("name", required=False)
@click.pass_obj
def command(common: Common, name: str | None) -> int:
    """Let the delivery of profile NAME, or of all, go on; also where the relay had stopped it itself."""
    with steered(common) as steering:
        found = steering.resume(name)
        if found:
            say.result(f"delivery goes on: {', '.join(found)}")
            without_relay(steering)
        else:
            say.result(f"{name} was not paused" if name else "nothing was paused")
    return Exit.OK
