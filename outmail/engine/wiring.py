"""A saved profile becomes a way out: the only place that knows both the settings and the transports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypedDict
from urllib.parse import urlsplit

from pydantic import SecretStr

from outmail.diagnosis.finding import Context
from outmail.engine import ews, graph
from outmail.engine.errors import EngineError, Refusal
from outmail.engine.oauth_defaults import filled
from outmail.engine.presets import by_host
from outmail.engine.report import server_labels
from store.profiles import Profile, Security, Server
from transports.base import StepName, Transport
from transports.oauth.base import OAuthRoute
from transports.routes import (
    Bearer,
    EwsRoute,
    GraphRoute,
    HttpRoute,
    Login,
    ProxyRoute,
    ServerAddress,
    SmtpRoute,
    Throttle,
    Timeouts,
    TokenSupply,
)
from transports.secret import Secret
from transports.smtp import SmtpTransport

_NAMES = {"smtp": "SMTP", "ews": "Exchange Web Services", "graph": "Microsoft Graph"}


@dataclass(frozen=True, slots=True)
class Candidate:
    """One server or service of a profile: its place in the order, and how to name it."""

    label: str  # primary, alternate, alternate-2 …
    address: str  # as "smtp.example.org:587", "graph.microsoft.com/helpdesk@example.org"
    server: Server | None = None  # of SMTP


def candidates(name: str, profile: Profile, which: str | None = None) -> list[Candidate]:
    """The servers to use, in order: all of them, or the one (or the alternates) asked for.

    `which` is None or "all", "primary", "alternate" (the first), or "alternate-2" and so on.
    Raises EngineError when this version cannot use the profile or has no such server.
    """
    _whole(name, profile)
    if profile.protocol == "graph":
        everyone = [Candidate("primary", graph.address(profile))]
    elif profile.protocol == "ews":
        everyone = [Candidate("primary", ews.address(profile))]
    else:
        everyone = [
            Candidate(label, server.address, server)
            for label, server in zip(server_labels(len(profile.servers)), profile.servers, strict=True)
        ]
    if which is None or which == "all":
        return everyone
    chosen = [c for c in everyone if c.label == which]
    if not chosen:
        raise EngineError(
            Refusal.SETTINGS,
            f"no {which} server",
            f"profile {name} has {', '.join(c.label for c in everyone)} only",
            _no_alternate(name, profile),
        )
    return chosen


def _no_alternate(name: str, profile: Profile) -> str:
    if profile.protocol == "smtp":
        return (
            f"add one: run outmail and edit {name}, or add [[profiles.{name}.smtp.alternates]] "
            "to its file and import it"
        )
    return f"name a failover profile: [profiles.{name}.failover] profile = another one"


def _whole(name: str, profile: Profile) -> None:
    """Raise EngineError where the part of the profile's protocol is missing; the store's rules forbid it."""
    missing = (profile.protocol == "smtp" and profile.smtp is None) or (
        profile.protocol == "ews" and profile.ews is None
    )
    if missing:
        raise EngineError(
            Refusal.SETTINGS,
            f"profile {name} cannot be used",
            f"it sends through {_NAMES[profile.protocol]}, and does not say where that is",
            f"run outmail and edit {name}, or import a file with [profiles.{name}.{profile.protocol}]",
        )


def transport(
    profile: Profile,
    candidate: Candidate,
    *,
    tokens: TokenSupply | None = None,
    timeouts: Timeouts | None = None,
    throttle: Throttle | None = None,
) -> Transport:
    """The way out through one server; nothing is connected yet. `tokens` is for profiles with OAuth.

    `throttle` is shared by all connections of a route, so that none asks before a service wants it.
    """
    server = candidate.server
    if server is None and profile.protocol == "ews":
        return _ews(profile, tokens, timeouts or Timeouts(), throttle or Throttle())
    if server is None:
        return _graph(profile, tokens, timeouts or Timeouts(), throttle or Throttle())
    return SmtpTransport(
        SmtpRoute(
            server=ServerAddress(server.host, server.effective_port, server.security.value),
            login=_login(profile, tokens),
            proxy=_proxy(profile),
            ca_file=_ca_file(profile),
            ehlo_name=profile.smtp.ehlo_name if profile.smtp else None,
            timeouts=timeouts or Timeouts(),
        )
    )


def _graph(profile: Profile, tokens: TokenSupply | None, timeouts: Timeouts, throttle: Throttle) -> Transport:
    from transports.graph import GraphTransport  # it loads the web client, which SMTP does without

    if tokens is None:
        raise ValueError("Microsoft Graph needs a supply of tokens")
    return GraphTransport(
        GraphRoute(
            endpoint=graph.endpoint(profile),
            tokens=tokens,
            mailbox=graph.mailbox(profile),
            uploads=graph.uploads(profile),
            headers=graph.headers(profile),
            unasked=profile.graph.uncertain if profile.graph else "hold",
            proxy=_proxy(profile),
            ca_file=_ca_file(profile),
            throttle=throttle,
            timeouts=timeouts,
        )
    )


def _ews(profile: Profile, tokens: TokenSupply | None, timeouts: Timeouts, throttle: Throttle) -> Transport:
    from transports.ews import EwsTransport  # it loads exchangelib, which takes half a second

    part = profile.ews
    login = tokens if profile.auth.method == "oauth" else _password(profile)
    if part is None or login is None:
        raise ValueError("Exchange Web Services need a URL, and a supply of tokens for OAuth")
    return EwsTransport(
        EwsRoute(
            url=part.url,
            login=login,
            mailbox=ews.mailbox(profile),
            scheme=part.scheme,
            impersonate=ews.impersonates(profile),
            keep_copy=part.keep_copy,
            unasked=part.uncertain,
            proxy=_proxy(profile),
            ca_file=_ca_file(profile),
            throttle=throttle,
            timeouts=timeouts,
        )
    )


def _login(profile: Profile, tokens: TokenSupply | None) -> Login | Bearer | None:
    auth = profile.auth
    if auth.method == "oauth":
        if tokens is None:
            raise ValueError("a profile with OAuth needs a supply of tokens")
        return Bearer(auth.username or "", tokens)
    return None if auth.method == "none" else _password(profile)


def _password(profile: Profile) -> Login:
    auth = profile.auth
    return Login(
        auth.username or "",
        _secret(auth.password) or Secret(""),
        mechanism=auth.mechanism,
        insecure_without_tls=auth.insecure_allow_password_without_tls,
    )


def _proxy(profile: Profile) -> ProxyRoute | None:
    proxy = profile.proxy
    return ProxyRoute(proxy.url, proxy.username, _secret(proxy.password)) if proxy else None


def _ca_file(profile: Profile) -> str | None:
    return profile.tls.ca_file if profile.tls else None


def _secret(text: SecretStr | None) -> Secret | None:
    return Secret(text.get_secret_value()) if text else None


def oauth_route(profile: Profile) -> OAuthRoute:
    """How the profile's tokens are got; every address and scope is filled in.

    Raises ValueError for a profile that does not sign in by OAuth.
    """
    oauth = profile.auth.oauth
    if profile.auth.method != "oauth" or oauth is None:
        raise ValueError("the profile does not sign in by OAuth")
    with_defaults = filled(profile)
    return OAuthRoute(
        provider=oauth.provider,
        grant=oauth.grant,
        client_id=oauth.client_id or "",
        scopes=with_defaults.scopes,
        authorization_url=with_defaults.authorization_url,
        token_url=with_defaults.token_url,
        device_authorization_url=with_defaults.device_authorization_url,
        redirect_url=with_defaults.redirect_url,
        issuer=with_defaults.issuer,
        tenant=with_defaults.tenant,
        client_secret=_secret(oauth.client_secret),
        certificate=_secret(oauth.certificate),
        service_account=_secret(oauth.service_account),
        account=oauth.account or profile.auth.username or "",
        http=HttpRoute(_proxy(profile), _ca_file(profile)),
    )


def ladder(profile: Profile, candidate: Candidate) -> tuple[StepName, ...]:
    """The steps that a check of this server climbs, in order."""
    steps = [StepName.RESOLVE]
    if profile.proxy:
        steps.append(StepName.PROXY)
    steps.append(StepName.CONNECT)
    server = candidate.server
    if server is None:
        steps.append(StepName.TLS)
        if profile.auth.method == "oauth":
            steps.append(StepName.TOKEN)
        if profile.protocol == "ews":
            steps.append(StepName.AUTHENTICATE)
        return (*steps, StepName.ACCOUNT, StepName.SENDER, StepName.PERMISSION)
    if server.security == "tls":
        steps.append(StepName.TLS)
    steps.append(StepName.GREETING)
    if server.security == "starttls":
        steps.append(StepName.STARTTLS)
    if profile.auth.method == "oauth":
        steps.append(StepName.TOKEN)
    if profile.auth.method != "none":
        steps.append(StepName.AUTHENTICATE)
    if profile.auth.method == "oauth":
        steps.append(StepName.ACCOUNT)
    return (*steps, StepName.SENDER, StepName.PERMISSION)


def context(
    name: str, profile: Profile, candidate: Candidate | None = None, *, token: Mapping[str, str] | None = None
) -> Context:
    """What the diagnosis is told about the route; `token` is what the access token says of itself."""
    server = (candidate.server if candidate else None) or _first(profile)
    preset = by_host(server.host)
    return Context(
        profile=name,
        protocol=profile.protocol,
        provider=preset.id if preset else "",
        host=server.host,
        port=server.effective_port,
        security=server.security.value,
        method=profile.auth.method,
        username=profile.auth.username or "",
        from_address=profile.from_address,
        proxy=profile.proxy.url if profile.proxy else "",
        ca_file=(profile.tls.ca_file or "") if profile.tls else "",
        **_oauth_context(profile),
        token=token or MappingProxyType({}),
    )


def _first(profile: Profile) -> Server:
    """The server that is meant where none is named."""
    if profile.protocol != "smtp":
        parts = urlsplit(graph.endpoint(profile) if profile.protocol == "graph" else ews.url(profile))
        return Server(host=parts.hostname or "localhost", port=parts.port or 443, security=Security.TLS)
    return profile.smtp or Server(host="localhost")


class _OAuthContext(TypedDict, total=False):
    grant: str
    oauth_provider: str
    client_id: str
    tenant: str
    account: str
    redirect_url: str
    scopes: tuple[str, ...]


def _oauth_context(profile: Profile) -> _OAuthContext:
    oauth = profile.auth.oauth
    if profile.auth.method != "oauth" or oauth is None:
        return {}
    with_defaults = filled(profile)
    return {
        "grant": oauth.grant,
        "oauth_provider": oauth.provider,
        "client_id": oauth.client_id or "",
        "tenant": with_defaults.tenant,
        "account": oauth.account or "",
        "redirect_url": with_defaults.redirect_url,
        "scopes": with_defaults.scopes,
    }
