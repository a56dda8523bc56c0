"""A finding: a failure explained to an admin. Plain values; the catalogue fills them in."""

from __future__ import annotations

from dataclasses import dataclass


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
