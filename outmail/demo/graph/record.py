"""What was asked of the practice Graph and what it answered, for tests that look at both.

The value of an Authorization header is never kept, and no more than a bounded number of bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from outmail.demo.web import Request, Response

MOST_EXCHANGES = 2000
MOST_BYTES = 64 * 1024 * 1024

_HIDDEN = "***"


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its answer; `began` and `ended` are readings of time.monotonic().

    `body` is None where it is not kept: pieces of an upload, and whatever comes after MOST_BYTES.
    `status` is 0 where the connection was cut in place of an answer.
    """

    method: str
    target: str  # path and query, as they came
    headers: Mapping[str, str] = field(repr=False)  # by name in small letters
    body: bytes | None = field(repr=False)
    status: int
    answer_headers: Mapping[str, str] = field(repr=False)
    answer: bytes
    began: float
    ended: float

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.target.partition("?")[0]


def exchange(
    request: Request, response: Response, began: float, ended: float, *, keep_body: bool
) -> Exchange:
    """The record of a request and its answer."""
    headers = {name: _HIDDEN if name == "authorization" else value for name, value in request.headers.items()}
    return Exchange(
        method=request.method,
        target=request.target,
        headers=MappingProxyType(headers),
        body=request.body if keep_body else None,
        status=0 if response.drops else response.status,
        answer_headers=MappingProxyType({"content-type": response.kind, **response.headers}),
        answer=response.body,
        began=began,
        ended=ended,
    )


def bounded(record: list[Exchange]) -> bool:
    """Whether there is room for the body of one more; drops the oldest exchanges that are too many."""
    del record[: max(0, len(record) - MOST_EXCHANGES + 1)]
    return sum(len(kept.body or b"") + len(kept.answer) for kept in record) < MOST_BYTES
