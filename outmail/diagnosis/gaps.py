"""What is filled into the sentences about a sign-in: application, tenant, scopes, accounts, portal.

A value comes from a server or a setting, so it is put on one line without control characters first.
"""

from __future__ import annotations

import math

from outmail.diagnosis.case import Case
from outmail.diagnosis.ews_case import online, through_ews
from outmail.diagnosis.finding import Context
from transports.shown import harmless

_LONGEST_VALUE = 250
_EWS_END = (
    " Besides, Exchange Online ends EWS: tenant by tenant since 2026-10-01, for everybody on 2027-04-01."
)
"""Said where it may be the cause, or will be soon; it follows on a sentence."""

_RIGHTS = {"graph": "Mail.Send", "ews": "EWS.AccessAsUser.All"}
_APP_RIGHTS = {"graph": "Mail.Send", "ews": "full_access_as_app"}


def one_line(text: str, longest: int = _LONGEST_VALUE) -> str:
    """Untrusted text on one line without control characters."""
    return " ".join(harmless(" ".join(text.split()), longest).split())


def mailbox_of(context: Context) -> str:
    """The mailbox whose mail it is: the user name, and over EWS only one that is an address."""
    named = context.username
    if context.protocol == "ews" and "@" not in named:
        return context.from_address or named
    return named or context.from_address


def of_the_sign_in(case: Case) -> dict[str, tuple[str, str]]:
    """Each gap's value, and the words that stand there where the value is not known."""
    context, facts = case.context, case.failure.facts
    client, tenant = one_line(context.client_id), one_line(context.tenant)
    app_only = case.app_only
    return {
        "app": (f"the application {client}" if client else "", "the application"),
        "client_id": (client, "the application"),
        "tenant": (f"the tenant {tenant}" if tenant else "", "the tenant"),
        "mailbox": (one_line(mailbox_of(context)), "the mailbox"),
        "signer": (one_line(context.account or context.username), "the account"),
        "redirect_url": (one_line(context.redirect_url), "the profile's auth.oauth.redirect_url"),
        "scopes": (one_line(" ".join(context.scopes)), "none"),
        "right": ((_APP_RIGHTS if app_only else _RIGHTS).get(context.protocol, _smtp_right(app_only)), ""),
        "api": (_api(case), ""),
        "audience": (one_line(context.token.get("aud", "")), "another service"),
        "rights": (one_line(context.token.get("scp", "")), "none"),
        "token_account": (one_line(case.token_account), "an account that it does not name"),
        "token_for": (
            one_line(facts.get("got", "") or context.token.get("aud", "")),
            "a service that it does not name",
        ),
        "token_wanted": (one_line(facts.get("wanted", "") or context.host), "this service"),
        "wanted": (one_line(facts.get("wanted", "") or context.username), "the account of the profile"),
        "got": (one_line(facts.get("got", "")), "another account"),
        "error": (one_line(facts.get("error", "")), "no known error"),
        "aadsts": (case.aadsts, ""),
        "oauth_status": (one_line(facts.get("oauth_status", "")), "no status"),
        "oauth_scope": (one_line(facts.get("oauth_scope", "")), "a scope that it does not name"),
        "portal": (_portal(case), ""),
        **_of_the_service(case),
    }


def _of_the_service(case: Case) -> dict[str, tuple[str, str]]:
    """What a web service's answer says of itself: by what its support finds it, and how long to wait."""
    facts = case.failure.facts
    return {
        "request_id": (one_line(facts.get("request_id", "")), "not told"),
        "request_date": (one_line(facts.get("date", "")), "not told"),
        "wait": (_duration(facts.get("retry_after", "")), "some minutes"),
        "location": (one_line(facts.get("location", "")), "an address that it does not name"),
        "diagnostics": (one_line(facts.get("diagnostics", "") or case.failure.words).rstrip(". "), "nothing"),
        "policy_reason": (
            one_line(facts.get("policy_reason", "") or case.failure.words).rstrip(". "),
            "nothing",
        ),
        "ews_end": (_EWS_END if through_ews(case) and online(case) else "", ""),
    }


def _duration(seconds: str) -> str:
    """A number of seconds as people say it; "" for what is none."""
    try:
        given = math.ceil(float(seconds[:20]))
    except (ValueError, OverflowError):
        return ""
    for length, unit in ((3600, "hour"), (60, "minute"), (1, "second")):
        if given >= length:
            count = math.ceil(given / length)
            return f"{count} {unit}{'' if count == 1 else 's'}"
    return ""


def _smtp_right(app_only: bool) -> str:
    return "SMTP.SendAsApp" if app_only else "SMTP.Send"


def _api(case: Case) -> str:
    """Under which name the portal lists the permission: SMTP.Send of a person is among Graph's."""
    exchange = case.context.protocol == "ews" or (case.context.protocol == "smtp" and case.app_only)
    kind = "Application permissions" if case.app_only else "Delegated permissions"
    if exchange:
        return f"APIs my organization uses > Office 365 Exchange Online > {kind}"
    return f"Microsoft Graph > {kind}"


def _portal(case: Case) -> str:
    """The portal of the cloud that the scopes or the sign-in service belong to."""
    asked = [*case.context.scopes, case.failure.facts.get("host", "")]
    if any(".us/" in f"{a}/" for a in asked):
        return "entra.microsoft.us"
    if any(".cn/" in f"{a}/" for a in asked):
        return "portal.azure.cn"
    return "entra.microsoft.com"
