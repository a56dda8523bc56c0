"""Whose name a relayed mail goes out under: left alone, refused, or put right, as the profile says.

It works on the header block as bytes. Whatever it does not have to change stays byte for byte: folded
lines, letters beyond ASCII, the order of fields.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage
from itertools import pairwise

from store.profiles import Profile

_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
_COMMENT = re.compile(r"\((?:[^()\\]|\\.)*\)")
_IN_BRACKETS = re.compile(r"<\s*([^<>]*?)\s*>")
_WORD = re.compile(r'(?:"(?:[^"\\]|\\.)*"|[^\s,"])+|,')
_FIELD = re.compile(rb"(?P<name>[!-9;-~]+)[ \t]*:(?P<value>.*)", re.S)


@dataclass(frozen=True, slots=True)
class Fit:
    """A mail that may go out: its reverse-path ("" for a bounce) and its header block."""

    sender: str
    headers: bytes
    changed: str = ""  # what was put right, for the trace; "" where nothing was


@dataclass(frozen=True, slots=True)
class Unfit:
    """A mail that may not; the text says why, in a line of ASCII for an SMTP answer."""

    text: str


def fit(profile: Profile, sender: str, headers: bytes) -> Fit | Unfit:
    """A mail as the profile lets it out. `headers` ends with the line end of its last field.

    "allow" leaves everything as it is. "enforce" takes only mail that is from the profile's address,
    in its From field and its reverse-path. "rewrite" puts both right, and where the mail has no Reply-To
    it gets the profile's or, without one, its author, if an answer can reach them.
    """
    if profile.sender_policy == "allow":
        return Fit(sender, headers)
    ours = profile.from_address.lower()
    fields = _fields(headers)
    authors = [author for value in _values(fields, b"from") for author in addresses(value)]
    right = bool(authors) and {author.lower() for author in authors} == {ours}
    if profile.sender_policy == "enforce":
        wrong = [
            *(a for a in authors if a.lower() != ours),
            *([] if sender.lower() in {"", ours} else [sender]),
        ]
        if not right or wrong:
            said = _ascii(wrong[0]) if wrong else "nobody"
            return Unfit(f"mail goes out from {_ascii(profile.from_address)} alone, and this is from {said}")
        return Fit(sender, headers)
    reverse_path = profile.from_address if sender else ""
    if right:
        return Fit(reverse_path, headers, "" if sender in {"", reverse_path} else "reverse-path")
    return Fit(reverse_path, _put_right(profile, fields, authors), "From")


def addresses(value: str) -> list[str]:
    """The addresses in a From field, however badly it is written ("a@b <a@b>", "Last, First" <a@b>, root)."""
    plain = _COMMENT.sub(" ", _QUOTED.sub(_unless_local_part, value))
    found = _IN_BRACKETS.findall(plain)
    if not found:
        words = [*_WORD.findall(plain), ","]
        found = [word for word, after in pairwise(words) if after == "," and word != ","]
    return [address for address in found if address]


def _unless_local_part(quoted: re.Match[str]) -> str:
    """A quoted string is a name, where no @ follows it ("a b"@example.org is an address)."""
    return quoted[0] if quoted.string[quoted.end() :].startswith("@") else " "


def _put_right(profile: Profile, fields: list[bytes], authors: list[str]) -> bytes:
    """One From field of ours where the first was, and where answers go."""
    from_field = _written("From", profile.sender_name or "", profile.from_address)
    kept: list[bytes] = []
    placed = False
    for field in fields:
        name = _name(field)
        if name != b"from":
            if name != b"sender":  # it names who sent for the author, who is another now
                kept.append(field)
        elif not placed:
            kept.append(from_field)
            placed = True
    if not placed:
        kept.insert(0, from_field)
    answers = profile.reply_to or next((a for a in authors if _answerable(a)), "")
    if answers and not _values(fields, b"reply-to"):
        kept.append(_written("Reply-To", "", answers))
    return b"".join(kept)


def _fields(headers: bytes) -> list[bytes]:
    """Each field with the lines that continue it."""
    found: list[bytes] = []
    for line in headers.splitlines(keepends=True):
        if found and line[:1] in {b" ", b"\t"}:
            found[-1] += line
        else:
            found.append(line)
    return found


def _name(field: bytes) -> bytes:
    match = _FIELD.match(field)
    return match["name"].lower() if match else b""


def _values(fields: list[bytes], name: bytes) -> list[str]:
    return [
        match["value"].decode("utf-8", "replace").replace("\r\n", "")
        for field in fields
        if (match := _FIELD.match(field)) and match["name"].lower() == name
    ]


def _written(name: str, shown: str, address: str) -> bytes:
    """A field as the library folds and encodes it."""
    message = EmailMessage(policy=policy.SMTP if address.isascii() else policy.SMTPUTF8)
    user, _, domain = address.rpartition("@")
    message[name] = Address(display_name=shown, username=user, domain=domain)
    return message.as_bytes().partition(b"\r\n\r\n")[0] + b"\r\n"


def _answerable(address: str) -> bool:
    """Whether an answer from elsewhere could reach it: not "root", not "app@localhost"."""
    local, _, domain = address.rpartition("@")
    return bool(local) and "." in domain.strip(".") and address.isascii() and address.isprintable()


def _ascii(text: str) -> str:
    return "".join(c if "!" <= c <= "~" else "?" for c in text[:200])
