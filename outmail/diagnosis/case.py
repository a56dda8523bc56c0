"""One failure as the catalogue's rules look at it: the answer taken apart, the provider recognised."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from outmail.diagnosis.finding import Context
from store.tokens import APP_ONLY
from transports.base import Cause, Failure, Scope, StepName

_ENHANCED = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d]|\.\d)")
_CODE = re.compile(r"\s*([245]\d\d)(?![\d.])")

_AADSTS = re.compile(r"AADSTS(\d{4,9})(?!\d)", re.IGNORECASE)
_EXCHANGE = "00000002-0000-0ff1-ce00-000000000000"
_EXCHANGE_HOSTS = (
    *(".outlook.office.com", ".outlook.office365.com", ".outlook.office365.us", ".outlook-dod.office365.us"),
    *(".partner.outlook.cn", ".outlook.sovcloud.fr", ".outlook.sovcloud.de"),
)
"""What Exchange Online is called in a token's `aud`, in each of Microsoft's clouds."""

_MICROSOFT_HOSTS = (".office365.com", ".office365.us", ".outlook.com", ".partner.outlook.cn")
_MICROSOFT_WORDS = ("prod.outlook.com", "aka.ms/smtp_auth_disabled", "smtpclientauthentication", "storedrv")
_GOOGLE_HOSTS = (".gmail.com", ".googlemail.com", ".google.com")
_GOOGLE_WORDS = ("gsmtp", "gcdp", "support.google.com")
APP_PASSWORD_PROVIDERS = frozenset({"yahoo", "aol", "icloud", "zoho", "fastmail", "gmx", "proton-bridge"})
"""Presets whose mailboxes want an app password, or one of Bridge's, in place of the account's own."""

API_KEY_PROVIDERS = frozenset(
    {"sendgrid", "resend", "postmark", "brevo", "mailjet", "mailgun", "ses", "acs", "proton-smtp"}
)
"""Presets of services for programs: they give out keys and tokens for SMTP."""


@dataclass(frozen=True)
class Case:
    """A failure and what is known beside it. Rules read it; nothing changes it."""

    failure: Failure
    context: Context

    @property
    def cause(self) -> Cause:
        """What was seen on this side of the wire."""
        return self.failure.cause

    @cached_property
    def text(self) -> str:
        """The server's words in lower case, with single spaces."""
        return " ".join(self.failure.words.lower().split())

    @cached_property
    def code(self) -> int:
        """The answer's three digits; read from its words where the transport gave none; 0 without one."""
        if self.failure.code is not None:
            return self.failure.code
        found = _CODE.match(self.failure.words)
        return int(found[1]) if found else 0

    @cached_property
    def enhanced(self) -> str:
        """RFC 3463's code, as "5.7.139"; servers put it at odd places, so it is looked for in the words."""
        if self.failure.enhanced:
            return self.failure.enhanced
        found = _ENHANCED.search(self.failure.words)
        return found[1] if found else ""

    @property
    def answered(self) -> bool:
        """Did the server itself say no?"""
        return self.cause is Cause.ANSWER

    @property
    def for_good(self) -> bool:
        """A 5xx."""
        return 500 <= self.code < 600

    @property
    def for_now(self) -> bool:
        """A 4xx."""
        return 400 <= self.code < 500

    def at(self, *steps: StepName) -> bool:
        """Did it happen at one of these steps?"""
        return self.failure.step in steps

    def about(self, *scopes: Scope) -> bool:
        """Does it concern one of these?"""
        return self.failure.scope in scopes

    def says(self, *parts: str) -> bool:
        """Do the words contain any of these? Give them in lower case."""
        return any(p in self.text for p in parts)

    def is_code(self, *enhanced: str) -> bool:
        """Is the enhanced code one of these? A part such as "5.7." stands for all that begin with it."""
        return any(self.enhanced.startswith(e) if e.endswith(".") else self.enhanced == e for e in enhanced)

    def detail_in(self, prefix: str, *ranges: range) -> bool:
        """Is the enhanced code `prefix` and a number within one of the ranges?"""
        head, _, last = self.enhanced.rpartition(".")
        return head == prefix and last.isdigit() and any(int(last) in r for r in ranges)

    @property
    def signing_in(self) -> bool:
        """Did it happen while signing in, or does it concern the sign-in?"""
        return self.at(StepName.AUTHENTICATE) or self.about(Scope.SIGN_IN)

    @property
    def after_data(self) -> bool:
        """Is it the answer to the message itself?"""
        return self.at(StepName.SEND) and self.about(Scope.MESSAGE)

    @property
    def sending(self) -> bool:
        """Was the sign-in behind us: MAIL FROM, RCPT TO or the message?"""
        return self.at(StepName.SENDER, StepName.PERMISSION, StepName.SEND)

    @property
    def encrypted(self) -> bool:
        """Does the profile ask for TLS?"""
        return self.context.security in {"starttls", "tls"}

    @property
    def microsoft(self) -> bool:
        """Is it one of Microsoft's services, by the provider, the host or the words?"""
        provider = self.context.provider
        return (
            provider.startswith("m365")
            or provider == "outlook"
            or _ends(self.context.host, _MICROSOFT_HOSTS)
            or self.says(*_MICROSOFT_WORDS)
        )

    @property
    def oauth(self) -> bool:
        """Does the profile sign in with OAuth?"""
        return self.context.method == "oauth"

    @property
    def refused_by_authority(self) -> bool:
        """Did the authority itself say no, by an error of RFC 6749 or RFC 8628?"""
        return self.cause is Cause.OAUTH_REFUSED

    @cached_property
    def oauth_error(self) -> str:
        """The authority's word for it, as "invalid_grant"; "" without one."""
        return self.failure.facts.get("error", "").strip().lower()

    @cached_property
    def aadsts(self) -> str:
        """Entra's number, as "7000218"; looked for in the words where no fact says it; "" without one."""
        given = self.failure.facts.get("aadsts", "").strip()
        if given.isascii() and given.isdigit():
            return given
        found = _AADSTS.search(self.failure.words) if self._no_of_authority else None
        return found[1] if found else ""

    def is_error(self, *errors: str) -> bool:
        """Did the authority refuse with one of these words?"""
        return self.refused_by_authority and self.oauth_error in errors

    def is_aadsts(self, *numbers: str) -> bool:
        """Did Entra refuse with one of these numbers, by itself or for the person in the browser?"""
        return self._no_of_authority and self.aadsts in numbers

    @property
    def _no_of_authority(self) -> bool:
        return self.cause in {Cause.OAUTH_REFUSED, Cause.OAUTH_DECLINED}

    def by(self, *grants: str) -> bool:
        """Is it one of these grants?"""
        return self.context.grant in grants

    @property
    def entra(self) -> bool:
        """Is Microsoft the one who signs in?"""
        return self.context.oauth_provider == "microsoft"

    @property
    def google_accounts(self) -> bool:
        """Is Google the one who signs in?"""
        return self.context.oauth_provider == "google"

    @property
    def app_only(self) -> bool:
        """Is it the program itself that signs in, without a person?"""
        return self.context.grant in APP_ONLY or self.context.token.get("idtyp", "").lower() == "app"

    @cached_property
    def rights(self) -> frozenset[str]:
        """What a person's token allows, in lower case without the resource; empty where it does not say."""
        given = self.context.token.get("scp", "").lower().replace(",", " ").split()
        return frozenset(scope.rpartition("/")[2] for scope in given)

    @cached_property
    def roles(self) -> frozenset[str]:
        """An application's roles in lower case. None is no failure: Exchange's own RBAC needs none."""
        return frozenset(self.context.token.get("roles", "").lower().replace(",", " ").split())

    @cached_property
    def for_other_service(self) -> bool:
        """Does the token say that it is for another service than Exchange?"""
        audience = self.context.token.get("aud", "").strip().lower()
        if not audience:
            return False
        host = audience.removeprefix("https://").partition("/")[0].partition(":")[0]
        return host != _EXCHANGE and not _ends(host, _EXCHANGE_HOSTS)

    @cached_property
    def token_account(self) -> str:
        """Who the token says signed in, in lower case; "" where it names nobody, as an application's."""
        token = self.context.token
        names = (token.get(n, "").strip().lower() for n in ("upn", "preferred_username", "unique_name"))
        return next((n for n in names if n), "")

    @property
    def google(self) -> bool:
        """Is it one of Google's services?"""
        return (
            self.context.provider in {"gmail", "workspace-relay"}
            or _ends(self.context.host, _GOOGLE_HOSTS)
            or self.says(*_GOOGLE_WORDS)
        )

    @property
    def wants_app_password(self) -> bool:
        """Is it a provider that takes app passwords in place of the account's own?"""
        return self.context.provider in APP_PASSWORD_PROVIDERS

    @property
    def wants_api_key(self) -> bool:
        """Is it a service whose SMTP sign-in is made for programs: keys and tokens?"""
        return self.context.provider in API_KEY_PROVIDERS


def _ends(host: str, endings: Iterable[str]) -> bool:
    return any(f".{host.rstrip('.').lower()}".endswith(e) for e in endings)
