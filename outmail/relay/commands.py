"""Reads the arguments of MAIL and RCPT: the path and the parameters (RFC 5321, section 4.1.2).

More is taken than the grammar allows, where programs and printers are known to send it and it cannot
be misread: spaces before the path, a path without its angle brackets, dots anywhere in a local part,
"_" in a domain, users of the sending machine ("root") without a domain. What is taken is an address on one
line, whatever it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from ipaddress import IPv4Address, IPv6Address

from outmail.relay import replies
from outmail.relay.events import Recipient, Sender

_LOCAL = rb"[\w!#$%&'*+/=?^`{|}~.\x80-\xff-]+"
_QUOTED = rb'"(?:[^"\\\x00-\x1f\x7f]|\\[ -~])*"'
_DOMAIN = rb"[\w\x80-\xff-]+(?:\.[\w\x80-\xff-]+)*"
_LITERAL = rb"\[[0-9A-Fa-f:.IPvx]+\]"
_ADDRESS = rb"((?:%b|%b)@(?:%b|%b))" % (_LOCAL, _QUOTED, _DOMAIN, _LITERAL)
_ROUTE = rb"(?:@%b(?:,@%b)*:)?" % (_DOMAIN, _DOMAIN)
_PATH = re.compile(rb" *(?:<%b%b>|%b)(?: +(.*))?" % (_ROUTE, _ADDRESS, _ADDRESS))
_USER = re.compile(rb" *<([A-Za-z0-9_][A-Za-z0-9_.+-]{0,63}|)>(?: +(.*))?")  # of a machine; or nobody

_PARAMETER = re.compile(rb"([A-Za-z0-9][A-Za-z0-9-]*)(?:=([!-<>-~\x80-\xff]+))?")
_XTEXT = re.compile(r"(?:[!-*,-<>-~]|\+[0-9A-F]{2})+")  # RFC 3461, section 4
_ORCPT = re.compile(r"[A-Za-z0-9-]+;(?:[!-*,-<>-~]|[^\x00-\x7f]|\+[0-9A-F]{2})+")  # and RFC 6533, section 3

_LONGEST_ADDRESS = 512  # twice what RFC 5321 asks for (section 4.5.3.1.3)
_LONGEST_DOMAIN = 255  # RFC 5321, section 4.5.3.1.2
_LONGEST_ENVID = 100  # RFC 3461, section 4.4
_LONGEST_ORCPT = 500  # RFC 3461, section 4.2
_LONGEST_SIZE = 20  # digits; RFC 1870, section 4

_NOTICES = frozenset({"SUCCESS", "FAILURE", "DELAY"})


class Wrong(Exception):  # noqa: N818 - it is the client's error, and its text is a reply
    """What the client sent cannot be taken; `reply` says why."""

    def __init__(self, reply: bytes) -> None:
        super().__init__(reply)
        self.reply = reply


def sender(argument: bytes) -> Sender:
    """What follows "MAIL ". Raises Wrong."""
    if argument[:5].upper() != b"FROM:":
        raise Wrong(replies.MAIL_SYNTAX)
    address, parameters = _path(argument[5:], replies.BAD_SENDER)
    found = Sender(address)
    if parameters:
        for name, value in _parameters(parameters):
            if not _read_mail(name, value, found):
                raise Wrong(replies.BAD_PARAMETER)
    if not found.smtputf8 and not address.isascii():
        raise Wrong(replies.NEEDS_SMTPUTF8)
    return found


def recipient(argument: bytes, *, smtputf8: bool) -> Recipient:
    """What follows "RCPT ". Raises Wrong."""
    if argument[:3].upper() != b"TO:":
        raise Wrong(replies.RCPT_SYNTAX)
    address, parameters = _path(argument[3:], replies.BAD_RECIPIENT)
    if not address:
        raise Wrong(replies.BAD_RECIPIENT)
    found = Recipient(address)
    if parameters:
        for name, value in _parameters(parameters):
            if not _read_rcpt(name, value, found):
                raise Wrong(replies.BAD_PARAMETER)
    if not smtputf8 and not (address.isascii() and found.orcpt.isascii()):
        raise Wrong(replies.NEEDS_SMTPUTF8)
    return found


def _path(text: bytes, bad: bytes) -> tuple[str, bytes | None]:
    """The address (without a source route, which nobody follows any more) and the parameters."""
    found = _PATH.fullmatch(text)
    if found is None:
        user = _USER.fullmatch(text)
        if user is None:
            raise Wrong(bad)
        return user[1].decode("ascii"), user[2]
    bracketed, plain, parameters = found.groups()
    raw: bytes = bracketed or plain
    address = raw.decode("utf-8", "replace")
    if not raw.isascii() and (not address.isprintable() or "\ufffd" in address):
        raise Wrong(bad)
    if len(raw) > _LONGEST_DOMAIN and not _is_short(raw):
        raise Wrong(bad)
    if raw[-1] == ord("]") and not _is_literal(address[address.rindex("[") :]):
        raise Wrong(bad)
    return address, parameters


def _is_short(address: bytes) -> bool:
    return len(address) <= _LONGEST_ADDRESS and len(address) - address.rindex(b"@") - 1 <= _LONGEST_DOMAIN


def _is_literal(domain: str) -> bool:
    text = domain[1:-1]
    kind: Callable[[str], object] = IPv4Address
    if text[:5].upper() == "IPV6:":
        kind, text = IPv6Address, text[5:]
    try:
        kind(text)
    except ValueError:
        return False
    return True


def _parameters(text: bytes) -> Iterator[tuple[str, str]]:
    """Each parameter's name, in upper case, and its value; "" where it has none."""
    seen = set()
    for word in text.split():
        found = _PARAMETER.fullmatch(word)
        if found is None:
            raise Wrong(replies.BAD_PARAMETER)
        name = found[1].decode("ascii").upper()
        if name in seen:
            raise Wrong(replies.BAD_PARAMETER)
        seen.add(name)
        value = (found[2] or b"").decode("utf-8", "replace")
        if "\ufffd" in value or not value.isprintable():
            raise Wrong(replies.BAD_PARAMETER)
        yield name, value


def _read_mail(name: str, value: str, found: Sender) -> bool:
    """Whether the value is a right one; it is kept then."""
    match name:
        case "SIZE":
            if not (value.isascii() and value.isdigit() and len(value) <= _LONGEST_SIZE):
                return False
            found.size = int(value)
        case "BODY":
            found.body = value.upper()
            return found.body in {"7BIT", "8BITMIME"}
        case "SMTPUTF8":
            found.smtputf8 = True
            return not value
        case "RET":
            found.ret = value.upper()
            return found.ret in {"FULL", "HDRS"}
        case "ENVID":
            found.envid = value
            return len(value) <= _LONGEST_ENVID and bool(_XTEXT.fullmatch(value))
        case "AUTH":
            # Who wrote the mail, as another server claims (RFC 4954, section 5): nobody is believed.
            return bool(_XTEXT.fullmatch(value))
        case _:
            raise Wrong(replies.UNKNOWN_PARAMETER)
    return True


def _read_rcpt(name: str, value: str, found: Recipient) -> bool:
    """Whether the value is a right one; it is kept then."""
    match name:
        case "NOTIFY":
            words = value.upper().split(",")
            found.notify = frozenset(words)
            once = len(words) == len(found.notify)
            return once and (words == ["NEVER"] or found.notify <= _NOTICES)
        case "ORCPT":
            found.orcpt = value
            return len(value) <= _LONGEST_ORCPT and bool(_ORCPT.fullmatch(value))
        case _:
            raise Wrong(replies.UNKNOWN_PARAMETER)
