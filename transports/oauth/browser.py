"""The browser's part of a sign-in: the address to open, and the address that it ends on, as it was pasted.

An answer that does not carry this sign-in's own state is never used, and no code stands in an error.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from urllib.parse import parse_qs, urlsplit

from transports.base import Cause, TransportError
from transports.oauth.answers import aadsts_in, declined, same_issuer
from transports.oauth.base import BrowserRequest
from transports.oauth.failures import failed
from transports.secret import Secret
from transports.shown import harmless

_LONGEST = 32 * 1024
_OURS = ("code", "state", "iss", "error")


def new_secret() -> Secret:
    """43 letters of chance: a state, a nonce, or a verifier (RFC 7636, section 4.1)."""
    return Secret(secrets.token_urlsafe(32))


def challenge(verifier: Secret) -> str:
    """The verifier's S256 challenge (RFC 7636, section 4.2)."""
    digest = hashlib.sha256(verifier.reveal().encode("ascii")).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")


def parse(answer: str, request: BrowserRequest, issuer: str) -> str:
    """The code in the address that the browser ended on, however it was pasted (RFC 6749, section 4.1.2).

    Raises TransportError: OAUTH_NOT_STANDARD where there is no address or no code, OAUTH_WRONG_STATE,
    OAUTH_WRONG_ISSUER (RFC 9207), OAUTH_DECLINED, OAUTH_REFUSED.
    """
    fields = _fields(answer)
    if not fields:
        raise failed(
            Cause.OAUTH_NOT_STANDARD,
            "That is not the address the browser ended on: copy all of it, with code= and state= in it.",
            what="paste",
        )
    state = fields.get("state", "")
    if not hmac.compare_digest(state.encode("utf-8", "replace"), request.state.reveal().encode()):
        words = (
            "This address belongs to another sign-in: open the one shown here, and paste where it ends."
            if state
            else "This address has no state: copy the whole of it, up to its end."
        )
        raise failed(Cause.OAUTH_WRONG_STATE, words)
    their_issuer = fields.get("iss", "")
    if their_issuer and not same_issuer(their_issuer, issuer):
        raise failed(
            Cause.OAUTH_WRONG_ISSUER,
            f"the answer is of {their_issuer}, not of {issuer}",
            expected=issuer,
            got=harmless(their_issuer, 200),
        )
    error = fields.get("error", "")
    if error:
        raise _refused(error, fields.get("error_description", ""))
    code = fields.get("code", "")
    if not code or not code.isprintable():
        raise failed(Cause.OAUTH_NOT_STANDARD, "This address has no code in it.", what="paste")
    return code


def _fields(answer: str) -> Mapping[str, str]:
    """The parameters of whatever was pasted: an address, its query, with line breaks of a terminal in it."""
    text = "".join(answer.strip().strip("'\"<>").split())
    if len(text) > _LONGEST or "=" not in text:
        return {}
    try:
        # An address bar may keep http:// to itself; what has neither ? nor # is the query alone.
        parts = urlsplit(text if "?" in text or "#" in text else f"?{text.lstrip('/')}")
        found = parse_qs(parts.query or parts.fragment, keep_blank_values=True, max_num_fields=50)
    except ValueError:
        return {}
    if any(len(found.get(name, "1")) > 1 for name in _OURS):
        return {}  # RFC 6749, section 3.1: none may stand there twice
    fields = {name: values[0] for name, values in found.items()}
    return fields if fields.keys() & {"code", "error", "state"} else {}


def _refused(error: str, description: str) -> TransportError:
    words = " ".join((description or error).split())
    aadsts = aadsts_in(words)
    cause = Cause.OAUTH_DECLINED if declined(error, aadsts) else Cause.OAUTH_REFUSED
    return failed(cause, words, error=harmless(error, 100), aadsts=aadsts)
