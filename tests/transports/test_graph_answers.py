"""What Graph's answers mean: the table of codes and statuses, what may have been taken, how long to wait."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.transports.graph_bodies import JSON, NOW, PAGE, answer, failure, graph_error
from transports.base import Cause, Scope, StepName, Verdict
from transports.graph_answers import LONGEST_WAIT, QUOTA_WAIT, THROTTLED_WAIT, accepted, code_of, retry_after
from transports.graph_errors import instead
from transports.http import Answer


@dataclass(frozen=True)
class Row:
    """An answer, and what it means after a message was handed over."""

    status: int
    code: str
    scope: Scope
    verdict: Verdict
    cause: Cause = Cause.ANSWER
    wait: str | None = None
    message: str = ""


_SETTINGS = (Scope.SIGN_IN, Verdict.FIX_SETTINGS)
_LATER = (Scope.SERVER, Verdict.RETRY)
_BAD = (Scope.MESSAGE, Verdict.REJECT)
_MAYBE = (Scope.MESSAGE, Verdict.UNCERTAIN)
_HOUR, _MOMENT = str(int(QUOTA_WAIT)), str(int(THROTTLED_WAIT))

TABLE = (
    Row(401, "InvalidAuthenticationToken", *_SETTINGS),
    Row(401, "CompactToken", *_SETTINGS),
    Row(403, "ErrorAccessDenied", *_SETTINGS),
    Row(403, "Authorization_RequestDenied", *_SETTINGS),
    Row(403, "ExtensionError", *_SETTINGS, message="Operation: Create; Reason: Access to OData is disabled."),
    Row(400, "ExtensionError", *_SETTINGS, message="Access to OData is disabled: [RAOP]"),
    Row(403, "Forbidden", *_SETTINGS),
    Row(403, "ErrorSendAsDenied", Scope.SENDER, Verdict.REJECT),
    Row(404, "MailboxNotEnabledForRESTAPI", *_SETTINGS),
    Row(404, "ErrorInvalidUser", *_SETTINGS),
    Row(404, "ResourceNotFound", *_SETTINGS),
    Row(404, "Request_ResourceNotFound", *_SETTINGS),
    Row(404, "SomethingElse", *_SETTINGS),
    Row(
        400, "BadRequest", *_SETTINGS, message="/me request is only valid with delegated authentication flow."
    ),
    Row(400, "ErrorInvalidRecipients", *_BAD),
    Row(400, "ErrorInvalidParameter", *_BAD, message="The value of the parameter 'Message' is empty."),
    Row(400, "ErrorMimeContentInvalid", *_BAD),
    Row(400, "ErrorMimeContentInvalidBase64String", *_BAD),
    Row(400, "InvalidInternetMessageHeader", *_BAD),
    Row(400, "InvalidInternetMessageHeaderCollection", *_BAD),
    Row(400, "NobodyKnows", *_BAD),
    Row(413, "RequestEntityTooLarge", *_BAD, Cause.MESSAGE_TOO_LARGE),
    Row(413, "BadRequest", *_BAD, Cause.MESSAGE_TOO_LARGE),
    Row(400, "ErrorMessageSizeExceeded", *_BAD, Cause.MESSAGE_TOO_LARGE),
    Row(429, "ApplicationThrottled", *_LATER, wait=_MOMENT),
    Row(429, "TooManyRequests", *_LATER, wait=_MOMENT),
    Row(429, "ErrorSendAsDenied", *_LATER, wait=_MOMENT),
    Row(503, "ApplicationThrottled", *_LATER, wait=_MOMENT),
    Row(504, "ApplicationThrottled", *_LATER, wait=_MOMENT),
    Row(429, "ErrorExceededMessageLimit", *_LATER, wait=_HOUR),
    Row(403, "ErrorExceededMessageLimit", *_LATER, wait=_HOUR),
    Row(403, "ErrorSubmissionQuotaExceeded", *_LATER, wait=_HOUR),
    Row(500, "ErrorSubmissionQuotaExceeded", *_LATER, wait=_HOUR),
    Row(504, "ErrorSubmissionQuotaExceeded", *_LATER, wait=_HOUR),
    Row(403, "ErrorMessageSubmissionBlocked", *_LATER, wait=_HOUR),
    Row(403, "ErrorQuotaExceeded", *_SETTINGS),
    Row(507, "ErrorQuotaExceeded", *_SETTINGS),
    Row(507, "InsufficientStorage", *_SETTINGS),
    Row(408, "RequestTimeout", *_LATER),
    Row(500, "ErrorInternalServerError", *_LATER),
    Row(500, "ErrorMailboxStoreUnavailable", *_LATER),
    Row(503, "serviceNotAvailable", *_LATER),
    Row(503, "UnknownError", *_LATER),
    Row(509, "BandwidthLimitExceeded", *_LATER),
    Row(501, "NotImplemented", Scope.SERVER, Verdict.FIX_SETTINGS),
    Row(500, "UnknownError", *_MAYBE),
    Row(500, "ErrorTimeoutExpired", *_MAYBE),
    Row(502, "BadGateway", *_MAYBE),
    Row(502, "ErrorInternalServerError", *_MAYBE),
    Row(504, "UnknownError", *_MAYBE),
    Row(504, "gatewayTimeout", *_MAYBE),
    Row(504, "ErrorInternalServerError", *_MAYBE),
    Row(404, "ErrorItemNotFound", *_MAYBE),
)


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row.status}-{row.code}")
def test_a_code_means_what_the_table_says(row: Row) -> None:
    found = failure(answer(row.status, graph_error(row.code, row.message)))
    assert (found.scope, found.verdict, found.cause) == (row.scope, row.verdict, row.cause)
    assert (found.code, found.step) == (row.status, StepName.SEND)
    assert found.facts.get("retry_after") == row.wait
    assert found.facts["graph_code"] == row.code
    assert (found.facts["request_id"], found.facts["date"]) == ("req-1", "2026-11-22T10:00:00")
    assert found.words == ": ".join(part for part in (row.code, row.message) if part)


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row.status}-{row.code}")
def test_before_a_message_was_handed_over_nothing_is_uncertain(row: Row) -> None:
    found = failure(answer(row.status, graph_error(row.code, row.message)), handed_over=False)
    assert found.verdict is not Verdict.UNCERTAIN
    if row.verdict is Verdict.UNCERTAIN:
        assert found.verdict is Verdict.RETRY
    else:
        assert (found.scope, found.verdict) == (row.scope, row.verdict)


@pytest.mark.parametrize(
    ("row", "enhanced"),
    [
        (answer(413), "5.3.4"),
        (answer(400, graph_error("ErrorInvalidRecipients")), "5.1.3"),
        (answer(400, graph_error("ErrorMimeContentInvalid")), "5.6.0"),
        (answer(403, graph_error("ErrorSendAsDenied")), "5.7.1"),
        (answer(504), None),
        (answer(401, graph_error("InvalidAuthenticationToken")), None),
    ],
)
def test_a_mail_that_goes_back_says_why_in_the_code_of_rfc_3463(row: Answer, enhanced: str | None) -> None:
    assert failure(row).enhanced == enhanced


class TestCodes:
    def test_the_deepest_that_is_known_tells_most(self) -> None:
        body = graph_error("BadRequest", "no", "ErrorAccessDenied", "ErrorSendAsDenied", "UnknownError")
        assert failure(answer(403, body)).facts["graph_code"] == "ErrorSendAsDenied"
        assert failure(answer(403, body)).scope is Scope.SENDER

    def test_the_outermost_where_none_is_known(self) -> None:
        assert failure(answer(403, graph_error("Outer", "no", "Inner"))).facts["graph_code"] == "Outer"

    def test_in_any_case(self) -> None:
        assert failure(answer(403, graph_error("errorsendasdenied"))).scope is Scope.SENDER

    def test_a_message_without_a_code(self) -> None:
        found = failure(answer(403, b'{"error":{"message":"Access is denied."}}'))
        assert found.words == "Access is denied."
        assert "graph_code" not in found.facts
        assert code_of(None) == ""

    def test_the_header_names_the_request_where_the_body_does_not(self) -> None:
        headers = {**JSON, "request-id": "req-2", "date": "Sun, 22 Nov 2026 10:00:00 GMT"}
        found = failure(answer(403, b'{"error":{"code":"ErrorAccessDenied"}}', headers))
        assert found.facts["request_id"] == "req-2"
        assert found.facts["date"] == "Sun, 22 Nov 2026 10:00:00 GMT"

    def test_in_a_check_an_unknown_error_is_no_mails_fault(self) -> None:
        found = failure(answer(400, graph_error("NobodyKnows")), handed_over=False, step=StepName.PERMISSION)
        assert (found.scope, found.verdict, found.step) == (*_SETTINGS, StepName.PERMISSION)

    def test_a_mail_to_nobody_is_refused_for_its_recipients_in_a_check_too(self) -> None:
        got = answer(400, graph_error("ErrorInvalidRecipients"))
        assert failure(got, handed_over=False, step=StepName.SENDER).scope is Scope.MESSAGE


class TestNotTheService:
    @pytest.mark.parametrize(
        ("status", "body", "kind", "what", "verdict"),
        [
            (200, PAGE, "text/html", "html", Verdict.FIX_SETTINGS),
            (200, b"\xef\xbb\xbf\n<html>", "", "html", Verdict.FIX_SETTINGS),
            (302, b"", "", "redirect", Verdict.FIX_SETTINGS),
            (307, PAGE, "text/html", "redirect", Verdict.FIX_SETTINGS),
            (400, b"no", "text/plain", "text", Verdict.FIX_SETTINGS),
            (401, PAGE, "text/html", "html", Verdict.FIX_SETTINGS),
            (403, PAGE, "text/html", "html", Verdict.FIX_SETTINGS),
            (404, b"", "", "empty", Verdict.FIX_SETTINGS),
            (404, b'{"message":"no Route"}', "application/json", "json", Verdict.FIX_SETTINGS),
            (404, b"[1]", "application/json", "json", Verdict.FIX_SETTINGS),
            (400, b'{"error":"invalid"}', "application/json", "json", Verdict.FIX_SETTINGS),
            (501, b"", "", "empty", Verdict.FIX_SETTINGS),
            (503, PAGE, "text/html", "html", Verdict.RETRY),
            (503, b"", "", "empty", Verdict.RETRY),
            (200, b"", "", "empty", Verdict.UNCERTAIN),
            (204, b"", "", "empty", Verdict.UNCERTAIN),
            (200, b"{}", "application/json", "json", Verdict.UNCERTAIN),
            (200, graph_error("ErrorAccessDenied"), "application/json", "json", Verdict.UNCERTAIN),
            (202, b"ok", "text/plain", "text", Verdict.UNCERTAIN),
            (202, PAGE, "text/html", "html", Verdict.UNCERTAIN),
            (500, PAGE, "text/html", "html", Verdict.UNCERTAIN),
            (502, PAGE, "text/html", "html", Verdict.UNCERTAIN),
            (504, b"", "", "empty", Verdict.UNCERTAIN),
            (520, b"", "", "empty", Verdict.UNCERTAIN),
        ],
    )
    def test_a_page_is_no_answer(
        self, status: int, body: bytes, kind: str, what: str, verdict: Verdict
    ) -> None:
        got = answer(status, body, {"content-type": kind})
        found = failure(got)
        assert (found.cause, found.facts["what"], found.verdict) == (Cause.NOT_THE_SERVICE, what, verdict)
        assert instead(got) == what
        assert "network" not in found.words
        unsent = failure(got, handed_over=False)
        assert unsent.scope is Scope.SERVER
        assert unsent.verdict is (Verdict.RETRY if status >= 500 and status != 501 else Verdict.FIX_SETTINGS)

    @pytest.mark.parametrize(
        ("status", "scope", "verdict"),
        [(429, *_LATER), (408, *_LATER), (413, *_BAD), (507, *_SETTINGS)],
    )
    def test_some_statuses_need_no_words(self, status: int, scope: Scope, verdict: Verdict) -> None:
        for body in (b"", PAGE, b"busy"):
            found = failure(answer(status, body, {}))
            assert (found.scope, found.verdict) == (scope, verdict)
            assert "what" not in found.facts

    def test_only_202_without_a_body_is_success(self) -> None:
        assert accepted(answer(202))
        for got in (answer(200), answer(204), answer(202, PAGE), answer(202, b"{}"), answer(201, b"{}")):
            assert not accepted(got)


class TestUploads:
    @pytest.mark.parametrize("status", [401, 403, 404, 409, 410, 416])
    @pytest.mark.parametrize("body", [b"", PAGE, graph_error("ErrorItemNotFound")])
    def test_a_session_that_has_ended_begins_anew(self, status: int, body: bytes) -> None:
        found = failure(answer(status, body), handed_over=False, upload=True)
        assert (found.scope, found.verdict, found.cause) == (Scope.MESSAGE, Verdict.RETRY, Cause.ANSWER)

    def test_the_rest_means_what_it_means_elsewhere(self) -> None:
        assert failure(answer(413), handed_over=False, upload=True).cause is Cause.MESSAGE_TOO_LARGE
        assert failure(answer(429), handed_over=False, upload=True).scope is Scope.SERVER

    def test_a_draft_that_is_gone_before_it_was_sent_is_made_again(self) -> None:
        found = failure(answer(404, graph_error("ErrorItemNotFound")), handed_over=False)
        assert (found.scope, found.verdict) == (Scope.MESSAGE, Verdict.RETRY)


class TestRetryAfter:
    @pytest.mark.parametrize(
        ("given_text", "seconds"),
        [
            ("17", 17.0),
            (" 17 ", 17.0),
            ("0", 0.0),
            ("1.5", 1.5),
            ("5, 30", 30.0),
            ("9" * 5000, LONGEST_WAIT),
            ("90000", LONGEST_WAIT),
            ("Sat, 28 Nov 2026 12:00:20 GMT", 20.0),
            ("Sat, 28 Nov 2026 12:00:20 -0000", 20.0),
            ("Sat, 28 Nov 2026 11:00:00 GMT", 0.0),
            ("Sat, 28 Nov 2099 12:00:00 GMT", LONGEST_WAIT),
            ("-20", None),
            ("1e3", None),
            ("soon", None),
            ("", None),
            ("\u0663", None),
            ("Sat, 28 Nov 2026 12:00:20 +9999", None),
        ],
    )
    def test_in_both_its_shapes_and_within_a_day(self, given_text: str, seconds: float | None) -> None:
        assert retry_after({"retry-after": given_text}, 1_795_867_200.0) == seconds

    def test_a_date_is_measured_by_the_servers_own_clock(self) -> None:
        headers = {
            "retry-after": "Sat, 28 Nov 2026 12:00:20 GMT",
            "date": "Sat, 28 Nov 2026 11:59:50 GMT",
        }
        assert retry_after(headers, 0.0) == 30.0
        assert retry_after({**headers, "date": "nonsense"}, 1_795_867_200.0) == 20.0

    def test_nothing_is_asked(self) -> None:
        assert retry_after({}, NOW) is None

    @pytest.mark.parametrize("code", ["ApplicationThrottled", "ErrorExceededMessageLimit"])
    def test_what_graph_asks_for_is_a_fact(self, code: str) -> None:
        found = failure(answer(429, graph_error(code), {**JSON, "retry-after": "7"}))
        assert found.facts["retry_after"] == "7"

    def test_where_it_is_503_too(self) -> None:
        assert failure(answer(503, b"", {"retry-after": "11"})).facts["retry_after"] == "11"

    @given(st.text(max_size=80), st.text(max_size=40))
    def test_whatever_is_given(self, text: str, date: str) -> None:
        found = retry_after({"retry-after": text, "date": date}, NOW)
        assert found is None or 0 <= found <= LONGEST_WAIT
