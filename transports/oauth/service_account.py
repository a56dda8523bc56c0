"""A Google service account: no person, a key file, and a mailbox that it may act for.

The key never leaves the file's text but for signing, and no error quotes any of it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import jwt

from transports.base import TransportError
from transports.http import HttpClient, OpenHttp
from transports.oauth import answers
from transports.oauth.base import Granted, OAuthRoute
from transports.oauth.failures import refused_settings
from transports.oauth.unattended import Unattended
from transports.secret import Secret

TOKEN_URL = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address
_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_SECONDS = 3600
_WHAT = "service-account"


@dataclass(frozen=True, slots=True)
class KeyFile:
    """What is used of a service account's key file."""

    email: str
    key_id: str
    private_key: Secret = field(repr=False)


class ServiceAccountAuthority(Unattended):
    """Tokens for a mailbox by domain-wide delegation (RFC 7523, section 2.1; see `Authority`)."""

    def __init__(
        self,
        route: OAuthRoute,
        *,
        http: OpenHttp = HttpClient,
        now: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(_WHAT, "A service account signs in without a person.")
        self._route = route
        self._http = http(route.http)
        self._now = now

    async def app_only(self) -> Granted:
        """A token for the route's account."""
        key = read(self._route.service_account)
        url = self._route.token_url or TOKEN_URL
        now = int(self._now())
        claims = {
            "iss": key.email,
            "sub": self._route.account,
            "scope": " ".join(self._route.scopes),
            "aud": url,
            "iat": now,
            "exp": now + _SECONDS,
        }
        try:
            assertion = jwt.encode(
                claims, key.private_key.reveal(), algorithm="RS256", headers={"kid": key.key_id}
            )
        except (ValueError, TypeError, jwt.PyJWTError):
            raise _settings("The key file's private_key is damaged: download a new key.") from None
        heard = await self._http.request(
            "POST",
            url,
            form={"grant_type": _GRANT, "assertion": assertion},
            headers={"Accept": "application/json"},
        )
        return answers.granted(answers.accepted(heard, self._route, Secret(assertion)), self._route)

    async def close(self) -> None:
        """Hang up."""
        await self._http.close()


def read(text: Secret | None) -> KeyFile:
    """The key file's parts. Raises TransportError (OAUTH_SETTINGS) in plain words."""
    try:
        found = json.loads(text.reveal()) if text else None
    except (ValueError, RecursionError):
        raise _settings("The key file is no JSON: take the file as Google gave it.") from None
    if not isinstance(found, dict):
        raise _settings("The profile has no key file of a service account.")
    if found.get("type") != "service_account":
        raise _settings("The file is not the key of a service account.")
    values = [found.get(name) for name in ("client_email", "private_key_id", "private_key")]
    if not all(isinstance(value, str) and value for value in values):
        raise _settings("The key file lacks client_email, private_key_id or private_key.")
    email, key_id, private_key = map(str, values)
    return KeyFile(email, key_id, Secret(private_key))


def _settings(words: str) -> TransportError:
    return refused_settings(_WHAT, words)
