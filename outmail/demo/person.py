"""Plays the person with a browser, for who has none at hand: types a code, signs in, or declines.

It does what the pages of the practice authority do, no more: where the page would say no, it does too.
"""

from __future__ import annotations

from outmail.demo.names import CHIEF, DESK
from outmail.demo.oauth.authority import PracticeAuthority
from outmail.demo.oauth.refusals import Refused

ACCOUNTS = (DESK, CHIEF)
"""Who can sign in; the first is whom the ready profiles want."""


class Unable(ValueError):  # noqa: N818 - says what it is
    """The page would say no; the text is what it says."""


class Person:
    """Somebody at another device, of any account of the tenant."""

    accounts = ACCOUNTS

    def __init__(self, authority: PracticeAuthority) -> None:
        self._authority = authority

    def waiting(self) -> list[str]:
        """The codes that programs show and wait with, oldest first."""
        return [found.user_code for found in self._authority.waiting()]

    def serves(self, address: str) -> bool:
        """Whether the address is one of the practice authority's."""
        return address.startswith(f"{self._authority.origin}/")

    def type_code(self, user_code: str, account: str) -> None:
        """Type the code and sign in as this account, or with "" decline. Raises Unable."""
        self._known(account)
        try:
            self._authority.decide(user_code, account)
        except Refused as refused:
            raise Unable(refused.words) from None

    def browse(self, url: str, account: str) -> str:
        """Open the address and sign in, or with "" decline: where the browser ends. Raises Unable."""
        self._known(account)
        if not self.serves(url):
            raise Unable(f"only addresses of the practice authority are opened: {self._authority.origin}/…")
        try:
            return self._authority.browse(url, account)
        except Refused as refused:
            raise Unable(refused.words) from None
        except ValueError:
            raise Unable("nobody signs in at that address") from None

    def _known(self, account: str) -> None:
        if account and account not in self.accounts:
            raise Unable(f"nobody has the account {account!r}: there are {', '.join(self.accounts)}")
