"""A mail as a program gives it to sendmail becomes one as SMTP carries it: line ends, header fields, the dot.

The text of the mail stays as it is; of its header fields only those go that nobody may see (Bcc).
"""

from __future__ import annotations

import posix as os  # what os takes its functions from; os itself takes too long

from outmail.sendmail_addresses import addresses

LIMIT = 150 * 1024 * 1024
"""Bytes of a mail; the relay takes no more."""
LONGEST_HEADERS = 60 * 1024
"""Bytes of its header fields; the relay takes a little more, for those it adds."""

_CHUNK = 256 * 1024
_NAME = bytes(range(33, 127))
_DROPPED = frozenset({b"bcc", b"resent-bcc", b"return-path", b"content-length"})
"""What Postfix takes out as well (message_drop_headers)."""
_TO, _RESENT_TO = (b"to", b"cc", b"bcc"), (b"resent-to", b"resent-cc", b"resent-bcc")
_ATOM = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-/=?^_`{|}~ ")


class BadMail(Exception):  # noqa: N818 - the name says the state
    """A mail that cannot be sent; the text says why."""

    def __init__(self, why: str, remedy: str) -> None:
        super().__init__(why)
        self.why = why
        self.remedy = remedy


def read_mail(handle: int, *, dots: bool, limit: int = LIMIT) -> bytes:
    """What comes until its end, or until a line with a dot alone unless `dots`. Raises BadMail, OSError."""
    pieces: list[bytes] = []
    size, tail = 0, b"\n"
    while piece := os.read(handle, _CHUNK):
        if not dots:
            seen = tail + piece
            ends = [at for end in (b"\n.\n", b"\n.\r\n") if (at := seen.find(end)) >= 0]
            if ends:
                # From the line before it on: what was read of the dot may lie in the pieces before.
                whole = b"\n" + b"".join(pieces) + piece
                return whole[1 : len(whole) - len(seen) + min(ends) + 1]
            tail = seen[-3:]
        pieces.append(piece)
        size += len(piece)
        if size > limit:
            raise BadMail(f"it is larger than {limit // 1024 // 1024} MB", "send a link in its place")
    whole = b"".join(pieces)
    if not dots and (whole == b"." or whole.endswith(b"\n.")):
        return whole[:-1]
    return whole


class Letter:
    """A mail, divided: `fields` with their line ends (CR LF), and the `body` that follows the empty line."""

    __slots__ = ("body", "fields")

    def __init__(self, raw: bytes) -> None:
        """Raises BadMail for what cannot travel."""
        if 0 in raw:
            raise BadMail("there is a NUL byte in it", "send it as an attachment, encoded (base64)")
        self.fields, rest = _divided(raw)
        self.body = _with_crlf(raw[rest:])
        if sum(map(len, self.fields)) > LONGEST_HEADERS:
            raise BadMail(
                f"its header fields are longer than {LONGEST_HEADERS // 1024} KB",
                "write to fewer people at once, or name them on the command line",
            )

    def recipients(self) -> list[str]:
        """Whom its header fields name; of a mail that was sent on, those it was sent on to.

        Raises NoAddress.
        """
        named = [(_name(field), field) for field in self.fields]
        wanted = _RESENT_TO if any(name in _RESENT_TO for name, _ in named) else _TO
        return [
            address
            for name, field in named
            if name in wanted
            for address in addresses(_value(field))
            if address
        ]

    def strip(self) -> None:
        """Take out what only this machine may see."""
        self.fields = [field for field in self.fields if _name(field) not in _DROPPED]

    def add_from(self, name: str, address: str) -> None:
        """Say whom it is from, where it does not itself."""
        if not any(_name(field) == b"from" for field in self.fields):
            shown = f"{phrase(name)} <{address}>" if name else address
            self.fields.insert(0, f"From: {shown}\r\n".encode("utf-8", "replace"))

    def pieces(self) -> list[bytes]:
        """The whole mail."""
        return [b"".join(self.fields), b"\r\n", self.body]

    def is_ascii(self) -> bool:
        """Whether it needs no 8BITMIME."""
        return self.body.isascii() and all(field.isascii() for field in self.fields)


def _divided(raw: bytes) -> tuple[list[bytes], int]:
    """The header fields, and where the body begins: after an empty line, or at the first that is no field."""
    fields: list[bytes] = []
    at, size = 0, len(raw)
    while at < size:
        end = raw.find(b"\n", at)
        after = end + 1 if end >= 0 else size
        line = raw[at : end if end >= 0 else size].rstrip(b"\r")
        if not line:
            return fields, after
        if line[:1] in b" \t" and fields:
            # A CR alone in a field could be read as a line end, and make a field of what follows it.
            fields[-1] += line.replace(b"\r", b" ") + b"\r\n"
        elif _is_field(line):
            fields.append(line.replace(b"\r", b" ") + b"\r\n")
        elif fields or not line.lstrip(b">").startswith(b"From "):  # the first line of an mbox is no mail's
            return fields, at
        at = after
    return fields, size


def _is_field(line: bytes) -> bool:
    name, colon, _ = line.partition(b":")
    name = name.rstrip(b" \t")
    return bool(colon and name) and not name.translate(None, _NAME)


def _name(field: bytes) -> bytes:
    return field.partition(b":")[0].rstrip(b" \t").lower()


def _value(field: bytes) -> str:
    return field.partition(b":")[2].decode("utf-8", "replace").replace("\r\n", "")


def _with_crlf(raw: bytes) -> bytes:
    """The text with CR LF for each line end, whichever it had; the last line has one, too."""
    if raw and not raw.endswith(b"\n"):
        raw += b"\n"
    returns = raw.count(b"\r")
    if not returns:
        return raw.replace(b"\n", b"\r\n")
    if returns == raw.count(b"\r\n") == raw.count(b"\n"):
        return raw
    # A CR alone (a progress bar's) begins a line on a screen, and does so here.
    lines = [line.rstrip(b"\r").replace(b"\r", b"\r\n") for line in raw.split(b"\n")]
    return b"\r\n".join(lines)


def phrase(name: str) -> str:
    """A name as it may stand before an address (RFC 5322, section 3.2.5; RFC 2047)."""
    name = " ".join("".join(c if c.isprintable() else " " for c in name).split())
    if not name.isascii():
        return "\r\n ".join(_encoded(name))
    if all(c in _ATOM for c in name) and "=?" not in name:
        return name
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _encoded(text: str) -> list[str]:
    """Encoded words of at most 75 characters, none of which divides a character."""
    from binascii import b2a_base64

    words, part = [], ""
    for c in [*text, ""]:
        if not c or len((part + c).encode("utf-8", "replace")) > 42:
            coded = b2a_base64(part.encode("utf-8", "replace"), newline=False)
            words.append(f"=?utf-8?b?{coded.decode('ascii')}?=")
            part = ""
        part += c
    return words
