"""What follows from a profile for Exchange Web Services: where it is, and as whom mail is handed over.

Nothing here talks to anybody.
"""

from __future__ import annotations

from store.profiles import Profile
from store.tokens import APP_ONLY


def url(profile: Profile) -> str:
    """The service's, whole."""
    return profile.ews.url if profile.ews else ""


def address(profile: Profile) -> str:
    """How the way is named to people: host and mailbox, for one Exchange serves many."""
    host = profile.ews.host if profile.ews else ""
    return f"{host}/{mailbox(profile)}"


def mailbox(profile: Profile) -> str:
    """The address of the mailbox: the user name where it is one, and else the From address."""
    named = profile.auth.username or ""
    return named if "@" in named and "\\" not in named else profile.from_address


def impersonates(profile: Profile) -> bool:
    """Whether an application signs in, which acts as the mailbox (ExchangeImpersonation)."""
    oauth = profile.auth.oauth
    return profile.auth.method == "oauth" and oauth is not None and oauth.grant in APP_ONLY
