"""`outmail profile import FILE`: settings from TOML, all of the file's or, when anything is wrong, none."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from outmail.cli import say
from outmail.cli.exits import Exit
from outmail.cli.options import Common, OurCommand, asker, read_stdin
from outmail.cli.tell_relay import settings_saved
from outmail.engine.errors import EngineError, Refusal

if TYPE_CHECKING:
    from store.changes import Change
    from store.profiles import Settings
    from store.toml import Imported

_LARGEST = 4 * 1024 * 1024  # characters; the store says its own, smaller limit


@click.command(
    "import",
    cls=OurCommand,
    short_help="Create or replace profiles from a file.",
    epilog="Example: outmail profile import --diff support.toml",
)
@click.argument("file")
@click.option("--check", "only_check", is_flag=True, help="Only say whether the file is right.")
@click.option("--diff", "only_diff", is_flag=True, help="Only show what would change.")
@click.pass_obj
def import_file(common: Common, file: str, only_check: bool, only_diff: bool) -> int:
    """Create or replace profiles from FILE (TOML; - is stdin), and print what changed.

    A table [relay] in it replaces the relay's settings as a whole (see outmail relay settings).
    Every problem is named by its field, and nothing is replaced when there is one.
    """
    from store.changes import compare
    from store.problems import SettingsInvalid

    text = _read(file)
    shown = "stdin" if file == "-" else file
    workspace = common.workspace()
    current = workspace.settings
    try:
        found = _imported(text, current, ask=file != "-")
    except SettingsInvalid as error:
        say.problems(shown, error.problems, "correct the file and import it again")
        return Exit.SETTINGS
    _hint_at_plain_secrets(text, shown)
    settings = found.joined(current)
    names = ", ".join([*found.profiles, *(["[relay]"] if found.relay else [])]) or "no profile"
    if only_check:
        say.result(f"{shown} is right: {names}")
        return Exit.OK
    changes = visible(compare(current, settings) if only_diff else workspace.save(settings))
    word = "would change" if only_diff else "changed"
    count = "nothing" if not changes else "1 field" if len(changes) == 1 else f"{len(changes)} fields"
    say.result(f"{shown}: {names}: {count} {word}")
    for change in changes:
        say.result(f"  {change}")
    say.warning(workspace.warning)
    if not only_diff:
        settings_saved(workspace.paths)
    return Exit.OK


def visible(changes: Sequence[Change]) -> list[Change]:
    """Without those from nothing to an empty list, which tell nobody anything."""
    return [change for change in changes if change.old or change.new]


def _imported(text: str, current: Settings, *, ask: bool) -> Imported:
    from store.secrets import SecretReader
    from store.toml import read

    return read(text, current, SecretReader(ask=asker() if ask else None))


def _read(file: str) -> str:
    """The file's text. Raises EngineError where it cannot be read."""
    try:
        if file == "-":
            data = read_stdin("cannot read stdin", _LARGEST)
        else:
            with Path(file).open("rb") as opened:
                data = opened.read(_LARGEST)
        return data.decode("utf-8-sig")
    except OSError as error:
        words = (error.strerror or "cannot be read").lower()
        raise EngineError(
            Refusal.FILE,
            f"cannot read {file or 'a file without a name'}",
            words,
            "check the path and its permissions",
        ) from error
    except UnicodeDecodeError as error:
        raise EngineError(
            Refusal.INPUT,
            f"cannot read {file}",
            "it is not UTF-8 text",
            "save it as UTF-8 and import it again",
        ) from error


def _hint_at_plain_secrets(text: str, shown: str) -> None:
    """A password that stands in the file stays there, readable, after it was imported."""
    from store.profiles import SECRET_FIELDS

    given = tomllib.loads(text.removeprefix("\ufeff"))
    plain = [
        f"profiles.{name}.{'.'.join(path)}"
        for name, profile in given.get("profiles", {}).items()
        for path in SECRET_FIELDS
        if isinstance(_at(profile, path), str)
    ]
    plain += [
        f"relay.listeners.{number}.users.{count}.password"
        for number, listener in enumerate(given.get("relay", {}).get("listeners", ()), 1)
        for count, user in enumerate(listener.get("users", ()), 1)
        if isinstance(user.get("password"), str)
    ]
    if isinstance(_at(given, ("relay", "alerts", "webhook")), str):
        plain.append("relay.alerts.webhook")
    if plain:
        say.talk(f"{shown} holds secrets as plain text: {', '.join(plain)}")
        say.talk('  delete them there now, or use { file = "PATH" } or { env = "NAME" }')


def _at(value: object, path: tuple[str, ...]) -> object:
    for part in path:
        value = value.get(part) if isinstance(value, dict) else None
    return value
