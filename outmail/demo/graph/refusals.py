"""What the practice Graph says no with: the real service's codes and statuses, as OData errors.

Sources: "Microsoft Graph error responses and resource types", and the response codes of Exchange behind it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType

from outmail.demo.web import Response

JSON = "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8"

_NO_HEADERS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Traced:
    """The two IDs by which a request is found in the service's log; the client chooses the second."""

    request_id: str
    client_request_id: str

    @property
    def headers(self) -> dict[str, str]:
        """As every answer carries them."""
        return {"request-id": self.request_id, "client-request-id": self.client_request_id}


class Refused(Exception):  # noqa: N818 - says what it is
    """A request that is not done: HTTP status, the service's code, and its words."""

    def __init__(self, status: int, code: str, words: str, headers: Mapping[str, str] = _NO_HEADERS) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.words = words
        self.headers = headers

    def response(self, traced: Traced) -> Response:
        """As the service answers."""
        inner = {"date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S"), **traced.headers}
        error = {"code": self.code, "message": self.words, "innerError": inner}
        return as_json({"error": error}, self.status, self.headers)


def as_json(
    body: Mapping[str, object], status: int = 200, headers: Mapping[str, str] = _NO_HEADERS
) -> Response:
    """An answer with an object."""
    return Response(status, json.dumps(dict(body)).encode(), JSON, headers)


def done(status: int, headers: Mapping[str, str] = _NO_HEADERS) -> Response:
    """An answer that says nothing but its status."""
    return Response(status, kind="", headers=headers)


def denied() -> Refused:
    """A right is missing: the service does not say which."""
    return Refused(403, "ErrorAccessDenied", "Access is denied. Check credentials and try again.")


def not_found() -> Refused:
    """An item that is not there, or not there any more."""
    return Refused(404, "ErrorItemNotFound", "The specified object was not found in the store.")


def malformed_id() -> Refused:
    """What never was the ID of an item."""
    return Refused(400, "ErrorInvalidIdMalformed", "Id is malformed.")


def too_large() -> Refused:
    """A request that is too long, whatever it asks."""
    words = "The maximum request length supported is 4MB."
    return Refused(413, "RequestEntityTooLarge", words)


def no_such_segment(segment: str) -> Refused:
    """An address that the service does not have."""
    return Refused(400, "BadRequest", f"Resource not found for the segment '{segment}'.")


def wrong_body(words: str) -> Refused:
    """A body that is not the JSON of what was asked for."""
    return Refused(400, "RequestBodyRead", words)
