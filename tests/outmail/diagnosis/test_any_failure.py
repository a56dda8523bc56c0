"""Whatever a server or a setting contains: there is a finding, and nothing in it can do harm."""

from __future__ import annotations

import shlex
import subprocess
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outmail.diagnosis.entry import gap_names, powershell, shell
from outmail.diagnosis.finding import Context, Finding
from outmail.diagnosis.match import all_entries, diagnose
from tests.outmail.diagnosis.all_rows import ROWS
from tests.outmail.diagnosis.rows import HOUSE, context
from transports.base import Cause, Failure, Scope, StepName, Verdict

_IDS = {entry.id for entry in all_entries()}
_NASTY = (
    "$(reboot)",
    "`reboot`",
    "'; reboot; '",
    "-x",
    "a\nb",
    "\x1b[2J",
    "{host}",
    "\u2019; reboot",
    "\u202e",
    "",
)
_TEXT = st.one_of(
    st.text(max_size=60), st.sampled_from(_NASTY), st.sampled_from([r.failure.words for r in ROWS])
)
_ENHANCED = st.one_of(st.none(), st.from_regex(r"[245]\.[0-9]{1,3}\.[0-9]{1,3}", fullmatch=True), _TEXT)

_FACTS = [
    *("mechanisms", "certificate_until", "days", "tried", "x", "host", "port", "what", "wanted", "got"),
    *("error", "aadsts", "suberror", "oauth_status", "oauth_scope"),
    *("ews_code", "version", "location", "diagnostics", "policy_reason", "mechanism"),
    *("graph_code", "request_id", "date", "retry_after", "claims_challenge", "insufficient_claims"),
]
_FACT_VALUES = [
    *("invalid_grant", "invalid_client", "50020", "7000218", "53003", "999999999", "\u0661", "html", "types"),
    *("[::1", "[::1]:443", "host:99999", "a@b:c@d", "::1"),
    *("ErrorAccessDenied", "ErrorSendAsDenied", "ApplicationThrottled", "inf", "nan", "1e400", "90"),
    *("ErrorServerBusy", "ErrorImpersonateUserDenied", "redirect", "NTLM, Negotiate", "Bearer", "/owa/x"),
    *("EWS is disabled for this user or tenant", "EWS is blocked by policy for this user or tenant"),
]

_FAILURES = st.builds(
    Failure,
    step=st.sampled_from(StepName),
    scope=st.sampled_from(Scope),
    verdict=st.sampled_from(Verdict),
    cause=st.sampled_from(Cause),
    code=st.one_of(st.none(), st.integers(-1, 999)),
    enhanced=_ENHANCED,
    words=_TEXT,
    facts=st.dictionaries(st.sampled_from(_FACTS), st.one_of(_TEXT, st.sampled_from(_FACT_VALUES))),
)
_CONTEXTS = st.builds(
    Context,
    profile=_TEXT,
    protocol=st.sampled_from(["smtp", "ews", "graph", ""]),
    provider=st.one_of(st.sampled_from(["m365", "gmail", "ses", "yahoo", "workspace-relay", ""]), _TEXT),
    host=st.one_of(_TEXT, st.sampled_from(["outlook.office365.com", "mail.example.org"])),
    port=st.integers(0, 65535),
    security=st.sampled_from(["starttls", "tls", "none", ""]),
    method=st.sampled_from(["none", "basic", "oauth", ""]),
    username=_TEXT,
    from_address=_TEXT,
    proxy=st.one_of(_TEXT, st.sampled_from(["http://[::1]:3128", "socks5://p:1", "http://[", "http://p:x"])),
    ca_file=_TEXT,
    grant=st.sampled_from(["device-code", "authorization-code", "client-credentials", "service-account", ""]),
    oauth_provider=st.sampled_from(["microsoft", "google", "custom", ""]),
    client_id=_TEXT,
    tenant=_TEXT,
    account=_TEXT,
    redirect_url=st.one_of(_TEXT, st.sampled_from(["http://localhost:8765", "http://[", "http://[::1]:1/x"])),
    scopes=st.lists(_TEXT, max_size=3).map(tuple),
    token=st.dictionaries(
        st.sampled_from(["aud", "scp", "roles", "upn", "idtyp"]),
        st.one_of(_TEXT, st.sampled_from(["app", "https://graph.microsoft.com", "SMTP.Send", "https://["])),
    ),
)


def _texts(found: Finding) -> list[str]:
    return [
        found.id,
        found.title,
        found.cause,
        found.remedy,
        *found.commands,
        found.where,
        found.docs,
        found.who,
    ]


@given(_FAILURES, _CONTEXTS)
def test_any_failure_gets_a_finding_without_control_characters(failure: Failure, around: Context) -> None:
    found = diagnose(failure, around)
    assert found.id in _IDS
    for text in _texts(found):
        assert all(unicodedata.category(c) not in {"Cc", "Cf", "Zl", "Zp"} for c in text)
        assert len(text) < 4000


def _shell_commands(value: str) -> list[tuple[str, str]]:
    """Each shell command with a hostile value in every setting, beside the same with a tame one."""
    pairs = []
    for entry in all_entries():
        for template in entry.commands:
            tame, hostile = (
                shell(
                    context(profile=v, host=v, ca_file=v, username=v, from_address=f"x@{v}", proxy=v),
                    {"got": v, "token_account": v},
                )
                for v in ("tame", value)
            )
            if all(hostile[n] and tame[n] for n in gap_names(template)):
                pairs.append((template.format_map(tame), template.format_map(hostile)))
    return pairs


@given(_TEXT)
def test_no_value_can_end_its_word_in_a_shell(value: str) -> None:
    for tame, hostile in _shell_commands(value):
        assert len(shlex.split(hostile)) == len(shlex.split(tame))


@pytest.mark.parametrize("value", [v for v in _NASTY if v])
def test_a_real_shell_sees_the_same_words(value: str) -> None:
    pairs = _shell_commands(value)
    script = ["count() { printf '%s\\n' \"$#\"; }"]
    for both in pairs:
        script += [f"count {command.partition(' </dev/null')[0]}" for command in both]
    ran = subprocess.run(
        ["sh", "-c", "\n".join(script)], capture_output=True, text=True, check=True, timeout=30
    )
    counts = ran.stdout.split()
    assert ran.stderr == ""
    assert len(counts) == 2 * len(pairs)
    assert counts[::2] == counts[1::2]


@given(_TEXT)
def test_no_value_can_end_its_string_in_powershell(value: str) -> None:
    around = context(username=value, from_address=value, client_id=value, account=value)
    for quoted in powershell(around).values():
        if quoted:
            assert (quoted[0], quoted[-1]) == ("'", "'")
            inside = quoted[1:-1]
            for quote in "'\u2018\u2019\u201a\u201b":
                inside = inside.replace(quote * 2, "")
                assert quote not in inside


def test_braces_in_a_servers_words_are_words() -> None:
    failure = Failure(
        StepName.AUTHENTICATE,
        Scope.SIGN_IN,
        Verdict.FIX_SETTINGS,
        Cause.ANSWER,
        535,
        "5.7.8",
        "535 5.7.8 {username}",
    )
    assert "{username}" in diagnose(failure, HOUSE).cause
