"""Reads the MIME that the practice Graph was given: who gets it, who it is from; and takes Bcc out.

Nothing else of a message is ever changed. The real service has no envelope: its recipients are those of
To, Cc and Bcc, and so are these.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import Message as Parsed
from email.parser import HeaderParser
from email.utils import getaddresses

from outmail.demo.graph.refusals import Refused

_END_OF_HEAD = re.compile(rb"\r?\n(?=\r?\n)")
_HEADER = re.compile(rb"[!-9;-~]+[ \t]*:")
_BCC = re.compile(rb"^bcc[ \t]*:[^\n]*(?:\n|\Z)(?:[ \t][^\n]*(?:\n|\Z))*", re.I | re.M)
_OLD_COLON = re.compile(rb"^([!-9;-~]+)[ \t]+:", re.M)
"""RFC 5322, section 4.5.8; the standard library takes such a line for the end of the head."""
_ADDRESS = re.compile(r"[^\s@<>\x00-\x1f\x7f]+@[^\s@<>\x00-\x1f\x7f]+")

Address = tuple[str, str]
"""A name, perhaps "", and an address."""


@dataclass(frozen=True, slots=True)
class Letter:
    """What the head of a message says; `head` is the head itself, as it came."""

    head: bytes
    sender: Address  # ("", "") without a From
    to: tuple[Address, ...]
    cc: tuple[Address, ...]
    bcc: tuple[Address, ...]
    reply_to: tuple[Address, ...]
    subject: str
    message_id: str  # with its angle brackets; "" where there is none
    has_attachments: bool

    @property
    def recipients(self) -> tuple[str, ...]:
        """Everybody's address once, in the order of To, Cc and Bcc."""
        once: dict[str, str] = {}
        for _, address in self.to + self.cc + self.bcc:
            once.setdefault(address.lower(), address)
        return tuple(once.values())


def decoded(body: bytes) -> bytes:
    """The MIME that a text/plain body carries. Raises Refused (400)."""
    try:
        content = base64.b64decode(body.translate(None, b"\r\n"), validate=True)
    except binascii.Error:
        content = b""
    if not content:
        raise Refused(400, "ErrorMimeContentInvalidBase64String", "Invalid base64 string for MIME content.")
    return content


def read(content: bytes) -> Letter:
    """What the message says of itself. Raises Refused (400) for what has no head at all."""
    if not _HEADER.match(content):
        raise Refused(400, "ErrorMimeContentInvalid", "The MIME content is invalid.")
    head = head_of(content)
    # Not BytesHeaderParser, which makes addresses in UTF-8 (RFC 6532) unreadable.
    plain = _OLD_COLON.sub(rb"\1:", head)
    parsed = HeaderParser().parsestr(plain.decode("utf-8", "surrogateescape"))
    sender = _addresses(parsed, "From")
    return Letter(
        head=head,
        sender=sender[0] if sender else ("", ""),
        to=_addresses(parsed, "To"),
        cc=_addresses(parsed, "Cc"),
        bcc=_addresses(parsed, "Bcc"),
        reply_to=_addresses(parsed, "Reply-To"),
        subject=_shown(" ".join(str(parsed.get("Subject", "")).split())),
        message_id=" ".join(str(parsed.get("Message-ID", "")).split()),
        has_attachments=parsed.get_content_type() == "multipart/mixed",
    )


def head_of(content: bytes) -> bytes:
    """Everything before the empty line, with the last line's end."""
    end = _END_OF_HEAD.search(content)
    return content[: end.end()] if end else content


def without_bcc(content: bytes) -> bytes:
    """The message as everybody gets it."""
    head = head_of(content)
    cleaned = _BCC.sub(b"", head)
    return content if cleaned == head else cleaned + content[len(head) :]


def _addresses(parsed: Parsed, name: str) -> tuple[Address, ...]:
    found = getaddresses([str(value) for value in parsed.get_all(name, [])])
    return tuple((_shown(called), address) for called, address in found if _ADDRESS.fullmatch(address))


def _shown(name: str) -> str:
    """The name in plain words, where RFC 2047 hides them."""
    try:
        words = str(make_header(decode_header(name)))
    except (ValueError, LookupError, MessageError):
        words = name
    return words.encode("utf-8", "replace").decode()
