"""What a token for Microsoft Graph says that it may do: read for people, and to ask no question in vain.

What it does not say proves nothing: with Exchange's RBAC an app has rights that are in no token.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto

_SENDS = frozenset({"mail.send"})
_SENDS_FOR_OTHERS = frozenset({"mail.send.shared"})
_WRITES = frozenset({"mail.readwrite"})
_WRITES_FOR_OTHERS = frozenset({"mail.readwrite.shared"})


class Right(Enum):
    """Whether the token holds a right."""

    GRANTED = auto()
    MISSING = auto()
    UNKNOWN = auto()


def right_to_send(claims: Mapping[str, str], *, shared: bool) -> Right:
    """Mail.Send, or for another's mailbox Mail.Send.Shared. `claims`: see transports.oauth.claims.

    https://learn.microsoft.com/graph/outlook-send-mail-from-other-user
    """
    return _right(claims, _SENDS, _SENDS_FOR_OTHERS if shared else _SENDS | _SENDS_FOR_OTHERS)


def right_to_write(claims: Mapping[str, str], *, shared: bool) -> Right:
    """Mail.ReadWrite: whether drafts can be made, for mail over the limit of one request."""
    return _right(claims, _WRITES, _WRITES_FOR_OTHERS if shared else _WRITES)


def _right(claims: Mapping[str, str], of_apps: frozenset[str], of_people: frozenset[str]) -> Right:
    granted = frozenset(claims.get("scp", "").lower().split())
    if granted:
        return Right.GRANTED if granted & (of_people | of_apps) else Right.MISSING
    roles = frozenset(claims.get("roles", "").lower().split())
    return Right.GRANTED if roles & of_apps else Right.UNKNOWN
