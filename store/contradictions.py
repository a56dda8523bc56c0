"""The rules that span fields: what settings say that cannot work together, told by the field to correct.

It must never let a password or a token leave the machine unencrypted without the admin having said so.
"""

from __future__ import annotations

from pydantic import SecretStr

from store.contradictions_ews import through_ews
from store.contradictions_graph import through_graph
from store.contradictions_oauth import sign_in
from store.contradictions_relay import relay_contradictions
from store.problems import Problem, SettingsInvalid
from store.profiles import MOST_PROFILES, PROFILE_NAME, Profile, Security, Settings


def contradictions(name: str, profile: Profile) -> list[Problem]:
    """The rules that span fields, each named by the field to correct."""
    at = f"profiles.{name}."
    found: list[Problem] = []

    def wrong(field: str, message: str) -> None:
        found.append(Problem(at + field, message))

    if not PROFILE_NAME.fullmatch(name):
        found.append(Problem(f"profiles.{name}", "a name has letters, digits, '.', '_' and '-', 64 at most"))
    if profile.protocol == "smtp" and profile.smtp is None:
        wrong("smtp.host", "is missing: protocol is smtp")
    if profile.protocol == "ews":
        found += through_ews(at, profile)
    if profile.protocol == "graph":
        found += through_graph(at, profile)
    auth = profile.auth
    if auth.method == "basic":
        if not auth.username:
            wrong("auth.username", "is missing: method is basic")
        if auth.password is None or not auth.password.get_secret_value():
            wrong("auth.password", "is missing: method is basic")
        else:
            found += _one_word(at + "auth.password", auth.password)
        if not auth.insecure_allow_password_without_tls and auth.mechanism != "cram-md5":
            found += _in_the_clear(
                at, profile, "password", ", or set auth.insecure_allow_password_without_tls = true"
            )
    if auth.method == "oauth":
        found += sign_in(at, profile)
        found += _in_the_clear(at, profile, "token")
    if profile.proxy and profile.proxy.password is not None and not profile.proxy.username:
        wrong("proxy.username", "is missing: the proxy has a password")
    if profile.proxy:
        found += _one_word(at + "proxy.password", profile.proxy.password)
        if ":" in (profile.proxy.username or "") and profile.proxy.url.startswith("http:"):
            wrong("proxy.username", "must not contain ':' (RFC 7617): the proxy would cut it off there")
    if profile.failover and profile.failover.profile == name:
        wrong("failover.profile", "must be another profile")
    return found


def _one_word(field: str, password: SecretStr | None) -> list[Problem]:
    """A password of several lines is one with something else behind it, and would be refused as wrong."""
    text = password.get_secret_value() if password else ""
    if "\0" in text:
        return [Problem(field, "must not contain NUL")]
    if "\n" in text or "\r" in text:
        return [Problem(field, "has several lines: a password is one")]
    return []


def _in_the_clear(at: str, profile: Profile, what: str, otherwise: str = "") -> list[Problem]:
    fields = ["smtp.security", *(f"smtp.alternates.{n}.security" for n in range(1, 9))]
    return [
        Problem(at + field, f"none would send the {what} unencrypted: choose starttls or tls{otherwise}")
        for field, server in zip(fields, profile.servers, strict=False)
        if server.security is Security.NONE
    ]


def check_whole(settings: Settings) -> None:
    """Raise SettingsInvalid with every contradiction of every profile, and of the settings as one."""
    found = [p for name, profile in settings.profiles.items() for p in contradictions(name, profile)]
    if len(settings.profiles) > MOST_PROFILES:
        found.append(Problem("profiles", f"are {len(settings.profiles)}: there may be {MOST_PROFILES}"))
    for name, profile in settings.profiles.items():
        other = profile.failover.profile if profile.failover else None
        if other and other not in settings.profiles:
            found.append(Problem(f"profiles.{name}.failover.profile", f"there is no profile {other!r}"))
    if settings.default and settings.default not in settings.profiles:
        found.append(Problem("default", f"there is no profile {settings.default!r}"))
    found += relay_contradictions(settings)
    if found:
        raise SettingsInvalid(found)
