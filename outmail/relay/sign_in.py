"""AUTH PLAIN (RFC 4616) and LOGIN, a line at a time: what the client sent becomes a user name and a password.

It never checks a password; nothing here puts one into a text or an error.
"""

from __future__ import annotations

import binascii

from outmail.relay import replies
from outmail.relay.events import Login
from transports.secret import Secret

MECHANISMS = frozenset({"PLAIN", "LOGIN"})


class Exchange:
    """One AUTH command, until the client has said all; `answer` is fed line by line."""

    __slots__ = ("_mechanism", "_username")

    def __init__(self, mechanism: str) -> None:
        self._mechanism = mechanism
        self._username: bytes | None = None

    def begin(self, initial: bytes) -> bytes | Login:
        """What follows the mechanism's name on the AUTH line, b"" where nothing does."""
        if initial:
            # A lone "=" is an empty response (RFC 4954, section 4); neither mechanism has one.
            return self.answer(b"" if initial == b"=" else initial)
        return replies.CHALLENGE_EMPTY if self._mechanism == "PLAIN" else replies.CHALLENGE_USERNAME

    def answer(self, response: bytes) -> bytes | Login:
        """The next challenge, the sign-in to check, or the reply that ends the exchange."""
        if response == b"*":
            return replies.CANCELLED
        try:
            raw = binascii.a2b_base64(response, strict_mode=True)
        except binascii.Error:
            return replies.NOT_BASE64
        if self._mechanism == "PLAIN":
            parts = raw.split(b"\0")
            if len(parts) != 3:
                return replies.NOT_BASE64
            acting_for, username, password = parts
            if acting_for not in {b"", username}:
                return replies.DENIED  # nobody acts for another here
            return self._login(username, password)
        if self._username is None:
            self._username = raw
            return replies.CHALLENGE_PASSWORD
        return self._login(self._username, raw)

    def _login(self, username: bytes, password: bytes) -> bytes | Login:
        try:
            name, secret = username.decode("utf-8"), Secret(password.decode("utf-8"))
        except UnicodeDecodeError:
            return replies.DENIED
        # The name goes into logs and header fields.
        if not name or not name.isprintable():
            return replies.DENIED
        return Login(self._mechanism, name, secret)
