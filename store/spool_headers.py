"""Keeps a mail's header fields apart from the rest while both come in, for the sender policy may change them.

It must never change a byte of either.
"""

from __future__ import annotations

from io import IncrementalNewlineDecoder

from store.spool_bodies import Draft

LONGEST_HEADERS = 64 * 1024
"""Bytes of all header fields of a mail together."""

_END = b"\r\n\r\n"


class HeadersTooLong(Exception):  # noqa: N818 - the name says the state
    """The header fields have more than LONGEST_HEADERS bytes."""


class LineEnds:
    """Looks at a mail in pieces for what must never be passed on: a CR or LF outside of CR LF, or a NUL.

    A server that takes a lone LF for a line end could be made to see a second mail in it. The decoder of
    text files notes in C which line ends it saw.
    """

    __slots__ = ("_decoder", "_nul")

    def __init__(self) -> None:
        self._decoder = IncrementalNewlineDecoder(None, translate=False)
        self._nul = False

    def take(self, data: bytes) -> None:
        """Look at the next bytes."""
        self._nul = self._nul or 0 in data
        self._decoder.decode(data.decode("latin-1"))

    def right(self) -> bool:
        """Whether the mail, which is whole now, may be passed on."""
        self._decoder.decode("", final=True)
        return not self._nul and self._decoder.newlines in {None, "\r\n"}


class Split:
    """One mail on its way in, in whatever pieces: the header fields stay here, the rest goes into the draft.

    The rest begins with the empty line. A mail without one is all header fields.
    """

    __slots__ = ("_headers", "_over", "draft")

    def __init__(self, draft: Draft) -> None:
        self.draft = draft
        self._headers = bytearray()
        self._over = False  # the header fields

    @property
    def headers(self) -> bytes:
        """The header fields, with the line end of the last one."""
        return bytes(self._headers)

    def take(self, data: bytes) -> None:
        """Take the next bytes. Raises HeadersTooLong, and StoreError where the disk refuses."""
        if self._over:
            self.draft.write(data)
            return
        headers = self._headers
        before = len(headers)
        headers += data
        if headers.startswith(b"\r\n"):
            end = 0
        else:
            found = headers.find(_END, max(before - len(_END), 0))
            end = found + 2 if found >= 0 else -1
        if end >= 0:
            rest = bytes(headers[end:])
            del headers[end:]
            self._over = True
            self.draft.write(rest)
        if len(headers) > LONGEST_HEADERS:
            raise HeadersTooLong
