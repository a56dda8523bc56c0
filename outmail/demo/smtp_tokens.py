"""Sign-in by token at a practice mail server: XOAUTH2 and OAUTHBEARER (RFC 7628), with practice tokens alone.

A refused client hears no more than real servers tell: the challenge in JSON, then 535.
"""

from __future__ import annotations

import json
import re
from typing import Protocol

from outmail.demo.oauth.directory import EXCHANGE, Directory
from outmail.demo.oauth.tokens import Signer, WrongToken

MECHANISMS = frozenset({"XOAUTH2", "OAUTHBEARER"})
LONGEST_LINE = 12_288
"""Octets of a line with a token (RFC 4954, section 4)."""

REFUSED = "535 5.7.3 Authentication unsuccessful"
"""What Exchange Online says, whatever was wrong."""

SEND, SEND_AS_APP = "SMTP.Send", "SMTP.SendAsApp"
"""The right of a person and the role of an application."""

CHALLENGE = json.dumps({"status": "401", "schemes": "bearer", "scope": f"{EXCHANGE}/{SEND}"})

_XOAUTH2 = re.compile(r"user=([^\x01]+)\x01auth=Bearer ([^\x01]*)\x01\x01", re.I)
_OAUTHBEARER = re.compile(
    r"[nyp][^,]*,(?:a=([^,\x01]*))?,\x01"
    r"(?:(?!auth=)[^\x01]+\x01)*auth=Bearer ([^\x01]*)\x01(?:[^\x01]+\x01)*\x01",
    re.I,
)


class Gate(Protocol):
    """Who comes in with a token, and from which addresses they send."""

    def lets_in(self, mailbox: str, token: str) -> str:
        """The mailbox that the token opens, "" where it does not; with mailbox "" its owner's."""
        ...

    def may_send(self, mailbox: str, address: str) -> bool:
        """Whether who is in as this mailbox may send from the address."""
        ...


class TokenGate:
    """Takes the tokens of the practice authority alone."""

    def __init__(self, signer: Signer, directory: Directory) -> None:
        self._signer = signer
        self._directory = directory

    def lets_in(self, mailbox: str, token: str) -> str:
        """See Gate. An application comes in as any mailbox, a person as the own one or a shared one."""
        try:
            bearer = self._signer.check(token, EXCHANGE)
        except WrongToken:
            return ""
        if (SEND if bearer.account else SEND_AS_APP) not in bearer.rights:
            return ""
        if not bearer.account:
            return mailbox if self._directory.has(mailbox) else ""
        wanted = mailbox or bearer.account  # OAUTHBEARER may leave it to the token: RFC 7628, section 3.1
        return wanted if self._directory.may_use(bearer.account, wanted) else ""

    def may_send(self, mailbox: str, address: str) -> bool:
        """See Gate."""
        return self._directory.may_use(mailbox, address)


def presented(mechanism: str, response: bytes) -> tuple[str, str]:
    """The mailbox and the token in a client's response; ("", "") where it is none."""
    pattern = _XOAUTH2 if mechanism == "XOAUTH2" else _OAUTHBEARER
    found = pattern.fullmatch(response.decode("utf-8", "replace"))
    return (found[1] or "", found[2]) if found else ("", "")
