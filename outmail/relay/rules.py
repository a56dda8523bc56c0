"""What one listener of the relay allows: who may sign in and how, and how much of everything.

Every count and length has a limit here: nothing that a client sends may grow without one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from outmail.relay.replies import printable

FEWEST_RECIPIENTS = 100
"""A server must take that many in one mail (RFC 5321, section 4.5.3.1.8)."""

BLOCK = 16 * 1024
"""Bytes of content that count as progress; a byte now and then is none."""

SHORTEST_LINE = 1024
"""A command line with all that the extensions on offer may add to it (RFC 5321, section 4.5.3.1.4)."""


@dataclass(frozen=True)
class Rules:
    """The rules of one listener. Lengths in bytes, times in seconds.

    Raises ValueError where they contradict themselves or a client could not work with them.
    """

    hostname: str
    size_limit: int = 50 * 1024 * 1024
    """Of one mail, as its sender wrote it (RFC 1870)."""
    starttls_offered: bool = False
    auth_offered: bool = False
    auth_required: bool = False
    """Mail is taken only from who has signed in."""
    insecure_auth_without_tls: bool = False
    """Passwords may travel in the clear; for printers that know no TLS, and for Unix sockets."""
    recipients: int = 1000
    """In one mail; the next one is told 452, and the client sends to it in another mail."""
    mails: int = 10_000
    """On one connection; the client connects again for the next."""
    errors: int = 20
    """Commands that are wrong, and sign-ins refused, before the relay hangs up."""
    commands: int = 1000
    """Commands between two mails, recipients that were taken not counted, before the relay hangs up."""
    line: int = 2048
    """Of a command, with its CR LF."""
    auth_line: int = 12_288
    """Of AUTH, and of a line of its exchange (RFC 4954, section 4)."""
    in_memory: int = 64 * 1024
    """Of a mail's content, before it is handed on in pieces."""
    ahead: int = 256 * 1024
    """What a client may send while it has to wait for an answer."""
    command_seconds: float = 300.0
    """For the next command (RFC 5321, section 4.5.3.2.7)."""
    data_seconds: float = 180.0
    """For the next BLOCK of a mail's content (section 4.5.3.2.5)."""

    def __post_init__(self) -> None:
        if not self.hostname or printable(self.hostname) != self.hostname or " " in self.hostname:
            raise ValueError("a listener needs a host name in ASCII, without spaces")
        if self.recipients < FEWEST_RECIPIENTS:
            raise ValueError(f"RFC 5321 asks for {FEWEST_RECIPIENTS} recipients in a mail, or more")
        if self.line < SHORTEST_LINE or self.auth_line < self.line:
            raise ValueError(f"a line needs {SHORTEST_LINE} bytes, and one of AUTH no less than another")
        if self.auth_required and not self.auth_offered:
            raise ValueError("nobody can sign in where AUTH is not offered")
        counts = (self.size_limit, self.mails, self.errors, self.commands, self.in_memory, self.ahead)
        if min(counts) < 1 or min(self.command_seconds, self.data_seconds) <= 0:
            raise ValueError("a limit is at least 1")

    @cached_property
    def greeting(self) -> bytes:
        """What the listener says first."""
        return f"220 {self.hostname} ESMTP outmail\r\n".encode("ascii")

    @cached_property
    def extensions(self) -> bytes:
        """The lines of an answer to EHLO under TLS."""
        return self._extensions(tls=True)

    @cached_property
    def extensions_without_tls(self) -> bytes:
        """The lines of an answer to EHLO before TLS."""
        return self._extensions(tls=False)

    def auth_allowed(self, *, tls: bool) -> bool:
        """Whether AUTH is on offer at this moment."""
        return self.auth_offered and (tls or self.insecure_auth_without_tls)

    def _extensions(self, *, tls: bool) -> bytes:
        words = ["PIPELINING", f"SIZE {self.size_limit}", "8BITMIME", "SMTPUTF8", "DSN"]
        if self.starttls_offered and not tls:
            words.append("STARTTLS")
        if self.auth_allowed(tls=tls):
            words.append("AUTH PLAIN LOGIN")
        lines = "".join(f"250-{word}\r\n" for word in words)
        return f"{lines}250 ENHANCEDSTATUSCODES\r\n".encode("ascii")
