"""`outmail relay settings`: the relay's settings as a file, to be changed and imported again.

No secret is ever printed: neither a hash nor the address of a webhook.
"""

from __future__ import annotations

import click

from outmail.cli import say
from outmail.cli.exits import Exit
from outmail.cli.options import Common, OurCommand


@click.command(
    "settings",
    cls=OurCommand,
    short_help="Print the relay's settings as a file.",
    epilog="Example: outmail relay settings > relay.toml",
)
@click.pass_obj
def settings_command(common: Common) -> int:
    """Print the relay's settings as a settings file (TOML), with what holds by default as comments.

    Hashes and the webhook are left in the store, and taken from there when the file is imported.
    """
    from store.toml_relay import write_relay

    say.result_file(write_relay(common.workspace().settings.relay))
    return Exit.OK
