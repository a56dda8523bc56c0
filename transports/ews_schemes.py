"""How an Exchange server lets people sign in, by what it offers (RFC 9110, section 11.6.1), and what we take.

It sends nothing, and never chooses a second scheme after a refusal: accounts get locked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Literal

from transports.base import Cause, Failure, Scope, StepName, TransportError, Verdict
from transports.graph_errors import line
from transports.routes import Login
from transports.secret import Secret

_LONGEST = 16_384
_PARTS = re.compile(r'(?:[^,"]|"(?:[^"\\]|\\.)*+")+')
_SCHEME = re.compile(r"([A-Za-z][\w-]*)(?:\s+(?!=)|$)", re.ASCII)

_SERVED = {"ntlm": ("ntlm", "negotiate"), "basic": ("basic",)}
"""What we can use, the better one first, and under which names servers offer it.

IIS takes NTLM's messages under the name Negotiate too.
"""


class Scheme(StrEnum):
    """How the password is used."""

    NTLM = "ntlm"
    BASIC = "basic"


@dataclass(frozen=True, slots=True)
class Password:
    """Sign-in by a password; `certificate` is the server's (DER), to which NTLM binds what it says."""

    login: Login
    scheme: Scheme
    certificate: bytes = field(default=b"", repr=False)


SignIn = Password | Secret | None
"""By a password, by an access token, or not at all."""


def offered(challenge: str) -> tuple[str, ...]:
    """The names of the schemes in a WWW-Authenticate header, as the server writes them, each once."""
    return tuple(dict.fromkeys(_names(challenge[:_LONGEST])))


def choose(names: tuple[str, ...], wanted: Literal["auto", "basic", "ntlm"]) -> Scheme:
    """The scheme to sign in with. Raises TransportError where there is none."""
    told = ", ".join(line(name) for name in names)
    if not names:
        raise _cannot(Cause.AUTH_NOT_OFFERED, "the server offers no way to sign in", "")
    lower = {name.lower() for name in names}
    usable = ("ntlm", "basic") if wanted == "auto" else (wanted,)
    for scheme in usable:
        if lower.intersection(_SERVED[scheme]):
            return Scheme(scheme)
    shown = ", ".join("NTLM" if one == "ntlm" else "Basic" for one in usable)
    raise _cannot(
        Cause.AUTH_NO_COMMON_MECHANISM, f"the server offers {told}; with a password we can use {shown}", told
    )


def _names(challenge: str) -> Iterator[str]:
    for part in _PARTS.findall(challenge):
        found = _SCHEME.match(part.strip())
        if found:
            yield found[1]


def _cannot(cause: Cause, words: str, names: str) -> TransportError:
    facts = MappingProxyType({"mechanisms": names} if names else {})
    return TransportError(
        Failure(StepName.AUTHENTICATE, Scope.SIGN_IN, Verdict.FIX_SETTINGS, cause, words=words, facts=facts)
    )
