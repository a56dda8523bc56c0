"""What a client asks of an answer: which properties, which items, how many; OData, and little of it.

Everything that is not understood is refused, so that a program cannot believe it was heeded.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from outmail.demo.graph.refusals import Refused
from outmail.demo.graph.shapes import Message
from transports.shown import harmless

MOST = 1000
_BY_ITSELF = 10
"""Items that are answered unless $top says how many."""

_FILTER = re.compile(r"internetMessageId +eq +'((?:[^']|'')*)'")
_ALWAYS = {"id", "@odata.etag", "@odata.context"}
_MESSAGE = {field.alias or name for name, field in Message.model_fields.items()}
_USER = {"id", "displayName", "mail", "userPrincipalName"}


@dataclass(frozen=True, slots=True)
class Listing:
    """Which items of a folder: of one Message-ID, or with None any; how many to skip and to tell."""

    message_id: str | None
    skip: int
    top: int


def listing(query: Mapping[str, str]) -> Listing:
    """What the query of a listing says. Raises Refused (400)."""
    _only(query, {"$filter", "$select", "$top", "$skip"})
    given = query.get("$filter")
    found = None if given is None else _FILTER.fullmatch(given.strip())
    if given is not None and found is None:
        raise Refused(
            400, "ErrorInvalidUrlQueryFilter", "The query filter contains one or more invalid nodes."
        )
    top = _number(query, "$top", _BY_ITSELF)
    if not 1 <= top <= MOST:
        raise _unparsed(f"Invalid value '{top}' for $top query option found: 1 to {MOST} are valid.")
    return Listing(found[1].replace("''", "'") if found else None, _number(query, "$skip", 0), top)


def of_message(query: Mapping[str, str], shown: dict[str, object]) -> dict[str, object]:
    """The properties of a message that were asked for. Raises Refused (400)."""
    return _selected(query, shown, _MESSAGE, "message")


def of_user(query: Mapping[str, str], shown: dict[str, object]) -> dict[str, object]:
    """The properties of a user that were asked for. Raises Refused (400)."""
    _only(query, {"$select"})
    return _selected(query, shown, _USER, "user")


def nothing(query: Mapping[str, str]) -> None:
    """Where no query has a meaning. Raises Refused (400)."""
    _only(query, set())


def only_select(query: Mapping[str, str]) -> None:
    """Where the properties can be chosen, and nothing else. Raises Refused (400)."""
    _only(query, {"$select"})


def _selected(
    query: Mapping[str, str], shown: dict[str, object], known: set[str], what: str
) -> dict[str, object]:
    if "$select" not in query:
        # A client that wants its own headers back has to ask for them.
        return {name: value for name, value in shown.items() if name != "internetMessageHeaders"}
    wanted = {name.strip() for name in query["$select"].split(",")}
    unknown = sorted(wanted - known)
    if unknown:
        name = harmless(unknown[0], 60)
        raise _unparsed(f"Could not find a property named '{name}' on type 'microsoft.graph.{what}'.")
    return {name: value for name, value in shown.items() if name in wanted | _ALWAYS}


def _number(query: Mapping[str, str], name: str, otherwise: int) -> int:
    text = query.get(name, str(otherwise))
    if not re.fullmatch("[0-9]{1,6}", text):
        raise _unparsed(f"Invalid value '{harmless(text, 60)}' for {name} query option found.")
    return int(text)


def _only(query: Mapping[str, str], known: set[str]) -> None:
    unknown = sorted(name for name in query if name.startswith("$") and name not in known)
    if unknown:
        raise _unparsed(f"The practice Graph has no query option '{harmless(unknown[0], 60)}' here.")


def _unparsed(words: str) -> Refused:
    return Refused(400, "RequestBroker--ParseUri", words)
