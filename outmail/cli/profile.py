"""`outmail profile …`: what is set up, shown, exported, removed, chosen as the default, and imported."""

from __future__ import annotations

import sys
import tomllib
from typing import TYPE_CHECKING, cast

import click

from outmail.cli import say
from outmail.cli.exits import Exit
from outmail.cli.options import Common, NoSuchProfile, OurGroup, asker, chosen
from outmail.cli.profile_certificate import certificate
from outmail.cli.profile_import import import_file
from outmail.cli.tell_relay import settings_saved
from outmail.engine.idle_status import where

if TYPE_CHECKING:
    from store.profiles import Profile, Settings


@click.group(cls=OurGroup, epilog="Example: outmail profile import support.toml")
def command() -> None:
    """List, show, import, export and remove profiles."""


command.add_command(import_file)
command.add_command(certificate)


@command.command("list", epilog="Example: outmail profile list --json")
@click.option("--json", "as_json", is_flag=True, help="A JSON list on stdout.")
@click.pass_obj
def list_(common: Common, as_json: bool) -> int:
    """List the profiles; * marks the default one."""
    settings = common.workspace().settings
    default = _default(settings)
    if as_json:
        say.result_json([_summary(name, profile, default) for name, profile in settings.profiles.items()])
    elif not settings.profiles:
        say.talk("no profile is set up yet: run outmail on a terminal, or outmail profile import FILE")
    else:
        rows = [
            ("*" if n == default else "", n, p.protocol, where(p) or "-", p.from_address)
            for n, p in settings.profiles.items()
        ]
        for line in say.table(("", "NAME", "PROTOCOL", "SERVER", "FROM"), rows):
            say.result(line)
    return Exit.OK


@command.command(
    short_help="Show every setting of a profile.", epilog="Example: outmail profile show support"
)
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="A JSON object on stdout.")
@click.pass_obj
def show(common: Common, name: str | None, as_json: bool) -> int:
    """Show every setting of profile NAME (or the default one), by the names of the profile file.

    Secrets are never shown.
    """
    settings = common.workspace().settings
    found, profile = chosen(settings, name)
    data = _plain(found, profile)
    if as_json:
        say.result_json({"profile": found, "default": found == _default(settings), **data})
        return Exit.OK
    say.result(f"profile {found}" + (" (the default)" if found == _default(settings) else ""))
    fields = _flat(data)
    widest = max(len(field) for field in fields)
    for field, value in fields.items():
        say.result(f"  {field:<{widest}}  {value}")
    return Exit.OK


@command.command(
    short_help="Print a profile as a file, without secrets.",
    epilog="Example: outmail profile export support > support.toml",
)
@click.argument("name", required=False)
@click.pass_obj
def export(common: Common, name: str | None) -> int:
    """Print profile NAME as a profile file (TOML); secrets are left in the store.

    Where the same profile is set up, the file imports as it is; elsewhere replace each
    { stored = true } by { file = "PATH" } or { env = "NAME" }.
    """
    from store.toml import write

    found, profile = chosen(common.workspace().settings, name)
    say.result_file(write(found, profile))
    return Exit.OK


@command.command(epilog="Example: outmail profile remove support")
@click.argument("name")
@click.option("-y", "--yes", is_flag=True, help="Do not ask, on a terminal either.")
@click.pass_obj
def remove(common: Common, name: str, yes: bool) -> int:
    """Remove profile NAME with its password and other secrets."""
    workspace = common.workspace()
    settings = workspace.settings
    named(settings, name)
    users = [
        n for n, p in settings.profiles.items() if p.failover and p.failover.profile == name and n != name
    ]
    if users:
        say.error(
            f"profile {name} was not removed",
            f"{', '.join(users)} would fail over to it",
            f"take failover.profile out of {users[0]} first: outmail profile export {users[0]}, edit, import",
        )
        return Exit.SETTINGS
    relay = settings.relay
    if relay and relay.renamed(name, "") != relay:
        say.error(
            f"profile {name} was not removed",
            "the relay's listeners or routes send by it",
            "take it out of them first: outmail relay settings, edit, outmail profile import",
        )
        return Exit.SETTINGS
    if not yes and asker() and sys.stderr.isatty():
        click.confirm(f"Remove profile {name} with its secrets?", abort=True, err=True)
    left = {n: p for n, p in settings.profiles.items() if n != name}
    default = None if settings.default == name else settings.default
    workspace.save(settings.model_copy(update={"profiles": left, "default": default}))
    say.result(f"profile {name} was removed")
    say.warning(workspace.warning)
    settings_saved(workspace.paths)
    if default is None and len(left) > 1:
        say.talk(
            f"no default profile is chosen now: outmail profile default NAME ({', '.join(sorted(left))})"
        )
    return Exit.OK


@command.command("default", epilog="Example: outmail profile default support")
@click.argument("name")
@click.pass_obj
def default_(common: Common, name: str) -> int:
    """Use profile NAME wherever none is named."""
    workspace = common.workspace()
    named(workspace.settings, name)
    changes = workspace.save(workspace.settings.model_copy(update={"default": name}))
    say.result(f"profile {name} is the default" + ("" if changes else " already"))
    say.warning(workspace.warning)
    settings_saved(workspace.paths)
    return Exit.OK


def named(settings: Settings, name: str) -> Profile:
    """The profile of exactly that name. Raises NoSuchProfile."""
    if name not in settings.profiles:
        raise NoSuchProfile(f"there is no profile {name!r}", name, settings)
    return settings.profiles[name]


def _default(settings: Settings) -> str | None:
    """The profile that is used where none is named: a single one needs no choosing."""
    return settings.default or (next(iter(settings.profiles)) if len(settings.profiles) == 1 else None)


def _summary(name: str, profile: Profile, default: str | None) -> dict[str, object]:
    return {
        "profile": name,
        "default": name == default,
        "protocol": profile.protocol,
        "address": where(profile),
        "from_address": profile.from_address,
        "method": profile.auth.method,
    }


def _plain(name: str, profile: Profile) -> dict[str, object]:
    """The profile as its file says it: the one writer that masks secrets is the store's."""
    from store.toml import write

    profiles = cast("dict[str, dict[str, object]]", tomllib.loads(write(name, profile))["profiles"])
    return profiles[name]


def _flat(value: object, at: str = "") -> dict[str, str]:
    if value == {"stored": True}:
        return {at: "(stored)"}
    if isinstance(value, dict):
        parts = [(str(key), inner) for key, inner in value.items()]
    elif isinstance(value, list) and any(isinstance(v, dict) for v in value):
        parts = [(str(number), inner) for number, inner in enumerate(value, 1)]
    else:
        shown = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
        return {at: str(value).lower() if isinstance(value, bool) else shown}
    return {k: v for key, inner in parts for k, v in _flat(inner, f"{at}.{key}" if at else key).items()}
