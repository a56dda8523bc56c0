"""What a token says of itself, read for people to look at; nothing is ever decided by an unproven claim.

It never raises: a token that is no JWT simply says nothing.
"""

from __future__ import annotations

import base64
import binascii
import json

from transports.shown import harmless

_LONGEST_TOKEN = 64 * 1024
_LONGEST_CLAIM = 500
_SHOWN = (
    "aud", "iss", "scp", "roles", "tid", "appid", "azp", "idtyp", "oid", "sub",
    "upn", "preferred_username", "unique_name", "email", "exp", "iat", "nbf",
)  # fmt: skip


def read(token: str) -> dict[str, str]:
    """The claims of a JWT (RFC 7519) as texts, those that mean something here; {} for anything else.

    Lists become words with spaces between. Nothing is verified.
    """
    found = {}
    for name, value in everything(token).items():
        if name not in _SHOWN:
            continue
        if isinstance(value, list):
            value = " ".join(part for part in value if isinstance(part, str))  # noqa: PLW2901
        if isinstance(value, str | int | float) and not isinstance(value, bool) and value != "":
            found[name] = harmless(str(value), _LONGEST_CLAIM).replace("\n", " ")
    if "azp" in found:
        found.setdefault("appid", found["azp"])  # v2.0 tokens of Entra name the client so
    return found


def everything(token: str) -> dict[str, object]:
    """The JWT's payload as it stands; {} for what is none. Nothing is verified."""
    parts = token.split(".") if len(token) <= _LONGEST_TOKEN else []
    if len(parts) != 3:
        return {}
    try:
        payload = base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4))
        found = json.loads(payload)
    except (binascii.Error, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
