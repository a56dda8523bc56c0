"""The applications registered in the practice tenant: one for people, two that sign in by themselves."""

from __future__ import annotations

import secrets
import uuid
from dataclasses import dataclass, field

from pydantic import SecretStr

from outmail.demo.names import CHIEF, DESK, PASSWORD, SUPPORT
from outmail.demo.oauth.directory import App, Directory
from store import certificate

PERSONAL_APP = "0a2f0000-7e57-4000-8000-00000000de5c"
"""The client ID with which people sign in, by code or by browser."""

APP = "0a2f0000-7e57-4000-8000-0000000a0001"
"""The client ID of an application with a secret."""

APP_WITH_CERTIFICATE = "0a2f0000-7e57-4000-8000-0000000a0002"
"""The client ID of an application with a certificate."""

_CERTIFICATE_DAYS = 60
_BITS = 2048  # made in a moment, and thrown away with the tenant


@dataclass(frozen=True, slots=True)
class RegisteredApps:
    """What the applications prove themselves with. `secret_id` is what admins paste by mistake."""

    secret: str = field(repr=False)
    secret_id: str
    certificate: SecretStr  # PEM, with its key
    public_certificate: str


def register() -> RegisteredApps:
    """Make the secret and the key pair; takes a tenth of a second."""
    pair = certificate.make("outmail practice", _CERTIFICATE_DAYS, _BITS)
    # As Entra's values look: forty letters with a tilde; its ID is a UUID.
    secret = f"{secrets.token_urlsafe(3)[:3]}8Q~{secrets.token_urlsafe(34)[:34]}"
    return RegisteredApps(secret, str(uuid.uuid4()), pair.pem, pair.certificate_pem)


def directory(apps: RegisteredApps) -> Directory:
    """The tenant's people and applications."""
    return Directory(
        dict.fromkeys((DESK, CHIEF), PASSWORD),
        {SUPPORT: frozenset({DESK, CHIEF})},
        (
            App(PERSONAL_APP, "outmail practice", redirects=("http://localhost", "http://127.0.0.1")),
            App(APP, "outmail practice machine", secret=apps.secret),
            App(APP_WITH_CERTIFICATE, "outmail practice machine", certificate=apps.public_certificate),
        ),
    )
