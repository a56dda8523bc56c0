"""How a failure of Exchange Web Services is looked at: its code, whose server it is, and how one signed in.

A failure that only the queue remembers has no facts any more, so that the code is also found in its words.
"""

from __future__ import annotations

import re

from outmail.diagnosis.case import Case
from store.clouds import exchange_online
from transports.base import Cause, Scope, StepName

CHECK = "outmail check {profile}"
LOOK = "outmail check {profile} --verbose"
SIGN_IN = "outmail signin {profile}"
EXPORT = "outmail profile export {profile}"
QUEUE = "outmail queue list"
HISTORY = "outmail history"
SAMPLE = "outmail sample {sender} -p {profile}"
CURL = (
    "curl -v --max-time 20 {direct_url}/EWS/Exchange.asmx",
    "curl -v --max-time 20 --proxy {proxy} {url}/EWS/Exchange.asmx",
)
APP = "{portal} > Entra ID > App registrations > {client_id} > API permissions"
ADD_RIGHT = f"{APP} > Add a permission > {{api}} > {{right}}"
DIRECTORY = "Get-WebServicesVirtualDirectory | Format-List Server,InternalUrl,ExternalUrl,*Authentication"

CODES = "https://learn.microsoft.com/exchange/client-developer/web-service-reference/responsecode"
CONTROL = (
    "https://learn.microsoft.com/exchange/client-developer/exchange-web-services/"
    "how-to-control-access-to-ews-in-exchange"
)
END = (
    "https://learn.microsoft.com/exchange/clients-and-mobile-in-exchange-online/"
    "deprecation-of-ews-exchange-online"
)
OAUTH = (
    "https://learn.microsoft.com/exchange/client-developer/exchange-web-services/"
    "how-to-authenticate-an-ews-application-by-using-oauth"
)

_CODE = re.compile(r"(Error[A-Za-z]{3,80})(?::|$)")
_EXCHANGE = "00000002-0000-0ff1-ce00-000000000000"
_ALSO_ONLINE = {".outlook.com": "global", ".outlook.office365.com": "global", ".webmail.apps.mil": "us-dod"}
"""Names under which Exchange Online answers beside those that a profile is filled in with."""

_RIGHTS = ("ews.", "full_access_as_user")
"""How the rights begin that let a person use EWS."""


def about_ews(case: Case) -> bool:
    """Does the profile send through EWS?"""
    return case.context.protocol == "ews"


def through_ews(case: Case) -> bool:
    """Is it a failure of the Exchange server, and not of the sign-in service that comes before it?"""
    return about_ews(case) and not case.at(StepName.TOKEN)


def online(case: Case) -> bool:
    """Is the server Exchange Online, which ends EWS, and no server of one's own?"""
    return bool(_cloud(case.context.host))


def own_server(case: Case) -> bool:
    """Is it an Exchange server on premises, or a hoster's?"""
    return not online(case)


def ews_code(case: Case) -> str:
    """Exchange's response code in lower case, as "errorsendasdenied"; "" without one."""
    given = case.failure.facts.get("ews_code", "").strip()
    found = _CODE.match(case.failure.words) if not given else None
    return (given or (found[1] if found else "")).lower()


def refused(case: Case) -> bool:
    """Did the server answer, and say no?"""
    return through_ews(case) and case.answered


def coded(case: Case, *codes: str) -> bool:
    """Did it say no with one of these codes? One that ends in * stands for all that begin so."""
    if not refused(case):
        return False
    given = ews_code(case)
    return any(
        given.startswith(code[:-1].lower()) if code.endswith("*") else given == code.lower() for code in codes
    )


def status(case: Case, *numbers: int) -> bool:
    """Did it say no with one of these statuses of HTTP, and with no code of Exchange's?"""
    return refused(case) and case.code in numbers and not ews_code(case)


def unauthorised(case: Case) -> bool:
    """Did the server refuse who signed in (401)?"""
    return refused(case) and case.code == 401


def hints(case: Case, *parts: str) -> bool:
    """Does x-ms-diagnostics, or do the words, contain any of these? Give them in lower case."""
    told = case.failure.facts.get("diagnostics", "").lower()
    return any(part in told for part in parts) or case.says(*parts)


def policy(case: Case, *parts: str) -> bool:
    """Does X-EWS-Policy-Reason, which Exchange Online sends with 403, contain any of these?

    https://learn.microsoft.com/exchange/client-developer/exchange-web-services/
    how-to-control-access-to-ews-in-exchange. Give them in lower case.
    """
    told = case.failure.facts.get("policy_reason", "").lower()
    return any(part in told for part in parts) or case.says(*parts)


def offers(case: Case, *schemes: str) -> bool:
    """Did the server offer one of these ways of signing in? Give them in lower case."""
    return not _offered(case).isdisjoint(schemes)


def offers_other_than(case: Case, *schemes: str) -> bool:
    """Did the server say what it offers, and is none of these among it? Give them in lower case."""
    given = _offered(case)
    return bool(given) and given.isdisjoint(schemes)


def by_ntlm(case: Case) -> bool:
    """Was the password used by NTLM? Where nothing says so: it is preferred wherever it is offered."""
    used = case.failure.facts.get("mechanism", "").lower()
    return used == "ntlm" if used else offers(case, "ntlm", "negotiate")


def audience(case: Case) -> str:
    """Whom the token is for by its own word, as a host or an ID in lower case; "" where it does not say."""
    return _host(case.failure.facts.get("got") or case.context.token.get("aud", ""))


def wrong_token(case: Case) -> bool:
    """Is the token not for this Exchange, by our look, by Exchange's answer, or by what it says itself?"""
    if case.cause is Cause.TOKEN_AUDIENCE:
        return about_ews(case)
    if not (unauthorised(case) and case.oauth):
        return False
    return hints(case, "audience", "invalid_resource") or _for_another(case)


def for_another_cloud(case: Case) -> bool:
    """Is the token for Exchange Online, but for that of another cloud than the profile's?"""
    wanted = _cloud(_host(case.failure.facts.get("wanted") or case.context.host))
    got = _cloud(audience(case))
    return bool(got) and bool(wanted) and got != wanted


def may_not_use_ews(case: Case) -> bool:
    """Does a person's token say what it allows, and EWS is not among it?"""
    return bool(case.rights) and not any(right.startswith(_RIGHTS) for right in case.rights)


def another_mailbox(case: Case) -> bool:
    """Did a person sign in who is not the mailbox?"""
    who, mailbox = case.token_account, case.context.username.strip().lower()
    return bool(who) and bool(mailbox) and who != mailbox


def about_sign_in(case: Case) -> bool:
    """Did the server say no, and is it a matter of sign-in, rights or mailbox?"""
    return refused(case) and case.about(Scope.SIGN_IN)


def _for_another(case: Case) -> bool:
    given = audience(case)
    if not given or given == _EXCHANGE:
        return False
    if online(case):
        return _cloud(given) != _cloud(case.context.host)
    return given != _host(case.context.host)


def _cloud(host: str) -> str:
    """Which of Microsoft's clouds has its Exchange Online there; "" for every other server."""
    name = host.strip().rstrip(".").lower()
    also = (word for ending, word in _ALSO_ONLINE.items() if f".{name}".endswith(ending))
    return exchange_online(name) or next(also, "")


def _offered(case: Case) -> frozenset[str]:
    given = case.failure.facts.get("mechanisms", "").lower().replace(",", " ").split()
    return frozenset(given)


def _host(address: str) -> str:
    return address.strip().lower().removeprefix("https://").partition("/")[0].partition(":")[0]
