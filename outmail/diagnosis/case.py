"""One failure as the catalogue's rules look at it: the answer taken apart, the provider recognised."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from outmail.diagnosis.finding import Context
from transports.base import Cause, Failure, Scope, StepName

_ENHANCED = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d]|\.\d)")
_CODE = re.compile(r"\s*([245]\d\d)(?![\d.])")

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
