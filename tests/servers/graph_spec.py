"""Microsoft's own description of Graph's mail requests, against which recorded requests and answers are held.

The three documents under tests/data/graph are made from Microsoft's metadata (MIT; SOURCE.md there says how):
"Prod" is the worldwide cloud, "Fairfax" US Government, "Mooncake" China. Two things are not in them: the
listing of Sent Items, of which each item is checked as a message (or a part of one, after $select), and the
addresses of uploads, whose answers are checked as an upload session, and their refusals as errors.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal, Protocol
from urllib.parse import unquote

from openapi_core import OpenAPI
from openapi_core.datatypes import RequestParameters
from openapi_core.exceptions import OpenAPIError
from openapi_schema_validator import OAS30Validator

from outmail.demo.graph.record import Exchange
from outmail.demo.graph.server import PracticeGraph
from outmail.demo.graph.uploads import PREFIX

Cloud = Literal["Prod", "Fairfax", "Mooncake"]

_FOLDER = Path(__file__).parents[1] / "data" / "graph"
_TYPE = re.compile(r'"#/components/schemas/([^"]+)"')
_MALFORMED = {400, 404, 405, 411, 413, 415, 416}
"""What says that the request was at fault: such a one need not be a right one."""


class Recorder:
    """`with Recorder(tenant.graph) as recorded:` records what is asked and answered meanwhile."""

    def __init__(self, graph: PracticeGraph) -> None:
        self._graph = graph

    def __enter__(self) -> list[Exchange]:
        recorded: list[Exchange] = []
        self._graph.record = recorded
        return recorded

    def __exit__(self, *_error: object) -> None:
        self._graph.record = None


def check_all(recorded: Iterable[Exchange], cloud: Cloud = "Prod", *, refused_too: bool = False) -> int:
    """Hold every exchange against the description of that cloud; returns how many there were.

    Raises AssertionError with everything that does not fit. A request that was refused as malformed need not
    fit, unless `refused_too` says so; its answer must. Where the connection was cut there is no answer.
    """
    wrong: list[str] = []
    count = 0
    for exchange in recorded:
        count += 1
        if refused_too or exchange.status not in _MALFORMED:
            wrong += _named(exchange, "request", request_problems(exchange, cloud))
        if exchange.status:
            wrong += _named(exchange, "answer", answer_problems(exchange, cloud))
    assert not wrong, "\n".join(wrong)
    return count


def request_problems(exchange: Exchange, cloud: Cloud = "Prod") -> list[str]:
    """What does not fit of the request. A body that was not recorded is a problem: nobody saw it."""
    if _is_upload(exchange) or _is_listing(exchange):
        return []
    if exchange.body is None:
        return ["its body was not recorded"]
    try:
        _api(cloud).validate_request(_Asked.of(exchange))
    except OpenAPIError as error:
        return list(_causes(error))
    return []


def answer_problems(exchange: Exchange, cloud: Cloud = "Prod") -> list[str]:
    """What does not fit of the answer."""
    if exchange.status >= 400:
        return _unfit(exchange, "odataError", cloud)
    if _is_upload(exchange):
        return _unfit(exchange, "uploadSession", cloud) if exchange.status == 200 else []
    if _is_listing(exchange):
        items = json.loads(exchange.answer)["value"]
        return [problem for item in items for problem in problems_of(item, "message", cloud)]
    try:
        _api(cloud).validate_response(_Asked.of(exchange), _Answered.of(exchange))
    except OpenAPIError as error:
        return list(_causes(error))
    if exchange.status in {202, 204} and exchange.answer:
        return ["it has a body"]
    return []


def problems_of(value: object, schema: str, cloud: Cloud = "Prod") -> list[str]:
    """What does not fit of a JSON value, held against one of the description's types."""
    whole = _document(cloud)
    validator = OAS30Validator({"$ref": f"#/components/schemas/{schema}", "components": whole["components"]})
    return [_words(error) for error in validator.iter_errors(value)]


@dataclass
class _Asked:
    """A request, as openapi-core wants to see one: at the service's own address."""

    host_url: str
    path: str
    method: str
    parameters: RequestParameters
    content_type: str
    body: bytes | None

    @classmethod
    def of(cls, exchange: Exchange) -> _Asked:
        return cls(
            host_url="https://graph.microsoft.com",
            path=unquote(exchange.path),
            method=exchange.method.lower(),
            parameters=RequestParameters(header=exchange.headers),
            content_type=exchange.headers.get("content-type", "").lower(),
            body=exchange.body or None,
        )


@dataclass
class _Answered:
    status_code: int
    content_type: str
    headers: Mapping[str, str]
    data: bytes | None

    @classmethod
    def of(cls, exchange: Exchange) -> _Answered:
        return cls(
            status_code=exchange.status,
            content_type=exchange.answer_headers["content-type"].lower(),
            headers=exchange.answer_headers,
            data=exchange.answer,
        )


class _SchemaError(Protocol):
    """A part of a value that does not fit its type: jsonschema's ValidationError, which has no type hints."""

    json_path: str
    message: str


@cache
def _document(cloud: Cloud) -> dict[str, dict[str, object]]:
    """The description, without the requests of which this cloud lacks a type: it does not have them."""
    found: dict[str, dict[str, object]] = json.loads(
        (_FOLDER / f"graph-mail-v1.0-{cloud}.openapi.json").read_bytes()
    )
    types = found["components"]["schemas"]
    assert isinstance(types, dict)
    for path, item in list(found["paths"].items()):
        if not set(_TYPE.findall(json.dumps(item))) <= types.keys():
            del found["paths"][path]
    return found


@cache
def _api(cloud: Cloud) -> OpenAPI:
    return OpenAPI.from_dict(_document(cloud))


def _is_upload(exchange: Exchange) -> bool:
    return exchange.path.startswith(PREFIX)


def _is_listing(exchange: Exchange) -> bool:
    return exchange.path.lower().endswith("/mailfolders/sentitems/messages")


def _unfit(exchange: Exchange, schema: str, cloud: Cloud) -> list[str]:
    if not exchange.answer_headers["content-type"].startswith("application/json"):
        return [f"it is {exchange.answer_headers['content-type'] or 'nothing'}, not JSON"]
    return problems_of(json.loads(exchange.answer), schema, cloud)


def _named(exchange: Exchange, part: str, problems: list[str]) -> Iterator[str]:
    for problem in problems:
        yield f"{exchange.method} {exchange.path} ({exchange.status}), {part}: {problem}"


def _causes(error: BaseException) -> Iterator[str]:
    """The error and what it came of: the outer one says no more than that the body is wrong."""
    yield f"{type(error).__name__}: {error}"
    for inner in getattr(error, "schema_errors", ()):
        yield _words(inner)
    if error.__cause__ is not None:
        yield from _causes(error.__cause__)


def _words(error: _SchemaError) -> str:
    return f"{error.json_path}: {error.message[:300]}"
