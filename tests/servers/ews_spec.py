"""Microsoft's own schemas of Exchange Web Services, against which recorded requests and answers are held.

The schemas under tests/data/ews are Microsoft's (MIT; SOURCE.md there says which). Two things are not in
them: the SOAP envelope with its faults, whose shape is checked by hand here, and other versions of Exchange
than the one they were written for, which a client may name in RequestServerVersion.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from xml.etree import ElementTree as ET

import xmlschema
from xmlschema.validators import XsdComplexType, XsdGroup, XsdSimpleType

from outmail.demo.ews.parsing import MESSAGES, SOAP, TYPES
from outmail.demo.ews.server import PATH, PracticeEws
from outmail.demo.ews.soap import ERRORS
from outmail.demo.graph.record import Exchange

FOLDER = Path(__file__).parents[1] / "data" / "ews"

_MALFORMED = {400, 404, 405, 413, 415}
"""What says that the request was at fault: such a one need not be a right one."""
_MALFORMED_CODES = (b">ErrorSchemaValidation<", b">ErrorInvalidServerVersion<")
_NAMESPACES = {"s": SOAP, "m": MESSAGES, "t": TYPES, "e": ERRORS}
_ENVELOPE = f"{{{SOAP}}}Envelope"
_VERSION = f"{{{TYPES}}}RequestServerVersion"


class Recorder:
    """`with Recorder(tenant.ews) as recorded:` records what is asked and answered meanwhile."""

    def __init__(self, ews: PracticeEws) -> None:
        self._ews = ews

    def __enter__(self) -> list[Exchange]:
        recorded: list[Exchange] = []
        self._ews.record = recorded
        return recorded

    def __exit__(self, *_error: object) -> None:
        self._ews.record = None


def check_all(recorded: Iterable[Exchange], *, refused_too: bool = False) -> int:
    """Hold every exchange against the schemas; returns how many there were.

    Raises AssertionError with everything that does not fit. A request that was refused as malformed need not
    fit, unless `refused_too` says so; its answer must. Where the connection was cut there is no answer.
    """
    wrong: list[str] = []
    count = 0
    for exchange in recorded:
        count += 1
        if refused_too or not _is_malformed(exchange):
            wrong += _named(exchange, "request", request_problems(exchange))
        if exchange.status:
            wrong += _named(exchange, "answer", answer_problems(exchange))
    assert not wrong, "\n".join(wrong)
    return count


def request_problems(exchange: Exchange) -> list[str]:
    """What does not fit of the request. A body that was not recorded is a problem: nobody saw it.

    One without a body that got no answer of SOAP is fine: a client's first message of NTLM may be so.
    """
    if exchange.body is None:
        return ["its body was not recorded"]
    if not exchange.body and exchange.status not in {200, 500}:
        return []
    found = list(_framed(exchange.body))
    if exchange.method != "POST" or exchange.path.lower() != PATH.lower():
        found.append(f"it is a {exchange.method} for {exchange.path}")
    kind = exchange.headers.get("content-type", "").lower().replace(" ", "").replace('"', "")
    if kind not in {"text/xml", "text/xml;charset=utf-8"}:
        found.append(f"it is {kind or 'nothing'}, not XML")
    return found


def answer_problems(exchange: Exchange) -> list[str]:
    """What does not fit of the answer. One of HTTP alone has no body, or a page for people."""
    kind = exchange.answer_headers["content-type"]
    if exchange.status not in {200, 500}:
        return [f"it is {kind}"] if kind and not kind.startswith("text/html") else []
    if kind != "text/xml; charset=utf-8":
        return [f"it is {kind or 'nothing'}, not SOAP"]
    found = list(_framed(exchange.answer, answered=True))
    operation = _operation(exchange.answer)
    if exchange.status == 500 and operation != f"{{{SOAP}}}Fault":
        found.append(f"it is {operation}, not a fault")
    if exchange.status == 200 and operation != f"{_operation(exchange.body or b'')}Response":
        found.append(f"{operation} is no answer to {_operation(exchange.body or b'')}")
    return found


@cache
def response_codes() -> frozenset[str]:
    """Every code that the schemas know."""
    return values_of(MESSAGES, "ResponseCodeType")


def values_of(namespace: str, name: str) -> frozenset[str]:
    """Every value of an enumeration."""
    kind = _schema().maps.types[f"{{{namespace}}}{name}"]
    assert isinstance(kind, XsdSimpleType)
    return frozenset(map(str, kind.enumeration or ()))


def elements_of(namespace: str, name: str) -> list[str]:
    """The names of the elements of a type that is a sequence, in their order."""
    kind = _schema().maps.types[f"{{{namespace}}}{name}"]
    assert isinstance(kind, XsdComplexType)
    assert isinstance(kind.content, XsdGroup)
    return [str(element.local_name) for element in kind.content.iter_elements()]


@cache
def _schema() -> xmlschema.XMLSchema10:
    """Takes a second. "lax": the set has names that lead nowhere, none of them on the way of a mail."""
    found = xmlschema.XMLSchema10(
        str(FOLDER / "MS-OXWSCDATA-messages.xsd"),
        validation="lax",
        locations={"http://www.w3.org/XML/1998/namespace": str(FOLDER / "xml.xsd")},
        build=False,
    )
    # Several files are imported for the one namespace, and xmlschema heeds the first of them alone.
    for types in sorted(FOLDER.glob("*-types.xsd")):
        found.add_schema(str(types), namespace=TYPES)
    found.build()
    return found


def _framed(body: bytes, *, answered: bool = False) -> Iterator[str]:
    """What does not fit of a SOAP message and of what it carries."""
    try:
        envelope = ET.fromstring(body)
    except ET.ParseError as error:
        yield f"it is no XML: {error}"
        return
    parts = [part.tag for part in envelope]
    if envelope.tag != _ENVELOPE or parts not in (
        [f"{{{SOAP}}}Header", f"{{{SOAP}}}Body"],
        [f"{{{SOAP}}}Body"],
    ):
        yield f"it is no SOAP envelope: {envelope.tag} with {parts}"
        return
    header, inside = envelope.find("s:Header", _NAMESPACES), envelope[-1]
    for element in () if header is None else header:
        yield from problems_of(element)
    if len(inside) != 1:
        yield f"its body has {len(inside)} elements"
        return
    if inside[0].tag == f"{{{SOAP}}}Fault":
        yield from _fault(inside[0])
        return
    if answered and (header is None or header.find("t:ServerVersionInfo", _NAMESPACES) is None):
        yield "it does not say the server's version"
    yield from problems_of(inside[0])


def problems_of(element: ET.Element) -> Iterator[str]:
    """What does not fit of an element, held against the schemas' element of that name."""
    kind = _schema().maps.elements.get(element.tag)
    if not isinstance(kind, xmlschema.XsdElement):
        yield f"there is no element {element.tag}"
        return
    for error in _schema().iter_errors(element, namespaces=_NAMESPACES):
        if element.tag == _VERSION and "fixed" in str(error.reason):
            continue
        yield f"{element.tag}: {error.path or ''}: {str(error.reason)[:300]}"


def _fault(fault: ET.Element) -> Iterator[str]:
    """SOAP 1.1, section 4.4, with Exchange's detail."""
    parts = [part.tag for part in fault]
    if parts != ["faultcode", "faultstring", "detail"]:
        yield f"a fault has {parts}"
        return
    code = fault.findtext("detail/e:ResponseCode", "", _NAMESPACES)
    if fault.findtext("faultcode", "").rpartition(":")[2] != code:
        yield f"the codes differ: {code}"
    if code not in response_codes():
        yield f"there is no code {code}"
    if not fault.findtext("faultstring") or not fault.findtext("detail/e:Message", "", _NAMESPACES):
        yield "it says nothing"


def _operation(body: bytes) -> str:
    try:
        return str(ET.fromstring(body)[-1][0].tag)
    except (ET.ParseError, IndexError):
        return ""


def _is_malformed(exchange: Exchange) -> bool:
    return exchange.status in _MALFORMED or any(code in exchange.answer for code in _MALFORMED_CODES)


def _named(exchange: Exchange, part: str, problems: list[str]) -> Iterator[str]:
    for problem in problems:
        yield f"{exchange.method} {exchange.path} ({exchange.status}), {part}: {problem}"
