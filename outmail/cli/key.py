"""`outmail key …`: the key that the settings are locked with: looked at, renewed, exchanged.

A passphrase is asked for twice on the terminal or read from a descriptor, a file or a command; it is
never an argument, which every user of the machine could see.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from outmail.cli import say
from outmail.cli.exits import Exit, of_store
from outmail.cli.options import DESCRIPTOR, Common, OurGroup, asker
from outmail.cli.tell_relay import settings_saved
from outmail.engine.errors import EngineError, Refusal

if TYPE_CHECKING:
    from pydantic import SecretStr

    from store.vault import KeyStatus, Vault

_SHORTEST = 8
_LONGEST = 4096


@click.group(cls=OurGroup, epilog="Example: outmail key status")
def command() -> None:
    """The key that the settings are locked with."""


def _vault(common: Common, *, saved: bool = True) -> Vault:
    from store.errors import ErrorKind, StoreError
    from store.vault import Vault

    vault = Vault(common.paths().vault, common.keys())
    if saved and not vault.exists():
        raise StoreError(
            ErrorKind.NOT_FOUND,
            "there is no key yet",
            f"no settings are saved in {vault.status().file.parent}",
            "set up a profile first: run outmail on a terminal, or outmail profile import FILE",
        )
    return vault


@command.command(short_help="Show how the settings are locked.", epilog="Example: outmail key status --json")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
@click.pass_obj
def status(common: Common, as_json: bool) -> int:
    """Show how the settings are locked, and whether the key at hand opens them."""
    found = _vault(common, saved=False).status()
    if as_json:
        say.result_json(_json(found))
    else:
        _print(found)
    if found.problem:
        say.error(found.problem.what, found.problem.why, found.problem.remedy)
        return of_store(found.problem.kind)
    return Exit.OK


@command.command(epilog="Example: outmail key rotate")
@click.pass_obj
def rotate(common: Common) -> int:
    """Lock everything with new keys; the settings stay as they are.

    A key file is replaced: copies of the old one (backups, other machines) open nothing new.
    """
    vault = _vault(common)
    vault.rotate()
    say.result("the settings are locked with new keys")
    found = vault.status()
    say.result(f"key       {found.source}")
    settings_saved(common.paths())
    return Exit.OK


@command.command(
    short_help="Lock the settings with a passphrase.",
    epilog="Example: outmail key passphrase --new-file /run/secrets/new-passphrase",
)
@click.option("--new-fd", type=DESCRIPTOR, metavar="N", help="Read the new one from this descriptor.")
@click.option("--new-file", metavar="FILE", help="Read the new one from the first line of this file.")
@click.pass_obj
def passphrase(common: Common, new_fd: int | None, new_file: str | None) -> int:
    """Lock the settings with a passphrase instead of a key file, or with another passphrase.

    Asked for twice on a terminal. Settings locked by a key file take the new passphrase from
    --passphrase-fd too. From then on every command asks for it, or takes it from --passphrase-fd,
    OUTMAIL_PASSPHRASE_FILE or OUTMAIL_PASSPHRASE_COMMAND.
    """
    if new_fd is not None and new_file is not None:
        raise click.UsageError("--new-fd and --new-file cannot be used together.")
    if new_fd is None and new_file is None and _locked_by_a_key(common):
        new_fd, common.passphrase_fd = common.passphrase_fd, None
    vault = _vault(common)
    vault.load()  # the old key first: nobody should think up a passphrase in vain
    vault.set_passphrase(_new_passphrase(new_fd, new_file))
    say.result("the settings are locked with the new passphrase")
    return Exit.OK


def _locked_by_a_key(common: Common) -> bool:
    """Whether no passphrase opens the settings: then --passphrase-fd can only hold a new one.

    Looked at without any key, since a pipe can be read once only.
    """
    from store.keys import KeyOptions
    from store.vault import Vault

    return Vault(common.paths().vault, KeyOptions(env={})).status().locked_by == ("key",)


@command.command(
    short_help="Lock the settings with a key file.",
    epilog="Example: outmail key keyfile /etc/outmail/outmail.key",
)
@click.argument("file", required=False)
@click.pass_obj
def keyfile(common: Common, file: str | None) -> int:
    """Lock the settings with a key file: FILE if it is there, else a new one there or beside them."""
    path = _vault(common).set_key_file(Path(file) if file else None)
    say.result(f"the settings are locked with the key file {path}")
    say.result("keep a copy in a safe place: without it they cannot be opened")
    return Exit.OK


def _new_passphrase(descriptor: int | None, file: str | None) -> SecretStr:
    from pydantic import SecretStr

    if descriptor is not None or file is not None:
        text = _first_line(descriptor, file)
    else:
        ask = asker()
        if ask is None:
            raise EngineError(
                Refusal.INPUT,
                "no new passphrase",
                "there is no terminal to ask on",
                "give it with --new-file FILE or --new-fd N",
            )
        text = ask("New passphrase: ")
        if text != ask("The same again: "):
            raise EngineError(
                Refusal.INPUT,
                "no new passphrase",
                "the two were not the same",
                "try again; nothing was changed",
            )
    if len(text) < _SHORTEST:
        raise EngineError(
            Refusal.INPUT,
            "the new passphrase was not taken",
            f"it has fewer than {_SHORTEST} characters",
            "four or five random words are easy to type and hard to guess",
        )
    return SecretStr(text)


def _first_line(descriptor: int | None, file: str | None) -> str:
    where = f"--new-file {file}" if file is not None else f"--new-fd {descriptor}"
    try:
        if file is not None:
            with Path(file).open("rb") as opened:
                data = opened.read(_LONGEST)
        else:
            with os.fdopen(int(descriptor or 0), "rb") as opened:
                data = opened.read(_LONGEST)
        return data.decode().partition("\n")[0].rstrip("\r")
    except OSError as error:
        words = (error.strerror or "cannot be read").lower()
        raise EngineError(
            Refusal.FILE, f"{where} was not read", words, "check that it is there and open"
        ) from error
    except UnicodeDecodeError as error:
        raise EngineError(Refusal.INPUT, f"{where} was not read", "it is not UTF-8 text") from error


def _print(found: KeyStatus) -> None:
    if not found.exists:
        say.result(f"settings  none yet in {found.file.parent}")
        return
    say.result(f"settings  {found.file}")
    say.result(f"locked by {', '.join(found.locked_by) or 'unknown'} ({', '.join(found.kdf) or 'unknown'})")
    if found.source:
        say.result(f"key       {found.source}")
    if found.saved_at:
        when = found.saved_at.astimezone().strftime("%Y-%m-%d %H:%M:%S")
        say.result(f"saved     revision {found.revision}, {when} by {found.saved_by}")


def _json(found: KeyStatus) -> dict[str, object]:
    problem = found.problem
    return {
        "file": str(found.file),
        "exists": found.exists,
        "locked_by": list(found.locked_by),
        "kdf": list(found.kdf),
        "source": found.source,
        "opens": found.exists and problem is None,
        "revision": found.revision,
        "saved_at": found.saved_at.isoformat() if found.saved_at else None,
        "saved_by": found.saved_by,
        "problem": {
            "kind": problem.kind.value,
            "what": problem.what,
            "why": problem.why,
            "remedy": problem.remedy,
        }
        if problem
        else None,
    }
