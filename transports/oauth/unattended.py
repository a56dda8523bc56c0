"""What authorities that give tokens without a person have in common: nobody signs in there."""

from __future__ import annotations

from transports.base import TransportError
from transports.oauth.base import BrowserRequest, DeviceCode, Granted, Pending
from transports.oauth.failures import refused_settings
from transports.secret import Secret


class Unattended:
    """The part of `Authority` that needs a person: each question is refused with the words given here."""

    def __init__(self, what: str, words: str) -> None:
        self._nobody = (what, words)

    async def device_code(self) -> DeviceCode:
        """Never: nobody signs in."""
        raise self._nobody_signs_in()

    async def poll(self, code: DeviceCode, interval: float) -> Granted | Pending:
        """Never: nobody signs in."""
        raise self._nobody_signs_in()

    async def browser_request(self) -> BrowserRequest:
        """Never: nobody signs in."""
        raise self._nobody_signs_in()

    async def redeem(self, request: BrowserRequest, answer: str) -> Granted:
        """Never: nobody signs in."""
        raise self._nobody_signs_in()

    async def refresh(self, refresh_token: Secret) -> Granted:
        """Never: there are no refresh tokens; `app_only` brings the next token."""
        raise self._nobody_signs_in()

    def _nobody_signs_in(self) -> TransportError:
        return refused_settings(*self._nobody)
