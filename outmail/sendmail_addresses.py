"""Reads lists of addresses as people and programs write them: names, comments, groups (RFC 5322, 3.4).

An address that is none is an error and is never left out: somebody would wait for that mail.
"""

from __future__ import annotations

_LONGEST = 512  # bytes
_CLOSING = {"(": ")", "<": ">", "[": "]", '"': '"'}


class NoAddress(Exception):  # noqa: N818 - the name says the state
    """A part of a list that is no address; the text shows it, made harmless."""


def addresses(text: str) -> list[str]:
    """The addresses of a list, in order; "" for "<>". Raises NoAddress.

    Also taken, since programs write it: semicolons between addresses, addresses without a domain, names
    that are encoded words with a comma in them, "a@b <a@b>".
    """
    found: list[str] = []
    words: list[str] = []  # of this entry, outside of the angle brackets
    angle: str | None = None
    start = at = 0
    size = len(text)
    while at <= size:
        c = text[at] if at < size else ","
        if c in ",;":
            if angle is not None or words:
                found.append(_fit(_joined(words, text[start:at]) if angle is None else angle, text[start:at]))
            words, angle, start = [], None, at + 1
            at += 1
        elif c == ":":  # the name of a group
            if angle is not None or not words:
                raise NoAddress(_shown(text[start:]))
            words, start = [], at + 1
            at += 1
        elif c.isspace():
            at += 1
        elif c == "(":
            at = _comment(text, at)
        elif c == "<":
            if angle is not None:
                raise NoAddress(_shown(text[start:]))
            inside, at = _angle(text, at)
            angle = inside
        else:
            word, at = _word(text, at)
            words.append(word)
    return found


def _word(text: str, at: int) -> tuple[str, int]:
    """Up to a space or a special character; quoted strings, literals and encoded words are of one piece."""
    begin = at
    while at < len(text) and text[at] not in " \t\r\n,;:<(":
        if text[at] in '"[':
            at = _quoted(text, at)
        elif text.startswith("=?", at) and (end := _encoded_word(text, at)):
            at = end
        else:
            at += 1
    return text[begin:at], at


def _encoded_word(text: str, at: int) -> int:
    """Where an encoded word (RFC 2047) that begins here ends; 0 where none does."""
    parts = text[at : at + 200].split("?", 4)  # =, charset, encoding, text, = and the rest
    if len(parts) < 5 or not parts[4].startswith("=") or any(c.isspace() for c in parts[3]):
        return 0
    return at + sum(len(part) + 1 for part in parts[:4]) + 1


def _quoted(text: str, at: int) -> int:
    """Behind the quoted string or literal that begins here."""
    close = _CLOSING[text[at]]
    end = at + 1
    while end < len(text):
        if text[end] == "\\":
            end += 1
        elif text[end] == close:
            return end + 1
        end += 1
    raise NoAddress(_shown(text[at:]))


def _comment(text: str, at: int) -> int:
    """Behind the comment that begins here; comments nest."""
    depth, end = 0, at
    while end < len(text):
        c = text[end]
        if c == "\\":
            end += 1
        elif c == "(":
            depth += 1
        elif c == ")":
            depth -= 1
            if not depth:
                return end + 1
        end += 1
    raise NoAddress(_shown(text[at:]))


def _angle(text: str, at: int) -> tuple[str, int]:
    """What stands in the angle brackets that begin here, without a source route, and where they end."""
    begin = at
    words: list[str] = []
    at += 1
    while at < len(text) and text[at] != ">":
        c = text[at]
        if c.isspace():
            at += 1
        elif c == "(":
            at = _comment(text, at)
        elif c in ",;:" and words and words[0].startswith("@"):  # RFC 5322, section 4.4: read and ignored
            words = words if c == "," else []
            at += 1
        elif c in ",;:<":
            break
        else:
            word, at = _word_in_angle(text, at)
            words.append(word)
    if at >= len(text) or text[at] != ">":
        raise NoAddress(_shown(text[begin:]))
    return (_joined(words, text[begin : at + 1]) if words else ""), at + 1


def _word_in_angle(text: str, at: int) -> tuple[str, int]:
    begin = at
    while at < len(text) and text[at] not in " \t\r\n,;:<>(":
        at = _quoted(text, at) if text[at] in '"[' else at + 1
    return text[begin:at], at


def _joined(words: list[str], shown: str) -> str:
    """The words as one address: spaces may stand around its dots and its @, and nowhere else."""
    whole = words[0]
    for word in words[1:]:
        if whole[-1:] not in {"@", "."} and word[:1] not in {"@", "."}:
            raise NoAddress(_shown(shown))
        whole += word
    return whole


def _fit(address: str, shown: str) -> str:
    """The address, if an SMTP command could carry it."""
    if not address:
        return ""
    local, at, domain = address.rpartition("@")
    local = local if at else address
    quoted = local.startswith('"') and local.endswith('"') and len(local) > 1
    bare = local.replace("\\\\", "").replace('\\"', "").strip('"') if quoted else local
    wrong = (
        not local
        or (at and not domain)
        or not address.isprintable()
        or "\ufffd" in address
        or any(c in '<>()[],;:"' or c == " " for c in domain if not domain.startswith("["))
        or ('"' in bare)
        or (not quoted and any(c in '<>()[],;:"\\ @' for c in local))
        or len(address.encode("utf-8", "replace")) > _LONGEST
    )
    if wrong:
        raise NoAddress(_shown(shown))
    return address


def _shown(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in " ".join(text.split())[:100])
