"""Writes the practice Exchange's answers as SOAP 1.1: results, errors of one item, faults of a request.

Everything that came from a client is escaped here, and nowhere else. Source of the shapes: [MS-OXWSCDATA],
and the faults that Exchange Server is seen to give.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from xml.sax.saxutils import escape

from outmail.demo.ews.parsing import MESSAGES, SOAP, TYPES
from outmail.demo.web import Response

XML = "text/xml; charset=utf-8"
ERRORS = "http://schemas.microsoft.com/exchange/services/2006/errors"

_DECLARED = '<?xml version="1.0" encoding="utf-8"?>'
_VERSION = (
    f'<h:ServerVersionInfo xmlns:h="{TYPES}" MajorVersion="15" MinorVersion="2" MajorBuildNumber="1544" '
    'MinorBuildNumber="11" Version="V2017_07_11"/>'
)
"""As an Exchange Server 2019 says it."""

_WITH_NOTHING = {"CreateItem": "<m:Items/>", "GetItem": "<m:Items/>", "GetFolder": "<m:Folders/>"}
"""What a response message has even where there is nothing to put into it."""

_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0, section 2.2 has no place for, escaped or not."""

_NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class SoapFault(Exception):  # noqa: N818 - says what it is
    """A request that is not done at all: the service's code and its words; HTTP 500.

    `values` go into MessageXml by their names, `about` is XML that goes in as it is.
    """

    def __init__(
        self, code: str, words: str, values: Mapping[str, str] = _NO_HEADERS, about: str = ""
    ) -> None:
        super().__init__(code)
        self.code = code
        self.words = words
        self._inside = about + "".join(
            tag("t:Value", text(value), Name=name) for name, value in values.items()
        )

    def response(self) -> Response:
        """As the service answers."""
        more = tag("t:MessageXml", self._inside, **{"xmlns:t": TYPES}) if self._inside else ""
        errors = {"xmlns:e": ERRORS}
        detail = tag(
            "detail",
            tag("e:ResponseCode", text(self.code), **errors),
            tag("e:Message", text(self.words), **errors),
            more,
        )
        fault = tag(
            "s:Fault",
            tag("faultcode", text(f"a:{self.code}"), **{"xmlns:a": TYPES}),
            tag("faultstring", text(self.words), **{"xml:lang": "en-US"}),
            detail,
        )
        return _envelope(tag("s:Body", fault), 500)


class Failed(Exception):  # noqa: N818 - says what it is
    """One item of a request that is not done: a response message of the class Error; HTTP 200."""

    def __init__(self, code: str, words: str, values: Mapping[str, str] = _NO_HEADERS) -> None:
        super().__init__(code)
        self.code = code
        self.words = words
        self._values = values

    def message(self, operation: str) -> str:
        """The response message."""
        inside = "".join(tag("t:Value", text(value), Name=name) for name, value in self._values.items())
        return tag(
            f"m:{operation}ResponseMessage",
            tag("m:MessageText", text(self.words)),
            tag("m:ResponseCode", text(self.code)),
            tag("m:DescriptiveLinkKey", "0"),
            tag("m:MessageXml", inside) if inside else "",
            _WITH_NOTHING.get(operation, ""),
            ResponseClass="Error",
        )


def done(operation: str, *inside: str) -> str:
    """A response message that says that all is well, with what is in it."""
    return tag(
        f"m:{operation}ResponseMessage", tag("m:ResponseCode", "NoError"), *inside, ResponseClass="Success"
    )


def answer(operation: str, messages: list[str]) -> Response:
    """The answer to a request: a response message for each thing that was asked for."""
    inside = tag("m:ResponseMessages", *messages)
    body = tag(f"m:{operation}Response", inside, **{"xmlns:m": MESSAGES, "xmlns:t": TYPES})
    return _envelope(tag("s:Header", _VERSION) + tag("s:Body", body))


def tag(name: str, *inside: str, **attributes: str) -> str:
    """An element; `inside` is XML already, attributes are plain text."""
    head = "".join(f' {key}="{_attribute(value)}"' for key, value in attributes.items())
    content = "".join(inside)
    return f"<{name}{head}>{content}</{name}>" if content else f"<{name}{head}/>"


def text(plain: str) -> str:
    """Plain text, made harmless in XML."""
    return escape(_NO_XML.sub("\ufffd", plain))


def yes_no(value: bool) -> str:
    """As XML writes it."""
    return "true" if value else "false"


def _attribute(plain: str) -> str:
    return escape(_NO_XML.sub("\ufffd", plain), {'"': "&quot;", "\n": "&#10;", "\r": "&#13;", "\t": "&#9;"})


def _envelope(inside: str, status: int = 200) -> Response:
    whole = _DECLARED + tag("s:Envelope", inside, **{"xmlns:s": SOAP})
    return Response(status, whole.encode(), XML)
