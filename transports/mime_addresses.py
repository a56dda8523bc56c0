"""Reads the address lists of a message's header: who is named there, and which bytes name them.

It reads strictly. Where two programs could read a list differently it says so, for a service that mails
whoever it finds must find the same people as we do.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise

import idna

from transports.mime_parameters import decoded, text_in

DEEPEST_COMMENT = 20

_TOKEN = re.compile(
    rb"""(?P<space>(?:[ \t]|\r?\n(?=[ \t]))++)
    |(?P<quoted>"(?:[^"\\\r\n\0]|\\[^\r\n\0]|\r?\n(?=[ \t]))*+")
    |(?P<literal>\[[!-Z^-~]*+\])
    |(?P<encoded>=\?[^?\s]++\?[bBqQ]\?[!-~]*?\?=)
    |(?P<atom>[!\#$%&'*+\-/=?^_`{|}~0-9A-Za-z\x80-\xff]++)
    |(?P<special>[,;:<>@.])
    |(?P<comment>\()""",
    re.X,
)
_ATOM = b"!#$%&'*+-/=?^_`{|}~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_COMMENT = re.compile(rb"[^()\\\r\n\0]++|\\[^\r\n\0]|\r?\n(?=[ \t])|[()]")
_FOLD = re.compile(rb"\r?\n(?=[ \t])")
_ESCAPED = re.compile(r"\\(.)", re.S)


@dataclass(frozen=True, slots=True)
class Token:
    """A word of a list: what kind it is of, and its bytes."""

    kind: str  # space, quoted, literal, atom, comment, encoded (a word with specials in it), or the special
    raw: bytes


@dataclass(frozen=True, slots=True)
class Mailbox:
    """Somebody who is named in a list.

    `address` is "" where it names nobody who could be mailed ("Last" of an unquoted "Last, First"). `name`
    is the display name, decoded, "" where there is none; `raw` are the bytes as they stand in the list.
    `clean` is whether every program must read them the same.
    """

    address: str
    name: str
    raw: bytes
    clean: bool


@dataclass(frozen=True, slots=True)
class Group:
    """A group of RFC 5322 (`title: member, member;`), or the members outside of any (`title` is None)."""

    title: bytes | None
    members: tuple[Mailbox, ...]


@dataclass(frozen=True, slots=True)
class AddressList:
    """A field's value, in the order in which it stands there; `clean` as in Mailbox, for all of it."""

    groups: tuple[Group, ...]
    clean: bool

    def mailboxes(self) -> tuple[Mailbox, ...]:
        """All who are named and could be mailed."""
        return tuple(box for group in self.groups for box in group.members if box.address)


def key(address: str) -> str:
    """What two spellings of one mailbox have in common.

    RFC 5321 leaves the local part's letters to the receiver; Exchange takes no notice of their case, and a
    service that mails one mailbox once goes by that. The domain's case and form (RFC 5890) never matter.
    """
    local, _, domain = unicodedata.normalize("NFC", address).rpartition("@")
    if len(local) > 1 and local.startswith('"') and local.endswith('"'):
        local = _ESCAPED.sub(r"\1", local[1:-1])
    domain = domain.rstrip(".").lower()
    if not domain.isascii():
        with suppress(idna.IDNAError, ValueError):
            domain = idna.encode(domain, uts46=True).decode("ascii")
    return f"{local.lower()}@{domain}"


def read(value: bytes) -> AddressList | None:
    """The list in a field's value; None where nobody can say where an entry begins or ends.

    Taken and marked as not clean, since programs write it: semicolons between addresses, `a@b <a@b>`, names
    with a dot or an @ outside of quotes, white space and comments inside of an address, source routes. An
    entry that is no address at all is a Mailbox that names nobody.
    """
    tokens = _tokens(value)
    return None if tokens is None else _Reader(tokens).read()


def one(address: str) -> bool:
    """Whether this text is one address with a domain and nothing else; quotes and UTF-8 are fine in it."""
    if not address.isprintable():
        return False
    try:
        found = read(address.encode())
    except UnicodeEncodeError:
        return False
    if found is None or not found.clean or len(found.groups) != 1:
        return False
    (group,) = found.groups
    return group.title is None and [box.address for box in group.members] == [address]


def unquoted(text: str) -> str:
    """A phrase as it is read: quotes taken off, encoded words decoded, spaces made one."""
    plain = re.sub(r'"((?:[^"\\]|\\.)*)"', lambda m: _ESCAPED.sub(r"\1", m[1]), text, flags=re.S)
    return " ".join(decoded(plain).split())


def _tokens(value: bytes) -> list[Token] | None:
    found: list[Token] = []
    at, size = 0, len(value)
    while at < size:
        match = _TOKEN.match(value, at)
        if match is None:
            return None
        kind, begin, at = match.lastgroup or "", at, match.end()
        if kind == "encoded" and not match[0].translate(None, _ATOM):
            kind = "atom"
        if kind == "comment":
            after = _comment_end(value, begin)
            if after is None:
                return None
            at = after
        elif kind == "special":
            kind = match[0].decode("ascii")
        found.append(Token(kind, value[begin:at]))
    return found


def _comment_end(value: bytes, at: int) -> int | None:
    depth = 0
    while match := _COMMENT.match(value, at):
        at = match.end()
        if match[0] == b"(":
            depth += 1
            if depth > DEEPEST_COMMENT:
                return None
        elif match[0] == b")":
            depth -= 1
            if depth == 0:
                return at
    return None


class _Reader:
    """Goes through the words of one list; `clean` falls with the first that RFC 5322 has not so."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        self._tokens = [*tokens, Token(",", b"")]
        self._groups: list[Group] = []
        self._title: bytes | None = None
        self._members: list[Mailbox] = []
        self._clean = True
        self._after_group = False  # between a group and the comma that parts it from what follows

    def read(self) -> AddressList | None:
        entry: list[Token] = []
        angle = False  # inside of <>, where a colon ends a source route and a comma parts it
        for token in self._tokens:
            if token.kind == "<":
                if angle:
                    return None
                angle = True
            elif token.kind == ">":
                if not angle:
                    return None
                angle = False
            if angle or token.kind not in {",", ";", ":"}:
                entry.append(token)
                continue
            if token.kind == ":":
                if self._title is not None or not _phrase(entry):
                    return None
                self._clean = self._clean and not self._after_group
                self._close(None)
                self._title, entry = _raw(entry), []
                continue
            self._entry(entry)
            entry = []
            self._after_group = token.kind == ";" and self._title is not None
            if self._after_group:
                self._close(self._title)
            elif token.kind == ";":
                self._clean = False
        if angle or self._title is not None:
            return None
        self._close(None)
        groups = tuple(self._groups)
        boxes = [box for group in groups for box in group.members]
        return AddressList(groups, self._clean and all(box.clean for box in boxes))

    def _close(self, title: bytes | None) -> None:
        if self._members or title is not None:
            self._groups.append(Group(title, tuple(self._members)))
        self._members, self._title = [], None

    def _entry(self, entry: list[Token]) -> None:
        """One mailbox, or nothing between two commas (RFC 5322, section 4.4)."""
        words = [token for token in entry if token.kind not in {"space", "comment"}]
        if not words:
            # Nothing but a comment is read as an address by some.
            self._clean = self._clean and not any(token.kind == "comment" for token in entry)
            return
        box = _named(entry) if any(token.kind == "<" for token in words) else _bare(entry)
        self._clean = self._clean and not self._after_group
        self._members.append(box or Mailbox("", _shown(entry), _raw(entry), clean=False))


def _raw(tokens: Sequence[Token]) -> bytes:
    return b"".join(token.raw for token in tokens).strip(b" \t\r\n")


def _phrase(tokens: Sequence[Token]) -> bool:
    """Whether these are a display name as RFC 5322 has it."""
    kinds = {token.kind for token in tokens} - {"space", "comment"}
    return bool(kinds) and kinds <= {"atom", "quoted"}


def _named(entry: Sequence[Token]) -> Mailbox | None:
    """`name <address>`; None where anything but a comment follows the bracket."""
    kinds = [token.kind for token in entry]
    begin, end = kinds.index("<"), kinds.index(">")
    before, inside, after = entry[:begin], list(entry[begin + 1 : end]), entry[end + 1 :]
    if any(token.kind not in {"space", "comment"} for token in after):
        return None
    clean = _phrase(before) or not any(token.kind not in {"space", "comment"} for token in before)
    if any(token.kind == ":" for token in inside):
        last = len(inside) - 1 - [token.kind for token in reversed(inside)].index(":")
        route = "".join(token.kind for token in inside[:last])
        if not route.lstrip(",").startswith("@"):
            return None
        inside, clean = inside[last + 1 :], False
    address = _address(inside)
    if address is None:
        return None
    exact = all(token.kind not in {"space", "comment"} for token in inside)
    name = _shown(before) or _comments(after)
    return Mailbox(address, name, _raw(entry), clean and exact and "@" in address)


def _bare(entry: Sequence[Token]) -> Mailbox | None:
    """`address`, or `address (name)`; words without an @ are a name, and name nobody who could be mailed."""
    words = [token for token in entry if token.kind not in {"space", "comment"}]
    if all(token.kind != "@" for token in words):
        return Mailbox("", _shown(entry), _raw(entry), clean=False)
    address = _address(entry)
    if address is None:
        return None
    begin, end = entry.index(words[0]), len(entry) - 1 - list(reversed(entry)).index(words[-1])
    exact = all(token.kind not in {"space", "comment"} for token in entry[begin : end + 1])
    return Mailbox(address, _comments(entry), _raw(entry), exact)


def _address(tokens: Sequence[Token]) -> str | None:
    """The words as one address, with one @ and a domain or with neither; None where they are none."""
    words = [token for token in tokens if token.kind not in {"space", "comment"}]
    kinds = [token.kind for token in words]
    if kinds.count("@") > 1 or not words:
        return None
    split = kinds.index("@") if "@" in kinds else len(words)
    local, domain = words[:split], words[split + 1 :]
    if not local or not _dotted(local, {"atom", "quoted"}):
        return None
    spare = (".", ".") in pairwise([".", *kinds[split + 1 :], "."])
    if split < len(words) and kinds[split + 1 :] != ["literal"] and (spare or not _dotted(domain, {"atom"})):
        return None
    raw = b"".join(_FOLD.sub(b"", word.raw) for word in words)
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _dotted(words: Sequence[Token], kinds: set[str]) -> bool:
    """Words with dots between them; also the dots that some let stand twice or at an end of a local part."""
    before = "."
    for word in words:
        if word.kind == ".":
            before = "."
        elif word.kind not in kinds or before != ".":
            return False
        else:
            before = word.kind
    return any(word.kind != "." for word in words)


def _shown(tokens: Sequence[Token]) -> str:
    words = b"".join(b" " if token.kind == "comment" else token.raw for token in tokens)
    return unquoted(text_in(_FOLD.sub(b"", words), "utf-8"))


def _comments(tokens: Sequence[Token]) -> str:
    inside = [_FOLD.sub(b"", token.raw[1:-1]) for token in tokens if token.kind == "comment"]
    return unquoted(_ESCAPED.sub(r"\1", text_in(b" ".join(inside), "utf-8")))
