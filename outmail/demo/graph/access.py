"""Who asks the practice Graph, whose mailbox is meant, and whether the token's rights reach that far.

As with the real service, a refused token hears what is wrong with it, and a missing right is never named.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum

from outmail.demo.graph.refusals import Refused, denied
from outmail.demo.oauth.directory import GRAPH, Directory
from outmail.demo.oauth.tokens import Bearer, Flaw, Signer, WrongToken

GRAPH_APP = "00000003-0000-0000-c000-000000000000"
"""The client ID of Microsoft Graph itself, the same in every tenant."""

_BEARER = re.compile(r"Bearer +(\S+)", re.I)

_WORDS = {
    Flaw.MALFORMED: "CompactToken parsing failed with error code: 80049217",
    Flaw.AUDIENCE: "Access token validation failure. Invalid audience.",
    Flaw.ENDED: "Lifetime validation failed, the token is expired.",
}


class Need(Enum):
    """What a request wants of a mailbox: the rights of which one is enough, without the ending .Shared.

    Source: the permissions of each request in Microsoft's API reference.
    """

    SEND = ("Mail.Send",)
    CHANGE = ("Mail.ReadWrite",)
    READ = ("Mail.Read", "Mail.ReadWrite")


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who has a mailbox, a shared one included."""

    id: str
    address: str

    @property
    def name(self) -> str:
        """What people see."""
        return self.address.partition("@")[0].title()


class Access:
    """The rules. `authority` is the address of whoever gives out tokens, for clients that were refused."""

    def __init__(self, signer: Signer, directory: Directory, authority: Callable[[], str]) -> None:
        self._signer = signer
        self._directory = directory
        self._authority = authority

    def bearer(self, headers: Mapping[str, str], *, refuses: bool) -> Bearer:
        """Whose token came; with `refuses` every one counts as another service's. Raises Refused (401)."""
        given = _BEARER.fullmatch(headers.get("authorization", "").strip())
        if given is None:
            raise self._unknown("Access token is empty.")
        if refuses:
            raise self._unknown(_WORDS[Flaw.AUDIENCE])
        try:
            return self._signer.check(given[1], GRAPH)
        except WrongToken as wrong:
            raise self._unknown(_WORDS[wrong.flaw]) from None

    def owner(self, bearer: Bearer, user: str | None) -> User:
        """Whose mailbox /users/{user} is, or with None /me. Raises Refused."""
        if user is None:
            if not bearer.account:
                words = "/me request is only valid with delegated authentication flow."
                raise Refused(400, "BadRequest", words)
            return _user(bearer.account)
        wanted = user.lower()
        for address in self._directory.mailboxes:
            found = _user(address)
            if wanted in {found.address, found.id}:
                return found
        raise Refused(404, "ErrorInvalidUser", f"The requested user '{user[:200]}' is invalid.")

    def may_look_up(self, bearer: Bearer, owner: User) -> None:
        """User.Read is for whoever signed in; nobody here may read the directory. Raises Refused (403)."""
        if bearer.account.lower() != owner.address or "User.Read" not in bearer.rights:
            words = "Insufficient privileges to complete the operation."
            raise Refused(403, "Authorization_RequestDenied", words)

    def may(self, bearer: Bearer, owner: User, need: Need) -> None:
        """Whether the token reaches that far. Raises Refused (403).

        An application's role is good for every mailbox. A person's right is for the own mailbox; the same
        with .Shared is for that and for every other that the person may use.
        """
        shared = {f"{right}.Shared" for right in need.value}
        if not bearer.account:
            enough = bool(bearer.rights & set(need.value))
        elif bearer.account.lower() == owner.address:
            enough = bool(bearer.rights & (shared | set(need.value)))
        else:
            reaches = self._directory.may_use(bearer.account, owner.address)
            enough = reaches and bool(bearer.rights & shared)
        if not enough:
            raise denied()

    def may_send_as(self, bearer: Bearer, owner: User, sender: str) -> None:
        """Whether a mail in this mailbox may be from that address. Raises Refused (403)."""
        who = bearer.account or owner.address
        if sender.lower() == owner.address:
            return
        if not self._directory.may_use(who, sender):
            raise Refused(
                403,
                "ErrorSendAsDenied",
                "The user account which was used to submit this request does not have the right to send mail "
                "on behalf of the specified sending account.",
            )
        if bearer.account and sender.lower() != who.lower() and "Mail.Send.Shared" not in bearer.rights:
            raise denied()

    def _unknown(self, words: str) -> Refused:
        address = f"{self._authority()}/oauth2/authorize"
        challenge = f'Bearer realm="", authorization_uri="{address}", client_id="{GRAPH_APP}"'
        return Refused(401, "InvalidAuthenticationToken", words, {"WWW-Authenticate": challenge})


def _user(address: str) -> User:
    return User(str(uuid.uuid5(uuid.NAMESPACE_URL, f"mailto:{address.lower()}")), address.lower())
