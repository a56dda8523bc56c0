"""Every failure we know, in the order in which they are tried: the first whose rule fits explains it.

The special comes before the general: what was seen on this side of the wire, then the providers'
own codes, then the codes that all servers share. Those of EWS and of Microsoft Graph come first: their
numbers are HTTP's, and no rule for mail servers must see them.
"""

from __future__ import annotations

from outmail.diagnosis.authority import AUTHORITY
from outmail.diagnosis.entra import ENTRA
from outmail.diagnosis.entra_app import ENTRA_APP
from outmail.diagnosis.entra_tenant import ENTRA_TENANT
from outmail.diagnosis.entry import SERVER_ADMIN, Entry
from outmail.diagnosis.ews_access import EWS_ACCESS
from outmail.diagnosis.ews_limits import EWS_LAST, EWS_LIMITS, EWS_UNCERTAIN
from outmail.diagnosis.ews_sign_in import EWS_SIGN_IN
from outmail.diagnosis.ews_way import EWS_WAY
from outmail.diagnosis.google import GOOGLE
from outmail.diagnosis.google_oauth import GOOGLE_SIGN_IN
from outmail.diagnosis.graph import GRAPH
from outmail.diagnosis.graph_limits import GRAPH_LAST, GRAPH_LIMITS, GRAPH_UNCERTAIN
from outmail.diagnosis.graph_way import GRAPH_WAY
from outmail.diagnosis.microsoft import MICROSOFT_SIGN_IN
from outmail.diagnosis.microsoft_send import MICROSOFT_SENDING
from outmail.diagnosis.network import NETWORK
from outmail.diagnosis.oauth import OAUTH_ERRORS, OAUTH_OWN
from outmail.diagnosis.smtp_auth import SMTP_AUTH
from outmail.diagnosis.smtp_send import SMTP_SEND
from outmail.diagnosis.tls import TLS_ENTRIES
from outmail.diagnosis.tokens import EXCHANGE_TOKENS, TOKENS

UNKNOWN = Entry(
    id="unknown",
    title="Something we have no explanation for",
    cause="At the step {step} with {host} this was seen: {words}",
    remedy=(
        "Read the dialogue of the check, and show it to the server's admin; it contains no secrets. "
        "Searching for the words in quotes often helps."
    ),
    when=lambda _case: True,
    commands=("outmail check {profile} --verbose",),
    who=SERVER_ADMIN,
)

_HANDED_OVER = tuple(e for e in NETWORK if e.id == "uncertain")

CATALOGUE: tuple[Entry, ...] = (
    *EWS_UNCERTAIN,
    *EWS_WAY,
    *EWS_LIMITS,
    *EWS_SIGN_IN,
    *EWS_ACCESS,
    *EWS_LAST,
    *GRAPH_UNCERTAIN,
    *_HANDED_OVER,
    *GRAPH_WAY,
    *GRAPH_LIMITS,
    *GRAPH,
    *GRAPH_LAST,
    *AUTHORITY,
    *TLS_ENTRIES,
    *(e for e in NETWORK if e not in _HANDED_OVER),
    *ENTRA,
    *ENTRA_APP,
    *ENTRA_TENANT,
    *GOOGLE_SIGN_IN,
    *OAUTH_OWN,
    *OAUTH_ERRORS,
    *EXCHANGE_TOKENS,
    *MICROSOFT_SIGN_IN,
    *MICROSOFT_SENDING,
    *GOOGLE,
    *TOKENS,
    *SMTP_AUTH,
    *SMTP_SEND,
    UNKNOWN,
)
