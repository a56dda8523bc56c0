"""`outmail relay hash`: turns the password of a relay's user into the hash that the settings keep.

The password is typed twice on a terminal or read from stdin; it is never an argument, and never shown.
"""

from __future__ import annotations

import click

from outmail.cli import say
from outmail.cli.exits import Exit
from outmail.cli.options import OurCommand, asker, read_stdin
from outmail.engine.errors import EngineError, Refusal

_LONGEST = 1024  # bytes, as the relay takes them


@click.command(
    "hash",
    cls=OurCommand,
    short_help="Make the hash of a user's password.",
    epilog="Example: outmail relay hash < /run/secrets/printer",
)
def hash_command() -> int:
    """Print the hash of a password, for password_hash of a listener's user.

    Asked for twice on a terminal; elsewhere the first line of stdin.
    """
    from pydantic import SecretStr

    from store.relay_password import hash_password

    say.result(hash_password(SecretStr(_password())))
    return Exit.OK


def _password() -> str:
    """What was typed or piped. Raises EngineError."""
    ask = asker()
    if ask is None:
        text = _first_line(read_stdin("no password was read", _LONGEST + 1))
    else:
        text = ask("Password: ")
        if text != ask("The same again: "):
            raise _none("the two were not the same", "try again")
    if not text:
        raise _none("it is empty", "type one, or give it on stdin")
    if "\0" in text or len(text.encode("utf-8", "surrogateescape")) > _LONGEST:
        raise _none(f"it is longer than {_LONGEST} bytes, or holds NUL", "choose another")
    return text


def _first_line(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig").partition("\n")[0].removesuffix("\r")
    except UnicodeDecodeError as error:
        raise _none("it is not UTF-8 text", "choose another, or convert it") from error


def _none(why: str, remedy: str) -> EngineError:
    return EngineError(Refusal.INPUT, "there is no hash", why, remedy)
