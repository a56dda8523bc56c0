"""From an answer of Graph to what the engine does and the admin reads: each row of the error table."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from outmail.diagnosis.finding import Context
from outmail.diagnosis.match import all_entries, diagnose
from outmail.engine.trouble import Action, decide
from tests.outmail.diagnosis.rows import HOUSE, Row
from tests.outmail.diagnosis.rows_graph import GRAPH_ROWS, PERSON, ROBOT, failed, holding
from tests.transports.graph_bodies import CHALLENGE, JSON, PAGE, graph_error
from transports.base import Cause, Failure, Scope, StepName, Verdict


@dataclass(frozen=True)
class Meaning:
    """An answer, what it is for the engine and for the admin."""

    status: int
    code: str
    scope: Scope
    verdict: Verdict
    alone: Action  # at the last server, without a failover profile
    helped: Action  # with one
    finding: str
    wait: str | None = None
    cause: Cause = Cause.ANSWER
    message: str = "Because."
    headers: dict[str, str] | None = None
    around: Context = PERSON

    @property
    def failure(self) -> Failure:
        """As the transport raises it after a message was handed over."""
        return failed(self.status, graph_error(self.code, self.message), self.headers)


_FIX = (Scope.SIGN_IN, Verdict.FIX_SETTINGS, Action.PAUSE_ROUTE, Action.FAILOVER)
_WAIT = (Scope.SERVER, Verdict.RETRY, Action.DEFER, Action.FAILOVER)
_MINUTES = (Scope.SERVER, Verdict.RETRY, Action.DEFER, Action.DEFER)
_ELSEWHERE = (Scope.MESSAGE, Verdict.REJECT, Action.BOUNCE, Action.FAILOVER)
_BACK = (Scope.MESSAGE, Verdict.REJECT, Action.BOUNCE, Action.BOUNCE)
_HOLD = (Scope.MESSAGE, Verdict.UNCERTAIN, Action.HOLD, Action.HOLD)
_AFTER = {**JSON, "retry-after": "42"}
_TOO_LARGE = Cause.MESSAGE_TOO_LARGE

TABLE = (
    Meaning(401, "InvalidAuthenticationToken", *_FIX, "graph-token-refused"),
    Meaning(401, "InvalidAuthenticationToken", *_FIX, "graph-sign-in-again", headers=CHALLENGE),
    Meaning(403, "ErrorAccessDenied", *_FIX, "graph-access-denied"),
    Meaning(403, "ErrorAccessDenied", *_FIX, "graph-app-not-allowed", around=ROBOT),
    Meaning(403, "ExtensionError", *_FIX, "graph-odata-disabled", message="Access to OData is disabled."),
    Meaning(
        403,
        "ErrorSendAsDenied",
        Scope.SENDER,
        Verdict.REJECT,
        Action.BOUNCE,
        Action.BOUNCE,
        "graph-send-as-denied",
    ),
    Meaning(403, "Authorization_RequestDenied", *_FIX, "graph-consent-missing"),
    Meaning(404, "MailboxNotEnabledForRESTAPI", *_FIX, "graph-mailbox-unusable"),
    Meaning(404, "ErrorInvalidUser", *_FIX, "graph-mailbox-not-found"),
    Meaning(404, "ResourceNotFound", *_FIX, "graph-mailbox-not-found"),
    Meaning(404, "ErrorItemNotFound", *_HOLD, "graph-uncertain"),
    Meaning(400, "ErrorInvalidRecipients", *_BACK, "graph-no-recipient"),
    Meaning(400, "ErrorInvalidParameter", *_BACK, "graph-message-cut"),
    Meaning(400, "ErrorMimeContentInvalid", *_BACK, "graph-message-malformed"),
    Meaning(400, "ErrorMimeContentInvalidBase64String", *_BACK, "graph-message-malformed"),
    Meaning(400, "InvalidInternetMessageHeader", *_BACK, "graph-header-refused"),
    Meaning(400, "InvalidInternetMessageHeaderCollection", *_BACK, "graph-header-refused"),
    Meaning(413, "RequestEntityTooLarge", *_ELSEWHERE, "graph-message-too-large", cause=_TOO_LARGE),
    Meaning(413, "ErrorMessageSizeExceeded", *_ELSEWHERE, "graph-mailbox-size-limit", cause=_TOO_LARGE),
    Meaning(429, "ApplicationThrottled", *_MINUTES, "graph-throttled", "42", headers=_AFTER),
    Meaning(429, "TooManyRequests", *_MINUTES, "graph-throttled", "10"),
    Meaning(429, "ErrorExceededMessageLimit", *_WAIT, "graph-daily-limit", "3600"),
    Meaning(403, "ErrorExceededMessageLimit", *_WAIT, "graph-daily-limit", "3600"),
    Meaning(403, "ErrorSubmissionQuotaExceeded", *_MINUTES, "graph-daily-limit", "42", headers=_AFTER),
    Meaning(403, "ErrorMessageSubmissionBlocked", *_WAIT, "graph-sender-blocked", "3600"),
    Meaning(507, "ErrorQuotaExceeded", *_FIX, "graph-mailbox-full"),
    Meaning(403, "ErrorQuotaExceeded", *_FIX, "graph-mailbox-full"),
    Meaning(500, "ErrorInternalServerError", *_WAIT, "graph-busy"),
    Meaning(503, "serviceNotAvailable", *_MINUTES, "graph-busy", "42", headers=_AFTER),
    Meaning(503, "UnknownError", *_WAIT, "graph-busy"),
    Meaning(500, "UnknownError", *_HOLD, "graph-uncertain"),
    Meaning(502, "UnknownError", *_HOLD, "graph-uncertain"),
    Meaning(504, "UnknownError", *_HOLD, "graph-uncertain"),
)


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row.status}-{row.code}-{row.finding}")
def test_an_answer_leads_to_an_action_and_an_explanation(row: Meaning) -> None:
    failure = row.failure
    assert (failure.scope, failure.verdict, failure.cause) == (row.scope, row.verdict, row.cause)
    assert failure.facts.get("retry_after") == row.wait
    assert decide(failure, last_server=True) is row.alone
    assert decide(failure, last_server=True, failover=True) is row.helped
    found = diagnose(failure, row.around)
    assert found.id == row.finding
    assert found.remedy
    assert found.cause


@pytest.mark.parametrize(
    ("status", "body", "alone", "helped"),
    [
        (200, PAGE, Action.PAUSE_ROUTE, Action.FAILOVER),
        (403, PAGE, Action.PAUSE_ROUTE, Action.FAILOVER),
        (503, PAGE, Action.DEFER, Action.FAILOVER),
        (504, PAGE, Action.HOLD, Action.HOLD),
        (204, b"", Action.HOLD, Action.HOLD),
    ],
)
def test_a_strange_page_is_never_success(status: int, body: bytes, alone: Action, helped: Action) -> None:
    failure = failed(status, body, {})
    assert failure.cause is Cause.NOT_THE_SERVICE
    assert decide(failure, last_server=True) is alone
    assert decide(failure, last_server=True, failover=True) is helped


@pytest.mark.parametrize("row", GRAPH_ROWS, ids=lambda r: f"{r.id}-{r.failure.code or r.failure.cause}")
def test_a_remedy_speaks_of_graph_and_not_of_mail_ports(row: Row) -> None:
    found = diagnose(row.failure, row.context)
    assert found.remedy
    if row.id.startswith("graph-"):
        told = f"{found.title} {found.cause} {found.remedy}"
        assert not any(word in told for word in ("587", "465", "STARTTLS", "mail server"))


def test_numbers_of_http_are_never_taken_for_those_of_smtp() -> None:
    for code in range(300, 600):
        failure = Failure(
            StepName.SEND, Scope.MESSAGE, Verdict.REJECT, Cause.ANSWER, code, words="Surprise: 5.7.1 spam"
        )
        assert diagnose(failure, PERSON).id.startswith("graph-")
        assert not diagnose(failure, HOUSE).id.startswith("graph-")


def test_what_the_queue_remembers_is_still_recognised_by_its_words() -> None:
    for row in TABLE:
        if row.cause is Cause.ANSWER and not row.headers:
            remembered = replace(row.failure, facts={})
            assert diagnose(remembered, row.around).id == row.finding


def test_a_token_decides_between_the_causes_of_one_answer() -> None:
    denied = failed(
        403, graph_error("ErrorAccessDenied", "Access is denied. Check credentials and try again.")
    )
    assert diagnose(denied, holding(ROBOT, roles="Mail.Send Mail.ReadWrite")).id == "graph-app-outside-scope"
    assert diagnose(denied, holding(ROBOT, idtyp="app")).id == "graph-app-not-allowed"
    assert diagnose(denied, holding(PERSON, scp="User.Read")).id == "graph-token-without-right"


def test_where_one_answer_has_several_causes_they_are_told_in_their_order() -> None:
    for ambiguous in (
        *("graph-sign-in-again", "graph-token-refused", "graph-odata-disabled", "graph-app-outside-scope"),
        *("graph-app-not-allowed", "graph-mailbox-unusable", "graph-mailbox-not-found"),
        *("graph-access-denied", "graph-login-page", "graph-not-the-service"),
    ):
        entry = next(e for e in all_entries() if e.id == ambiguous)
        assert "Most likely first:" in entry.cause


def test_a_token_of_another_government_cloud_is_told_apart_from_one_of_outlook() -> None:
    for got, expected in (
        ("https://dod-graph.microsoft.us", "graph-token-other-cloud"),
        ("https://microsoftgraph.chinacloudapi.cn/", "graph-token-other-cloud"),
        ("00000002-0000-0ff1-ce00-000000000000", "graph-token-wrong-service"),
        ("", "graph-token-wrong-service"),
    ):
        facts = {"wanted": "https://graph.microsoft.com", "got": got}
        failure = Failure(
            StepName.TOKEN, Scope.SIGN_IN, Verdict.FIX_SETTINGS, Cause.TOKEN_AUDIENCE, facts=facts
        )
        assert diagnose(failure, PERSON).id == expected
