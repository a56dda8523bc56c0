"""`outmail drill NAME`: proof that the alternate takes over, without breaking anything."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

import click

from outmail.cli import say
from outmail.cli.exits import Exit, of_send
from outmail.cli.options import Common, OurCommand, chosen

if TYPE_CHECKING:
    from outmail.engine.drill import Drilled
    from outmail.engine.workspace import Workspace


@click.command(cls=OurCommand, epilog="Example: outmail drill support --to admin@example.org")
@click.argument("name", required=False)
@click.option("--to", metavar="ADDRESS", help="Who gets the sample mail; else the profile's own address.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
@click.pass_obj
def command(common: Common, name: str | None, to: str | None, as_json: bool) -> int:
    """Treat the primary server of profile NAME as down for one sample mail, and see who takes it.

    A running relay is not touched: its mail goes on by the way it takes now.
    """
    from outmail.cli.ladder import Ladder, duration, remedy_line
    from outmail.engine.drill import drill
    from outmail.engine.report import send_json

    workspace = common.workspace()
    profile_name, profile = chosen(workspace.settings, name)
    ladder = Ladder(sys.stderr if as_json else sys.stdout, quiet=as_json)
    try:
        done = asyncio.run(
            drill(profile_name, workspace.settings.profiles, to, watch=ladder, tokens=workspace.tokens)
        )
    except KeyboardInterrupt:
        ladder.stop()
        raise
    report = done.report
    warnings = {
        workspace.record(profile_name, profile.from_address, report),
        _noted(workspace, profile_name, done),
    }
    if as_json:
        say.result_json({"profile": profile_name, "down": done.down, **send_json(report)})
    elif report.ok:
        took = duration(report.seconds)
        say.result(f"with {done.down} down, {report.server} {report.address} took the mail in {took}")
        say.result(f"answer      {report.answer}")
        say.result(f"message-id  {report.message_id}")
    for warning in dict.fromkeys(warnings):
        say.warning(warning)
    for server in done.passed_over:
        why = server.finding.title if server.finding else "it could not take the mail"
        say.talk(f"outmail: {server.server} {server.address} was passed over: {why}")
    if not report.ok:
        say.error(
            f"nobody took over from {done.down}",
            f"{report.server} {report.address}: {report.error}",
            remedy_line(report.finding),
        )
        return of_send(report)
    return Exit.OK


def _noted(workspace: Workspace, name: str, done: Drilled) -> str:
    """Keep the drill in the history; returns a warning where that failed, or ""."""
    from datetime import UTC, datetime

    from outmail.engine.workspace import whoami
    from store.errors import StoreError
    from store.history import Happening

    try:
        workspace.history.record_event(Happening(datetime.now(UTC), whoami(), done.told, name))
    except StoreError as error:
        return f"the history was not written: {error.why}"
    return ""
