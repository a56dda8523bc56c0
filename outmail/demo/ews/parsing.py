"""Reads a client's XML for the practice Exchange: what was sent becomes a small tree of elements.

A document type is refused, so that no entity can ever be made; depth and number of elements are bounded.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NoReturn
from xml.parsers import expat

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
MESSAGES = "http://schemas.microsoft.com/exchange/services/2006/messages"
TYPES = "http://schemas.microsoft.com/exchange/services/2006/types"

DEEPEST = 40
MOST_ELEMENTS = 20_000
MOST_ATTRIBUTES = 30
_TEXT_BUFFER = 1024 * 1024

_PREFIXES = {SOAP: "s", MESSAGES: "m", TYPES: "t"}


class NotXml(ValueError):  # noqa: N818 - says what it is
    """What is no XML, or XML that nobody needs: with a document type, too deep, too much of it."""


@dataclass(slots=True)
class Element:
    """An element by its name, in the namespaces of EWS: "s:Body", "m:CreateItem", "t:Message".

    Of another namespace it is "{namespace}name". `attributes` are those without a namespace.
    """

    name: str
    attributes: dict[str, str]
    line: int
    column: int
    children: list[Element] = field(default_factory=list)
    text: str = field(default="", repr=False)
    must_be_understood: bool = False
    """SOAP 1.1, section 4.2.3: of a header."""

    def child(self, name: str) -> Element | None:
        """The first child of this name."""
        return next((child for child in self.children if child.name == name), None)

    def within(self, *names: str) -> Element | None:
        """The child of a child, and so on, along these names."""
        found: Element | None = self
        for name in names:
            found = found.child(name) if found else None
        return found

    def words(self, *names: str) -> str:
        """The text of what lies along these names; "" where nothing does."""
        found = self.within(*names)
        return found.text.strip() if found else ""

    @property
    def local(self) -> str:
        """The name without its namespace."""
        return self.name.rpartition("}")[2] if self.name.startswith("{") else self.name.rpartition(":")[2]

    @property
    def namespace(self) -> str:
        """Its namespace; "" for none."""
        if self.name.startswith("{"):
            return self.name[1:].partition("}")[0]
        prefix = self.name.partition(":")[0] if ":" in self.name else ""
        return next((long for long, short in _PREFIXES.items() if short == prefix), "")


def parse(body: bytes) -> Element:
    """The root element. Raises NotXml."""
    try:
        return _Reader().read(body)
    except expat.ExpatError as error:
        raise NotXml(str(error)) from None


def everything(root: Element) -> Iterator[Element]:
    """The element and all that is in it, in the order in which they begin."""
    yield root
    for child in root.children:
        yield from everything(child)


class _Reader:
    def __init__(self) -> None:
        self._open: list[Element] = []
        self._texts: list[list[str]] = []
        self._count = 0
        self._root: Element | None = None
        self._parser = expat.ParserCreate(namespace_separator=" ")
        self._parser.buffer_text = True
        self._parser.buffer_size = _TEXT_BUFFER
        self._parser.StartDoctypeDeclHandler = self._doctype
        self._parser.StartElementHandler = self._begin
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._characters

    def read(self, body: bytes) -> Element:
        self._parser.Parse(body, True)
        if self._root is None:
            raise NotXml("nothing is there")
        return self._root

    def _doctype(self, *_declared: object) -> NoReturn:
        raise NotXml("a document type declaration is not allowed (SOAP 1.1, section 3)")

    def _begin(self, name: str, attributes: dict[str, str]) -> None:
        self._count += 1
        if self._count > MOST_ELEMENTS or len(self._open) >= DEEPEST or len(attributes) > MOST_ATTRIBUTES:
            raise NotXml("there is too much of it")
        element = Element(
            name=_short(name),
            attributes={key: value for key, value in attributes.items() if " " not in key},
            line=self._parser.CurrentLineNumber,
            column=self._parser.CurrentColumnNumber + 1,
            must_be_understood=attributes.get(f"{SOAP} mustUnderstand", "0").strip() in {"1", "true"},
        )
        if self._open:
            self._open[-1].children.append(element)
        else:
            self._root = element
        self._open.append(element)
        self._texts.append([])

    def _end(self, _name: str) -> None:
        self._open.pop().text = "".join(self._texts.pop())

    def _characters(self, text: str) -> None:
        self._texts[-1].append(text)


def _short(name: str) -> str:
    namespace, _, local = name.rpartition(" ")
    if namespace in _PREFIXES:
        return f"{_PREFIXES[namespace]}:{local}"
    return f"{{{namespace}}}{local}" if namespace else local
