"""Explanations of sign-ins: one code with several causes, the right server named, nothing untrue advised."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace

import pytest

from outmail.diagnosis.case import Case
from outmail.diagnosis.finding import Context, Finding
from outmail.diagnosis.match import diagnose
from tests.outmail.diagnosis.all_rows import ROWS
from tests.outmail.diagnosis.rows import Row
from tests.outmail.diagnosis.rows_entra import ALONE, DEVICE, WEB, entra
from tests.outmail.diagnosis.rows_oauth import seen
from tests.outmail.diagnosis.rows_tokens import DELEGATED, answered, with_token
from transports.base import Cause, Failure, Scope, StepName, Verdict

_AT_TOKEN = [r for r in ROWS if r.failure.step is StepName.TOKEN and r.id != "unknown"]
_BY_TOKEN = [r for r in ROWS if r.context.method == "oauth"]

NUMBERS = re.findall(
    r"\d+",
    """
16000 50020 50034 51004 50011 70004 900971 50053 50055 50144 50057 50059 50128 90002 50072 50074
50076 50078 50079 50105 50126 50132 50133 50173 50134 50158 50194 90130 9001023 90124 50196 53000
53001 53002 53003 530032 530035 54005 65001 65004 650052 650056 650057 500011 70003 700016 70001
700011 7000112 7000215 70002 7000218 700025 7000222 700027 50012 700030 70008 700082 700084 70000
9002313 70011 28002 700022 700023 70016 70018 70019 70043 90033 90006 90012 90024 50033 50087 90090
90038 900382 900432 90094 90095 9002332 90055 500133
""",
)
"""Every number of Entra's that admins of mail meet."""


def _told(found: Finding) -> str:
    return "\n".join([found.title, found.cause, found.remedy, found.where, found.docs, *found.commands])


def refusal(number: str, **facts: str) -> Failure:
    """Entra's refusal with this number and nothing else to go by."""
    return Failure(
        StepName.TOKEN,
        Scope.SIGN_IN,
        Verdict.FIX_SETTINGS,
        Cause.OAUTH_REFUSED,
        words=f"AADSTS{number}: words",
        facts=facts,
    )


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("around", [DEVICE, WEB, ALONE], ids=lambda c: c.grant)
def test_every_number_is_known_whether_as_a_fact_or_in_the_words_alone(number: str, around: Context) -> None:
    by_words = diagnose(refusal(number), around)
    assert by_words.id.startswith(("entra-", "oauth-code-expired"))
    assert by_words.id != "entra-other-number"
    assert diagnose(refusal(number, aadsts=number, error="invalid_grant"), around) == by_words


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        ("7000218", ("entra-public-flows-off", "entra-web-registration", "entra-no-secret-sent")),
        ("53003", ("entra-device-code-blocked", "entra-conditional-access", "entra-app-blocked-by-policy")),
        ("65001", ("entra-consent-missing", "entra-consent-missing", "entra-consent-missing-app")),
    ],
)
def test_the_way_of_signing_in_decides(number: str, expected: tuple[str, ...]) -> None:
    assert tuple(diagnose(refusal(number), around).id for around in (DEVICE, WEB, ALONE)) == expected


def test_one_answer_of_exchange_and_its_seven_causes() -> None:
    contexts = (
        with_token(WEB, **{**DELEGATED, "aud": "https://graph.microsoft.com"}),
        with_token(ALONE, roles="SMTP.SendAsApp"),
        with_token(ALONE, aud="https://outlook.office365.com"),
        with_token(WEB, **{**DELEGATED, "scp": "Mail.Send"}),
        with_token(entra(account="boss@example.org"), **{**DELEGATED, "upn": "boss@example.org"}),
        with_token(WEB, **{**DELEGATED, "upn": "boss@example.org"}),
        with_token(WEB, **DELEGATED),
    )
    answer = answered("", "535 5.7.3 Authentication unsuccessful", WEB).failure
    assert len({diagnose(answer, around).id for around in contexts}) == len(contexts)


@pytest.mark.parametrize("row", _AT_TOKEN, ids=lambda r: r.id)
def test_the_mail_server_is_not_blamed_for_the_sign_in_service(row: Row) -> None:
    around = replace(row.context, host="mx.mail.example.org")
    assert "mx.mail.example.org" not in _told(diagnose(row.failure, around))


@pytest.mark.parametrize("row", _BY_TOKEN, ids=lambda r: r.id)
def test_nobody_who_signs_in_with_oauth_is_told_that_oauth_cures_it(row: Row) -> None:
    remedy = diagnose(row.failure, row.context).remedy
    assert "with OAuth" not in remedy
    assert "Authentication > OAuth 2" not in remedy or row.id == "oauth-settings"


def test_where_smtp_is_switched_off_oauth_is_not_the_cure() -> None:
    for row in ROWS:
        if row.id.startswith("m365-smtp-auth-disabled"):
            found = diagnose(row.failure, row.context)
            assert "OAuth" not in found.remedy
            assert "OAuth" in found.cause


def test_passwords_that_microsoft_no_longer_takes_lead_to_the_page_for_oauth() -> None:
    for wanted in ("m365-basic-retired", "m365-basic-disabled", "m365-security-defaults"):
        row = next(r for r in ROWS if r.id == wanted)
        assert (
            "outmail > edit the profile > Authentication > OAuth 2"
            in diagnose(row.failure, row.context).remedy
        )


def test_an_application_without_roles_is_not_said_to_lack_them() -> None:
    answer = answered("", "535 5.7.3 Authentication unsuccessful", ALONE).failure
    found = diagnose(answer, with_token(ALONE, aud="https://outlook.office365.com"))
    assert "no roles" not in _told(found)
    assert "Application SMTP.SendAsApp" in found.cause


@pytest.mark.parametrize(
    ("scope", "portal"),
    [
        ("https://outlook.office365.com/SMTP.Send", "entra.microsoft.com"),
        ("https://outlook.office365.us/SMTP.Send", "entra.microsoft.us"),
        ("https://partner.outlook.cn/SMTP.Send", "portal.azure.cn"),
    ],
)
def test_the_portal_is_that_of_the_cloud(scope: str, portal: str) -> None:
    assert diagnose(refusal("7000218"), entra(scopes=(scope,))).where.startswith(f"{portal} > Entra ID")


@pytest.mark.parametrize(
    ("audience", "other"),
    [
        ("https://outlook.office.com", False),
        ("https://outlook.office365.com/", False),
        ("outlook.office365.us", False),
        ("https://outlook-dod.office365.us", False),
        ("https://partner.outlook.cn", False),
        ("00000002-0000-0ff1-ce00-000000000000", False),
        ("", False),
        ("https://graph.microsoft.com", True),
        ("00000003-0000-0000-c000-000000000000", True),
        ("https://outlook.office.com.evil.example", True),
    ],
)
def test_for_whom_a_token_is(audience: str, other: bool) -> None:
    assert Case(refusal("0"), with_token(WEB, aud=audience)).for_other_service is other


def test_the_rights_are_read_with_and_without_their_resource() -> None:
    case = Case(refusal("0"), with_token(WEB, scp="https://outlook.office.com/SMTP.Send, User.Read"))
    assert case.rights == {"smtp.send", "user.read"}


def test_an_account_cannot_be_an_order_to_the_shell() -> None:
    row = seen(
        "", Cause.ACCOUNT_DIFFERS, DEVICE, step=StepName.ACCOUNT, wanted="a@b.test", got="x@y.test; reboot"
    )
    command = diagnose(row.failure, DEVICE).commands[-1]
    assert shlex.split(command)[-1] == "x@y.test; reboot"
    option = replace(row.failure, facts={"got": "--json"})
    assert diagnose(option, DEVICE).commands == ("outmail signin support",)


def test_a_sign_in_service_whose_name_is_not_known_is_called_so() -> None:
    found = diagnose(replace(refusal("0"), cause=Cause.TIMED_OUT, facts={}), DEVICE)
    assert found.cause.startswith("The sign-in service did not answer")
    assert not any("443" in c for c in found.commands)
