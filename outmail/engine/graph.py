"""What follows from a profile for Microsoft Graph: where it is, whose mailbox it is, what it can carry.

Facts of Microsoft's clouds; nothing here talks to anybody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from outmail.engine.oauth_defaults import CLOUDS, filled
from store.profiles import Profile
from store.tokens import APP_ONLY

if TYPE_CHECKING:
    from transports.base import Buffer
    from transports.mime_structure import Unfit

_WITHOUT_UPLOADS = frozenset({"us-gov", "us-dod"})
"""Microsoft's own description of these has no attachment upload session (msgraph-metadata, Fairfax)."""

_WRITES = "mail.readwrite"


def endpoint(profile: Profile) -> str:
    """The origin of Graph, as "https://graph.microsoft.com"; the cloud's, unless the profile says."""
    own = profile.graph.endpoint if profile.graph else None
    return (own or CLOUDS.get(cloud(profile), CLOUDS["global"]).graph).rstrip("/")


def cloud(profile: Profile) -> str:
    """The profile's word for its cloud."""
    return profile.graph.cloud if profile.graph else "global"


def address(profile: Profile) -> str:
    """How the way is named to people: host and mailbox, for one Graph serves many."""
    parts = urlsplit(endpoint(profile))
    host = f"{parts.hostname}:{parts.port}" if parts.port else parts.hostname or ""
    return f"{host}/{profile.auth.username or profile.from_address}"


def mailbox(profile: Profile) -> str:
    """Whose mailbox is named in requests; "" for that of whoever signed in (/me), which an app has not.

    https://learn.microsoft.com/graph/outlook-send-mail-from-other-user
    """
    oauth, named = profile.auth.oauth, profile.auth.username or ""
    if oauth is not None and oauth.grant in APP_ONLY:
        return named or profile.from_address
    account = (oauth.account if oauth else None) or ""
    return named if account and named and account.lower() != named.lower() else ""


def uploads(profile: Profile) -> bool:
    """Whether mail over the limit of one request can go: by drafts, where the cloud has upload sessions."""
    if cloud(profile) in _WITHOUT_UPLOADS:
        return False
    oauth = profile.auth.oauth
    if oauth is None or oauth.grant in APP_ONLY:
        return True  # what the app was granted is in no scope
    return any(scope.lower().rpartition("/")[2].startswith(_WRITES) for scope in filled(profile).scopes)


def headers(profile: Profile) -> bool:
    """Whether drafts may have header fields of their own (msgraph-metadata: not in China's, Mooncake)."""
    return cloud(profile) != "china"


def largest(profile: Profile) -> int | None:
    """Bytes of the largest message that the profile can carry; None where only the server knows."""
    if profile.protocol != "graph":
        return None
    from transports import graph_plan

    return graph_plan.largest(uploads=uploads(profile))


def largest_as_it_is() -> int:
    """Bytes of the largest message that goes as it is, and of which nothing can be lost."""
    from transports import graph_plan

    return graph_plan.LARGEST_MIME - graph_plan.ROOM_FOR_HEADERS


def unfit(profile: Profile, content: Buffer, size: int) -> Unfit | None:
    """Why Graph cannot carry a message, or would damage it; None where it can, and for other protocols."""
    if profile.protocol != "graph":
        return None
    from transports import graph_plan
    from transports.mime_structure import Unfit

    try:
        graph_plan.plan(content, size, uploads=uploads(profile))
    except Unfit as found:
        return found
    return None


def audiences(profile: Profile) -> frozenset[str]:
    """What `aud` of a right token may say: the resource that the scopes name, or Graph's own number."""
    scopes = filled(profile).scopes
    found = {f"https://{urlsplit(scope).netloc}" for scope in scopes if scope.startswith("https://")}
    return frozenset({*found, endpoint(profile), _GRAPH})


_GRAPH = "00000003-0000-0000-c000-000000000000"
"""Microsoft Graph as an application, in every cloud."""
