"""What follows from a profile for Microsoft Graph: where it is, whose mailbox it is, what it can carry.

Facts of Microsoft's clouds; nothing here talks to anybody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from outmail.engine.oauth_defaults import CLOUDS, filled, of_another
from store.profiles import Profile
from store.tokens import APP_ONLY

if TYPE_CHECKING:
    from transports.base import Buffer
    from transports.mime_structure import Unfit

_WRITES, _WRITES_FOR_OTHERS = "mail.readwrite", "mail.readwrite.shared"


def endpoint(profile: Profile) -> str:
    """The origin of Graph, as "https://graph.microsoft.com"; the cloud's, unless the profile says."""
    own = profile.graph.endpoint if profile.graph else None
    known = CLOUDS.get(cloud(profile))
    return own or (known.graph if known else "")


def cloud(profile: Profile) -> str:
    """The profile's word for its cloud."""
    return profile.cloud


def address(profile: Profile) -> str:
    """How the way is named to people: host and mailbox, for one Graph serves many."""
    parts = urlsplit(endpoint(profile))
    host = f"{parts.hostname}:{parts.port}" if parts.port else parts.hostname or ""
    return f"{host}/{profile.auth.username or profile.from_address}"


def mailbox(profile: Profile) -> str:
    """Whose mailbox is named in requests; "" for that of whoever signed in (/me), which an app has not.

    https://learn.microsoft.com/graph/outlook-send-mail-from-other-user
    """
    named = profile.auth.username or ""
    oauth = profile.auth.oauth
    if oauth is not None and oauth.grant in APP_ONLY:
        return named or profile.from_address
    return named if of_another(profile) else ""


def uploads(profile: Profile) -> bool:
    """Whether mail over the limit of one request can go: by drafts, where the cloud has upload sessions."""
    known = CLOUDS.get(cloud(profile))
    if known is not None and not known.uploads:
        return False
    oauth = profile.auth.oauth
    if oauth is None or oauth.grant in APP_ONLY:
        return True  # what the app was granted is in no scope
    rights = {scope.lower().rpartition("/")[2] for scope in filled(profile).scopes}
    return _WRITES_FOR_OTHERS in rights or (_WRITES in rights and not of_another(profile))


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
