"""The wizard's answers about Exchange Web Services: what follows from the URL, and the settings made.

It knows no screen and no network. Where the URL is Exchange Online's, it says what that means: tokens
only, one cloud, and an end, before which Microsoft Graph can take over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pydantic import ValidationError

from outmail.engine import draft_pages as at
from outmail.engine.draft_pages import Note, Page
from outmail.engine.retirement import EWS_ONLINE
from store.clouds import exchange_online, graph_beside
from store.fields import ews_url
from store.profiles import Ews, Profile
from store.tokens import APP_ONLY

if TYPE_CHECKING:
    from outmail.engine.draft import Draft

NO_ANONYMOUS = "EWS needs a mailbox to sign in to."
NO_PASSWORD = "Exchange Online takes no password over EWS any more."  # noqa: S105 - a sentence
NO_GOOGLE = "Google has no Exchange Web Services."
CARRIED = (
    "Taken over: mailbox, sender, tenant, client ID, secret or certificate, proxy, trust, failover. "
    "Not the scopes: give the app Graph's permissions, and sign in once more."
)

_OTHER_CLOUD = "The dates are the worldwide cloud's: for this one no others are known."
_EVERY_MAILBOX = (
    "With full_access_as_app an app may act as every mailbox: narrow it with RBAC for Applications, "
    "role Application EWS.AccessAsApp."
)
_OWN_SERVER = "An Exchange Server takes tokens only where hybrid modern authentication is set up."
_SEND_AS = "The From is not the mailbox: Exchange must give it Send As or Send on Behalf for that address."


def chosen(draft: Draft) -> bool:
    """Whether mail leaves through EWS."""
    return draft.texts.get(at.PROTOCOL) == "ews"


def online(draft: Draft) -> str:
    """The cloud whose Exchange Online mail leaves through; "" for an own server and another protocol."""
    return exchange_online(_host(draft)) if chosen(draft) else ""


def _host(draft: Draft) -> str:
    try:
        return urlsplit(completed(draft.texts.get(at.EWS_URL, ""))).hostname or ""
    except ValueError:
        return ""


def completed(text: str) -> str:
    """The whole URL that a host name or an origin stands for; what is none stays as it was typed."""
    try:
        return ews_url(text)
    except ValueError:
        return text


def address_in(username: str) -> str:
    """The mail address that a user name is, "" for DOMAIN\\user and the like."""
    return username if "@" in username and "\\" not in username else ""


def place(draft: Draft) -> Ews | None:
    """Where EWS are by the answers, None while that cannot be read."""
    try:
        return Ews(url=draft.texts.get(at.EWS_URL, ""))
    except ValidationError:
        return None


def texts_of(profile: Profile) -> dict[str, str]:
    """The answers that made a saved profile's EWS settings."""
    ews = profile.ews
    if ews is None:
        return {}
    copy = "yes" if ews.keep_copy else "no"
    return {at.EWS_URL: ews.url, at.KEEP_COPY: copy, at.SCHEME: ews.scheme, at.EWS_UNCERTAIN: ews.uncertain}


def implied(draft: Draft, field: str) -> str:
    """What a field says because mail leaves through EWS, whatever was chosen for SMTP; else ""."""
    if field not in {at.METHOD, at.CLOUD} or not chosen(draft):
        return ""
    if field == at.CLOUD:
        return online(draft)
    if online(draft):
        return "oauth"
    return "basic" if draft.texts.get(at.METHOD) == "none" else ""


def filled_in(draft: Draft, field: str) -> str:
    """What stands in a field in which nothing was typed, "" where nothing is known."""
    return {at.KEEP_COPY: "no", at.SCHEME: "auto", at.EWS_UNCERTAIN: "hold"}.get(field, "")


def made(draft: Draft) -> dict[str, object] | Ews | None:
    """The EWS settings for the profile; what was saved unused is not ours to drop."""
    if not chosen(draft):
        return draft.base.ews if draft.base else None
    found: dict[str, object] = {
        "keep_copy": draft.on(at.KEEP_COPY),
        "scheme": draft.text(at.SCHEME),
        "uncertain": draft.text(at.EWS_UNCERTAIN),
    }
    url = draft.text(at.EWS_URL).strip()
    return found | ({"url": url} if url else {})


def to_graph(draft: Draft) -> None:
    """Microsoft Graph of the same cloud in place of Exchange Online's EWS, with all that holds there too.

    Scopes and URL do not: a token is for one service. Where somebody signs in, and as whom, stays.
    """
    cloud = online(draft)
    if not cloud:
        return
    draft.texts[at.UNCERTAIN] = draft.text(at.EWS_UNCERTAIN)
    draft.texts |= {at.PROTOCOL: "graph", at.METHOD: "oauth", at.GRAPH_CLOUD: cloud, at.CLOUD: cloud}
    for field in (at.SCOPES, at.ENDPOINT):
        draft.texts.pop(field, None)
    if cloud == "custom":
        draft.texts[at.ENDPOINT] = graph_beside(_host(draft))


# --- words


def refused_method(draft: Draft, method: str) -> str:
    """Why one cannot sign in to this Exchange so, a sentence; "" where one can."""
    if not chosen(draft):
        return ""
    if method == "none":
        return NO_ANONYMOUS
    return NO_PASSWORD if method == "basic" and online(draft) else ""


def notes(draft: Draft) -> list[Note]:
    """What the admin should know about sending through EWS."""
    if not chosen(draft):
        return []
    cloud, found = online(draft), []
    if cloud:
        dates = [f"{EWS_ONLINE.title}:", *(f"• {date}" for date in EWS_ONLINE.dates)]
        said = EWS_ONLINE.text if cloud == "global" else f"{_OTHER_CLOUD} {EWS_ONLINE.text}"
        found.append(Note(Page.EWS, "\n".join([*dates, said]), urgent=True))
        found.append(Note(Page.REVIEW, f"{EWS_ONLINE.title}. {EWS_ONLINE.text}", urgent=True))
    mailbox = address_in(draft.text(at.USERNAME).strip()).lower()
    sender = draft.text(at.FROM).strip().lower()
    if mailbox and sender and mailbox != sender:
        found.append(Note(Page.SENDER, _SEND_AS))
    if draft.text(at.METHOD) == "oauth":
        if not cloud:
            found.append(Note(Page.SIGN_IN, _OWN_SERVER))
        if draft.text(at.GRANT) in APP_ONLY:
            found.append(Note(Page.SIGN_IN, _EVERY_MAILBOX))
    return found
