"""What the wizard says about the answers: the review's lines and the notes to read; never a secret."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from outmail.engine import draft_ews as ews
from outmail.engine import draft_graph as graph
from outmail.engine import draft_oauth as oauth
from outmail.engine import draft_pages as at
from outmail.engine.draft import Draft
from outmail.engine.draft_pages import Note, Page
from outmail.engine.oauth_defaults import CLOUDS, GRANT_NAMES
from outmail.engine.presets import Preset, by_host
from store.profiles import DEFAULT_PORTS, Profile, Security

_PROTECTION = {Security.STARTTLS: "STARTTLS", Security.TLS: "SMTPS", Security.NONE: "no TLS"}
METHODS = {"basic": "Basic", "none": "None", "oauth": "OAuth 2"}
PROVIDERS = {"microsoft": "Microsoft", "google": "Google", "custom": "Other"}
CLOUD_NAMES = {name: cloud.title for name, cloud in CLOUDS.items()} | {"custom": "one of your own"}
UNCERTAIN = {"hold": "hold the mail", "send-again": "send it again"}
SCHEMES = {"auto": "what the server offers, NTLM first", "ntlm": "NTLM", "basic": "Basic"}
_EWS = (at.EWS_URL, at.USERNAME, at.KEEP_COPY, at.EWS_UNCERTAIN)
_GRAPH = (at.GRAPH_CLOUD, at.ENDPOINT, at.USERNAME, at.UNCERTAIN)
_OAUTH = (
    *(at.AUTHORITY, at.CLOUD, at.GRANT, at.TENANT, at.USERNAME, at.ACCOUNT, at.CLIENT_ID),
    *(at.CLIENT_SECRET, at.SECRET_EXPIRES, at.CERTIFICATE, at.SERVICE_ACCOUNT, at.SCOPES, at.REDIRECT_URL),
)
_NO_TLS = "Without TLS everyone on the way can read and change the mail: for a trusted network only."
_BARE_PASSWORD = "The password will travel unencrypted: everyone on the way can read it."  # noqa: S105


def summary(draft: Draft) -> list[tuple[str, str]]:
    """Every answer that counts, as (field, text to show), page by page; secrets as ***."""
    rows: list[tuple[str, str]] = []

    def add(*names: str) -> None:
        rows.extend((name, _shown(draft, name)) for name in names)

    if draft.text(at.PROTOCOL) == "smtp":
        rows += [(at.server_field(n, "host"), _server(draft, n)) for n in range(draft.server_count())]
    if draft.text(at.PROTOCOL) == "graph":
        add(*_GRAPH)
    if draft.text(at.PROTOCOL) == "ews":
        add(*_EWS)
    add(at.METHOD)
    if draft.text(at.METHOD) == "basic":
        on_ews = draft.text(at.PROTOCOL) == "ews"
        add(*((at.PASSWORD, at.SCHEME) if on_ews else (at.USERNAME, at.PASSWORD, at.MECHANISM)))
        if not on_ews and draft.asks_insecure():
            add(at.INSECURE)
    if draft.text(at.METHOD) == "oauth":
        told = {name for name, _ in rows}
        add(*(field for field in _OAUTH if oauth.asks(draft, field) and field not in told))
    add(at.SENDER_NAME, at.FROM, at.REPLY_TO, at.POLICY, at.PROXY)
    if draft.on(at.PROXY):
        add(at.PROXY_URL, at.PROXY_USER, at.PROXY_PASSWORD)
    add(at.CA_FILE)
    if draft.text(at.FAILOVER):
        add(at.FAILOVER, at.FAILBACK)
    return rows


def _server(draft: Draft, number: int) -> str:
    host, port = (draft.text(at.server_field(number, part)) for part in ("host", "port"))
    security = Security(draft.text(at.server_field(number, "security")))
    bare = f"[{host.strip()}]" if ":" in host else host.strip()
    return f"{bare}:{port.strip() or DEFAULT_PORTS[security]}  {_PROTECTION[security]}" if bare else ""


def _shown(draft: Draft, name: str) -> str:
    known = {
        at.METHOD: METHODS,
        at.AUTHORITY: PROVIDERS,
        at.CLOUD: CLOUD_NAMES,
        at.GRAPH_CLOUD: CLOUD_NAMES,
        at.UNCERTAIN: UNCERTAIN,
        at.EWS_UNCERTAIN: UNCERTAIN,
        at.SCHEME: SCHEMES,
        at.GRANT: GRANT_NAMES,
    }
    if name == at.KEEP_COPY:
        return "in Sent Items" if draft.on(name) else "no"
    if name in known:
        return known[name].get(draft.text(name), draft.text(name))
    if name == at.EWS_URL:
        return ews.completed(draft.text(name))
    if name not in at.SECRETS:
        return draft.text(name)
    return "*** (stored)" if draft.stored(name) else "***" if draft.text(name) else ""


def notes(
    draft: Draft, preset: Preset | None = None, profiles: Mapping[str, Profile] = MappingProxyType({})
) -> list[Note]:
    """What the admin should know about these answers, page by page.

    `preset` is the provider's; without one it is recognised by the server's name. `profiles` are
    those that are saved, this one among them.
    """
    preset = preset or by_host(draft.text(at.HOST))
    found = graph.notes(draft, profiles) + ews.notes(draft)
    retirement = preset.retires(draft.text(at.METHOD)) if preset else None
    if retirement:
        dates = "\n".join([retirement.title + ":", *(f"• {date}" for date in retirement.dates)])
        found.append(Note(Page.PROVIDER, dates, urgent=True))
        found.append(Note(Page.REVIEW, f"{retirement.title}.", urgent=True))
        found.append(Note(Page.SIGN_IN, f"{dates}\n{retirement.text}", urgent=True))
    if preset and preset.note:
        found.append(Note(Page.SERVER, preset.note.replace("\n", " ")))
    if draft.in_the_clear():
        found.append(Note(Page.SERVER, _NO_TLS, urgent=True))
        if draft.text(at.METHOD) == "basic" and draft.on(at.INSECURE):
            found += [Note(page, _BARE_PASSWORD, urgent=True) for page in (Page.SIGN_IN, Page.REVIEW)]
    return found


def notes_on(
    draft: Draft,
    page: Page,
    preset: Preset | None = None,
    profiles: Mapping[str, Profile] = MappingProxyType({}),
) -> list[Note]:
    """The notes of one page."""
    return [note for note in notes(draft, preset, profiles) if note.page is page]
