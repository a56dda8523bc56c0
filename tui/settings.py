"""The small changes to the settings that the home screen makes; the wizard makes the large ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from store.profiles import Profile, Settings

_PROTOCOLS = {"smtp": "SMTP", "ews": "EWS", "graph": "Graph"}
_SECURITY = {"starttls": "STARTTLS", "tls": "TLS", "none": "none"}
_SIGN_IN = {"none": "none", "basic": "password", "oauth": "OAuth"}


def with_default(settings: Settings, name: str) -> Settings:
    """The same settings with another default profile."""
    return settings.model_copy(update={"default": name})


def without(settings: Settings, name: str) -> Settings:
    """The same settings without this profile; it is no longer the default either."""
    left = {n: p for n, p in settings.profiles.items() if n != name}
    default = None if settings.default == name else settings.default
    return settings.model_copy(update={"profiles": left, "default": default})


def protocol(profile: Profile) -> str:
    """As a person writes it."""
    return _PROTOCOLS[profile.protocol]


def server(profile: Profile) -> str:
    """The first server's address, or the host of Exchange or Graph."""
    if profile.servers:
        return profile.servers[0].address
    if profile.ews and profile.protocol == "ews":
        return profile.ews.host
    from outmail.engine import graph  # it loads the settings' model: the first frame does without

    return graph.endpoint(profile).removeprefix("https://")


def security(profile: Profile) -> str:
    """How the first connection is protected."""
    return _SECURITY[profile.servers[0].security.value] if profile.servers else "TLS"


def sign_in(profile: Profile) -> str:
    """In one word."""
    return _SIGN_IN[profile.auth.method]


def described(profile: Profile) -> list[tuple[str, str]]:
    """What is set, as label and text, without secrets; what is not set is left out."""
    auth, proxy = profile.auth, profile.proxy
    other = profile.failover.profile if profile.failover else None
    sender = (
        f"{profile.sender_name} <{profile.from_address}>" if profile.sender_name else profile.from_address
    )
    rows = [
        *(_of_graph(profile) if profile.protocol == "graph" else ()),
        *(_of_ews(profile) if profile.protocol == "ews" else ()),
        ("From", sender),
        ("Reply-To", profile.reply_to or ""),
        ("Sign-in", f"{sign_in(profile)}, as {auth.username}" if auth.username else sign_in(profile)),
        (
            "Alternates",
            ", ".join(f"{s.address} ({_SECURITY[s.security.value]})" for s in profile.servers[1:]),
        ),
        ("Proxy", (proxy.url + (f", as {proxy.username}" if proxy.username else "")) if proxy else ""),
        ("Trust", (profile.tls.ca_file or "") if profile.tls else ""),
        ("Failover", f"to profile {other}" if other else ""),
    ]
    return [(label, text) for label, text in rows if text]


def _of_graph(profile: Profile) -> list[tuple[str, str]]:
    from outmail.engine import graph
    from outmail.engine.draft_words import CLOUD_NAMES, UNCERTAIN

    lost = profile.graph.uncertain if profile.graph else "hold"
    return [
        ("Cloud", CLOUD_NAMES[graph.cloud(profile)]),
        ("Answer lost", UNCERTAIN[lost] if lost != "hold" else ""),
    ]


def _of_ews(profile: Profile) -> list[tuple[str, str]]:
    ews = profile.ews
    if ews is None:
        return []
    from outmail.engine.draft_words import SCHEMES, UNCERTAIN

    with_password = profile.auth.method == "basic" and ews.scheme != "auto"
    return [
        ("Connect URL", ews.url),
        ("Scheme", SCHEMES[ews.scheme] if with_password else ""),
        ("Copy", "of each mail in Sent Items" if ews.keep_copy else ""),
        ("Answer lost", UNCERTAIN[ews.uncertain] if ews.uncertain != "hold" else ""),
    ]
