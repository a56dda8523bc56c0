"""Who signs in at the practice Exchange, and how: NTLM, Basic (RFC 7617) or Bearer (RFC 6750).

A refused client hears which ways there are, never which part was wrong; of a token it hears what is.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from weakref import WeakKeyDictionary

from outmail.demo.ews.envelope import TurnedAway
from outmail.demo.ews.faults import EwsFault
from outmail.demo.ews.ntlm import Ntlm, WrongNtlm, available
from outmail.demo.names import DOMAIN
from outmail.demo.oauth.directory import EXCHANGE, Directory
from outmail.demo.oauth.refusals import Refused
from outmail.demo.oauth.tokens import Flaw, Signer, WrongToken
from outmail.demo.web import Connection, Request, Response

NETBIOS = "PRACTICE"
"""The short name of the tenant's domain: people sign in as PRACTICE\\name, too."""

EXCHANGE_APP = "00000002-0000-0ff1-ce00-000000000000"
"""The client ID of Exchange itself, the same in every tenant."""

PERSONS_RIGHT, APPS_RIGHT = "EWS.AccessAsUser.All", "full_access_as_app"
"""The right of a person and the role of an application."""

_FLAWS = {
    Flaw.MALFORMED: ("The token has an invalid signature.", "invalid_signature"),
    Flaw.AUDIENCE: ("The audience claim value is invalid for current resource.", "invalid_resource"),
    Flaw.ENDED: ("The token has expired.", "token_expired"),
}


@dataclass(frozen=True, slots=True)
class Identity:
    """Who signed in: a person's account, or with account "" an application by itself."""

    account: str
    client_id: str = ""

    @property
    def shown(self) -> str:
        """The account or the client ID."""
        return self.account or self.client_id


class SignIn:
    """Lets people in with their passwords, and whoever has a token of the practice authority.

    `ntlm_file` is where NTLM's accounts are written, in a folder that is there.
    """

    def __init__(
        self, directory: Directory, signer: Signer, authority: Callable[[], str], ntlm_file: Path
    ) -> None:
        self._directory = directory
        self._signer = signer
        self._authority = authority
        names = {form: address for address in directory.people for form in _forms(address)}
        self._ntlm = Ntlm(ntlm_file, {form: directory.people[names[form]] for form in names})
        self._names = {form.lower(): address for form, address in names.items()}
        self._signed_in: WeakKeyDictionary[Connection, Identity] = WeakKeyDictionary()
        self.schemes = frozenset({"basic", "bearer"} | ({"ntlm"} if available() else set()))
        """The ways to sign in that there are."""
        self.attempts = 0
        """How often somebody tried to sign in; a handshake of NTLM is one."""
        self.refused = 0
        """How many of these attempts failed."""

    def forget(self) -> None:
        """Connections that were signed in by NTLM are so no more."""
        self._signed_in.clear()

    def identity(self, request: Request, fault: EwsFault) -> Identity:
        """Who asks. Raises TurnedAway: 401 where nobody knows, 403 where a token has not the right."""
        scheme, _, given = request.headers.get("authorization", "").strip().partition(" ")
        kind = scheme.lower()
        known = self._signed_in.get(request.connection)
        if not kind and known and not fault.refuses_everybody:
            return known
        if kind == "ntlm" and kind in self._offered(fault):
            return self._by_ntlm(request.connection, _decoded(given), fault)
        if not kind:
            raise self._unknown(fault)
        self.attempts += 1
        if kind not in self._offered(fault) or fault.refuses_everybody:
            raise self._refuse(fault)
        if kind == "basic":
            return self._by_password(_decoded(given), fault)
        return self._by_token(given.strip(), fault)

    def _by_password(self, given: bytes, fault: EwsFault) -> Identity:
        name, _, password = given.decode("utf-8", "replace").partition(":")
        try:
            return Identity(self._directory.person(self._names.get(name.lower(), ""), password))
        except Refused:
            raise self._refuse(fault) from None

    def _by_token(self, token: str, fault: EwsFault) -> Identity:
        try:
            bearer = self._signer.check(token, EXCHANGE)
        except WrongToken as wrong:
            reason, category = _FLAWS[wrong.flaw]
            raise self._refuse(fault, f'2000003;reason="{reason}";error_category="{category}"') from None
        if (PERSONS_RIGHT if bearer.account else APPS_RIGHT) not in bearer.rights:
            self.refused += 1
            words = "The token contains not enough scope to make this call."
            told = f'2000008;reason="{words}";error_category="invalid_grant"'
            raise TurnedAway(Response(403, kind="", headers={"x-ms-diagnostics": told}))
        return Identity(bearer.account, bearer.client_id)

    def _by_ntlm(self, connection: Connection, token: bytes, fault: EwsFault) -> Identity:
        last = self._ntlm.is_last(token)
        self.attempts += last
        try:
            if not last:
                challenge = base64.b64encode(self._ntlm.challenge(connection, token)).decode()
                raise TurnedAway(Response(401, kind="", challenges=(f"NTLM {challenge}",)))
            account = self._names.get(self._ntlm.name(connection, token).lower(), "")
        except WrongNtlm:
            raise self._refuse(fault) if last else self._unknown(fault) from None
        if not account or fault.refuses_everybody:
            raise self._refuse(fault)
        found = self._signed_in[connection] = Identity(account)
        return found

    def _offered(self, fault: EwsFault) -> frozenset[str]:
        return self.schemes if fault.schemes is None else self.schemes & fault.schemes

    def _refuse(self, fault: EwsFault, diagnostics: str = "") -> TurnedAway:
        self.refused += 1
        return self._unknown(fault, diagnostics)

    def _unknown(self, fault: EwsFault, diagnostics: str = "") -> TurnedAway:
        error = ', error="invalid_token"' if diagnostics else ""
        challenges = {
            "ntlm": "NTLM",
            "basic": f'Basic realm="{DOMAIN}"',
            "bearer": f'Bearer client_id="{EXCHANGE_APP}", token_types="app_asserted_user_v1 '
            f'service_asserted_app_v1", authorization_uri="{self._authority()}/oauth2/authorize"{error}',
        }
        offered = self._offered(fault)
        headers = {"x-ms-diagnostics": diagnostics} if diagnostics else {}
        return TurnedAway(
            Response(
                401,
                kind="",
                headers=headers,
                challenges=tuple(words for scheme, words in challenges.items() if scheme in offered),
            )
        )


def _forms(address: str) -> tuple[str, ...]:
    """The names that a person signs in with."""
    user, _, domain = address.partition("@")
    return address, f"{NETBIOS}\\{user}", f"{domain}\\{user}"


def _decoded(given: str) -> bytes:
    try:
        return base64.b64decode(given.strip(), validate=True)
    except (binascii.Error, ValueError):
        return b""
