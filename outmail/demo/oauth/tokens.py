"""The practice authority's tokens: signs them as real ones are, and checks them for the servers.

Its key lives as long as the tenant and is never written anywhere.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from outmail.demo.oauth.directory import TENANT, App, Asked

_ALGORITHM = "RS256"
_KEY_ID = "practice"
_LIKE_REAL_ONES = "x" * 1400
"""Real tokens have two to three kilobytes; a program that cuts them must fail here too."""


class Flaw(StrEnum):
    """What is wrong with a token."""

    MALFORMED = "malformed"  # or signed by somebody else
    AUDIENCE = "audience"  # it is for another service
    ENDED = "ended"


class WrongToken(ValueError):  # noqa: N818 - says what it is
    """A token that a practice server does not take, and why."""

    def __init__(self, flaw: Flaw) -> None:
        super().__init__(flaw.value)
        self.flaw = flaw


@dataclass(frozen=True, slots=True)
class Bearer:
    """Whose a token is: a person's account, or with account "" the application itself; and its rights."""

    account: str
    client_id: str
    rights: frozenset[str] = frozenset()  # a person's scopes, an application's roles


class Signer:
    """Signs and checks; making one takes a tenth of a second (its key)."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._clock = clock

    def keys(self) -> dict[str, object]:
        """The public key for whoever checks by himself (RFC 7517)."""
        key: dict[str, object] = json.loads(RSAAlgorithm.to_jwk(self._key.public_key()))
        return {"keys": [{**key, "kid": _KEY_ID, "use": "sig", "alg": _ALGORITHM}]}

    def access(self, issuer: str, app: App, account: str, asked: Asked, seconds: float) -> str:
        """An access token for a person, or with account "" for the application itself."""
        who = {"upn": account, "scp": " ".join(asked.granted)} if account else {"roles": list(asked.roles)}
        claims = {
            "aud": asked.resource,
            "appid": app.client_id,
            "azp": app.client_id,
            "sub": account or app.client_id,
            "idtyp": "user" if account else "app",
            "wids": [_LIKE_REAL_ONES],
            "uti": secrets.token_urlsafe(16),  # no two are the same, not even in one second
            **who,
        }
        return self._signed(issuer, claims, seconds)

    def identity(self, issuer: str, app: App, account: str, nonce: str, seconds: float) -> str:
        """An id_token: who signed in (OpenID Connect Core 1.0, section 2)."""
        claims = {
            "aud": app.client_id,
            "sub": account,
            "preferred_username": account,
            "name": account.partition("@")[0].title(),
            **({"nonce": nonce} if nonce else {}),
        }
        return self._signed(issuer, claims, seconds)

    def check(self, token: str, audience: str) -> Bearer:
        """Whose token it is, if it is one for this audience. Raises WrongToken."""
        try:
            claims = jwt.decode(
                token,
                self._key.public_key(),
                algorithms=[_ALGORITHM],
                audience=audience,
                # Its times are judged by our own clock, beneath.
                options={
                    "require": ["exp", "aud", "iss"],
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                },
            )
        except jwt.InvalidAudienceError:
            raise WrongToken(Flaw.AUDIENCE) from None
        except jwt.PyJWTError:
            raise WrongToken(Flaw.MALFORMED) from None
        if float(claims["exp"]) <= self._clock():
            raise WrongToken(Flaw.ENDED)
        app = str(claims["appid"])
        if "upn" in claims:
            return Bearer(str(claims["upn"]), app, frozenset(str(claims["scp"]).split()))
        return Bearer("", app, frozenset(map(str, claims["roles"])))

    def _signed(self, issuer: str, claims: Mapping[str, object], seconds: float) -> str:
        now = int(self._clock())
        times = {"iat": now, "nbf": now, "exp": now + int(seconds)}
        payload = {"iss": issuer, "tid": TENANT, "ver": "2.0", **times, **claims}
        return jwt.encode(payload, self._key, algorithm=_ALGORITHM, headers={"kid": _KEY_ID})
