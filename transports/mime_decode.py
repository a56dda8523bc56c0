"""Decodes a part of a mail piece by piece, so that no attachment lies in memory whole.

Damaged encodings are decoded as far as they go, as mailers do; nothing here raises for content.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator

from transports.base import Buffer
from transports.mime_structure import Part

_BLOCK = 256 * 1024
_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
_NO_BASE64 = bytes(set(range(256)) - set(_ALPHABET))
_TRAILING = re.compile(rb"(?<![ \t])[ \t]++(?=\r?\n)")

KNOWN = frozenset({"7bit", "8bit", "binary", "base64", "quoted-printable"})
"""Transfer encodings (RFC 2045, section 6) that can be decoded."""


def decoded_blocks(content: Buffer, part: Part) -> Iterator[bytes]:
    """The decoded body in blocks of any size. The encoding is one of KNOWN."""
    if part.encoding == "base64":
        return _base64(content, part)
    if part.encoding == "quoted-printable":
        return _quoted_printable(content, part)
    return _raw(content, part)


def decoded_size(content: Buffer, part: Part) -> int:
    """Bytes of the decoded body; base64 and quoted-printable are decoded for it."""
    if part.encoding not in {"base64", "quoted-printable"}:
        return part.end - part.body
    return sum(len(block) for block in decoded_blocks(content, part))


def decoded_pieces(content: Buffer, part: Part, size: int, start: int = 0) -> Iterator[bytes]:
    """The decoded body from byte `start` on, in pieces of `size` bytes; the last may be shorter."""
    held = bytearray()
    for block in decoded_blocks(content, part):
        if start >= len(block):
            start -= len(block)
            continue
        held += block[start:] if start else block
        start = 0
        while len(held) >= size:
            with memoryview(held) as view:
                piece = view[:size].tobytes()
            del held[:size]
            yield piece
            del piece  # the next is made without this one in memory
    if held:
        yield bytes(held)


def _raw(content: Buffer, part: Part) -> Iterator[bytes]:
    for at in range(part.body, part.end, _BLOCK):
        yield content[at : min(at + _BLOCK, part.end)]


def _base64(content: Buffer, part: Part) -> Iterator[bytes]:
    """Each "=" ends a run of its own: some mailers write several, one behind the other."""
    rest = b""
    for block in _raw(content, part):
        *ended, going_on = block.translate(None, _NO_BASE64).split(b"=")
        for run in ended:
            if whole := _padded(rest + run):
                yield whole
            rest = b""
        rest += going_on
        usable = len(rest) - len(rest) % 4
        if usable:
            yield binascii.a2b_base64(rest[:usable])
        rest = rest[usable:]
    if whole := _padded(rest):
        yield whole


def _padded(run: bytes) -> bytes:
    over = len(run) % 4
    if over == 1:  # six bits are no byte
        run, over = run[:-1], 0
    return binascii.a2b_base64(run + b"=" * (-over % 4))


def _quoted_printable(content: Buffer, part: Part) -> Iterator[bytes]:
    """By whole lines; a line that is longer than a block is cut where no code is in two."""
    rest = b""
    for block in _raw(content, part):
        rest += block
        cut = rest.rfind(b"\n") + 1
        if not cut and len(rest) > _BLOCK:
            cut = len(rest.rstrip(b" \t\r"))
            mark = rest.rfind(b"=", max(0, cut - 2), cut)
            cut = mark if mark >= 0 else cut
            cut = cut if len(rest) < 4 * _BLOCK else len(rest)  # nothing but white space
        if cut:
            yield binascii.a2b_qp(_TRAILING.sub(b"", rest[:cut]))
            rest = rest[cut:]
    if rest:
        yield binascii.a2b_qp(_TRAILING.sub(b"", rest).rstrip(b" \t"))
