"""The command line as a whole: its commands, each loaded only when it is used, and how every ending is told.

It must never show a traceback, and never import a screen, a transport or the store for --help.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence
from importlib import import_module

import click

from outmail.cli import say
from outmail.cli.exits import Exit
from outmail.cli.options import Common, common_options

_OF_OUTPUT = {errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.EFBIG}

COMMANDS: dict[str, dict[str, tuple[str, str]]] = {
    "Set up": {
        "profile": ("profile", "List, show, import and remove profiles."),
        "signin": ("signin", "Sign in with OAuth: a code on another device, or a browser."),
        "signout": ("signout", "Forget the tokens of a profile."),
        "key": ("key", "The key that the settings are locked with."),
        "demo": ("demo", "Try everything on a practice tenant, without an account."),
    },
    "Prove": {
        "check": ("check", "Test the connection step by step; no mail is sent."),
        "sample": ("sample", "Send a sample mail now."),
        "drill": ("drill", "Prove that the alternate server takes over."),
    },
    "Send and look": {
        "relay": ("relay", "The service: takes mail from programs, and sends it."),
        "send": ("send", "Send one mail, now or through the queue."),
        "sendmail": ("sendmail", "Take a mail on stdin, as programs give it to sendmail."),
        "status": ("status", "Active servers, queue and sign-in state."),
        "history": ("history", "What was sent, and who changed which setting."),
    },
    "Steer": {
        "queue": ("queue", "What waits and why; hold, release, retry, delete."),
        "pause": ("pause", "Delivery off; mail is still accepted and queued."),
        "resume": ("resume", "Delivery on again."),
        "reconnect": ("reconnect", "Back to the primary server."),
    },
}
"""Heading -> command -> (module of outmail.cli, what it does in a line)."""


class Outmail(click.Group):
    """The command itself: its subcommands are imported when they are used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order of the help."""
        return [name for section in COMMANDS.values() for name in section]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the module of one command."""
        for section in COMMANDS.values():
            if cmd_name in section:
                found = import_module(f"outmail.cli.{section[cmd_name][0]}").command
                if not isinstance(found, click.Command):
                    raise TypeError(f"outmail.cli.{cmd_name} holds no command")
                return found
        return None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands by what they are for, without importing one."""
        for title, section in COMMANDS.items():
            with formatter.section(title):
                formatter.write_dl([(name, about) for name, (_, about) in section.items()], col_spacing=4)


@click.group(
    cls=Outmail,
    invoke_without_command=True,
    params=common_options(hidden=False),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80, "terminal_width": 80},
    epilog="Without a command it opens its screens. Every command has --help, with an example.",
)
@click.pass_context
def outmail(ctx: click.Context) -> int:
    """Outgoing mail, set up, proven and run from a terminal."""
    common = ctx.ensure_object(Common)
    if ctx.invoked_subcommand is not None:
        return Exit.OK
    from outmail.cli.screens import open_screens

    return open_screens(common)


def run(argv: Sequence[str]) -> int:
    """Run one command line and return its exit code; every way it can end is told here."""
    say.prepare_streams()
    common = Common()
    try:
        code = _run(list(argv), common)
        sys.stdout.flush()
    except BrokenPipeError:
        return _nobody_reads()
    except OSError as error:
        # Only our own output is left: everything else became an error of its layer before.
        return _cannot_print(error)
    return code


def _run(argv: list[str], common: Common) -> int:
    try:
        code = outmail.main(argv, prog_name="outmail", standalone_mode=False, obj=common)
    except click.UsageError as error:
        return _wrong_use(error)
    except click.ClickException as error:
        say.error("wrong use", error.format_message())
        return Exit.USAGE
    except (click.Abort, KeyboardInterrupt):
        say.talk("")
        return Exit.INTERRUPTED
    except SystemExit as error:
        raise BrokenPipeError from error  # the only one: what click makes of a pipe that nobody reads
    except OSError as error:
        if isinstance(error, BrokenPipeError) or (error.filename is None and error.errno in _OF_OUTPUT):
            raise
        return _tell(error, common)
    except Exception as error:  # the last line of defence: a traceback never reaches a user
        return _tell(error, common)
    return code if isinstance(code, int) else Exit.OK


def _tell(error: Exception, common: Common) -> Exit:
    from outmail.cli.endings import tell

    return tell(error, common)


def _wrong_use(error: click.UsageError) -> Exit:
    """Click's words in our form: what is wrong, how it is used, where to read more."""
    context = error.ctx
    say.error("wrong use", error.format_message())
    if context:
        say.talk(context.get_usage())
        say.talk(f"Try: {context.command_path} --help")
    return Exit.USAGE


def _nobody_reads() -> Exit:
    """`outmail history | head`: end quietly, as other programs do."""
    # Python flushes stdout once more at its end and would complain there.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return Exit.PIPE_CLOSED


def _cannot_print(error: OSError) -> Exit:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    say.error(
        "the result was not printed", (error.strerror or "unknown error").lower(), "see where stdout goes"
    )
    return Exit.CANNOT_WRITE
