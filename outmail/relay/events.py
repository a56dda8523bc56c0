"""What a dialogue tells its listener: answers to send, a mail that came, a sign-in to check, the end.

They are values, and nobody changes one; they are not frozen only because making a frozen one takes
four times as long, and a mail takes eight of them.
"""

from __future__ import annotations

from dataclasses import dataclass

from transports.secret import Secret


@dataclass(slots=True)
class Sender:
    """MAIL: the address ("" is the null sender of a bounce) and what the client said about the mail.

    `size` is the client's estimate (RFC 1870), None where it gave none; `body` is "", "7BIT" or
    "8BITMIME" (RFC 6152). `ret` ("", "FULL" or "HDRS") and `envid` are of RFC 3461; `envid` stays in
    xtext, as it came: decoded it may hold line breaks.
    """

    address: str
    size: int | None = None
    body: str = ""
    smtputf8: bool = False
    ret: str = ""
    envid: str = ""


@dataclass(slots=True)
class Recipient:
    """RCPT: the address (without a domain: a user of a machine) and its wishes for notices (RFC 3461).

    `notify` holds "NEVER", or some of "SUCCESS", "FAILURE", "DELAY"; `orcpt` stays in xtext.
    """

    address: str
    notify: frozenset[str] = frozenset()
    orcpt: str = ""


@dataclass(slots=True)
class Reply:
    """Bytes to send; the answers to commands that came together stand together."""

    data: bytes


@dataclass(slots=True)
class StartTls:
    """After the reply before it: begin TLS on the connection, then call `tls_started`."""


@dataclass(slots=True)
class Login:
    """Check this sign-in and call `logged_in` or `log_in_later`; nothing is answered before."""

    mechanism: str
    username: str
    password: Secret


@dataclass(slots=True)
class Body:
    """A piece of a large mail's content, in order; its last piece stands in the `Mail`.

    Where no `Mail` follows, because the connection breaks or `Dropped` comes, it is of no use.
    """

    data: bytes


@dataclass(slots=True)
class Dropped:
    """The mail will be refused: throw away the pieces that came of it. None come any more."""


@dataclass(slots=True)
class Mail:
    """A mail came whole; make it durable and call `stored`. Nothing is answered before.

    `content` is what no `Body` brought: all of a small mail. `size` counts all of it. `helo`,
    `protocol` (RFC 3848, RFC 6531) and `username` ("" without a sign-in) are for its Received field.
    """

    sender: Sender
    recipients: list[Recipient]
    content: bytes
    size: int
    helo: str
    protocol: str
    username: str = ""


@dataclass(slots=True)
class HangUp:
    """Send what is to be sent, and close the connection."""


Event = Reply | StartTls | Login | Body | Dropped | Mail | HangUp
