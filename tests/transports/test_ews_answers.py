"""The table of what Exchange's answers mean: for a mail that was handed over, and for a question."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.transports.ewses import fault, said, soap
from transports.base import Cause, Failure, Scope, StepName, Verdict
from transports.ews_answers import LARGE, Reply, accepted, answered, refusal
from transports.ews_soap import read
from transports.http import Answer

PAGE = b"<!DOCTYPE html><html><body>Please sign in</body></html>"
BACK_OFF = '<t:MessageXml><t:Value Name="BackOffMilliseconds">4200</t:Value></t:MessageXml>'

BUSY = ("server", "retry")
SETTINGS = ("sign-in", "fix-settings")
ENDPOINT = ("server", "fix-settings")
SENDER = ("sender", "reject")
MESSAGE = ("message", "reject")
UNCERTAIN = ("message", "uncertain")


def reply(status: int, body: bytes = b"", size: int = 0, **headers: str) -> Reply:
    """An answer; header names with - as _."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(Answer(status, named, body, "https://mail.example.org/EWS/Exchange.asmx"), read(body), size)


def handed_over(found: Reply) -> Failure:
    """What becomes of a mail that went out whole."""
    return refusal(StepName.SEND, found, handed_over=True).failure


def asked(found: Reply) -> Failure:
    """What becomes of a question."""
    return refusal(StepName.ACCOUNT, found).failure


def short(failure: Failure) -> tuple[str, str]:
    return str(failure.scope), str(failure.verdict)


# By code: the name, what it means for a mail, its enhanced code, and how long to wait

CODES = [
    ("ErrorAccessDenied", SETTINGS, None, None),
    ("ErrorImpersonateUserDenied", SETTINGS, None, None),
    ("ErrorImpersonationDenied", SETTINGS, None, None),
    ("ErrorImpersonationFailed", SETTINGS, None, None),
    ("ErrorNonExistentMailbox", SETTINGS, None, None),
    ("ErrorMissingEmailAddress", SETTINGS, None, None),
    ("ErrorNonPrimarySmtpAddress", SETTINGS, None, None),
    ("ErrorPasswordExpired", SETTINGS, None, None),
    ("ErrorAccountDisabled", SETTINGS, None, None),
    ("ErrorInvalidLicense", SETTINGS, None, None),
    ("ErrorQuotaExceeded", SETTINGS, None, None),
    ("ErrorFolderNotFound", SETTINGS, None, None),
    ("ErrorInvalidServerVersion", ENDPOINT, None, None),
    ("ErrorSchemaValidation", ENDPOINT, None, None),
    ("ErrorServerBusy", BUSY, None, 10),
    ("ErrorExceededConnectionCount", BUSY, None, 10),
    ("ErrorMailboxStoreUnavailable", BUSY, None, None),
    ("ErrorMailboxMoveInProgress", BUSY, None, None),
    ("ErrorInternalServerTransientError", BUSY, None, None),
    ("ErrorInternalServerError", BUSY, None, None),
    ("ErrorTimeoutExpired", UNCERTAIN, None, None),
    ("ErrorProxyRequestProcessingFailed", UNCERTAIN, None, None),
    ("ErrorSubmissionQuotaExceeded", BUSY, None, 3600),
    ("ErrorMessageSubmissionBlocked", BUSY, None, 3600),
    ("ErrorSendAsDenied", SENDER, "5.7.1", None),
    ("ErrorInvalidRecipients", MESSAGE, "5.1.3", None),
    ("ErrorMissingRecipients", MESSAGE, "5.1.3", None),
    ("ErrorInvalidSmtpAddress", MESSAGE, "5.1.3", None),
    ("ErrorMessageSizeExceeded", MESSAGE, "5.3.4", None),
    ("ErrorMimeContentInvalid", MESSAGE, "5.6.0", None),
    ("ErrorMimeContentInvalidBase64String", MESSAGE, "5.6.0", None),
    ("ErrorMimeContentConversionFailed", MESSAGE, "5.6.0", None),
    ("ErrorOfTomorrow", MESSAGE, None, None),
]


@pytest.mark.parametrize(("code", "means", "enhanced", "wait"), CODES)
@pytest.mark.parametrize("form", ["message", "fault"])
def test_by_code(
    code: str, means: tuple[str, str], enhanced: str | None, wait: float | None, form: str
) -> None:
    found = reply(200, said("CreateItem", code)) if form == "message" else reply(500, fault(code))
    failure = handed_over(found)
    if code == "ErrorOfTomorrow" and form == "fault":  # the whole request's, and not the mail's
        means = ("message", "retry")
    assert short(failure) == means
    assert (failure.enhanced, failure.retry_after) == (enhanced, wait)
    assert failure.facts["ews_code"] == code
    assert failure.words == f"{code}: In its own words."
    assert failure.facts["version"] == "15.20.9.1"
    large = code == "ErrorMessageSizeExceeded"
    assert failure.cause is (Cause.MESSAGE_TOO_LARGE if large else Cause.ANSWER)
    assert not accepted(found)
    assert not answered(found)


def test_a_code_that_nobody_knows_is_the_settings_in_a_check() -> None:
    assert short(asked(reply(500, fault("ErrorOfTomorrow")))) == SETTINGS
    assert short(asked(reply(200, said("GetFolder", "ErrorInvalidSmtpAddress")))) == SETTINGS


STATUSES = [
    # status, body, headers, what a question means, what a mail means, cause, fact `what`
    (401, b"", {}, SETTINGS, SETTINGS, Cause.ANSWER, ""),
    (401, PAGE, {}, SETTINGS, SETTINGS, Cause.ANSWER, ""),
    (403, b"", {}, SETTINGS, SETTINGS, Cause.ANSWER, ""),
    (403, PAGE, {"x_feserver": "EX1"}, SETTINGS, SETTINGS, Cause.ANSWER, ""),
    (403, PAGE, {}, ENDPOINT, ENDPOINT, Cause.NOT_THE_SERVICE, "html"),
    (404, b"", {}, ENDPOINT, ENDPOINT, Cause.NOT_THE_SERVICE, "empty"),
    (302, b"", {"location": "https://a/owa/?x=1"}, ENDPOINT, ENDPOINT, Cause.NOT_THE_SERVICE, "redirect"),
    (
        302,
        b"",
        {"location": "/ews/genericerrorpage.htm?aspxerrorpath=/ews/exchange.asmx"},
        BUSY,
        BUSY,
        Cause.NOT_THE_SERVICE,
        "redirect",
    ),
    (405, b"", {}, ENDPOINT, ENDPOINT, Cause.NOT_THE_SERVICE, "empty"),
    (413, b"", {}, MESSAGE, MESSAGE, Cause.MESSAGE_TOO_LARGE, ""),
    (413, PAGE, {}, MESSAGE, MESSAGE, Cause.MESSAGE_TOO_LARGE, ""),
    (429, b"", {}, BUSY, BUSY, Cause.ANSWER, ""),
    (500, b"", {}, BUSY, UNCERTAIN, Cause.NOT_THE_SERVICE, "empty"),
    (500, PAGE, {}, BUSY, UNCERTAIN, Cause.NOT_THE_SERVICE, "html"),
    (502, PAGE, {}, BUSY, UNCERTAIN, Cause.NOT_THE_SERVICE, "html"),
    (503, b"", {}, BUSY, BUSY, Cause.ANSWER, ""),
    (504, b"", {}, BUSY, UNCERTAIN, Cause.NOT_THE_SERVICE, "empty"),
    (200, PAGE, {}, ENDPOINT, ENDPOINT, Cause.NOT_THE_SERVICE, "html"),
    (200, b"", {}, ENDPOINT, UNCERTAIN, Cause.NOT_THE_SERVICE, "empty"),
    (200, b"OK", {}, ENDPOINT, UNCERTAIN, Cause.NOT_THE_SERVICE, "text"),
    (200, soap("<m:Strange/>"), {}, ENDPOINT, UNCERTAIN, Cause.NOT_THE_SERVICE, "soap"),
]


@pytest.mark.parametrize(("status", "body", "headers", "question", "mail", "cause", "what"), STATUSES)
def test_by_status(
    status: int,
    body: bytes,
    headers: dict[str, str],
    question: tuple[str, str],
    mail: tuple[str, str],
    cause: Cause,
    what: str,
) -> None:
    found = reply(status, body, 0, **headers)
    assert short(asked(found)) == question
    failure = handed_over(found)
    assert short(failure) == mail
    assert (failure.cause, failure.code, failure.facts.get("what", "")) == (cause, status, what)
    assert failure.words
    assert "sign in" not in failure.words


def test_a_large_mail_that_is_answered_with_404_is_too_large() -> None:
    failure = handed_over(reply(404, PAGE, LARGE + 1))
    assert (short(failure), failure.cause) == (MESSAGE, Cause.MESSAGE_TOO_LARGE)


@pytest.mark.parametrize(
    ("found", "seconds"),
    [
        (reply(429, retry_after="7"), 7),
        (reply(429), 10),
        (reply(503, retry_after="120"), 120),
        (reply(500, fault("ErrorServerBusy", BACK_OFF)), 5),
        (reply(500, fault("ErrorServerBusy", BACK_OFF), retry_after="3"), 5),
        (reply(500, fault("ErrorServerBusy", BACK_OFF), retry_after="30"), 30),
        (reply(503, retry_after="99999999"), 86_400),
        (reply(429, fault("ErrorSubmissionQuotaExceeded")), 3600),
    ],
)
def test_how_long_it_wants_to_be_left_alone(found: Reply, seconds: float) -> None:
    assert handed_over(found).retry_after == seconds


def test_what_is_told_of_a_refused_sign_in() -> None:
    failure = asked(
        reply(
            401,
            www_authenticate='Negotiate, NTLM, Basic realm="x"',
            x_ms_diagnostics='2000003;reason="The token has expired.";error_category="token_expired"',
            request_id="1-2-3",
        )
    )
    assert failure.facts["mechanisms"] == "Negotiate, NTLM, Basic"
    assert "expired" in failure.facts["diagnostics"]
    assert failure.facts["request_id"] == "1-2-3"


def test_where_a_redirect_leads_is_told_without_its_query() -> None:
    failure = asked(reply(302, location="https://mail.example.org/owa/auth/logon.aspx?token=secret"))
    assert failure.facts["location"] == "https://mail.example.org/owa/auth/logon.aspx"
    assert asked(reply(302, location="https://[")).facts.get("location", "") == ""


@pytest.mark.parametrize(
    "body",
    [
        said("CreateItem", kind="Warning"),
        said("GetFolder"),
        said("CreateItem").replace(b"NoError", b""),
        said("CreateItem").replace(
            b"</m:ResponseMessages>",
            b'<m:CreateItemResponseMessage ResponseClass="Error"/></m:ResponseMessages>',
        ),
        soap("<m:CreateItemResponse/>"),
    ],
)
def test_what_is_no_yes_is_uncertain(body: bytes) -> None:
    found = reply(200, body)
    assert not accepted(found)
    assert handed_over(found).verdict is Verdict.UNCERTAIN


def test_a_yes() -> None:
    assert accepted(reply(200, said("CreateItem", inside="<m:Items/>")))
    assert not accepted(reply(500, said("CreateItem")))
    assert answered(reply(200, said("GetFolder")))
    assert not answered(reply(200, PAGE))


@given(
    st.integers(100, 599), st.binary(max_size=100), st.dictionaries(st.text(max_size=9), st.text(max_size=40))
)
def test_any_answer_is_survived(status: int, body: bytes, headers: dict[str, str]) -> None:
    for key in ("location", "retry-after", "www-authenticate"):
        headers[key] = next(iter(headers.values()), "")
    failure = handed_over(Reply(Answer(status, headers, body, ""), read(body)))
    assert failure.scope in set(Scope)
    assert failure.words.isprintable()
