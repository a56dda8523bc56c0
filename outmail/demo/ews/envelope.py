"""Opens the SOAP envelope of a request to the practice Exchange: for whom it acts, and what it asks.

What is no SOAP 1.1 is refused as the real service's web server does, before anybody looks at what it wants.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from outmail.demo.ews import schema
from outmail.demo.ews.parsing import TYPES, Element, NotXml, parse
from outmail.demo.ews.soap import SoapFault
from outmail.demo.web import Request, Response

_VERSIONS = {
    *("Exchange2007", "Exchange2007_SP1", "Exchange2010", "Exchange2010_SP1", "Exchange2010_SP2"),
    *("Exchange2013", "Exchange2013_SP1", "Exchange2015", "Exchange2016"),
}
_LATER = re.compile(r"V[0-9]{4}_[0-9]{2}_[0-9]{2}")
_UTF_8 = {"", "utf-8", "utf8"}


class TurnedAway(Exception):  # noqa: N818 - says what it is
    """A request that gets an answer of HTTP alone, without SOAP."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status)
        self.response = response


@dataclass(frozen=True, slots=True)
class Envelope:
    """What a request says: for which version it is written, in whose name it is made, and what it asks."""

    version: str  # "" where it does not say
    impersonated: str  # "" in one's own name
    operation: Element


def opened(request: Request) -> Envelope:
    """The envelope of a request. Raises TurnedAway (400, 415) and SoapFault."""
    kind, _, parameters = request.headers.get("content-type", "").partition(";")
    if kind.strip().lower() != "text/xml" or _charset(parameters) not in _UTF_8:
        raise TurnedAway(Response(415, kind=""))
    try:
        root = parse(request.body)
    except NotXml:
        raise TurnedAway(Response(400, kind="")) from None
    body = root.child("s:Body")
    if root.name != "s:Envelope" or body is None or len(body.children) != 1:
        raise TurnedAway(Response(400, kind=""))
    header = root.child("s:Header")
    version, impersonated = _header(header) if header else ("", "")
    operation = body.children[0]
    schema.check(operation)
    return Envelope(version, impersonated, operation)


def _header(header: Element) -> tuple[str, str]:
    for element in header.children:
        if element.must_be_understood and element.namespace != TYPES:
            raise SoapFault("ErrorInvalidRequest", f"The header '{element.local}' is not understood.")
        schema.check(element)
    asked = header.child("t:RequestServerVersion")
    version = asked.attributes["Version"] if asked else ""
    if version and version not in _VERSIONS and not _LATER.fullmatch(version):
        raise SoapFault("ErrorInvalidServerVersion", "The specified server version is invalid.")
    who = header.within("t:ExchangeImpersonation", "t:ConnectingSID")
    if who is None:
        return version, ""
    if who.child("t:SID"):
        raise SoapFault("ErrorImpersonationFailed", "The practice Exchange knows people by their addresses.")
    return version, who.children[0].text.strip()


def _charset(parameters: str) -> str:
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            return value.strip().strip('"').lower()
    return ""
