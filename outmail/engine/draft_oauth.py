"""The wizard's answers about OAuth: which are asked, what is filled in for them, and the settings they make.

It knows no screen and no network. What is filled in is shown as if typed, and not saved: a profile
keeps only what differs, so that a later version's defaults reach it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import SecretStr

from outmail.engine import draft_ews as ews
from outmail.engine import draft_pages as at
from outmail.engine.oauth_defaults import Filled, defaults, refused_grant
from outmail.engine.preset import Preset
from store.fields import split_scopes
from store.profiles import Auth, OAuth, Profile
from store.tokens import APP_ONLY

if TYPE_CHECKING:
    from outmail.engine.draft import Draft

BEGINNING = {at.AUTHORITY: "microsoft", at.CLOUD: "global", at.GRANT: "device-code"}

GRANTS = {
    "microsoft": ("device-code", "authorization-code", "client-credentials", "managed-identity"),
    "google": ("authorization-code", "service-account", "device-code", "client-credentials"),
    "custom": ("device-code", "authorization-code", "client-credentials"),
}
"""What is offered, by provider, the one to suggest first; some of Google's to say why it is not allowed."""

LARGEST_FILE = 64 * 1024
"""Bytes: a key pair has some 4 KiB, a service account's file 3 KiB."""

_TEXTS = {
    at.TENANT: "tenant",
    at.CLIENT_ID: "client_id",
    at.ACCOUNT: "account",
    at.AUTHORIZATION_URL: "authorization_url",
    at.TOKEN_URL: "token_url",
    at.DEVICE_URL: "device_authorization_url",
    at.REDIRECT_URL: "redirect_url",
}
_SECRETS = {
    at.CLIENT_SECRET: "client_secret",
    at.CERTIFICATE: "certificate",
    at.SERVICE_ACCOUNT: "service_account",
}
_FILLED_IN = {
    at.TENANT: "tenant",
    at.AUTHORIZATION_URL: "authorization_url",
    at.TOKEN_URL: "token_url",
    at.DEVICE_URL: "device_authorization_url",
    at.REDIRECT_URL: "redirect_url",
    at.SCOPES: "scopes",
}
FOLLOW_PROVIDER = (at.TENANT, at.AUTHORIZATION_URL, at.TOKEN_URL, at.DEVICE_URL, at.SCOPES)
"""What is another's as soon as provider or cloud is."""

_PROVIDERS = {"gmail": "google", "workspace-relay": "google", "outlook": "microsoft"}
_CLOUDS = {"m365-gcch": "us-gov", "m365-dod": "us-dod", "m365-cn": "china"}


def texts_of(profile: Profile) -> dict[str, str]:
    """The answers that made a saved profile's OAuth settings, without its secrets."""
    oauth = profile.auth.oauth
    if oauth is None:
        return {}
    found = {field: getattr(oauth, name) or "" for field, name in _TEXTS.items()}
    found |= {at.AUTHORITY: oauth.provider, at.CLOUD: profile.cloud, at.GRANT: oauth.grant}
    found[at.SCOPES] = ", ".join(oauth.scopes or ())
    found[at.SECRET_EXPIRES] = oauth.secret_expires.isoformat() if oauth.secret_expires else ""
    return {field: text for field, text in found.items() if text}


def filled_in(draft: Draft, field: str) -> str:
    """What stands in a field in which nothing was typed: the provider's default, "" where it has none."""
    name = _FILLED_IN.get(field)
    if name is None:
        return ""
    if field == at.TENANT and draft.texts.get(at.GRANT) in APP_ONLY:
        return ""  # an app belongs to one tenant, which only the admin knows
    value: str | tuple[str, ...] = getattr(_defaults(draft), name)
    return value if isinstance(value, str) else ", ".join(value)


def _defaults(draft: Draft) -> Filled:
    # Copied without validation: what is wrong with a text is told elsewhere, and must not hide the rest.
    said = {
        field: draft.texts.get(field, "").strip() or None for field in (at.TENANT, at.ACCOUNT, at.USERNAME)
    }
    oauth = OAuth().model_copy(
        update={
            "provider": draft.texts.get(at.AUTHORITY),
            "cloud": draft.text(at.CLOUD),
            "grant": draft.texts.get(at.GRANT),
            "tenant": said[at.TENANT],
            "account": said[at.ACCOUNT],
        }
    )
    auth = Auth(method="oauth").model_copy(update={"username": said[at.USERNAME], "oauth": oauth})
    return defaults(
        Profile(protocol="graph", from_address="nobody@localhost").model_copy(
            update={
                "protocol": draft.texts.get(at.PROTOCOL),
                "auth": auth,
                "graph": draft.base.graph if draft.base else None,
                "ews": ews.place(draft),
            }
        )
    )


def provider_changed(draft: Draft) -> None:
    """Another provider or cloud was chosen: its own addresses are filled in, and a way that it allows."""
    for field in FOLLOW_PROVIDER:
        draft.texts.pop(field, None)
    provider, protocol, grant = (draft.texts[f] for f in (at.AUTHORITY, at.PROTOCOL, at.GRANT))
    offered = GRANTS.get(provider, ())
    if grant not in offered or refused_grant(provider, grant, protocol):
        draft.by_hand.discard(at.GRANT)
    if at.GRANT not in draft.by_hand:
        draft.texts[at.GRANT] = offered[0]


def apply_preset(draft: Draft, preset: Preset) -> None:
    """How one signs in at this provider: OAuth where it says so first and we know its addresses."""
    provider = _PROVIDERS.get(preset.id) or ("microsoft" if preset.id.startswith("m365") else "")
    cloud = _CLOUDS.get(preset.id, "global")
    usable = [method for method in preset.methods if method != "oauth" or provider]
    if usable:
        draft.texts[at.METHOD] = usable[0]
    if provider and (draft.texts[at.AUTHORITY], draft.texts[at.CLOUD]) != (provider, cloud):
        draft.texts |= {at.AUTHORITY: provider, at.CLOUD: cloud}
        provider_changed(draft)


# --- which questions


def asks(draft: Draft, field: str) -> bool:
    """Whether the field has a meaning for this provider and this way to sign in."""
    provider, grant = draft.text(at.AUTHORITY), draft.text(at.GRANT)
    if field == at.CLOUD:
        of_the_service = draft.text(at.PROTOCOL) == "graph" or ews.online(draft)
        return provider == "microsoft" and not of_the_service
    if field == at.TENANT:
        return provider == "microsoft" and grant != "managed-identity"
    if field == at.CLIENT_ID:
        return grant != "service-account"
    if field == at.CLIENT_SECRET:
        needless = provider == "microsoft" and grant == "device-code"
        return not needless and grant not in {"service-account", "managed-identity"}
    if field == at.SECRET_EXPIRES:
        secret = draft.texts.get(at.CLIENT_SECRET) or draft.stored(at.CLIENT_SECRET)
        return bool(secret) and asks(draft, at.CLIENT_SECRET)
    if field in {at.CERTIFICATE, at.FILES[at.CERTIFICATE]}:
        return grant == "client-credentials" and provider != "google"
    if field in {at.SERVICE_ACCOUNT, at.FILES[at.SERVICE_ACCOUNT]}:
        return grant == "service-account"
    if field in {at.AUTHORIZATION_URL, at.DEVICE_URL, at.REDIRECT_URL}:
        return grant not in APP_ONLY
    if field == at.TOKEN_URL:
        return grant != "managed-identity"
    return field != at.ACCOUNT or grant not in {"client-credentials", "managed-identity"}


def must_unfold(draft: Draft) -> bool:
    """Whether addresses and scopes cannot stay folded: nothing is known to fill in."""
    provider = draft.text(at.AUTHORITY)
    return provider == "custom" or (provider == "microsoft" and draft.text(at.CLOUD) == "custom")


# --- files


def load(draft: Draft, setting: str, path: str) -> None:
    """Take a setting of many lines from the file at `path`; what is wrong with that is in `unread`."""
    draft.texts[at.FILES[setting]] = path
    draft.texts.pop(setting, None)
    draft.unread.pop(at.FILES[setting], None)
    if not path.strip():
        return
    try:
        place = Path(os.path.expanduser(path.strip()))  # noqa: PTH111 - raises nothing where there is no home
        if not place.is_file():
            draft.unread[at.FILES[setting]] = "is not there: type the whole path of a file"
            return
        with place.open("rb") as file:
            data = file.read(LARGEST_FILE + 1)
        text = data.decode("utf-8-sig")
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text"
        draft.unread[at.FILES[setting]] = f"cannot be read: {why}"
        return
    if len(data) > LARGEST_FILE:
        draft.unread[at.FILES[setting]] = "is too large to be a key file"
        return
    put_secret(draft, setting, text)


def put_secret(draft: Draft, setting: str, text: str) -> None:
    """A new secret or key pair; a client secret and a certificate replace each other."""
    draft.texts[setting] = text
    draft.dropped.discard(setting)
    other = {at.CLIENT_SECRET: at.CERTIFICATE, at.CERTIFICATE: at.CLIENT_SECRET}.get(setting)
    if other and text:
        draft.dropped.add(other)
        for field in (other, at.FILES.get(other, other)):
            draft.texts.pop(field, None)
            draft.unread.pop(field, None)


# --- what they make


def kept(draft: Draft, field: str) -> SecretStr | None:
    """The secret that is saved already, None where there is none or it was replaced."""
    oauth = draft.base.auth.oauth if draft.base else None
    if oauth is None or field in draft.dropped:
        return None
    found: SecretStr | None = getattr(oauth, _SECRETS[field])
    return found


def made(draft: Draft) -> dict[str, object] | OAuth | None:
    """The OAuth settings for the profile; None where it does not sign in so and never did."""
    before = draft.base.auth.oauth if draft.base else None
    if draft.text(at.METHOD) != "oauth":
        # What was saved unused is not ours to drop; a sign-in that is no longer used is not kept.
        return before if draft.base and draft.base.auth.method != "oauth" else None
    found: dict[str, object] = {
        "provider": draft.text(at.AUTHORITY),
        "cloud": _made_cloud(draft, before),
        "grant": draft.text(at.GRANT),
        "scopes": _made_scopes(draft, before),
        "secret_expires": draft.text(at.SECRET_EXPIRES).strip() or None,
    }
    for field, name in _TEXTS.items():
        found[name] = _made_text(draft, field, getattr(before, name) if before else None)
    same_grant = before is not None and before.grant == draft.text(at.GRANT)
    for field, name in _SECRETS.items():
        typed = draft.texts.get(field)
        if same_grant or asks(draft, field):
            found[name] = SecretStr(typed) if typed else kept(draft, field)
    return found


def _made_text(draft: Draft, field: str, before: str | None) -> str | None:
    text = draft.text(field).strip()
    must_say = field == at.REDIRECT_URL and draft.text(at.AUTHORITY) == "custom"
    if must_say and draft.text(at.GRANT) == "authorization-code":
        return text or None  # it must be what the provider was told, so the profile says it
    return None if text != before and text == filled_in_without(draft, field) else text or None


def filled_in_without(draft: Draft, field: str) -> str:
    """What would be filled in if nothing were typed in this field."""
    if field not in draft.texts:
        return filled_in(draft, field)
    typed = draft.texts.pop(field)
    try:
        return filled_in(draft, field)
    finally:
        draft.texts[field] = typed


def _made_scopes(draft: Draft, before: OAuth | None) -> object:
    scopes = split_scopes(draft.text(at.SCOPES))
    if before is not None and scopes == before.scopes:
        return scopes
    return None if scopes == split_scopes(filled_in(draft, at.SCOPES)) else scopes


def _made_cloud(draft: Draft, before: OAuth | None) -> str | None:
    implied = draft.base.graph.cloud if draft.base and draft.base.graph else "global"
    chosen = draft.text(at.CLOUD)
    unsaid = before is None or before.cloud is None
    if draft.text(at.PROTOCOL) == "graph" or ews.online(draft):
        return before.cloud if before and before.cloud == chosen else None
    return None if chosen == implied and unsaid else chosen


def adopt(draft: Draft, profile: Profile) -> None:
    """A sign-in changed the profile on its way (another grant, a confirmed account): so do the answers."""
    oauth = profile.auth.oauth
    if oauth is None:
        return
    draft.texts[at.GRANT] = oauth.grant
    for field, text in ((at.ACCOUNT, oauth.account), (at.SCOPES, ", ".join(oauth.scopes or ()))):
        draft.texts[field] = text or ""
