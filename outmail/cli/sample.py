"""`outmail sample TO`: proof from the terminal that mail goes out, with what each step said."""

from __future__ import annotations

import click

from outmail.cli.options import Common, OurCommand, chosen


@click.command(
    cls=OurCommand, epilog="Example: outmail sample admin@example.org -p support --server alternate"
)
@click.argument("to")
@click.option("-p", "--profile", "name", metavar="NAME", help="The profile; else the default one.")
@click.option(
    "--server", metavar="WHICH", help="primary, alternate, alternate-2 and so on; else the first that is up."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
@click.pass_obj
def command(common: Common, to: str, name: str | None, server: str | None, as_json: bool) -> int:
    """Send a sample mail to the address TO now, past any queue.

    It shows sender name, From and Reply-To as configured, and says through which server it went.
    """
    from outmail.cli.sending import send_and_tell
    from outmail.engine.sample import sample

    workspace = common.workspace()
    profile_name, profile = chosen(workspace.settings, name)
    return send_and_tell(
        workspace,
        profile_name,
        profile,
        lambda watch: sample(profile_name, profile, to, which=server, watch=watch, tokens=workspace.tokens),
        as_json=as_json,
        steps=True,
    )
