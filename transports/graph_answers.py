"""What an answer of Microsoft Graph means: taken, or a failure with scope, verdict and Graph's own words.

It asks nobody, and decides nothing beyond that: what follows from a failure is `engine.trouble`'s.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC
from email.utils import parsedate_to_datetime
from types import MappingProxyType

from transports.base import Cause, Failure, Scope, StepName, TransportError, Verdict
from transports.graph_errors import (
    LONGEST_WORDS,
    GraphError,
    challenge_of,
    error_of,
    instead,
    line,
    words_instead,
)
from transports.http import Answer
from transports.shown import harmless

LONGEST_WAIT = 86_400.0
"""Seconds; nothing that Graph asks for puts mail off for longer at a time."""

QUOTA_WAIT = 3_600.0
"""Seconds to wait where a daily limit is used up and Graph does not say for how long.

Exchange counts the last 24 hours, so that room comes back bit by bit.
"""

THROTTLED_WAIT = 10.0
"""Seconds to wait where Graph says that it is asked too much, and not for how long."""

_NUMBER = re.compile(r"\d+(\.\d+)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class _Rule:
    """What a code or a status means; `wait` is in seconds, for where Graph asks for none itself."""

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
_SIZE = _Rule(Scope.MESSAGE, Verdict.REJECT, Cause.MESSAGE_TOO_LARGE, "5.3.4")
_AGAIN = _Rule(Scope.MESSAGE, Verdict.RETRY)  # a draft or an upload that is gone: from its beginning

_BY_CODE: dict[str, _Rule] = {
    "invalidauthenticationtoken": _SETTINGS,
    "erroraccessdenied": _SETTINGS,
    "authorization_requestdenied": _SETTINGS,
    "errorpasswordexpired": _SETTINGS,
    "erroraccountdisabled": _SETTINGS,
    "errorinvalidlicense": _SETTINGS,
    "mailboxnotenabledforrestapi": _SETTINGS,
    "errorinvaliduser": _SETTINGS,
    "errornonexistentmailbox": _SETTINGS,
    "resourcenotfound": _SETTINGS,
    "request_resourcenotfound": _SETTINGS,
    "errorquotaexceeded": _SETTINGS,
    "applicationthrottled": _THROTTLED,
    "toomanyrequests": _THROTTLED,
    "servicenotavailable": _BUSY,
    "errorserverbusy": _BUSY,
    "errorinternalservererror": _BUSY,
    "errorinternalservertransienterror": _BUSY,
    "errormailboxstoreunavailable": _BUSY,
    "errormailboxmoveinprogress": _BUSY,
    "errorexceededconnectioncount": _BUSY,
    "errortimeoutexpired": _BUSY,
    "errorexceededmessagelimit": _QUOTA,
    "errorsubmissionquotaexceeded": _QUOTA,
    "errormessagesubmissionblocked": _QUOTA,
    "errorsendasdenied": _SENDER,
    "errorinvalidrecipients": _RECIPIENTS,
    "errormissingrecipients": _RECIPIENTS,
    "errorinvalidsmtpaddress": _RECIPIENTS,
    "errorinvalidparameter": _CONTENT,
    "requestentitytoolarge": _SIZE,
    "errormessagesizeexceeded": _SIZE,
    "erroritemnotfound": _AGAIN,
}
"""Graph's own codes (https://learn.microsoft.com/graph/errors), and those of Exchange that leak through it.

In lower case; Exchange's are explained in its EWS reference under ResponseCode.
"""

_BY_BEGINNING = {"errormimecontent": _CONTENT, "invalidinternetmessageheader": _CONTENT}
_BY_WORDS = {
    "access to odata is disabled": _SETTINGS,
    "only valid with delegated authentication": _SETTINGS,  # /me, for an application alone
    "authenticated context is not valid for this request": _SETTINGS,
}
_BY_STATUS = {
    401: _SETTINGS,
    402: _SETTINGS,
    403: _SETTINGS,
    404: _SETTINGS,
    405: _ENDPOINT,
    408: _BUSY,
    409: _AGAIN,
    410: _AGAIN,
    412: _AGAIN,
    413: _SIZE,
    423: _BUSY,
    429: _THROTTLED,
    501: _ENDPOINT,
    507: _SETTINGS,
}
_WITHOUT_WORDS = frozenset({408, 413, 429, 507})
"""Statuses that need none: Graph's front ends send them with a page of their own, or with nothing."""

_SESSION_OVER = frozenset({401, 403, 404, 409, 410, 416})
_GATEWAY = frozenset({502, 504})
_NOT_TAKEN = frozenset({501, 503, 507, 509})
_GAVE_UP = "errortimeoutexpired"


def accepted(answer: Answer) -> bool:
    """Whether Graph took a message that was handed over: 202 without a body, and nothing else.

    https://learn.microsoft.com/graph/api/user-sendmail. A login page with 200 is no success.
    """
    return answer.status == 202 and not answer.body.strip()


def refusal(
    step: StepName, answer: Answer, *, handed_over: bool, upload: bool = False, now: float | None = None
) -> TransportError:
    """The failure that an answer stands for, to be raised.

    `handed_over`: it answers sendMail or send, and that request went out whole. `upload`: it is an upload
    session's, which carries a right of its own. `now` is time.time(), for a Retry-After that names a day.
    """
    error, challenge = error_of(answer), challenge_of(answer)
    code = code_of(error)
    known = error is not None or challenge is not None
    what = instead(answer) if answer.status < 400 or not known else ""
    rule = _rule(step, answer.status, code, error.message if error else "", what, upload=upload)
    if handed_over and _may_have_been_taken(answer.status, code, rule, what):
        rule = replace(rule, scope=Scope.MESSAGE, verdict=Verdict.UNCERTAIN, enhanced=None)
    asked = retry_after(answer.headers, time.time() if now is None else now)
    wait = rule.wait if asked is None else asked
    facts = {
        "graph_code": code,
        "request_id": (error.request_id if error else "") or line(answer.headers.get("request-id")),
        "date": (error.date if error else "") or line(answer.headers.get("date")),
        "retry_after": "" if wait is None else str(math.ceil(wait)),
        "what": what if rule.cause is Cause.NOT_THE_SERVICE else "",
        **(challenge or {}),
    }
    failure = Failure(
        step,
        rule.scope,
        rule.verdict,
        rule.cause,
        code=answer.status,
        enhanced=rule.enhanced,
        words=harmless(_words(answer.status, code, error, what), LONGEST_WORDS),
        facts=MappingProxyType({name: value for name, value in facts.items() if value}),
    )
    return TransportError(failure)


def code_of(error: GraphError | None) -> str:
    """Which of an error's codes tells most: the deepest that is known here, else the outermost."""
    codes = error.codes if error else ()
    known = [code for code in codes if _of_code(code)]
    return known[-1] if known else "".join(codes[:1])


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds until Graph wants to be asked again, 0 to a day; None where it does not say, or talks nonsense.

    RFC 9110, section 10.2.3. A date is measured from the answer's own Date where it has one, since clocks
    differ; else from `now` (time.time()). Header names are in lower case.
    """
    text = headers.get("retry-after", "").strip()[:200]
    several = [part.strip() for part in text.split(",")]
    if all(_NUMBER.fullmatch(part) for part in several):  # a header that came twice: the longer one holds
        return max(min(float(part), LONGEST_WAIT) for part in several)
    until = _moment(text)
    if until is None:
        return None
    began = _moment(headers.get("date", ""))
    return min(max(until - (now if began is None else began), 0.0), LONGEST_WAIT)


def _rule(step: StepName, status: int, code: str, said: str, what: str, *, upload: bool) -> _Rule:
    found = _of_code(code)
    if status == 429:  # whatever else it says; a daily limit that is used up takes longer
        return found if found is _QUOTA else _THROTTLED
    if upload and status in _SESSION_OVER:
        return _AGAIN  # neither the mailbox nor the sign-in has a part in it
    if what and status not in _WITHOUT_WORDS:
        passing = status >= 500 and status != 501
        return replace(_BUSY if passing else _ENDPOINT, cause=Cause.NOT_THE_SERVICE)
    found = next((rule for words, rule in _BY_WORDS.items() if words in said.lower()), found)
    if found is not None:
        return found
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if status >= 500:
        return _BUSY
    # An error that nobody knows: at the message it is the message's, and in a check it is the settings'.
    return _UNKNOWN if step is StepName.SEND else _SETTINGS


def _of_code(code: str) -> _Rule | None:
    lower = code.lower()
    if lower in _BY_CODE:
        return _BY_CODE[lower]
    return next((rule for start, rule in _BY_BEGINNING.items() if lower.startswith(start)), None)


def _may_have_been_taken(status: int, code: str, rule: _Rule, what: str) -> bool:
    """Whether a message that Graph had whole may be on its way, whatever this answer says.

    502 and 504 are a gateway's, which passed the request on and lost sight of it: mail has been seen to
    arrive after each of four. 500 is Graph's own where it names an error of Exchange, and then nothing was
    done; without one, nobody knows what broke, or when. 503, 429 and 408 are said instead of taking it.
    A draft that is gone may have been sent. A 2xx that is not what it must be may mean yes; a page for
    people means that somebody stands in between, and passed nothing on.
    """
    if status < 300:
        return what != "html" or status == 202
    if rule is _AGAIN:
        return code.lower() == "erroritemnotfound" or status == 410
    if rule.scope is not Scope.SERVER or rule.verdict is not Verdict.RETRY or rule.wait is not None:
        return False
    if status in _GATEWAY or code.lower() == _GAVE_UP:
        return True
    return status >= 500 and status not in _NOT_TAKEN and _of_code(code) is None


def _words(status: int, code: str, error: GraphError | None, what: str) -> str:
    if error is None:
        return words_instead(status, what) if what else f"HTTP status {status}"
    return ": ".join(part for part in (code, error.message) if part)


def _moment(text: str) -> float | None:
    """An HTTP date in seconds since 1970; None for what is none."""
    try:
        found = parsedate_to_datetime(text[:100])
        return found.replace(tzinfo=found.tzinfo or UTC).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
