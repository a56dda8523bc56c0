"""In whose name a request to the practice Exchange is done, and what that somebody may do.

An application has no mailbox: it acts as the one it names (ExchangeImpersonation). People act as themselves.
"""

from __future__ import annotations

from dataclasses import dataclass

from outmail.demo.ews.signin import Identity
from outmail.demo.ews.soap import Failed, SoapFault
from outmail.demo.oauth.directory import Directory

NO_MAILBOX = "The SMTP address has no mailbox associated with it."


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose mailbox a request is done in, and who signed in for it: an account, or an application's ID."""

    mailbox: str
    user: str
    impersonates: bool
    anchor: str = ""
    """What the header X-AnchorMailbox says; the real service finds the mailbox's server by it."""


class Access:
    """The rules, by the tenant's directory."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    @property
    def mailboxes(self) -> tuple[str, ...]:
        """The addresses that there are."""
        return self._directory.mailboxes

    def caller(self, identity: Identity, impersonated: str, anchor: str) -> Caller:
        """Who acts. Raises SoapFault."""
        if identity.account:
            if impersonated:
                words = "The account does not have permission to impersonate the requested user."
                raise SoapFault("ErrorImpersonateUserDenied", words)
            return Caller(identity.account.lower(), identity.shown, impersonates=False, anchor=anchor)
        if not impersonated:
            words = "ExchangeImpersonation SOAP header must be present for this type of OAuth token."
            raise SoapFault("ErrorInvalidExchangeImpersonationHeaderData", words)
        if not self._directory.has(impersonated):
            raise SoapFault("ErrorNonExistentMailbox", NO_MAILBOX)
        return Caller(impersonated.lower(), identity.shown, impersonates=True, anchor=anchor)

    def mailbox(self, caller: Caller, address: str) -> str:
        """The mailbox that a folder's ID names; "" is the caller's own. Raises Failed."""
        wanted = (address or caller.mailbox).lower()
        if not self._directory.has(wanted):
            raise Failed("ErrorNonExistentMailbox", NO_MAILBOX)
        if not self._directory.may_use(caller.mailbox, wanted):
            raise Failed("ErrorAccessDenied", "Access is denied. Check credentials and try again.")
        return wanted

    def may_send_as(self, caller: Caller, sender: str) -> None:
        """Whether a mail may be from that address. Raises Failed."""
        if not self._directory.may_use(caller.mailbox, sender):
            raise Failed(
                "ErrorSendAsDenied",
                "The user account which was used to submit this request does not have the right to send mail "
                "on behalf of the specified sending account.",
            )
