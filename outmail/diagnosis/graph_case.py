"""How a failure of Microsoft Graph is looked at: its code, its status, and the token it was asked with.

A failure that only the queue remembers has no facts any more, so that the code is also found in its words.
"""

from __future__ import annotations

import re

from outmail.diagnosis.case import Case
from transports.base import Cause, StepName

CHECK = "outmail check {profile}"
SIGN_IN = "outmail signin {profile}"
EXPORT = "outmail profile export {profile}"
APP = "{portal} > Entra ID > App registrations > {client_id} > API permissions"
ADD_RIGHT = f"{APP} > Add a permission > {{api}} > {{right}}"

_CODE = re.compile(r"([A-Za-z][A-Za-z0-9_]{3,80})(?::|$)")
_GRAPH = "00000003-0000-0000-c000-000000000000"
_GRAPH_HOSTS = frozenset(
    {
        *("graph.microsoft.com", "graph.microsoft.us", "dod-graph.microsoft.us"),
        *("microsoftgraph.chinacloudapi.cn", "graph.svc.sovcloud.fr", "graph.svc.sovcloud.de"),
    }
)
"""What Graph is called in a token's `aud`, in each of Microsoft's clouds."""

_SENDS = frozenset({"mail.send", "mail.send.shared"})


def through_graph(case: Case) -> bool:
    """Is it a failure of Graph itself, and not of the sign-in that comes before it?"""
    return case.context.protocol == "graph" and not case.at(StepName.TOKEN)


def graph_code(case: Case) -> str:
    """Graph's code, or Exchange's that leaked through it, in lower case; "" without one."""
    given = case.failure.facts.get("graph_code", "").strip()
    found = _CODE.match(case.failure.words) if not given else None
    return (given or (found[1] if found else "")).lower()


def refused(case: Case) -> bool:
    """Did Graph answer, and say no?"""
    return through_graph(case) and case.answered


def coded(case: Case, *codes: str) -> bool:
    """Did Graph say no with one of these codes? One that ends in * stands for all that begin so."""
    if not refused(case):
        return False
    given = graph_code(case)
    return any(
        given.startswith(code[:-1].lower()) if code.endswith("*") else given == code.lower() for code in codes
    )


def challenged(case: Case) -> bool:
    """Does Graph want a sign-in that proves more than the present one (a claims challenge)?"""
    facts = case.failure.facts
    return refused(case) and bool({"claims_challenge", "insufficient_claims"} & set(facts))


def denied(case: Case) -> bool:
    """Did Graph refuse access to the mailbox, for a lack of rights?"""
    return coded(case, "ErrorAccessDenied")


def audience(case: Case) -> str:
    """Whom the token is for by its own word, as a host or an ID in lower case; "" where it does not say."""
    given = (case.failure.facts.get("got") or case.context.token.get("aud", "")).strip().lower()
    return given.removeprefix("https://").partition("/")[0].partition(":")[0]


def for_another(case: Case) -> bool:
    """Does the token say that it is for another service than Graph?"""
    given = audience(case)
    return bool(given) and given != _GRAPH and given not in _GRAPH_HOSTS


def for_another_cloud(case: Case) -> bool:
    """Is the token for Graph, but for that of another cloud than the profile's?"""
    wanted = case.failure.facts.get("wanted") or case.context.host
    host = wanted.strip().lower().removeprefix("https://").partition("/")[0].partition(":")[0]
    return audience(case) in _GRAPH_HOSTS and host in _GRAPH_HOSTS and audience(case) != host


def wrong_token(case: Case) -> bool:
    """Is the token not for this Graph, by our own look or by Graph's answer?"""
    if case.cause is Cause.TOKEN_AUDIENCE:
        return True
    return refused(case) and case.code == 401 and case.says("audience")


def another_mailbox(case: Case) -> bool:
    """Did a person sign in who is not the mailbox?"""
    who, mailbox = case.token_account, case.context.username.strip().lower()
    return bool(who) and bool(mailbox) and who != mailbox


def may_not_send(case: Case) -> bool:
    """Does a person's token say what it allows, and no sending is among it?"""
    return bool(case.rights) and not case.rights & _SENDS


def may_not_keep_drafts(case: Case) -> bool:
    """Does the token say what it allows, and large mail, which needs a draft, is not among it?"""
    given = case.rights or case.roles
    return bool(given) and not any(right.startswith("mail.readwrite") for right in given)
