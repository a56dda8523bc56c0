"""A finding: a failure explained to an admin. Plain values; the catalogue fills them in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Context:
    """What is known beside the failure itself: which profile, which server, how it signs in."""

    profile: str = ""
    protocol: str = "smtp"
    provider: str = ""  # a preset's id, "" where the server is nobody we know
    host: str = ""
    port: int = 0
    security: str = ""  # starttls | tls | none
    method: str = ""  # none | basic | oauth
    username: str = ""
    from_address: str = ""
    proxy: str = ""  # the proxy's address, "" without one
    ca_file: str = ""
    grant: str = ""  # of an OAuth sign-in: device-code, authorization-code, client-credentials …
    oauth_provider: str = ""  # microsoft | google | custom
    client_id: str = ""
    tenant: str = ""
    account: str = ""  # who signs in, where that is another than the username
    redirect_url: str = ""
    scopes: tuple[str, ...] = ()  # that are asked for
    token: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """What the access token says of itself (aud, scp, roles, tid, appid, upn, exp), read without trust."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One known failure with its cause and remedy, the gaps filled in from the context."""

    id: str  # stable, lower-case with hyphens: scripts compare it
    title: str  # what happened, a short sentence without a full stop
    cause: str  # why, in one or two sentences
    remedy: str  # what to do next, in one or two sentences
    commands: tuple[str, ...] = ()  # to run, exactly, if there are any
    where: str = ""  # where to click in the provider's portal
    docs: str = ""  # the address of the documentation page
    who: str = "you"  # who can mend it: you | the mail server's admin | the tenant's admin | the provider
