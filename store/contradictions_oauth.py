"""What an OAuth sign-in needs to be whole, by provider and grant; each gap told by the field to fill.

It must never repeat a secret, nor the text of a key file that is not one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from urllib.parse import urlsplit

from pydantic import SecretStr

from store.problems import Problem
from store.profiles import OAuth, Profile

_AT = "auth.oauth."
_ANY_TENANT = frozenset({"common", "organizations", "consumers"})
_NO_CLIENT_ID = frozenset({"service-account", "managed-identity"})
ANY_RESOURCE = frozenset({"openid", "profile", "email", "offline_access"})
"""Scopes that go with any resource (OpenID Connect Core, sections 5.4 and 11)."""


def sign_in(at: str, profile: Profile) -> list[Problem]:
    """Every problem of the sign-in of a profile whose method is oauth; `at` is "profiles.NAME."."""
    oauth = profile.auth.oauth or OAuth()
    rules = (_who, _addresses, _proof, _allowed, _resource)
    return [Problem(at + field, message) for rule in rules for field, message in rule(profile, oauth)]


Found = Iterator[tuple[str, str]]


def _who(profile: Profile, oauth: OAuth) -> Found:
    if not oauth.client_id and oauth.grant not in _NO_CLIENT_ID:
        yield _AT + "client_id", "is missing: method is oauth"
    if profile.protocol == "smtp" and not profile.auth.username:
        yield "auth.username", "is missing: SMTP needs the mailbox that the token is for"
    elif oauth.grant == "service-account" and not (profile.auth.username or oauth.account):
        yield "auth.username", "is missing: a service account sends for this mailbox"
    if oauth.grant == "client-credentials" and oauth.provider == "microsoft":
        if not oauth.tenant:
            yield _AT + "tenant", "is missing: grant is client-credentials"
        elif oauth.tenant.lower() in _ANY_TENANT:
            yield _AT + "tenant", f"must be your own (its ID or a domain), not {oauth.tenant}: an app has one"


def _addresses(profile: Profile, oauth: OAuth) -> Found:
    """Nothing can be filled in for a provider or a cloud that only the admin knows."""
    cloud = profile.cloud
    if oauth.provider == "custom":
        why = "provider is custom"
    elif oauth.provider == "microsoft" and cloud == "custom":
        why = "cloud is custom"
        if not oauth.scopes:
            yield _AT + "scopes", f"is missing: {why}"
    else:
        return
    if oauth.grant == "managed-identity":
        return
    wanted = {"token_url": oauth.token_url}
    if oauth.grant == "device-code":
        wanted["device_authorization_url"] = oauth.device_authorization_url
    if oauth.grant == "authorization-code":
        wanted["authorization_url"] = oauth.authorization_url
        if oauth.provider == "custom":
            wanted["redirect_url"] = oauth.redirect_url
    for field, value in wanted.items():
        if not value:
            yield _AT + field, f"is missing: {why}"


def _proof(_profile: Profile, oauth: OAuth) -> Found:
    """What the program proves itself with."""
    secret, certificate = _text(oauth.client_secret), _text(oauth.certificate)
    if oauth.grant == "client-credentials" and oauth.provider != "google":
        if not secret and not certificate:
            yield _AT + "client_secret", "is missing: grant is client-credentials (or give certificate)"
        if secret and certificate:
            yield _AT + "certificate", "is one too many: give client_secret or certificate"
    if "\n" in secret or "\r" in secret or "\0" in secret:
        yield _AT + "client_secret", "has several lines: a client secret is one"
    if certificate:
        yield from _pem(certificate)
    if oauth.grant == "service-account" and oauth.provider == "google":
        key = _text(oauth.service_account)
        if not key:
            yield _AT + "service_account", "is missing: grant is service-account"
        elif not _is_key_file(key):
            yield (
                _AT + "service_account",
                "is not the key file of a service account: JSON with client_email and private_key",
            )


def _pem(text: str) -> Found:
    field = _AT + "certificate"
    if "PRIVATE KEY-----" not in text:
        yield field, "has no private key: give PEM text with the private key and the certificate"
    elif "BEGIN ENCRYPTED PRIVATE KEY-----" in text or "Proc-Type: 4,ENCRYPTED" in text:
        yield field, "has a private key with a passphrase: take it off (openssl pkey -in FILE -out FILE2)"
    if "BEGIN CERTIFICATE-----" not in text:
        yield field, "has no certificate: give PEM text with the private key and the certificate"


def _is_key_file(text: str) -> bool:
    try:
        key = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return isinstance(key, dict) and all(
        isinstance(key.get(part), str) and key[part] for part in ("client_email", "private_key")
    )


def _allowed(_profile: Profile, oauth: OAuth) -> Found:
    """What the provider does not have, with what it has instead."""
    provider, grant = oauth.provider, oauth.grant
    if provider == "google" and grant == "device-code":
        yield (
            _AT + "grant",
            "must not be device-code, where Google refuses mail: use authorization-code or service-account",
        )
    if provider == "google" and grant == "client-credentials":
        yield _AT + "grant", "must not be client-credentials: Google has service-account instead"
    if provider != "google" and grant == "service-account":
        yield _AT + "grant", "must not be service-account: only Google has that; choose client-credentials"
    if provider != "microsoft" and grant == "managed-identity":
        yield _AT + "grant", "must not be managed-identity: only Microsoft Azure has that"


def _resource(profile: Profile, oauth: OAuth) -> Found:
    """Entra grants an access token for one resource (AADSTS700022); a bare name means Microsoft Graph."""
    if oauth.provider != "microsoft":
        return  # elsewhere an address in a scope is a name and no resource: Google mixes hosts
    if profile.protocol in {"graph", "ews"} and profile.cloud != "custom":
        return  # the resource is known there, and what is of another is named (contradictions_graph, _ews)
    hosts: list[str] = []
    for scope in oauth.scopes or ():
        if scope.lower() in ANY_RESOURCE:
            continue
        host = _host(scope)
        if host not in hosts:
            hosts.append(host)
    if len(hosts) > 1:
        yield (
            _AT + "scopes",
            f"are for {' and '.join(hosts[:3])}: one access token is for one of them, leave the others out",
        )


def _host(scope: str) -> str:
    try:
        found = urlsplit(scope).hostname or ""
    except ValueError:
        return scope
    if not found and "//" in scope:
        return scope
    return found if found and "graph" not in found else "Microsoft Graph"


def _text(secret: SecretStr | None) -> str:
    return secret.get_secret_value() if secret else ""
