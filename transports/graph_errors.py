"""What stands in an answer of Microsoft Graph that is no success: an error, a challenge, or a strange page.

Any body is survived. It judges nothing, and never gives out a token, a challenge or an upload address.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass

from transports.http import Answer, NotJson
from transports.shown import harmless

LONGEST_WORDS = 1000

_DEEPEST = 32
_LONGEST_CODE = 100
_LONGEST_HEADER = 16_384
_SECRETS = re.compile(r"eyJ[\w-]{8,}(\.[\w-]*)*|(?<=token=)[^\s&\"']+", re.IGNORECASE | re.ASCII)
"""What looks like a token (a JWT), or is called one in an address."""

_CLAIMS = re.compile(r"claims\s*=\s*\"?([^\s\",]*)", re.IGNORECASE)
_INSTEAD = {
    "redirect": "a redirect",
    "empty": "nothing",
    "html": "a web page",
    "json": "JSON of another kind",
    "text": "a text",
}


@dataclass(frozen=True, slots=True)
class GraphError:
    """An error as Graph words it: https://learn.microsoft.com/graph/errors.

    `codes` are from the outermost to the deepest `innererror`; each tells more than the one around it.
    """

    codes: tuple[str, ...]
    message: str
    request_id: str = ""
    date: str = ""


def error_of(answer: Answer) -> GraphError | None:
    """The error in an answer; None where it holds none."""
    try:
        node: object = answer.json_object().get("error")
    except NotJson:
        return None
    codes, message, request_id, date = [], "", "", ""
    for _ in range(_DEEPEST):
        if not isinstance(node, dict):
            break
        fields = {str(name).lower(): value for name, value in node.items()}  # innererror, innerError
        codes.append(line(fields.get("code")))
        message = message or line(fields.get("message"), LONGEST_WORDS)
        request_id = line(fields.get("request-id")) or request_id
        date = line(fields.get("date")) or date
        node = fields.get("innererror")
    found = tuple(code for code in codes if code)
    return GraphError(found, message, request_id, date) if found or message else None


def instead(answer: Answer) -> str:
    """What came where JSON of Graph was due: redirect, empty, html, text, or json of another kind."""
    if 300 <= answer.status < 400:
        return "redirect"
    start = answer.body[:1024].lstrip(b"\xef\xbb\xbf \t\r\n")
    if not start:
        return "empty"
    kind = answer.headers.get("content-type", "").lower()
    if start[:1] == b"<" or "html" in kind:
        return "html"
    return "json" if start[:1] in {b"{", b"["} or "json" in kind else "text"


def words_instead(status: int, what: str) -> str:
    """The same for people; nothing of the page itself, which may hold anything."""
    return f"HTTP status {status} with {_INSTEAD[what]} in place of Graph's answer"


def challenge_of(answer: Answer) -> dict[str, str] | None:
    """What a refused token's challenge says (RFC 6750, section 3), as facts; None where there is none.

    `claims_challenge` is "yes" where claims are wanted that the token lacks, "unreadable" where that part
    is damaged: https://learn.microsoft.com/entra/identity-platform/claims-challenge. They are never shown.
    """
    given = answer.headers.get("www-authenticate", "")[:_LONGEST_HEADER]
    if answer.status not in {401, 403} or "bearer" not in given.lower():
        return None
    facts = {}
    if "insufficient_claims" in given.lower():
        facts["insufficient_claims"] = "yes"
    claims = _CLAIMS.search(given)
    if claims:
        facts["claims_challenge"] = "yes" if _are_claims(claims[1]) else "unreadable"
    return facts


def line(value: object, longest: int = _LONGEST_CODE) -> str:
    """A text of an answer on one line, harmless and with what looks like a token as ***; "" for no text."""
    if not isinstance(value, str):
        return ""
    text = " ".join(value[: 8 * longest].split())
    return harmless(_SECRETS.sub("***", text), longest)


def _are_claims(text: str) -> bool:
    """Whether it is a JSON object in base64, of either alphabet."""
    text = text.replace("-", "+").replace("_", "/").rstrip("=")
    try:
        found = json.loads(base64.b64decode(text + "=" * (-len(text) % 4), validate=True))
    except (binascii.Error, ValueError, RecursionError):
        return False
    return isinstance(found, dict)
