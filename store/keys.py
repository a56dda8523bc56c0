"""Finds the key of the vault: a key file, a systemd credential, a passphrase, the keyring, or a question.

It must never read a passphrase from the value of an environment variable, and never show a key.
"""

from __future__ import annotations

import base64
import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import SecretStr

from store import atomic
from store.commands import CommandFailed, output_of
from store.errors import ErrorKind, StoreError, cannot_read, shell
from store.keyring import key_from_keyring
from store.paths import there
from store.slots import passphrase_bytes

KEY_FILE = "outmail.key"
MIN_KEY_BYTES = 32
LIMIT = 4096
"""Bytes of a key file or a passphrase at most."""


@dataclass(frozen=True, slots=True)
class Key:
    """What opens a slot, and where it came from."""

    secret: bytes = field(repr=False)
    passphrase: bool
    source: str  # for people: "key file /etc/outmail.key", "passphrase from …"
    file: Path | None = None  # of a key file
    ours: bool = True  # whether we may replace the file (a systemd credential may not be)
    asked: bool = False  # typed by a person, who can be asked again


@dataclass(frozen=True)
class KeyOptions:
    """Where the user says the key is. A passphrase's own value in the environment is never looked at."""

    key_file: Path | None = None
    passphrase_fd: int | None = None
    env: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)
    ask: Callable[[str], str] | None = None
    """Asks on the terminal, unseen; None where there is no terminal."""
    new_passphrase: SecretStr | None = None
    """The passphrase chosen for a vault that does not exist yet; None makes a key file."""

    @property
    def named_file(self) -> Path | None:
        """The key file named by --key-file or OUTMAIL_KEY_FILE."""
        name = self.key_file or self.env.get("OUTMAIL_KEY_FILE")
        return Path(name).expanduser().absolute() if name else None


class KeyFinder:
    """Finds the key in the contract's order; what can be read once only (a pipe, a person) is kept."""

    def __init__(self, options: KeyOptions, folder: Path) -> None:
        self._options = options
        self._folder = folder
        self._kept: Key | None = None

    @property
    def beside(self) -> Path:
        """The key file beside the vault."""
        return self._folder / KEY_FILE

    def forget_answer(self) -> None:
        """Ask the person anew the next time: the answer was wrong."""
        if self._kept and self._kept.asked:
            self._kept = None

    def forget_file(self) -> None:
        """Read a key file anew the next time: another process may have replaced it."""
        if self._kept and self._kept.file:
            self._kept = None

    def keep(self, key: Key) -> None:
        """Use this key from now on in this process."""
        self._kept = key

    def find(self, keys: bool, passphrases: bool) -> Key:
        """The key, for a vault that opens with key files, with passphrases, or both.

        A source that the user names must fit; the key file beside the vault, the keyring and the
        question are passed over where they cannot. Raises StoreError.
        """
        if self._kept is None:
            self._kept = self.named() or self._found(keys, passphrases)
        if self._kept is None:
            raise self._missing(passphrases)
        return self._kept

    def for_new_vault(self) -> Key:
        """The key of a vault that is made now: the source that is named, else a key file.

        A key file that is not there yet is made, under the name that was given or beside the vault.
        Raises StoreError.
        """
        file = self._options.named_file
        if (file is None or there(file)) and (key := self._kept or self.named()):
            return key
        file = file or self.beside
        if not there(file):
            atomic.write(file, new_key_text())
        return read_key_file(file)

    def named(self) -> Key | None:
        """The key from a source that the user or systemd names; None where none is named."""
        options = self._options
        if options.named_file:
            return read_key_file(options.named_file)
        credentials = options.env.get("CREDENTIALS_DIRECTORY")
        if credentials and there(path := Path(credentials) / KEY_FILE):
            return read_key_file(path, credential=True)
        return _passphrase_source(options)

    def _found(self, keys: bool, passphrases: bool) -> Key | None:
        if keys and there(self.beside):
            return read_key_file(self.beside)
        if keys and (stored := key_from_keyring(str(self._folder), self._options.env)):
            return Key(stored, False, "the keyring")
        if passphrases and self._options.ask is not None:
            return _passphrase(self._options.ask("Passphrase of the settings: "), "the terminal", asked=True)
        return None

    def _missing(self, passphrase: bool) -> StoreError:
        what = "the settings cannot be opened"
        if passphrase:
            return StoreError(
                ErrorKind.KEY_MISSING,
                what,
                "they are locked with a passphrase and there is no terminal to ask on",
                "give it with OUTMAIL_PASSPHRASE_FILE=FILE, OUTMAIL_PASSPHRASE_COMMAND=COMMAND"
                " or --passphrase-fd N",
            )
        return StoreError(
            ErrorKind.KEY_MISSING,
            what,
            f"their key file {self.beside} is missing",
            f"put it back from a backup: install -m 600 BACKUP/{KEY_FILE} {shell(self.beside)}"
            " (or use --key-file FILE)",
        )


def new_key_text() -> bytes:
    """The content of a new key file: 32 random bytes as text, so that it survives copy and paste."""
    return b"outmail-key-1:" + base64.urlsafe_b64encode(os.urandom(MIN_KEY_BYTES)) + b"\n"


def key_of_text(text: bytes, path: Path, ours: bool = True) -> Key:
    """The key that a file with this content is."""
    return Key(text.strip(), False, f"key file {path}", path, ours)


def read_key_file(path: Path, credential: bool = False) -> Key:
    """The key in a file, 32 bytes or more of anything. Raises StoreError.

    A file that others may read is refused, as ssh refuses it; not so a systemd credential, whose
    folder is closed and whose mode shows an access list.
    """
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        raise StoreError(
            ErrorKind.KEY_MISSING,
            "the settings cannot be opened",
            f"there is no key file {path}",
            f"put it back from a backup: install -m 600 BACKUP {shell(path)}",
        ) from None
    except OSError as error:
        raise cannot_read(path, error) from error
    if not credential and mode & 0o077:
        raise StoreError(
            ErrorKind.UNREADABLE,
            f"the key file {path} was not used",
            f"others may read it (mode {stat.S_IMODE(mode):04o})",
            f"chmod 600 {shell(path)}",
        )
    text = (atomic.read(path, LIMIT) or b"").strip()
    if len(text) < MIN_KEY_BYTES:
        raise StoreError(
            ErrorKind.BAD_INPUT,
            f"the key file {path} was not used",
            f"it has {len(text)} bytes, and a key has {MIN_KEY_BYTES} or more",
            f"if it was emptied, put it back from a backup: install -m 600 BACKUP {shell(path)}",
        )
    return key_of_text(text, path, ours=not credential)


def _passphrase_source(options: KeyOptions) -> Key | None:
    if options.passphrase_fd is not None:
        where = f"--passphrase-fd {options.passphrase_fd}"
        try:
            with os.fdopen(options.passphrase_fd, "rb") as pipe:
                return _passphrase(pipe.read(LIMIT + 1), where)
        except (OSError, ValueError) as error:
            words = ((isinstance(error, OSError) and error.strerror) or "is not open").lower()
            raise _no_passphrase(
                where, words, f"open it: outmail {where} {options.passphrase_fd}<FILE"
            ) from error
    if command := options.env.get("OUTMAIL_PASSPHRASE_COMMAND"):
        where = "OUTMAIL_PASSPHRASE_COMMAND"
        try:
            return _passphrase(output_of(command, options.env), where)
        except CommandFailed as error:
            raise _no_passphrase(where, str(error), "run the command by hand and see what it says") from None
    if file := options.env.get("OUTMAIL_PASSPHRASE_FILE"):
        path = Path(file).expanduser()
        text = atomic.read(path, LIMIT)
        if text is None:
            raise _no_passphrase(
                "OUTMAIL_PASSPHRASE_FILE", f"there is no file {path}", f"ls -la {shell(path.parent)}"
            )
        return _passphrase(text, f"OUTMAIL_PASSPHRASE_FILE={path}")
    return None


def _passphrase(given: bytes | str, where: str, asked: bool = False) -> Key:
    """The first line of what a source gave."""
    try:
        text = given if isinstance(given, str) else given.decode()
    except UnicodeDecodeError:
        raise _no_passphrase(where, "it is not UTF-8 text", "write it as UTF-8 text, on one line") from None
    line = text.partition("\n")[0].rstrip("\r")
    if not line:
        raise _no_passphrase(where, "it is empty", "write the passphrase on its first line")
    if len(line) > LIMIT:
        raise _no_passphrase(where, f"it is longer than {LIMIT} characters", "give a passphrase on one line")
    return Key(passphrase_bytes(line), True, f"the passphrase from {where}", asked=asked)


def chosen_passphrase(text: SecretStr) -> Key:
    """A passphrase that the admin has just chosen. Raises StoreError when it is empty."""
    return _passphrase(text.get_secret_value(), "the admin")


def _no_passphrase(where: str, why: str, remedy: str) -> StoreError:
    return StoreError(ErrorKind.KEY_MISSING, f"no passphrase from {where}", why, remedy)
