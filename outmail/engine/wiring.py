"""A saved profile becomes a way out: the only place that knows both the settings and the transports."""

from __future__ import annotations

from dataclasses import dataclass

from outmail.diagnosis.finding import Context
from outmail.engine.errors import EngineError, Refusal
from outmail.engine.presets import by_host
from outmail.engine.report import server_labels
from store.profiles import Profile, Server
from transports.base import StepName, Transport
from transports.routes import Login, ProxyRoute, ServerAddress, SmtpRoute, Timeouts
from transports.secret import Secret
from transports.smtp import SmtpTransport

_NAMES = {"smtp": "SMTP", "ews": "Exchange Web Services", "graph": "Microsoft Graph"}


@dataclass(frozen=True, slots=True)
class Candidate:
    """One server of a profile: its place in the order, and how to name it."""

    label: str  # primary, alternate, alternate-2 …
    server: Server

    @property
    def address(self) -> str:
        """As "smtp.example.org:587"."""
        return self.server.address


def candidates(name: str, profile: Profile, which: str | None = None) -> list[Candidate]:
    """The servers to use, in order: all of them, or the one (or the alternates) asked for.

    `which` is None or "all", "primary", "alternate" (the first), or "alternate-2" and so on.
    Raises EngineError when this version cannot use the profile or has no such server.
    """
    _supported(name, profile)
    servers = profile.servers
    everyone = [Candidate(label, s) for label, s in zip(server_labels(len(servers)), servers, strict=True)]
    if which is None or which == "all":
        return everyone
    chosen = [c for c in everyone if c.label == which]
    if not chosen:
        raise EngineError(
            Refusal.SETTINGS,
            f"no {which} server",
            f"profile {name} has {', '.join(c.label for c in everyone)} only",
            f"add one: run outmail and edit {name}, or add [[profiles.{name}.smtp.alternates]] "
            "to its file and import it",
        )
    return chosen


def _supported(name: str, profile: Profile) -> None:
    if profile.protocol != "smtp" or profile.smtp is None:
        raise EngineError(
            Refusal.SETTINGS,
            f"profile {name} cannot be used yet",
            f"it sends through {_NAMES[profile.protocol]}, and this version sends through SMTP",
            "choose SMTP for this profile, or wait for the version that can",
        )
    if profile.auth.method == "oauth":
        raise EngineError(
            Refusal.SETTINGS,
            f"profile {name} cannot be used yet",
            "it signs in with OAuth, and this version signs in with a password or not at all",
            "choose basic authentication for this profile, or wait for the version that can",
        )


def transport(profile: Profile, server: Server, *, timeouts: Timeouts | None = None) -> Transport:
    """The way out through one server; nothing is connected yet."""
    auth, proxy = profile.auth, profile.proxy
    return SmtpTransport(
        SmtpRoute(
            server=ServerAddress(server.host, server.effective_port, server.security.value),
            login=(
                Login(
                    auth.username or "",
                    Secret(auth.password.get_secret_value() if auth.password else ""),
                    mechanism=auth.mechanism,
                    insecure_without_tls=auth.insecure_allow_password_without_tls,
                )
                if auth.method == "basic"
                else None
            ),
            proxy=(
                ProxyRoute(
                    proxy.url,
                    proxy.username,
                    Secret(proxy.password.get_secret_value()) if proxy.password else None,
                )
                if proxy
                else None
            ),
            ca_file=profile.tls.ca_file if profile.tls else None,
            ehlo_name=profile.smtp.ehlo_name if profile.smtp else None,
            timeouts=timeouts or Timeouts(),
        )
    )


def ladder(profile: Profile, server: Server) -> tuple[StepName, ...]:
    """The steps that a check of this server climbs, in order."""
    steps = [StepName.RESOLVE]
    if profile.proxy:
        steps.append(StepName.PROXY)
    steps.append(StepName.CONNECT)
    if server.security == "tls":
        steps.append(StepName.TLS)
    steps.append(StepName.GREETING)
    if server.security == "starttls":
        steps.append(StepName.STARTTLS)
    if profile.auth.method != "none":
        steps.append(StepName.AUTHENTICATE)
    return (*steps, StepName.SENDER, StepName.PERMISSION)


def context(name: str, profile: Profile, server: Server) -> Context:
    """What the diagnosis is told about the route."""
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
    )
