"""Reads what stands behind a header field of a MIME part: its type, its parameters, the name of its file.

It only reads: what mailers write wrongly is taken as people would, and nothing here ever raises.
"""

from __future__ import annotations

import binascii
import codecs
import re
from collections.abc import Mapping
from types import MappingProxyType
from urllib.parse import unquote_to_bytes

_MOST = 200  # parameters of a field, and segments of one of them
_LONGEST = 64 * 1024  # bytes of a field that are looked at
_PARAMETER = re.compile(  # possessive, so that no text takes more than one pass
    r"""(?:;|(?<="))\s*+(?P<name>[^\s=;"]++)\s*+=\s*+(?:"(?P<quoted>(?:[^"\\]|\\.)*+)"?|(?P<plain>[^;]*+))""",
    re.S,
)
_SEGMENT = re.compile(r"(?P<name>.+?)(?:\*(?P<number>\d{1,4}))?(?P<coded>\*)?")
_LINE_END = re.compile(r"\r\n|\r|\n")
_BACKSLASH = re.compile(r"\\(.)", re.S)
_WORD = re.compile(
    r"=\?(?P<charset>[^?*\s]{1,40})(?:\*[^?\s]{0,40})?\?(?P<coding>[bBqQ])\?(?P<text>[^?]*)\?="
)
_NO_CHARSETS = frozenset({"idna", "punycode", "unicode-escape", "raw-unicode-escape", "undefined"})
_ALSO_CALLED = {
    "gb2312": "gb18030",  # what mailers mean by it
    "iso-8859-8-e": "iso-8859-8",
    "iso-8859-8-i": "iso-8859-8",
    "x-gbk": "gb18030",
    "x-sjis": "cp932",
    "shift_jis": "cp932",
}
_UNDERSCORE = bytes.maketrans(b"_", b" ")


def text_of(raw: bytes) -> str:
    """A header's bytes as text: unfolded, UTF-8 where it is, else the Western letters mailers mean."""
    unfolded = _LINE_END.sub("", text_in(raw, "utf-8"))
    return unfolded.strip(" \t")


def text_in(raw: bytes, charset: str) -> str:
    """Bytes as text of a charset, or of Windows-1252 where they are none of it or nobody knows it."""
    try:
        text = raw.decode(codec(charset) or "utf-8")
    except ValueError:
        return raw.decode("windows-1252", "replace")
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")  # no half letters


def codec(charset: str) -> str:
    """The library's name for a charset of mail, or "" where it has none."""
    try:
        name = codecs.lookup(_ALSO_CALLED.get(charset.lower(), charset)).name
        b"a".decode(name, "replace")
    except (LookupError, ValueError):  # unknown, or no charset at all ("base64")
        return ""
    return "" if name in _NO_CHARSETS else name


def decoded(text: str) -> str:
    """A header's text with its encoded words (RFC 2047) as the letters they stand for.

    White space between two of them says nothing, and a letter may begin in one and end in the next.
    """
    done: list[str] = []
    charset, raw, at = "", b"", 0
    for word in _WORD.finditer(text):
        between = text[at : word.start()]
        named = word["charset"].lower()
        if charset and (between.strip(" \t") or named != charset):
            done.append(text_in(raw, charset))
            raw = b""
        if not charset or between.strip(" \t"):
            done.append(between)
        charset, raw, at = named, raw + _word(word["coding"], word["text"]), word.end()
    return "".join(done) + (text_in(raw, charset) if charset else "") + text[at:]


def _word(coding: str, text: str) -> bytes:
    raw = text.encode("utf-8", "replace")
    if coding in "qQ":
        return binascii.a2b_qp(raw.translate(_UNDERSCORE))
    try:
        return binascii.a2b_base64(raw + b"==")
    except binascii.Error:
        return raw


def parsed(value: str) -> tuple[str, Mapping[str, str]]:
    """What stands before the first semicolon, in small letters, and the parameters by name (RFC 2045, 2231).

    Of a parameter that is written twice, plainly and by RFC 2231, the latter counts; as in RFC 6266,
    section 4.3. Encoded words in quotes, which no RFC allows and many mailers write, are decoded.
    """
    head, _, rest = value[:_LONGEST].partition(";")
    plain: dict[str, str] = {}
    segments: dict[str, dict[int, tuple[bool, str]]] = {}
    for count, match in enumerate(_PARAMETER.finditer(f";{rest}")):
        if count >= _MOST:
            break
        quoted = match["quoted"]
        text = _BACKSLASH.sub(r"\1", quoted) if quoted is not None else (match["plain"] or "").strip()
        segment = _SEGMENT.fullmatch(match["name"].lower())
        if segment is None:
            continue
        if segment["number"] is None and segment["coded"] is None:
            plain.setdefault(segment["name"], decoded(text))
        else:
            found = segments.setdefault(segment["name"], {})
            found.setdefault(int(segment["number"] or 0), (bool(segment["coded"]), text))
    joined = {name: _joined(found) for name, found in segments.items()}
    return head.strip().lower(), MappingProxyType({**plain, **joined})


def _joined(segments: Mapping[int, tuple[bool, str]]) -> str:
    """The segments of RFC 2231 as one text, up to the first that is missing."""
    charset = "utf-8"
    raw = bytearray()
    for number in range(len(segments)):
        if number not in segments:
            break
        coded, text = segments[number]
        if coded and number == 0 and text.count("'") >= 2:
            charset, _language, text = text.split("'", 2)
        raw += unquote_to_bytes(text) if coded else text.encode(errors="replace")
    return text_in(bytes(raw), charset or "utf-8")
