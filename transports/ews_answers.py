"""What an answer of an Exchange server means: taken, or a failure with scope, verdict and its own words.

It asks nobody, and decides nothing beyond that: what follows from a failure is `engine.trouble`'s.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from types import MappingProxyType
from urllib.parse import urlsplit

from transports.base import Cause, Failure, Scope, StepName, TransportError, Verdict
from transports.ews_schemes import offered
from transports.ews_soap import Said, Soap
from transports.graph_answers import LONGEST_WAIT, QUOTA_WAIT, THROTTLED_WAIT, retry_after
from transports.graph_errors import LONGEST_WORDS, line
from transports.http import Answer
from transports.shown import harmless

LARGE = 10_000_000
"""Bytes of a request beyond which 404 may mean that it is too large: IIS says so in that way (404.13)."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, and what of it is SOAP; `size` is that of the request, in bytes."""

    answer: Answer
    soap: Soap | None
    size: int = 0

    @property
    def version(self) -> str:
        """The server's, as "15.2.1258.12"; "" where it does not say."""
        return self.soap.version if self.soap else ""


@dataclass(frozen=True, slots=True)
class _Rule:
    """What a code or a status means; `wait` is in seconds, for where the server asks for none itself."""

    scope: Scope
    verdict: Verdict
    cause: Cause = Cause.ANSWER
    enhanced: str | None = None  # RFC 3463, for the sender of a mail that goes back
    wait: float | None = None


_SETTINGS = _Rule(Scope.SIGN_IN, Verdict.FIX_SETTINGS)
_ENDPOINT = _Rule(Scope.SERVER, Verdict.FIX_SETTINGS)
_BUSY = _Rule(Scope.SERVER, Verdict.RETRY)
_THROTTLED = _Rule(Scope.SERVER, Verdict.RETRY, wait=THROTTLED_WAIT)
_QUOTA = _Rule(Scope.SERVER, Verdict.RETRY, wait=QUOTA_WAIT)
_SENDER = _Rule(Scope.SENDER, Verdict.REJECT, enhanced="5.7.1")
_RECIPIENTS = _Rule(Scope.MESSAGE, Verdict.REJECT, enhanced="5.1.3")
_CONTENT = _Rule(Scope.MESSAGE, Verdict.REJECT, enhanced="5.6.0")
_UNKNOWN = _Rule(Scope.MESSAGE, Verdict.REJECT)
_AGAIN = _Rule(Scope.MESSAGE, Verdict.RETRY)
_SIZE = _Rule(Scope.MESSAGE, Verdict.REJECT, Cause.MESSAGE_TOO_LARGE, "5.3.4")

_BY_CODE: dict[str, _Rule] = {
    "erroraccessdenied": _SETTINGS,
    "errorimpersonateuserdenied": _SETTINGS,
    "errorimpersonationdenied": _SETTINGS,
    "errorimpersonationfailed": _SETTINGS,
    "errorinvalidexchangeimpersonationheaderdata": _SETTINGS,
    "errornonexistentmailbox": _SETTINGS,
    "errormissingemailaddress": _SETTINGS,
    "errornonprimarysmtpaddress": _SETTINGS,
    "errorinvaliduserprincipalname": _SETTINGS,
    "errorfoldernotfound": _SETTINGS,
    "errorpasswordexpired": _SETTINGS,
    "errorpasswordchangerequired": _SETTINGS,
    "erroraccountdisabled": _SETTINGS,
    "errorinvalidlicense": _SETTINGS,
    "errormailboxconfiguration": _SETTINGS,
    "errorquotaexceeded": _SETTINGS,
    "errorinvalidserverversion": _ENDPOINT,
    "errorincorrectschemaversion": _ENDPOINT,
    "errorinvalidschemaversionformailboxversion": _ENDPOINT,
    "errorschemavalidation": _ENDPOINT,
    "errorinvalidrequest": _ENDPOINT,
    "errorserverbusy": _THROTTLED,
    "errorexceededconnectioncount": _THROTTLED,
    "errortoomanyobjectsopened": _THROTTLED,
    "errorinsufficientresources": _BUSY,
    "errormailboxstoreunavailable": _BUSY,
    "errormailboxmoveinprogress": _BUSY,
    "errormailboxfailover": _BUSY,
    "errorinternalservertransienterror": _BUSY,
    "errorinternalservererror": _BUSY,
    "errorconnectionfailed": _BUSY,
    "errorproxyrequestprocessingfailed": _BUSY,
    "errorbatchprocessingstopped": _BUSY,
    "errortimeoutexpired": _BUSY,
    "errorsubmissionquotaexceeded": _QUOTA,
    "errorexceededmessagelimit": _QUOTA,
    "errormessagesubmissionblocked": _QUOTA,
    "errorsendasdenied": _SENDER,
    "errorinvalidrecipients": _RECIPIENTS,
    "errormissingrecipients": _RECIPIENTS,
    "errormessagesizeexceeded": _SIZE,
    "errorattachmentsizelimitexceeded": _SIZE,
    "errordatasizelimitexceeded": _SIZE,
    "errorcorruptdata": _CONTENT,
    "erroritemcorrupt": _CONTENT,
    "errorinvalidmimecontent": _CONTENT,
}
"""Exchange's own codes, in lower case, explained in its reference under ResponseCode:
https://learn.microsoft.com/exchange/client-developer/web-service-reference/responsecode."""

_BY_BEGINNING = {"errormimecontent": _CONTENT}
_BY_STATUS = {
    401: _SETTINGS,
    403: _SETTINGS,
    408: _BUSY,
    413: _SIZE,
    429: _THROTTLED,
    503: _BUSY,
}
"""What needs no SOAP: IIS in front of Exchange says it with a page of its own, or with nothing."""

_GATEWAY = frozenset({502, 504})
_NOT_TAKEN = frozenset({501, 503, 507, 509})
_LOST_SIGHT = frozenset({"errortimeoutexpired", "errorproxyrequestprocessingfailed"})
_OUTAGE_PAGE = "/ews/genericerrorpage.htm"
_POLICY = "x-ews-policy-reason"
"""Why Exchange Online lets nobody in (403): https://learn.microsoft.com/exchange/client-developer/
exchange-web-services/how-to-control-access-to-ews-in-exchange."""

_EXCHANGES = (
    *("x-feserver", "x-beserver", "x-calculatedbetarget", "x-diaginfo", "request-id", "x-owa-version"),
    _POLICY,
)
"""Header fields by which Exchange is known, whatever the body."""

_INSTEAD = {"redirect": "a redirect", "empty": "nothing", "html": "a web page", "soap": "another answer"}


def accepted(reply: Reply) -> bool:
    """Whether the server took the one message that was handed over; a login page with 200 is no success."""
    soap = reply.soap
    if reply.answer.status != 200 or soap is None or soap.name != "CreateItemResponse":
        return False
    return [(one.kind, one.code) for one in soap.said] == [("Success", "NoError")]


def answered(reply: Reply) -> bool:
    """Whether a question, after which no mail is taken, was answered without an error."""
    soap = reply.soap
    if reply.answer.status != 200 or soap is None or not soap.said:
        return False
    return all(one.kind == "Success" and one.code == "NoError" for one in soap.said)


def refusal(
    step: StepName,
    reply: Reply,
    *,
    handed_over: bool = False,
    mechanism: str = "",
    now: float | None = None,
) -> TransportError:
    """The failure that an answer stands for, to be raised.

    `handed_over`: it answers the request with the mail, and that went out whole. `mechanism` is how the
    request was signed in. `now` is time.time(), for a Retry-After that names a day.
    """
    answer, soap = reply.answer, reply.soap
    said = _worst(soap)
    code = said.code if said else ""
    what = instead(reply) if said is None else ""
    rule = _rule(step, reply, code, what)
    if handed_over and _may_have_been_taken(answer.status, code, rule, what):
        rule = replace(rule, scope=Scope.MESSAGE, verdict=Verdict.UNCERTAIN, enhanced=None)
    asked = retry_after(answer.headers, time.time() if now is None else now)
    pauses = [one for one in (asked, soap.back_off if soap else None) if one is not None]
    wait = min(max(pauses), LONGEST_WAIT) if pauses else rule.wait
    facts = {
        "ews_code": code,
        "version": reply.version,
        "request_id": line(answer.headers.get("request-id")),
        "date": line(answer.headers.get("date")),
        "retry_after": "" if wait is None else str(math.ceil(wait)),
        "what": what if rule.cause is Cause.NOT_THE_SERVICE else "",
        "diagnostics": line(answer.headers.get("x-ms-diagnostics"), LONGEST_WORDS),
        "mechanisms": ", ".join(line(one) for one in offered(answer.headers.get("www-authenticate", ""))),
        "mechanism": mechanism,
        "policy_reason": line(answer.headers.get(_POLICY), LONGEST_WORDS),
        "location": _location(answer),
    }
    return TransportError(
        Failure(
            step,
            rule.scope,
            rule.verdict,
            rule.cause,
            code=answer.status,
            enhanced=rule.enhanced,
            words=harmless(_words(answer.status, said, what, facts["policy_reason"]), LONGEST_WORDS),
            facts=MappingProxyType({name: value for name, value in facts.items() if value}),
        )
    )


def instead(reply: Reply) -> str:
    """What came where SOAP was due: redirect, empty, html, text, or soap of another kind."""
    if 300 <= reply.answer.status < 400:
        return "redirect"
    if reply.soap is not None:
        return "soap"
    start = reply.answer.body[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if not start:
        return "empty"
    return "html" if b"<" in start[:1] or "html" in reply.answer.headers.get("content-type", "") else "text"


def _worst(soap: Soap | None) -> Said | None:
    """What tells why it is no success; None where nothing does."""
    said = soap.said if soap else ()
    bad = [one for one in said if one.code != "NoError" or one.kind != "Success"]
    return next((one for one in bad if one.code and one.code != "NoError"), None)


def _rule(step: StepName, reply: Reply, code: str, what: str) -> _Rule:
    status = reply.answer.status
    found = _of_code(step, code)
    if status == 429:  # whatever else it says; a daily limit that is used up takes longer
        return found if found is _QUOTA else _THROTTLED
    if found is not None:
        return found
    if what:
        return _without_words(reply, what)
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    # An error that nobody knows: at the message it is the message's, and in a check it is the settings'. With
    # 500 it is the whole request's, and no reason to give a mail back at once.
    unknown = _AGAIN if status >= 500 else _UNKNOWN
    return unknown if step is StepName.SEND else _SETTINGS


def _without_words(reply: Reply, what: str) -> _Rule:
    answer = reply.answer
    status = answer.status
    if status == 404 and reply.size > LARGE:
        return _SIZE
    if status in _BY_STATUS and (what != "html" or status != 403 or _is_exchange(answer)):
        return _BY_STATUS[status]
    passing = (status >= 500 and status != 501) or _OUTAGE_PAGE in answer.headers.get("location", "").lower()
    return replace(_BUSY if passing else _ENDPOINT, cause=Cause.NOT_THE_SERVICE)


def _of_code(step: StepName, code: str) -> _Rule | None:
    lower = code.lower()
    if lower == "errorinvalidsmtpaddress":  # a recipient's, or the mailbox's of which the settings speak
        return _RECIPIENTS if step is StepName.SEND else _SETTINGS
    if lower in _BY_CODE:
        return _BY_CODE[lower]
    return next((rule for start, rule in _BY_BEGINNING.items() if lower.startswith(start)), None)


def _may_have_been_taken(status: int, code: str, rule: _Rule, what: str) -> bool:
    """Whether a message that the server had whole may be on its way, whatever this answer says.

    502 and 504 are a gateway's, which passed the request on and lost sight of it; Exchange's own front end
    says so in codes. Of any other error that Exchange names nothing was done. 503, 429 and 408 are said
    instead of taking it. A 2xx that is not what it must be may mean yes; a page for people means that
    somebody stands in between, and passed nothing on.
    """
    if status < 300:
        return what in {"soap", "empty", "text"} or code.lower() in _LOST_SIGHT
    if rule.scope is not Scope.SERVER or rule.verdict is not Verdict.RETRY or rule.wait is not None:
        return False
    if status in _GATEWAY or code.lower() in _LOST_SIGHT:
        return True
    return status >= 500 and status not in _NOT_TAKEN and not code


def _words(status: int, said: Said | None, what: str, reason: str) -> str:
    if said is not None:
        return ": ".join(part for part in (said.code, said.text) if part)
    if not what or reason:
        return f"HTTP status {status}" + (f": {reason}" if reason else "")
    return f"HTTP status {status} with {_INSTEAD.get(what, 'a text')} in place of Exchange's answer"


def _is_exchange(answer: Answer) -> bool:
    return any(name in answer.headers for name in _EXCHANGES)


def _location(answer: Answer) -> str:
    """Where a redirect leads, without its query, which may hold anything."""
    if not 300 <= answer.status < 400:
        return ""
    try:
        parts = urlsplit(answer.headers.get("location", ""))
        host = parts.hostname or ""
    except ValueError:
        return ""
    return line((f"{parts.scheme}://{host}" if host else "") + parts.path, 200)
