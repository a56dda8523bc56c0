"""Decides how a mail goes out through Graph: as it is, or, where it is too large, as a draft in parts.

A draft is made of Graph's own fields, not of the mail's bytes. What would be damaged by that is refused,
and what is lost without harm is named, so that the receipt can say so.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Literal

from transports.base import Buffer
from transports.graph_headers import sort_out
from transports.mime_decode import KNOWN, decoded_blocks
from transports.mime_parameters import codec, text_in
from transports.mime_structure import Part, Unfit, fields, scan

LARGEST_REQUEST = 4 * 1024 * 1024
"""Bytes of a request to Graph: "The maximum request length supported is 4MB." (HTTP 413)."""

LARGEST_MIME = LARGEST_REQUEST // 4 * 3
"""Bytes of a mail that sendMail takes as MIME: the request's body is its base64 and nothing else."""

LARGEST_IN_PARTS = 150 * 1024 * 1024
"""Bytes of a mail that is sent in parts: Exchange takes no more, of an attachment nor of a whole mail
(https://learn.microsoft.com/graph/outlook-large-attachments)."""

ROOM_FOR_HEADERS = 64 * 1024
"""Bytes that a mail may grow by on its way through us: trace fields, and recipients who become Bcc."""

_LARGEST_BODY = LARGEST_REQUEST - 512 * 1024  # as JSON; the rest is for recipients and subject

_SMIME = frozenset({"application/pkcs7-mime", "application/x-pkcs7-mime"})
_PROTECTED = {
    "multipart/signed": "its signature (S/MIME or PGP) would be broken",
    "multipart/encrypted": "it is encrypted (PGP) and could not be read any more",
    "multipart/report": "it is a report that programs read (RFC 6522), and would be one no more",
    "message/partial": "it is a piece of a mail that is put together elsewhere (RFC 2046)",
    "message/external-body": "it points to what lies elsewhere (RFC 2046), and would not any more",
}
_PGP = ("-----BEGIN PGP SIGNED MESSAGE-----", "-----BEGIN PGP MESSAGE-----")


@dataclass(frozen=True, slots=True)
class AsIs:
    """The mail goes as MIME by sendMail, byte for byte."""


@dataclass(frozen=True, slots=True)
class Attached:
    """A part that becomes a file attachment; `inline` is whether the HTML shows it by its Content-ID."""

    part: Part
    inline: bool = False


@dataclass(frozen=True, slots=True)
class InParts:
    """The mail goes as a draft. `lost` says what it is without then, a few words each.

    `body` is the text that Graph's one body is made of; None where the mail has none.
    """

    content: Buffer = field(repr=False)
    root: Part = field(repr=False)
    body: Part | None
    kind: Literal["text", "html"]
    attached: tuple[Attached, ...]
    x_headers: tuple[tuple[str, str], ...]
    lost: tuple[str, ...]


def largest(uploads: bool) -> int:
    """Bytes of the largest mail that a route takes, for SMTP's SIZE (RFC 1870).

    `uploads`: whether its Graph has upload sessions. Some room is left for the fields we add ourselves.
    """
    return (LARGEST_IN_PARTS if uploads else LARGEST_MIME) - ROOM_FOR_HEADERS


def plan(content: Buffer, size: int | None = None, *, uploads: bool) -> AsIs | InParts:
    """How this mail goes. `size` is what it will have as MIME, where that is more than `content` has now.

    Raises Unfit: 5.3.4 where it is too large, and 5.6.x where it would be damaged in parts. A mail inside
    the mail (message/rfc822) becomes a file NAME.eml: every byte is kept, and mail programs open it; it is
    shown as a file and not as a mail.
    """
    size = len(content) if size is None else size
    if size <= LARGEST_MIME:
        return AsIs()
    most = LARGEST_IN_PARTS if uploads else LARGEST_MIME
    if size > most:
        raise Unfit(
            f"the message has {size / 1048576:.1f} MB, and this way out takes {most // 1048576} MB",
            "size",
            "5.3.4",
        )
    root = scan(content)
    for part in root.walk():
        _refuse_if_damaged(part, root)
    kept = sort_out(fields(content, root))
    chosen = _choose(root)
    body, lost = chosen.body, [*chosen.lost, *kept.lost]
    kind: Literal["text", "html"] = "text"
    if body is not None:
        kind = "html" if body.content_type == "text/html" else "text"
        text = body_text(content, body)
        if any(mark in text for mark in _PGP):
            raise _damaged("it holds text signed or encrypted by PGP, which would be broken", "pgp")
        if body.parameters.get("format", "").lower() == "flowed":
            lost.append("format=flowed")
    found = tuple(dict.fromkeys(lost))
    return InParts(content, root, body, kind, tuple(chosen.attached), kept.x_headers, found)


def body_text(content: Buffer, part: Part) -> str:
    """The text of a body, of its charset. Raises Unfit where it is too large, or of a charset nobody knows.

    Text that says it is ASCII, or nothing, and is not, is read as UTF-8 or else as Windows-1252.
    """
    raw = bytearray()
    for block in decoded_blocks(content, part):
        raw += block
        if len(raw) > LARGEST_REQUEST:
            break
    charset = (part.parameters.get("charset", "").split() or ["us-ascii"])[0]
    name = codec(charset)
    if not name:
        raise _damaged("its text is of a charset that is not known here", "charset", "5.6.1")
    text = text_in(bytes(raw), "utf-8" if name == "ascii" else name)
    text = text.removeprefix("\ufeff").replace("\0", "")
    if len(raw) > LARGEST_REQUEST or len(json.dumps(text)) > _LARGEST_BODY:
        raise Unfit(
            "its text alone is larger than the 4 MB that Graph takes in one piece",
            "text",
            "5.3.4",
        )
    return text


@dataclass(frozen=True, slots=True)
class _Choice:
    """What of a part becomes the body, what is attached, what is lost."""

    body: Part | None = None
    attached: tuple[Attached, ...] = ()
    lost: tuple[str, ...] = ()

    def beside(self) -> _Choice:
        """The same, where another part is the body."""
        kind = self.body.content_type if self.body else ""
        lost = (f"the {kind} beside the body",) if kind else ()
        return replace(self, body=None, lost=(*self.lost, *lost))


def _choose(part: Part, *, root: bool = True) -> _Choice:
    if not part.multipart:
        return _Choice(part) if _is_body(part, root=root) else _Choice(None, (Attached(part),))
    if part.content_type == "multipart/alternative":
        return _alternative(part)
    if part.content_type == "multipart/related":
        return _related(part)
    return _mixed(part)  # RFC 2046, section 5.1.3: and any other that is not known


def _is_body(part: Part, *, root: bool) -> bool:
    if part.content_type not in {"text/plain", "text/html"}:
        return False
    return part.disposition != "attachment" and (root or not part.filename)


def _mixed(part: Part) -> _Choice:
    """The first text is the body; texts after it are attached, for Graph has one body."""
    body: Part | None = None
    attached: list[Attached] = []
    lost: list[str] = []
    for child in part.children:
        chosen = _choose(child, root=False)
        lost += chosen.lost
        if chosen.body is not None and body is None:
            body = chosen.body
        elif chosen.body is not None:
            attached.append(Attached(chosen.body))
            lost.append("the place of a text behind the first (it is attached)")
        attached += chosen.attached
    return _Choice(body, tuple(attached), tuple(lost))


def _alternative(part: Part) -> _Choice:
    """The HTML, or else the last text; what is attached to any of them is kept."""
    choices = [_choose(child, root=False) for child in part.children]
    texts = [each for each in choices if each.body is not None]
    pages = [each for each in texts if each.body is not None and each.body.content_type == "text/html"]
    best = pages[-1] if pages else texts[-1] if texts else None
    attached: list[Attached] = []
    lost: list[str] = []
    for choice in choices:
        own = choice if choice is best else choice.beside()
        attached += own.attached
        lost += own.lost
    return _Choice(best.body if best else None, tuple(attached), tuple(lost))


def _related(part: Part) -> _Choice:
    """The root (RFC 2387: `start`, or the first) is the body, and shows the others by their Content-ID."""
    if not part.children:
        return _Choice()
    start = part.parameters.get("start", "").strip("<> ")
    root = next((c for c in part.children if start and c.content_id == start), part.children[0])
    chosen = _choose(root, root=False)
    attached = list(chosen.attached)
    lost = list(chosen.lost)
    for child in part.children:
        if child is root:
            continue
        for leaf in _leaves(child):
            attached.append(Attached(leaf, inline=bool(leaf.content_id)))
            if not leaf.content_id:
                lost.append("the place of a picture without a Content-ID")
    return _Choice(chosen.body, tuple(attached), tuple(lost))


def _leaves(part: Part) -> Iterator[Part]:
    return (each for each in part.walk() if not each.multipart)


def _refuse_if_damaged(part: Part, root: Part) -> None:
    kind = part.content_type
    attachment = part is not root and (part.disposition == "attachment" or bool(part.filename))
    if why := _PROTECTED.get(kind):
        raise _damaged(why, kind)
    if kind in _SMIME and (not attachment or part.filename.lower() in {"smime.p7m", "smime.p7s"}):
        raise _damaged("it is signed or encrypted (S/MIME), which would be broken", kind)
    if kind == "text/calendar" and ("method" in part.parameters or part.disposition != "attachment"):
        raise _damaged("it is an invitation, or an answer to one, and would be one no more", kind)
    if part.multipart and not part.children:
        raise _damaged("it says that it has parts, and none can be found", kind)
    if not part.multipart and part.encoding not in KNOWN:
        raise _damaged(
            f"a part is encoded as {part.encoding[:40]}, which is not known here", "encoding", "5.6.1"
        )


def _damaged(why: str, what: str, enhanced: str = "5.6.3") -> Unfit:
    return Unfit(f"it is too large for Graph in one piece, and cannot go in parts: {why}", what, enhanced)
