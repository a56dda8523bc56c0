"""Makes a message fit a service that has no envelope and mails whoever To, Cc and Bcc name (Graph, EWS).

It must never let somebody be mailed whom the envelope does not name, nor change a byte of what it need not.
"""

from __future__ import annotations

import re
from binascii import b2a_base64
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass

from transports.mime_addresses import AddressList, Group, Mailbox, key, one, read, unquoted
from transports.mime_parameters import text_of
from transports.mime_structure import Unfit, field_name, scan

_SHOWN = ("to", "cc", "resent-to", "resent-cc")
_COUNTED = frozenset({"to", "cc"})
_HIDDEN = frozenset({"bcc", "resent-bcc"})

_LINE = 78  # RFC 5322, section 2.1.1
_LONGEST_ADDRESS = 900  # bytes; a line has 998 at most
_LONGEST_NAME = 200  # letters
_ATOMS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-/=?^_`{|}~ ")
_SPECIAL = str.maketrans(
    {**dict.fromkeys('<>()[]\\";:', None), "@": " at ", "\uff20": " at ", "\ufe6b": " at "}
)
_FOLD = re.compile(rb"\r?\n(?=[ \t])")
_WORD = re.compile(rb"[ \t]*[^ \t]+")
_ABUNDANT_CR = re.compile(rb"(?<!\r)\r++(?=\n)")


def canonical(content: bytes) -> bytes:
    """The message with CR LF for every line end; the same object where it has so already.

    Exchange refuses a LF alone (5.6.11), and a service that reads a CR alone as a line end could find a
    header field in it. Nothing else changes: soft line breaks of quoted-printable and base64 mean the same
    afterwards, and S/MIME signs this form (RFC 8551, section 3.1.1). CR CR LF is one line end, as Windows
    programs write it. Raises Unfit for a message that has other line ends and a part with
    Content-Transfer-Encoding: binary, in which they are no line ends.
    """
    ends = content.count(b"\r\n")
    if ends == content.count(b"\n") == content.count(b"\r"):
        return content
    if any(part.encoding == "binary" for part in scan(content).walk()):
        raise Unfit(
            "a part of the message is sent as binary, with line ends that this way out cannot carry",
            "binary",
            "5.6.3",
        )
    lines = _ABUNDANT_CR.sub(b"", content).replace(b"\r", b"\n")
    return lines.replace(b"\n", b"\r\n")


def fit(content: bytes, recipients: Sequence[str]) -> bytes:
    """The message with the recipients in its To, Cc and Bcc, and nobody else who could be mailed.

    `content` is canonical (Unfit where its header is not). The same object comes back where nothing has to
    change. Recipients whom To and Cc do not name stand in one Bcc field, in front of the others, where no
    badly written field hides it. Two spellings that differ in case alone are one mailbox.

    Who stands in To or Cc and not in the envelope stays there by name, as an empty group (RFC 5322, section
    3.4: `Carol Smith:;`), which is what `undisclosed-recipients:;` is: readers see who was addressed, at the
    place where they were, and there is no address that could be mailed. Whom no name shows is written as
    "carol at example.org". A copy of the whole field under an X- name would be dropped by Graph in most
    mailboxes, and shown by no mail program.

    Resent-To and Resent-Cc are treated likewise, but count for nothing: some services mail them and some do
    not. Resent-Bcc goes. A field that cannot be read for sure names nobody: its text stays, as a group. One
    that programs could read differently (semicolons, `a@b <a@b>`, twice To) is written anew. Where the empty
    line after the header is missing, it is put in.

    Raises Unfit for a recipient that is no address with a domain: a service would look it up as a name.
    """
    wanted = by_key(recipients)
    header = _header(content)
    named: set[str] = set()
    written: dict[int, bytes] = {}  # by where a field begins: what stands there in its place
    for name in _SHOWN:
        found = [field for field in header.fields if field.name == name]
        lists = [read(content[field.value : field.end].removesuffix(b"\r\n")) for field in found]
        people = {key(box.address) for each in lists if each for box in each.mailboxes()}
        if name in _COUNTED:
            named |= people
        if len(found) > 1 or any(
            each is None or not each.clean or field.odd for field, each in zip(found, lists, strict=True)
        ):
            pass
        elif people <= wanted.keys():
            continue
        items = [
            item
            for field, each in zip(found, lists, strict=True)
            for item in (
                _unreadable(content[field.value : field.end])
                if each is None
                else _rewritten(each, wanted.keys())
            )
        ]
        written.update(dict.fromkeys((field.start for field in found), b""))
        if found and items:
            written[found[0].start] = _folded(found[0].spelling, items)
    missing = {each: address for each, address in wanted.items() if each not in named}
    hidden = [field for field in header.fields if field.name in _HIDDEN]
    front = b""
    if not _right(content, hidden, missing.keys(), wanted.keys()):
        written.update(dict.fromkeys((field.start for field in hidden), b""))
        front = _folded(b"Bcc", [address.encode() for address in missing.values()]) if missing else b""
    if not written and not front and not header.unended:
        return content
    return _assembled(content, header, written, front)


def by_key(recipients: Iterable[str]) -> dict[str, str]:
    """The envelope's recipients in order, each mailbox once: by `mime_addresses.key`, as first written.

    Raises Unfit (5.1.3) for one that is no address with a domain.
    """
    wanted: dict[str, str] = {}
    for address in recipients:
        if not one(address) or len(address.encode()) > _LONGEST_ADDRESS:
            raise Unfit("a recipient is no mail address with a domain", "recipient", "5.1.3")
        wanted.setdefault(key(address), address)
    return wanted


def phrase(name: str) -> bytes:
    """A name as it may stand before an address or a group (RFC 5322, section 3.2.5; RFC 2047)."""
    name = " ".join("".join(c if c.isprintable() else " " for c in name).split())[:_LONGEST_NAME].strip()
    if not name.isascii() or "=?" in name:
        return b" ".join(_encoded(name))
    if all(c in _ATOMS for c in name):
        return name.encode()
    return b'"' + name.replace("\\", "\\\\").replace('"', '\\"').encode() + b'"'


@dataclass(frozen=True, slots=True)
class _Field:
    """A header field: [start, end) with its line end; its value begins at `value`."""

    name: str
    spelling: bytes
    odd: bool  # white space before the colon, or a line of nothing else, which not every program reads so
    start: int
    value: int
    end: int


@dataclass(frozen=True, slots=True)
class _Header:
    """The fields, which begin at `begin`, and where they end; `unended` where no empty line follows."""

    fields: tuple[_Field, ...]
    begin: int
    end: int
    unended: bool


def _header(content: bytes) -> _Header:
    found: list[_Field] = []
    at, size = 0, len(content)
    begin = 0
    if content.startswith(b"From ") and b"\r\n" in content:  # an mbox's line: it stands before the fields
        begin = at = content.find(b"\r\n") + 2
    while at < size and not content.startswith(b"\r\n", at):
        end = content.find(b"\r\n", at)
        after = size if end < 0 else end + 2
        line = content[at : size if end < 0 else end]
        name = field_name(line)
        if line[:1] in {b" ", b"\t"} and found:
            last = found[-1]
            odd = last.odd or not line.strip()
            found[-1] = _Field(last.name, last.spelling, odd, last.start, last.value, after)
        elif name:
            colon = line.index(b":")
            found.append(_Field(name.decode().lower(), name, len(name) < colon, at, at + colon + 1, after))
        else:
            return _Header(tuple(found), begin, at, unended=True)
        if b"\r" in line or b"\n" in line:
            raise Unfit("a line of the header ends in a CR or LF alone", "line ends", "5.6.11")
        at = after
    return _Header(tuple(found), begin, at, unended=False)


def _right(content: bytes, hidden: Sequence[_Field], missing: Set[str], wanted: Set[str]) -> bool:
    """Whether the hidden fields say already what they have to."""
    if not hidden:
        return not missing
    if len(hidden) > 1 or hidden[0].name != "bcc" or hidden[0].odd:
        return False
    found = read(content[hidden[0].value : hidden[0].end].removesuffix(b"\r\n"))
    if found is None or not found.clean:
        return False
    return missing <= {key(box.address) for box in found.mailboxes()} <= wanted


def _rewritten(found: AddressList, wanted: Set[str]) -> Iterator[bytes]:
    """What of a list stays: who is wanted as they stand there, the others by name alone."""
    for group in found.groups:
        if group.title is None:
            for box in group.members:
                yield from _kept(box) if key(box.address) in wanted else _by_name(box)
        else:
            yield from _regrouped(group, wanted)


def _regrouped(group: Group, wanted: Set[str]) -> Iterator[bytes]:
    title = _FOLD.sub(b"", group.title or b"")
    if b"@" in title or b"=?" in title:
        title = phrase(_harmless(unquoted(text_of(title)))) or b"group"
    kept = [raw for box in group.members if key(box.address) in wanted for raw in _kept(box)]
    yield title + b":" + (b" " + b", ".join(kept) if kept else b"") + b";"
    for box in group.members:
        if key(box.address) not in wanted:
            yield from _by_name(box)


def _kept(box: Mailbox) -> Iterator[bytes]:
    if box.clean:
        yield _FOLD.sub(b"", box.raw)
    else:
        name = phrase(box.name)
        yield (name + b" " if name not in {b"", b'""'} else b"") + b"<" + box.address.encode() + b">"


def _by_name(box: Mailbox) -> Iterator[bytes]:
    shown = phrase(_harmless(box.name) or _harmless(box.address))
    if shown not in {b"", b'""'}:
        yield shown + b":;"


def _unreadable(value: bytes) -> Iterator[bytes]:
    yield from _by_name(Mailbox("", unquoted(text_of(value)), value, clean=False))


def _harmless(text: str) -> str:
    """A text in which no program finds an address, however it reads."""
    return " ".join("".join(c if c.isprintable() else " " for c in text.translate(_SPECIAL)).split())


def _folded(name: bytes, items: Sequence[bytes]) -> bytes:
    """A field of several lines, none longer than it has to be."""
    lines = [name + b":"]
    for number, item in enumerate(items):
        whole = item if number == len(items) - 1 else item + b","
        words = [whole] if len(whole) < _LINE - 2 else _WORD.findall(whole)
        for count, word in enumerate(words):
            spaced = word if count else b" " + word
            if len(lines[-1]) + len(spaced) > _LINE and (len(lines) > 1 or len(lines[0]) > len(name) + 1):
                lines.append(spaced)
            else:
                lines[-1] += spaced
    return b"\r\n".join(lines) + b"\r\n"


def _encoded(text: str) -> Iterator[bytes]:
    """Encoded words of at most 75 characters, none of which divides a letter (RFC 2047, section 5)."""
    part = ""
    for c in [*text, ""]:
        if not c or len((part + c).encode("utf-8", "replace")) > 42:
            yield b"=?utf-8?b?" + b2a_base64(part.encode("utf-8", "replace"), newline=False) + b"?="
            part = ""
        part += c


def _assembled(content: bytes, header: _Header, written: dict[int, bytes], front: bytes) -> bytes:
    pieces: list[bytes | memoryview] = [content[: header.begin], front]
    pieces += [written.get(field.start, content[field.start : field.end]) for field in header.fields]
    if header.unended or not (header.fields or content[header.end :]):
        pieces.append(b"\r\n")
    pieces.append(memoryview(content)[header.end :])  # one copy of a large body, not two
    return b"".join(pieces)
