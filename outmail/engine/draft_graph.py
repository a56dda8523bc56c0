"""The wizard's answers about Microsoft Graph: what follows from protocol and cloud, and the settings made.

It knows no screen and no network. The cloud is one choice: a profile signs in where its Graph is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from outmail.engine import draft_oauth as oauth
from outmail.engine import draft_pages as at
from outmail.engine.draft_pages import Note, Page
from outmail.engine.oauth_defaults import CLOUDS
from store.profiles import Graph, Profile
from store.tokens import APP_ONLY

if TYPE_CHECKING:
    from outmail.engine.draft import Draft

OAUTH_ONLY = "Microsoft Graph takes access tokens only, never a password."
NO_GOOGLE = "Google's sign-in gives no tokens for Microsoft Graph."

_OWN_CLIENT_ID = (
    "Does another program fetch mail from this mailbox? Then give it a client ID of its own: "
    "Microsoft throttles each app on each mailbox."
)
_SHARED = (
    "Profile {} has the same client ID and mailbox: Microsoft throttles both as one. "
    "Register an app for each of them."
)
_EVERY_MAILBOX = (
    "With the permission Mail.Send an app may send as every mailbox: narrow it with RBAC for Applications."
)
_NO_UPLOADS = (
    "Graph takes no mail of more than about 3 MB in this cloud: larger mail needs a failover profile by SMTP."
)
_SEND_AS = "The From is not the mailbox: Exchange must give it Send As or Send on Behalf for that address."


def chosen(draft: Draft) -> bool:
    """Whether mail leaves through Graph."""
    return draft.texts.get(at.PROTOCOL) == "graph"


def texts_of(profile: Profile) -> dict[str, str]:
    """The answers that made a saved profile's Graph settings."""
    graph = profile.graph
    if graph is None:
        return {}
    found = {at.GRAPH_CLOUD: graph.cloud, at.ENDPOINT: graph.endpoint or "", at.UNCERTAIN: graph.uncertain}
    return {field: text for field, text in found.items() if text}


def implied(draft: Draft, field: str) -> str:
    """What a field says because mail leaves through Graph, whatever was chosen for SMTP; else ""."""
    if not chosen(draft):
        return ""
    if field == at.METHOD:
        return "oauth"
    return _cloud(draft) if field == at.CLOUD else ""


def filled_in(draft: Draft, field: str) -> str:
    """What stands in a field in which nothing was typed, "" where nothing is known."""
    if field == at.GRAPH_CLOUD:
        return _cloud(draft)
    if field == at.ENDPOINT:
        cloud = CLOUDS.get(_cloud(draft))
        return cloud.graph if cloud else ""
    return Graph().uncertain if field == at.UNCERTAIN else ""


def refused_method(draft: Draft, method: str) -> str:
    """Why one cannot sign in to Graph so, a sentence; "" where one can."""
    return OAUTH_ONLY if chosen(draft) and method != "oauth" else ""


def _cloud(draft: Draft) -> str:
    return draft.texts.get(at.GRAPH_CLOUD) or draft.texts.get(at.CLOUD, "global")


def cloud_changed(draft: Draft) -> None:
    """Another cloud has its own endpoint and addresses to sign in; those of the saved one come back."""
    draft.texts.pop(at.ENDPOINT, None)
    oauth.provider_changed(draft)
    base = draft.base
    if base is not None and chosen(draft) and _cloud(draft) == (base.graph or Graph()).cloud:
        saved = texts_of(base) | oauth.texts_of(base)
        draft.texts |= {f: text for f, text in saved.items() if f in {at.ENDPOINT, *oauth.FOLLOW_PROVIDER}}


def protocol_changed(draft: Draft) -> None:
    """Scopes are of one protocol; those that the profile was saved with come back with theirs."""
    draft.texts.pop(at.SCOPES, None)
    base = draft.base
    if base is not None and base.protocol == draft.text(at.PROTOCOL):
        draft.texts |= {f: text for f, text in oauth.texts_of(base).items() if f == at.SCOPES}
    if draft.text(at.PROTOCOL) != "smtp" and draft.text(at.AUTHORITY) == "google":
        draft.type(at.AUTHORITY, "microsoft")


def made(draft: Draft) -> dict[str, object] | Graph | None:
    """The Graph settings for the profile; what was saved unused is not ours to drop."""
    before = draft.base.graph if draft.base else None
    if not chosen(draft):
        return before
    found: dict[str, object] = {
        "cloud": draft.text(at.GRAPH_CLOUD),
        "endpoint": _made_endpoint(draft, before),
        "uncertain": draft.text(at.UNCERTAIN),
    }
    return None if before is None and _saved_without(draft, found) else found


def _made_endpoint(draft: Draft, before: Graph | None) -> str | None:
    text = draft.text(at.ENDPOINT).strip()
    if before is not None and text == before.endpoint:
        return text
    cloud = CLOUDS.get(_cloud(draft))
    return None if cloud and text.rstrip("/") == cloud.graph else text or None


def _saved_without(draft: Draft, found: dict[str, object]) -> bool:
    """Whether the profile was saved without such settings, and these still say no more than that."""
    base = draft.base
    return base is not None and base.protocol == "graph" and found == Graph().model_dump()


# --- words


def notes(draft: Draft, profiles: Mapping[str, Profile]) -> list[Note]:
    """What the admin should know about sending through Graph; `profiles` are those that are saved."""
    if not chosen(draft):
        return []
    others = sharing(draft, profiles)
    found = [
        Note(page, _SHARED.format(name), urgent=True)
        for name in others
        for page in (Page.SIGN_IN, Page.REVIEW)
    ]
    if not others:
        found.append(Note(Page.SIGN_IN, _OWN_CLIENT_ID))
    mailbox, sender = (draft.text(field).strip().lower() for field in (at.USERNAME, at.FROM))
    if mailbox and sender and mailbox != sender:
        found.append(Note(Page.SENDER, _SEND_AS))
    if draft.text(at.GRANT) in APP_ONLY:
        found.append(Note(Page.SIGN_IN, _EVERY_MAILBOX))
    cloud = CLOUDS.get(_cloud(draft))
    if cloud and not cloud.uploads:
        found.append(Note(Page.GRAPH, _NO_UPLOADS))
    return found


def sharing(draft: Draft, profiles: Mapping[str, Profile]) -> list[str]:
    """The other profiles through Graph that are throttled as one with this: same app, same mailbox."""
    client = draft.text(at.CLIENT_ID).strip().lower()
    mailbox = (draft.text(at.USERNAME).strip() or draft.text(at.FROM).strip()).lower()
    if not client or not mailbox:
        return []
    return [
        name
        for name, other in profiles.items()
        if name != draft.original
        and other.protocol == "graph"
        and other.auth.oauth is not None
        and (other.auth.oauth.client_id or "").lower() == client
        and (other.auth.username or other.from_address).lower() == mailbox
    ]
