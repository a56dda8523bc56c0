"""Reads what an Exchange server answers in SOAP: its codes and words, its version, and the items it found.

Any body is survived. It judges nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from defusedxml import ElementTree

from transports.graph_errors import LONGEST_WORDS, line

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_SOAP = "{http://schemas.xmlsoap.org/soap/envelope/}"
_TYPES = "{http://schemas.microsoft.com/exchange/services/2006/types}"
_MESSAGES = "{http://schemas.microsoft.com/exchange/services/2006/messages}"
_VERSION = ("MajorVersion", "MinorVersion", "MajorBuildNumber", "MinorBuildNumber")
_WHO = ("ToRecipients", "CcRecipients", "BccRecipients")
_LONGEST_PAUSE = 86_400_000.0


@dataclass(frozen=True, slots=True)
class Said:
    """What it says of one thing that it was asked for; `kind` is Success, Warning, Error or Fault."""

    kind: str
    code: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Soap:
    """An answer in SOAP: https://learn.microsoft.com/exchange/client-developer/web-service-reference.

    `name` is that of the answer, as "CreateItemResponse", or "Fault". `back_off` is for how many seconds
    the server wants to be left alone. `version` is the server's, as "15.2.1258.12".
    """

    name: str
    said: tuple[Said, ...]
    back_off: float | None = None
    version: str = ""
    _body: Element | None = field(default=None, repr=False, compare=False)

    @property
    def ids(self) -> tuple[str, ...]:
        """The items that are in it, by their ids."""
        found = self._items(f"{_TYPES}ItemId")
        return tuple(one for one in (item.get("Id") or "" for item in found) if one)

    @property
    def people(self) -> tuple[frozenset[str], ...]:
        """The recipients of each message that is in it, in lower case."""
        return tuple(frozenset(_people(one)) for one in self._items(f"{_TYPES}Message"))

    @property
    def names(self) -> tuple[str, ...]:
        """What the directory calls those whom it knows."""
        found = self._items(f"{_TYPES}Mailbox")
        return tuple(one for one in (line(box.findtext(f"{_TYPES}Name")) for box in found) if one)

    def _items(self, tag: str) -> Iterator[Element]:
        return iter(()) if self._body is None else self._body.iter(tag)


def read(body: bytes) -> Soap | None:
    """The answer in these bytes; None where they are no SOAP."""
    try:
        root: Element = ElementTree.fromstring(body, forbid_dtd=True)
    except (SyntaxError, ValueError, LookupError):  # not XML; with a DTD; in an unknown encoding
        return None
    if root.tag != f"{_SOAP}Envelope":
        return None
    inner = root.find(f"{_SOAP}Body")
    first = next(iter(inner), None) if inner is not None else None
    if first is None:
        return None
    version = _version(root.find(f"{_SOAP}Header"))
    name = first.tag.rpartition("}")[2]
    said = (_fault(first),) if first.tag == f"{_SOAP}Fault" else tuple(_messages(first))
    return Soap(line(name), said, _back_off(first), version, first)


def _fault(fault: Element) -> Said:
    """A fault: the detail's ResponseCode says most (SOAP 1.1, section 4.4)."""
    detail = fault.find("detail")
    codes = [one.text for one in _all(detail, "ResponseCode")]
    words = [one.text for one in _all(detail, "Message")]
    code = next((line(one) for one in codes if one), "") or line(fault.findtext("faultcode"))
    text = line(fault.findtext("faultstring"), LONGEST_WORDS)
    return Said("Fault", code.rpartition(":")[2], text or line(next(iter(words), ""), LONGEST_WORDS))


def _messages(answer: Element) -> Iterator[Said]:
    found = answer.find(f"{_MESSAGES}ResponseMessages")
    # Some answers have no list, and are their one message themselves.
    for one in found if found is not None else (answer,):
        kind = one.get("ResponseClass")
        if kind:
            code = line(one.findtext(f"{_MESSAGES}ResponseCode"))
            text = line(one.findtext(f"{_MESSAGES}MessageText"), LONGEST_WORDS)
            yield Said(line(kind), code, text)


def _back_off(answer: Element) -> float | None:
    """Seconds, from BackOffMilliseconds: .../exchange-web-services/ews-throttling-in-exchange."""
    for value in _all(answer, "Value"):
        if value.get("Name") == "BackOffMilliseconds":
            text = (value.text or "").strip()[:30]
            if text.isascii() and text.isdigit():
                return min(float(text), _LONGEST_PAUSE) / 1000
    return None


def _version(header: Element | None) -> str:
    info = next(_all(header, "ServerVersionInfo"), None)
    if info is None:
        return ""
    parts = [line(info.get(part), 10) for part in _VERSION]
    return ".".join(part for part in parts if part.isascii() and part.isdigit())


def _people(message: Element) -> Iterator[str]:
    for where in _WHO:
        for one in message.iterfind(f"{_TYPES}{where}/{_TYPES}Mailbox/{_TYPES}EmailAddress"):
            yield (one.text or "").strip().lower()


def _all(within: Element | None, name: str) -> Iterator[Element]:
    """Every element of this name, in whatever namespace: faults and headers differ in theirs."""
    for one in within.iter() if within is not None else ():
        if isinstance(one.tag, str) and one.tag.rpartition("}")[2] == name:
            yield one
