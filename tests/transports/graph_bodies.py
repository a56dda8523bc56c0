"""Answers of Graph as they come, for tests of what they mean."""

from __future__ import annotations

import base64
import json

from transports.base import Failure, StepName, TransportError
from transports.graph_answers import refusal
from transports.http import Answer

_URL = "https://graph.microsoft.com/v1.0/me/sendMail"
JSON = {"content-type": "application/json"}
NOW = 1_795_000_000.0
CLAIMS = base64.b64encode(b'{"access_token":{"nbf":{"essential":true,"value":"1795"}}}').decode()
CHALLENGE = {
    **JSON,
    "www-authenticate": (
        'Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize", '
        f'error="insufficient_claims", claims="{CLAIMS}"'
    ),
}
PAGE = b"<!DOCTYPE html><html><body>Please sign in to the network</body></html>"
TOKEN = "eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJodHRwczovL2dyYXBoIn0.c2lnbmF0dXJl"


def graph_error(code: str, message: str = "", *inner: str) -> bytes:
    """The body of an error, with the codes of its inner ones."""
    node: dict[str, object] = {"request-id": "req-1", "date": "2026-11-22T10:00:00"}
    for place, deeper in enumerate(reversed(inner)):
        node = {"code": deeper, ("innererror" if place % 2 else "innerError"): node}
    return json.dumps({"error": {"code": code, "message": message, "innerError": node}}).encode()


def answer(status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> Answer:
    """An answer of Graph to sendMail."""
    return Answer(status, JSON if headers is None else headers, body, _URL)


def failure(
    got: Answer, *, handed_over: bool = True, step: StepName = StepName.SEND, upload: bool = False
) -> Failure:
    """The failure that it stands for."""
    error = refusal(step, got, handed_over=handed_over, upload=upload, now=NOW)
    assert isinstance(error, TransportError)
    return error.failure
