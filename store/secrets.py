"""Gets the secret that a profile file points to: by file, variable, command, question, or as stored.

It must never show a secret, nor anything a command printed, in an error.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import SecretStr

from store import atomic
from store.commands import DEADLINE, CommandFailed, output_of
from store.errors import StoreError

LIMIT = 64 * 1024
"""Bytes of a secret at most; a certificate with its chain has some 10 KiB."""

_FORMS = (
    '{ file = "PATH" }, { env = "NAME" }, { command = "COMMAND" }, { prompt = true }, { stored = true } '
    "or a plain string"
)


class NoSecret(Exception):  # noqa: N818 - read as a sentence after the field's name
    """Why there is no secret; the text is for the admin and holds none of it."""


@dataclass(frozen=True)
class SecretReader:
    """Where secrets may come from: the environment, and a person if there is a terminal."""

    env: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)
    ask: Callable[[str], str] | None = None
    """Asks on the terminal, unseen; None where there is none."""
    deadline: float = DEADLINE
    """Seconds a command may take."""

    def read(self, at: str, given: object, stored: SecretStr | None) -> SecretStr:
        """The secret of the field `at`, which holds `given` in the file. Raises NoSecret."""
        if isinstance(given, str):
            return SecretStr(given)
        if not isinstance(given, dict) or len(given) != 1:
            raise NoSecret(f"must be {_FORMS}")
        ((form, value),) = given.items()
        if form in {"prompt", "stored"}:
            if value is not True:
                raise NoSecret(f"{form} must be true, or the field left out")
            return self._asked(at) if form == "prompt" else _stored(at, stored)
        if form not in {"file", "env", "command"}:
            raise NoSecret(f"has no form {form!r}: it must be {_FORMS}")
        if not isinstance(value, str) or not value or "\0" in value:
            raise NoSecret(f"{form} must be a text in quotes")
        text = {"file": self._file, "env": self._variable, "command": self._command}[form](value)
        if form == "command" and not at.endswith((".certificate", ".service_account")):
            text = text.partition("\n")[0].removesuffix("\r")  # as `pass` keeps notes below it
        if not text:
            raise NoSecret(f"is empty: nothing came from the {'variable' if form == 'env' else form}")
        return SecretStr(text)

    def _file(self, name: str) -> str:
        path = Path(name).expanduser()
        try:
            data = atomic.read(path, LIMIT)
        except StoreError as error:
            raise NoSecret(f"cannot be read from {path}: {error.why}") from None
        if data is None:
            raise NoSecret(f"cannot be read: there is no file {path}")
        try:
            return _chomp(data.decode("utf-8-sig"))  # an editor's byte order mark is no part of it
        except UnicodeDecodeError:
            raise NoSecret(f"cannot be read from {path}: it is not UTF-8 text") from None

    def _variable(self, name: str) -> str:
        if name not in self.env:
            raise NoSecret(f"cannot be read: the environment has no variable {name}")
        return self.env[name]

    def _command(self, command: str) -> str:
        try:
            return _chomp(output_of(command, self.env, self.deadline))
        except CommandFailed as error:
            raise NoSecret(f"cannot be read: the command {error}") from None

    def _asked(self, at: str) -> SecretStr:
        if self.ask is None:
            raise NoSecret("cannot be asked for: there is no terminal; use { file = … } or { env = … }")
        text = self.ask(f"{at}: ")
        if not text:
            raise NoSecret("is empty: nothing was typed")
        return SecretStr(text)


def _stored(at: str, stored: SecretStr | None) -> SecretStr:
    if stored is None:
        raise NoSecret(f"is not stored yet: give {at.rpartition('.')[2]} itself, or {{ file = … }}")
    return stored


def _chomp(text: str) -> str:
    """Without the line end that every editor and command puts there; a key file keeps its lines."""
    return text[:-2] if text.endswith("\r\n") else text.removesuffix("\n")
