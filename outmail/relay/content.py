r"""Where a mail's content ends, and whether it may be passed on: bytes in any pieces, the content out.

The end is CR LF "." CR LF and nothing else. Servers that also took LF "." LF and its kin for the end,
or passed them on to one that did, let a sender smuggle a second mail behind the first; so a content
with a CR or LF that is not part of CR LF, or with a NUL, is read to its end and must never be passed
on (RFC 5321, sections 2.3.8 and 4.1.1.4).
"""

from __future__ import annotations

from io import IncrementalNewlineDecoder

_END = b"\r\n.\r\n"


class Content:
    """The content of one mail, from the answer 354 to its end. `limit` and `in_memory` are bytes.

    `size` is what came of the content so far; `too_big` and `bare` say what is wrong with it. What
    was kept is thrown away with the first fault, and nothing is kept after it.
    """

    __slots__ = ("_begun", "_in_memory", "_kept", "_limit", "_tail", "bare", "size", "too_big")

    def __init__(self, limit: int, in_memory: int) -> None:
        self._limit = limit
        self._in_memory = in_memory
        self._kept = bytearray()
        # The line break before the content counts for its end: an empty mail is "." CR LF alone. It
        # comes in front of the content and is taken off its first piece.
        self._tail = b"\r\n"
        self._begun = False
        self.size = 0
        self.too_big = False
        self.bare = False

    @property
    def spoiled(self) -> bool:
        """Whether the mail is refused already, whatever may follow."""
        return self.too_big or self.bare

    def take(self, data: bytes) -> bytes | None:
        """Read on; what follows the end of the content, or None while it is not reached."""
        if self._tail:
            data = self._tail + data
        stuffed = data.find(b"\r\n.")
        end = data.find(_END, stuffed) if stuffed >= 0 else -1
        # What may be the beginning of the end, or half a line break, is looked at with what follows.
        stop = end + 2 if end >= 0 else len(data) - _open_end(data)
        piece = data[:stop]
        if 0 <= stuffed < stop and stuffed != end:
            piece = piece.replace(b"\r\n.", b"\r\n")  # RFC 5321, section 4.5.2
        self._keep(piece)
        if end >= 0:
            return data[end + len(_END) :]
        self._tail = data[stop:]
        return None

    def spill(self) -> bytes:
        """What was kept, where it is more than stays in memory; else nothing."""
        return self.rest() if len(self._kept) > self._in_memory else b""

    def rest(self) -> bytes:
        """What was kept, and keep it no longer."""
        found = bytes(self._kept)
        self._kept = bytearray()
        return found

    def _keep(self, piece: bytes) -> None:
        if not piece or self.bare:
            return
        self.bare = 0 in piece or _has_bare(piece)
        if not self._begun:
            piece = piece[2:]
            self._begun = True
        self.size += len(piece)
        self.too_big = self.size > self._limit
        if self.bare or self.too_big:
            self._kept = bytearray()
        else:
            self._kept += piece


def _open_end(data: bytes) -> int:
    """How many bytes at the end of `data` may be the first ones of the content's end."""
    if data[-1:] in b"\r\n.":
        for length in (4, 3, 2, 1):
            if data.endswith(_END[:length]):
                return length
    return 0


def _has_bare(piece: bytes) -> bool:
    """Whether there is a CR without LF or an LF without CR; the piece splits no line break.

    The decoder of text files notes in C which kinds of line breaks it saw, in one pass: five times
    as fast as counting CR, LF and CR LF.
    """
    decoder = IncrementalNewlineDecoder(None, translate=False)
    decoder.decode(piece.decode("latin-1"), final=True)
    return decoder.newlines not in (None, "\r\n")
