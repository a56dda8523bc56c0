"""What a profile through Microsoft Graph needs to be whole: its cloud, its sign-in and its scopes as one.

A token is for one Graph of one cloud; what cannot fit together is told by the field to correct.
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from store.clouds import CLOUDS, is_personal
from store.contradictions_oauth import ANY_RESOURCE
from store.problems import Problem
from store.profiles import Graph, OAuth, Profile

_OAUTH_ONLY = (
    "must be oauth: Microsoft Graph takes access tokens only, never a password; "
    "for a mailbox with a password choose protocol smtp"
)

Found = Iterator[tuple[str, str]]


def through_graph(at: str, profile: Profile) -> list[Problem]:
    """Every problem of a profile through Graph, beside those of any sign-in; `at` is "profiles.NAME."."""
    rules = (_endpoint, _method, _provider, _one_cloud, _person, _scopes)
    graph = profile.graph or Graph()
    oauth = profile.auth.oauth or OAuth()
    return [Problem(at + field, message) for rule in rules for field, message in rule(profile, graph, oauth)]


def _endpoint(_profile: Profile, graph: Graph, _oauth: OAuth) -> Found:
    if graph.cloud == "custom" and graph.endpoint is None:
        yield "graph.endpoint", "is missing: cloud is custom"


def _method(profile: Profile, _graph: Graph, _oauth: OAuth) -> Found:
    if profile.auth.method != "oauth":
        yield "auth.method", _OAUTH_ONLY


def _provider(profile: Profile, _graph: Graph, oauth: OAuth) -> Found:
    if profile.auth.method != "oauth":
        return
    if oauth.provider == "google":
        yield (
            "auth.oauth.provider",
            "must be microsoft: only Microsoft's sign-in service gives tokens for Microsoft Graph",
        )
    elif oauth.provider == "custom" and not oauth.scopes:
        yield "auth.oauth.scopes", "is missing: provider is custom"


def _one_cloud(_profile: Profile, graph: Graph, oauth: OAuth) -> Found:
    """A token of one cloud is worth nothing in another."""
    if oauth.cloud and oauth.cloud != graph.cloud:
        yield "auth.oauth.cloud", f"is {oauth.cloud}, and graph.cloud is {graph.cloud}: leave this one out"


def _person(profile: Profile, graph: Graph, oauth: OAuth) -> Found:
    if graph.cloud in {"global", "custom"}:
        return
    for field, name in (("auth.username", profile.auth.username), ("auth.oauth.account", oauth.account)):
        if name and is_personal(name):
            yield field, f"is a personal account, which only the worldwide cloud has, not {graph.cloud}"


def _scopes(profile: Profile, graph: Graph, oauth: OAuth) -> Found:
    """Entra gives a token for one resource (AADSTS700022, 70011); a bare name means Microsoft Graph."""
    cloud = CLOUDS.get(graph.cloud)
    if profile.auth.method != "oauth" or oauth.provider != "microsoft" or cloud is None:
        return  # another's scopes, and those of an own cloud, only the admin knows
    ours = {_host(cloud.graph), _host(graph.endpoint or "")}
    others = [s for s in oauth.scopes or () if s.lower() not in ANY_RESOURCE and _host(s) not in {*ours, ""}]
    if others:
        are = "are" if len(others) > 1 else "is"
        where = f"its scopes begin with {cloud.graph}/ (or are bare names, as Mail.Send)"
        named = ", ".join(others[:3])
        yield "auth.oauth.scopes", f"{named} {are} not of this cloud's Microsoft Graph: {where}"


def _host(scope: str) -> str:
    """The host a scope is of, "" for a bare name."""
    try:
        return urlsplit(scope).hostname or ("" if "//" not in scope else scope)
    except ValueError:
        return scope
