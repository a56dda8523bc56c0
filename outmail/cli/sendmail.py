"""`outmail sendmail`: the sendmail command behind the common options; its flags are its own, not click's."""

from __future__ import annotations

import click

from outmail.cli.options import Common


class Sendmail(click.Command):
    """Takes its arguments as they stand."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Leave them to the command."""
        ctx.args = args
        return args


@click.command(cls=Sendmail, add_help_option=False)
@click.pass_context
def command(ctx: click.Context) -> int:
    """Take a mail on stdin and have it queued."""
    from outmail.sendmail import main

    common = ctx.ensure_object(Common)
    place = [*([f"--home={common.home}"] if common.home else []), *(["--system"] if common.system else [])]
    return main([*place, *ctx.args])
