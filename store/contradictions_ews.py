"""What a profile through Exchange Web Services needs to be whole: its server, its sign-in and its scopes.

What cannot fit together is told by the field to correct, with what to choose instead.
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from store.clouds import CLOUDS
from store.contradictions_oauth import ANY_RESOURCE
from store.problems import Problem
from store.profiles import Ews, OAuth, Profile
from store.tokens import APP_ONLY

_ALIAS = "outlook.office.com"
"""The worldwide Exchange Online's other name, under which people get tokens, and apps do not."""

Found = Iterator[tuple[str, str]]


def through_ews(at: str, profile: Profile) -> list[Problem]:
    """Every problem of a profile through EWS, beside those of any sign-in; `at` is "profiles.NAME."."""
    if profile.ews is None:
        return [Problem(at + "ews.url", "is missing: protocol is ews")]
    rules = (_method, _username, _provider, _one_cloud, _scopes)
    ews, oauth = profile.ews, profile.auth.oauth or OAuth()
    return [Problem(at + field, message) for rule in rules for field, message in rule(profile, ews, oauth)]


def _method(profile: Profile, ews: Ews, _oauth: OAuth) -> Found:
    method = profile.auth.method
    if method == "none":
        yield "auth.method", "must be basic or oauth: EWS needs a mailbox to sign in to"
    elif method == "basic" and ews.online:
        yield "auth.method", "must be oauth: Exchange Online takes no password over EWS any more"


def _username(profile: Profile, ews: Ews, oauth: OAuth) -> Found:
    """A password goes with either form of a name; a token is for a mailbox, which has an address."""
    name = profile.auth.username or ""
    if profile.auth.method == "basic" and ews.scheme != "ntlm" and ":" in name:
        yield (
            "auth.username",
            "must not contain ':' (RFC 7617): Basic would cut it off there; ews.scheme = \"ntlm\" does not",
        )
    if profile.auth.method == "oauth" and name and ("@" not in name or "\\" in name):
        whose = "the mailbox that the app acts as" if oauth.grant in APP_ONLY else "the mailbox"
        yield "auth.username", f"must be the address of {whose}, as helpdesk@example.org: method is oauth"


def _provider(profile: Profile, _ews: Ews, oauth: OAuth) -> Found:
    if profile.auth.method != "oauth":
        return
    if oauth.provider == "google":
        yield "auth.oauth.provider", "must be microsoft or custom: Google has no Exchange Web Services"
    elif oauth.provider == "custom" and not oauth.scopes:
        yield "auth.oauth.scopes", "is missing: provider is custom"


def _one_cloud(profile: Profile, ews: Ews, oauth: OAuth) -> Found:
    """A token of one cloud is worth nothing in another."""
    if profile.auth.method == "oauth" and oauth.cloud and ews.online and oauth.cloud != ews.online:
        yield "auth.oauth.cloud", f"is {oauth.cloud}, and {ews.host} is {ews.online}: leave this one out"


def _scopes(profile: Profile, ews: Ews, oauth: OAuth) -> Found:
    """Entra gives a token for one resource: the cloud's Exchange, or the URL of an own server.

    AADSTS700022 and 70011; an own server takes tokens in hybrid modern authentication alone.
    """
    cloud = CLOUDS.get(profile.cloud)
    if profile.auth.method != "oauth" or oauth.provider != "microsoft" or cloud is None:
        return  # another's scopes, and those of an own cloud, only the admin knows
    exchange, own = _host(cloud.exchange), _host(ews.url)
    aliases = {_ALIAS} if profile.cloud == "global" and oauth.grant not in APP_ONLY else set()
    given = [scope for scope in oauth.scopes or () if scope.lower() not in ANY_RESOURCE]
    bare = exchange if ews.online else own
    resources = {scope: bare if scope.startswith("EWS.") else _host(scope) for scope in given}
    ours = {exchange} if ews.online else {exchange, own}
    others = [scope for scope, host in resources.items() if host not in ours | aliases]
    if others:
        are = "are" if len(others) > 1 else "is"
        begin = cloud.exchange if ews.online else f"https://{ews.host}/ or {cloud.exchange}"
        named = ", ".join(others[:3])
        yield "auth.oauth.scopes", f"{named} {are} not of this Exchange: its scopes begin with {begin}/"
    elif len(set(resources.values())) > 1:
        hosts = " and ".join(dict.fromkeys(resources.values()))
        yield (
            "auth.oauth.scopes",
            f"are for {hosts}: one access token is for one of them, leave the others out",
        )


def _host(address: str) -> str:
    """The host that an address names, "" where it names none."""
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""
