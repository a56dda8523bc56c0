"""What the practice authority says no with: Entra's numbers and error names, in words of our own."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType

from outmail.demo.web import Response


class Refused(Exception):  # noqa: N818 - says what it is
    """A refusal by its number. `more` is put behind its words."""

    def __init__(self, number: int, more: str = "") -> None:
        super().__init__(number)
        self.number = number
        self.error, words, self.status = REFUSALS[number]
        self.words = f"AADSTS{number}: {words}{more}"


_GRANT, _CLIENT, _REQUEST = "invalid_grant", "invalid_client", "invalid_request"

REFUSALS: Mapping[int, tuple[str, str, int]] = MappingProxyType(
    {
        # number: (error, words, HTTP status). The numbers' meanings: Microsoft's "Microsoft Entra
        # authentication and authorization error codes"; the errors: RFC 6749, 5.2, and RFC 8628, 3.5.
        50011: (_REQUEST, "The redirect address is not registered for this application.", 400),
        50126: (_GRANT, "The user name or the password is wrong.", 400),
        50173: (_GRANT, "The sign-in was revoked: the person has to sign in anew.", 400),
        53003: (_GRANT, "Access is blocked by a Conditional Access policy of the organisation.", 400),
        54005: (_GRANT, "This code was redeemed before.", 400),
        65001: (_GRANT, "Nobody has consented to this application yet.", 400),
        65004: ("authorization_declined", "The person declined to consent.", 400),
        70000: (_GRANT, "The token or code is malformed or is none of ours.", 400),
        70003: ("unsupported_grant_type", "This grant is not known here.", 400),
        70008: (_GRANT, "The code or token has ended.", 400),
        70011: ("invalid_scope", "The scope asks for a right that is not known here: ", 400),
        70016: ("authorization_pending", "The person is not done yet.", 400),
        70018: ("bad_verification_code", "There is no such device code.", 400),
        70020: ("expired_token", "The device code has ended.", 400),
        90002: (_REQUEST, "There is no such tenant here.", 400),
        90014: (_REQUEST, "A field is missing: ", 400),
        500011: ("invalid_resource", "There is no such resource in this tenant: ", 400),
        501481: (_GRANT, "The code verifier does not fit the challenge.", 400),
        501491: (_REQUEST, "The code challenge is no SHA-256 in base64url.", 400),
        700016: ("unauthorized_client", "The application is not registered in this tenant.", 400),
        700022: ("invalid_scope", "The scope asks for more than one resource.", 400),
        700025: (_CLIENT, "A public client may not send a secret.", 401),
        700027: (_CLIENT, "The assertion is not signed by the application's certificate.", 401),
        1002012: ("invalid_scope", "App-only sign-in takes a scope that ends in /.default.", 400),
        7000215: (_CLIENT, "The client secret is wrong: send the secret's value, not its ID.", 401),
        7000218: (_CLIENT, "The request must have client_assertion or client_secret.", 401),
        7000222: (_CLIENT, "The client secret has ended.", 401),
        9001023: (_REQUEST, "This grant needs the tenant's own address, with its ID or its domain.", 400),
    }
)

SLOW_DOWN = "slow_down"
"""RFC 8628, section 3.5; Entra has no number for it."""


def as_response(refused: Refused) -> Response:
    """The refusal as Entra words it."""
    trace, correlation = uuid.uuid4(), uuid.uuid4()
    stamp = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    body = {
        "error": refused.error,
        "error_description": f"{refused.words} Trace ID: {trace} Correlation ID: {correlation} "
        f"Timestamp: {stamp}",
        "error_codes": [refused.number],
        "timestamp": stamp,
        "trace_id": str(trace),
        "correlation_id": str(correlation),
        "error_uri": f"https://login.microsoftonline.com/error?code={refused.number}",
    }
    return as_json(body, refused.status)


def as_json(body: Mapping[str, object], status: int = 200) -> Response:
    """An answer for a program."""
    return Response(status, json.dumps(dict(body)).encode(), "application/json; charset=utf-8")
