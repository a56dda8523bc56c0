"""Access tokens for tests: signs them as an authority does, and tells a server whose tokens to believe."""

from __future__ import annotations

import time
from dataclasses import dataclass

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

AUDIENCE = "https://outlook.office365.com"


@dataclass(frozen=True, slots=True)
class TokenTrust:
    """Whose tokens a server believes, for which audience, by which key (PEM)."""

    issuer: str
    public_key: str
    audience: str = AUDIENCE
    key_id: str = "test"
    algorithm: str = "RS256"
    parties: tuple[str, ...] = ("default",)  # the clients (azp) whose tokens are good


class TokenMaker:
    """An authority that gives a token to anybody; RS256, as Entra has it."""

    def __init__(self, issuer: str = "https://login.example.test/v2.0") -> None:
        self.issuer = issuer
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    @property
    def trust(self) -> TokenTrust:
        """What a server needs to know to believe its tokens."""
        public = self._key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return TokenTrust(self.issuer, public.decode())

    def token(self, upn: str, *, seconds: int = 3600, pad: int = 0, **claims: object) -> str:
        """A JWT for the mailbox; `pad` octets more make it as long as real ones."""
        now = int(time.time())
        padding = {"wids": "x" * pad} if pad else {}
        times = {"iat": now, "exp": now + seconds}
        payload = {"iss": self.issuer, "aud": AUDIENCE, "sub": upn, "upn": upn, **times}
        return jwt.encode(
            {**payload, **padding, **claims}, self._key, algorithm="RS256", headers={"kid": "test"}
        )
