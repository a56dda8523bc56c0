"""`outmail check`: the connection of a profile, step by step; no mail is sent."""

from __future__ import annotations

import asyncio
import sys

import click

from outmail.cli import say
from outmail.cli.exits import Exit, Nagios, nagios_of, of_check
from outmail.cli.options import Common, OurCommand, chosen
from outmail.engine.report import CheckReport


@click.command(
    cls=OurCommand,
    epilog="Example: outmail check support --server all",
)
@click.argument("name", required=False)
@click.option(
    "--server",
    type=click.Choice(["primary", "alternate", "all"]),
    default="primary",
    show_default=True,
    help="Which of the profile's servers.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
@click.option("--nagios", is_flag=True, help="One status line; exit code 0, 1, 2 or 3.")
@click.option("-v", "--verbose", is_flag=True, help="Also what was learned and said at each step.")
@click.pass_obj
def command(
    common: Common, *, name: str | None, server: str, as_json: bool, nagios: bool, verbose: bool
) -> int:
    """Test the connection of profile NAME (or the default one) step by step.

    Connects, encrypts, signs in and asks whether the sender may send; no mail is sent.
    """
    if as_json and nagios:
        raise click.UsageError("--json and --nagios cannot be used together.")
    return _nagios(common, name, server) if nagios else _check(common, name, server, as_json, verbose)


def _check(common: Common, name: str | None, server: str, as_json: bool, verbose: bool) -> int:
    from outmail.engine.report import check_json

    report = _climb(common, name, server, quiet=as_json, verbose=verbose)
    code = of_check(report)
    if as_json:
        say.result_json(check_json(report))
    elif report.ok:
        warned = nagios_of(report) is Nagios.WARNING
        say.result(f"{report.profile} can send" + (", with warnings: see above" if warned else ""))
    if code is not Exit.OK:
        _say_failure(report)
    return code


def _say_failure(report: CheckReport) -> None:
    from outmail.cli.ladder import remedy_line

    failed = next(s for s in report.servers if not s.ok)
    found = failed.finding
    # On a terminal the remedy stands just above, in the ladder.
    remedy = "" if sys.stdout.isatty() else remedy_line(found)
    why = found.title if found else "not every step was reached"
    say.error(f"check of {report.profile}", f"{failed.address}: {why}", remedy)


def _climb(
    common: Common, name: str | None, server: str, *, quiet: bool, verbose: bool = False
) -> CheckReport:
    from outmail.cli.ladder import Ladder
    from outmail.engine.check import check

    workspace = common.workspace()
    profile_name, profile = chosen(workspace.settings, name)
    ladder = Ladder(quiet=quiet, verbose=verbose)
    try:
        return asyncio.run(check(profile_name, profile, which=server, watch=ladder, tokens=workspace.tokens))
    except KeyboardInterrupt:
        ladder.stop()
        raise


def _nagios(common: Common, name: str | None, server: str) -> int:
    """One line with performance data, whatever happens: monitoring reads nothing else."""
    from outmail.cli.monitor import status_line, unknown_line
    from outmail.cli.options import NoSuchProfile
    from outmail.engine.errors import EngineError
    from store.errors import StoreError
    from store.problems import SettingsInvalid

    try:
        report = _climb(common, name, server, quiet=True)
    except (StoreError, EngineError, NoSuchProfile, SettingsInvalid, OSError) as error:
        say.result(unknown_line(error))
        return Nagios.UNKNOWN
    say.result(status_line(report))
    return nagios_of(report)
