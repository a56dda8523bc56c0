"""Addresses that go into a command or a header: what could end it there is refused before a byte is sent."""

from __future__ import annotations

import re

import idna

from transports.base import Cause, Failure, Scope, StepName, TransportError, Verdict

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
_ENDS_PATH = re.compile(r"[<>\s]")


def safe_address(address: str, step: StepName, scope: Scope) -> str:
    """The address as it may stand in a command or a header; raises TransportError (UNSAFE_TEXT).

    A domain of other than ASCII letters becomes its ASCII form where the local part is ASCII, so
    that servers without SMTPUTF8 take it (RFC 6531, section 3.7.1 allows both).
    """
    bare = _QUOTED.sub("", address)
    if _CONTROL.search(address) or _ENDS_PATH.search(bare) or '"' in bare:
        raise _unsafe(step, scope, "the address contains what would end an SMTP command")
    try:
        address.encode("utf-8")
    except UnicodeEncodeError as error:
        raise _unsafe(step, scope, "the address is not valid Unicode") from error
    local, at, domain = address.rpartition("@")
    if at and local.isascii() and not domain.isascii():
        try:
            return f"{local}@{idna.encode(domain, uts46=True).decode('ascii')}"
        except idna.IDNAError:
            return address
    return address


def _unsafe(step: StepName, scope: Scope, words: str) -> TransportError:
    return TransportError(Failure(step, scope, Verdict.REJECT, Cause.UNSAFE_TEXT, words=words))
