"""`outmail demo`: the practice tenant, with its screens or, headless, for programs."""

from __future__ import annotations

import asyncio
import errno
import signal
from pathlib import Path

import click

from outmail.cli import say
from outmail.cli.exits import Exit
from outmail.cli.options import Common, OurCommand

_CANNOT_WRITE = {errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS}


@click.command(cls=OurCommand, epilog="Example: outmail demo")
@click.option("--headless", is_flag=True, help="No screens: print where it is as JSON, serve until SIGTERM.")
@click.option("--unless-set-up", is_flag=True, help="Open the real settings instead where there are any.")
@click.pass_obj
def command(common: Common, headless: bool, unless_set_up: bool) -> int:
    """Try everything on a practice tenant: servers on this machine that you can break and mend.

    Mail servers and an OAuth authority, in a throw-away folder (or in --home DIR); nothing is sent
    anywhere. Headless, it takes commands on stdin and on its socket, a line each: help lists them.
    """
    if headless and unless_set_up:
        raise click.UsageError("--headless and --unless-set-up cannot be used together.")
    home = Path(common.home) if common.home else None
    if headless:
        return _headless(common, home)
    from outmail.cli import screens

    if not screens.terminal():
        return Exit.USAGE
    if unless_set_up:
        workspace = common.workspace()
        if workspace.settings.profiles:
            say.talk(f"opening the settings in {workspace.paths.vault} (the practice tenant: outmail demo)")
            return screens.show(workspace)
        say.talk("nothing is set up yet: opening the practice tenant (your own settings: outmail)")
        home = None  # the practice profiles must not land among the admin's own settings
    try:
        return asyncio.run(_on_screen(common, home))
    except OSError as error:
        return _did_not_start(error)


def _headless(common: Common, home: Path | None) -> int:
    from outmail.demo.headless import main

    try:
        return main(home, common.keys())
    except OSError as error:
        return _did_not_start(error)


async def _on_screen(common: Common, home: Path | None) -> int:
    from outmail.demo.session import DemoSession
    from outmail.engine.workspace import Workspace
    from tui.app import OutmailApp

    async with DemoSession(home, keys=common.keys()) as session:
        workspace = await asyncio.to_thread(Workspace.open, str(session.home), False, common.keys())
        app = OutmailApp(workspace, demo=session.tenant)
        loop = asyncio.get_running_loop()
        for end in (signal.SIGTERM, signal.SIGHUP):
            # So that the terminal is put right and the throw-away folder goes.
            loop.add_signal_handler(end, app.exit)
        await app.run_async()
    return app.outcome()


def _did_not_start(error: OSError) -> Exit:
    say.error(
        "the practice tenant did not start",
        (error.strerror or str(error)).lower(),
        "make room, or choose another folder with --home DIR"
        if error.errno in {errno.ENOSPC, errno.EDQUOT}
        else "choose another folder with --home DIR",
    )
    return Exit.CANNOT_WRITE if error.errno in _CANNOT_WRITE else Exit.TRY_LATER
