"""The options that every command takes: which home, which key; and how a command opens the home.

They may stand before or after the subcommand. A passphrase is never an argument: other users see those.
"""

from __future__ import annotations

import getpass
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from outmail.engine.workspace import Workspace
    from store.keys import KeyOptions
    from store.paths import Paths
    from store.profiles import Profile, Settings


DESCRIPTOR = click.IntRange(0, 2**31 - 1)
"""The numbers that a file descriptor can have (a C int)."""


@dataclass
class Common:
    """What the common options say; the later one on the line wins."""

    home: str | None = None
    system: bool = False
    key_file: str | None = None
    passphrase_fd: int | None = None

    def paths(self) -> Paths:
        """The folders of this home."""
        from store.paths import locate

        return locate(self.home, self.system)

    def keys(self, *, asking: bool = True) -> KeyOptions:
        """Where the key comes from; a question only where a person can answer it, and if `asking`."""
        from store.keys import KeyOptions

        return KeyOptions(
            key_file=Path(self.key_file) if self.key_file else None,
            passphrase_fd=self.passphrase_fd,
            env=os.environ,
            ask=asker() if asking else None,
        )

    def workspace(self, *, asking: bool = True) -> Workspace:
        """The home, opened. Raises StoreError and SettingsInvalid."""
        from outmail.engine.workspace import Workspace

        return Workspace.open(self.home, self.system, self.keys(asking=asking))


def asker() -> Callable[[str], str] | None:
    """Asks on the terminal, unseen; None where stdin is no terminal: then nobody is asked anything."""
    return _ask if sys.stdin is not None and sys.stdin.isatty() else None


def _ask(question: str) -> str:
    try:
        return getpass.getpass(question)
    except EOFError:
        return ""


def read_stdin(what: str, longest: int) -> bytes:
    """At most so many bytes of stdin. Raises EngineError that names `what` where stdin is closed (`<&-`)."""
    from outmail.engine.errors import EngineError, Refusal

    if sys.stdin is None:
        raise EngineError(
            Refusal.FILE, what, "stdin is closed", "give it something to read: a pipe, or < FILE"
        )
    return sys.stdin.buffer.read(longest)


def _keep(ctx: click.Context, param: click.Parameter, value: object) -> None:
    if value not in (None, False):
        setattr(ctx.ensure_object(Common), str(param.name), value)


def common_options(*, hidden: bool) -> list[click.Parameter]:
    """The common options as parameters; hidden in the help of the subcommands, which would drown in them."""
    return [
        click.Option(
            ["--home"], metavar="DIR", hidden=hidden, expose_value=False, callback=_keep,
            help="Keep everything in this folder (or OUTMAIL_HOME).",
        ),
        click.Option(
            ["--system"], is_flag=True, hidden=hidden, expose_value=False, callback=_keep,
            help="Use the machine's settings in /var/lib/outmail.",
        ),
        click.Option(
            ["--key-file"], metavar="FILE", hidden=hidden, expose_value=False, callback=_keep,
            help="Open the settings with this key (or OUTMAIL_KEY_FILE).",
        ),
        click.Option(
            ["--passphrase-fd"], type=DESCRIPTOR, metavar="N", hidden=hidden, expose_value=False,
            callback=_keep, help="Read the passphrase from this file descriptor.",
        ),
        click.Option(
            ["--version"], is_flag=True, is_eager=True, hidden=hidden, expose_value=False, callback=_version,
            help="Show the version and exit.",
        ),
    ]  # fmt: skip


class OurCommand(click.Command):
    """A subcommand: takes the common options too."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.params += common_options(hidden=True)


class OurGroup(click.Group):
    """A command with subcommands of its own; without one it says which there are."""

    command_class = OurCommand

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **{"invoke_without_command": True, **kwargs})  # type: ignore[arg-type]
        self.params += common_options(hidden=True)

    def invoke(self, ctx: click.Context) -> object:
        """Run the subcommand that was named."""
        if not ctx._protected_args and not ctx.args:
            raise click.UsageError(f"Missing command: {', '.join(self.list_commands(ctx))}.", ctx)
        return super().invoke(ctx)


def _version(ctx: click.Context, _param: click.Parameter, value: object) -> None:
    if value:
        from outmail.version import VERSION

        click.echo(f"outmail {VERSION}")
        ctx.exit()


def chosen(settings: Settings, name: str | None) -> tuple[str, Profile]:
    """The profile that a command is about. Raises NoSuchProfile, which tells what to type instead."""
    try:
        return settings.named(name)
    except KeyError as error:
        raise NoSuchProfile(str(error.args[0]), name, settings) from None


class NoSuchProfile(Exception):  # noqa: N818 - read as a sentence
    """A profile that is not there, or none at all; `what`, `why` and `remedy` are for the user."""

    def __init__(self, why: str, name: str | None, settings: Settings) -> None:
        super().__init__(why)
        self.what = "unknown profile" if name else "no profile to use"
        self.why = why
        self.remedy = _remedy(name, settings)


def _remedy(name: str | None, settings: Settings) -> str:
    known = list(settings.profiles)
    if not known:
        return "set one up: run outmail on a terminal, or outmail profile import FILE"
    if name is None:
        return f"name one, or choose it: outmail profile default NAME (there are: {', '.join(sorted(known))})"
    import difflib

    near = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {near[0]}?" if near else f"there are: {', '.join(sorted(known))}"
