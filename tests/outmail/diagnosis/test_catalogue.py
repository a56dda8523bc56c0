"""Every entry explains at least one failure as it really comes, and its words and commands are usable."""

from __future__ import annotations

import re
import shlex
from collections import Counter

import pytest

from outmail.diagnosis.case import Case
from outmail.diagnosis.entry import (
    PROVIDER,
    SERVER_ADMIN,
    TENANT_ADMIN,
    YOU,
    Entry,
    gap_names,
    powershell,
    shell,
    texts,
)
from outmail.diagnosis.finding import Context
from outmail.diagnosis.match import all_entries, diagnose
from tests.outmail.diagnosis.all_rows import ROWS
from tests.outmail.diagnosis.rows import HOUSE, Row, context
from transports.base import Cause, Failure, Scope, StepName, Verdict

_OUTMAIL = {"check", "history", "queue", "sample", "profile", "signin", "signout", "status"}
_OPTIONS = {
    "check": {"--verbose"},
    "signin": {"--way browser", "--way device", "--way app", "--account {got}", "--account {token_account}"},
}


@pytest.mark.parametrize("row", ROWS, ids=lambda r: f"{r.id}-{r.failure.code or r.failure.cause}")
def test_a_failure_gets_its_explanation(row: Row) -> None:
    assert diagnose(row.failure, row.context).id == row.id


@pytest.mark.parametrize("row", [r for r in ROWS if r.shows], ids=lambda r: r.id)
def test_what_is_known_is_filled_in(row: Row) -> None:
    found = diagnose(row.failure, row.context)
    told = "\n".join([found.title, found.cause, found.remedy, found.where, found.docs, *found.commands])
    for value in row.shows:
        assert value in told


def test_every_entry_is_reached() -> None:
    assert {row.id for row in ROWS} == {entry.id for entry in all_entries()}


def test_ids_are_unique_and_stable_to_write() -> None:
    ids = [entry.id for entry in all_entries()]
    assert [i for i, n in Counter(ids).items() if n > 1] == []
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", i) for i in ids)
    assert ids[-1] == "unknown"


@pytest.mark.parametrize("entry", all_entries(), ids=lambda e: e.id)
def test_an_entry_is_whole(entry: Entry) -> None:
    case = Case(ROWS[0].failure, HOUSE)
    for template in (entry.title, entry.cause, entry.remedy):
        assert template.strip()
        assert gap_names(template) <= set(texts(case))
    for template in (entry.where, entry.docs):
        assert gap_names(template) <= set(texts(case))
    assert not entry.title.endswith(".")
    assert len(entry.title) <= 76
    assert entry.who in {YOU, SERVER_ADMIN, TENANT_ADMIN, PROVIDER}
    assert re.fullmatch(r"(https://\S+)?", entry.docs)
    for template in entry.commands:
        assert gap_names(template) <= set(shell(HOUSE))
    for template in entry.powershell:
        assert gap_names(template) <= set(powershell(HOUSE))


@pytest.mark.parametrize("entry", all_entries(), ids=lambda e: e.id)
def test_only_commands_that_outmail_has_are_named(entry: Entry) -> None:
    for command in entry.commands:
        words = command.split()
        if words[0] == "outmail":
            assert words[1] in _OUTMAIL
            if words[1] == "profile":
                assert words[2] in {"export", "certificate"}
            if words[1] == "queue":
                assert words[2] == "list"
            options = command.partition("{profile}")[2].strip()
            assert not options or options in _OPTIONS[words[1]]


@pytest.mark.parametrize("row", ROWS, ids=lambda r: f"{r.id}-{r.failure.code or r.failure.cause}")
def test_no_gap_stays_open(row: Row) -> None:
    found = diagnose(row.failure, row.context)
    for text in (found.title, found.cause, found.remedy, found.where, found.docs, *found.commands):
        assert not re.search(r"\{\w+\}", text)
        assert "  " not in text


def test_commands_are_of_this_profile() -> None:
    failure = Failure(StepName.STARTTLS, Scope.SERVER, Verdict.FIX_SETTINGS, Cause.CERTIFICATE_EXPIRED)
    commands = diagnose(failure, context(ca_file="/etc/ssl/my ca.pem")).commands
    assert commands[0] == "date -u"
    assert shlex.split(commands[1].partition("<")[0]) == [
        *("openssl", "s_client", "-starttls", "smtp", "-connect", "mail.example.org:587"),
        *("-servername", "mail.example.org", "-CAfile", "/etc/ssl/my ca.pem"),
    ]


def test_a_command_that_cannot_be_filled_in_is_left_out() -> None:
    failure = Failure(StepName.TLS, Scope.SERVER, Verdict.FIX_SETTINGS, Cause.CERTIFICATE_EXPIRED)
    assert diagnose(failure, context(proxy="socks5://proxy.example.org:1080")).commands == ("date -u",)
    assert (
        "-proxy proxy.example.org:3128"
        in (diagnose(failure, context(proxy="http://proxy.example.org:3128")).commands[1])
    )
    assert "-connect '[::1]:587'" in diagnose(failure, context(host="::1")).commands[1]


def test_a_sentence_begins_with_a_capital_where_a_name_is_missing() -> None:
    row = next(r for r in ROWS if r.id == "recipient-unknown")
    assert diagnose(row.failure, Context()).cause.startswith("The server answered: 550")


def test_unknown_shows_what_the_server_said() -> None:
    found = diagnose(
        Failure(
            StepName.ACCOUNT,
            Scope.SERVER,
            Verdict.RETRY,
            Cause.ANSWER,
            599,
            words="599 it's\x1b[31m odd\n{x}",
        ),
        HOUSE,
    )
    assert found.id == "unknown"
    assert "599 it's?[31m odd {x}" in found.cause
    assert found.commands == ("outmail check support --verbose",)


def test_the_order_of_likely_causes_is_told_where_an_answer_is_ambiguous() -> None:
    for ambiguous in (
        *(
            "m365-sign-in-blocked",
            "m365-token-blocked",
            "exchange-token-refused",
            "exchange-sign-in-not-kept",
        ),
        *("exchange-app-without-mailbox", "exchange-app-not-allowed", "google-token-refused"),
        *("google-grant-ended", "token-refused"),
    ):
        entry = next(e for e in all_entries() if e.id == ambiguous)
        assert "Most likely first:" in entry.cause


def test_exchange_online_is_signed_in_to_first_and_an_exchange_of_ones_own_is_not() -> None:
    row = next(r for r in ROWS if r.id == "m365-smtp-auth-disabled")
    assert diagnose(row.failure, row.context).commands[0] == "Connect-ExchangeOnline"
    failure = Failure(
        StepName.AUTHENTICATE, Scope.SIGN_IN, Verdict.FIX_SETTINGS, Cause.ANSWER, 535, "5.7.3", "535 5.7.3 no"
    )
    found = diagnose(failure, context(method="basic"))
    assert found.id == "exchange-password-refused"
    assert not any(c.startswith("Connect-") for c in found.commands)


def test_a_self_signed_certificate_can_be_compared_and_saved() -> None:
    failure = Failure(StepName.TLS, Scope.SERVER, Verdict.FIX_SETTINGS, Cause.CERTIFICATE_SELF_SIGNED)
    commands = diagnose(failure, context(security="tls", port=465)).commands
    assert commands[0].endswith("| openssl x509 -noout -fingerprint -sha256")
    assert commands[1].endswith("| openssl x509 -out mail.example.org.pem")


def test_the_account_and_the_sender_are_named_where_rights_are_missing() -> None:
    row = next(r for r in ROWS if r.id == "exchange-send-as-denied")
    found = diagnose(row.failure, row.context)
    grant = "Add-RecipientPermission -Identity 'helpdesk@example.org' -Trustee 'desk@example.org'"
    assert found.commands[-1] == f"{grant} -AccessRights SendAs"
    assert "helpdesk@example.org" in found.cause
    assert found.who == TENANT_ADMIN


@pytest.mark.parametrize("row", ROWS, ids=lambda r: f"{r.id}-{r.failure.code or r.failure.cause}")
def test_nothing_is_advised_that_this_version_cannot_do(row: Row) -> None:
    remedy = diagnose(row.failure, row.context).remedy
    assert " yet" not in remedy
