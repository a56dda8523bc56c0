"""From an answer of Exchange to what the engine does and the admin reads: each row of the error table."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from outmail.diagnosis.entry import TENANT_ADMIN
from outmail.diagnosis.finding import Context
from outmail.diagnosis.match import all_entries, diagnose
from outmail.engine.trouble import Action, decide
from tests.outmail.diagnosis.rows import HOUSE, Row
from tests.outmail.diagnosis.rows_ews import (
    BASIC,
    BEARER,
    BLOCKED,
    DISABLED,
    END,
    NTLM,
    OWN,
    OWN_TOKEN,
    PERSON,
    ROBOT,
    SWITCH_ROWS,
    exchange_online,
    failed,
    holding,
    house,
)
from tests.outmail.diagnosis.rows_ews_send import EWS_ROWS
from tests.transports.ewses import fault, said
from tests.transports.graph_bodies import PAGE
from transports.base import Cause, Failure, Scope, StepName, Verdict


@dataclass(frozen=True)
class Meaning:
    """An answer to a mail that was handed over, what it is for the engine and for the admin."""

    status: int
    code: str  # Exchange's, "" for an answer without a word of its own
    scope: Scope
    verdict: Verdict
    alone: Action  # at the last server, without a failover profile
    helped: Action  # with one
    finding: str
    wait: str | None = None
    cause: Cause = Cause.ANSWER
    headers: dict[str, str] | None = None
    body: bytes = b""
    around: Context = OWN

    @property
    def failure(self) -> Failure:
        """As the transport raises it."""
        made = fault(self.code) if self.status == 500 else said("CreateItem", self.code)
        return failed(self.status, made if self.code else self.body, self.headers)


_FIX = (Scope.SIGN_IN, Verdict.FIX_SETTINGS, Action.PAUSE_ROUTE, Action.FAILOVER)
_PLACE = (Scope.SERVER, Verdict.FIX_SETTINGS, Action.PAUSE_ROUTE, Action.FAILOVER)
_WAIT = (Scope.SERVER, Verdict.RETRY, Action.DEFER, Action.FAILOVER)
_MINUTES = (Scope.SERVER, Verdict.RETRY, Action.DEFER, Action.DEFER)
_SENDER = (Scope.SENDER, Verdict.REJECT, Action.BOUNCE, Action.BOUNCE)
_ELSEWHERE = (Scope.MESSAGE, Verdict.REJECT, Action.BOUNCE, Action.FAILOVER)
_BACK = (Scope.MESSAGE, Verdict.REJECT, Action.BOUNCE, Action.BOUNCE)
_HOLD = (Scope.MESSAGE, Verdict.UNCERTAIN, Action.HOLD, Action.HOLD)
_TOO_LARGE, _STRANGE = Cause.MESSAGE_TOO_LARGE, Cause.NOT_THE_SERVICE
_OWA = {"location": "/owa/auth/logon.aspx"}
_AFTER = {"retry-after": "42"}

TABLE = (
    Meaning(403, "", *_FIX, "ews-not-allowed"),
    Meaning(403, "", *_FIX, "ews-not-allowed-online", around=PERSON),
    Meaning(403, "", *_FIX, "ews-not-allowed-online", around=ROBOT),
    Meaning(403, "", *_FIX, "ews-disabled-online", headers=DISABLED, around=PERSON),
    Meaning(403, "", *_FIX, "ews-app-not-on-list", headers=BLOCKED, around=PERSON),
    Meaning(401, "", *_FIX, "ews-password-refused", headers=BASIC),
    Meaning(401, "", *_FIX, "ews-password-refused-ntlm", headers=NTLM),
    Meaning(401, "", *_FIX, "ews-basic-gone", headers=BASIC, around=exchange_online(method="basic")),
    Meaning(401, "", *_FIX, "ews-token-refused", headers=BEARER, around=PERSON),
    Meaning(401, "", *_FIX, "ews-oauth-not-enabled", headers=NTLM, around=OWN_TOKEN),
    Meaning(404, "", *_PLACE, "ews-wrong-address", cause=_STRANGE, body=PAGE),
    Meaning(404, "", *_PLACE, "ews-gone-online", cause=_STRANGE, around=PERSON),
    Meaning(302, "", *_PLACE, "ews-owa-sign-in", cause=_STRANGE, headers=_OWA),
    Meaning(200, "", *_PLACE, "ews-login-page", cause=_STRANGE, body=PAGE),
    Meaning(413, "", *_ELSEWHERE, "ews-message-too-large", cause=_TOO_LARGE),
    Meaning(429, "", *_MINUTES, "ews-throttled", "42", headers=_AFTER),
    Meaning(429, "", *_MINUTES, "ews-throttled", "10"),
    Meaning(503, "", *_WAIT, "ews-busy"),
    Meaning(503, "", *_MINUTES, "ews-busy", "42", headers=_AFTER),
    Meaning(503, "", *_WAIT, "ews-busy-online", around=PERSON),
    Meaning(500, "ErrorServerBusy", *_MINUTES, "ews-throttled", "10"),
    Meaning(200, "ErrorServerBusy", *_MINUTES, "ews-throttled", "10", around=PERSON),
    Meaning(200, "ErrorNonExistentMailbox", *_FIX, "ews-mailbox-not-found"),
    Meaning(500, "ErrorNonExistentMailbox", *_FIX, "ews-mailbox-not-found-online", around=PERSON),
    Meaning(200, "ErrorAccessDenied", *_FIX, "ews-access-denied"),
    Meaning(200, "ErrorAccessDenied", *_FIX, "ews-app-not-allowed", around=ROBOT),
    Meaning(500, "ErrorImpersonateUserDenied", *_FIX, "ews-impersonation-denied"),
    Meaning(500, "ErrorImpersonateUserDenied", *_FIX, "ews-app-not-allowed", around=ROBOT),
    Meaning(500, "ErrorImpersonationDenied", *_FIX, "ews-impersonation-denied"),
    Meaning(500, "ErrorImpersonationDenied", *_FIX, "ews-impersonation-gone", around=PERSON),
    Meaning(200, "ErrorSendAsDenied", *_SENDER, "ews-send-as-denied"),
    Meaning(200, "ErrorSendAsDenied", *_SENDER, "ews-send-as-denied-online", around=PERSON),
    Meaning(200, "ErrorInvalidRecipients", *_BACK, "ews-no-recipient"),
    Meaning(200, "ErrorMissingRecipients", *_BACK, "ews-no-recipient"),
    Meaning(200, "ErrorInvalidSmtpAddress", *_BACK, "ews-no-recipient"),
    Meaning(200, "ErrorMessageSizeExceeded", *_ELSEWHERE, "ews-mailbox-size-limit", cause=_TOO_LARGE),
    Meaning(200, "ErrorMimeContentInvalid", *_BACK, "ews-message-malformed"),
    Meaning(200, "ErrorQuotaExceeded", *_FIX, "ews-mailbox-full"),
    Meaning(200, "ErrorSubmissionQuotaExceeded", *_WAIT, "ews-daily-limit", "3600"),
    Meaning(500, "ErrorExceededConnectionCount", *_MINUTES, "ews-too-many-connections", "10"),
    Meaning(200, "ErrorMailboxStoreUnavailable", *_WAIT, "ews-mailbox-away"),
    Meaning(200, "ErrorMailboxMoveInProgress", *_WAIT, "ews-mailbox-away"),
    Meaning(500, "ErrorInternalServerTransientError", *_WAIT, "ews-busy"),
    Meaning(200, "ErrorTimeoutExpired", *_HOLD, "ews-uncertain"),
    Meaning(504, "", *_HOLD, "ews-uncertain", cause=_STRANGE, body=PAGE),
    Meaning(200, "ErrorPasswordExpired", *_FIX, "ews-password-expired"),
    Meaning(200, "ErrorAccountDisabled", *_FIX, "ews-account-disabled"),
    Meaning(200, "ErrorInvalidLicense", *_FIX, "ews-no-licence", around=PERSON),
    Meaning(200, "ErrorNobodyKnows", *_BACK, "ews-refused"),
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


@pytest.mark.parametrize("row", EWS_ROWS, ids=lambda r: f"{r.id}-{r.failure.code or r.failure.cause}")
def test_a_remedy_speaks_of_ews_and_not_of_mail_ports(row: Row) -> None:
    found = diagnose(row.failure, row.context)
    told = f"{found.title} {found.cause} {found.remedy}"
    assert found.remedy
    if row.id.startswith("ews-") and row.id != "ews-too-old":
        assert not any(word in told for word in ("587", "465", "STARTTLS", "graph.endpoint"))


@pytest.mark.parametrize("row", EWS_ROWS, ids=lambda r: f"{r.id}-{r.failure.code or r.failure.cause}")
def test_commands_of_the_cloud_are_for_the_cloud(row: Row) -> None:
    """Connect-ExchangeOnline and Graph's modules are of no use at a server of one's own."""
    found = diagnose(row.failure, row.context)
    if row.id.startswith("ews-") and row.context.host == OWN.host:
        assert not any(command.startswith("Connect-") for command in found.commands)
        assert END not in f"{found.cause} {found.remedy}"


@pytest.mark.parametrize(
    "host",
    [
        *("outlook.office365.com", "OUTLOOK.OFFICE365.COM.", "outlook.office.com", "outlook.office365.us"),
        *("outlook-dod.office365.us", "webmail.apps.mil", "partner.outlook.cn"),
        *("outlook.sovcloud.fr", "outlook.sovcloud.de"),
    ],
)
def test_the_end_of_ews_is_told_in_every_cloud(host: str) -> None:
    around = exchange_online(host=host)
    for failure in (
        failed(403),
        failed(404),
        failed(401, headers=BEARER),
        failed(200, said("x", "ErrorNew")),
    ):
        found = diagnose(failure, around)
        assert END in f"{found.cause} {found.remedy}"
    assert "Microsoft Graph" in diagnose(failed(403), around).remedy


@pytest.mark.parametrize(
    "host", ["mail.example.org", "outlook.office365.com.example.org", "myoutlook.com", ""]
)
def test_a_server_of_ones_own_keeps_ews(host: str) -> None:
    for failure in (failed(403), failed(404), failed(401), failed(200, said("x", "ErrorNew"))):
        found = diagnose(failure, house(host=host))
        assert END not in f"{found.cause} {found.remedy}"
        assert "Microsoft Graph" not in found.remedy


@pytest.mark.parametrize("row", SWITCH_ROWS, ids=lambda r: r.id)
def test_the_list_of_applications_is_never_replaced_whole(row: Row) -> None:
    """Set-OrganizationConfig -EwsAllowedAppIDs drops what it does not name."""
    found = diagnose(row.failure, row.context)
    setting = [one for one in found.commands if "-EwsAllowedAppIDs (" in one or "-EwsAllowedAppIDs '" in one]
    for command in setting:
        assert "$ids, " in command
        before = found.commands[found.commands.index(command) - 1]
        assert before.startswith("$ids = (Get-OrganizationConfig -RetrieveEwsOperationAccessPolicy)")
    if row.context.host != OWN.host:
        assert found.who == TENANT_ADMIN
        assert setting
        assert "24 hours" in found.remedy


def test_the_allow_list_comes_before_the_switch() -> None:
    """With the switch on and the list empty, everything is blocked."""
    commands = diagnose(failed(403), PERSON).commands
    order = [n for n, one in enumerate(commands) if one.startswith("Set-OrganizationConfig -Ews")]
    assert [commands[n].split()[1] for n in order] == ["-EwsAllowedAppIDs", "-EwsEnabled"]


def test_one_answer_of_401_is_told_apart_by_server_method_and_offer() -> None:
    told = {
        diagnose(failed(401, headers=offer), around).id
        for offer, around in (
            (BASIC, OWN),
            (NTLM, OWN),
            (NTLM, exchange_online(method="basic")),
            (BEARER, PERSON),
            (BEARER, OWN_TOKEN),
            (NTLM, OWN_TOKEN),
            (BEARER, holding(PERSON, aud="https://graph.microsoft.com")),
            (BEARER, holding(PERSON, scp="SMTP.Send")),
            ({"x-ms-diagnostics": '2000001;reason="The token has expired."'}, PERSON),
        )
    }
    assert len(told) == 9


def test_a_password_that_is_used_by_basic_is_no_matter_of_extended_protection() -> None:
    refused = failed(401, headers={"www-authenticate": "Negotiate, NTLM, Basic realm=x"})
    assert diagnose(refused, OWN).id == "ews-password-refused-ntlm"
    basic = replace(refused, facts={**refused.facts, "mechanism": "basic"})
    assert diagnose(basic, OWN).id == "ews-password-refused"


def test_numbers_of_http_are_never_taken_for_those_of_smtp() -> None:
    for code in range(300, 600):
        failure = Failure(
            StepName.SEND, Scope.MESSAGE, Verdict.REJECT, Cause.ANSWER, code, words="Surprise: 5.7.1 spam"
        )
        for around in (OWN, PERSON):
            assert diagnose(failure, around).id.startswith("ews-")
        assert not diagnose(failure, HOUSE).id.startswith("ews-")


def test_what_the_queue_remembers_is_still_recognised_by_its_words() -> None:
    for row in TABLE:
        if row.cause is Cause.ANSWER and not row.headers:
            remembered = replace(row.failure, facts={})
            assert diagnose(remembered, row.around).id == row.finding


def test_the_mailbox_of_a_windows_user_is_the_from_address() -> None:
    found = diagnose(failed(200, said("CreateItem", "ErrorNonExistentMailbox")), OWN)
    assert "Get-Recipient -Identity 'helpdesk@example.org'" in "\n".join(found.commands)


def test_where_one_answer_has_several_causes_they_are_told_in_their_order() -> None:
    for ambiguous in (
        *("ews-not-allowed", "ews-not-allowed-online", "ews-app-not-on-list", "ews-app-not-allowed"),
        *("ews-password-refused", "ews-password-refused-ntlm", "ews-token-refused", "ews-token-refused-own"),
        *("ews-mailbox-not-found", "ews-mailbox-not-found-online", "ews-access-denied", "ews-login-page"),
        *("ews-wrong-address", "ews-owa-sign-in", "ews-gone-online", "ews-no-scheme-offered"),
    ):
        entry = next(e for e in all_entries() if e.id == ambiguous)
        assert "Most likely first:" in entry.cause
