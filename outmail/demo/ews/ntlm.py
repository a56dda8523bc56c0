"""Signs in by NTLM at the practice Exchange, by the acceptor of the library pyspnego.

NTLM signs in a connection, not a request ([MS-NTHT]): what is remembered here ends with the connection.
Without the library there is no NTLM, and nobody is told of it.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from outmail.demo.web import Connection

if TYPE_CHECKING:
    import spnego

_VARIABLE = "NTLM_USER_FILE"
_MOST_BYTES = 8 * 1024
_BEGINS = b"NTLMSSP\x00"

_of_the_process = threading.Lock()


def available() -> bool:
    """Whether the library is there."""
    return importlib.util.find_spec("spnego") is not None


class WrongNtlm(ValueError):  # noqa: N818 - says what it is
    """A message of NTLM that nobody is let in with."""


class Ntlm:
    """The handshakes. `accounts` leads from "DOMAIN\\user" or "user@domain" to a password.

    They are written into `file`: the library reads them from there alone, and they protect nothing.
    """

    def __init__(self, file: Path, accounts: Mapping[str, str]) -> None:
        self._file = file
        self._accounts = accounts
        self._handshakes: WeakKeyDictionary[Connection, spnego.ContextProxy] = WeakKeyDictionary()

    def is_last(self, token: bytes) -> bool:
        """Whether it is the message that proves the password: the third, AUTHENTICATE_MESSAGE."""
        return token[8:12] == b"\x03\x00\x00\x00"

    def challenge(self, connection: Connection, token: bytes) -> bytes:
        """The answer to a connection's first message. Raises WrongNtlm."""
        import spnego

        _look_at(token)
        if not self._file.exists():
            self._write()
        with self._accounts_known():
            handshake = spnego.server(protocol="ntlm", options=spnego.NegotiateOptions.use_ntlm)
            answer = _stepped(handshake, token)
        self._handshakes[connection] = handshake
        return answer

    def name(self, connection: Connection, token: bytes) -> str:
        """Whose password the last message proves: "DOMAIN\\user" or "user@domain". Raises WrongNtlm."""
        _look_at(token)
        handshake = self._handshakes.pop(connection, None)
        if handshake is None:
            raise WrongNtlm("the handshake did not begin on this connection")
        with self._accounts_known():
            _stepped(handshake, token)
        return str(handshake.client_principal or "")

    @contextlib.contextmanager
    def _accounts_known(self) -> Iterator[None]:
        """The library finds its accounts by a variable of the environment, which must not stay as it is."""
        with _of_the_process:
            before = os.environ.get(_VARIABLE)
            os.environ[_VARIABLE] = str(self._file)
            try:
                yield
            finally:
                if before is None:
                    del os.environ[_VARIABLE]
                else:
                    os.environ[_VARIABLE] = before

    def _write(self) -> None:
        lines = []
        for name, password in self._accounts.items():
            domain, _, user = name.rpartition("\\")
            lines.append(f"{domain}:{user}:{password}\n")
        with os.fdopen(os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
            out.writelines(lines)


def _look_at(token: bytes) -> None:
    if len(token) > _MOST_BYTES or not token.startswith(_BEGINS):
        raise WrongNtlm("that is no message of NTLM")


def _stepped(handshake: spnego.ContextProxy, token: bytes) -> bytes:
    try:
        return handshake.step(token) or b""
    except Exception as error:
        # The library says no in many ways, and whatever it stumbles over are a client's bytes.
        raise WrongNtlm(type(error).__name__) from None
