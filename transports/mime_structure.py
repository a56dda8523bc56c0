"""Finds the parts of a mail, with where each begins and ends, so that a large one can be sent part by part.

It never copies a body: a mail of 150 MB that lies in a file costs the memory of its heads alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from transports.base import Buffer
from transports.mime_parameters import parsed, text_of

DEEPEST = 50
"""Multiparts in one another."""
MOST_PARTS = 10_000
LARGEST_HEADS = 4 * 1024 * 1024
"""Bytes of all heads together."""

_LONGEST_BOUNDARY = 250  # RFC 2046, section 5.1.1 allows 70; mailers have written more
_NAME = bytes(range(33, 127)).replace(b":", b"")


class Unfit(Exception):  # noqa: N818 - the name says the state
    """A message that this way out would damage, or that it cannot carry.

    `reason` is a sentence for people, `what` one or two words for programs, `enhanced` RFC 3463's code.
    """

    def __init__(self, reason: str, what: str, enhanced: str = "5.6.0") -> None:
        super().__init__(reason)
        self.reason = reason
        self.what = what
        self.enhanced = enhanced


@dataclass(slots=True)
class Part:
    """A part of a mail: the mail itself, or one inside it.

    Its head is [start, body) and its body [body, end) of the buffer, without the line end that belongs to
    the boundary after it. Types, encoding and disposition are in small letters; `filename` and
    `content_id` are "" where there is none. `children` are those of a multipart; one without a boundary
    that can be used has none. A mail inside a mail (message/rfc822) is not looked into.
    """

    start: int
    body: int
    end: int
    content_type: str
    parameters: Mapping[str, str]
    disposition: str
    filename: str
    encoding: str
    content_id: str
    children: list[Part] = field(default_factory=list)

    @property
    def multipart(self) -> bool:
        """Whether it holds parts and nothing else."""
        return self.content_type.startswith("multipart/")

    def walk(self) -> Iterator[Part]:
        """This part and all in it, in the order of the mail."""
        waiting = [self]
        while waiting:
            part = waiting.pop()
            yield part
            waiting.extend(reversed(part.children))


def scan(content: Buffer) -> Part:
    """The mail's tree, found in one pass. Raises Unfit where there are too many parts, or too deep ones.

    A multipart whose end boundary is missing ends where the one around it goes on, or with the mail. The
    boundary of an outer multipart ends the inner ones (RFC 2046, section 5.1.2).
    """
    return _Scan(content).run()


def fields(content: Buffer, part: Part) -> Iterator[tuple[str, bytes]]:
    """The header fields of a part: names as written, values as they stand, folds included."""
    name, lines = "", []
    for line in _lines(content[part.start : part.body]):
        if line[:1] in {b" ", b"\t"}:
            lines.append(line)
            continue
        if name:
            yield name, b"".join(lines)
        found = field_name(line)
        name, lines = found.decode("ascii"), [line.partition(b":")[2]]
    if name:
        yield name, b"".join(lines)


def field_name(line: bytes) -> bytes:
    """The name of the field that begins with this line, or b"" (RFC 5322, sections 2.2 and 4.5)."""
    name, colon, _ = line.partition(b":")
    name = name.rstrip(b" \t")
    return b"" if not colon or name.translate(None, _NAME) else name


def _lines(head: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(head):
        after = head.find(b"\n", at) + 1 or len(head)
        yield head[at:after]
        at = after


class _Scan:
    """One pass over a mail, with the multiparts that are open, the outermost first."""

    def __init__(self, content: Buffer) -> None:
        self._content = content
        self._size = len(content)
        self._open: list[tuple[bytes, Part]] = []
        self._parts = 0
        self._heads = 0

    def run(self) -> Part:
        root, at = self._head(0)
        latest: Part | None = root
        while self._open and (found := self._delimiter(at)) is not None:
            before, after, level, closes = found
            self._end(latest, level, before)
            del self._open[level + 1 :]
            if closes:
                # What follows is an epilogue, until the multipart around it goes on.
                self._open[level][1].end = after
                del self._open[level:]
                latest, at = None, after
            else:
                parent = self._open[level][1]
                latest, at = self._head(after)
                parent.children.append(latest)
        self._end(latest, -1, self._size)
        return root

    def _end(self, latest: Part | None, level: int, at: int) -> None:
        """The last part, and each open multipart inside of `level`, end here."""
        for _boundary, part in self._open[level + 1 :]:
            part.end = max(part.body, at)
        if latest is not None:
            latest.end = max(latest.body, at)

    def _delimiter(self, at: int) -> tuple[int, int, int, bool] | None:
        """The next line that is a boundary: where the text before it ends, where the next begins, its level,
        whether it closes. `at` is the begin of a line."""
        longest = max(len(boundary) for boundary, _ in self._open)
        content = self._content
        begin = at if content[at : at + 2] == b"--" else self._next(at)
        while begin >= 0:
            line = content[begin : begin + longest + 80]  # with room for white space after it
            end = line.find(b"\n")
            level, closes = self._level(line if end < 0 else line[: end + 1])
            if level >= 0:
                after = content.find(b"\n", begin) + 1 or self._size
                return self._text_end(at, begin), after, level, closes
            begin = self._next(begin)
        return None

    def _next(self, at: int) -> int:
        found = self._content.find(b"\n--", at)
        return found + 1 if found >= 0 else -1

    def _text_end(self, at: int, begin: int) -> int:
        """The line end before a boundary belongs to the boundary (RFC 2046, section 5.1.1)."""
        before = self._content[max(at, begin - 2) : begin]
        return begin - (2 if before == b"\r\n" else 1 if before.endswith(b"\n") else 0)

    def _level(self, line: bytes) -> tuple[int, bool]:
        """Which open multipart this line belongs to, the innermost first, or -1; and whether it closes it."""
        said = line.rstrip(b" \t\r\n")[2:]
        for level in range(len(self._open) - 1, -1, -1):
            boundary = self._open[level][0]
            if said == boundary:
                return level, False
            if said == boundary + b"--":
                return level, True
        return -1, False

    def _head(self, start: int) -> tuple[Part, int]:
        """The part that begins here, and where its body does. A multipart is open from now on."""
        self._parts += 1
        if self._parts > MOST_PARTS:
            raise Unfit(f"the message has more than {MOST_PARTS} parts", "parts")
        found: dict[bytes, list[bytes]] = {}
        latest: list[bytes] = []
        at = start
        if start == 0 and self._content[:5] == b"From ":  # an mbox's line: it stands before the fields
            at = self._content.find(b"\n") + 1
        while at < self._size:
            after = self._content.find(b"\n", at, min(self._size, at + LARGEST_HEADS)) + 1
            line = self._content[at : after or at + LARGEST_HEADS]
            self._heads += len(line)
            if self._heads > LARGEST_HEADS:
                raise Unfit("the header fields of the message and its parts are too long", "header")
            if line in {b"\r\n", b"\n"}:
                at += len(line)
                break
            if line[:2] == b"--" and self._level(line)[0] >= 0:
                break
            if line[:1] in {b" ", b"\t"}:
                latest.append(line)
            elif name := field_name(line):
                latest = found.setdefault(name.lower(), [])
                # Of a field that comes twice the first counts; the second goes into a list nobody reads.
                latest = latest if not latest else []
                latest.append(line.partition(b":")[2])
            else:
                break
            at += len(line)
        part = self._part(start, at, {name: text_of(b"".join(lines)) for name, lines in found.items()})
        boundary = part.parameters.get("boundary", "").encode(errors="replace").rstrip()
        if part.multipart and 0 < len(boundary) <= _LONGEST_BOUNDARY:
            if len(self._open) >= DEEPEST:
                raise Unfit(f"the message has parts in parts, more than {DEEPEST} deep", "depth")
            self._open.append((boundary, part))
        return part, at

    def _part(self, start: int, body: int, head: Mapping[bytes, str]) -> Part:
        content_type, parameters = parsed(head.get(b"content-type", ""))
        if "/" not in content_type:
            inside_digest = bool(self._open) and self._open[-1][1].content_type == "multipart/digest"
            content_type = "message/rfc822" if inside_digest else "text/plain"
        disposition, more = parsed(head.get(b"content-disposition", ""))
        return Part(
            start=start,
            body=body,
            end=self._size,
            content_type=content_type,
            parameters=parameters,
            disposition=disposition,
            filename=more.get("filename") or parameters.get("name") or "",
            encoding=parsed(head.get(b"content-transfer-encoding", ""))[0] or "7bit",
            content_id=head.get(b"content-id", "").strip("<> \t"),
        )
