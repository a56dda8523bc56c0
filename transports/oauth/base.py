"""The shapes of an OAuth 2 sign-in: what is asked of an authority, and what it grants; no network here.

No token, code or secret of these shapes shows in a repr.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from transports.base import NOTHING
from transports.routes import HttpRoute
from transports.secret import Secret

Grant = Literal[
    "device-code", "authorization-code", "client-credentials", "service-account", "managed-identity"
]
Provider = Literal["microsoft", "google", "custom"]


@dataclass(frozen=True, slots=True)
class OAuthRoute:
    """Everything an authority needs to know; every address is filled in by then.

    `scopes` are as the provider wants them, without those a library adds by itself. `issuer` is what
    `iss` must say, "" where that is not known. `metadata_url` is RFC 8414's document, "" where the
    addresses were given. `account` is who is expected to sign in (a hint, and what is compared).
    """

    provider: Provider
    grant: Grant
    client_id: str
    scopes: tuple[str, ...]
    authorization_url: str = ""
    token_url: str = ""
    device_authorization_url: str = ""
    redirect_url: str = ""
    issuer: str = ""
    tenant: str = ""
    client_secret: Secret | None = None
    certificate: Secret | None = None  # PEM: private key and certificate
    service_account: Secret | None = None  # the JSON key file of a Google service account
    account: str = ""
    http: HttpRoute = field(default_factory=HttpRoute)


@dataclass(frozen=True, slots=True)
class DeviceCode:
    """RFC 8628, section 3.2: what the person types, where, and until when.

    `expires_in` and `interval` are seconds from the moment of the answer.
    """

    device_code: Secret
    user_code: str
    verification_uri: str
    expires_in: float
    interval: float = 5.0
    verification_uri_complete: str = ""  # Entra gives none


@dataclass(frozen=True, slots=True)
class Pending:
    """The person is not done yet: ask again in `interval` seconds (slow_down adds five, RFC 8628, 3.5).

    `trouble` says why the last poll brought no proper answer (a gateway's page, a lost connection);
    it ends nothing.
    """

    interval: float
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class BrowserRequest:
    """One sign-in by browser: the address to open, and what its answer must fit (PKCE, state, nonce)."""

    url: str = field(repr=False)  # state and nonce stand in it
    redirect_url: str
    state: Secret
    verifier: Secret
    nonce: Secret


@dataclass(frozen=True, slots=True)
class Granted:
    """What an authority granted (RFC 6749, section 5.1), and who it says signed in.

    `refresh_token` is None where none came: the one before it stays good then. `account` is "" where
    the answer names nobody. `claims` are facts about the access token for people to read: aud, scp,
    roles, tid, appid, upn, exp – read without trust, empty for an opaque token.
    """

    access_token: Secret
    expires_in: float
    refresh_token: Secret | None = None
    scopes: tuple[str, ...] = ()
    account: str = ""
    claims: Mapping[str, str] = field(default_factory=lambda: NOTHING)


class Authority(Protocol):
    """One OAuth authority for one route. Every method raises TransportError of the step `token`.

    Every method may be cancelled at any time and ends within 100 ms then. `close` never raises.
    """

    async def device_code(self) -> DeviceCode:
        """Begin a device sign-in (RFC 8628, section 3.1)."""
        ...

    async def poll(self, code: DeviceCode, interval: float) -> Granted | Pending:
        """Ask once whether the person is done; the caller waits between two questions."""
        ...

    async def browser_request(self) -> BrowserRequest:
        """Begin a sign-in by browser (RFC 6749, section 4.1.1, with PKCE, RFC 7636)."""
        ...

    async def redeem(self, request: BrowserRequest, answer: str) -> Granted:
        """End it with the address that the browser ended on; its state and issuer are checked first."""
        ...

    async def app_only(self) -> Granted:
        """A token without a person: client credentials, service account or managed identity."""
        ...

    async def refresh(self, refresh_token: Secret) -> Granted:
        """A new access token (RFC 6749, section 6), and perhaps a new refresh token."""
        ...

    async def close(self) -> None:
        """Hang up."""
        ...
