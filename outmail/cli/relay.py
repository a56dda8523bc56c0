"""`outmail relay`: the service. SMTP in, a durable queue, delivery; until SIGTERM or Ctrl-C."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING

import click

from outmail.cli import say
from outmail.cli.exits import Exit
from outmail.cli.options import Common, OurGroup
from outmail.cli.relay_hash import hash_command
from outmail.cli.relay_settings import settings_command

if TYPE_CHECKING:
    from outmail.relay.service import Service


class RelayGroup(OurGroup):
    """Without a subcommand it serves."""

    def invoke(self, ctx: click.Context) -> object:
        """The service, or the subcommand that was named."""
        return click.Group.invoke(self, ctx)


@click.group(
    cls=RelayGroup,
    epilog="Example: outmail relay --listen 127.0.0.1:2525",
    subcommand_metavar="[COMMAND]",
)
@click.option(
    "--listen",
    multiple=True,
    metavar="HOST:PORT",
    help="Listen here instead of where the settings say; repeat it for more.",
)
@click.option("--json-log", is_flag=True, help="The log as JSON, one object a line.")
@click.pass_context
def command(ctx: click.Context, listen: tuple[str, ...], json_log: bool) -> int:
    """Take mail from programs on this machine and send it, until SIGTERM or Ctrl-C."""
    if ctx.invoked_subcommand is not None:
        return Exit.OK
    from outmail.relay.log import prepare
    from outmail.relay.service import Options, Service

    prepare(json_log=json_log)
    workspace = ctx.ensure_object(Common).workspace()
    if not workspace.settings.profiles:
        say.warning("no profile is set up yet: mail is taken once there is one (run outmail)")

    async def serve() -> None:
        service = Service(workspace, Options(listen))
        _on_signals(service)
        await service.run()

    _run(serve)
    return Exit.OK


command.add_command(hash_command)
command.add_command(settings_command)


def _run(work: Callable[[], Coroutine[None, None, None]]) -> None:
    """On uvloop where it is installed: it is faster, and nothing else."""
    try:
        import uvloop
    except ImportError:
        factory = None
    else:
        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(work())


def _on_signals(service: Service) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, service.stop)
    loop.add_signal_handler(signal.SIGHUP, service.reload_soon)
